"""`/v1/context`: what a reader of the figures must know to read them, and what can be asked for."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from workloads.api.dependencies import ConnectionDep, SettingsDep, require_caller
from workloads.api.errors import RESPONSES
from workloads.api.paging import Instant, respond, utc
from workloads.api.positions import WINDOW_DAYS

router = APIRouter(prefix="/v1", tags=["context"], dependencies=[Depends(require_caller)], responses=RESPONSES)


class Location(BaseModel):
    location_id: str = Field(examples=["S01"])
    name: str | None = Field(description="Null, as is kind: the catalogue does not know the location")
    kind: str | None = Field(description="warehouse or branch", examples=["branch"])


class Context(BaseModel):
    """Of the stack, and of what has been recorded and published so far."""

    brand: str = Field(description="The business's name", examples=["Fastyle"])
    locale: str = Field(description="How numbers and dates are written, a BCP 47 tag", examples=["en-US"])
    currency: str = Field(examples=["USD"])
    timezone: str = Field(examples=["America/New_York"])
    today: date = Field(description="The business date of now")
    reorder_point: int = Field(description="Where the catalogue has none")
    max_days_of_cover: Decimal = Field(description="Beyond it a shelf is overstocked", examples=["60"])
    window_days: int = Field(description="The business dates before today that avg_daily_units counts")
    published_at: Instant | None = Field(description="When the published figures were; null: never")
    first_date: date | None = Field(description="The first business date with published figures; null: none")
    last_date: date | None = Field(description="The last one")
    locations: list[Location] = Field(description="Those of the catalogue or with stock: warehouses first")
    categories: list[str] = Field(description="Those of the catalogue, with stock or with sales; `unknown` is last")


@router.get(
    "/context",
    response_model=Context,
    summary="Brand, locale, currency, time zone, thresholds, locations and categories",
)
async def context(request: Request, settings: SettingsDep, connection: ConnectionDep) -> Response:
    """What filters may be set to, and how amounts and times are to be read."""
    locations = await connection.execute(
        """
        SELECT location_id, l.name, l.kind FROM location AS l
        FULL JOIN (SELECT DISTINCT location_id FROM on_hand) AS h USING (location_id)
        ORDER BY l.kind IS DISTINCT FROM 'warehouse', location_id
        """
    )
    categories = await connection.execute(
        """
        SELECT category FROM (
            SELECT category FROM product
            UNION SELECT category FROM report_margin_daily
            UNION SELECT 'unknown' FROM on_hand AS h WHERE NOT EXISTS (SELECT FROM product AS p WHERE p.sku = h.sku)
        ) AS listed ORDER BY category = 'unknown', category COLLATE "C"
        """
    )
    dates = await (
        await connection.execute(
            """
            SELECT min(business_date) AS first, max(business_date) AS last,
                   (SELECT max(published_at) FROM report_publication) AS published_at
            FROM report_gmv_daily
            """
        )
    ).fetchone()
    assert dates is not None
    body = {
        "brand": settings.brand,
        "locale": settings.locale,
        "currency": settings.currency,
        "timezone": settings.timezone,
        "today": datetime.now(ZoneInfo(settings.timezone)).date(),
        "reorder_point": settings.reorder_point,
        "max_days_of_cover": f"{settings.max_days_of_cover:f}",
        "window_days": WINDOW_DAYS,
        "published_at": dates["published_at"] and utc(dates["published_at"]),
        "first_date": dates["first"],
        "last_date": dates["last"],
        "locations": await locations.fetchall(),
        "categories": [row["category"] async for row in categories],
    }
    return respond(request, body)
