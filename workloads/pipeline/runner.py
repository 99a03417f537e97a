"""Runs the tasks in one process: under a lock, with a history of runs, within a time box, resumable by running again."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow

from workloads.pipeline import history
from workloads.pipeline.attempts import OutOfTime, TimeBox, pause_before, transient
from workloads.pipeline.deadlines import GRACE_SECONDS, ended_by
from workloads.pipeline.history import AlreadyRunning, Report
from workloads.pipeline.run import QualityStop, Run, asked_for
from workloads.pipeline.settings import Settings
from workloads.pipeline.tasks import TASKS, Action, Task
from workloads.pipeline.warehouse import WarehouseClient
from workloads.runtime import basis
from workloads.runtime.database import connect

__all__ = ["AlreadyRunning", "NotReady", "Report", "run"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")

CALL = timedelta(minutes=25)
"""A call ends by then, done or not: Cloud Scheduler and Cloud Run wait for 30 minutes at most."""
STATEMENT = timedelta(minutes=20)
"""The longest statement of PostgreSQL's."""


class NotReady(Exception):  # noqa: N818 - an outcome
    """The database cannot be reached, has no schema yet, or figures of another configuration; the message says which."""


@dataclass(frozen=True)
class _Ended:
    state: str
    error: str | None = None
    next_task: str | None = None


def run(
    settings: Settings, from_date: date | None = None, to_date: date | None = None, *, box: TimeBox | None = None
) -> Report:
    """One run over what is new, and over the business dates asked for.

    Out of time, it ends as `incomplete`. The next call for the same goes on there, and then runs once more over what
    arrived meanwhile.

    Raises:
        AlreadyRunning: another run is under way.
        NotReady: the database is out of reach or has no schema.
    """
    limit = int(STATEMENT.total_seconds() * 1000)
    try:
        with (
            connect(settings, statement_milliseconds=limit) as connection,
            ended_by(connection, CALL.total_seconds() + GRACE_SECONDS),
            history.given_back(connection),
        ):
            connection.autocommit = True
            basis.note(connection, settings)
            box = box or TimeBox(CALL.total_seconds())
            call = _Call(settings, connection, box, asked_for(from_date, to_date))
            report = call.go_on()
            return call.run() if report is None or report.state == "succeeded" else report
    except basis.OtherBasis as error:
        raise NotReady(str(error)) from None
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise NotReady(f"the database: {first_line(error)}; run again once it is there") from None


def walk(
    settings: Settings, connection: psycopg.Connection[DictRow], box: TimeBox, run_id: str, former: Mapping[str, Any]
) -> Report:
    """Do the tasks that `former`, the report of a former call, does not have, for a run that the caller has claimed."""
    return _Call(settings, connection, box, asked_for(None, None)).finish(run_id, former)


@dataclass(frozen=True)
class _Call:
    """One call of the runner: what it was asked for, and how long it may take."""

    settings: Settings
    database: psycopg.Connection[DictRow]
    box: TimeBox
    request: Mapping[str, Any]

    def go_on(self) -> Report | None:
        """Finish what a former call had no time for, if that was the last run."""
        former = history.resume(self.database, "run", self.request)
        return None if former is None else self.finish(former["run_id"], former["report"])

    def run(self) -> Report:
        return self.finish(history.claim(self.database, "run", self.request), {})

    def finish(self, run_id: str, former: Mapping[str, Any]) -> Report:
        ended = _Ended("failed", "ended without a word")
        try:
            ended = self._walk(run_id, former)
        finally:
            if not self.database.closed:
                history.finish(self.database, run_id, ended.state, ended.error, next_task=ended.next_task)
        return history.report(self.database, run_id)

    def _walk(self, run_id: str, former: Mapping[str, Any]) -> _Ended:
        """Do every task that `former`, the report of a former call, does not have."""
        doing = "ensure_tables"
        try:
            run = Run(self.settings, WarehouseClient(self.settings, self.box), self.database, run_id)
            run.restore(self.request, former)
            self._patiently(run.warehouse.ensure_tables, retries=3)
            for task in TASKS:
                doing = task.name
                if doing not in former.get("seconds", {}) and (stop := self._do(task, run)):
                    return _Ended("stopped", f"a check stopped the publication: {stop}")
        except OutOfTime:
            log.warning("out of time", extra={"task": doing, "run_id": run_id})
            return _Ended("incomplete", f"out of time in {doing}; call again: it goes on there", next_task=doing)
        except Exception as error:  # whatever it is: the run ends, and its report says why
            log.exception("run failed", extra={"task": doing, "run_id": run_id})
            return _Ended("failed", f"{doing}: {first_line(error)}; run again: it goes on where this one ended")
        return _Ended("succeeded")

    def _do(self, task: Task, run: Run) -> QualityStop | None:
        """Do one task and record it; return what stops the run."""
        began, billed = time.monotonic(), run.warehouse.bytes_billed
        if left := self.box.left():
            limit = int(min(left, STATEMENT.total_seconds()) * 1000) + 1
            self.database.execute("SELECT set_config('statement_timeout', %s, false)", [str(limit)])
        stop = self._patiently(lambda: perform(task, run), retries=task.retries)
        history.record(
            self.database,
            run.run_id,
            task.name,
            time.monotonic() - began,
            bytes_billed=run.warehouse.bytes_billed - billed,
            counts=run.counts,
            state=run.state(),
        )
        return stop

    def _patiently(self, work: Callable[[], Result], *, retries: int) -> Result:
        """Do it, and again after a pause when it fails for a reason that passes."""
        for attempt in itertools.count(1):
            try:
                return work()
            except psycopg.errors.QueryCanceled:
                self.box.left()  # the statement's limit was what was left
                raise
            except Exception as error:
                if attempt > retries or not transient(error):
                    raise
                pause = pause_before(attempt + 1).total_seconds()
                if (left := self.box.left()) is not None and left <= pause:
                    raise OutOfTime from error
                log.warning("%s; again in %.0f s", first_line(error), pause, extra={"attempt": attempt})
                time.sleep(pause)
        raise AssertionError("unreachable")


def perform(task: Task, run: Run) -> QualityStop | None:
    """Do one task, its statement included; return what stops the run."""
    try:
        statement = task.function()(run)
    except QualityStop as stop:
        return stop
    if task.action is Action.STATEMENT and statement is not None:
        run.warehouse.run_once(statement, job_name(run.run_id, task))
    return None


def job_name(run_id: str, task: Task) -> str:
    """What the BigQuery jobs of a statement are called, up to the attempt: whoever asks again finds them."""
    return f"fastyle-{run_id}-{task.name}"


def first_line(error: BaseException) -> str:
    """What an error says in one line of at most 500 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
