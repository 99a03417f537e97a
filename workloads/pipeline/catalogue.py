"""The operational catalogue, synced from Cloud SQL into BigQuery with every version it had (SCD type 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import DictRow

from workloads.pipeline.tables import tables
from workloads.pipeline.warehouse import Warehouse, literal

_ROWS = 500  # an INSERT; BigQuery takes a statement of at most 1 MB

_READ = {
    "products": "SELECT sku, name, category, style, size, colour, list_price, reorder_point FROM product",
    "locations": "SELECT location_id, name, kind FROM location",
    # `applies_from` and `applies_to` make "the cost in force" a range: before the first cost the earliest counts.
    "product_costs": """
        SELECT sku, NULLIF(valid_from, '-infinity') AS valid_from, unit_cost,
               CASE WHEN row_number() OVER w = 1 THEN timestamptz '0001-01-01 00:00:00Z' ELSE valid_from END AS applies_from,
               lead(valid_from) OVER w AS applies_to
        FROM product_cost WINDOW w AS (PARTITION BY sku ORDER BY valid_from)
    """,
}
# What a change of a product touches in the marts: its category, and its costs.
_CHANGED = """
SELECT sku
FROM (
  SELECT DISTINCT sku, %(row)s AS content, 'now' AS side FROM ${staging}.catalogue_%(name)s
  UNION ALL
  SELECT DISTINCT sku, %(row)s AS content, 'before' AS side FROM ${staging}.%(name)s WHERE is_current
)
GROUP BY sku, content
HAVING COUNT(*) = 1
"""
# Sales of any date may name the product: the history is read, but only when a product did change.
_TOUCHED = """
IF EXISTS (%(changed)s) THEN
INSERT INTO ${staging}.dirty_dates (business_date, reason, marked_at, run_id)
SELECT DISTINCT l.business_date, 'catalogue', CURRENT_TIMESTAMP(), '${run_id}'
FROM ${staging}.sales_lines AS l
WHERE l.business_date >= DATE '2010-01-01' AND l.sku IN (%(changed)s);
END IF
"""
_COMPARED = {"products": ("category",), "product_costs": ("applies_from", "applies_to", "unit_cost")}


def sync(connection: psycopg.Connection[DictRow], warehouse: Warehouse, run_id: str) -> None:
    """Bring BigQuery's copy up to date, and mark the dates whose figures change with it.

    A row that changed gets a successor, one that is gone is closed; both keep what they said. All of it is one
    transaction: cut short, the next run finds the same differences.
    """
    statements: list[str] = []
    for name, query in _READ.items():
        _refill(warehouse, name, connection.execute(query).fetchall())
        if name in _COMPARED:
            statements.append(_touched(name))
        statements += _versions(name)
    warehouse.transaction(statements, run_id=run_id)


def _refill(warehouse: Warehouse, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rewrite the scratch copy `catalogue_<name>`."""
    columns = [column["name"] for column in tables()[f"staging.catalogue_{name}"].columns]
    target = f"{warehouse.datasets['staging']}.catalogue_{name}"
    warehouse.run(f"DELETE FROM {target} WHERE TRUE")
    for start in range(0, len(rows), _ROWS):
        values = ", ".join(
            f"({', '.join(_cell(row[column]) for column in columns)})" for row in rows[start : start + _ROWS]
        )
        warehouse.run(f"INSERT INTO {target} ({', '.join(columns)}) VALUES {values}")


def _cell(value: Any) -> str:
    """A literal; amounts keep all their digits as NUMERIC."""
    return f"NUMERIC '{value}'" if isinstance(value, Decimal) else literal(value)


def _touched(name: str) -> str:
    changed = (_CHANGED % {"name": name, "row": _row("", _COMPARED[name])}).strip()
    return _TOUCHED % {"changed": changed}


def _versions(name: str) -> list[str]:
    columns = [column["name"] for column in tables()[f"staging.catalogue_{name}"].columns]
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
