"""The tables of the read model in Cloud SQL, one a mart that has one: made as the marts declare them.

What is missing is added, nothing is taken away or changed: during a deployment the version before works on the same
tables. A mart with another grain gets another `version`, and with it tables of its own.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from psycopg import sql

from workloads.marts.declaration import Column, Kind, Mart, reported

log = logging.getLogger(__name__)

_TYPES = {
    Kind.STRING: "text",
    Kind.INT64: "bigint",
    Kind.NUMERIC: "numeric",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamptz",
    Kind.BOOL: "boolean",
}
_PUBLICATION = Column(
    name="publication_id", type=Kind.STRING, mode="required", description="Publication that wrote the row."
)
# Of a table: each of its columns, with its place in the primary key or null.
_COLUMNS = """
SELECT a.attname, array_position(i.indkey::int2[], a.attnum) AS place
FROM pg_attribute AS a LEFT JOIN pg_index AS i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""


class OtherGrain(Exception):  # noqa: N818 - a state
    """A table of the read model is there with another key than its mart declares; says what to write."""


def ensure(connection: psycopg.Connection[Any]) -> None:
    """Create the tables that are missing, and add the columns that they lack.

    Raises:
        OtherGrain: a mart's grain is another one than its table's.
        psycopg.errors.InsufficientPrivilege: the user may not write the schema.
    """
    for mart in reported():
        rows = connection.execute(_COLUMNS, [mart.report]).fetchall()
        if not rows:
            connection.execute(_created(mart))
            log.info("created %s", mart.report)
            fresh = [*mart.columns]
        else:
            key = {name for name, place in rows if place is not None}
            if key != {*mart.grain}:
                raise OtherGrain(
                    f"sql/bigquery/marts/{mart.name}/mart.yaml: the grain is {', '.join(mart.grain)}, and the rows that are "
                    f"there have {', '.join(sorted(key))}; write `version: {mart.version + 1}` for tables of its own"
                )
            fresh = [column for column in mart.columns if column.name not in {name for name, _ in rows}]
            for column in fresh:  # nullable: the rows that are there have no value
                connection.execute(
                    sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                        sql.Identifier(mart.report), sql.Identifier(column.name), sql.SQL(_TYPES[column.type])
                    )
                )
                log.info("added %s to %s", column.name, mart.report)
        for column in fresh:
            connection.execute(
                sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                    sql.Identifier(mart.report), sql.Identifier(column.name), sql.Literal(column.description)
                )
            )


def _created(mart: Mart) -> sql.Composed:
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(_TYPES[column.type]),
            sql.SQL(" NOT NULL" if column.mode == "required" else ""),
        )
        for column in (*mart.columns, _PUBLICATION)
    ]
    return sql.SQL("CREATE TABLE {table} ({columns}, PRIMARY KEY ({key})); COMMENT ON TABLE {table} IS {said}").format(
        table=sql.Identifier(mart.report),
        columns=sql.SQL(", ").join(columns),
        key=sql.SQL(", ").join(map(sql.Identifier, mart.grain)),
        said=sql.Literal(mart.description),
    )


def reports() -> list[str]:
    """The tables of the read model that are derived from marts."""
    return [mart.report for mart in reported()]
