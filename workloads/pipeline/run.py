"""One run: its connections, and what its tasks tell each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import DictRow

from workloads.pipeline.settings import Settings
from workloads.pipeline.warehouse import WarehouseClient
from workloads.runtime.dates import parse_date


class QualityStop(Exception):  # noqa: N818 - an outcome, not a fault of the pipeline
    """A check of severity `error` failed: nothing is published, the last good marts stay."""


@dataclass(frozen=True, kw_only=True)
class Scopes:
    """The business dates that checks look at: of each stream's history by its key, and those rebuilt. `marked_at`: the newest
    mark of `unchecked_dates` among them."""

    histories: Mapping[str, list[date]]
    built: list[date]
    marked_at: datetime | None = None

    def examined(self, scope: str | None) -> Callable[[str, date | None], bool]:
        """Whether a check of this scope looks at a day; None: it reads all there is."""
        if scope is None:
            return lambda place, day: True
        days = set({**self.histories, "built": self.built}[scope])
        return lambda place, day: day is None or day in days


def asked_for(first: date | None, last: date | None) -> dict[str, str | None]:
    """As the history of runs keeps it."""
    return {"from": str(first) if first else None, "to": str(last) if last else None}


def dates_of(asked: Mapping[str, Any]) -> tuple[date | None, date | None]:
    """Read `{"from": date, "to": date}`, both or none.

    Raises:
        ValueError: says what is wrong with it.
    """
    if set(asked) - {"from", "to"}:
        raise ValueError("from and to, business dates, can be asked for, and nothing else")
    try:
        first, last = (None if asked.get(key) is None else parse_date(asked[key]) for key in ("from", "to"))
    except ValueError as error:
        raise ValueError(f"from and to: each {error}") from None
    if (first is None) != (last is None):
        raise ValueError("from and to go together")
    if first and last and last < first:
        raise ValueError(f"to {last} is before from {first}")
    return first, last


@dataclass
class Run:
    """What a task's function gets. `partitions` and `dates` pass from task to task."""

    settings: Settings
    warehouse: WarehouseClient
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
        self.from_date, self.to_date = dates_of(request)
        self.partitions = [date.fromisoformat(day) for day in state.get("partitions", [])]
        self.dates = [date.fromisoformat(day) for day in state.get("dates", [])]
        return self
