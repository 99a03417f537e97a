"""Rows of a result as BigQuery's JSON has them, formatted column by column.

bqemulator decides for each cell anew how its type is written, which takes longer than most of the pipeline's queries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow  # type: ignore[import-untyped]  # no stubs
from bqemulator.storage import arrow_bridge
from pyarrow import types

Column = Any
"""A `pyarrow.ChunkedArray`."""


def arrow_table_to_bq_rows(table: Any, offset: int = 0, limit: int | None = None) -> list[dict[str, Any]]:
    """Return a slice of an Arrow table as `{"f": [{"v": …}, …]}`, as the function of this name in bqemulator does."""
    if table.num_rows == 0 or table.num_columns == 0:
        return []
    table = table.slice(offset, limit)
    columns = [
        [{"v": value} for value in _written(field, column)]
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    return [{"f": list(cells)} for cells in zip(*columns, strict=True)]


def _written(field: Any, column: Column) -> list[Any]:
    """The cells of a column."""
    kind = field.type
    special = arrow_bridge._bq_range_metadata(field) is not None or arrow_bridge._is_geometry_field(field)
    plain = None if special else next((write for holds, write in _PLAIN if holds(kind)), None)
    if plain is None:
        return [arrow_bridge._format_bq_value(value, kind, field=field) for value in column.to_pylist()]
    return plain(column)


def _as_text(column: Column) -> list[Any]:
    return list(column.cast(pyarrow.string()).to_pylist())


def _as_python_writes(column: Column) -> list[Any]:
    return [None if value is None else str(value) for value in column.to_pylist()]


def _truth(column: Column) -> list[Any]:
    return [None if value is None else "true" if value else "false" for value in column.to_pylist()]


def _microseconds(column: Column) -> list[Any]:
    """Since 1970 in UTC, as a TIMESTAMP is written; a DATETIME, without a time zone, as ISO 8601 has it."""
    if column.type.tz is None:
        return [None if value is None else value.isoformat() for value in column.to_pylist()]
    return _as_text(column.cast(pyarrow.timestamp("us", column.type.tz), safe=False).cast(pyarrow.int64()))


_PLAIN: tuple[tuple[Callable[[Any], bool], Callable[[Column], list[Any]]], ...] = (
    (types.is_string, lambda column: list(column.to_pylist())),
    (types.is_integer, _as_text),
    (types.is_date32, _as_text),
    (types.is_decimal, _as_python_writes),
    (types.is_floating, _as_python_writes),
    (types.is_boolean, _truth),
    (types.is_timestamp, _microseconds),
)
