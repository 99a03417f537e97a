"""The pipeline's steps, in order. Each leaves either what it found or what it promises, whenever it is killed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.rows import DictRow

from workloads.pipeline import catalogue, read_model
from workloads.pipeline.settings import Settings
from workloads.pipeline.tables import date_array, tables
from workloads.pipeline.warehouse import Warehouse, literal

log = logging.getLogger(__name__)


class QualityStop(Exception):  # noqa: N818 - an outcome, not a fault of the pipeline
    """A check of severity `error` failed: nothing is published, the last good marts stay."""


@dataclass
class Run:
    """One run: its connections, and what its steps tell each other and the report."""

    settings: Settings
    warehouse: Warehouse
    database: psycopg.Connection[DictRow]
    run_id: str
    from_date: date | None = None
    to_date: date | None = None
    partitions: list[date] = field(default_factory=list)
    dates: list[date] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    publication_id: str | None = None


Step = Callable[[Run], None]


def _query(key: str) -> str:
    query = tables()[key].query
    assert query is not None, key
    return query


def sync_catalogue(run: Run) -> None:
    """Products, costs and locations from Cloud SQL; what they change is marked dirty."""
    catalogue.sync(run.database, run.warehouse, run.run_id)


def find_new_events(run: Run) -> None:
    """Read the raw partitions whose row count changed, and tell new events from duplicates and conflicts."""
    warehouse = run.warehouse
    warehouse.refill("staging.changed_partitions", _query("staging.changed_partitions"))
    found = warehouse.query("SELECT DISTINCT publish_date FROM ${staging}.changed_partitions ORDER BY 1")
    run.partitions = [row["publish_date"] for row in found]
    for stream in ("sales", "inventory"):
        partitions = date_array(run.partitions)
        warehouse.refill(f"staging.candidate_{stream}", _query(f"staging.candidate_{stream}"), partitions=partitions)
        rows = warehouse.query(f"SELECT DISTINCT business_date FROM ${{staging}}.candidate_{stream} ORDER BY 1")
        dates = date_array([row["business_date"] for row in rows])
        warehouse.refill(f"staging.new_{stream}", _query(f"staging.new_{stream}"), business_dates=dates)
        outcomes = warehouse.query(f"SELECT outcome, COUNT(*) AS n FROM ${{staging}}.new_{stream} GROUP BY outcome")
        run.counts |= {f"{stream}_{row['outcome']}": row["n"] for row in outcomes}


_MARK_NEW = """
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT DISTINCT business_date, 'new events', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.new_sales WHERE outcome = 'loaded'
"""
# A customer's earlier first purchase makes the former one a returning customer's, on whatever date it was.
_MARK_FORMER_FIRST = """
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT DISTINCT f.business_date, 'earlier first purchase', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.first_purchase AS f
INNER JOIN (%s) AS n ON n.customer_id = f.customer_id
WHERE n.event_time < f.event_time OR (n.event_time = f.event_time AND n.transaction_id < f.transaction_id)
"""
_MERGE_FIRST = """
MERGE ${staging}.first_purchase AS f
USING (%s) AS n ON n.customer_id = f.customer_id
WHEN MATCHED AND (n.event_time < f.event_time OR (n.event_time = f.event_time AND n.transaction_id < f.transaction_id))
  THEN UPDATE SET event_time = n.event_time, transaction_id = n.transaction_id, business_date = n.business_date,
    run_id = n.run_id
WHEN NOT MATCHED THEN INSERT (customer_id, event_time, transaction_id, business_date, run_id)
  VALUES (n.customer_id, n.event_time, n.transaction_id, n.business_date, n.run_id)
"""
_MERGE_STOCK = """
MERGE ${staging}.stock AS s
USING (%s) AS n ON n.location_id = s.location_id AND n.sku = s.sku
WHEN MATCHED THEN UPDATE SET count_time = n.count_time, count_event_id = n.count_event_id,
  count_quantity = n.count_quantity, moved = n.moved, on_hand = n.on_hand, run_id = n.run_id
WHEN NOT MATCHED THEN INSERT (location_id, sku, count_time, count_event_id, count_quantity, moved, on_hand, run_id)
  VALUES (n.location_id, n.sku, n.count_time, n.count_event_id, n.count_quantity, n.moved, n.on_hand, n.run_id)
"""
_LOG = """
INSERT INTO ${staging}.event_log
  (stream, event_id, body_hash, publish_date, publish_time, business_date, outcome, run_id)
SELECT '%(stream)s', event_id, body_hash, publish_date, publish_time, business_date, outcome, '${run_id}'
FROM ${staging}.new_%(stream)s
"""
_FORGET_COUNTS = """
DELETE FROM ${staging}.raw_counts AS r WHERE EXISTS (
  SELECT 1 FROM ${staging}.changed_partitions AS c WHERE c.stream = r.stream AND c.publish_date = r.publish_date
)
"""
_KEEP_COUNTS = """
INSERT INTO ${staging}.raw_counts (stream, publish_date, row_count, run_id)
SELECT stream, publish_date, row_count, '${run_id}' FROM ${staging}.changed_partitions
"""


def load_events(run: Run) -> None:
    """New events into the history, first purchases, stock and the event log: one transaction."""
    if not run.partitions:
        return
    first = _query("staging.first_purchase")
    rows = run.warehouse.query(
        "SELECT MIN(business_date) AS since FROM ${staging}.new_inventory WHERE outcome = 'loaded' AND kind = 'count'"
    )
    # Movements before the earliest new count cannot matter to it; its own date is read whole.
    history_from = literal(rows[0]["since"] or date(9999, 12, 31))
    run.warehouse.transaction(
        [
            _insert("sales_lines"),
            _insert("inventory_changes"),
            _MARK_NEW.strip(),
            (_MARK_FORMER_FIRST % first).strip(),
            (_MERGE_FIRST % first).strip(),
            (_MERGE_STOCK % _query("staging.stock")).strip(),
            *((_LOG % {"stream": stream}).strip() for stream in ("sales", "inventory")),
            _FORGET_COUNTS.strip(),
            _KEEP_COUNTS.strip(),
        ],
        run_id=run.run_id,
        history_from=history_from,
    )


def _insert(name: str) -> str:
    columns = ", ".join(column["name"] for column in tables()[f"staging.{name}"].columns)
    return f"INSERT INTO ${{staging}}.{name} ({columns}) SELECT {columns} FROM ({_query(f'staging.{name}')})"


BUILDS = {
    "gmv_daily": "marts.gmv_daily_v1",
    "margin_daily": "marts.margin_daily_v1",
    "inventory_status": "marts.inventory_status_v1",
    "orders_daily": "staging.build_orders_daily",
}


def build_marts(run: Run) -> None:
    """The rows of every dirty date, and today's stock, beside the published ones."""
    warehouse = run.warehouse
    if run.from_date and run.to_date:
        warehouse.query(
            "INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id) "
            "SELECT DISTINCT business_date, 'asked for', CURRENT_TIMESTAMP(), '${run_id}' FROM ${staging}.sales_lines "
            f"WHERE business_date BETWEEN {literal(run.from_date)} AND {literal(run.to_date)}",
            run_id=run.run_id,
        )
    warehouse.refill(
        "staging.build_dates",
        "SELECT business_date, MAX(marked_at) AS marked_at FROM ${staging}.dirty_dates GROUP BY business_date",
    )
    found = warehouse.query("SELECT business_date FROM ${staging}.build_dates ORDER BY 1")
    run.dates = [row["business_date"] for row in found]
    for name, source in BUILDS.items():
        warehouse.refill(f"staging.build_{name}", _query(source), run.dates)
    run.counts["dates"] = len(run.dates)


def check_quality(run: Run) -> None:
    """Run every check; results are kept whatever they say. Raises `QualityStop` when an error failed."""
    checked_at, results = datetime.now(UTC), []
    for table in tables().values():
        for row in run.warehouse.query(table.checks, run.dates) if table.checks else ():
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
    run.warehouse.query(f"INSERT INTO ${{marts}}.quality_results ({', '.join(columns)}) VALUES {values}")
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


_PUBLISH = """
DELETE FROM ${marts}.%(name)s_v1 WHERE business_date IN UNNEST(%(dates)s);
INSERT INTO ${marts}.%(name)s_v1 (%(columns)s, publication_id)
SELECT %(columns)s, '${publication_id}' FROM ${staging}.build_%(name)s
"""
_PUBLISH_STATUS = """
DELETE FROM ${marts}.inventory_status_v1 WHERE TRUE;
INSERT INTO ${marts}.inventory_status_v1 (%(columns)s, publication_id)
SELECT %(columns)s, '${publication_id}' FROM ${staging}.build_inventory_status
"""
_PUBLICATION = """
INSERT INTO ${marts}.publications (publication_id, run_id, published_at, as_of, dates, first_date, last_date)
SELECT '${publication_id}', '${run_id}', CURRENT_TIMESTAMP(),
  (SELECT MAX(publish_time) FROM ${staging}.event_log
   WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)),
  (SELECT COUNT(*) FROM ${staging}.build_dates),
  (SELECT MIN(business_date) FROM ${staging}.build_dates),
  (SELECT MAX(business_date) FROM ${staging}.build_dates)
"""
_CLEAN = """
DELETE FROM ${staging}.dirty_dates AS d WHERE EXISTS (
  SELECT 1 FROM ${staging}.build_dates AS b WHERE b.business_date = d.business_date AND b.marked_at >= d.marked_at
)
"""


def publish_marts(run: Run) -> None:
    """Flip to the new rows in one transaction: a reader sees all of the old or all of the new."""
    run.publication_id = run.run_id
    statements = []
    for name in ("gmv_daily", "margin_daily"):
        columns = ", ".join(column["name"] for column in tables()[f"staging.build_{name}"].columns)
        statements.append((_PUBLISH % {"name": name, "columns": columns, "dates": date_array(run.dates)}).strip())
    columns = ", ".join(column["name"] for column in tables()["staging.build_inventory_status"].columns)
    statements.append((_PUBLISH_STATUS % {"columns": columns}).strip())
    statements += [_PUBLICATION.strip(), _CLEAN.strip()]
    run.warehouse.transaction(statements, run_id=run.run_id, publication_id=run.publication_id)


def publish_read_model(run: Run) -> None:
    """Copy to Cloud SQL what it does not have yet: this publication, and any that a killed run left behind."""
    read_model.publish(run.database, run.warehouse)
    log.info("marts published", extra={"event": "marts_published", "run_id": run.run_id, **run.counts})


STEPS: tuple[Step, ...] = (
    sync_catalogue,
    find_new_events,
    load_events,
    build_marts,
    check_quality,
    publish_marts,
    publish_read_model,
)
