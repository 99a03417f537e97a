"""`/v1/inventory/summary` and `/attention`: how the shelves stand, and which to look at first."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from psycopg import sql
from pydantic import BaseModel, ConfigDict, Field

from workloads.api import positions
from workloads.api.arguments import Text
from workloads.api.dependencies import ConnectionDep, SettingsDep, require_caller
from workloads.api.errors import RESPONSES
from workloads.api.paging import Instant, decode_token, encode_token, foreign_token, respond
from workloads.api.positions import Item, Status
from workloads.api.routes.inventory import Paging

router = APIRouter(
    prefix="/v1/inventory", tags=["inventory"], dependencies=[Depends(require_caller)], responses=RESPONSES
)


class Where(BaseModel):
    """Which shelves; all given ones hold."""

    model_config = ConfigDict(extra="forbid")

    location_id: Text | None = Field(default=None, examples=["S01"])
    category: Text | None = Field(default=None, examples=["tops"])


class Counts(BaseModel):
    """How the shelves of a category stand at a location. A shelf is a SKU that ever had an event there."""

    location_id: str = Field(examples=["S01"])
    category: str = Field(examples=["tops"])
    shelves: int = Field(examples=[60])
    units: int = Field(description="Sum of on_hand where it is positive", examples=[1240])
    stockout: int = Field(description="Shelves of this status; so the next ones", examples=[3])
    low: int = Field(examples=[7])
    overstock: int = Field(examples=[12])
    ok: int = Field(examples=[38])


class Summary(BaseModel):
    items: list[Counts]
    next_page_token: None
    total: Counts = Field(description="Of all items; its location_id and category are `*`")
    as_of: Instant


_COUNTS = """
       count(*) AS shelves, coalesce(sum(greatest(on_hand, 0)), 0)::bigint AS units,
       count(*) FILTER (WHERE status = 'stockout') AS stockout, count(*) FILTER (WHERE status = 'low') AS low,
       count(*) FILTER (WHERE status = 'overstock') AS overstock, count(*) FILTER (WHERE status = 'ok') AS ok
"""


@router.get("/summary", response_model=Summary, summary="How the shelves stand, by location and category")
async def summary(
    request: Request, query: Annotated[Where, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """The heat map: how many shelves are out of stock, low, overstocked or fine."""
    given = query.model_dump(exclude_none=True)
    statement = sql.SQL(
        "SELECT coalesce(location_id, '*') AS location_id, coalesce(category, '*') AS category, {} FROM {}{}"
        " GROUP BY GROUPING SETS ((location_id, category), ()) ORDER BY 1, 2"
    ).format(sql.SQL(_COUNTS), positions.relation(few="location_id" in given), positions.where(given))
    rows = await (await connection.execute(statement, positions.parameters(settings) | given)).fetchall()
    total = next(row for row in rows if row["location_id"] == "*")
    items = [row for row in rows if row is not total]
    as_of = await positions.as_of(connection)
    return respond(request, {"items": items, "next_page_token": None, "total": total, "as_of": as_of})


class Attention(Paging, Where):
    """Which positions, worst first."""

    kind: Annotated[Status, Field(examples=["stockout"])] = Status.STOCKOUT


class Worst(Item):
    excess_units: int | None = Field(
        description="Of overstock: units beyond the days of cover at which stock is too much; else null", examples=[80]
    )


class WorstPage(BaseModel):
    items: list[Worst]
    next_page_token: str | None
    as_of: Instant


# Units, or days as units; the greatest first. What sold most is missed most; the shortest cover is the most pressing.
_RANKS: dict[Status, str] = {
    Status.STOCKOUT: "units::numeric",
    Status.LOW: "coalesce(-on_hand * %(days)s::numeric / nullif(units, 0), -1e9)",
    Status.OVERSTOCK: "(on_hand - floor(%(max_days_of_cover)s::numeric * units / %(days)s))",
    Status.OK: "units::numeric",
}


@router.get("/attention", response_model=WorstPage, summary="Positions of one status, the worst first")
async def attention(
    request: Request, query: Annotated[Attention, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """Out of stock by what sold most, low by the shortest cover, overstock by the most excess units."""
    after = decode_token(query.page_token, 3)
    given = query.model_dump(include={"location_id", "category", "kind"}, exclude_none=True)
    statement = sql.SQL(
        "SELECT * FROM (SELECT *, {} AS rank FROM {}{}) AS ranked"
        " WHERE %(rank)s::text IS NULL OR (-rank, location_id, sku) > (-(%(rank)s::numeric), %(after)s, %(after_sku)s)"
        " ORDER BY rank DESC, location_id, sku LIMIT %(limit)s"
    ).format(sql.SQL(_RANKS[query.kind]), positions.relation(few="location_id" in given), positions.where(given))
    rank, location_id, sku = after or (None, None, None)
    if rank is not None and not re.fullmatch(r"-?[0-9]{1,30}(\.[0-9]{1,30})?", rank):
        raise foreign_token()
    values = (
        positions.parameters(settings)
        | given
        | {
            "rank": rank,
            "after": location_id,
            "after_sku": sku,
            "limit": query.page_size + 1,
        }
    )
    rows = await (await connection.execute(statement, values)).fetchall()
    more, token, items = len(rows) > query.page_size, None, []
    for row in rows[: query.page_size]:
        rank = row.pop("rank")
        del row["location_kind"]
        excess = max(int(rank), 0) if query.kind is Status.OVERSTOCK else None
        items.append(positions.item(row) | {"excess_units": excess})
        token = encode_token(f"{rank:f}", row["location_id"], row["sku"])
    as_of = await positions.as_of(connection)
    return respond(request, {"items": items, "next_page_token": token if more else None, "as_of": as_of})
