"""Changes of live stock, as PostgreSQL notifies them, handed to whoever watches.

One connection listens while anyone watches, none otherwise. Whatever may have been missed (the connection
broke, a watcher is too slow) is said: the watcher is told to read everything again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator

import psycopg

from workloads.runtime.database import DatabaseSettings, connect_async

log = logging.getLogger(__name__)

CHANNEL = "inventory_changed"
_PENDING = 5_000
_RECONNECT_SECONDS = 1.0


class Watcher:
    """What one watcher has not yet taken: changed (location_id, sku) pairs, and whether it missed something."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._changed: set[tuple[str, str]] = set()
        self._missed = False

    def add(self, changed: list[tuple[str, str]]) -> None:
        """Note changes; too many at once are noted as missed."""
        self._changed.update(changed)
        if len(self._changed) > _PENDING:
            self.miss()
        self._news.set()

    def miss(self) -> None:
        """Note that changes may have been missed."""
        self._changed.clear()
        self._missed = True
        self._news.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for news at most so long; tell whether there are any."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds)
        return self._news.is_set()

    def take(self) -> tuple[list[tuple[str, str]], bool]:
        """Return the changes so far and whether some were missed, and forget them."""
        taken = sorted(self._changed), self._missed
        self._news.clear()
        self._changed, self._missed = set(), False
        return taken


class Changes:
    """The changes of one database, for one event loop."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._watchers: set[Watcher] = set()
        self._listener: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    @contextlib.asynccontextmanager
    async def watch(self, timeout: float) -> AsyncIterator[Watcher]:
        """Watch from now on: what changes after entering is seen.

        Raises:
            TimeoutError: the database could not be listened to within `timeout` seconds.
        """
        watcher = Watcher()
        self._watchers.add(watcher)
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="inventory-changes")
        try:
            await asyncio.wait_for(self._listening.wait(), timeout)
            yield watcher
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                await self.close()

    async def close(self) -> None:
        """Stop listening."""
        listener, self._listener = self._listener, None
        self._listening.clear()
        if listener is not None:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            try:
                async with await connect_async(self._settings) as connection:
                    await connection.set_autocommit(True)
                    await connection.execute(f"LISTEN {CHANNEL}")
                    for watcher in self._watchers:
                        watcher.miss()  # what changed while nobody listened
                    self._listening.set()
                    async for notice in connection.notifies():
                        changed = [(location_id, sku) for location_id, sku in json.loads(notice.payload)]
                        for watcher in self._watchers:
                            watcher.add(changed)
            except (psycopg.Error, OSError) as error:
                log.warning("not listening for changes: %s", (str(error).splitlines() or ["?"])[0])
            except ValueError:
                log.exception("a notice on %s is not ours", CHANNEL)
            self._listening.clear()
            await asyncio.sleep(_RECONNECT_SECONDS)
