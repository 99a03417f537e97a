"""The checks between staging and marts: run, kept in BigQuery and Cloud SQL, and obeyed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from workloads.pipeline import read_model
from workloads.pipeline.run import QualityStop, Run
from workloads.pipeline.tables import date_array, tables
from workloads.pipeline.warehouse import literal


def check(run: Run) -> None:
    """Run every check; results are kept whatever they say. Raises `QualityStop` when an error failed."""
    checked_at, results = datetime.now(UTC), []
    moved = run.warehouse.query("SELECT DISTINCT business_date FROM ${staging}.new_inventory ORDER BY 1")
    inventory_dates = date_array([row["business_date"] for row in moved])
    for table in tables().values():
        if table.checks is None:
            continue
        for row in run.warehouse.query(table.checks, run.dates, inventory_dates=inventory_dates):
            failures = int(row["failures"] or 0)
            results.append(
                {
                    "run_id": run.run_id,
                    "checked_at": checked_at,
                    "check_name": row["check_name"],
                    "table_name": table.key,
                    "severity": row["severity"],
                    "status": "fail" if failures else "pass",
                    "failures": failures,
                    "sample": row["sample"] if failures else None,
                    "description": row["description"],
                }
            )
    results.append(_stock_agrees(run, checked_at))
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


def _stock_agrees(run: Run, checked_at: datetime) -> dict[str, Any]:
    """Live inventory against BigQuery's own computation, where both have seen the same events."""
    live = run.database.execute("SELECT location_id, sku, quantity FROM on_hand").fetchall()
    stock = run.warehouse.query("SELECT location_id, sku, on_hand FROM ${staging}.stock")
    here = {(row["location_id"], row["sku"]): row["quantity"] for row in live}
    differing = [
        f"{row['location_id']}/{row['sku']}"
        for row in stock
        if here.get((row["location_id"], row["sku"])) != row["on_hand"]
    ]
    return {
        "run_id": run.run_id,
        "checked_at": checked_at,
        "check_name": "stock.agrees_with_live_inventory",
        "table_name": "staging.stock",
        "severity": "warn",  # what arrived meanwhile makes them differ for a moment
        "status": "fail" if differing else "pass",
        "failures": len(differing),
        "sample": ", ".join(sorted(differing)[:5]) or None,
        "description": "Units on hand in Cloud SQL are those that BigQuery computes from the same events.",
    }
