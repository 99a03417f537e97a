"""The pipeline in Airflow: `workloads.pipeline.tasks`, walked. Nothing is opened, read or asked for at import."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, Param, TaskGroup
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
from airflow.timetables.trigger import CronTriggerTimetable

from workloads.pipeline import airflow_steps
from workloads.pipeline.interface import CRON
from workloads.pipeline.tasks import DEADLINE, OWNER, TASKS, Action, Task
from workloads.runtime.interface import TIMEZONE

STABLE = re.compile(r"^(marts\..*)_v\d+$")
"""Of a mart others schedule on its stable view: the table behind it without the version."""
PUBLISHED = sorted({match[1] for task in TASKS for table in task.writes if (match := STABLE.match(table))})
DOC = f"""
### From raw events to published marts

What a task does, reads and writes is defined once, in `workloads/pipeline/tasks.py`; Fastyle's other runner, the
service `pipeline`, walks the same definition. `claim` takes the pipeline for this run and `release` gives it back,
whatever happened between: while one of the two runs, the other refuses.

- **A task failed**: Airflow has tried it again by itself. Mend the cause, then clear the task with its downstream
  tasks; `claim` and `release` are cleared with it, and what ran before is kept. If something else ran since, the task
  says so: trigger a new run, it takes up whatever is left.
- **`check_quality` failed**: a check stopped the publication, and the last good marts stay. Its log says which.
- **Rewrite past dates**: trigger with `from` and `to`, business dates.
- **Downstream**: schedule on the assets {", ".join(f"`{view}`" for view in PUBLISHED)}.
"""
WAIT = timedelta(minutes=5)
"""Between two tries of `claim`: a call of the runner lasts for at most 25 minutes."""


def schedule() -> CronTriggerTimetable | None:
    """When runs are due, on the business's clock; never by themselves while the environment does not say so."""
    cron, zone = os.environ.get(CRON), os.environ.get(TIMEZONE)
    if not cron or not zone:
        return None
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return None  # `claim` says so
    return CronTriggerTimetable(cron, timezone=zone)


def assets(tables: tuple[str, ...]) -> list[Asset]:
    """The tables as assets, marts by their stable view."""
    return [Asset(STABLE.sub(r"\1", table)) for table in tables]


def operator(task: Task) -> PythonOperator | airflow_steps.StatementOperator:
    """The operator of one task."""
    shared = {
        "task_id": task.name,
        "doc_md": task.summary,
        "owner": task.owner,
        "retries": task.retries,
        "execution_timeout": task.timeout,
        "inlets": assets(task.reads),
        "outlets": assets(task.writes),
    }
    if task.action is Action.STATEMENT:
        return airflow_steps.StatementOperator(**shared)
    return PythonOperator(python_callable=airflow_steps.call, op_kwargs={"name": task.name}, **shared)


with DAG(
    dag_id="fastyle_pipeline",
    description="Raw events to staging, marts and the read model",
    doc_md=DOC,
    schedule=schedule(),
    start_date=datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC")),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(hours=6),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=DEADLINE,
        # By name: it runs in the triggerer, which sees the plugins folder, not this one.
        callback=AsyncCallback("fastyle_deadline.tell_late", kwargs={"minutes": DEADLINE // timedelta(minutes=1)}),
    ),
    default_args={
        "owner": OWNER,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
    },
    params={
        key: Param(None, type=["null", "string"], format="date", description=f"Rewrite business dates {key} this one.")
        for key in ("from", "to")
    },
    tags=["fastyle", "marts"],
) as dag:
    claim = PythonOperator(
        task_id="claim",
        doc_md="Take the pipeline for this run, or wait for whoever has it.",
        python_callable=airflow_steps.claim,
        retries=6,
        retry_delay=WAIT,
        retry_exponential_backoff=False,
        execution_timeout=WAIT,
    )
    tables = PythonOperator(
        task_id="ensure_tables",
        doc_md="Create missing tables and columns, and write the views anew.",
        python_callable=airflow_steps.ensure_tables,
        retries=3,
        execution_timeout=timedelta(minutes=10),
    )
    release = PythonOperator(
        task_id="release",
        doc_md="Give the pipeline back, and keep what the run did, or what failed.",
        python_callable=airflow_steps.release,
        retries=3,
        execution_timeout=WAIT,
    )
    groups = {name: TaskGroup(name, prefix_group_id=False) for name in {task.group for task in TASKS if task.group}}
    operators = {}
    for task in TASKS:
        if task.group:
            with groups[task.group]:
                operators[task.name] = operator(task)
        else:
            operators[task.name] = operator(task)
        (tables if not task.after else [operators[name] for name in task.after]) >> operators[task.name]

    claim >> tables
    last = [operators[task.name] for task in TASKS if not any(task.name in other.after for other in TASKS)]
    last >> release.as_teardown(setups=claim)
