"""In Airflow's own environment: a process that imports Airflow once, and runs each script that it is told in a fork of
itself. A script finds what it would find in a process of its own: nothing of the DAG folder is imported before it."""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from typing import Any, NoReturn

try:
    import airflow.dag_processing.dagbag
except ImportError:  # where 3.1 has it
    import airflow.models.dagbag
import airflow.providers.google.cloud.operators.bigquery
import airflow.providers.standard.operators.python  # noqa: F401


def run(script: dict[str, Any]) -> NoReturn:
    """In the fork: run a script as Python does."""
    for stream, path in ((1, script["output"]), (2, script["errors"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.environ.clear()
    os.environ.update(script["environment"])
    sys.argv = [script["path"], *script["arguments"]]
    code = 1
    try:
        runpy.run_path(script["path"], run_name="__main__")
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def prepare_tasks() -> None:
    """What every run of a DAG within a process makes first: the API that its tasks call, in all its versions."""
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    in_process_api_server().app._cadwyn_initialize()


def main() -> None:
    """One script a line of standard input; its exit code to the standard output as it was at the start."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Airflow prints is no answer
    if "--tasks" in sys.argv:
        prepare_tasks()
    for line in sys.stdin:
        if not (child := os.fork()):
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


if __name__ == "__main__":
    main()
