"""How current the figures are, asked of the database at most once a second by this process, whoever wants to know.

Every open dashboard shows it and learns it anew with each change: the stream tells it to all of them at once, and
requests share one answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import psycopg
from psycopg.rows import DictRow

from workloads.api import positions
from workloads.api.paging import utc
from workloads.events import consumed_by
from workloads.events.stream import INVENTORY

Connection = psycopg.AsyncConnection[DictRow]
Snapshot = Callable[[], AbstractAsyncContextManager[Connection]]

SECONDS = 1.0
"""How old a shared answer may be, and so how long lies between two questions."""


class SharedFreshness:
    """One answer for every request and stream of a process; `snapshot` opens a connection that sees one state."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._answer: dict[str, Any] | None = None
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[dict[str, Any]] | None = None

    async def latest(self) -> dict[str, Any]:
        """An answer at most `SECONDS` old."""
        if self._answer is not None and time.monotonic() - self._asked_at < SECONDS:
            return self._answer
        return await self._ask()

    async def since(self, moment: float) -> dict[str, Any]:
        """An answer that was asked for at `moment` of the monotonic clock or later: waits until one may be."""
        while self._answer is None or self._asked_at < moment:
            await asyncio.sleep(max(0.0, self._asked_at + SECONDS - time.monotonic()))
            await self._ask()
        return self._answer

    async def _ask(self) -> dict[str, Any]:
        """Ask, or wait for the question that is under way; whoever leaves does not end it for the others."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._read(), name="freshness")
        return await asyncio.shield(self._asking)

    async def _read(self) -> dict[str, Any]:
        asked_at = time.monotonic()
        async with self._snapshot() as connection:
            answer = await read(connection)
        self._answer, self._asked_at = answer, asked_at
        return answer


async def read(connection: Connection) -> dict[str, Any]:
    """The body of `/v1/freshness`."""
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
    return {"items": items, "next_page_token": None, "as_of": await positions.as_of(connection), "reports": reports}


async def reports_state(connection: Connection) -> dict[str, Any]:
    """The newest publication, and what became of the last run."""
    published = await (
        await connection.execute(
            "SELECT published_at, as_of FROM report_publication ORDER BY published_at DESC LIMIT 1"
        )
    ).fetchone()
    last = await (
        await connection.execute(
            "SELECT state, error, started_at FROM pipeline_run WHERE state <> 'running' ORDER BY started_at DESC LIMIT 1"
        )
    ).fetchone()
    failing = last is not None and last["state"] != "succeeded"
    since = published["published_at"] if published and failing else (last["started_at"] if last and failing else None)
    return {
        "published_at": utc(published["published_at"]) if published else None,
        "as_of": utc(published["as_of"]) if published and published["as_of"] else None,
        "last_run_state": last["state"] if last else None,
        "last_run_error": last["error"] if last else None,
        "stale_since": utc(since) if since else None,
    }
