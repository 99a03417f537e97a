"""The operational catalogue, synced from Cloud SQL into BigQuery with every version it had (SCD type 2)."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from workloads.events.validation import EARLIEST
from workloads.pipeline.tables import tables
from workloads.pipeline.warehouse import WarehouseClient, literal

_READ = {
    "products": "SELECT {columns} FROM product",
    "locations": "SELECT {columns} FROM location",
    # `applies_from` and `applies_to` make "the cost in force" a range: before the first cost the earliest counts.
    "product_costs": """
        SELECT sku, NULLIF(valid_from, '-infinity') AS valid_from, unit_cost,
               CASE WHEN row_number() OVER w = 1 THEN timestamptz '0001-01-01 00:00:00Z' ELSE valid_from END AS applies_from,
               lead(valid_from) OVER w AS applies_to
        FROM product_cost WINDOW w AS (PARTITION BY sku ORDER BY valid_from)
    """,
}
# A category is the current one, whatever it was when something was sold: all dates of the product follow. The history is
# read only when a product did change.
_RECATEGORISED = """
IF EXISTS (%(changed)s) THEN
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT DISTINCT l.business_date, 'catalogue', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.sales_lines AS l
WHERE l.business_date >= ${first_date} AND l.sku IN (%(changed)s);
END IF
"""
_CHANGED = """
SELECT sku
FROM (
  SELECT DISTINCT sku, category, 'now' AS side FROM ${staging}.catalogue_products
  UNION ALL
  SELECT DISTINCT sku, category, 'before' AS side FROM ${staging}.products WHERE is_current
)
GROUP BY sku, category
HAVING COUNT(*) = 1
"""
# The first instant at which any cost in force is another one. A cost that only ends otherwise is the same until then.
_FIRST_CHANGE = """
WITH sides AS (
  SELECT 'now' AS side, sku, unit_cost, applies_from, COALESCE(applies_to, TIMESTAMP '9999-12-31') AS applies_to
  FROM ${staging}.catalogue_product_costs
  UNION ALL
  SELECT 'before' AS side, sku, unit_cost, applies_from, COALESCE(applies_to, TIMESTAMP '9999-12-31') AS applies_to
  FROM ${staging}.product_costs
  WHERE is_current
),
costs AS (
  SELECT sku, applies_from, COUNT(*) AS sides, MIN(applies_to) AS first_to, MAX(applies_to) AS last_to
  FROM sides
  GROUP BY sku, unit_cost, applies_from
)
SELECT MIN(IF(sides = 1, applies_from, first_to)) AS first_change FROM costs WHERE sides = 1 OR first_to != last_to
"""
_RECOSTED = """
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT DISTINCT l.business_date, 'cost', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.sales_lines AS l
LEFT JOIN ${staging}.catalogue_product_costs AS n
  ON n.sku = l.sku AND l.event_time >= n.applies_from AND (n.applies_to IS NULL OR l.event_time < n.applies_to)
LEFT JOIN ${staging}.product_costs AS b
  ON b.is_current
  AND b.sku = l.sku
  AND l.event_time >= b.applies_from
  AND (b.applies_to IS NULL OR l.event_time < b.applies_to)
WHERE l.business_date >= %(first)s AND COALESCE(n.unit_cost, -1) != COALESCE(b.unit_cost, -1)
"""


def sync(connection: psycopg.Connection[DictRow], warehouse: WarehouseClient, run_id: str) -> None:
    """Bring BigQuery's copy up to date, and mark the dates whose figures change with it.

    A row that changed gets a successor, one that is gone is closed; both keep what they said. All of it is one
    transaction: cut short, the next run finds the same differences.
    """
    for name, query in _READ.items():
        columns = sql.SQL(", ").join(sql.Identifier(column["name"]) for column in _columns(name))
        _refill(warehouse, name, connection.execute(sql.SQL(query).format(columns=columns)).fetchall())
    statements = [_RECATEGORISED % {"changed": _CHANGED.strip()}]
    (costs,) = warehouse.query(_FIRST_CHANGE) or [{"first_change": None}]
    if costs["first_change"] is not None:
        first = max(costs["first_change"], EARLIEST).date() - timedelta(days=1)  # for time zones
        statements.append(_RECOSTED % {"first": literal(first)})
    for name in _READ:
        statements += _versions(name)
    warehouse.transaction(statements, run_id=run_id)


def _refill(warehouse: WarehouseClient, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rewrite the scratch copy `catalogue_<name>`: one load job, whatever the size of the catalogue."""
    columns = _columns(name)
    if not rows:  # there is no job that loads nothing
        warehouse.query(f"DELETE FROM ${{staging}}.catalogue_{name} WHERE TRUE")
        return
    lines = io.BytesIO()
    for row in rows:
        values = {column["name"]: _cell(row[column["name"]]) for column in columns}
        lines.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
    warehouse.wait(warehouse.start_load(f"staging.catalogue_{name}", lines, columns, replace=True))


def _columns(name: str) -> Sequence[Mapping[str, Any]]:
    """The columns of a table of the catalogue, in Cloud SQL as in BigQuery."""
    return tables()[f"staging.catalogue_{name}"].columns


def _cell(value: Any) -> Any:
    """A value as a load job reads it; amounts keep all their digits."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ").zfill(27) if isinstance(value, datetime) else value


def _versions(name: str) -> list[str]:
    columns = [column["name"] for column in _columns(name)]
    same = f"{_row('c.', columns)} = {_row('t.', columns)}"
    listed = ", ".join(columns)
    close = (
        f"UPDATE ${{staging}}.{name} AS t SET is_current = FALSE, recorded_to = CURRENT_TIMESTAMP() "
        f"WHERE t.is_current AND NOT EXISTS (SELECT 1 FROM ${{staging}}.catalogue_{name} AS c WHERE {same})"
    )
    successor = (
        f"INSERT INTO ${{staging}}.{name} ({listed}, recorded_from, recorded_to, is_current) "
        f"SELECT {listed}, CURRENT_TIMESTAMP(), NULL, TRUE FROM ${{staging}}.catalogue_{name} AS c "
        f"WHERE NOT EXISTS (SELECT 1 FROM ${{staging}}.{name} AS t WHERE t.is_current AND {same})"
    )
    return [close, successor]


def _row(prefix: str, columns: Sequence[str]) -> str:
    """A row as one text, by which two are compared: an equality that takes two NULLs for equal."""
    return f"TO_JSON_STRING(STRUCT({', '.join(f'{prefix}{column} AS {column}' for column in columns)}))"
