"""Runs the tasks once, in one process: under a lock, with a history of runs, resumable by running again."""

from __future__ import annotations

import logging
import time
from datetime import date

import psycopg
from google.api_core.exceptions import GoogleAPIError

from workloads.pipeline import history
from workloads.pipeline.history import AlreadyRunning, Report
from workloads.pipeline.run import QualityStop, Run
from workloads.pipeline.settings import Settings
from workloads.pipeline.tasks import TASKS, Action, Task
from workloads.pipeline.warehouse import Warehouse
from workloads.runtime.database import connect

__all__ = ["AlreadyRunning", "NotReady", "Report", "run"]

log = logging.getLogger(__name__)

STATEMENT_MILLISECONDS = 20 * 60 * 1000


class NotReady(Exception):  # noqa: N818 - an outcome
    """The database cannot be reached or has no schema yet; the message says which."""


def run(settings: Settings, from_date: date | None = None, to_date: date | None = None) -> Report:
    """One run over what is new, and over the business dates asked for.

    Raises:
        AlreadyRunning: another run is under way.
        NotReady: the database is out of reach or has no schema.
    """
    request = {"from": str(from_date) if from_date else None, "to": str(to_date) if to_date else None}
    try:
        with connect(settings, statement_milliseconds=STATEMENT_MILLISECONDS) as connection:
            connection.autocommit = True
            run_id = history.claim(connection, "run", request)
            ended: tuple[str, str | None] = "failed", "ended without a word"
            try:
                ended = _walk(Run(settings, Warehouse(settings), connection, run_id, from_date, to_date))
            finally:
                if not connection.closed:
                    history.finish(connection, run_id, *ended)
            return history.report(connection, run_id)
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise NotReady(f"the database: {first_line(error)}; run again once it is there") from None


def _walk(run: Run) -> tuple[str, str | None]:
    """Do every task; return the run's state and what stopped it."""
    doing = "ensure_tables"
    try:
        run.warehouse.ensure_tables()
        for task in TASKS:
            doing, began, billed = task.name, time.monotonic(), run.warehouse.bytes_billed
            stop = perform(task, run)
            history.record(
                run.database,
                run.run_id,
                task.name,
                time.monotonic() - began,
                bytes_billed=run.warehouse.bytes_billed - billed,
                counts=run.counts,
                state=run.state(),
            )
            if stop:
                return "stopped", f"a check stopped the publication: {stop}"
    except (GoogleAPIError, psycopg.Error, history.TakenOver) as error:
        log.error("run failed", exc_info=error, extra={"task": doing, "run_id": run.run_id})
        return "failed", f"{doing}: {first_line(error)}; run again: it goes on where this one ended"
    return "succeeded", None


def perform(task: Task, run: Run) -> QualityStop | None:
    """Do one task, its statement included; return what stops the run."""
    try:
        statement = task.function()(run)
    except QualityStop as stop:
        return stop
    if task.action is Action.STATEMENT and statement is not None:
        run.warehouse.run(statement)
    return None


def first_line(error: Exception) -> str:
    """What an error says in one line of at most 500 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
