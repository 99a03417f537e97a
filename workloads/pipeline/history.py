"""Who may run the pipeline, and what each run did: the table `pipeline_run` in Cloud SQL.

One run at a time. A runner is one process: it holds an advisory lock by its connection, so that a killed one leaves
nothing behind. Airflow's tasks are processes of their own: such a run holds a lease, renewed by every task, and may be
taken over by its own holder or once the lease has run out.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import pq
from psycopg.rows import DictRow

from workloads.pipeline.tasks import TASKS

LOCK = 7_031_846  # pg_try_advisory_lock
_PUBLISHED = "CASE WHEN report->'seconds' ? 'publish_marts' THEN run_id END"
LEASE = timedelta(hours=2)  # longer than any task with its retries


class AlreadyRunning(Exception):  # noqa: N818 - an outcome
    """Another run is under way."""


class TakenOver(Exception):  # noqa: N818 - an outcome
    """This run ended or lost its lease; whoever has the pipeline now goes on where it stopped."""


@dataclass
class Report:
    """What a run did; `state` is running, succeeded, stopped (by a check), failed or incomplete."""

    run_id: str
    state: str = "running"
    error: str | None = None
    publication_id: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    bytes_billed: int = 0

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "status": self.state}


def claim(
    connection: psycopg.Connection[DictRow],
    kind: str,
    request: Mapping[str, Any],
    *,
    holder: str | None = None,
    origin: str | None = None,
) -> str:
    """Begin a run and return its id. Without a `holder` the connection holds the lock until it closes.

    `origin` is the holder's own name for it. Begun again under that name, with none since, the run takes over what the
    former one found: that is how some tasks of it are done again.

    Raises:
        AlreadyRunning: somebody else has the pipeline.
    """
    run_id = uuid.uuid4().hex
    with connection.transaction():
        _take(connection, holder)
        # Nobody else has the pipeline: what is still called running was killed.
        connection.execute(
            "UPDATE pipeline_run SET state = 'incomplete', finished_at = now(), lease_until = NULL, "
            f"error = 'ended without a word', publication_id = {_PUBLISHED} WHERE state = 'running'"
        )
        former = connection.execute("SELECT report FROM pipeline_run ORDER BY started_at DESC LIMIT 1").fetchone()
        report: dict[str, Any] = {} if origin is None else {"origin": origin}
        if origin and former and former["report"].get("origin") == origin:
            kept = ("partitions", "dates", "seconds", "counts")
            report |= {key: former["report"][key] for key in kept if key in former["report"]}
        connection.execute(
            "INSERT INTO pipeline_run (run_id, kind, state, request, holder, lease_until, report) "
            "VALUES (%s, %s, 'running', %s, %s, now() + %s, %s)",
            [run_id, kind, json.dumps(request), holder, LEASE if holder else None, json.dumps(report)],
        )
    return run_id


def resume(connection: psycopg.Connection[DictRow], kind: str, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """Go on with the newest run, if it ran out of time and was asked for the same; return its row.

    Nothing has touched the tables since: what it did and found still holds. The connection holds the lock.

    Raises:
        AlreadyRunning: somebody else has the pipeline.
    """
    with connection.transaction():
        _take(connection, None)
        row = connection.execute(
            "UPDATE pipeline_run SET state = 'running', finished_at = NULL, error = NULL, report = report - 'next' "
            "WHERE run_id = (SELECT run_id FROM pipeline_run ORDER BY started_at DESC LIMIT 1) "
            "AND state = 'incomplete' AND report ? 'next' AND kind = %s AND request = %s::jsonb RETURNING *",
            [kind, json.dumps(request)],
        ).fetchone()
    return None if row is None else dict(row)


@contextmanager
def given_back(connection: psycopg.Connection[DictRow]) -> Iterator[None]:
    """Give the pipeline back before whoever asked is answered.

    Closing the connection gives it back too, but the server notices that a moment later: the caller's next request
    would be refused by a run that has answered.
    """
    try:
        yield
    finally:
        if not connection.closed:
            with suppress(psycopg.Error):
                if connection.info.transaction_status is not pq.TransactionStatus.IDLE:
                    connection.rollback()
                connection.execute("SELECT pg_advisory_unlock_all()")


def hold(connection: psycopg.Connection[DictRow]) -> None:
    """Keep runs away for as long as the connection lasts, or until it is `given_back`.

    Raises:
        AlreadyRunning: somebody has the pipeline.
    """
    with connection.transaction():
        _take(connection, None)


def _take(connection: psycopg.Connection[DictRow], holder: str | None) -> None:
    """Make sure that nobody else has the pipeline: for a holder in this transaction, else for this connection."""
    lock = "pg_try_advisory_xact_lock" if holder else "pg_try_advisory_lock"
    row = connection.execute(f"SELECT {lock}(%s) AS held", [LOCK]).fetchone()
    if not row or not row["held"]:
        raise AlreadyRunning("another run holds the lock; wait for it to end")
    leased = connection.execute(
        "SELECT run_id, holder, lease_until FROM pipeline_run "
        "WHERE state = 'running' AND lease_until > now() AND holder IS DISTINCT FROM %s",
        [holder],
    ).fetchone()
    if leased:
        if holder is None:  # a session's lock outlives its transaction
            connection.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        raise AlreadyRunning(
            f"run {leased['run_id']} of {leased['holder']} has the pipeline, at most until "
            f"{leased['lease_until']:%Y-%m-%d %H:%M} UTC; wait for it to end"
        )


def current(connection: psycopg.Connection[DictRow], run_id: str, *, beginning: str | None = None) -> dict[str, Any]:
    """Return the run's row, its lease renewed. The task that is `beginning` counts as not done until it is recorded.

    Raises:
        TakenOver: it is no longer running.
    """
    row = connection.execute(
        "UPDATE pipeline_run SET lease_until = CASE WHEN holder IS NOT NULL THEN now() + %s END, "
        "report = report #- ARRAY['seconds', %s::text] WHERE run_id = %s AND state = 'running' RETURNING *",
        [LEASE, beginning or "", run_id],
    ).fetchone()
    if row is None:
        raise TakenOver(f"run {run_id} is no longer running: another one took the pipeline over; start a new run")
    return dict(row)


def record(
    connection: psycopg.Connection[DictRow],
    run_id: str,
    task: str,
    seconds: float,
    *,
    bytes_billed: int = 0,
    counts: Mapping[str, int] | None = None,
    state: Mapping[str, Any] | None = None,
) -> None:
    """Add what a task did to the run's report. Tasks that run beside each other may do so at once.

    Raises:
        TakenOver: the run is no longer running.
    """
    row = connection.execute(
        "UPDATE pipeline_run SET report = report || %(state)s::jsonb || jsonb_build_object("
        "'seconds', coalesce(report->'seconds', '{}') || jsonb_build_object(%(task)s::text, %(seconds)s::float8), "
        "'counts', coalesce(report->'counts', '{}') || %(counts)s::jsonb, "
        "'bytes_billed', coalesce((report->>'bytes_billed')::bigint, 0) + %(bytes_billed)s) "
        "WHERE run_id = %(run_id)s AND state = 'running' RETURNING run_id",
        {
            "state": json.dumps(state or {}),
            "task": task,
            "seconds": round(seconds, 3),
            "counts": json.dumps(counts or {}),
            "bytes_billed": bytes_billed,
            "run_id": run_id,
        },
    ).fetchone()
    if row is None:
        raise TakenOver(f"run {run_id} is no longer running: another one took the pipeline over; start a new run")


def note(connection: psycopg.Connection[DictRow], run_id: str, **words: str) -> None:
    """Add words to the report of a run that is running: what failed or stopped it."""
    connection.execute(
        "UPDATE pipeline_run SET report = report || %s::jsonb WHERE run_id = %s AND state = 'running'",
        [json.dumps(words), run_id],
    )


def finish(
    connection: psycopg.Connection[DictRow], run_id: str, state: str, error: str | None, *, next_task: str | None = None
) -> None:
    """End a run that is still running; one that ended already stays as it is. `next_task`: where `resume` goes on."""
    connection.execute(
        "UPDATE pipeline_run SET state = %(state)s, error = %(error)s, finished_at = now(), lease_until = NULL, "
        "report = report || %(next)s::jsonb, "
        f"publication_id = {_PUBLISHED} "
        "WHERE run_id = %(run_id)s AND state = 'running'",
        {
            "state": state,
            "error": error,
            "run_id": run_id,
            "next": json.dumps({"next": next_task} if next_task else {}),
        },
    )


def settle(connection: psycopg.Connection[DictRow], run_id: str) -> Report:
    """End a run by what its tasks left in the report, and return it: what Airflow does at the end, come what may."""
    row = connection.execute("SELECT report FROM pipeline_run WHERE run_id = %s", [run_id]).fetchone()
    told = row["report"] if row else {}
    undone = [task.name for task in TASKS if task.name not in told.get("seconds", {})]
    if "stopped" in told:
        finish(connection, run_id, "stopped", told["stopped"])
    elif undone:
        finish(connection, run_id, "failed", told.get("failure") or f"{undone[0]}: did not end; see its log in Airflow")
    else:
        finish(connection, run_id, "succeeded", None)
    return report(connection, run_id)


def report(connection: psycopg.Connection[DictRow], run_id: str) -> Report:
    """Read a run's report."""
    row = connection.execute("SELECT * FROM pipeline_run WHERE run_id = %s", [run_id]).fetchone()
    assert row is not None, run_id
    told = row["report"]
    seconds = told.get("seconds", {})
    return Report(
        run_id=run_id,
        state=row["state"],
        error=row["error"],
        publication_id=row["publication_id"],
        counts=told.get("counts", {}),
        seconds={task.name: seconds[task.name] for task in TASKS if task.name in seconds},
        bytes_billed=told.get("bytes_billed", 0),
    )
