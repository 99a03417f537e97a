"""The DAG run for real, by Airflow, against a stack's events: the tables are those that the runner makes of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from tests.dags.conftest import Airflow
from tests.dags.scripts import Script
from tests.dags.twin import DATASETS, Twin, digest, twin_of
from tests.support.checkout import Checkout
from workloads.marts import MARTS
from workloads.pipeline import history, runner
from workloads.pipeline.settings import Settings
from workloads.pipeline.tasks import TASKS, Action

pytestmark = [pytest.mark.slow, pytest.mark.local]

VIEWS = sorted(view for mart in MARTS.values() for view in mart.views)
HISTORY = ("sales_lines", "inventory_changes", "first_purchase", "stock", "products", "product_costs", "locations")
STATEMENTS = [task.name for task in TASKS if task.action is Action.STATEMENT]


@pytest.fixture(scope="module")
def twin(stack: Checkout, airflow: Airflow) -> Twin:
    """The stack's runner has done its work, at the latest now; Airflow has nothing yet."""
    with stack.database() as db:
        done = db.execute(
            "SELECT (SELECT max(started_at) FROM pipeline_run WHERE state = 'succeeded') > max(recorded_at) FROM stream_event"
        ).fetchone()
    if done != (True,):
        report = json.loads(stack.fastyle("pipeline", "run").stdout)
        assert report["state"] == "succeeded", report
    airflow.migrated()
    return twin_of(stack)


@pytest.fixture(scope="module")
def composer(twin: Twin, airflow: Airflow) -> Iterator[Airflow]:
    """Airflow in the environment of the stack's own pipeline, pointed at the twin."""
    with airflow.within(twin.environment) as started:
        yield started


@pytest.fixture(scope="module")
def ran(twin: Twin, composer: Airflow) -> dict[str, Any]:
    """One run of the DAG. While it runs, the runner is asked to run on the same tables."""
    run = composer.begin("run.py", "{}")
    try:
        refused = _runner_refused(twin, run)
    except BaseException:
        composer.forks.stop()
        raise
    ended = run.end()
    assert ended.code == 0, ended.output[-3000:] + ended.errors[-6000:]
    return {**json.loads(ended.output.splitlines()[-1]), "refused": refused, "log": ended.output + ended.errors}


def _runner_refused(twin: Twin, script: Script) -> str:
    """Wait for Airflow's claim, then call the runner with the same environment."""
    deadline = time.monotonic() + 300
    with twin.database() as db:
        while not db.execute("SELECT 1 FROM pipeline_run WHERE state = 'running'").fetchone():
            assert script.runs(), "the run ended before it began"
            assert time.monotonic() < deadline, "Airflow never claimed the pipeline"
            time.sleep(0.2)
    return runner_says(twin)


def runner_says(twin: Twin) -> str:
    with patch.dict(os.environ, twin.environment, clear=True):
        try:
            return runner.run(Settings()).state
        except runner.AlreadyRunning as refused:
            return str(refused)


def test_every_task_succeeds_and_statements_wait_in_the_triggerer(ran: dict[str, Any]) -> None:
    assert ran["state"] == "success"
    assert ran["tasks"] == dict.fromkeys(
        [*(task.name for task in TASKS), "claim", "ensure_tables", "release"], "success"
    )
    assert sorted(one["task"] for one in ran["deferred"]) == sorted(STATEMENTS)
    assert {one["trigger"].rsplit(".", 1)[1] for one in ran["deferred"]} == {"BigQueryInsertJobTrigger"}
    assert "marts_published" in ran["log"], "what the freshness alert counts"


def test_its_jobs_are_bounded_labelled_and_named_after_the_run(ran: dict[str, Any], twin: Twin) -> None:
    with twin.database() as db:
        run = db.execute("SELECT * FROM pipeline_run").fetchone()
    assert run is not None
    jobs = {job["id"]: job for job in ran["jobs"]}
    assert sorted(jobs) == sorted(f"fastyle-{run['run_id']}-{name}-1" for name in STATEMENTS)
    assert sorted(one["job_id"] for one in ran["deferred"]) == sorted(jobs)
    for job in jobs.values():
        query, labels = job["configuration"]["query"], job["configuration"]["labels"]
        assert query["maximumBytesBilled"] == twin.environment["MAXIMUM_BYTES_BILLED"]
        assert query["useLegacySql"] is False
        assert job["location"] == twin.environment["BIGQUERY_LOCATION"]
        assert labels["component"] == "pipeline"
        assert (labels["airflow-dag"], labels["airflow-task"] in STATEMENTS) == ("fastyle_pipeline", True)


def test_its_tables_are_the_runners(ran: dict[str, Any], twin: Twin) -> None:
    """Every view people read, the history behind it, and the read model: row by row the same."""
    dated = [view for mart in MARTS.values() if mart.by_date for view in mart.views]
    everything = dict.fromkeys(dated, "business_date >= '2010-01-01'")
    everything |= {"sales_lines": "business_date >= '2010-01-01'", "inventory_changes": "business_date >= '2010-01-01'"}
    for layer, names in (("marts", VIEWS), ("staging", HISTORY)):
        for name in names:
            where = everything.get(name, "TRUE")
            theirs = twin.rows(f"{layer}.{name}", where)
            ours = twin.rows(f"{DATASETS[f'{layer.upper()}_DATASET']}.{name}", where)
            assert theirs, f"{layer}.{name} is empty: nothing is compared"
            assert digest(ours) == digest(theirs), (name, [r for r in ours if r not in theirs][:3])
    reports = twin.reports(twin.stack.endpoints["postgres"])
    assert all(reports.values())
    assert twin.reports(twin.superuser) == reports


def test_the_history_tells_of_it_as_of_the_runners(ran: dict[str, Any], twin: Twin) -> None:
    with twin.database() as db:
        run = db.execute("SELECT * FROM pipeline_run").fetchone()
    assert run is not None
    assert (run["state"], run["holder"], run["lease_until"], run["error"]) == ("succeeded", "airflow", None, None)
    assert run["publication_id"] == run["run_id"]
    assert set(run["report"]["seconds"]) == {task.name for task in TASKS}
    assert run["report"]["counts"]["sales_loaded"] > 0


def test_the_runner_is_refused_while_it_runs(ran: dict[str, Any], twin: Twin) -> None:
    assert "of airflow has the pipeline" in ran["refused"]


def test_airflow_is_refused_while_the_runner_runs(ran: dict[str, Any], twin: Twin, composer: Airflow) -> None:
    with twin.database() as db:
        run_id = history.claim(db, "run", {})
        ended = composer.begin("claim.py").end()
        assert "AlreadyRunning: another run holds the lock" in ended.errors, ended.errors[-2000:]
        history.finish(db, run_id, "succeeded", None)


def test_a_check_that_fails_stops_it_and_the_pipeline_is_given_back(
    ran: dict[str, Any], twin: Twin, composer: Airflow
) -> None:
    """A customer with two first purchases; and past dates are asked for, which must stay as they are."""
    staging, marts = DATASETS["STAGING_DATASET"], DATASETS["MARTS_DATASET"]
    with twin.stack.warehouse() as client:
        client.query_and_wait(f"INSERT INTO {staging}.first_purchase SELECT * FROM {staging}.first_purchase LIMIT 1")
        dates = [
            r["d"]
            for r in client.query_and_wait(
                f"SELECT DISTINCT business_date AS d FROM {staging}.sales_lines WHERE business_date >= '2010-01-01'"
            )
        ]
    where = "business_date >= '2010-01-01'"
    before = digest(twin.rows(f"{marts}.gmv_daily", where))
    asked = {"from": str(min(dates)), "to": str(max(dates))}
    stopped = composer.told("run.py", json.dumps(asked))
    assert stopped["state"] == "failed"
    assert stopped["tasks"]["check_quality"] == "failed", "not tried again: it would say the same"
    assert stopped["tasks"]["publish_marts"] == "upstream_failed"
    assert stopped["tasks"]["release"] == "success"
    assert digest(twin.rows(f"{marts}.gmv_daily", where)) == before
    with twin.database() as db:
        run = db.execute("SELECT * FROM pipeline_run ORDER BY started_at DESC LIMIT 1").fetchone()
    assert run is not None
    assert (run["state"], run["lease_until"], run["publication_id"]) == ("stopped", None, None)
    assert run["request"] == asked
    assert run["report"]["counts"]["dates"] == len(dates)
    assert run["error"].startswith("a check stopped the publication: ")
    assert "first_purchase.unique" in run["error"]
    assert runner_says(twin) == "stopped", "the runner may run at once, and says the same"
