"""Columns as `sql/bigquery` declares them: their own, one of `columns.yaml` by `include`, or all of another table's of dataset
`staging` by `columns_of`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SQL = Path(__file__).resolve().parents[2] / "sql" / "bigquery"
SHARED = SQL / "columns.yaml"


@cache
def shared_columns(path: Path = SHARED) -> dict[str, dict[str, Any]]:
    """The columns that others may include, by name."""
    return {name: {"name": name, **column} for name, column in yaml.safe_load(path.read_text("utf-8")).items()}


def included(columns: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Columns with every include in its place; what is said beside an include counts.

    Raises:
        ValueError: there is no such shared column; says which there are.
    """
    return [one for column in columns for one in _listed(column)]


def _listed(column: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not (isinstance(column, Mapping) and "columns_of" in column):
        return [_column(column)]
    declared = yaml.safe_load((SQL / "staging" / column["columns_of"] / "table.yaml").read_text("utf-8"))
    return included(declared["columns"])


def _column(column: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(column, Mapping):
        raise ValueError(f"columns has {column!r}; write `- include: <shared column>`, or name, type and description")
    if "include" not in column:
        return dict(column)
    shared, name = shared_columns(), column["include"]
    if name not in shared:
        raise ValueError(f"there is no shared column {name!r} in sql/bigquery/columns.yaml; it has {', '.join(shared)}")
    return {**shared[name], **{key: value for key, value in column.items() if key != "include"}}
