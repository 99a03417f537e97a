"""The checks between staging and marts: run, kept in BigQuery and Cloud SQL, and obeyed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from workloads.pipeline import read_model
from workloads.pipeline.reconcile import reconcile
from workloads.pipeline.run import QualityStop, Run
from workloads.pipeline.tables import date_array, tables
from workloads.pipeline.warehouse import literal


def check(run: Run) -> None:
    """Run every check; results are kept whatever they say. Raises `QualityStop` when an error failed."""
    checked_at = datetime.now(UTC)
    results = [
        {
            "run_id": run.run_id,
            "checked_at": checked_at,
            "check_name": found["check_name"],
            "table_name": found["table_name"],
            "severity": found["severity"],
            "status": "fail" if found["failures"] else "pass",
            "failures": int(found["failures"] or 0),
            "sample": found["sample"] if found["failures"] else None,
            "description": found["description"],
        }
        for found in (*_within_bigquery(run), *reconcile(run, checked_at))
    ]
    columns = list(results[0])
    values = ", ".join(f"({', '.join(literal(result[column]) for column in columns)})" for result in results)
    run.warehouse.transaction(
        [
            # of a first attempt of this task
            "DELETE FROM ${marts}.quality_results WHERE run_id = '${run_id}' "
            "AND checked_at >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 2 DAY)",
            f"INSERT INTO ${{marts}}.quality_results ({', '.join(columns)}) VALUES {values}",
        ],
        run_id=run.run_id,
    )
    read_model.write_quality(run.database, results)
    run.counts["checks_failed"] = sum(result["status"] == "fail" for result in results)
    if stops := [r for r in results if r["status"] == "fail" and r["severity"] == "error"]:
        words = "; ".join(f"{r['check_name']}: {r['description']} ({r['failures']}: {r['sample']})" for r in stops)
        raise QualityStop(words)


def _within_bigquery(run: Run) -> Iterator[dict[str, Any]]:
    """The results of every table's `checks.sql`."""
    moved = run.warehouse.query("SELECT DISTINCT business_date FROM ${staging}.new_inventory ORDER BY 1")
    inventory_dates = date_array([row["business_date"] for row in moved])
    for table in tables().values():
        if table.checks is not None:
            for row in run.warehouse.query(table.checks, run.dates, inventory_dates=inventory_dates):
                yield {**row, "table_name": table.key}
