"""The runner against a real PostgreSQL: lock, lease, history, time box, retries, and `kill -9` at every boundary.

What the tasks do in BigQuery is another matter (tests/sql, tests/e2e): here each only says that it was there.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any, cast
from unittest.mock import Mock, create_autospec

import httpx
import psycopg
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from psycopg.rows import dict_row

from tests.support.postgres import postgres
from tests.support.processes import fork
from workloads.pipeline import history, runner, service
from workloads.pipeline.attempts import OutOfTime, TimeBox, pause_before, transient
from workloads.pipeline.run import QualityStop, Run
from workloads.pipeline.settings import Settings
from workloads.pipeline.tasks import TASKS, Action, Task
from workloads.pipeline.warehouse import WarehouseClient

__all__ = ["postgres"]

api: Any = exceptions  # which has no types

NAMES = [task.name for task in TASKS]
STATEMENTS = {task.name for task in TASKS if task.action is Action.STATEMENT}


class Clock:
    """Time that passes only when a task says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def box(self, seconds: float) -> TimeBox:
        return TimeBox(seconds, self)


class FakeWarehouse:
    """Says which statement ran, in the order in which they did."""

    done: list[str]

    def __init__(self, settings: Settings, box: TimeBox) -> None:
        self.bytes_billed, self.box = 0, box

    def ensure_tables(self) -> None:
        pass

    def run_once(self, statement: str, name: str) -> None:
        self.bytes_billed += 10
        self.done.append(name)


@pytest.fixture
def settings(postgres: str) -> Settings:
    return Settings(
        google_cloud_project="p-1",
        timezone="UTC",
        currency="USD",
        database_url=postgres,
        bigquery_location="us-central1",
        maximum_bytes_billed=1 << 30,
        raw_retention_days=7,
        reorder_point=1,
        max_days_of_cover=1,
    )


@pytest.fixture
def database(postgres: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(postgres, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("CREATE TABLE did (n serial, run_id text, task text)")
        yield connection


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch, database: Any) -> dict[str, Callable[[Run], None]]:
    """Each task writes its name into `did`; what the dictionary holds under its name happens before."""
    before: dict[str, Callable[[Run], None]] = {}
    FakeWarehouse.done = []
    monkeypatch.setattr(runner, "WarehouseClient", FakeWarehouse)

    def standing_in_for(name: str) -> Callable[[Run], str | None]:
        def function(run: Run) -> str | None:
            if name in before:
                before[name](run)
            if name == "find_new_events":
                run.partitions, run.counts["sales_loaded"] = [date(2026, 1, 2)], 7
            run.database.execute("INSERT INTO did (run_id, task) VALUES (%s, %s)", [run.run_id, name])
            return f"SELECT '{name}'" if name in STATEMENTS else None

        return function

    monkeypatch.setattr(Task, "function", lambda task: standing_in_for(task.name))
    return before


def did(database: Any) -> list[str]:
    return [row["task"] for row in database.execute("SELECT task FROM did ORDER BY n")]


def runs(database: Any) -> list[dict[str, Any]]:
    return list(database.execute("SELECT * FROM pipeline_run ORDER BY started_at"))


def test_every_task_in_order_with_a_report(settings: Settings, database: Any, tasks: Any) -> None:
    report = runner.run(settings)
    assert report.state == "succeeded"
    assert did(database) == NAMES
    assert list(report.seconds) == NAMES
    assert report.counts == {"sales_loaded": 7}
    assert report.bytes_billed == 10 * len(STATEMENTS)
    assert report.publication_id == report.run_id
    assert json.loads(json.dumps(report.as_json()))["status"] == "succeeded"


def killed(settings: Settings, tasks: dict[str, Callable[[Run], None]], at: str) -> None:
    """Run it in a process of its own, which kills itself when it comes to the task."""
    if (pid := fork()) == 0:
        try:
            tasks[at] = lambda run: os.kill(os.getpid(), signal.SIGKILL)
            runner.run(settings)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    deadline = time.monotonic() + 60
    with psycopg.connect(
        settings.database_url, autocommit=True
    ) as connection:  # its session ends when the server sees it
        while connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchone():
            assert time.monotonic() < deadline, "the killed run's lock is still held"
            time.sleep(0.01)


@pytest.mark.parametrize("at", NAMES)
def test_after_a_kill_at_every_boundary_the_next_run_does_all(
    at: str, settings: Settings, database: Any, tasks: dict[str, Callable[[Run], None]]
) -> None:
    killed(settings, tasks, at)
    assert did(database) == NAMES[: NAMES.index(at)]
    report = runner.run(settings)
    assert report.state == "succeeded"
    assert did(database)[-len(NAMES) :] == NAMES
    first, second = runs(database)
    assert (first["state"], first["error"]) == ("incomplete", "ended without a word")
    assert set(first["report"].get("seconds", {})) == set(NAMES[: NAMES.index(at)])
    assert first["publication_id"] == (first["run_id"] if at == "publish_read_model" else None)
    assert second["run_id"] == report.run_id


def test_out_of_time_it_is_incomplete_and_the_next_call_goes_on_there(
    settings: Settings, database: Any, tasks: dict[str, Callable[[Run], None]]
) -> None:
    clock = Clock()

    def takes_long(run: Run) -> None:
        clock.now += 100

    tasks["find_dirty_dates"] = takes_long
    report = runner.run(settings, date(2026, 1, 1), date(2026, 1, 31), box=clock.box(60))
    assert report.state == "incomplete"
    first = NAMES[4]
    assert report.error == f"out of time in {first}; call again: it goes on there"
    assert did(database) == NAMES[:4]

    del tasks["find_dirty_dates"]
    seen: list[tuple[Any, ...]] = []
    tasks[first] = lambda run: seen.append((run.run_id, run.from_date, run.partitions))
    again = runner.run(settings, date(2026, 1, 1), date(2026, 1, 31), box=clock.box(60))
    assert again.state == "succeeded"
    assert did(database) == [*NAMES, *NAMES], "the rest of the former run, then one over what arrived since"
    assert seen[0] == (report.run_id, date(2026, 1, 1), [date(2026, 1, 2)]), "what it had found is not lost"
    assert [row["state"] for row in runs(database)] == ["succeeded", "succeeded"]
    assert "next" not in runs(database)[0]["report"]


def test_only_the_same_request_goes_on_and_only_when_nothing_ran_since(
    settings: Settings, database: Any, tasks: dict[str, Callable[[Run], None]]
) -> None:
    clock = Clock()
    asked = (date(2026, 1, 1), date(2026, 1, 31))
    tasks["load_events"] = lambda run: setattr(clock, "now", clock.now + 100)
    assert runner.run(settings, *asked, box=clock.box(60)).state == "incomplete"
    del tasks["load_events"]
    database.execute("DELETE FROM did")
    assert runner.run(settings).state == "succeeded"
    assert did(database) == NAMES, "another request begins anew"
    assert runner.run(settings, *asked).state == "succeeded"
    assert did(database) == [*NAMES, *NAMES], "and after it the former one does too"
    assert [row["state"] for row in runs(database)] == ["incomplete", "succeeded", "succeeded"]


def test_a_statement_that_is_out_of_time_goes_on_and_is_found_again(
    settings: Settings, database: Any, tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    def run_once(self: FakeWarehouse, statement: str, name: str) -> None:
        names.append(name)
        if len(names) == 1:
            raise OutOfTime

    monkeypatch.setattr(FakeWarehouse, "run_once", run_once)
    first = runner.run(settings)
    assert first.state == "incomplete"
    assert runner.run(settings).state == "succeeded"
    assert names[0] == names[1] == f"fastyle-{first.run_id}-load_events"


@pytest.mark.usefixtures("database")
def test_a_query_of_the_database_ends_with_the_time(
    settings: Settings, tasks: dict[str, Callable[[Run], None]]
) -> None:
    def asks_at_length(run: Run) -> None:
        run.database.execute("SELECT pg_sleep(30)")

    tasks["check_quality"] = asks_at_length
    report = runner.run(settings, box=TimeBox(1))
    assert (report.state, report.error) == ("incomplete", "out of time in check_quality; call again: it goes on there")


def test_what_passes_is_tried_again_and_what_does_not_fails(
    settings: Settings, database: Any, tasks: dict[str, Callable[[Run], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    faults: list[Exception] = [api.ServiceUnavailable("busy"), api.TooManyRequests("slower")]

    def fails(run: Run) -> None:
        if faults:
            raise faults.pop()

    tasks["build_margin_daily"] = fails
    assert runner.run(settings).state == "succeeded"
    assert pauses == [2, 4]

    faults += [api.ServiceUnavailable("busy")] * 10
    report = runner.run(settings)
    assert (report.state, len(faults)) == ("failed", 10 - 1 - 3)
    assert report.error == "build_margin_daily: 503 busy; run again: it goes on where this one ended"

    faults[:] = [api.BadRequest("no such column")]
    report = runner.run(settings)
    assert (report.state, pauses[2:]) == ("failed", [2, 4, 8])
    assert report.error is not None
    assert "no such column" in report.error


def test_a_bug_ends_the_run_with_a_report(
    settings: Settings, database: Any, tasks: dict[str, Callable[[Run], None]]
) -> None:
    def breaks(run: Run) -> None:
        raise KeyError("sku")

    tasks["check_quality"] = breaks
    report = runner.run(settings)
    assert (report.state, report.publication_id) == ("failed", None)
    assert report.error == "check_quality: 'sku'; run again: it goes on where this one ended"


def test_a_check_stops_the_publication(
    settings: Settings, database: Any, tasks: dict[str, Callable[[Run], None]]
) -> None:
    def stops(run: Run) -> None:
        raise QualityStop("gmv_daily.unique")

    tasks["check_quality"] = stops
    report = runner.run(settings)
    assert (report.state, report.error) == ("stopped", "a check stopped the publication: gmv_daily.unique")
    assert "publish_marts" not in did(database)
    assert "check_quality" in report.seconds


def test_two_calls_at_once_one_runs(settings: Settings, database: Any, tasks: dict[str, Callable[[Run], None]]) -> None:
    refusals: list[str] = []

    def call_again(run: Run) -> None:
        with pytest.raises(runner.AlreadyRunning) as refused:
            runner.run(settings)
        refusals.append(str(refused.value))

    tasks["load_events"] = call_again
    assert runner.run(settings).state == "succeeded"
    assert refusals == ["another run holds the lock; wait for it to end"]
    assert len(runs(database)) == 1


def test_runner_and_airflow_refuse_each_other(
    settings: Settings, database: Any, tasks: dict[str, Callable[[Run], None]]
) -> None:
    leased = history.claim(database, "run", {}, holder="airflow")
    with pytest.raises(runner.AlreadyRunning, match="of airflow has the pipeline"):
        runner.run(settings)
    # Refused, it holds nothing: Airflow's next task goes on.
    assert history.current(database, leased)["run_id"] == leased
    history.finish(database, leased, "succeeded", None)

    def airflow_comes(run: Run) -> None:
        with pytest.raises(history.AlreadyRunning):
            history.claim(database, "run", {}, holder="airflow")

    tasks["load_events"] = airflow_comes
    assert runner.run(settings).state == "succeeded"


def test_a_lease_is_renewed_by_tasks_runs_out_and_is_taken_over(settings: Settings, database: Any, tasks: Any) -> None:
    lost = history.claim(database, "run", {}, holder="airflow")
    database.execute("UPDATE pipeline_run SET lease_until = now() + interval '1 second'")
    renewed = history.current(database, lost)["lease_until"]
    soon = database.execute("SELECT now() + interval '110 minutes' AS soon").fetchone()["soon"]
    assert renewed > soon
    database.execute("UPDATE pipeline_run SET lease_until = now() - interval '1 second'")
    assert runner.run(settings).state == "succeeded"
    assert [row["state"] for row in runs(database)] == ["incomplete", "succeeded"]
    for late in (lambda: history.current(database, lost), lambda: history.record(database, lost, "load_events", 1.0)):
        with pytest.raises(history.TakenOver):
            late()
    history.finish(database, lost, "succeeded", None)
    assert [row["state"] for row in runs(database)] == ["incomplete", "succeeded"], "what ended stays as it is"


def test_airflow_takes_its_own_run_over(database: Any) -> None:
    first = history.claim(database, "run", {}, holder="airflow")
    second = history.claim(database, "run", {}, holder="airflow")
    assert [(row["run_id"], row["state"]) for row in runs(database)] == [(first, "incomplete"), (second, "running")]


def leased(database: Any, *done: str, origin: str = "dag-run-1") -> str:
    """A run of Airflow's whose tasks of these names are done."""
    run_id = history.claim(database, "run", {}, holder="airflow", origin=origin)
    for name in done:
        history.current(database, run_id, beginning=name)
        history.record(database, run_id, name, 1.0, state={"dates": ["2026-01-02"]})
    return run_id


def test_a_leased_run_ends_by_what_its_tasks_left(database: Any) -> None:
    assert history.settle(database, leased(database, *NAMES)).state == "succeeded"

    unsaid = history.settle(database, leased(database, *NAMES[:3], origin="2"))
    assert (unsaid.state, unsaid.error) == ("failed", "find_dirty_dates: did not end; see its log in Airflow")

    failing = leased(database, *NAMES[:3], origin="3")
    history.note(database, failing, failure="find_dirty_dates: no such column")
    assert history.settle(database, failing).error == "find_dirty_dates: no such column"

    stopping = leased(database, *NAMES[: NAMES.index("check_quality") + 1], origin="4")
    history.note(database, stopping, stopped="a check stopped the publication: stock", failure="check_quality: x")
    stopped = history.settle(database, stopping)
    assert (stopped.state, stopped.error) == ("stopped", "a check stopped the publication: stock")

    passing = leased(database, *NAMES[:3], origin="5")
    history.note(database, passing, failure="load_events: 503")
    for name in NAMES[3:]:
        history.record(database, passing, name, 1.0)
    assert history.settle(database, passing).state == "succeeded", "tried again, it went well"
    assert all(row["lease_until"] is None for row in runs(database))


def test_cleared_tasks_go_on_from_what_the_same_dag_run_found(database: Any) -> None:
    first = leased(database, *NAMES[:8])
    history.settle(database, first)
    again = history.claim(database, "run", {}, holder="airflow", origin="dag-run-1")
    assert again != first, "its jobs and its publication are new ones"
    report = history.current(database, again)["report"]
    assert (set(report["seconds"]), report["dates"]) == (set(NAMES[:8]), ["2026-01-02"])
    # A task that is done again does not count as done until it is.
    assert NAMES[7] not in history.current(database, again, beginning=NAMES[7])["report"]["seconds"]
    history.settle(database, again)

    history.settle(database, leased(database, *NAMES, origin="dag-run-2"))
    late = history.claim(database, "run", {}, holder="airflow", origin="dag-run-1")
    assert "seconds" not in history.current(database, late)["report"], "another ran since: what it found is stale"


async def test_the_service_says_how_a_run_ended(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = httpx.ASGITransport(app=service.create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://pipeline") as client:
        for state, status, to_scheduler in (
            ("succeeded", 200, 200),
            ("incomplete", 202, 503),
            ("stopped", 422, 422),
            ("failed", 503, 503),
        ):
            ended = history.Report(run_id="r", state=state)
            monkeypatch.setattr(runner, "run", lambda *_, ended=ended: ended)
            answer = await client.post("/run")
            assert (answer.status_code, answer.json()["state"]) == (status, state)
            # Scheduler takes any 2xx for done and would not call again.
            answer = await client.post("/run", headers={"X-CloudScheduler": "true"})
            assert answer.status_code == to_scheduler
        for body, words in (
            ("[]", "not an object"),
            ('{"from": "2026-01-01"}', "go together"),
            ('{"from": "2026-01-02", "to": "2026-01-01"}', "before"),
            ('{"since": 1}', "nothing else"),
            ('{"from": 1, "to": 2}', "a date such as"),
            ("{", "not JSON"),
        ):
            answer = await client.post("/run", content=body)
            assert (answer.status_code, words in answer.json()["error"]) == (400, True), answer.text


class FakeBigQuery:
    """Jobs by name: `None` is one that ended well, anything else what it failed with."""

    def __init__(self, **jobs: object) -> None:
        self._http = Mock()
        self.jobs, self.waits = jobs, list[float | None]()

    def query(self, statement: str, *, job_id: str, **_: object) -> bigquery.QueryJob:
        if job_id in self.jobs:
            raise api.Conflict(job_id)
        self.jobs[job_id] = None
        return self.get_job(job_id)

    def get_job(self, job_id: str, **_: object) -> bigquery.QueryJob:
        job = create_autospec(bigquery.QueryJob, instance=True, error_result=self.jobs[job_id], total_bytes_billed=5)
        job.result.side_effect = lambda timeout, **_: self.waits.append(timeout) or []  # type: ignore[func-returns-value]
        return cast("bigquery.QueryJob", job)


def test_a_named_statement_is_not_run_twice(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakeBigQuery(**{"a-1": {"reason": "backendError"}, "a-2": None, "b-1": {"reason": "backendError"}})
    monkeypatch.setattr(bigquery, "Client", lambda **_: client)
    warehouse = WarehouseClient(settings, Clock().box(60))
    warehouse.run_once("SELECT 1", "a")
    assert set(client.jobs) == {"a-1", "a-2", "b-1"}, "the attempt that ended well is the one"
    warehouse.run_once("SELECT 1", "b")
    warehouse.run_once("SELECT 1", "c")
    assert set(client.jobs) == {"a-1", "a-2", "b-1", "b-2", "c-1"}
    assert client.waits == [60, 60, 60]
    assert warehouse.bytes_billed == 15


def test_a_call_ends_well_before_whoever_waits_for_it() -> None:
    assert runner.CALL + timedelta(minutes=5) <= timedelta(seconds=1800)
    assert all(task.timeout <= runner.CALL for task in TASKS)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (api.ServiceUnavailable("x"), True),
        (api.InternalServerError("x"), True),
        (api.TooManyRequests("x"), True),
        (api.Forbidden("x", errors=[{"reason": "rateLimitExceeded"}]), True),
        (api.BadRequest("Transaction is aborted due to concurrent update against table p:d.t"), True),
        (api.RetryError("x", None), True),
        (psycopg.errors.DeadlockDetected("x"), True),
        (api.Forbidden("x", errors=[{"reason": "accessDenied"}]), False),
        (api.BadRequest("Syntax error", errors=[{"reason": "invalidQuery"}]), False),
        (api.NotFound("x"), False),
        (psycopg.OperationalError("the connection is lost"), False),
        (ValueError("x"), False),
    ],
)
def test_what_is_worth_trying_again(error: Exception, passes: bool) -> None:
    assert transient(error) is passes


def test_pauses_double_up_to_a_minute() -> None:
    assert [pause_before(n).total_seconds() for n in (1, 2, 3, 4, 7, 30)] == [2, 2, 4, 8, 60, 60]
