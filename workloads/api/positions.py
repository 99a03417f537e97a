"""Live positions: on hand of a location and SKU with the contract's measures, read from Cloud SQL.

`avg_daily_units` counts the 28 business dates before today, sales plus transfers out; a position without any of
them is of status `overstock` ("nothing sold"), unless it is `stockout` or `low` first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

from psycopg import sql
from pydantic import BaseModel, Field

from workloads.api.dependencies import Connection
from workloads.api.measures import ratio
from workloads.api.paging import Instant, utc
from workloads.api.settings import Settings

WINDOW_DAYS = 28


class Status(StrEnum):
    """The first that fits, in this order."""

    STOCKOUT = "stockout"
    LOW = "low"
    OVERSTOCK = "overstock"
    OK = "ok"


class Item(BaseModel):
    """Stock of a SKU at a location."""

    location_id: str = Field(examples=["S01"])
    location_name: str | None = Field(description="Null: the catalogue does not know the location")
    sku: str = Field(examples=["TOP-01-WHT-S"])
    name: str | None = Field(description="Null, as are style, size and colour: the catalogue does not know the SKU")
    category: str = Field(description="`unknown`: the catalogue does not know the SKU", examples=["tops"])
    style: str | None
    size: str | None
    colour: str | None
    on_hand: int = Field(description="Units; negative where more was sold than received", examples=[12])
    reorder_point: int = Field(examples=[5])
    avg_daily_units: str = Field(
        description="Units a day over the 28 business dates before today", examples=["0.750000000"]
    )
    days_of_cover: str | None = Field(description="Null: nothing left in the 28 dates", examples=["16.000000000"])
    status: Status = Field(examples=["ok"])
    counted_at: Instant | None = Field(description="The latest stock count; null: never counted")
    updated_at: Instant = Field(description="When the latest event was applied")


class Page(BaseModel):
    """A page of positions, by location and SKU."""

    items: list[Item]
    next_page_token: str | None = Field(description="Give it as `page_token` for the next page; null: this is the last")
    as_of: Instant = Field(description="When the database was read")


_RELATION: LiteralString = """
(
    SELECT h.location_id, l.name AS location_name, l.kind AS location_kind, h.sku, p.name,
           coalesce(p.category, 'unknown') AS category, p.style, p.size, p.colour, h.quantity AS on_hand,
           coalesce(p.reorder_point, %(reorder_point)s) AS reorder_point, coalesce(u.units, 0) AS units,
           CASE WHEN h.quantity <= 0 THEN 'stockout'
                WHEN h.quantity <= coalesce(p.reorder_point, %(reorder_point)s) THEN 'low'
                WHEN coalesce(u.units, 0) = 0 OR h.quantity * %(days)s > %(max_days_of_cover)s::numeric * u.units
                    THEN 'overstock'
                ELSE 'ok'
           END AS status,
           h.counted_at, h.updated_at
    FROM on_hand AS h
    LEFT JOIN product AS p ON p.sku = h.sku
    LEFT JOIN location AS l ON l.location_id = h.location_id
    {units}
) AS position
"""

_UNITS: LiteralString = """
    SELECT d.location_id, d.sku, sum(d.sold + d.transferred_out)::bigint AS units
    FROM daily_units AS d
    WHERE d.business_date >= (now() AT TIME ZONE %(timezone)s)::date - %(days)s
      AND d.business_date < (now() AT TIME ZONE %(timezone)s)::date
"""
_UNITS_OF_EACH = sql.SQL(
    "LEFT JOIN LATERAL ({} AND d.location_id = h.location_id AND d.sku = h.sku GROUP BY 1, 2) AS u ON true"
).format(sql.SQL(_UNITS))
_UNITS_OF_ALL = sql.SQL("LEFT JOIN ({} GROUP BY 1, 2) AS u ON u.location_id = h.location_id AND u.sku = h.sku").format(
    sql.SQL(_UNITS)
)

_COLUMNS: LiteralString = """
location_id, location_name, sku, name, category, style, size, colour, on_hand, reorder_point, units, status,
counted_at, updated_at
"""

_CONDITIONS: dict[str, LiteralString] = {
    "location_id": "location_id = %(location_id)s",
    "sku": "sku = %(sku)s",
    "category": "category = %(category)s",
    "sized": "style IS NOT NULL AND size IS NOT NULL AND location_kind IS DISTINCT FROM 'warehouse'",
    "kind": "status = %(kind)s",
    "statuses": "status = ANY(%(statuses)s)",
    "after": "(location_id, sku) > (%(after_location)s, %(after_sku)s)",
    "positions": "(location_id, sku) IN (SELECT * FROM unnest(%(locations)s::text[], %(skus)s::text[]))",
}


def relation(*, few: bool = False) -> sql.Composable:
    """Every position with its measures, as a table expression whose parameters are those of `parameters`.

    Args:
        few: what is asked for is a small part: demand is then looked up for each position, else for all at once.
    """
    return sql.SQL(_RELATION).format(units=_UNITS_OF_EACH if few else _UNITS_OF_ALL)


def parameters(settings: Settings) -> dict[str, Any]:
    """What `relation` is given."""
    return {
        "reorder_point": settings.reorder_point,
        "max_days_of_cover": settings.max_days_of_cover,
        "timezone": settings.timezone,
        "days": WINDOW_DAYS,
    }


def where(given: Iterable[str]) -> sql.Composable:
    """The WHERE clause of the named conditions, whose parameters have their names."""
    conditions = [sql.SQL(_CONDITIONS[name]) for name in given]
    return sql.SQL(" WHERE ") + sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("")


async def fetch(
    connection: Connection,
    settings: Settings,
    *,
    limit: int | None = None,
    after: tuple[str, ...] | None = None,
    positions: Sequence[tuple[str, str]] | None = None,
    statuses: Sequence[Status] | None = None,
    **equals: str | None,
) -> list[dict[str, Any]]:
    """Return positions as JSON-ready dicts in the form of `Item`, by location and SKU.

    Args:
        limit: return at most so many.
        after: start behind this (location_id, sku).
        positions: return only these.
        statuses: return only those of one of these statuses.
        equals: `location_id`, `sku` and `category`; None does not restrict.
    """
    given = {name: value for name, value in equals.items() if value is not None}
    values: dict[str, Any] = parameters(settings) | given
    conditions = list(given)
    if after is not None:
        values |= {"after_location": after[0], "after_sku": after[1]}
        conditions.append("after")
    if positions is not None:
        values |= {"locations": [p[0] for p in positions], "skus": [p[1] for p in positions]}
        conditions.append("positions")
    if statuses is not None:
        values["statuses"] = [str(status) for status in statuses]
        conditions.append("statuses")
    few = positions is not None or limit is not None or bool(given)
    query = sql.SQL("SELECT {} FROM {}{}").format(sql.SQL(_COLUMNS), relation(few=few), where(conditions))
    query += sql.SQL(" ORDER BY location_id, sku")
    if limit is not None:
        values["limit"] = limit
        query += sql.SQL(" LIMIT %(limit)s")
    return [item(row) async for row in await connection.execute(query, values)]


def item(row: dict[str, Any]) -> dict[str, Any]:
    """A row of `RELATION` in the form of `Item`."""
    units = row.pop("units")
    counted_at: datetime | None = row["counted_at"]
    return row | {
        "avg_daily_units": ratio(units, WINDOW_DAYS),
        "days_of_cover": ratio(row["on_hand"] * WINDOW_DAYS, units),
        "counted_at": None if counted_at is None else utc(counted_at),
        "updated_at": utc(row["updated_at"]),
    }


async def as_of(connection: Connection) -> str:
    """Return the instant of the transaction's snapshot."""
    row = await (await connection.execute("SELECT now() AS now")).fetchone()
    assert row is not None
    return utc(row["now"])
