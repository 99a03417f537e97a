"""Runs the steps once: under a lock, with a history of runs, resumable by running again."""

from __future__ import annotations

import json
import logging
import time
import uuid
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg
from google.api_core.exceptions import GoogleAPIError
from psycopg.rows import DictRow

from workloads.pipeline.settings import Settings
from workloads.pipeline.steps import STEPS, QualityStop, Run
from workloads.pipeline.warehouse import Warehouse
from workloads.runtime.database import connect

log = logging.getLogger(__name__)

LOCK = 7_031_846  # pg_try_advisory_lock: held by the connection, so that a killed run leaves nothing behind
STATEMENT_MILLISECONDS = 20 * 60 * 1000


class AlreadyRunning(Exception):  # noqa: N818 - an outcome
    """Another run holds the lock."""


class NotReady(Exception):  # noqa: N818 - an outcome
    """The database cannot be reached or has no schema yet; the message says which."""


@dataclass
class Report:
    """What a run did; `state` is succeeded, stopped (by a check) or failed."""

    run_id: str
    state: str = "running"
    error: str | None = None
    publication_id: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    bytes_billed: int = 0

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "status": self.state}


def run(settings: Settings, from_date: date | None = None, to_date: date | None = None) -> Report:
    """One run over what is new, and over the business dates asked for.

    Raises:
        AlreadyRunning: another run is under way.
        NotReady: the database is out of reach or has no schema.
    """
    report = Report(uuid.uuid4().hex)
    try:
        with connect(settings, statement_milliseconds=STATEMENT_MILLISECONDS) as connection:
            connection.autocommit = True
            row = connection.execute("SELECT pg_try_advisory_lock(%s) AS held", [LOCK]).fetchone()
            if not row or not row["held"]:
                raise AlreadyRunning("another run holds the lock; wait for it to end")
            request = {"from": str(from_date) if from_date else None, "to": str(to_date) if to_date else None}
            _begin(connection, report, request)
            try:
                _walk(Run(settings, Warehouse(settings), connection, report.run_id, from_date, to_date), report)
            finally:
                _finish(connection, report)
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise NotReady(f"the database: {reason}; run again once it is there") from None
    return report


def _walk(run: Run, report: Report) -> None:
    step_name = "ensure_tables"
    try:
        run.warehouse.ensure_tables()
        for step in STEPS:
            step_name, began = step.__name__, time.monotonic()
            step(run)
            report.seconds[step_name] = round(time.monotonic() - began, 3)
        report.state = "succeeded"
    except QualityStop as stop:
        report.state, report.error = "stopped", f"a check stopped the publication: {stop}"
    except (GoogleAPIError, psycopg.Error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:500]
        report.state, report.error = "failed", f"{step_name}: {reason}; run again: it goes on where this one ended"
        log.error("run failed", exc_info=error, extra={"step": step_name, "run_id": run.run_id})
    report.counts, report.publication_id = run.counts, run.publication_id
    report.bytes_billed = run.warehouse.bytes_billed


def _begin(connection: psycopg.Connection[DictRow], report: Report, request: dict[str, Any]) -> None:
    with connection.transaction():
        # Nobody holds the lock but us: what is still called running was killed.
        connection.execute(
            "UPDATE pipeline_run SET state = 'incomplete', finished_at = now(), error = 'ended without a word' "
            "WHERE state = 'running'"
        )
        connection.execute(
            "INSERT INTO pipeline_run (run_id, kind, state, request) VALUES (%s, 'run', 'running', %s)",
            [report.run_id, json.dumps(request)],
        )


def _finish(connection: psycopg.Connection[DictRow], report: Report) -> None:
    if connection.closed:
        return
    state = report.state if report.state != "running" else "failed"
    connection.execute(
        "UPDATE pipeline_run SET state = %s, finished_at = now(), error = %s, publication_id = %s, report = %s "
        "WHERE run_id = %s",
        [state, report.error, report.publication_id, json.dumps(report.as_json()), report.run_id],
    )
