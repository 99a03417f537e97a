"""What the tasks of the Airflow DAG do: the pipeline's own, each in a process of its own, all under one lease.

Airflow imports this wherever it reads the DAG: what needs a client or a connection is imported by the task.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow.exceptions import AirflowFailException
from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator

from workloads.pipeline.tasks import TASKS, Task

if TYPE_CHECKING:
    import psycopg
    from psycopg.rows import DictRow

    from workloads.pipeline.run import Run
    from workloads.pipeline.settings import Settings

log = logging.getLogger(__name__)

HOLDER = "airflow"
"""One run of the DAG at a time is Airflow's own promise: the next one may take over what a killed one left."""
_TASKS = {task.name: task for task in TASKS}


def claim(params: Mapping[str, Any], dag_run: Any) -> str:
    """Take the pipeline for this run of the DAG; the id of the run goes to every task.

    Raises:
        AlreadyRunning: the runner has the pipeline; to be tried again.
        AirflowFailException: the environment or what was asked for is at fault; trying again is of no use.
    """
    from workloads.pipeline import history
    from workloads.pipeline.run import asked_for, dates_of
    from workloads.runtime import basis

    try:
        request = asked_for(*dates_of({key: params.get(key) for key in ("from", "to")}))
    except ValueError as error:
        raise AirflowFailException(f"{error}; trigger the DAG with both or none of from and to") from None
    with _database() as (settings, database):
        try:
            basis.note(database, settings)
        except basis.OtherBasis as error:
            raise AirflowFailException(str(error)) from None
        return history.claim(database, "run", request, holder=HOLDER, origin=dag_run.run_id)


def ensure_tables(ti: Any) -> None:
    """Create what is missing."""
    with _run(_run_id(ti), "ensure_tables") as run:
        run.warehouse.ensure_tables()


def call(name: str, ti: Any) -> None:
    """Do a task that is a call.

    Raises:
        AirflowFailException: a check stopped the publication: trying again is of no use.
    """
    from workloads.pipeline import history
    from workloads.pipeline.runner import perform

    task, began = _TASKS[name], time.monotonic()
    with _run(_run_id(ti), name, task) as run:
        stop = perform(task, run)
        _record(run, task, time.monotonic() - began)
        if stop:
            history.note(run.database, run.run_id, stopped=f"a check stopped the publication: {stop}")
            raise AirflowFailException(f"a check stopped the publication: {stop}")


def release(ti: Any) -> dict[str, Any]:
    """Give the pipeline back, whatever happened; return the run's report."""
    from workloads.pipeline import history

    with _database() as (_, database):
        report = history.settle(database, _run_id(ti))
    log.info("run %s %s%s", report.run_id, report.state, f": {report.error}" if report.error else "")
    return report.as_json()


class StatementOperator(BigQueryInsertJobOperator):
    """A task that is a statement: one BigQuery job, waited for in the triggerer, found again when it was sent before."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(configuration={}, deferrable=True, **kwargs)

    def execute(self, context: Any) -> str | None:
        """Send the job and defer; nothing to send, nothing to wait for."""
        task = _TASKS[self.task_id]
        self._run_id = _run_id(context["ti"])
        with _run(self._run_id, task.name, task) as run:
            statement = task.function()(run)
            if statement is None:
                _record(run, task, 0.0)
                return None
            self._fill_in(run)
            configuration = run.warehouse.job_configuration().to_api_repr()
            # Without the second the API takes it for legacy SQL; the client's own `query` adds it by itself.
            configuration["query"] |= {"query": statement, "useLegacySql": False}
            self.configuration = configuration
        with _failure_noted(self._run_id, task.name):
            job_id = super().execute(context)  # ends here by deferring, mostly
        self._finish(self._run_id, str(job_id))
        return str(job_id)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> str | None:
        """The triggerer saw the job's end."""
        run_id = _run_id(context["ti"])
        with _failure_noted(run_id, self.task_id):
            job_id = super().execute_complete(context, event)
        self._finish(run_id, str(job_id))
        return str(job_id)

    def _submit_job(self, hook: Any, job_id: str) -> Any:
        """Send it by its name, of which there is one: where it was sent before, that job is the one."""
        from google.api_core.exceptions import Conflict

        from workloads.pipeline.runner import job_name

        for attempt in itertools.count(1):
            name = f"{job_name(self._run_id, _TASKS[self.task_id])}-{attempt}"
            try:
                return super()._submit_job(hook, name)
            except Conflict:
                job = hook.get_job(job_id=name, project_id=self.project_id, location=self.location)
                if not job.error_result:  # else a former attempt's
                    return job
        raise AssertionError("unreachable")

    def _finish(self, run_id: str, job_id: str) -> None:
        from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook

        task = _TASKS[self.task_id]
        with _run(run_id, task.name, task) as run:
            self._fill_in(run)
            job = BigQueryHook(gcp_conn_id=self.gcp_conn_id).get_job(
                job_id=job_id, project_id=self.project_id, location=self.location
            )
            seconds = (job.ended - job.started).total_seconds() if job.ended and job.started else 0.0
            _record(run, task, seconds, bytes_billed=job.total_bytes_billed or 0)

    def _fill_in(self, run: Run) -> None:
        self.project_id = run.settings.google_cloud_project
        self.location = run.settings.bigquery_location


def _run_id(ti: Any) -> str:
    return str(ti.xcom_pull(task_ids="claim"))


def _record(run: Run, task: Task, seconds: float, *, bytes_billed: int = 0) -> None:
    from workloads.pipeline import history

    history.record(
        run.database,
        run.run_id,
        task.name,
        seconds,
        bytes_billed=run.warehouse.bytes_billed + bytes_billed,
        counts=run.counts,
        state=run.state(),
    )


@contextmanager
def _database() -> Iterator[tuple[Settings, psycopg.Connection[DictRow]]]:
    """The settings and a connection.

    Raises:
        AirflowFailException: the environment lacks a setting; says which, and what to write.
    """
    from workloads.pipeline.runner import STATEMENT
    from workloads.pipeline.settings import Settings
    from workloads.runtime.database import connect
    from workloads.runtime.settings import SettingsError, load

    try:
        settings = load(Settings)
    except SettingsError as error:
        raise AirflowFailException(f"fastyle:composer and the stack's configuration set these: {error}") from None
    with connect(settings, statement_milliseconds=int(STATEMENT.total_seconds() * 1000)) as connection:
        connection.autocommit = True
        yield settings, connection


@contextmanager
def _run(run_id: str, name: str, task: Task | None = None) -> Iterator[Run]:
    """The run as the tasks before this one left it, its lease renewed; what fails within is noted in its report.

    Raises:
        AirflowFailException: the pipeline is somebody else's by now, or a task before this one is missing.
    """
    from workloads.pipeline import history
    from workloads.pipeline.run import Run
    from workloads.pipeline.warehouse import WarehouseClient

    with _database() as (settings, database), _failure_noted(run_id, name):
        try:
            row = history.current(database, run_id, beginning=task.name if task else None)
        except history.TakenOver as error:
            raise AirflowFailException(str(error)) from None
        missing = set(task.after if task else ()) - set(row["report"].get("seconds", {}))
        if missing:
            raise AirflowFailException(
                f"{', '.join(sorted(missing))}: not done in this run, and another ran since; trigger a new run"
            )
        yield Run(settings, WarehouseClient(settings), database, run_id).restore(row["request"], row["report"])


@contextmanager
def _failure_noted(run_id: str, name: str) -> Iterator[None]:
    """Keep what fails in the run's report, for `release`; with a connection of its own, as theirs may be what failed."""
    import psycopg
    from airflow.exceptions import TaskDeferred

    from workloads.pipeline import history
    from workloads.pipeline.runner import first_line

    try:
        yield
    except TaskDeferred:
        raise
    except BaseException as error:  # Airflow's time-out is one
        with suppress(psycopg.Error, AirflowFailException), _database() as (_, database):
            history.note(database, run_id, failure=f"{name}: {first_line(error)}")
        raise
