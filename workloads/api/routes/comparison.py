"""`/v1/reports/comparison/…`: a range of business dates beside the equally long one just before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from workloads.api.arguments import BusinessDate, Text
from workloads.api.comparing import (
    Figures,
    Range,
    Span,
    Sums,
    change,
    complete,
    gmv_figures,
    margin_figures,
    periods,
    sums,
    written,
)
from workloads.api.dependencies import Connection, ConnectionDep, SettingsDep, require_caller
from workloads.api.errors import RESPONSES, ApiError
from workloads.api.paging import Instant, respond, utc
from workloads.api.report_days import Revised, Running, revised, running, today
from workloads.api.routes.reports import GMV_DIMENSIONS, dates_of
from workloads.api.settings import Settings

router = APIRouter(
    prefix="/v1/reports/comparison", tags=["reports"], dependencies=[Depends(require_caller)], responses=RESPONSES
)

MAX_DATES = 1100  # three years: what a page draws, and no answer grows beyond bounds


class GmvDimension(StrEnum):
    CUSTOMER_TYPE = "customer_type"
    CATEGORY = "category"
    CHANNEL = "channel"
    LOCATION_ID = "location_id"


class MarginComparisonQuery(BaseModel):
    """Which business dates and rows."""

    model_config = ConfigDict(extra="forbid")

    from_: BusinessDate | None = Field(
        default=None, alias="from", description="First business date; 28 dates without it"
    )
    to: BusinessDate | None = Field(default=None, description="Last business date; today without it")
    grain: Span = Span.TOTAL
    by: Annotated[str | None, Field(pattern="^category$", description="category; without it one row a period")] = None
    category: Text | None = Field(default=None, examples=["tops"])


class GmvComparisonQuery(MarginComparisonQuery):
    by: GmvDimension | None = Field(default=None, description="One dimension; without it one row a period")
    customer_type: Text | None = Field(default=None, examples=["returning"])
    channel: Text | None = Field(default=None, examples=["store"])
    location_id: Text | None = Field(default=None, examples=["S01"])


class GmvFigures(BaseModel):
    gmv: str = Field(examples=["1204.50"])
    discounts: str = Field(examples=["60.00"])
    returns: str = Field(examples=["35.00"])
    net_sales: str = Field(examples=["1169.50"])
    orders: int = Field(examples=[31])
    units: int = Field(examples=[58])
    discount_rate: str | None = Field(description="discounts / (gmv + discounts)", examples=["0.047449585"])
    average_order: str | None = Field(description="gmv / orders", examples=["38.854838710"])


class GmvChange(BaseModel):
    """(current - before) / before over complete dates, null where before is 0; of `discount_rate` current - before."""

    gmv: str | None = Field(examples=["0.120000000"])
    discounts: str | None
    returns: str | None
    net_sales: str | None
    orders: str | None
    units: str | None
    discount_rate: str | None
    average_order: str | None


class MarginFigures(BaseModel):
    """Nulls where costs are not known."""

    net_sales: str = Field(examples=["1169.50"])
    cogs: str | None = Field(examples=["480.10"])
    gross_profit: str | None = Field(examples=["689.40"])
    gross_margin: str | None = Field(examples=["0.589482685"])


class MarginChange(BaseModel):
    """(current - before) / before over complete dates, null where before is 0; of `gross_margin` current - before."""

    net_sales: str | None
    cogs: str | None
    gross_profit: str | None
    gross_margin: str | None


_COMPARED = "The figures of complete dates alone, that the change is of; null where the period has no complete date"


class _Row(BaseModel):
    business_date: date | None = Field(description="The period's first date; null with grain `total`")
    value: str | None = Field(description="Of the dimension asked for; else null", examples=["tops"])


class GmvCompared(BaseModel):
    """What a change is reckoned from: the complete dates of a period, and the dates that they stand beside."""

    current: GmvFigures
    before: GmvFigures


class GmvRow(_Row):
    current: GmvFigures
    before: GmvFigures
    compared: GmvCompared | None = Field(description=_COMPARED)
    change: GmvChange


class MarginCompared(BaseModel):
    """What a change is reckoned from: the complete dates of a period, and the dates that they stand beside."""

    current: MarginFigures
    before: MarginFigures


class MarginRow(_Row):
    current: MarginFigures
    before: MarginFigures
    compared: MarginCompared | None = Field(description=_COMPARED)
    change: MarginChange


class Dates(BaseModel):
    first: date
    last: date
    complete: bool = Field(
        description="False: figures begin later than this range, or half of its dates or more have none"
    )


class ComparedDates(BaseModel):
    """The complete business dates of the range, and those of the range before that they stand beside."""

    first: date
    last: date
    before_first: date
    before_last: date


class _Comparison(BaseModel):
    current: Dates
    before: Dates
    compared: ComparedDates | None = Field(description="What changes are of; null: no date of the range is over")
    running: Running
    revised: list[Revised] = Field(description="Dates of either range that late data changed")
    next_page_token: None
    as_of: Instant | None = Field(description="Publish time of the newest event in the figures; null: never published")


class GmvComparison(_Comparison):
    items: list[GmvRow]


class MarginComparison(_Comparison):
    items: list[MarginRow]


@router.get("/gmv", response_model=GmvComparison, summary="GMV, discounts and orders against the period before")
async def gmv(
    request: Request, query: Annotated[GmvComparisonQuery, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """Every period of the range has a row for each value that occurs in either range, with zeros where nothing was."""
    by = query.by and str(query.by)
    where = {name: value for name in GMV_DIMENSIONS if (value := getattr(query, name)) is not None}
    # Orders are distinct in either table only as the reports' are: see `gmv` in reports.py.
    orders = "report_gmv_daily" if by == "category" or "category" in where else "report_orders_daily"
    amounts = ("gmv", "discounts", "returns", "net_sales", "units")
    dates, now = _dates_of(query, settings), today(settings)
    rows = await sums(connection, dates, query.grain, by, "report_gmv_daily", amounts, where, now)
    for key, row in (await sums(connection, dates, query.grain, by, orders, ("orders",), where, now)).items():
        rows.setdefault(key, {}).update(row)
    return await _answer(request, connection, settings, dates, query.grain, by, rows, gmv_figures, ("discount_rate",))


@router.get("/margin", response_model=MarginComparison, summary="Gross margin against the period before")
async def margin(
    request: Request, query: Annotated[MarginComparisonQuery, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """As for GMV. Without `by` the rows are of the categories whose costs are known: `unknown` is not in them."""
    where = {} if query.category is None else {"category": query.category}
    dates, now = _dates_of(query, settings), today(settings)
    every_category = query.by is None and query.category is None
    columns = ("net_sales", "cogs", "gross_profit")
    cost = "cogs" if every_category else None
    rows = await sums(
        connection, dates, query.grain, query.by, "report_margin_daily", columns, where, now, required=cost
    )
    return await _answer(
        request, connection, settings, dates, query.grain, query.by, rows, margin_figures, ("gross_margin",)
    )


def _dates_of(query: MarginComparisonQuery, settings: Settings) -> Range:
    first, last = dates_of(query.from_, query.to, settings)
    if (last - first).days >= MAX_DATES:
        raise ApiError(400, f"from: {first} to {last} are more than {MAX_DATES} dates", "from")
    return first, last


async def _answer(
    request: Request,
    connection: Connection,
    settings: Settings,
    dates: Range,
    grain: Span,
    by: str | None,
    summed: Sums,
    figures: Callable[[dict[str, Decimal | None]], Figures],
    differences: Sequence[str],
) -> Response:
    first, last = dates
    values = sorted({value for _, value, _ in summed if value is not None}) if by else [None]
    over = min(last, today(settings) - timedelta(1))  # the last complete date
    items = []
    for period in periods(first, last, grain):
        for value in values:
            rows = [summed.get((period, value, earlier), {}) for earlier in (False, True)]
            now, then = (figures(complete(row)) for row in rows)
            whole = {"current": written(now), "before": written(then)} if (period or first) <= over else None
            items.append(
                {
                    "business_date": period,
                    "value": value,
                    "current": written(figures(rows[0])),
                    "before": written(figures(rows[1])),
                    "compared": whole,
                    "change": change(now, then, differences) if whole else dict.fromkeys(now),
                }
            )
    days = timedelta((last - first).days + 1)
    before = (first - days, first - timedelta(1))
    compared = {"first": first, "last": over, "before_first": before[0], "before_last": over - days}
    traded = await (await connection.execute(_TRADED, {"first": first, "last": last, "before": before[0]})).fetchone()
    assert traded is not None
    published = await (
        await connection.execute("SELECT as_of FROM report_publication ORDER BY published_at DESC LIMIT 1")
    ).fetchone()
    body = {
        "current": _dates(first, last, traded["since"], traded["current"]),
        "before": _dates(*before, traded["since"], traded["before"]),
        "compared": compared if first <= over else None,
        "running": running(first, last, settings),
        "revised": await revised(connection, before[0], last),
        "items": items,
        "next_page_token": None,
        "as_of": utc(published["as_of"]) if published and published["as_of"] else None,
    }
    return respond(request, body)


_TRADED = """
SELECT (SELECT min(business_date) FROM report_gmv_daily) AS since,
       count(DISTINCT business_date) FILTER (WHERE business_date >= %(first)s) AS current,
       count(DISTINCT business_date) FILTER (WHERE business_date < %(first)s) AS before
FROM report_gmv_daily WHERE business_date BETWEEN %(before)s AND %(last)s
"""


def _dates(first: date, last: date, since: date | None, traded: int) -> dict[str, Any]:
    """A range, complete when figures begin no later and most of its dates have some.

    A shop is closed on some dates. A sale that a wrong clock dated a year back makes no range complete.
    """
    days = (last - first).days + 1
    return {"first": first, "last": last, "complete": since is not None and since <= first and 2 * traded > days}
