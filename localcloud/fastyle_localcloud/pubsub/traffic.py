"""What the cloud would bill for messages: counted as they pass, since the process started."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

MINIMUM_REQUEST = 1_000
"""Bytes that a request is billed for at least (cloud.google.com/pubsub/pricing)."""
_TIMESTAMP = 20
_MESSAGE_ID = 16
"""Digits of Google's message ids. Those given here are shorter, and would make a message's size depend on its turn."""


def billed_size(message: Any) -> int:
    """Bytes of a message by the same page: data, attributes' keys and values, ordering key, id, and 20 for the time."""
    attributes = sum(len(key.encode()) + len(value.encode()) for key, value in message.attributes.items())
    return len(message.data) + attributes + len(message.ordering_key.encode()) + _MESSAGE_ID + _TIMESTAMP


@dataclass
class Traffic:
    """Of one topic or subscription. `billed_bytes` has the minimum of each request; an export has none."""

    messages: int = 0
    requests: int = 0
    bytes: int = 0
    billed_bytes: int = 0

    def count(self, batch: Iterable[Any], *, minimum: int = MINIMUM_REQUEST) -> None:
        """One request or export of `batch` (PubsubMessage)."""
        sizes = [billed_size(message) for message in batch]
        self.messages += len(sizes)
        self.requests += 1
        self.bytes += sum(sizes)
        self.billed_bytes += max(sum(sizes), minimum)

    def as_json(self) -> dict[str, int]:
        return asdict(self)
