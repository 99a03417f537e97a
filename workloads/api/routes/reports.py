"""`/v1/reports`: GMV and gross margin from the read model that a publication writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from psycopg import sql
from pydantic import BaseModel, Field

from workloads.api.amounts import amount, share
from workloads.api.arguments import BusinessDate
from workloads.api.dependencies import Connection, ConnectionDep, SettingsDep, require_caller
from workloads.api.errors import RESPONSES, ApiError
from workloads.api.paging import Instant, decode_token, encode_token, foreign_token, respond
from workloads.api.publications import ANEW, newest, refuse_mixture
from workloads.api.report_days import Revised, Running, revised, running, today
from workloads.api.routes.inventory import Paging
from workloads.api.settings import Settings
from workloads.runtime.dates import parse_date

router = APIRouter(
    prefix="/v1/reports", tags=["reports"], dependencies=[Depends(require_caller)], responses={**RESPONSES, **ANEW}
)

DEFAULT_DAYS = 28
GMV_DIMENSIONS = ("customer_type", "category", "channel", "location_id")


class Grain(StrEnum):
    """The period of a row; weeks start on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Range(Paging):
    """Which business dates, at which grain."""

    from_: BusinessDate | None = Field(
        default=None, alias="from", description="First business date; 28 dates without it"
    )
    to: BusinessDate | None = Field(default=None, description="Last business date; today without it")
    grain: Grain = Grain.DAY


class GmvQuery(Range):
    by: str = Field(default="", description=f"Any of {', '.join(GMV_DIMENSIONS)}, separated by commas")


class MarginQuery(Range):
    by: str = Field(default="category", description="category", pattern="^category$")


class Gmv(BaseModel):
    """One period, and one value of each dimension asked for."""

    business_date: date = Field(description="The period's first date")
    customer_type: str | None = Field(default=None, examples=["returning"])
    category: str | None = Field(default=None, examples=["tops"])
    channel: str | None = Field(default=None, examples=["store"])
    location_id: str | None = Field(default=None, examples=["S01"])
    gmv: str = Field(examples=["1204.50"])
    discounts: str = Field(examples=["60.00"])
    returns: str = Field(examples=["35.00"])
    net_sales: str = Field(examples=["1169.50"])
    orders: int = Field(description="Distinct transactions with a sold line, at the grain asked for", examples=[31])
    units: int = Field(examples=[58])


class Margin(BaseModel):
    """One period and category; nulls where costs are not known."""

    business_date: date = Field(description="The period's first date")
    category: str = Field(examples=["tops"])
    net_sales: str = Field(examples=["1169.50"])
    discounts: str = Field(examples=["60.00"])
    cogs: str | None = Field(examples=["480.10"])
    gross_profit: str | None = Field(examples=["689.40"])
    gross_margin: str | None = Field(examples=["0.589482685"])


class _Page(BaseModel):
    next_page_token: str | None
    as_of: Instant | None = Field(description="Publish time of the newest event in the figures; null: never published")
    running: Running
    revised: list[Revised] = Field(description="Dates of the whole range that late data changed, on every page")


class GmvPage(_Page):
    items: list[Gmv]


class MarginPage(_Page):
    items: list[Margin]


@router.get("/gmv", response_model=GmvPage, response_model_exclude_unset=True, summary="GMV, returns and orders")
async def gmv(
    request: Request, query: Annotated[GmvQuery, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """Sales by period and any of customer type, category, channel and location."""
    by = [part for part in query.by.split(",") if part]
    for part in by:
        if part not in GMV_DIMENSIONS:
            raise ApiError(400, f"by: {part!r} is not one of {', '.join(GMV_DIMENSIONS)}", "by")
    if len(set(by)) != len(by):
        raise ApiError(400, "by: names a dimension twice", "by")
    amounts = [
        sql.SQL("sum({0}) AS {0}").format(sql.Identifier(m)) for m in ("gmv", "discounts", "returns", "net_sales")
    ]
    # A transaction has one date, customer type, channel and location, but lines of several categories: only with
    # the category is a sum over the daily rows of both distinct.
    orders = "report_gmv_daily" if "category" in by else "report_orders_daily"
    rows = await _page(connection, settings, query, by, "report_gmv_daily", [*amounts, sql.SQL("sum(units) AS units")])
    counts = await _orders(connection, settings, query, by, orders)
    items = [
        {
            **_key(row, by),
            **{m: amount(row[m]) for m in ("gmv", "discounts", "returns", "net_sales")},
            "orders": counts.get(tuple(_key(row, by).values()), 0),
            "units": int(row["units"]),
        }
        for row in rows[: query.page_size]
    ]
    return await _answer(request, connection, settings, query, by, items, more=len(rows) > query.page_size)


@router.get("/margin", response_model=MarginPage, summary="Gross margin by category")
async def margin(
    request: Request, query: Annotated[MarginQuery, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """Gross profit and margin by period and category. Costs of category `unknown` are not known."""
    columns = [
        sql.SQL("sum({0}) AS {0}").format(sql.Identifier(m)) for m in ("net_sales", "discounts", "cogs", "gross_profit")
    ]
    rows = await _page(connection, settings, query, ["category"], "report_margin_daily", columns)
    items = [
        {
            **_key(row, ["category"]),
            **{m: amount(row[m]) for m in ("net_sales", "discounts", "cogs", "gross_profit")},
            "gross_margin": share(row["gross_profit"], row["net_sales"]),
        }
        for row in rows[: query.page_size]
    ]
    return await _answer(request, connection, settings, query, ["category"], items, more=len(rows) > query.page_size)


def dates_of(first: date | None, last: date | None, settings: Settings) -> tuple[date, date]:
    """The business dates asked for; without them the last 28.

    Raises:
        ApiError: 400, the first is after the last.
    """
    last = last or today(settings)
    first = first or last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise ApiError(400, f"from: {first} is after {last}", "from")
    return first, last


def _period(grain: Grain) -> sql.Composable:
    return sql.SQL("date_trunc({}, business_date)::date").format(grain.value)


async def _page(
    connection: Connection,
    settings: Settings,
    query: Range,
    by: Sequence[str],
    table: str,
    columns: Sequence[sql.Composable],
) -> list[dict[str, Any]]:
    """One row more than a page, in the order of period and dimensions, after the page token's row."""
    first, last = dates_of(query.from_, query.to, settings)
    names = [sql.Identifier(name) for name in ("period", *by)]
    after: sql.Composable = sql.SQL("true")
    values: dict[str, Any] = {"first": first, "last": last, "limit": query.page_size + 1}
    if token := decode_token(query.page_token, 2 + len(by)):
        first_page, *key = token
        try:
            parse_date(key[0])
        except ValueError:
            raise foreign_token() from None
        await refuse_mixture(connection, first_page, table, (first, last))
        values |= {f"after_{place}": part for place, part in enumerate(key)}
        places = [sql.SQL("%(after_0)s::date"), *(sql.Placeholder(f"after_{n}") for n in range(1, len(key)))]
        after = sql.SQL("({}) > ({})").format(sql.SQL(", ").join(names), sql.SQL(", ").join(places))
    statement = sql.SQL(
        "SELECT * FROM (SELECT {period} AS period, {dimensions} {columns} FROM {table}"
        " WHERE business_date BETWEEN %(first)s AND %(last)s GROUP BY {group}) AS grouped"
        " WHERE {after} ORDER BY {names} LIMIT %(limit)s"
    ).format(
        period=_period(query.grain),
        dimensions=sql.SQL("").join(
            sql.SQL('{} COLLATE "C" AS {}, ').format(sql.Identifier(n), sql.Identifier(n)) for n in by
        ),
        columns=sql.SQL(", ").join(columns),
        table=sql.Identifier(table),
        group=sql.SQL(", ").join([sql.SQL("1"), *(sql.Identifier(name) for name in by)]),
        after=after,
        names=sql.SQL(", ").join(names),
    )
    cursor = await connection.execute(statement, values)
    return await cursor.fetchall()


async def _orders(
    connection: Connection, settings: Settings, query: Range, by: Sequence[str], table: str
) -> dict[tuple[Any, ...], int]:
    """Distinct orders by period and dimensions."""
    first, last = dates_of(query.from_, query.to, settings)
    statement = sql.SQL(
        "SELECT {period} AS period, {dimensions} sum(orders) AS orders FROM {table}"
        " WHERE business_date BETWEEN %s AND %s GROUP BY {group}"
    ).format(
        period=_period(query.grain),
        dimensions=sql.SQL("").join(sql.SQL("{}, ").format(sql.Identifier(name)) for name in by),
        table=sql.Identifier(table),
        group=sql.SQL(", ").join([sql.SQL("1"), *(sql.Identifier(name) for name in by)]),
    )
    cursor = await connection.execute(statement, [first, last])
    return {tuple(_key(row, by).values()): int(row["orders"]) async for row in cursor}


def _key(row: dict[str, Any], by: Sequence[str]) -> dict[str, str]:
    return {"business_date": row["period"].isoformat(), **{name: row[name] for name in by}}


async def _answer(
    request: Request,
    connection: Connection,
    settings: Settings,
    query: Range,
    by: Sequence[str],
    items: list[dict[str, Any]],
    *,
    more: bool,
) -> Response:
    publication = await newest(connection)
    (first_page, *_) = decode_token(query.page_token, 2 + len(by)) or publication
    token = encode_token(first_page, *(items[-1][name] for name in ("business_date", *by))) if more else None
    first, last = dates_of(query.from_, query.to, settings)
    body = {
        "items": items,
        "next_page_token": token,
        "as_of": publication.as_of,
        "running": running(first, last, settings),
        "revised": await revised(connection, first, last),
    }
    return respond(request, body)
