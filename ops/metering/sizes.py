"""Logical bytes of BigQuery tables, as Google counts them for storage and for scans.

By type: cloud.google.com/bigquery/docs/reference/standard-sql/data-types, "Data type sizes".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from google.cloud import bigquery

_FIXED = {
    **dict.fromkeys(("INTEGER", "INT64", "FLOAT", "FLOAT64", "TIMESTAMP", "DATE", "TIME", "DATETIME"), 8),
    **dict.fromkeys(("BOOLEAN", "BOOL"), 1),
    "NUMERIC": 16,
    "BIGNUMERIC": 32,
}
_LENGTH = 2  # of a text or of bytes, besides its content


def bytes_of(field: bigquery.SchemaField, path: str) -> str:
    """GoogleSQL for the logical bytes of a column; a null has none, an array the sum of its elements'.

    Raises:
        ValueError: a type whose size is not known here.
    """
    if field.mode == "REPEATED":
        inner = _bytes(field, "element")
        return f"COALESCE((SELECT SUM({inner}) FROM UNNEST({path}) AS element), 0)"
    return _bytes(field, path)


def _bytes(field: bigquery.SchemaField, path: str) -> str:
    kind = field.field_type
    if kind in ("RECORD", "STRUCT"):
        return "(" + " + ".join(bytes_of(inner, f"{path}.{inner.name}") for inner in field.fields) + ")"
    if kind in _FIXED:
        size = str(_FIXED[kind])
    elif kind in ("STRING", "BYTES"):
        size = f"{_LENGTH} + BYTE_LENGTH({path})"
    elif kind == "JSON":
        size = f"{_LENGTH} + BYTE_LENGTH(TO_JSON_STRING({path}))"
    else:
        raise ValueError(f"{path}: the size of {kind} is not known here")
    return f"IF({path} IS NULL, 0, {size})"


class Sizes:
    """Bytes of tables of one project, each asked for once."""

    def __init__(self, client: bigquery.Client) -> None:
        self._client = client
        self._schemas: dict[str, Sequence[bigquery.SchemaField]] = {}
        self._known: dict[tuple[str, str], dict[str, int]] = {}

    def schema(self, table: str) -> Sequence[bigquery.SchemaField]:
        """The columns of `dataset.table`."""
        if table not in self._schemas:
            self._schemas[table] = self._client.get_table(f"{self._client.project}.{table}").schema
        return self._schemas[table]

    def of(self, table: str, condition: str = "") -> dict[str, int]:
        """Logical bytes by column of the rows that meet `condition`; `""` holds the number of rows."""
        if (table, condition) not in self._known:
            columns = self.schema(table)
            sums = ", ".join(
                f"COALESCE(SUM({bytes_of(field, field.name)}), 0) AS c{index}" for index, field in enumerate(columns)
            )
            where = f" WHERE {condition}" if condition else ""
            row = self._one(f"SELECT COUNT(*) AS n, {sums} FROM {table}{where}")
            sizes = {field.name: int(row[f"c{index}"]) for index, field in enumerate(columns)}
            self._known[table, condition] = {"": int(row["n"]), **sizes}
        return self._known[table, condition]

    def total(self, table: str, condition: str = "", columns: Iterable[str] | None = None) -> int:
        """Logical bytes of the rows that meet `condition`, of all columns unless some are named."""
        sizes = self.of(table, condition)
        return sum(sizes[name] for name in (columns if columns is not None else sizes) if name)

    def days(self, column: str, condition: str, kind: str, horizon: int) -> int:
        """How many of the last `horizon` days' partitions a condition over the partition column leaves."""
        day = "TIMESTAMP(day)" if kind == "TIMESTAMP" else "day"
        dates = f"GENERATE_DATE_ARRAY(DATE_SUB(CURRENT_DATE(), INTERVAL {horizon - 1} DAY), CURRENT_DATE())"
        where = f" WHERE {condition}" if condition else ""
        return int(
            self._one(f"SELECT COUNT(*) AS n FROM (SELECT {day} AS {column} FROM UNNEST({dates}) AS day){where}")["n"]
        )

    def _one(self, query: str) -> Any:
        [row] = self._client.query_and_wait(query)
        return row
