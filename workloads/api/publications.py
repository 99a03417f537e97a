"""The publication that a list's figures are of: its pages together are one publication's, or the next one is refused."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from psycopg import sql

from workloads.api.dependencies import Connection
from workloads.api.errors import ApiError, ErrorBody
from workloads.api.paging import utc
from workloads.marts.declaration import DATE

ANEW: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorBody, "description": "The figures were published anew since the first page: start again"}
}


class Publication(NamedTuple):
    """The newest one, as a list's answer and its page tokens name it; both empty before the first."""

    id: str
    as_of: str | None


async def newest(connection: Connection) -> Publication:
    query = "SELECT publication_id, as_of FROM report_publication ORDER BY published_at DESC LIMIT 1"
    row = await (await connection.execute(query)).fetchone()
    if row is None:
        return Publication("", None)
    return Publication(row["publication_id"], utc(row["as_of"]) if row["as_of"] else None)


async def refuse_mixture(
    connection: Connection, first_page: str, table: str, dates: tuple[date, date] | None = None
) -> None:
    """Let a page follow if the rows of `table`, those of `dates`, are what they were on the first page.

    Raises:
        ApiError: 409, a publication since has written some of them.
    """
    if (await newest(connection)).id == first_page:
        return
    among = sql.SQL("{} BETWEEN %(first)s AND %(last)s").format(sql.Identifier(DATE)) if dates else sql.SQL("true")
    rewritten = sql.SQL(
        "SELECT 1 FROM {} JOIN report_publication AS p USING (publication_id) WHERE {} AND p.published_at > coalesce("
        "(SELECT published_at FROM report_publication WHERE publication_id = %(first_page)s), '-infinity') LIMIT 1"
    ).format(sql.Identifier(table), among)
    first, last = dates or (None, None)
    cursor = await connection.execute(rewritten, {"first": first, "last": last, "first_page": first_page})
    if await cursor.fetchone():
        message = "page_token: these figures were published anew since the first page; leave it out to start again"
        raise ApiError(409, message, "page_token")
