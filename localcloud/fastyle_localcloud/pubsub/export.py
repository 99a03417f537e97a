"""What export subscriptions share: batches in, one write, then the acknowledgement; a flush that hurries them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import aiohttp

from fastyle_localcloud.pubsub.access import Access, Missing, Refusal
from fastyle_localcloud.pubsub.backlog import Backlog
from fastyle_localcloud.pubsub.delivery import Delivery
from fastyle_localcloud.pubsub.schemas import Validator

log = logging.getLogger(__name__)

_RETRY_SECONDS = (0.2, 1.0, 5.0, 10.0)


class Unwritable(Exception):  # noqa: N818 - a state of the destination
    """The destination cannot be written: messages stay in the backlog, none is dead-lettered."""

    def __init__(self, status: int, reason: str, missing: Missing | None = None) -> None:
        super().__init__(reason)
        self.refusal = Refusal(status, reason, missing)


class Exporter(ABC):
    """Writes one subscription's messages to its destination."""

    def __init__(
        self, backlog: Backlog, access: Access, session: aiohttp.ClientSession, url: str, validator: Validator | None
    ) -> None:
        self.backlog = backlog
        self._access = access
        self._session = session
        self._url = url  # of the stand-in that is written to
        self._validator = validator
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Write what is there now, whatever the batch's limits say."""
        self._hurry.set()
        self.backlog.hasten()

    async def run(self) -> None:
        """Export for ever; cancel to stop. A batch under way is then handed back."""
        troubles = 0
        while not self.backlog.closed:
            batch = await self._gather()
            if not batch:
                continue
            try:
                self._check_grants()
                refused = await self._write(batch)
            except Unwritable as trouble:
                self._suffer(batch, trouble.refusal)
                await self._pause(_RETRY_SECONDS[min(troubles, len(_RETRY_SECONDS) - 1)])
                troubles += 1
            except asyncio.CancelledError:
                self.backlog.release(batch, 0.0)
                raise
            except Exception as error:
                log.exception("export of %s failed", self.backlog.config.name)
                self._suffer(batch, Refusal(500, f"{type(error).__name__}: {error}"))
                await self._pause(5.0)
            else:
                troubles = 0
                self.backlog.resource_error = False
                self.backlog.traffic.count((delivery.message() for delivery in batch if delivery.body), minimum=0)
                self.backlog.settle([d for d in batch if d.id not in refused])
                self.backlog.last_refusal = None
                for delivery in batch:
                    if delivery.id in refused:
                        self.backlog.last_refusal = Refusal(400, refused[delivery.id])
                        self.backlog.refuse(delivery, refused[delivery.id], permanent=True)

    def _suffer(self, batch: Sequence[Delivery], refusal: Refusal) -> None:
        self.backlog.resource_error = True
        self.backlog.last_refusal = refusal
        self.backlog.release(batch, 0.0)

    async def _pause(self, seconds: float) -> None:
        """Wait before the next try; a flush ends the wait."""
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    def _require(self, resource: str, role: str) -> None:
        if missing := self._access.missing(resource, role, self._access.agent):
            raise Unwritable(403, f"{missing.member} lacks {role} on {resource}", missing)

    @abstractmethod
    def _check_grants(self) -> None:
        """Raise `Unwritable` for what Pub/Sub's service agent may not do."""

    @abstractmethod
    async def _gather(self) -> list[Delivery]:
        """The next batch, leased until settled."""

    @abstractmethod
    async def _write(self, batch: Sequence[Delivery]) -> dict[int, str]:
        """Write a batch; the ids of messages that can never be written, with the reason. Raises `Unwritable`."""


def metadata(message: Any, subscription: str) -> dict[str, Any]:
    """What `write_metadata` adds."""
    return {
        "subscription_name": subscription,
        "message_id": message.message_id,
        "publish_time": message.publish_time.ToDatetime(tzinfo=UTC),
        "attributes": dict(message.attributes),
    }
