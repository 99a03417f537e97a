"""Settings of the POS API."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from workloads.runtime.settings import WorkloadSettings

_TOPIC = "^projects/[^/]+/topics/[^/]+$"


class Settings(WorkloadSettings):
    """What the POS API reads from its environment."""

    sales_topic: str = Field(pattern=_TOPIC, description="the topic of sales: projects/<project>/topics/<topic>")
    inventory_topic: str = Field(
        pattern=_TOPIC, description="the topic of inventory changes: projects/<project>/topics/<topic>"
    )
    credentials_file: Path = Field(description="the path of the mounted secret with the tills' credentials")
    simulator_enabled: bool = Field(default=False, description="true to serve POST /v1/simulate, else false")
    simulator_seed: int = Field(default=0, description="an integer; the same seed trades the same")
    guard_bucket: str = Field(default="", description="the bucket of the budget guard that may stop the simulator")
