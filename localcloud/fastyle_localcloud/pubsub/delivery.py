"""A message on its way to one subscription, and what it may have to wait for: its key's turn, the end of a lease or delay."""

from __future__ import annotations

import asyncio
import enum
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

from fastyle_localcloud.pubsub.messages import PubsubMessage


class State(enum.Enum):
    READY = enum.auto()
    LEASED = enum.auto()
    DELAYED = enum.auto()
    BLOCKED = enum.auto()
    SETTLED = enum.auto()


class Delivery:
    """A message on its way to one subscription; `body` is the stored PubsubMessage while READY or LEASED."""

    __slots__ = ("body", "due", "failures", "generation", "id", "key", "published_us", "state")

    def __init__(self, id: int, published_us: int, body: bytes, failures: int) -> None:
        self.id = id
        self.published_us = published_us
        self.body: bytes | None = body
        self.failures = failures
        self.generation = 0
        self.due = 0.0
        self.key = ""
        self.state = State.READY

    def message(self) -> Any:
        return PubsubMessage.FromString(self.body)


class OrderingKeys:
    """Deliveries with an ordering key: one of each key is on its way, the others are BLOCKED behind it."""

    def __init__(self) -> None:
        self._blocked: dict[str, deque[Delivery]] = {}
        self.blocked_count = 0

    def admit(self, delivery: Delivery) -> bool:
        """Whether it may go at once."""
        queue = self._blocked.get(delivery.key)
        if queue is None:
            self._blocked[delivery.key] = deque()
            return True
        delivery.state = State.BLOCKED
        delivery.body = None
        queue.append(delivery)
        self.blocked_count += 1
        return False

    def follower(self, settled: Delivery) -> Delivery | None:
        """The one that may go after `settled`, which was on its way."""
        queue = self._blocked[settled.key]
        while queue:
            delivery = queue.popleft()
            self.blocked_count -= 1
            if delivery.state is State.BLOCKED:
                return delivery
        del self._blocked[settled.key]
        return None

    def clear(self) -> None:
        self._blocked.clear()
        self.blocked_count = 0


class Alarms:
    """Calls `on_due` with a delivery when its lease or delay has passed; a later alarm or lease makes an earlier one void."""

    def __init__(self, on_due: Callable[[Delivery], None]) -> None:
        self._on_due = on_due
        self._entries: list[tuple[float, int, Delivery, int]] = []
        self._tick = itertools.count()
        self._handle: asyncio.TimerHandle | None = None
        self._closed = False

    def set(self, delivery: Delivery, delay: float) -> None:
        delivery.due = asyncio.get_running_loop().time() + delay
        heapq.heappush(self._entries, (delivery.due, next(self._tick), delivery, delivery.generation))
        if self._entries[0][2] is delivery or self._handle is None:
            self._schedule()

    def clear(self) -> None:
        self._entries.clear()
        self._schedule()

    def close(self) -> None:
        self._closed = True
        self._schedule()

    def _schedule(self) -> None:
        if self._handle:
            self._handle.cancel()
            self._handle = None
        if self._entries and not self._closed:
            self._handle = asyncio.get_running_loop().call_at(self._entries[0][0], self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        self._handle = None
        while self._entries and self._entries[0][0] <= now:
            _, _, delivery, generation = heapq.heappop(self._entries)
            if delivery.generation == generation and delivery.due <= now:
                self._on_due(delivery)
        self._schedule()
