"""In Airflow's own environment: queue a run as a person does, see when it would be late, and let it be late."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.models.deadline import Deadline
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType

try:
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.triggers.callback import CallbackTrigger
except ImportError:  # where 3.1 has them
    from airflow.models.dagbag import BundleDagBag, sync_bag_to_db
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization
    from airflow.triggers.deadline import DeadlineCallbackTrigger as CallbackTrigger

FOLDER = Path(sys.argv[1])


async def happens(trigger: Any) -> list[Any]:
    return [event.payload async for event in trigger.run()]


def main() -> None:
    """Do it."""
    bag = BundleDagBag(dag_folder=str(FOLDER), bundle_path=FOLDER)
    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", None)
    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(bag.dags["fastyle_pipeline"]))
    with create_session() as session:
        now = datetime.now(UTC)
        run = dag.create_dagrun(
            run_id="by-hand",
            run_after=now,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.UI,
            state=DagRunState.QUEUED,
            session=session,
        )
        session.flush()
        deadline = session.query(Deadline).one()
        seconds = (deadline.deadline_time - run.queued_at).total_seconds()
        callback = deadline.callback
        # A column of values in newer versions, an object with attributes in 3.1.
        path, kwargs = (
            (callback.data["path"], callback.data["kwargs"])
            if hasattr(callback, "data")
            else (callback.path, callback.kwargs)
        )
    # The triggerer's path has the plugins folder, and not that of the DAGs.
    sys.path[:] = [entry for entry in sys.path if Path(entry) != FOLDER]
    for name in [name for name in sys.modules if name.split(".")[0] == "workloads"]:
        del sys.modules[name]
    context = {"dag_run": {"dag_run_id": "by-hand", "dag_id": dag.dag_id}}
    events = asyncio.run(happens(CallbackTrigger(path, {**kwargs, "context": context})))
    print(json.dumps({"seconds": seconds, "events": events}, default=str))


if __name__ == "__main__":
    main()
