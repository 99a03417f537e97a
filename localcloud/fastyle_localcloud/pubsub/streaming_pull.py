"""One StreamingPull: messages flow out as far as the client's flow control allows; its requests flow in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from fastyle_localcloud.pubsub.backlog import Backlog
from fastyle_localcloud.pubsub.delivery import Delivery, State
from fastyle_localcloud.pubsub.errors import invalid, not_found

BATCH_MESSAGES = 500
# A gRPC message of the default client is refused beyond 4 MiB only without the options Google's clients set.
BATCH_BYTES = 2 * 2**20
UNLIMITED = 2**62
# How often the outstanding count is looked at again while it alone holds the stream back.
RECHECK = 0.02


class StreamingPull(AsyncExitStack):
    """Enter to start reading the client's requests; `batches()` yields what to send next."""

    def __init__(self, backlog: Backlog, first: Any, requests: AsyncIterator[Any]) -> None:
        super().__init__()
        if not 10 <= first.stream_ack_deadline_seconds <= 600:
            raise invalid(
                f"stream_ack_deadline_seconds is {first.stream_ack_deadline_seconds}; it must be from 10 to 600."
            )
        self._backlog = backlog
        self._requests = requests
        self._lease = float(first.stream_ack_deadline_seconds)
        # Flow control is per stream: what was sent and is neither settled nor handed back counts.
        self._max_messages = first.max_outstanding_messages if first.max_outstanding_messages > 0 else UNLIMITED
        self._max_bytes = first.max_outstanding_bytes if first.max_outstanding_bytes > 0 else UNLIMITED
        self._outstanding: list[tuple[Delivery, int, int]] = []
        self._bytes = 0
        self._first = first

    async def __aenter__(self) -> StreamingPull:
        await self._handle(self._first)
        self._reader = asyncio.create_task(self._read())
        self.callback(self._reader.cancel)
        return self

    async def batches(self) -> AsyncIterator[list[Delivery]]:
        while not self._reader.done():
            if self._backlog.closed:
                raise not_found(self._backlog.config.name)
            room, room_bytes = self._room()
            if room <= 0 or room_bytes <= 0:
                await self._pause(asyncio.sleep(RECHECK))
                continue
            taken = self._backlog.take(min(room, BATCH_MESSAGES), min(room_bytes, BATCH_BYTES), self._lease)
            if not taken:
                await self._pause(self._backlog.wait())
                continue
            for delivery in taken:
                size = len(delivery.body or b"")
                self._outstanding.append((delivery, delivery.generation, size))
                self._bytes += size
            yield taken
        error = self._reader.exception()
        if error:
            raise error

    def _room(self) -> tuple[int, int]:
        """What may still be sent, in messages and bytes."""
        if (
            len(self._outstanding) >= self._max_messages
            or self._bytes >= self._max_bytes
            or (len(self._outstanding) > 4 * BATCH_MESSAGES and self._max_messages == UNLIMITED)
        ):
            self._outstanding = [
                entry
                for entry in self._outstanding
                if entry[0].state is State.LEASED and entry[0].generation == entry[1]
            ]
            self._bytes = sum(size for _, _, size in self._outstanding)
        return self._max_messages - len(self._outstanding), self._max_bytes - self._bytes

    async def _pause(self, event: Any) -> None:
        """Wait for `event`, or for the client to end the stream."""
        task = asyncio.ensure_future(event)
        try:
            await asyncio.wait({task, self._reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()

    async def _read(self) -> None:
        async for request in self._requests:
            await self._handle(request)

    async def _handle(self, request: Any) -> None:
        if request.ack_ids:
            self._backlog.ack(request.ack_ids)
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise invalid("modify_deadline_ack_ids and modify_deadline_seconds must be of the same length.")
        for ack_id, extension in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
            self._backlog.modify_deadline([ack_id], extension)
        if 10 <= request.stream_ack_deadline_seconds <= 600:
            self._lease = float(request.stream_ack_deadline_seconds)
