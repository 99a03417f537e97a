"""The checks between staging and marts: run, kept in BigQuery and Cloud SQL, and obeyed.

Checks read what is loaded, on the dates that changed and on those where a fault stands open. What they find is a fault
until it is mended or waived (`workloads.pipeline.faults`): a run that has nothing new to load is no pardon.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from workloads.marts import MARTS
from workloads.pipeline import faults, read_model
from workloads.pipeline.checks import PLACES, Case, Check, checks
from workloads.pipeline.faults import Examined
from workloads.pipeline.reconcile import HISTORY, LAKE, reconcile
from workloads.pipeline.run import QualityStop, Run, Scopes
from workloads.pipeline.stream_tables import LOADED
from workloads.pipeline.tables import date_array, tables
from workloads.pipeline.warehouse import literal

_NAMED = 5
"""Faults that the error of a stopped run names one by one."""


@dataclass(frozen=True)
class Outcome:
    """What one check found, and where it looked."""

    check: Check
    cases: Sequence[Case]
    examined: Examined


def check(run: Run) -> None:
    """Run every check; results are kept whatever they say. Raises `QualityStop` while a fault of severity error stands."""
    checked_at = datetime.now(UTC)
    scopes = _scopes(run)
    outcomes = [*_within_bigquery(run, scopes), *(Outcome(*one) for one in reconcile(run, checked_at, scopes))]
    results = [_result(run, checked_at, outcome) for outcome in outcomes]
    _keep(run, results)
    for outcome in outcomes:
        faults.record(run.database, run.run_id, checked_at, outcome.check, outcome.cases, outcome.examined)
    check_names = {
        HISTORY,
        LAKE,
        *(each.name for each in checks().values()),
        *(outcome.check.name for outcome in outcomes),
    }
    faults.retire(run.database, checked_at, check_names)
    if scopes.marked_at is not None:  # once the faults are kept
        run.warehouse.query(f"DELETE FROM ${{staging}}.unchecked_dates WHERE marked_at <= {literal(scopes.marked_at)}")
    run.counts["checks_failed"] = sum(result["status"] == "fail" for result in results)
    if stops := faults.stopping(run.database, faults.today(run.settings.timezone)):
        more = f"; and {len(stops) - _NAMED} more" if len(stops) > _NAMED else ""
        raise QualityStop("; ".join(map(faults.words, stops[:_NAMED])) + more)


def built_days(run: Run) -> list[date]:
    """Dates on which a check of rebuilt figures left a fault: they are rebuilt, so that it can look again."""
    return faults.days_again(run.database, [c.name for c in checks().values() if c.scope == "built"])


def is_rebuilt(stream: str) -> bool:
    """Whether a mart rebuilds the dates of the stream's new events: it is checked on the dates that are built then."""
    return any(mart.by_date and stream in mart.streams for mart in MARTS.values())


def _scopes(run: Run) -> Scopes:
    """The dates to look at: what changed since it was last checked, and some of what was wrong then."""
    marks = run.warehouse.query(
        # rows that were written before there was a column for the stream are of inventory changes
        "SELECT COALESCE(stream, 'inventory') AS of_stream, business_date, MAX(marked_at) AS marked_at "
        "FROM ${staging}.unchecked_dates GROUP BY of_stream, business_date"
    )
    histories = {
        stream: {
            *(run.dates if is_rebuilt(stream) else ()),
            *(row["business_date"] for row in marks if row["of_stream"] == stream),
            *faults.days_again(run.database, [c.name for c in checks().values() if c.scope == stream]),
        }
        for stream in LOADED
    }
    return Scopes(
        histories={stream: sorted(days) for stream, days in histories.items()},
        built=run.dates,
        marked_at=max((row["marked_at"] for row in marks), default=None),
    )


def _within_bigquery(run: Run, scopes: Scopes) -> Iterator[Outcome]:
    """The outcomes of every table's `checks.sql`, a query a table."""
    dates = {f"{stream}_dates": date_array(days) for stream, days in scopes.histories.items()}
    for _, listed in groupby(checks().values(), key=lambda one: one.table):
        of_table = list(listed)
        statement = "\nUNION ALL\n".join(one.query() for one in of_table)
        rows = run.warehouse.query(statement, run.dates, None, **dates)
        for one in of_table:
            cases = [
                Case(row["place"] or "", int(row["failures"]), row["sample"] or "", row["day"])
                for row in rows
                if row["check_name"] == one.name
            ]
            yield Outcome(one, cases, scopes.examined(one.scope))


def _result(run: Run, checked_at: datetime, outcome: Outcome) -> dict[str, Any]:
    cases = outcome.cases[:PLACES]
    samples = ", ".join(case.sample or case.place for case in cases[:5])
    return {
        "run_id": run.run_id,
        "checked_at": checked_at,
        "check_name": outcome.check.name,
        "table_name": outcome.check.table,
        "severity": outcome.check.severity,
        "status": "fail" if cases else "pass",
        "failures": sum(case.failures for case in cases),
        "sample": faults.printable(samples) if cases else None,
        "description": outcome.check.description,
    }


def _keep(run: Run, results: Sequence[dict[str, Any]]) -> None:
    """Keep the results of this run, in place of those of a first attempt. By a load job: samples are texts of others."""
    run.warehouse.query(
        "DELETE FROM ${marts}.quality_results WHERE run_id = '${run_id}' "
        "AND checked_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 DAY)",
        run_id=run.run_id,
    )
    lines = io.BytesIO()
    for result in results:
        when = f"{result['checked_at']:%Y-%m-%dT%H:%M:%S.%fZ}"
        lines.write(json.dumps({**result, "checked_at": when}).encode() + b"\n")
    columns = tables()["marts.quality_results"].columns
    run.warehouse.wait(run.warehouse.start_load("marts.quality_results", lines, columns))
    read_model.write_quality(run.database, results)
