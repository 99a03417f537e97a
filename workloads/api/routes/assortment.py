"""`/v1/inventory/size-runs` and `/transfers`: what is missing on the shelves, and from where to fill them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from psycopg import sql
from pydantic import BaseModel, Field

from workloads.api import positions
from workloads.api.arguments import Text
from workloads.api.dependencies import ConnectionDep, SettingsDep, require_caller
from workloads.api.errors import RESPONSES
from workloads.api.measures import ratio
from workloads.api.paging import Instant, decode_token, encode_token, foreign_token, respond
from workloads.api.positions import WINDOW_DAYS, Status
from workloads.api.routes.inventory import Paging
from workloads.api.settings import Settings
from workloads.api.transfers import Shelf, suggest

router = APIRouter(
    prefix="/v1/inventory", tags=["inventory"], dependencies=[Depends(require_caller)], responses=RESPONSES
)

_SIZES = ("XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL")


class Slice(Paging):
    """Which part of a list that is made anew for each request: its pages may overlap when stock moves between them."""

    location_id: Text | None = Field(default=None, examples=["S01"])
    category: Text | None = Field(default=None, examples=["tops"])


class Size(BaseModel):
    size: str = Field(examples=["M"])
    sku: str = Field(examples=["TOP-01-WHT-M"])
    on_hand: int = Field(examples=[0])
    status: Status


class SizeRun(BaseModel):
    """A style in one colour at a branch that lacks some of its sizes and has others."""

    location_id: str = Field(examples=["S01"])
    location_name: str | None
    category: str = Field(examples=["tops"])
    style: str = Field(examples=["TOP-01"])
    colour: str | None = Field(examples=["white"])
    name: str = Field(description="What the products' names have in common", examples=["Boxy Tee, white"])
    missing: int = Field(description="Sizes out of stock", examples=[1])
    missing_daily_units: str = Field(
        description="What the missing sizes moved a day in the 28 dates", examples=["0.750000000"]
    )
    sizes: list[Size] = Field(description="Every size the branch ever had, small to large")


class SizeRunPage(BaseModel):
    items: list[SizeRun]
    next_page_token: str | None
    as_of: Instant


_SIZE_RUNS = """
SELECT location_id, location_name, category, style, colour, array_agg(name) AS names,
       count(*) FILTER (WHERE status = 'stockout') AS missing,
       coalesce(sum(units) FILTER (WHERE status = 'stockout'), 0)::bigint AS units,
       json_agg(json_build_object('size', size, 'sku', sku, 'on_hand', on_hand, 'status', status)) AS sizes
FROM {relation}
{where}
GROUP BY location_id, location_name, category, style, colour
HAVING bool_or(status = 'stockout') AND bool_or(status <> 'stockout')
ORDER BY units DESC, missing DESC, location_id, category, style, colour
"""


@router.get("/size-runs", response_model=SizeRunPage, summary="Broken size runs, by what the missing sizes sold")
async def size_runs(
    request: Request, query: Annotated[Slice, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """Styles of which a branch has some sizes and not others: who wants the missing one leaves without."""
    given = query.model_dump(include={"location_id", "category"}, exclude_none=True)
    statement = sql.SQL(_SIZE_RUNS).format(
        relation=positions.relation(few="location_id" in given), where=positions.where(["sized", *given])
    )
    rows = await (await connection.execute(statement, positions.parameters(settings) | given)).fetchall()
    page, token = _slice(rows, query)
    items = [_size_run(row) for row in page]
    return respond(request, {"items": items, "next_page_token": token, "as_of": await positions.as_of(connection)})


def _size_run(row: dict[str, Any]) -> dict[str, Any]:
    names, units = row.pop("names"), row.pop("units")
    return row | {
        "name": _common(names) or row["style"],
        "missing_daily_units": ratio(units, WINDOW_DAYS),
        "sizes": sorted(row["sizes"], key=lambda s: (_size_rank(s["size"]), s["sku"])),
    }


def _common(names: Sequence[str]) -> str:
    """`Boxy Tee, white` of `Boxy Tee, white, S` and `Boxy Tee, white, M`."""
    columns = zip(*(name.split(", ") for name in names), strict=False)
    return ", ".join(parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, columns))


def _size_rank(size: str) -> tuple[int, float, str]:
    if size in _SIZES:
        return 0, _SIZES.index(size), size
    try:
        return 1, float(size), size
    except ValueError:
        return 2, 0, size


class Suggestion(BaseModel):
    """Move so many units of a SKU."""

    sku: str = Field(examples=["TOP-01-WHT-M"])
    name: str | None
    category: str = Field(examples=["tops"])
    quantity: int = Field(examples=[12])
    from_location_id: str = Field(examples=["W01"])
    from_location_name: str | None
    from_on_hand: int = Field(examples=[340])
    from_warehouse: bool = Field(description="False: from an overstocked branch")
    to_location_id: str = Field(examples=["S01"])
    to_location_name: str | None
    to_on_hand: int = Field(examples=[0])
    to_status: Status = Field(description="stockout or low")
    to_avg_daily_units: str = Field(examples=["0.750000000"])


class SuggestionPage(BaseModel):
    items: list[Suggestion]
    next_page_token: str | None
    as_of: Instant


class TransferQuery(Slice):
    location_id: Text | None = Field(default=None, description="Where the units go", examples=["S01"])


_SHELVES = """
SELECT location_id, location_kind, location_name, sku, name, category, on_hand, reorder_point, units, status
FROM {relation}{where}
"""


@router.get("/transfers", response_model=SuggestionPage, summary="Suggested transfers, the most urgent first")
async def transfers(
    request: Request, query: Annotated[TransferQuery, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """A branch that is out of stock or low, and sold in the 28 dates, is filled up to what it moved in them and above
    its reorder point: from what the warehouse holds above its own, then from what overstocked branches have beyond
    the days of cover at which stock is too much. Nothing is suggested twice; nothing makes the giver low."""
    given = query.model_dump(include={"category"}, exclude_none=True)
    statement = sql.SQL(_SHELVES).format(relation=positions.relation(), where=positions.where(given))
    rows = await (await connection.execute(statement, positions.parameters(settings) | given)).fetchall()
    # Beside the loop: a chain's stock takes a while to go through, and others wait for their answers.
    items = await asyncio.to_thread(_suggestions, rows, settings, query)
    page, token = _slice(items, query)
    return respond(request, {"items": page, "next_page_token": token, "as_of": await positions.as_of(connection)})


def _suggestions(transfer_rows: list[dict[str, Any]], settings: Settings, query: TransferQuery) -> list[dict[str, Any]]:
    rows = {(row["location_id"], row["sku"]): row for row in transfer_rows}
    shelves = (
        Shelf(
            location_id=row["location_id"],
            is_warehouse=row["location_kind"] == "warehouse",
            sku=row["sku"],
            on_hand=row["on_hand"],
            reorder_point=row["reorder_point"],
            units=row["units"],
            status=Status(row["status"]),
        )
        for row in rows.values()
    )
    return [
        {
            "sku": t.sku,
            "name": (to := rows[t.taker.location_id, t.sku])["name"],
            "category": to["category"],
            "quantity": t.quantity,
            "from_location_id": t.giver.location_id,
            "from_location_name": rows[t.giver.location_id, t.sku]["location_name"],
            "from_on_hand": t.giver.on_hand,
            "from_warehouse": t.giver.is_warehouse,
            "to_location_id": t.taker.location_id,
            "to_location_name": to["location_name"],
            "to_on_hand": t.taker.on_hand,
            "to_status": t.taker.status,
            "to_avg_daily_units": ratio(t.taker.units, WINDOW_DAYS),
        }
        for t in suggest(shelves, settings.max_days_of_cover)
        if query.location_id in (None, t.taker.location_id)
    ]


def _slice(items: Sequence[dict[str, Any]], query: Slice) -> tuple[Sequence[dict[str, Any]], str | None]:
    """The page asked for, and the token of the next one."""
    token = decode_token(query.page_token, 1)
    if token and not (token[0].isdecimal() and token[0].isascii() and len(token[0]) < 10):
        raise foreign_token()
    start = int(token[0]) if token else 0
    end = start + query.page_size
    return items[start:end], encode_token(str(end)) if end < len(items) else None
