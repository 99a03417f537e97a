"""What the pipeline reads from its environment."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from workloads.runtime.database import DatabaseSettings
from workloads.runtime.settings import WorkloadSettings


class Settings(WorkloadSettings, DatabaseSettings):
    """The pipeline's settings; one environment variable each, of the same name in capitals."""

    raw_dataset: str = Field(default="raw", description="the dataset of raw tables")
    staging_dataset: str = Field(default="staging", description="the dataset of staging tables")
    marts_dataset: str = Field(default="marts", description="the dataset of marts")
    lake_bucket: str = Field(default="", description="the raw lake's bucket, which a replay reads")
    bigquery_location: str = Field(description="where the datasets are, such as us-central1")
    bigquery_emulator_host: str = Field(default="", description="the base URL of a stand-in; empty: BigQuery itself")
    maximum_bytes_billed: int = Field(ge=10_485_760, description="the most a query may bill, in bytes")
    raw_retention_days: int = Field(ge=1, description="how many days raw tables keep a row")
    stream_retention_days: int = Field(
        default=31, ge=1, description="how many days a message waits for its delivery to the raw tables at most"
    )
    reorder_point: int = Field(ge=0, description="the default reorder point in units")
    max_days_of_cover: Decimal = Field(gt=0, description="the days of cover beyond which stock is too much")
