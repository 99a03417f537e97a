"""Says that a run is late. In the plugins folder, because a deadline's callback runs in Airflow's triggerer, which
has no DAG folder on its path; by itself, because nothing else is there either."""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


async def tell_late(minutes: int, context: dict[str, Any] | None = None) -> str:
    """Log one error that an alert can be made of, and return its words."""
    run = (context or {}).get("dag_run") or {}
    words = (
        f"pipeline_late: run {run.get('dag_run_id', 'unknown')} of {run.get('dag_id', 'fastyle_pipeline')} has not ended "
        f"{minutes} minutes after it was due; look at its tasks in Airflow"
    )
    log.error(words)
    return words
