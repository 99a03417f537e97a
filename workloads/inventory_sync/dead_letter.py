"""Publishes poison to its stream's dead-letter topic, with the reason, before it is acknowledged.

Pub/Sub's own dead-lettering never says why; it stays the fallback for what is refused again and again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import PublisherClient  # type: ignore[import-untyped]
from google.pubsub_v1 import PublisherClient as Api
from google.pubsub_v1.types import PubsubMessage

from workloads.inventory_sync.delivery import Delivery

log = logging.getLogger(__name__)

_PUBLISH_SECONDS = 8.0
# Pub/Sub's limits for attributes.
_VALUE_BYTES = 1024
_ATTRIBUTES = 100
_RESERVED = "goog"  # Pub/Sub adds such attributes itself, the schema's name among them, and takes none from others


class NotPublished(Exception):  # noqa: N818
    """The dead letter could not be published now; the message must not be acknowledged."""


class DeadLetters(Protocol):
    """Where poison goes."""

    async def publish(self, stream: str, delivery: Delivery, error: str) -> None:
        """Return once the letter is durable.

        Raises:
            NotPublished: it is not.
        """

    def close(self) -> None:
        """Send what is under way and let the connection go."""


class PubSubDeadLetters:
    """Dead letters in Pub/Sub; `topics` has the full topic name for each stream."""

    def __init__(self, topics: dict[str, str]) -> None:
        self._topics = topics
        self._client = PublisherClient()

    async def publish(self, stream: str, delivery: Delivery, error: str) -> None:
        """Publish the message as it came, its attributes kept, those of `letter_attributes` added."""
        letter = PubsubMessage(data=delivery.data, attributes=letter_attributes(delivery, error))
        try:
            await asyncio.wait_for(asyncio.to_thread(self._send, self._topics[stream], letter), _PUBLISH_SECONDS)
        except (GoogleAPICallError, RetryError, GoogleAuthError, TimeoutError, ValueError) as reason:
            message = f"{self._topics[stream]} does not take dead letters: {type(reason).__name__}: {reason}"
            raise NotPublished(message) from None

    def _send(self, topic: str, letter: PubsubMessage) -> None:
        # The client's own `publish` takes attributes as keywords: one called `ordering_key`, as a letter's is, or
        # `timeout`, as a stranger's may be, would be taken for its parameter.
        Api.publish(self._client, topic=topic, messages=[letter], timeout=_PUBLISH_SECONDS)

    def close(self) -> None:
        """Let the connection go."""
        self._client.stop()


def letter_attributes(delivery: Delivery, error: str) -> dict[str, str]:
    """Return a dead letter's attributes: the original ones and `error`, `source_subscription`, `source_message_id`.

    `ordering_key` too where the message had one: redrive gives it back. Pub/Sub's own are left out. Where there are too
    many, original ones give way.
    """
    own = {
        "error": _cut(error or "unknown"),
        "source_subscription": _cut(delivery.subscription),
        "source_message_id": _cut(delivery.message_id),
    }
    if delivery.ordering_key:
        own["ordering_key"] = _cut(delivery.ordering_key)
    kept = [(k, v) for k, v in delivery.attributes.items() if k not in own and not k.startswith(_RESERVED)][
        : _ATTRIBUTES - len(own)
    ]
    return dict(kept) | own


def _cut(value: str) -> str:
    """The longest beginning that fits into an attribute, cut between characters."""
    return value.encode()[:_VALUE_BYTES].decode(errors="ignore")
