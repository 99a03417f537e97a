"""What inventory-sync reads from its environment."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from workloads.events import consumed_by
from workloads.events.stream import INVENTORY
from workloads.runtime.database import DatabaseSettings
from workloads.runtime.identity_token import CallerSettings
from workloads.runtime.interface import Role, dead_letter_topic
from workloads.runtime.settings import WorkloadSettings, topic_of_each

TAKEN = tuple(consumed_by(INVENTORY))
"""The streams that are pushed here."""


def _parse_json(value: Any) -> Any:
    """Parsed here and not by pydantic-settings, whose own complaint would not be a validation error."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("is not JSON") from None


@topic_of_each(TAKEN, dead_letter_topic, "dead-letter topic")
class Settings(WorkloadSettings, DatabaseSettings, CallerSettings):
    """The service's settings; one environment variable each, of the same name in capitals."""

    database_roles: Annotated[dict[str, Role], NoDecode, BeforeValidator(_parse_json)] = Field(
        default={}, description='a JSON object of database users, such as {"api@project.iam": "reader"}'
    )
    push_audience: str = Field(min_length=1, description="the audience of the push subscriptions' OIDC token")
    push_service_account: str = Field(min_length=1, description="the e-mail of the push subscriptions' account")

    @property
    def dead_letter_topics(self) -> dict[str, str]:
        """The full name of the dead-letter topic of each stream that live inventory takes."""
        return {stream: getattr(self, dead_letter_topic(stream).lower()) for stream in TAKEN}
