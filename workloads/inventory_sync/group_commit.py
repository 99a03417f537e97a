"""Group commit: events that arrive while a transaction is under way are recorded together by the next one.

Nothing waits for company: a lone event is recorded at once, and the busier the service the larger its batches,
up to a limit. Every caller hears of its own event only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import psycopg

from workloads.inventory_sync.delivery import Event
from workloads.inventory_sync.ledger import Connection, Outcome, record

log = logging.getLogger(__name__)

BATCH = 256
PENDING = 4096  # about two seconds of work; beyond it Pub/Sub had better wait than this service's memory
_ATTEMPTS = 5
_BATCH_SECONDS = 15.0  # the server may be silently gone: a batch that takes longer is given up


class Unavailable(Exception):  # noqa: N818  (a state, and a passing one)
    """The event could not be recorded now; sending it again later will do. Says why."""


class Unrecordable(Exception):  # noqa: N818
    """The database refuses this very event, whenever it is sent; says why."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    event: Event
    outcome: asyncio.Future[Outcome]


class GroupCommit:
    """Records events through a few connections of its own, which it opens again whenever they break."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], timezone: ZoneInfo, writers: int = 2) -> None:
        self._connect = connect
        self._timezone = timezone
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(PENDING)
        self._count = writers
        self._writers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the writers. The database need not be there yet."""
        self._writers = [asyncio.create_task(self._write(), name=f"writer-{i}") for i in range(self._count)]

    async def stop(self) -> None:
        """Record what is waiting, then end."""
        await self._waiting.join()
        for writer in self._writers:
            writer.cancel()
        await asyncio.gather(*self._writers, return_exceptions=True)

    async def record(self, event: Event) -> Outcome:
        """Return once the event is durable.

        Raises:
            Unavailable: the database is out of reach, or too much is waiting for it.
            Unrecordable: the database refuses the event.
        """
        waiting = _Waiting(event, asyncio.get_running_loop().create_future())
        try:
            self._waiting.put_nowait(waiting)
        except asyncio.QueueFull:
            raise Unavailable(f"{PENDING} events are waiting to be recorded") from None
        return await waiting.outcome

    async def _write(self) -> None:
        connection: Connection | None = None
        try:
            while True:
                batch = [await self._waiting.get()]
                with contextlib.suppress(asyncio.QueueEmpty):
                    while len(batch) < BATCH:
                        batch.append(self._waiting.get_nowait())
                try:
                    connection = await self._settle(connection, batch)
                except Exception:
                    log.exception("recording failed in an unforeseen way")
                    for waiting in batch:
                        _fail(waiting, Unavailable("an internal error, which was logged"))
                    await _close(connection)
                    connection = None
                finally:
                    for _ in batch:
                        self._waiting.task_done()
        finally:
            await _close(connection)

    async def _settle(self, connection: Connection | None, batch: list[_Waiting]) -> Connection | None:
        """Record a batch and tell its callers; return the connection if it is still good."""
        for attempt in range(_ATTEMPTS):
            was_open = connection is not None
            try:
                async with asyncio.timeout(_BATCH_SECONDS):
                    if connection is None or connection.closed:
                        connection = await self._connect()
                    outcomes = await record(connection, [w.event for w in batch], self._timezone)
            except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected) as error:
                fault: Exception = error
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 (jitter)
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                return await self._one_by_one(connection, batch, error)
            except (psycopg.Error, OSError, TimeoutError) as error:
                fault = error
                await _close(connection)
                connection = None
                # A connection that broke while idle (the server was restarted) says nothing about the server now.
                # Recording twice is harmless: an event_id counts once.
                if not was_open:
                    break
            else:
                for waiting, outcome in zip(batch, outcomes, strict=True):
                    if not waiting.outcome.done():
                        waiting.outcome.set_result(outcome)
                return connection
        log.warning("database: %s", _reason(fault), extra={"events": len(batch)})
        for waiting in batch:
            _fail(waiting, Unavailable(f"the database does not take it: {_reason(fault)}"))
        return connection

    async def _one_by_one(
        self, connection: Connection | None, batch: list[_Waiting], error: psycopg.Error
    ) -> Connection | None:
        """One event of the batch is refused for what it holds: find it, so that no neighbour is lost with it."""
        if len(batch) == 1:
            _fail(batch[0], Unrecordable(f"the database refuses it: {_reason(error)}"))
            return connection
        for waiting in batch:
            connection = await self._settle(connection, [waiting])
        return connection


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.outcome.done():
        waiting.outcome.set_exception(error)


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


async def _close(connection: Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(Exception):
            await connection.close()
