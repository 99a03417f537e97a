"""A topic, and the way of its messages from publish to disk and into every subscription's backlog."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from fastyle_localcloud.pubsub import messages
from fastyle_localcloud.pubsub.avro_json import Mismatch
from fastyle_localcloud.pubsub.backlog import Backlog
from fastyle_localcloud.pubsub.errors import invalid
from fastyle_localcloud.pubsub.journal import Journal, StoredMessage, failed
from fastyle_localcloud.pubsub.resources import seconds
from fastyle_localcloud.pubsub.schemas import Schemas, Validator
from fastyle_localcloud.pubsub.traffic import Traffic

# Limits of a publish request and a message: the guide "Quotas and limits".
MAX_REQUEST_BYTES = 10 * 2**20
MAX_REQUEST_MESSAGES = 1_000
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1_024


class Stamps:
    """Ids and publish times of all messages. Times never go back: seek by time relies on it."""

    def __init__(self, journal: Journal) -> None:
        self.last_id = journal.last_id("messages")
        [(self._last_us,)] = journal.query("SELECT coalesce(max(published_us), 0) FROM messages")

    def stamp(self, topic: int, batch: Sequence[Any]) -> list[StoredMessage]:
        """Give each message of `batch` (PubsubMessage) its id and its time, in place; what is to be stored."""
        now_us = self._last_us = max(self._last_us, time.time_ns() // 1_000)
        stored = []
        for message in batch:
            self.last_id += 1
            message.message_id = str(self.last_id)
            message.publish_time.FromMicroseconds(now_us)
            stored.append(StoredMessage(self.last_id, topic, now_us, message.SerializeToString()))
        return stored


class Topic:
    """A topic's configuration, the check of its schema, and the backlogs that its messages go to."""

    def __init__(self, id: int, config: Any, journal: Journal, schemas: Schemas, stamps: Stamps) -> None:
        self.id = id
        self.backlogs: list[Backlog] = []
        # The newest committed message: where a new subscription begins.
        self.last_id = stamps.last_id
        self.traffic = Traffic()
        self._journal = journal
        self._schemas = schemas
        self._stamps = stamps
        self.configure(config)

    def configure(self, config: Any) -> None:
        self.config = config
        has_schema = config.HasField("schema_settings")
        self.validator = Validator(self._schemas, config.schema_settings) if has_schema else None

    @property
    def retention(self) -> float:
        """Seconds that messages stay for a seek, acknowledged or not; 0 when the topic keeps none."""
        has = self.config.HasField("message_retention_duration")
        return seconds(self.config.message_retention_duration) if has else 0.0

    def last_before(self, instant_us: int) -> int:
        """The newest message that was published before `instant_us`."""
        return self._journal.last_before(self.id, instant_us, 0, self.last_id)

    def last_older(self, age: float) -> int:
        """The newest message that is older than `age` seconds."""
        return self.last_before(int((time.time() - age) * 1e6))

    async def publish(self, batch: Sequence[Any], size: int) -> list[str]:
        """Store `batch` (PubsubMessage), a request of `size` bytes; the ids once they are on disk; all or none."""
        name = self.config.name
        if not batch:
            raise invalid(f"The publish request for {name} has no messages.")
        if len(batch) > MAX_REQUEST_MESSAGES:
            raise invalid(f"{len(batch)} messages in one request; at most {MAX_REQUEST_MESSAGES} are allowed.")
        if size > MAX_REQUEST_BYTES:
            raise invalid(f"The request is {size} bytes; at most {MAX_REQUEST_BYTES} are allowed.")
        for index, message in enumerate(batch):
            _check_message(index, message)
            if self.validator:
                _check_schema(index, message, self.validator)
        await asyncio.shield(self.append(batch))  # others wait for the same commit
        return [message.message_id for message in batch]

    def append(self, batch: Sequence[Any]) -> asyncio.Future[None]:
        """Store messages that have been checked; the commit, after which every backlog has them."""
        stored = self._stamps.stamp(self.id, batch)
        done = self._journal.append(stored)
        last_id = stored[-1].id

        def committed(future: Any) -> None:
            if failed(future):
                return
            self.last_id = max(self.last_id, last_id)
            for backlog in self.backlogs:
                backlog.extend_tail(last_id)
            self.traffic.count(batch)

        done.add_done_callback(committed)
        return done


def _check_message(index: int, message: Any) -> None:
    if not message.data and not message.attributes:
        raise invalid(f"messages[{index}] has neither data nor attributes.")
    if len(message.attributes) > MAX_ATTRIBUTES:
        raise invalid(f"messages[{index}] has more than {MAX_ATTRIBUTES} attributes.")
    for key, value in message.attributes.items():
        if not key or len(key.encode()) > MAX_KEY_BYTES or key.startswith("goog"):
            raise invalid(
                f"messages[{index}] has the attribute key {key[:40]!r}: keys are 1-{MAX_KEY_BYTES} bytes"
                " and do not start with 'goog'."
            )
        if len(value.encode()) > MAX_VALUE_BYTES:
            raise invalid(f"messages[{index}] attribute {key!r} is longer than {MAX_VALUE_BYTES} bytes.")


def _check_schema(index: int, message: Any, validator: Validator) -> None:
    """Refuse what no revision allows; note in the attributes, as Pub/Sub does, which one it was."""
    try:
        revision, _ = validator.decode(message.data)
    except Mismatch as error:
        raise invalid(
            f"Invalid data in message: messages[{index}] fails the schema {validator.name}: {error}."
        ) from None
    message.attributes["googclient_schemaencoding"] = "JSON" if validator.encoding == messages.JSON else "BINARY"
    message.attributes["googclient_schemaname"] = validator.name
    message.attributes["googclient_schemarevisionid"] = revision.id
