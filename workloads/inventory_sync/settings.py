"""What inventory-sync reads from its environment."""

from __future__ import annotations

from pydantic import Field, Json

from workloads.runtime.database import DatabaseSettings
from workloads.runtime.migrate import Role
from workloads.runtime.settings import WorkloadSettings

GOOGLE_ISSUER = "https://accounts.google.com"
GOOGLE_CERTS = "https://www.googleapis.com/oauth2/v3/certs"


class Settings(WorkloadSettings, DatabaseSettings):
    """The service's settings; one environment variable each, of the same name in capitals."""

    database_roles: Json[dict[str, Role]] = Field(
        default={}, description='a JSON object of database users, such as {"api@project.iam": "reader"}'
    )
    push_audience: str = Field(min_length=1, description="the audience of the push subscriptions' OIDC token")
    push_service_account: str = Field(min_length=1, description="the e-mail of the push subscriptions' account")
    oidc_issuer: str = Field(default=GOOGLE_ISSUER, description="the issuer of the push tokens")
    oidc_certs_url: str = Field(default=GOOGLE_CERTS, description="where the issuer publishes its keys")
    sales_dead_letter_topic: str = Field(pattern="^projects/[^/]+/topics/[^/]+$", description="the topic's full name")
    inventory_dead_letter_topic: str = Field(
        pattern="^projects/[^/]+/topics/[^/]+$", description="the topic's full name"
    )
