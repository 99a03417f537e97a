"""`/v1/freshness`: how far behind the world the live inventory is."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from workloads.api.dependencies import ConnectionDep, require_caller
from workloads.api.errors import RESPONSES
from workloads.api.paging import Instant, respond, utc
from workloads.api.positions import as_of
from workloads.api.routes.quality import Reports, reports_state
from workloads.events import consumed_by
from workloads.events.stream import INVENTORY

router = APIRouter(prefix="/v1", tags=["freshness"], dependencies=[Depends(require_caller)], responses=RESPONSES)


class Source(BaseModel):
    """The newest that has come from one source; nulls: nothing yet."""

    source: str = Field(description="The stream, such as sales or inventory", examples=["sales"])
    last_event_time: Instant | None = Field(description="The latest event_time, as the tills say")
    last_publish_time: Instant | None = Field(description="When Pub/Sub took the newest message that is applied here")
    last_recorded_at: Instant | None = Field(description="When that message was applied here")
    delay_seconds: float | None = Field(description="The time between the two", examples=[0.042])


class Freshness(BaseModel):
    """One item a source of the live inventory, and the state of the published reports."""

    items: list[Source]
    next_page_token: None
    as_of: Instant
    reports: Reports


@router.get("/freshness", response_model=Freshness, summary="How current the figures are")
async def freshness(request: Request, connection: ConnectionDep) -> Response:
    """The newest event of each stream in the live inventory."""
    cursor = await connection.execute(
        """
        SELECT s.source, t.event_time, n.publish_time, n.recorded_at
        FROM unnest(%s::text[]) WITH ORDINALITY AS s (source, position)
        LEFT JOIN LATERAL (
            SELECT max(event_time) AS event_time FROM stream_event WHERE stream = s.source
        ) AS t ON true
        LEFT JOIN LATERAL (
            SELECT publish_time, recorded_at FROM stream_event WHERE stream = s.source
            ORDER BY publish_time DESC LIMIT 1
        ) AS n ON true
        ORDER BY s.position
        """,
        [list(consumed_by(INVENTORY))],
    )
    items = [
        {
            "source": row["source"],
            "last_event_time": row["event_time"] and utc(row["event_time"]),
            "last_publish_time": row["publish_time"] and utc(row["publish_time"]),
            "last_recorded_at": row["recorded_at"] and utc(row["recorded_at"]),
            "delay_seconds": row["publish_time"]
            and max(0.0, round((row["recorded_at"] - row["publish_time"]).total_seconds(), 3)),
        }
        async for row in cursor
    ]
    reports = await reports_state(connection)
    body = {"items": items, "next_page_token": None, "as_of": await as_of(connection), "reports": reports}
    return respond(request, body)
