"""In Airflow's own environment: run the DAG once, and print how each task ended and what was deferred, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.sdk.definitions import dag as dag_module
from google.cloud import bigquery

FOLDER, CONF = Path(sys.argv[1]), json.loads(sys.argv[2])
deferred: list[dict[str, Any]] = []
jobs: list[dict[str, Any]] = []


def main() -> None:
    """Run it."""
    trigger_inline = dag_module._run_inline_trigger

    def counted(trigger: Any, ti: Any) -> Any:
        kind, arguments = trigger.serialize()
        deferred.append({"task": ti.task_id, "trigger": kind, "job_id": arguments["job_id"]})
        return trigger_inline(trigger, ti)

    dag_module._run_inline_trigger = counted
    query_job: Any = bigquery.QueryJob
    # The stand-in ends a job before it answers. In the cloud one runs on, and the operator defers.
    query_job.running = lambda job: True
    begin = query_job._begin

    def seen(job: Any, *args: Any, **kwargs: Any) -> Any:
        jobs.append({"id": job.job_id, "location": job.location, "configuration": job.to_api_repr()["configuration"]})
        return begin(job, *args, **kwargs)

    query_job._begin = seen
    bag = BundleDagBag(dag_folder=str(FOLDER), bundle_path=FOLDER)
    dag = bag.dags["fastyle_pipeline"]
    dag.deadline = None  # `test` makes a run that was never queued, of which Airflow cannot tell a deadline
    run = dag.test(run_conf=CONF)
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    named = [job for job in jobs if job["id"] and job["id"].startswith("fastyle-")]
    print(json.dumps({"state": str(run.state), "tasks": states, "deferred": deferred, "jobs": named}))


if __name__ == "__main__":
    main()
