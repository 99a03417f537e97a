"""Settings of the POS API."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from workloads.events import STREAMS
from workloads.pos_api.catalogue import SAMPLE
from workloads.runtime.interface import topic
from workloads.runtime.settings import WorkloadSettings, topic_of_each


@topic_of_each(STREAMS, topic, "topic")
class Settings(WorkloadSettings):
    """What the POS API reads from its environment, and `<STREAM>_TOPIC` of every stream."""

    brand: str = Field(min_length=1, description="the business's name, which the API's description shows")
    credentials_file: Path = Field(description="the path of the mounted secret with the tills' credentials")
    simulator_enabled: bool = Field(default=False, description="true to serve POST /v1/simulate, else false")
    simulator_seed: int = Field(default=0, description="an integer; the same seed trades the same")
    simulator_catalogue: str = Field(default=SAMPLE, description="the name of the catalogue that the simulator trades")
    guard_bucket: str = Field(default="", description="the bucket of the budget guard that may stop the simulator")

    @property
    def topics(self) -> dict[str, str]:
        """The full name of each stream's topic."""
        return {stream: getattr(self, topic(stream).lower()) for stream in STREAMS}
