"""Live stock for every open stream of this process: one reader asks the database, whoever watches gets the same answer.

The reader runs while anyone watches. A hundred open dashboards cost one query a fifth of a second, as one does; how fresh
the figures are is told with the changes, at most once a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg
import psycopg_pool
from psycopg.rows import DictRow

from workloads.api import positions
from workloads.api.changes import Changes, Watcher
from workloads.api.errors import ApiError
from workloads.api.freshness import SharedFreshness
from workloads.api.settings import Settings

log = logging.getLogger(__name__)

Pool = psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[DictRow]]

_GATHER_SECONDS = 0.2  # changes of so long are one event: a busy hour does not drown the reader
_LOOK_SECONDS = 1.0
_PENDING = 50  # events that a slow reader may be behind; beyond them it reads everything again


class Full(Exception):  # noqa: N818
    """As many streams as this process serves are open."""


@dataclass(frozen=True)
class Filter:
    """Which positions a stream is about; None does not restrict."""

    location_id: str | None = None
    sku: str | None = None
    category: str | None = None

    def holds(self, item: dict[str, Any]) -> bool:
        return all(value is None or item[name] == value for name, value in vars(self).items())


@dataclass
class News:
    """Changed positions as they are now. What streams with the same filter send is encoded once."""

    items: list[dict[str, Any]]
    as_of: str
    _encoded: dict[Filter, bytes | None] = field(default_factory=dict)

    def encoded(self, wanted: Filter) -> bytes | None:
        """The event for a stream; None where none of the positions is its own."""
        if wanted not in self._encoded:
            items = [item for item in self.items if wanted.holds(item)]
            data = {"items": items, "as_of": self.as_of}
            self._encoded[wanted] = event("inventory", data) if items else None
        return self._encoded[wanted]


class Subscriber:
    """What one stream has not yet sent."""

    def __init__(self, wanted: Filter) -> None:
        self._wanted = wanted
        self._events: asyncio.Queue[bytes] = asyncio.Queue()

    def put(self, news: News | None) -> None:
        """Note news; None, or more of them than a reader may be behind, is told as `resync`."""
        data = RESYNC if news is None else news.encoded(self._wanted)
        if data is not None:
            self.put_event(data)

    def put_event(self, data: bytes) -> None:
        """Note an event that is every stream's."""
        if data is RESYNC or self._events.qsize() >= _PENDING:
            while not self._events.empty():
                self._events.get_nowait()
            data = RESYNC
        self._events.put_nowait(data)

    async def next(self, seconds: float) -> bytes | None:
        """The next event, None when there is none for so long."""
        if not self._events.empty():
            return self._events.get_nowait()
        try:
            return await asyncio.wait_for(self._events.get(), seconds)
        except TimeoutError:
            return None


class Feed:
    """The open streams of one process, and their reader."""

    def __init__(self, changes: Changes, pool: Pool, settings: Settings, freshness: SharedFreshness) -> None:
        self._changes, self._pool, self._settings, self._freshness = changes, pool, settings, freshness
        self._subscribers: set[Subscriber] = set()
        self._reader: asyncio.Task[None] | None = None
        self._refresher: asyncio.Task[None] | None = None
        self._changed_at = 0.0  # when the refresher was last asked, by the monotonic clock
        self._reading = asyncio.Event()

    async def join(self, wanted: Filter, seconds: float) -> Subscriber:
        """Return a subscriber to which everything is told that changes from now on; it must `leave`.

        Raises:
            Full: there are `MAX_STREAMS` already.
            TimeoutError: the database could not be listened to within so many seconds.
        """
        if len(self._subscribers) >= self._settings.max_streams:
            raise Full
        subscriber = Subscriber(wanted)
        self._subscribers.add(subscriber)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read(), name="inventory-feed")
        try:
            await asyncio.wait_for(self._reading.wait(), seconds)
        except BaseException:
            self.leave(subscriber)
            raise
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Tell a stream nothing more. The last one takes the reader with it."""
        self._subscribers.discard(subscriber)
        if not self._subscribers and self._reader is not None:
            self._reader.cancel()
            self._reader = None
            self._reading.clear()
            if self._refresher is not None:
                self._refresher.cancel()

    async def close(self) -> None:
        """Stop reading."""
        tasks = [task for task in (self._reader, self._refresher) if task is not None]
        self._reader = self._refresher = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            try:
                async with self._changes.watch(_LOOK_SECONDS) as watcher:
                    watcher.take()  # what came before the streams' first event is covered by it
                    self._reading.set()
                    await self._follow(watcher)
            except TimeoutError:
                pass  # no database: who wants to join gives up, who has joined waits
            except Exception:
                log.exception("the reader of changes failed in an unforeseen way and begins again")
                self._tell(None)
                await asyncio.sleep(_LOOK_SECONDS)

    async def _follow(self, watcher: Watcher) -> None:
        while True:
            if not await watcher.wait(_LOOK_SECONDS):
                continue
            await asyncio.sleep(_GATHER_SECONDS)
            changed, missed = watcher.take()
            if missed:
                self._tell(None)
                continue
            try:
                self._tell(await self._news(changed))
                self._refresh()
            except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
                log.warning("changes not read: %s", (str(error).splitlines() or ["?"])[0])
                watcher.miss()
                await asyncio.sleep(_LOOK_SECONDS)

    async def _news(self, changed: list[tuple[str, str]]) -> News:
        async with self._pool.connection() as connection:
            items = await positions.fetch(connection, self._settings, positions=changed)
            return News(items, await positions.as_of(connection))

    def _refresh(self) -> None:
        """Have every stream told how fresh the figures are now, unless it will be told so anyway."""
        self._changed_at = time.monotonic()
        if self._refresher is None or self._refresher.done():
            self._refresher = asyncio.create_task(self._tell_freshness(), name="inventory-feed-freshness")

    async def _tell_freshness(self) -> None:
        while True:
            told = self._changed_at
            try:
                data = event("freshness", await self._freshness.since(told))
            except (psycopg.Error, psycopg_pool.PoolTimeout, ApiError) as error:
                # Dashboards ask for it now and then whatever the stream says.
                log.warning("freshness not read: %s", (str(error).splitlines() or ["?"])[0])
                return
            for subscriber in self._subscribers:
                subscriber.put_event(data)
            if self._changed_at == told:
                return

    def _tell(self, news: News | None) -> None:
        for subscriber in self._subscribers:
            subscriber.put(news)


def event(name: str, data: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


RESYNC = event("resync", {})
