"""A range of business dates beside the equally long one just before it: sums, periods and changes.

A date of the range before stands at the place of the date as many days later: so both have the same periods at any
grain, and the sums over them are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from psycopg import sql

from workloads.api.amounts import amount, share
from workloads.api.dependencies import Connection

_ZERO = Decimal(0)


class Span(StrEnum):
    """The period of a row; `total` is the whole range."""

    TOTAL = "total"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


Range = tuple[date, date]
Sums = dict[tuple[date | None, str | None, bool], dict[str, Decimal | None]]
"""By period, the dimension's value, and whether it is of the range before; see `complete` for the names of sums."""
_COMPLETE = "complete_"  # before the name of a sum over complete dates


async def sums(
    connection: Connection,
    dates: Range,
    grain: Span,
    by: str | None,
    table: str,
    columns: Sequence[str],
    where: dict[str, str],
    today: date,
    required: str | None = None,
) -> Sums:
    """Sums of `columns`, null where nothing but nulls was summed; rows without `required` are left out.

    Every sum comes twice: over the whole range, and over the dates before `today` with those that they stand beside.
    """
    first, last = dates
    period: sql.Composable = sql.SQL("NULL::date")
    if grain is not Span.TOTAL:
        # The week or month that the range begins in is its first period, whatever part of it the range has.
        period = sql.SQL("greatest(date_trunc({}, placed)::date, %(first)s::date)").format(str(grain))
    conditions: list[sql.Composable] = [
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(f"where_{name}")) for name in where
    ]
    if required:
        conditions.append(sql.SQL("{} IS NOT NULL").format(sql.Identifier(required)))
    statement = sql.SQL(
        "SELECT {period} AS period, {by} AS value, earlier, {sums} FROM ("
        " SELECT *, business_date < %(first)s AS earlier,"
        " CASE WHEN business_date < %(first)s THEN business_date + %(days)s ELSE business_date END AS placed"
        " FROM {table} WHERE business_date BETWEEN %(first)s - %(days)s AND %(last)s AND {conditions}"
        ") AS daily GROUP BY 1, 2, 3"
    ).format(
        period=period,
        by=sql.Identifier(by) if by else sql.SQL("NULL::text"),
        sums=sql.SQL(", ").join(
            sql.SQL("sum({0}) AS {0}, sum({0}) FILTER (WHERE placed < %(today)s) AS {1}").format(
                sql.Identifier(column), sql.Identifier(_COMPLETE + column)
            )
            for column in columns
        ),
        table=sql.Identifier(table),
        conditions=sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true"),
    )
    values: dict[str, Any] = {"first": first, "last": last, "days": (last - first).days + 1, "today": today}
    values |= {f"where_{name}": value for name, value in where.items()}
    cursor = await connection.execute(statement, values)
    names = [prefix + column for column in columns for prefix in ("", _COMPLETE)]
    return {(row["period"], row["value"], row["earlier"]): {n: row[n] for n in names} async for row in cursor}


def complete(row: dict[str, Decimal | None]) -> dict[str, Decimal | None]:
    """Of the sums of a row those over complete dates, under their plain names."""
    return {name.removeprefix(_COMPLETE): value for name, value in row.items() if name.startswith(_COMPLETE)}


Figures = dict[str, Decimal | int | str | None]


def gmv_figures(row: dict[str, Decimal | None]) -> Figures:
    gmv, discounts, orders = (row.get(name) or _ZERO for name in ("gmv", "discounts", "orders"))
    return {
        **{name: row.get(name) or _ZERO for name in ("gmv", "discounts", "returns", "net_sales")},
        "orders": int(orders),
        "units": int(row.get("units") or 0),
        "discount_rate": share(discounts, gmv + discounts),
        "average_order": share(gmv, orders),
    }


def margin_figures(row: dict[str, Decimal | None]) -> Figures:
    net_sales = row.get("net_sales")
    unknown = net_sales is not None and row.get("cogs") is None
    measures = {name: None if unknown else row.get(name) or _ZERO for name in ("cogs", "gross_profit")}
    return {
        "net_sales": net_sales or _ZERO,
        **measures,
        "gross_margin": share(measures["gross_profit"], net_sales),
    }


def change(now: Figures, then: Figures, differences: Sequence[str]) -> dict[str, str | None]:
    """How each figure moved: its share of what it was, and of `differences` the difference; null from 0."""
    changes: dict[str, str | None] = {}
    for name, value in now.items():
        new, old = (None if v is None else Decimal(v) for v in (value, then[name]))
        if new is None or old is None:
            changes[name] = None
        elif name in differences:
            changes[name] = f"{new - old:.9f}"
        else:
            changes[name] = share(new - old, old)
    return changes


def written(figures: Figures) -> dict[str, Any]:
    return {name: amount(value) if isinstance(value, Decimal) else value for name, value in figures.items()}


def periods(first: date, last: date, grain: Span) -> list[date | None]:
    """The first date of each period of the range; the first and the last one may be cut."""
    if grain is Span.TOTAL:
        return [None]
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    begins: Callable[[date], bool] = {
        Span.DAY: lambda day: True,
        Span.WEEK: lambda day: day.weekday() == 0,
        Span.MONTH: lambda day: day.day == 1,
    }[grain]
    return [day for day in days if day == first or begins(day)]
