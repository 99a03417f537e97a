"""Business dates whose figures are not the last word: the one that still runs, and those that late data changed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from workloads.api.dependencies import Connection
from workloads.api.paging import Instant, utc
from workloads.api.settings import Settings

Running = Annotated[
    date | None,
    Field(description="The business date of now where the range has it: its figures are of a part of a day; else null"),
]


class Revised(BaseModel):
    """A business date whose figures changed after it was published as over."""

    business_date: date
    first_published_at: Instant = Field(description="The first publication that had the whole date")
    revised_at: Instant = Field(description="The last publication that changed its figures since")


def today(settings: Settings) -> date:
    """The business date of now."""
    return datetime.now(ZoneInfo(settings.timezone)).date()


def running(first: date, last: date, settings: Settings) -> date | None:
    """The business date of now, if the range has it."""
    now = today(settings)
    return now if first <= now <= last else None


async def revised(connection: Connection, first: date, last: date) -> list[dict[str, Any]]:
    """The dates of the range that late data changed, in their order."""
    cursor = await connection.execute(
        "SELECT business_date, first_published_at, revised_at FROM report_day"
        " WHERE business_date BETWEEN %s AND %s AND revised_at IS NOT NULL ORDER BY business_date",
        [first, last],
    )
    return [
        {
            "business_date": row["business_date"],
            "first_published_at": utc(row["first_published_at"]),
            "revised_at": utc(row["revised_at"]),
        }
        async for row in cursor
    ]
