"""`/v1/freshness`: how far behind the world the live inventory is."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from workloads.api.dependencies import require_caller
from workloads.api.errors import RESPONSES
from workloads.api.freshness import SharedFreshness
from workloads.api.paging import Instant, respond
from workloads.api.routes.quality import Reports

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
async def freshness(request: Request) -> Response:
    """The newest event of each stream in the live inventory, as it was at most a second ago.

    The stream `/v1/inventory/stream` tells the same as its event `freshness` when stock changes.
    """
    shared: SharedFreshness = request.app.state.freshness
    return respond(request, await shared.latest())
