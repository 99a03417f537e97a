"""The read model in Cloud SQL: what the API's reports show, written in one transaction a publication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from workloads.marts import MARTS, Mart, reported
from workloads.marts.declaration import DATE
from workloads.pipeline import revisions, statements
from workloads.pipeline.warehouse import WarehouseClient, literal


def publish(connection: psycopg.Connection[DictRow], warehouse: WarehouseClient, zone: str) -> None:
    """Bring the reports to the newest publication of the marts.

    The dates of every publication that is not here yet are replaced together, so that a run which was killed
    between the marts and here is made up for by the next one; a mart that is published as a whole is replaced as a whole.
    Readers see all of it or none. `zone` is the time zone of
    business dates, by which a date is over.
    """
    stored = {row["publication_id"] for row in connection.execute("SELECT publication_id FROM report_publication")}
    published = warehouse.query(
        "SELECT publication_id, run_id, published_at, as_of, first_date, last_date "
        "FROM ${marts}.publications ORDER BY published_at"
    )
    missing = [row for row in published if row["publication_id"] not in stored]
    if not missing:
        return
    newest = missing[-1]
    dated = [row for row in missing if row["first_date"] is not None]
    first = min((row["first_date"] for row in dated), default=None)
    last = max((row["last_date"] for row in dated), default=None)
    reports = {mart.name: _rows(warehouse, mart, first, last) for mart in reported() if dated or not mart.by_date}
    with connection.transaction():
        before = revisions.digests(connection, first, last) if first and last else {}
        for name, rows in reports.items():
            mart = MARTS[name]
            table = sql.Identifier(mart.report)
            if mart.by_date:
                dates = sql.SQL("DELETE FROM {} WHERE {} BETWEEN %s AND %s").format(table, sql.Identifier(DATE))
                connection.execute(dates, [first, last])
            else:
                connection.execute(sql.SQL("DELETE FROM {}").format(table))
            _copy(connection, mart.report, rows, newest["publication_id"])
        for row in missing:
            connection.execute(
                "INSERT INTO report_publication (publication_id, run_id, published_at, as_of) VALUES (%s, %s, %s, %s)",
                [row["publication_id"], row["run_id"], row["published_at"], row["as_of"]],
            )
        after = revisions.digests(connection, first, last) if first and last else {}
        revisions.mark(connection, before, after, newest, zone)


def _rows(warehouse: WarehouseClient, mart: Mart, first: date | None, last: date | None) -> list[dict[str, Any]]:
    """What was published of a mart: on the dates from `first` to `last`, or all of it."""
    dates = f"{DATE} BETWEEN {literal(first)} AND {literal(last)}" if mart.by_date and first and last else "TRUE"
    columns = ", ".join(column.name for column in mart.columns)
    return warehouse.query(statements.REPORT % {"columns": columns, "table": mart.table, "rows": dates})


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
