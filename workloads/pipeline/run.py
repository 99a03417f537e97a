"""One run: its connections, and what its tasks tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import DictRow

from workloads.pipeline.settings import Settings
from workloads.pipeline.warehouse import Warehouse


class QualityStop(Exception):  # noqa: N818 - an outcome, not a fault of the pipeline
    """A check of severity `error` failed: nothing is published, the last good marts stay."""


@dataclass
class Run:
    """What a task's function gets. `partitions` and `dates` pass from task to task."""

    settings: Settings
    warehouse: Warehouse
    database: psycopg.Connection[DictRow]
    run_id: str
    from_date: date | None = None
    to_date: date | None = None
    partitions: list[date] = field(default_factory=list)
    dates: list[date] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """As JSON, for a later task in another process."""
        return {"partitions": [str(day) for day in self.partitions], "dates": [str(day) for day in self.dates]}

    def restore(self, request: Mapping[str, Any], state: Mapping[str, Any]) -> Run:
        """Take over what was asked for and what earlier tasks found."""
        days = {key: date.fromisoformat(request[key]) if request.get(key) else None for key in ("from", "to")}
        self.from_date, self.to_date = days["from"], days["to"]
        self.partitions = [date.fromisoformat(day) for day in state.get("partitions", [])]
        self.dates = [date.fromisoformat(day) for day in state.get("dates", [])]
        return self
