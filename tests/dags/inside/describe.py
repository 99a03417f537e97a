"""In Airflow's own environment: read the DAG folder as its DAG processor does, and print what came of it as JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1])
WATCHED = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.exec", "os.posix_spawn", "sqlite3.connect")
seen: list[str] = []
watching = False


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Keep what code does to the world while `watching`: an audit hook cannot be got round."""
    if not watching:
        return
    if event in WATCHED:
        seen.append(f"{event} {arguments!r:.200}")
    if event == "open" and not str(arguments[0]).startswith("/dev/"):
        mode, flags = arguments[1] or "", arguments[2] or 0
        if set(mode) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            seen.append(f"open {arguments!r:.200}")


def main() -> None:
    """Describe it."""
    global watching
    try:
        from airflow.dag_processing.dagbag import BundleDagBag
        from airflow.serialization.serialized_objects import DagSerialization
    except ImportError:  # where 3.1 has them
        from airflow.models.dagbag import BundleDagBag
        from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization
    from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator
    from airflow.providers.standard.operators.python import PythonOperator  # noqa: F401
    from airflow.utils.file import list_py_file_paths

    sys.dont_write_bytecode = True  # Python's own writing is none of the DAG's
    before = set(sys.modules)
    sys.addaudithook(watch)
    watching = True
    bag = BundleDagBag(dag_folder=str(FOLDER), bundle_path=FOLDER)
    watching = False

    print(
        json.dumps(
            {
                "files": sorted(str(Path(path).relative_to(FOLDER)) for path in list_py_file_paths(str(FOLDER))),
                "errors": bag.import_errors,
                "did": seen,
                "imported": sorted(set(sys.modules) - before),
                "dags": {dag_id: describe(dag) for dag_id, dag in bag.dags.items()},
                "serialized": {dag_id: bool(DagSerialization.to_dict(dag)) for dag_id, dag in bag.dags.items()},
                "cleared": {
                    dag_id: sorted(
                        dag.partial_subset(
                            task_ids=["check_quality"], include_downstream=True, include_upstream=False
                        ).task_dict
                    )
                    for dag_id, dag in bag.dags.items()
                },
                "operator": f"{BigQueryInsertJobOperator.__module__}.{BigQueryInsertJobOperator.__name__}",
            },
            default=str,
        )
    )


def describe(dag: Any) -> dict[str, Any]:
    timetable = dag.timetable
    return {
        "timetable": type(timetable).__name__,
        "cron": getattr(timetable, "_expression", None),
        "timezone": str(getattr(timetable, "_timezone", "")),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "paused": dag.is_paused_upon_creation,
        "doc": dag.doc_md,
        "timeout": dag.dagrun_timeout.total_seconds(),
        "params": {key: param.dump() for key, param in dag.params.items()} if hasattr(dag.params, "items") else {},
        "deadline": [
            {
                "interval": alert.interval.total_seconds(),
                "reference": type(alert.reference).__name__,
                "callback": alert.callback.path,
                "kwargs": alert.callback.kwargs,
            }
            for alert in (dag.deadline if isinstance(dag.deadline, list) else [dag.deadline])
        ],
        "tasks": {task.task_id: describe_task(task) for task in dag.tasks},
    }


def describe_task(task: Any) -> dict[str, Any]:
    return {
        "classes": [kind.__name__ for kind in type(task).__mro__],
        "deferrable": getattr(task, "deferrable", None),
        "upstream": sorted(task.upstream_task_ids),
        "group": task.task_group.group_id if task.task_group else None,
        "owner": task.owner,
        "retries": task.retries,
        "backoff": bool(task.retry_exponential_backoff),
        "timeout": task.execution_timeout.total_seconds(),
        "doc": task.doc_md,
        "inlets": sorted(asset.name for asset in task.inlets),
        "outlets": sorted(asset.name for asset in task.outlets),
        "setup": task.is_setup,
        "teardown": task.is_teardown,
    }


if __name__ == "__main__":
    main()
