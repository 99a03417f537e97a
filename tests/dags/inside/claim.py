"""In Airflow's own environment: what the DAG's first task does."""

from __future__ import annotations

import sys
from types import SimpleNamespace

sys.path.insert(0, sys.argv[1])

from workloads.pipeline import airflow_steps

if __name__ == "__main__":
    airflow_steps.claim({}, SimpleNamespace(run_id="r"))
