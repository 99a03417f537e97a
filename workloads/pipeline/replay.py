"""Replay: raw tables and live inventory from the lake's files, then a run that publishes. The lake is only read.

What is there already counts once, so a replay adds what is missing and changes nothing else, beside live trade. It is
done a batch at a time: rows into the raw table, events into live inventory by the ledger of `inventory-sync`, and then
the place in the lake up to which both have everything. Killed anywhere, the next call goes on from that place.

From its first call to its end it has the pipeline to itself: in a call by the runner's lock, between calls by a lease.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from psycopg.rows import DictRow
from requests import RequestException

from workloads.events import STREAMS
from workloads.inventory_sync.group_commit import Unavailable
from workloads.pipeline import history, runner
from workloads.pipeline.attempts import OutOfTime, TimeBox
from workloads.pipeline.deadlines import GRACE_SECONDS, ended_by
from workloads.pipeline.history import AlreadyRunning
from workloads.pipeline.lake import Lake
from workloads.pipeline.replay_progress import PUBLISH, Progress, ReplayReport
from workloads.pipeline.replay_stores import Stores, batches
from workloads.pipeline.runner import NotReady, first_line
from workloads.pipeline.settings import Settings
from workloads.pipeline.warehouse import WarehouseClient
from workloads.runtime import basis
from workloads.runtime.database import connect

__all__ = ["AlreadyRunning", "NotReady", "ReplayReport", "replay"]

log = logging.getLogger(__name__)

CALL_SECONDS = 22 * 60  # of reading; a batch that is under way is finished

Range = tuple[datetime | None, datetime | None]

_HOLDER = "a replay"
_ROOM_TO_PUBLISH = 20 * 60.0  # with less time left a call leaves publication to the next one


def replay(
    settings: Settings, start: datetime | None = None, end: datetime | None = None, *, seconds: float = CALL_SECONDS
) -> ReplayReport:
    """Replay what was published from `start` up to before `end`, by default all of the lake up to now.

    Returns after about `seconds`, done or `incomplete`: then the same call goes on. It also goes on after a call that
    was killed or failed, and from the beginning where the stores were emptied since.

    Raises:
        AlreadyRunning: a run, or another replay, is under way.
        NotReady: the database or BigQuery is out of reach or has no tables, or there is no lake.
    """
    if not settings.lake_bucket:
        raise NotReady("LAKE_BUCKET is not set: a replay reads the raw lake; set it to the bucket's name")
    request = {"from": start.isoformat() if start else None, "to": end.isoformat() if end else None}
    try:
        with (
            connect(settings, statement_milliseconds=int(runner.STATEMENT.total_seconds() * 1000)) as connection,
            ended_by(connection, runner.CALL.total_seconds() + GRACE_SECONDS),
            history.given_back(connection),
        ):
            connection.autocommit = True
            basis.note(connection, settings)
            _lock(connection)
            return _call(settings, connection, request, (start, end), time.monotonic() + seconds)
    except basis.OtherBasis as error:
        raise NotReady(str(error)) from None
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise NotReady(f"the database: {first_line(error)}; run again once it is there") from None
    except _GOOGLE as error:  # before anything was begun
        raise NotReady(f"BigQuery: {first_line(error)}{_mend(error)}; replay again once it is there") from None


_GOOGLE = (GoogleAPIError, GoogleAuthError, RequestException)
_LAST = "SELECT * FROM pipeline_run WHERE kind = 'replay' ORDER BY started_at DESC, run_id LIMIT 1"


def _lock(connection: psycopg.Connection[DictRow]) -> None:
    """Take the runner's lock for as long as the connection lasts. The server may be a moment late in noticing that a
    killed call's is gone."""
    try:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '3s'")
            connection.execute("SELECT pg_advisory_lock(%s)", [history.LOCK])
    except psycopg.errors.LockNotAvailable:
        raise AlreadyRunning("another run or replay holds the lock; wait for it to end") from None


def _call(
    settings: Settings,
    connection: psycopg.Connection[DictRow],
    request: dict[str, str | None],
    published: Range,
    deadline: float,
) -> ReplayReport:
    box = TimeBox(runner.CALL.total_seconds())
    stores = Stores(settings, WarehouseClient(settings, box))
    run_id, progress, former = _begin(connection, request, stores)
    try:
        if progress.phase != PUBLISH:
            _read(settings, connection, run_id, progress, stores, published, deadline, box)
        left = box.left() or 0.0
        if progress.phase == PUBLISH and left > _ROOM_TO_PUBLISH:
            runner.walk(settings, connection, TimeBox(left), run_id, former)
    except OutOfTime:
        log.warning("out of time", extra={"run_id": run_id})
        return _report(connection, run_id, "incomplete", "out of time; replay again: it goes on there")
    except (*_GOOGLE, psycopg.Error, Unavailable, history.TakenOver) as error:
        # Still called running: its lease keeps half a history from being published until the replay has gone on.
        log.error("replay failed", exc_info=error, extra={"run_id": run_id})
        return _report(connection, run_id, "failed", f"{first_line(error)}{_mend(error)}; replay again: it goes on")
    except Exception as error:
        # Unforeseen, so that trying again may fail the same way: runs need not wait for the lease to end.
        log.exception("replay failed in an unforeseen way", extra={"run_id": run_id})
        said = f"{type(error).__name__}: {first_line(error)}; the log has the rest; replay again: it goes on"
        history.finish(connection, run_id, "failed", said)
        return _report(connection, run_id)
    return _report(connection, run_id)


def _begin(
    connection: psycopg.Connection[DictRow], request: dict[str, str | None], stores: Stores
) -> tuple[str, Progress, Mapping[str, Any]]:
    """Go on with the last replay of the same range if it did not end and the stores still hold its work, or begin.

    Returns the run's id, how far the reading is, and the report of a publication that ran out of time.
    """
    row = connection.execute(_LAST).fetchone()
    progress = Progress.of(row["report"]) if row and row["state"] != "succeeded" and row["request"] == request else None
    if row and progress and stores.hold(progress):
        if row["state"] == "running" and progress.phase != PUBLISH:
            return str(history.current(connection, row["run_id"])["run_id"]), progress, {}
        if former := history.resume(connection, "replay", request):
            return str(former["run_id"]), progress, former["report"]
        # Publishing is a run like any other: tried anew, it has a new id.
        run_id = history.claim(connection, "replay", request, holder=_HOLDER)
    else:
        run_id = history.claim(connection, "replay", request, holder=_HOLDER)
        progress = Progress.new(run_id, datetime.now(UTC))
    progress.save(connection, run_id)
    return run_id, progress, {}


def _read(
    settings: Settings,
    connection: psycopg.Connection[DictRow],
    run_id: str,
    progress: Progress,
    stores: Stores,
    published: Range,
    deadline: float,
    box: TimeBox,
) -> None:
    """Read the lake on from where `progress` is, until its end or the deadline."""
    lake = Lake(settings.google_cloud_project, settings.lake_bucket, box)
    start, end = published
    # What is published from now on comes by itself.
    end = min(end or progress.started_at, progress.started_at)
    streams = list(STREAMS)
    for key in streams[streams.index(progress.stream) :]:
        progress.enter(key)
        began = time.monotonic()
        for batch in batches(lake, STREAMS[key], progress, start, end, deadline):
            stores.write(progress, batch)
            progress.advance(batch, time.monotonic() - began)
            progress.save(connection, run_id)
            began = time.monotonic()
            if began >= deadline and (batch.messages or batch.outside):  # what a call gets done is never nothing
                return
    progress.phase = PUBLISH
    progress.save(connection, run_id)


def _report(
    connection: psycopg.Connection[DictRow], run_id: str, state: str | None = None, error: str | None = None
) -> ReplayReport:
    row = connection.execute("SELECT * FROM pipeline_run WHERE run_id = %s", [run_id]).fetchone()
    assert row is not None, run_id
    report = ReplayReport.of(row)
    if report.state == "running":  # this call is over
        report.state = state or "incomplete"
    report.error = error or report.error
    return report


def _mend(error: Exception) -> str:
    if isinstance(error, NotFound):
        return "; `pulumi up` restores raw tables and the bucket"
    return ""
