"""The pipeline as data: its tasks, in order. The runner and the Airflow DAG only walk this.

Nothing here opens a connection or imports a client: reading the definition costs nothing. What a task does is the
function of its name in `workloads.pipeline.steps`; a mart's task follows from its folder.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from workloads.events import STREAMS, consumed_by
from workloads.events.stream import HISTORY
from workloads.marts import MARTS, Mart, reported

OWNER = "data-platform"
DEADLINE = timedelta(minutes=90)
"""A scheduled run that has not ended this long after it was due is late, and somebody is told."""
FRESH = timedelta(hours=26)
"""A day, and two hours for a run to be late in: how old published data may get."""


class Action(StrEnum):
    """What a task's function does."""

    CALL = "call"  # the work itself
    STATEMENT = "statement"  # returns GoogleSQL to run as one BigQuery job, or None when there is nothing to do


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task. Running it again, after it ended or in the middle, leaves what running it once does.

    `reads` and `writes` name tables: `dataset.table` in BigQuery, `cloudsql.table` in Cloud SQL. What a task only
    reads because it writes it is not repeated in `reads`. `freshness`: how old what it writes may get.
    """

    name: str
    action: Action
    summary: str
    after: tuple[str, ...] = ()
    group: str | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    freshness: timedelta | None = None
    timeout: timedelta = timedelta(minutes=25)
    retries: int = 3
    owner: str = OWNER
    mart: str | None = None  # the mart that it builds

    def function(self) -> Callable[[Any], Any]:
        """Return its function in `workloads.pipeline.steps`, which takes the `Run`."""
        steps = importlib.import_module("workloads.pipeline.steps")
        if self.mart:
            return functools.partial(steps.build_mart, mart=self.mart)
        function: Callable[[Any], Any] = getattr(steps, self.name)
        return function


def _building(mart: Mart) -> Task:
    rows = "of every dirty date" if mart.by_date else "as a whole"
    return Task(
        name=mart.build,
        mart=mart.name,
        action=Action.STATEMENT,
        summary=f"{mart.name} {rows}, beside the published rows.",
        after=("find_dirty_dates",),
        group="build_marts",
        reads=tuple(f"staging.{table}" for table in mart.sources),
        writes=(f"staging.{mart.build}",),
        owner=mart.owner,
    )


_LOADED = consumed_by(HISTORY)
_CANDIDATES = tuple(f"staging.candidate_{stream}" for stream in _LOADED)
_NEW = tuple(f"staging.new_{stream}" for stream in _LOADED)
_HISTORIES = tuple(f"staging.{stream.history}" for stream in _LOADED.values())
_BUILDS = tuple(_building(mart) for mart in MARTS.values())
_BUILT = tuple(f"staging.{mart.build}" for mart in MARTS.values())

TASKS: tuple[Task, ...] = (
    Task(
        name="sync_catalogue",
        action=Action.CALL,
        summary="Products, costs and locations from Cloud SQL; what they change is marked dirty.",
        reads=("cloudsql.product", "cloudsql.product_cost", "cloudsql.location", "staging.sales_lines"),
        writes=(
            "staging.catalogue_products",
            "staging.catalogue_product_costs",
            "staging.catalogue_locations",
            "staging.products",
            "staging.product_costs",
            "staging.locations",
            "staging.dirty_dates",
        ),
        freshness=FRESH,
    ),
    Task(
        name="find_new_events",
        action=Action.CALL,
        summary="Read the raw partitions whose row count changed; tell new events from duplicates, conflicts and refused.",
        after=("sync_catalogue",),
        reads=(
            *(f"raw.{stream.table}" for stream in _LOADED.values()),
            "staging.raw_counts",
            "staging.event_log",
            "staging.quarantine",
            *_HISTORIES,
            "cloudsql.stream_event",
            "cloudsql.event_conflict",
        ),
        writes=(
            "staging.changed_partitions",
            *_CANDIDATES,
            "staging.shared_events",
            *_NEW,
        ),
    ),
    Task(
        name="load_events",
        action=Action.STATEMENT,
        summary="New events into the history, first purchases, stock and the event log: one transaction.",
        after=("find_new_events",),
        reads=(*_CANDIDATES, *_NEW, "staging.changed_partitions"),
        writes=(
            *_HISTORIES,
            "staging.dirty_dates",
            "staging.first_purchase",
            "staging.stock",
            "staging.event_log",
            "staging.quarantine",
            "staging.raw_counts",
            "staging.unchecked_dates",
        ),
        freshness=FRESH,
    ),
    Task(
        name="find_dirty_dates",
        action=Action.CALL,
        summary="The business dates to rebuild: marked by new events, by the catalogue, or asked for.",
        after=("load_events",),
        group="build_marts",
        reads=(*_HISTORIES, "cloudsql.quality_fault"),
        writes=("staging.mart_histories", "staging.dirty_dates", "staging.build_dates"),
    ),
    *_BUILDS,
    Task(
        name="check_quality",
        action=Action.CALL,
        summary="Run every check; while a fault of severity error stands it stops here, and the last good marts stay.",
        after=tuple(task.name for task in _BUILDS),
        reads=(
            "cloudsql.movement",
            "cloudsql.on_hand",
            "cloudsql.stream_event",
            *(f"raw.{stream.table}" for stream in STREAMS.values()),
            *_BUILT,
            "staging.event_log",
            "staging.first_purchase",
            *_HISTORIES,
            "staging.locations",
            "staging.quarantine",
            "staging.product_costs",
            "staging.products",
            "staging.stock",
        ),
        writes=(
            "marts.quality_results",
            "cloudsql.quality_result",
            "cloudsql.quality_fault",
            "staging.unchecked_dates",
        ),
    ),
    Task(
        name="publish_marts",
        action=Action.STATEMENT,
        summary="Flip to the new rows in one transaction: a reader sees all of the old or all of the new.",
        after=("check_quality",),
        reads=(
            "staging.build_dates",
            *_BUILT,
            "staging.event_log",
        ),
        writes=(
            *(f"marts.{mart.table}" for mart in MARTS.values()),
            "marts.publications",
            "staging.dirty_dates",
        ),
        freshness=FRESH,
    ),
    Task(
        name="publish_read_model",
        action=Action.CALL,
        summary="Copy to Cloud SQL what it does not have yet, in one transaction: what reports and dashboard show.",
        after=("publish_marts",),
        reads=(
            "marts.publications",
            *(f"marts.{mart.table}" for mart in reported()),
        ),
        writes=(
            "cloudsql.report_publication",
            *(f"cloudsql.{mart.report}" for mart in reported()),
        ),
        freshness=FRESH,
    ),
)
"""In an order that respects `after`. Before the first and after the last a walk claims the pipeline and gives it back
(`workloads.pipeline.history`)."""
