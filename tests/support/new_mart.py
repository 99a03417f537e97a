"""What a checkout with one more mart makes of it (tests/support/extended.py)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import psycopg

from tests.support.googlesql import Analyser, schemas
from tests.support.jobs import Recorded
from tests.support.pruning import Pruning
from workloads.api.routes.marts import router
from workloads.marts import MARTS
from workloads.packaging.archives import _sources, load
from workloads.pipeline.checks import checks
from workloads.pipeline.tables import tables
from workloads.pipeline.tasks import TASKS

Json = dict[str, Any]
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"


def proven(recorded: Recorded, words: str) -> Json:
    """The statements of a run with these words: what the analyser says of them, and reads that prune nothing."""
    analyser = Analyser(schemas())
    sent = dict.fromkeys(job.sql for job in recorded.jobs if words in job.sql)
    statements = [statement for sql in sent for statement in analyser.analyse(sql) if words in statement.sql]
    analyser.close()
    partitioned = {table.key: table.partition_by for table in tables().values() if table.partition_by}
    plain = [s for s in statements if s.tree and s.tree["_"] != "ResolvedCreateViewStmt"]
    reads = [read for s in plain if s.tree for read in Pruning(partitioned, {}).reads(s.tree)]
    return {
        "statements": len(statements),
        "wrong": [statement.error for statement in statements if statement.error],
        "reads": len(reads),
        "whole": [read.table for read in reads if not read.prunes],
    }


def told(name: str, plan: Json, database: str, recorded: Recorded) -> Json:
    mart = MARTS[name]
    with psycopg.connect(database) as connection:
        columns = [column for (column,) in connection.execute(COLUMNS, [mart.report])] if mart.read_model else []
    files = f"sql/bigquery/marts/{name}/"
    return {
        "marts": list(MARTS),
        "tables": {key: table.kind for key, table in tables().items() if name in key},
        "tasks": {task.name: dataclasses.asdict(task) for task in TASKS},
        "checks": [check for check in checks() if check.startswith(f"{name}.")],
        "columns": columns,
        "paths": [getattr(route, "path", "") for route in router.routes],
        "objections": plan["objections"],
        "delivered": sorted(str(value) for value in plan["resources"].values() if files in str(value)),
        "archives": {
            workload: sorted(path for path, _ in _sources(load(workload), Path(files).cwd()) if files in path)
            for workload in ("api", "inventory_sync", "pipeline")
        },
        "proven": proven(recorded, name),
    }
