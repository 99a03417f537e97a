"""The DAG as Composer reads it, on each Airflow that is supported: from the delivered files alone, with and without
the stack's variables."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from infra.operations import late_run, logged
from tests.dags.conftest import HERE, NEWEST, VERSIONS, Airflow
from workloads.marts import MARTS
from workloads.packaging.airflow import added_packages
from workloads.pipeline.tasks import DEADLINE, TASKS, Action

pytestmark = pytest.mark.slow

OURS = {"claim", "ensure_tables", "release"}
VARIABLES = {"PIPELINE_CRON": "0 6,18 * * *", "TIMEZONE": "America/New_York"}


@pytest.fixture(scope="module", params=reversed(VERSIONS))
def airflow(request: pytest.FixtureRequest, airflow_of: Callable[[str], Airflow]) -> Airflow:
    """Every one, the newest first."""
    return airflow_of(request.param)


@pytest.fixture(scope="module")
def bare(airflow: Airflow) -> dict[str, Any]:
    """Read in an environment that says nothing of a stack."""
    return airflow.told("describe.py")


@pytest.fixture(scope="module")
def described(airflow: Airflow) -> dict[str, Any]:
    return airflow.told("describe.py", env=VARIABLES)


@pytest.fixture(scope="module")
def dag(described: dict[str, Any]) -> dict[str, Any]:
    return dict(described["dags"]["fastyle_pipeline"])


def test_airflow_finds_one_dag_and_reads_no_other_file(described: dict[str, Any]) -> None:
    assert described["errors"] == {}
    assert list(described["dags"]) == ["fastyle_pipeline"]
    assert described["files"] == ["fastyle_pipeline.py"], ".airflowignore leaves the libraries and the SQL alone"
    assert described["serialized"] == {"fastyle_pipeline": True}


def test_nothing_is_done_at_import(described: dict[str, Any], bare: dict[str, Any]) -> None:
    for read in (described, bare):
        assert read["did"] == [], "no connection, no process, no file written"
        # What costs time to import or needs a client is a task's to import; the streams need the standard library alone, the
        # marts pydantic and YAML, which Airflow has.
        ours = {name for name in read["imported"] if re.match(r"workloads(?!\.events)", name)}
        assert ours == {
            "workloads",
            "workloads.marts",
            "workloads.marts.columns",
            "workloads.marts.declaration",
            "workloads.marts.expressions",
            "workloads.pipeline",
            "workloads.pipeline.airflow_steps",
            "workloads.pipeline.interface",
            "workloads.pipeline.tasks",
            "workloads.runtime",
            "workloads.runtime.interface",
        }
        assert not {"psycopg", "pydantic_settings"} & set(read["imported"])


def test_without_the_stacks_variables_it_is_there_and_waits_to_be_triggered(bare: dict[str, Any]) -> None:
    assert bare["errors"] == {}
    assert bare["dags"]["fastyle_pipeline"]["timetable"] == "NullTimetable"


def test_a_task_says_which_variable_is_missing(airflow: Airflow) -> None:
    ended = airflow.begin("claim.py").end()
    last = [line for line in ended.errors.splitlines() if line.strip()]
    said = "\n".join(last[-20:])
    assert "AirflowFailException" in said
    assert "environment variable DATABASE_URL: Field required; set it to postgresql://" in said
    assert "environment variable MAXIMUM_BYTES_BILLED" in said


def test_its_tasks_are_the_pipelines(dag: dict[str, Any]) -> None:
    tasks = dag["tasks"]
    assert set(tasks) == {task.name for task in TASKS} | OURS
    for task in TASKS:
        one = tasks[task.name]
        assert one["upstream"] == sorted(task.after or ["ensure_tables"])
        assert one["group"] == task.group
        assert one["owner"] == task.owner
        assert one["retries"] == task.retries >= 1
        assert one["backoff"]
        assert one["timeout"] == task.timeout.total_seconds()
        assert one["doc"] == task.summary
        assert one["inlets"] == sorted(unversioned(table) for table in task.reads)
        assert one["outlets"] == sorted(unversioned(table) for table in task.writes)
        if task.action is Action.STATEMENT:
            assert "BigQueryInsertJobOperator" in one["classes"]
            assert one["deferrable"]
        else:
            assert "PythonOperator" in one["classes"]


def unversioned(table: str) -> str:
    """A mart by the name of its stable view."""
    return re.sub(r"_v\d+$", "", table) if table.startswith("marts.") else table


def test_the_marts_are_assets_by_their_stable_names(dag: dict[str, Any]) -> None:
    published = dag["tasks"]["publish_marts"]["outlets"]
    assert {f"marts.{name}" for name in MARTS} <= set(published)
    assert [name for name in MARTS if f"`marts.{name}`" not in dag["doc"]] == [], (
        "its page names what others schedule on"
    )


def test_a_run_takes_the_pipeline_first_and_gives_it_back_last(dag: dict[str, Any], described: dict[str, Any]) -> None:
    tasks = dag["tasks"]
    assert (tasks["claim"]["setup"], tasks["claim"]["upstream"]) == (True, [])
    assert tasks["ensure_tables"]["upstream"] == ["claim"]
    assert (tasks["release"]["teardown"], tasks["release"]["upstream"]) == (True, ["claim", "publish_read_model"])
    # Whatever is cleared, the pipeline is taken and given back around it.
    assert described["cleared"]["fastyle_pipeline"] == [
        "check_quality",
        "claim",
        "publish_marts",
        "publish_read_model",
        "release",
    ]


def test_when_it_runs_and_how(dag: dict[str, Any]) -> None:
    assert (dag["timetable"], dag["cron"], dag["timezone"]) == ("CronTriggerTimetable", *VARIABLES.values())
    assert (dag["catchup"], dag["max_active_runs"], dag["paused"]) == (False, 1, False)
    assert set(dag["params"]) == {"from", "to"}
    assert dag["timeout"] > max(task["timeout"] for task in dag["tasks"].values())
    assert "clear" in dag["doc"]


def test_a_late_run_is_told_of(dag: dict[str, Any], airflow: Airflow) -> None:
    assert [alert["interval"] for alert in dag["deadline"]] == [DEADLINE.total_seconds()]
    airflow.migrated()
    late = airflow.told("late.py")
    assert late["seconds"] == DEADLINE.total_seconds()
    assert [event["state"] for event in late["events"]] == ["running", "success"]
    words = late["events"][-1]["body"]
    assert words == (
        "pipeline_late: run by-hand of fastyle_pipeline has not ended 90 minutes after it was due; "
        "look at its tasks in Airflow"
    )
    assert late_run("fastyle").endswith(logged(words.partition(":")[0])), "and the alert looks for these words"


@pytest.mark.parametrize("version", VERSIONS)
def test_airflow_here_has_what_is_added_there_at_the_versions_of_every_workload(version: str) -> None:
    folder = HERE / f"airflow-{version}"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"apache-airflow=={version}" in project["project"]["dependencies"]
    assert sorted(project["dependency-groups"]["added"]) == sorted(
        f"{name}{added}" for name, added in added_packages().items()
    )
    locked = tomllib.loads((folder / "uv.lock").read_text(encoding="utf-8"))["package"]
    versions = {package["name"]: package.get("version") for package in locked}
    for name, added in added_packages().items():
        assert added.endswith(f"=={versions[name]}")


def test_the_newest_airflow_here_is_the_one_that_is_deployed() -> None:
    """A DAG that was never run on the deployed version is a surprise in production."""
    prod = yaml.safe_load((HERE.parents[1] / "Pulumi.prod.yaml").read_text(encoding="utf-8"))["config"]
    assert prod["fastyle:composer"]["image_version"].startswith(f"composer-3-airflow-{NEWEST}-build.")
    assert sorted(folder.name for folder in HERE.glob("airflow-*")) == [f"airflow-{one}" for one in VERSIONS]
