"""One subscription's deliveries: what waits, what is leased, what comes back and when.

The log is read forward from `cursor`; a message read and not yet settled is in `_pending`, in order of ids.
So everything up to the `watermark` is settled, and one number and a few rows above it are the durable state.
Message bodies are held only while a delivery waits to be taken: a large backlog costs no memory.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any

from fastyle_localcloud.pubsub import filters
from fastyle_localcloud.pubsub.access import Refusal
from fastyle_localcloud.pubsub.delivery import Alarms, Delivery, OrderingKeys, State
from fastyle_localcloud.pubsub.journal import Journal, failed
from fastyle_localcloud.pubsub.resources import back_off
from fastyle_localcloud.pubsub.traffic import Traffic

READ_AHEAD = 1_000
READ_AHEAD_BYTES = 16 * 2**20
# Behind an ordering key that is stuck: further messages stay in the log.
MAX_BLOCKED = 10_000


class Backlog:
    """The deliveries of one subscription. Not thread-safe: all calls are made on the event loop."""

    def __init__(
        self,
        journal: Journal,
        *,
        id: int,
        topic_id: int | None,
        watermark: int,
        epoch: int,
        config: Any,
        on_dead_letter: Callable[[Backlog, Delivery, str], bool],
    ) -> None:
        self.id = id
        self.topic_id = topic_id
        self.config = config
        self.epoch = epoch
        self.acknowledged = 0
        self.traffic = Traffic()  # what was delivered, redeliveries included
        self.last_refusal: Refusal | None = None
        self.closed = False
        # The destination of an export cannot be written: shown as the state RESOURCE_ERROR.
        self.resource_error = False
        # The newest message known to be committed; the cursor has nothing to read beyond it.
        self.tail = watermark
        self._journal = journal
        self._on_dead_letter = on_dead_letter
        self._cursor = watermark
        self._pending: OrderedDict[int, Delivery] = OrderedDict()
        self._ready: deque[Delivery] = deque()
        self._alarms = Alarms(self._on_due)
        self._news = asyncio.Event()
        self._ordering = OrderingKeys()
        self._matches = filters.parse(config.filter) if config.filter else None

    def take(self, limit: int, max_bytes: int, lease: float | None) -> list[Delivery]:
        """Up to `limit` messages and about `max_bytes`, leased for `lease` seconds (None: until settled)."""
        taken: list[Delivery] = []
        size = 0
        while len(taken) < limit and not self.closed:
            if not self._ready and not self._read_ahead():
                break
            delivery = self._ready.popleft()
            if delivery.state is not State.READY:
                continue
            if delivery.body is None:
                delivery.body = self._journal.body(delivery.id)
                if delivery.body is None:
                    self._settle(delivery)
                    continue
            if taken and size + len(delivery.body) > max_bytes:
                self._ready.appendleft(delivery)
                break
            size += len(delivery.body)
            delivery.state = State.LEASED
            delivery.generation += 1
            if lease is not None:
                self._alarms.set(delivery, lease)
            taken.append(delivery)
        return taken

    async def wait(self) -> None:
        """Return when there may be something to take, or the subscription was closed."""
        if self.closed or self._ready or self._cursor < self.tail:
            return
        self._news.clear()
        await self._news.wait()

    def wake(self) -> None:
        self._news.set()

    def extend_tail(self, last_id: int) -> None:
        """The topic's log has grown to `last_id`."""
        self.tail = max(self.tail, last_id)
        self.wake()

    def close(self) -> None:
        self.closed = True
        self._alarms.close()
        self.wake()

    def ack_id(self, delivery: Delivery) -> str:
        return f"{self.id}.{self.epoch}.{delivery.id}.{delivery.generation}"

    def ack(self, ack_ids: Iterable[str]) -> asyncio.Future[None] | None:
        """Settle by ack id, late ones too; the commit to wait for, or None when nothing was left to settle.

        An id of another subscription, or from before a seek, is ignored, as the API does with expired ids.
        """
        return self._settle_ids(delivery for text in ack_ids if (delivery := self._find(text)) is not None)

    def settle(self, deliveries: Iterable[Delivery]) -> asyncio.Future[None] | None:
        """Settle what the caller still holds a lease of; a seek may have taken it away."""
        return self._settle_ids(delivery.id for delivery in deliveries if delivery.state is State.LEASED)

    def settle_with(self, delivery: Delivery, stored: asyncio.Future[None]) -> None:
        """Settle in the commit of what was just appended, `stored`; when that fails the delivery comes back."""
        delivery.generation += 1  # the lease has no end any more
        self._journal.ack(self.id, [delivery.id], self.watermark)

        def committed(done: asyncio.Future[None]) -> None:
            if failed(done):
                self.release([delivery], back_off(self.config, delivery.failures))
            else:
                self.settle([delivery])

        stored.add_done_callback(committed)

    def _settle_ids(self, ids: Iterable[int]) -> asyncio.Future[None] | None:
        settled = []
        for message in ids:
            delivery = self._pending.get(message)
            if delivery is not None:
                self._settle(delivery)
            elif message <= self._cursor:
                continue
            settled.append(message)
        if not settled:
            return None
        self.acknowledged += len(settled)
        return self._journal.ack(self.id, settled, self.watermark)

    def modify_deadline(self, ack_ids: Iterable[str], extension: float) -> None:
        """Extend live leases; with 0, hand the messages back as refused."""
        for text in ack_ids:
            leased = self._find(text)
            delivery = self._pending.get(leased) if leased is not None else None
            if delivery is None or delivery.state is not State.LEASED or text != self.ack_id(delivery):
                continue
            if extension == 0:
                self.refuse(delivery, "refused by the subscriber")
            else:
                self._alarms.set(delivery, extension)

    def refuse(self, delivery: Delivery, reason: str, *, permanent: bool = False) -> None:
        """A failed attempt: back after the retry policy's delay, or to the dead-letter topic after enough of them.

        A `permanent` failure, such as a row that a table cannot hold, goes to the dead-letter topic at once.
        """
        if delivery.state is not State.LEASED:
            return
        delivery.failures += 1
        policy = self.config.dead_letter_policy if self.config.HasField("dead_letter_policy") else None
        if (
            policy
            and (permanent or delivery.failures >= policy.max_delivery_attempts)
            and self._on_dead_letter(self, delivery, reason)
        ):
            return
        if policy:
            self._journal.fail(self.id, delivery.id, delivery.failures)
        self.release([delivery], back_off(self.config, delivery.failures))

    def release(self, deliveries: Iterable[Delivery], delay: float) -> None:
        """Hand back without counting a failed attempt, to be taken again after `delay` seconds."""
        for delivery in deliveries:
            if delivery.state is not State.LEASED:
                continue
            if delay > 0:
                delivery.state = State.DELAYED
                delivery.body = None
                self._alarms.set(delivery, delay)
            else:
                self._make_ready(delivery)
        self.wake()

    def hasten(self) -> None:
        """End every back-off now: a flush asks for another attempt."""
        for delivery in list(self._pending.values()):
            if delivery.state is State.DELAYED:
                self._make_ready(delivery)
        self.wake()

    def attempt(self, delivery: Delivery) -> int:
        """What subscribers see as `delivery_attempt`: 0 without a dead-letter policy, as in the API."""
        return delivery.failures + 1 if self.config.HasField("dead_letter_policy") else 0

    def seek(self, target: int) -> None:
        """Forget every delivery and read again after `target`; ack ids given so far become void."""
        self.epoch += 1
        for delivery in self._pending.values():
            delivery.state = State.SETTLED
        self._pending.clear()
        self._ready.clear()
        self._alarms.clear()
        self._ordering.clear()
        self._cursor = target
        self.wake()

    def expire(self, last_id: int) -> None:
        """Messages up to `last_id` are past retention: they are no longer delivered."""
        for delivery in list(itertools.takewhile(lambda d: d.id <= last_id, self._pending.values())):
            self._settle(delivery)
        if self._cursor < last_id:
            self._cursor = last_id

    @property
    def watermark(self) -> int:
        """Every message up to this id is settled."""
        return next(iter(self._pending)) - 1 if self._pending else self._cursor

    def count(self) -> int:
        """Messages not yet settled (those that a filter will drop are counted until they are read)."""
        return len(self._pending) + self._journal.count_unsettled(self.topic_id, self.id, self._cursor)

    def unsettled_up_to(self, last_id: int) -> bool:
        """Whether a message up to `last_id` may still have to be delivered."""
        return self.watermark < last_id

    def oldest_unacked_seconds(self) -> float:
        if self._pending:
            published_us = next(iter(self._pending.values())).published_us
        else:
            following = self._journal.next_after(self.topic_id, self._cursor)
            if following is None:
                return 0.0
            published_us = following[1]
        return max(0.0, time.time() - published_us / 1e6)

    def _read_ahead(self) -> bool:
        """Bring the next messages of the log into `_ready`; False when there are none for now."""
        while not self._ready and self._cursor < self.tail and self._ordering.blocked_count < MAX_BLOCKED:
            rows = self._journal.unsettled(self.topic_id or 0, self.id, self._cursor, READ_AHEAD, READ_AHEAD_BYTES)
            if not rows:
                self._cursor = self.tail
                return False
            for id, published_us, body, failures in rows:
                self._cursor = id
                self._admit(Delivery(id, published_us, body, failures or 0))
        return bool(self._ready)

    def _admit(self, delivery: Delivery) -> None:
        if self._matches or self.config.enable_message_ordering:
            message = delivery.message()
            if self._matches and not self._matches(message.attributes):
                return
            if self.config.enable_message_ordering:
                delivery.key = message.ordering_key
        self._pending[delivery.id] = delivery
        if not delivery.key or self._ordering.admit(delivery):
            self._ready.append(delivery)

    def _settle(self, delivery: Delivery) -> None:
        was_blocked = delivery.state is State.BLOCKED
        delivery.state = State.SETTLED
        delivery.body = None
        del self._pending[delivery.id]
        if delivery.key and not was_blocked and (follower := self._ordering.follower(delivery)):
            self._make_ready(follower)
            self.wake()

    def _make_ready(self, delivery: Delivery) -> None:
        delivery.state = State.READY
        self._ready.append(delivery)

    def _find(self, ack_id: str) -> int | None:
        """The message that an ack id of this subscription and epoch stands for."""
        fields = ack_id.split(".")
        if len(fields) != 4 or fields[0] != str(self.id) or fields[1] != str(self.epoch) or not fields[2].isdigit():
            return None
        message = int(fields[2])
        return message if message <= max(self.tail, self._cursor) else None

    def _on_due(self, delivery: Delivery) -> None:
        if delivery.state is State.LEASED:
            self.refuse(delivery, "the acknowledgement deadline passed")
        elif delivery.state is State.DELAYED:
            self._make_ready(delivery)
            self.wake()
