"""`/v1/inventory/stream`: changes of live stock as server-sent events."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
import psycopg
import psycopg_pool
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from psycopg.rows import DictRow
from pydantic import BaseModel, ConfigDict, Field

from workloads.api import positions
from workloads.api.arguments import Text
from workloads.api.changes import Changes, Watcher
from workloads.api.dependencies import SettingsDep, require_caller
from workloads.api.errors import RESPONSES
from workloads.api.settings import Settings
from workloads.runtime.server import stopping

log = logging.getLogger(__name__)
router = APIRouter(
    prefix="/v1/inventory", tags=["inventory"], dependencies=[Depends(require_caller)], responses=RESPONSES
)

Pool = psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[DictRow]]

_LISTEN_SECONDS = 5.0
_GATHER_SECONDS = 0.2  # changes of so long are one event: a busy hour does not drown the reader
_LOOK_SECONDS = 1.0  # how soon an ending service is noticed
_KEEP_ALIVE_SECONDS = 15.0  # proxies close what is silent for longer


class StreamQuery(BaseModel):
    """Which positions; all given ones hold."""

    model_config = ConfigDict(extra="forbid")

    location_id: Text | None = Field(default=None, examples=["S01"])
    sku: Text | None = None
    category: Text | None = Field(default=None, examples=["tops"])


@router.get(
    "/stream",
    summary="Changes of live stock as they happen",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Server-sent events"}},
)
async def stream(request: Request, query: Annotated[StreamQuery, Query()], settings: SettingsDep) -> StreamingResponse:
    """Server-sent events, within a second of the change.

    `inventory`: `{"items": [...], "as_of"}` with the changed positions as they are now, in the form of
    `/v1/inventory`. `resync`: read `/v1/inventory` again, for something may have been missed; always the first
    event, so that a client that starts to read on it misses nothing.
    """
    events = _events(request.app.state.changes, request.app.state.pool, settings, query)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(changes: Changes, pool: Pool, settings: Settings, query: StreamQuery) -> AsyncIterator[bytes]:
    try:
        async with changes.watch(_LISTEN_SECONDS) as watcher:
            watcher.take()  # what came before the first event is covered by it
            yield b"retry: 2000\n\n" + _event("resync", {})
            spoken = time.monotonic()
            while not stopping.is_set():
                if await watcher.wait(_LOOK_SECONDS):
                    await asyncio.sleep(_GATHER_SECONDS)
                    event = await _news(watcher, pool, settings, query)
                else:
                    event = b": still here\n\n" if time.monotonic() - spoken >= _KEEP_ALIVE_SECONDS else None
                if event is not None:
                    yield event
                    spoken = time.monotonic()
    except TimeoutError:
        # The client tries again by itself; the answer's status is sent already.
        log.warning("stream ended: the database cannot be listened to")


async def _news(watcher: Watcher, pool: Pool, settings: Settings, query: StreamQuery) -> bytes | None:
    changed, missed = watcher.take()
    if missed:
        return _event("resync", {})
    try:
        async with pool.connection() as connection:
            items = await positions.fetch(connection, settings, positions=changed, **query.model_dump())
            as_of = await positions.as_of(connection)
    except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
        log.warning("changes not read: %s", (str(error).splitlines() or ["?"])[0])
        watcher.miss()
        await asyncio.sleep(_LOOK_SECONDS)
        return None
    return _event("inventory", {"items": items, "as_of": as_of}) if items else None


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
