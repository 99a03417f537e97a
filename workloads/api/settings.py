"""What the API reads from its environment."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from workloads.api.interface import ApiAuth
from workloads.runtime.database import DatabaseSettings
from workloads.runtime.settings import WorkloadSettings


class Settings(WorkloadSettings, DatabaseSettings):
    """The service's settings; one environment variable each, of the same name in capitals."""

    api_auth: ApiAuth = Field(
        default=ApiAuth.TOKEN, description="platform (the platform in front checks callers) or token (checked here)"
    )
    credentials_file: Path | None = Field(default=None, description="the path of the mounted credentials")
    reorder_point: int = Field(ge=0, description="the default reorder point in units")
    max_days_of_cover: Decimal = Field(gt=0, description="the days of cover beyond which stock is too much")
    brand: str = Field(min_length=1, description="the business's name, which the dashboard and the API's title show")
    locale: str = Field(description="how the dashboard writes numbers and dates: a BCP 47 tag such as en-US")
    # Below an instance's concurrency, of which a stream takes one for as long as it is open: who reads finds a place, too.
    # https://cloud.google.com/run/docs/triggering/websockets
    max_streams: int = Field(ge=1, description="how many live streams one instance serves at a time, such as 60")

    @model_validator(mode="after")
    def _token_needs_credentials(self) -> Self:
        if self.api_auth is ApiAuth.TOKEN and self.credentials_file is None:
            raise ValueError("API_AUTH=token needs CREDENTIALS_FILE, or nobody could be let in")
        return self
