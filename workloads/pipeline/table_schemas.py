"""BigQuery's schemas of declared tables, and how the schema of a table that is there grows into what is declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.cloud import bigquery

_TYPES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
Fields = Sequence[bigquery.SchemaField]


def missing(current: Fields, wanted: Fields, at: str = "") -> Iterator[str]:
    """The names of wanted columns, and of fields within columns, that are not there."""
    there = {field.name: field for field in current}
    for field in wanted:
        if field.name not in there:
            yield f"{at}{field.name}"
        else:
            yield from missing(there[field.name].fields, field.fields, f"{at}{field.name}.")


def grown(current: Fields, wanted: Fields) -> list[bigquery.SchemaField]:
    """The columns that are there, with the missing ones behind them; those within a column likewise."""
    declared, there = {field.name: field for field in wanted}, {field.name for field in current}
    return [
        *(
            _with(field, grown(field.fields, declared[field.name].fields)) if field.name in declared else field
            for field in current
        ),
        *(_added(field) for field in wanted if field.name not in there),
    ]


def _with(field: bigquery.SchemaField, inner: Fields) -> bigquery.SchemaField:
    if list(field.fields) == list(inner):
        return field
    return bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "fields": [one.to_api_repr() for one in inner]})


def _added(field: bigquery.SchemaField) -> bigquery.SchemaField:
    """A new column: null in the rows that are there, for BigQuery adds no required one."""
    mode = "NULLABLE" if field.mode == "REQUIRED" else str(field.mode)
    return bigquery.SchemaField.from_api_repr({**field.to_api_repr(), "mode": mode})


def schema_field(column: Mapping[str, Any]) -> bigquery.SchemaField:
    """A column of a `table.yaml` as BigQuery has it."""
    kind = str(column["type"])
    return bigquery.SchemaField(
        column["name"],
        _TYPES.get(kind, kind),
        mode=str(column.get("mode", "nullable")).upper(),
        description=str(column.get("description") or ""),
        fields=[schema_field(inner) for inner in column.get("fields") or ()],
    )
