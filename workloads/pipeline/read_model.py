"""The read model in Cloud SQL: what the API's reports show, written in one transaction a publication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from workloads.pipeline import revisions
from workloads.pipeline.warehouse import Warehouse, literal

# Orders whatever the category: as `build_orders_daily`, over the published history.
_REPORTS = {
    "report_gmv_daily": (
        "SELECT business_date, customer_type, category, channel, location_id, gmv, discounts, returns, net_sales, "
        "orders, units FROM ${marts}.gmv_daily_v1 WHERE business_date BETWEEN %s AND %s"
    ),
    "report_margin_daily": (
        "SELECT business_date, category, net_sales, discounts, cogs, gross_profit, gross_margin "
        "FROM ${marts}.margin_daily_v1 WHERE business_date BETWEEN %s AND %s"
    ),
    "report_orders_daily": (
        "SELECT l.business_date, CASE WHEN l.customer_id IS NULL THEN 'guest' "
        "WHEN f.transaction_id = l.transaction_id AND f.event_time = l.event_time THEN 'new' ELSE 'returning' END "
        "AS customer_type, l.channel, l.location_id, COUNT(DISTINCT l.transaction_id) AS orders "
        "FROM ${staging}.sales_lines AS l LEFT JOIN ${staging}.first_purchase AS f ON f.customer_id = l.customer_id "
        "WHERE l.business_date BETWEEN %s AND %s AND l.quantity > 0 "
        "GROUP BY l.business_date, customer_type, l.channel, l.location_id"
    ),
}


def publish(connection: psycopg.Connection[DictRow], warehouse: Warehouse, zone: str) -> None:
    """Bring the reports to the newest publication of the marts.

    The dates of every publication that is not here yet are replaced together, so that a run which was killed
    between the marts and here is made up for by the next one. Readers see all of it or none. `zone` is the time zone of
    business dates, by which a date is over.
    """
    known = {row["publication_id"] for row in connection.execute("SELECT publication_id FROM report_publication")}
    published = warehouse.query(
        "SELECT publication_id, run_id, published_at, as_of, first_date, last_date "
        "FROM ${marts}.publications ORDER BY published_at"
    )
    missing = [row for row in published if row["publication_id"] not in known]
    if not missing:
        return
    newest = missing[-1]
    dated = [row for row in missing if row["first_date"] is not None]
    reports: dict[str, list[dict[str, Any]]] = {}
    if dated:
        first, last = min(row["first_date"] for row in dated), max(row["last_date"] for row in dated)
        for table, query in _REPORTS.items():
            reports[table] = warehouse.query(query % (literal(first), literal(last)))
    with connection.transaction():
        before = revisions.digests(connection, first, last) if dated else {}
        for table, rows in reports.items():
            where = sql.SQL("DELETE FROM {} WHERE business_date BETWEEN %s AND %s").format(sql.Identifier(table))
            connection.execute(where, [first, last])
            _copy(connection, table, rows, newest["publication_id"])
        for row in missing:
            connection.execute(
                "INSERT INTO report_publication (publication_id, run_id, published_at, as_of) VALUES (%s, %s, %s, %s)",
                [row["publication_id"], row["run_id"], row["published_at"], row["as_of"]],
            )
        after = revisions.digests(connection, first, last) if dated else {}
        revisions.mark(connection, before, after, newest, zone)


def _copy(
    connection: psycopg.Connection[DictRow], table: str, rows: Sequence[Mapping[str, Any]], publication_id: str
) -> None:
    if not rows:
        return
    columns = [*rows[0], "publication_id"]
    names = sql.SQL(", ").join(sql.Identifier(column) for column in columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([*row.values(), publication_id])


def write_quality(connection: psycopg.Connection[DictRow], results: Sequence[Mapping[str, Any]]) -> None:
    """Keep the results of a run's checks, in place of those of an earlier attempt."""
    columns = list(results[0])
    statement = sql.SQL("INSERT INTO quality_result ({}) VALUES ({})").format(
        sql.SQL(", ").join(sql.Identifier(column) for column in columns),
        sql.SQL(", ").join(sql.Placeholder(column) for column in columns),
    )
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM quality_result WHERE run_id = %s", [results[0]["run_id"]])
        cursor.executemany(statement, results)
