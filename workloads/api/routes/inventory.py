"""`/v1/inventory`: live stock, what needs attention, and one position's recent movements."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workloads.api import positions
from workloads.api.arguments import Text
from workloads.api.dependencies import Connection, ConnectionDep, SettingsDep, require_caller
from workloads.api.errors import RESPONSES, ApiError, ErrorBody
from workloads.api.paging import MAX_PAGE_SIZE, Instant, decode_token, encode_token, respond, utc
from workloads.api.positions import Item, Page, Status
from workloads.api.settings import Settings
from workloads.events import STREAMS, verification

router = APIRouter(
    prefix="/v1/inventory", tags=["inventory"], dependencies=[Depends(require_caller)], responses=RESPONSES
)


class Paging(BaseModel):
    """How much of a list, from where. An unknown parameter is refused: a misspelt filter must not answer for all."""

    model_config = ConfigDict(extra="forbid")

    page_size: int = Field(default=100, ge=1, le=MAX_PAGE_SIZE, description="Items a page at most")
    page_token: str | None = Field(default=None, max_length=2000, description="`next_page_token` of the page before")


class Filter(Paging):
    """Which positions; all given ones hold."""

    location_id: Text | None = Field(default=None, examples=["S01"])
    sku: Text | None = Field(default=None, examples=["TOP-01-WHT-S"])
    category: Text | None = Field(default=None, description="`unknown`: SKUs without a product", examples=["tops"])
    status: Status | None = Field(default=None, examples=["low"])


KINDS: tuple[str, ...] = tuple(
    next(field["contract"]["symbols"] for field in STREAMS["inventory"].avro["fields"] if field["name"] == "kind")
)
"""Of an inventory change, as its schema lists them."""


class Movement(BaseModel):
    """One line of an event at a position."""

    event_id: str
    line_number: int = Field(description="Of the sale; 0 for an inventory change")
    event_time: Instant
    kind: str = Field(description=f"sale or return; or of an inventory change: {', '.join(KINDS)}", examples=["sale"])
    quantity: int = Field(description="Units added to the position; of a count what was counted", examples=[-2])
    reference: str | None = Field(description="The change's reference, or the sale's transaction_id")
    in_on_hand: bool = Field(description="False: before the latest count, or at its instant, and so within it")
    recorded_at: Instant


class Detail(Item):
    """A position with its latest movements, newest first."""

    movements: list[Movement]
    as_of: Instant


@router.get("", response_model=Page, summary="Live stock by location and SKU")
async def list_inventory(
    request: Request, query: Annotated[Filter, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """Every location and SKU that ever had an event, with the measures of the moment."""
    statuses = None if query.status is None else [query.status]
    return await _page(request, query, settings, connection, statuses)


class Alerts(Paging):
    """Which alerts; without `kind` those of every kind."""

    kind: Annotated[Status | None, Field(examples=["stockout"])] = None
    location_id: Text | None = Field(default=None, examples=["S01"])
    category: Text | None = Field(default=None, examples=["tops"])
    sku: Text | None = None


@router.get("/alerts", response_model=Page, summary="Positions that need attention")
async def list_alerts(
    request: Request, query: Annotated[Alerts, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """Positions out of stock, low, or overstocked."""
    if query.kind is Status.OK:
        raise ApiError(400, "kind: 'ok' is no alert; use stockout, low or overstock", "kind")
    kinds: list[Status] = [query.kind] if query.kind else [Status.STOCKOUT, Status.LOW, Status.OVERSTOCK]
    return await _page(request, query, settings, connection, kinds)


async def _page(
    request: Request, query: Filter | Alerts, settings: Settings, connection: Connection, statuses: list[Status] | None
) -> Response:
    items = await positions.fetch(
        connection,
        settings,
        limit=query.page_size + 1,
        after=decode_token(query.page_token, 2),
        statuses=statuses,
        location_id=query.location_id,
        sku=query.sku,
        category=query.category,
    )
    more = len(items) > query.page_size
    items = items[: query.page_size]
    token = encode_token(items[-1]["location_id"], items[-1]["sku"]) if more else None
    body = {"items": items, "next_page_token": token, "as_of": await positions.as_of(connection)}
    return respond(request, body)


class DetailQuery(BaseModel):
    """How much of the history."""

    model_config = ConfigDict(extra="forbid")

    movements: int = Field(default=50, ge=0, le=500, description="Movements at most")


class PositionQuery(DetailQuery):
    """Which position: an id may be anything printable, and a parameter carries whatever it is."""

    location_id: Text = Field(examples=["S01"])
    sku: Text = Field(examples=["TOP-01-WHT-S"])


_NO_EVENT: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorBody, "description": "The location and SKU never had an event"}
}


@router.get(
    "/position",
    response_model=Detail,
    summary="One position and its recent movements, whatever its ids hold",
    responses=_NO_EVENT,
)
async def get_position_by_query(
    request: Request, query: Annotated[PositionQuery, Query()], settings: SettingsDep, connection: ConnectionDep
) -> Response:
    """As `/v1/inventory/{location_id}/{sku}`, also for ids that no path carries, such as `..`: clients take them away."""
    return await _detail(request, settings, connection, query.location_id, query.sku, query.movements)


@router.get(
    "/{location_id:path}/{sku:path}",
    response_model=Detail,
    summary="One position and its recent movements",
    responses=_NO_EVENT,
)
async def get_position(
    request: Request,
    location_id: Annotated[str, Path(examples=["S01"])],
    sku: Annotated[str, Path(examples=["TOP-01-WHT-S"])],
    query: Annotated[DetailQuery, Query()],
    settings: SettingsDep,
    connection: ConnectionDep,
) -> Response:
    """Stock of one SKU at one location, and what moved it last. A `/` in the location is written `%2F`."""
    location_id, sku = _ids_in_path(request, location_id, sku)
    return await _detail(request, settings, connection, location_id, sku, query.movements)


_ID = TypeAdapter(Text)


def _ids_in_path(request: Request, location_id: str, sku: str) -> tuple[str, str]:
    """Both ids as the path was sent: in the decoded one a `%2F` of the location looks like the end of it."""
    raw: bytes = request.scope.get("raw_path") or b""
    _, _, place = raw.decode("ascii", "replace").partition("/v1/inventory/")
    sent_location, slash, sent_sku = place.partition("/")
    if slash and unquote(place) == f"{location_id}/{sku}":
        location_id, sku = unquote(sent_location), unquote(sent_sku)
    for name, value in (("location_id", location_id), ("sku", sku)):
        try:
            _ID.validate_python(value)
        except ValidationError as error:
            raise ApiError(400, f"{name}: {error.errors()[0]['msg']}", name) from None
    return location_id, sku


async def _detail(
    request: Request, settings: Settings, connection: Connection, location_id: str, sku: str, limit: int
) -> Response:
    if location_id == verification.LOCATION_ID:  # in no list; here `fastyle verify` sees what it sent
        await connection.execute(f"SET LOCAL search_path TO {verification.SCHEMA}, public")
    rows = await positions.fetch(connection, settings, positions=[(location_id, sku)])
    if not rows:
        raise ApiError(404, f"{sku} never had an event at {location_id}")
    movements = await _movements(connection, location_id, sku, limit)
    return respond(request, rows[0] | {"movements": movements, "as_of": await positions.as_of(connection)})


async def _movements(connection: Connection, location_id: str, sku: str, limit: int) -> list[dict[str, Any]]:
    cursor = await connection.execute(
        """
        SELECT m.event_id::text, m.line_number, m.event_time, m.kind, m.quantity, m.reference,
               CASE WHEN m.kind = 'count' THEN m.event_id = h.count_event_id
                    ELSE h.counted_at IS NULL OR m.event_time > h.counted_at END AS in_on_hand,
               e.recorded_at
        FROM movement AS m
        JOIN on_hand AS h USING (location_id, sku)
        JOIN stream_event AS e USING (event_id)
        WHERE m.location_id = %s AND m.sku = %s
        ORDER BY m.event_time DESC, m.event_id DESC, m.line_number
        LIMIT %s
        """,
        [location_id, sku, limit],
    )
    return [
        row | {"event_time": utc(row["event_time"]), "recorded_at": utc(row["recorded_at"])} async for row in cursor
    ]
