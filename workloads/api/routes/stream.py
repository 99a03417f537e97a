"""`/v1/inventory/stream`: changes of live stock as server-sent events."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Receive, Scope, Send

from workloads.api.arguments import Text
from workloads.api.dependencies import SettingsDep, require_caller
from workloads.api.errors import RESPONSES, ApiError
from workloads.api.feed import RESYNC, Feed, Filter, Full, Subscriber
from workloads.runtime.server import stopping

log = logging.getLogger(__name__)
router = APIRouter(
    prefix="/v1/inventory", tags=["inventory"], dependencies=[Depends(require_caller)], responses=RESPONSES
)

_LISTEN_SECONDS = 5.0
_LOOK_SECONDS = 1.0  # how soon an ending service is noticed
_KEEP_ALIVE_SECONDS = 15.0  # proxies close what is silent for longer
_STREAM_SECONDS = 240.0
"""How long a stream lasts: it ends well before Cloud Run's time-out for requests cuts it off, which is a warning in the log
each time (https://github.com/Burla-Cloud/burla/pull/170) and for the reader no different from a fault."""


class StreamQuery(BaseModel):
    """Which positions; all given ones hold."""

    model_config = ConfigDict(extra="forbid")

    location_id: Text | None = Field(default=None, examples=["S01"])
    sku: Text | None = None
    category: Text | None = Field(default=None, examples=["tops"])


class _Stream(StreamingResponse):
    """Takes its subscriber away however it ends, be it before its first event."""

    def __init__(self, feed: Feed, subscriber: Subscriber) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_events(subscriber), media_type="text/event-stream", headers=headers)
        self._feed, self._subscriber = feed, subscriber

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._feed.leave(self._subscriber)


@router.get(
    "/stream",
    summary="Changes of live stock as they happen",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}},
)
async def stream(request: Request, query: Annotated[StreamQuery, Query()], settings: SettingsDep) -> StreamingResponse:
    """Server-sent events, within a second of the change.

    `inventory`: `{"items": [...], "as_of"}` with the changed positions as they are now, in the form of
    `/v1/inventory`. `freshness`: the body of `/v1/freshness` after a change, at most once a second. `resync`: read `/v1/inventory` again, for something may have been missed; always the first
    event, so that a client that starts to read on it misses nothing. A stream ends after four minutes: ask for the next one. 503 when an instance has as many streams as it
    serves: read `/v1/inventory` meanwhile.
    """
    feed: Feed = request.app.state.feed
    try:
        subscriber = await feed.join(Filter(**query.model_dump()), _LISTEN_SECONDS)
    except Full:
        message = (
            f"{settings.max_streams} live streams are open here, which is the most: read /v1/inventory, try again later"
        )
        raise ApiError(503, message, headers={"Retry-After": "30"}) from None
    except TimeoutError:
        raise ApiError(503, "the database is out of reach: try again", headers={"Retry-After": "2"}) from None
    return _Stream(feed, subscriber)


async def _events(subscriber: Subscriber) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n" + RESYNC
    spoken = time.monotonic()
    end = spoken + _STREAM_SECONDS
    while not stopping.is_set() and time.monotonic() < end:
        event = await subscriber.next(_LOOK_SECONDS)
        if event is None and time.monotonic() - spoken >= _KEEP_ALIVE_SECONDS:
            event = b": still here\n\n"
        if event is not None:
            yield event
            spoken = time.monotonic()
