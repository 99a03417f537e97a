"""Topics and subscriptions, and the way of a message from publish into every subscription's backlog."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastyle_localcloud.pubsub import messages
from fastyle_localcloud.pubsub.access import Access, Missing, Refusal
from fastyle_localcloud.pubsub.avro_json import Mismatch
from fastyle_localcloud.pubsub.backlog import Backlog, Delivery
from fastyle_localcloud.pubsub.errors import already_exists, failed_precondition, invalid, not_found
from fastyle_localcloud.pubsub.journal import Journal, Statement, StoredMessage, failed
from fastyle_localcloud.pubsub.resources import check_subscription, check_topic, seconds
from fastyle_localcloud.pubsub.schemas import Schemas, Validator
from fastyle_localcloud.pubsub.traffic import Traffic

# Limits of a publish request and a message: the guide "Quotas and limits".
MAX_REQUEST_BYTES = 10 * 2**20
MAX_REQUEST_MESSAGES = 1_000
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1_024


class Topic:
    """A topic's configuration, the check of its schema, and the backlogs that its messages go to."""

    def __init__(self, id: int, config: Any, schemas: Schemas, last_id: int) -> None:
        self.id = id
        self.backlogs: list[Backlog] = []
        # The newest committed message: where a new subscription begins.
        self.last_id = last_id
        self.traffic = Traffic()
        self._schemas = schemas
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


class Broker:
    """Everything that the API changes. `on_change(name)` tells of a subscription that began, changed or ended."""

    def __init__(self, journal: Journal, access: Access) -> None:
        self.journal = journal
        self.access = access
        self.schemas = Schemas(journal)
        self.topics: dict[str, Topic] = {}
        self.subscriptions: dict[str, Backlog] = {}
        self.on_change: Callable[[str], None] = lambda name: None
        ids: dict[str, int] = dict(journal.query("SELECT name, seq FROM sqlite_sequence"))
        self._last_message = ids.get("messages", 0)
        self._last_topic = ids.get("topics", 0)
        self._last_subscription = ids.get("subscriptions", 0)
        [(self._last_us,)] = journal.query("SELECT coalesce(max(published_us), 0) FROM messages")
        self._load()

    def _load(self) -> None:
        by_id: dict[int, Topic] = {}
        for id, body in self.journal.query("SELECT id, body FROM topics"):
            topic = Topic(id, messages.Topic.FromString(body), self.schemas, self._last_message)
            self.topics[topic.config.name] = by_id[id] = topic
        rows = self.journal.query("SELECT id, topic, body, watermark, epoch FROM subscriptions")
        for id, topic_id, body, watermark, epoch in rows:
            parent = by_id.get(topic_id)
            self._attach(id, parent, messages.Subscription.FromString(body), watermark, epoch)

    def _attach(self, id: int, topic: Topic | None, config: Any, watermark: int, epoch: int) -> Backlog:
        backlog = Backlog(
            self.journal,
            id=id,
            topic_id=topic.id if topic else None,
            watermark=watermark,
            epoch=epoch,
            config=config,
            on_dead_letter=self._dead_letter,
        )
        if topic:
            topic.backlogs.append(backlog)
            backlog.extend_tail(topic.last_id)
        self.subscriptions[config.name] = backlog
        return backlog

    # --- publishing ---

    async def publish(self, name: str, batch: Sequence[Any], size: int) -> list[str]:
        """Store `batch` (PubsubMessage) and return the ids once they are on disk; all or none."""
        topic = self.topic(name)
        if not batch:
            raise invalid(f"The publish request for {name} has no messages.")
        if len(batch) > MAX_REQUEST_MESSAGES:
            raise invalid(f"{len(batch)} messages in one request; at most {MAX_REQUEST_MESSAGES} are allowed.")
        if size > MAX_REQUEST_BYTES:
            raise invalid(f"The request is {size} bytes; at most {MAX_REQUEST_BYTES} are allowed.")
        for index, message in enumerate(batch):
            _check_message(index, message)
            if topic.validator:
                _check_schema(index, message, topic.validator)
        stored = self._stamp(topic, batch)
        await asyncio.shield(self._append(topic, stored))  # others wait for the same commit
        topic.traffic.count(batch)
        return [str(row.id) for row in stored]

    def _stamp(self, topic: Topic, batch: Iterable[Any]) -> list[StoredMessage]:
        """Give ids and a publish time that never goes back: seek by time relies on it."""
        now_us = self._last_us = max(self._last_us, time.time_ns() // 1_000)
        stored = []
        for message in batch:
            self._last_message += 1
            message.message_id = str(self._last_message)
            message.publish_time.FromMicroseconds(now_us)
            stored.append(StoredMessage(self._last_message, topic.id, now_us, message.SerializeToString()))
        return stored

    def _append(self, topic: Topic, stored: list[StoredMessage]) -> asyncio.Future[None]:
        done = self.journal.append(stored)
        last_id = stored[-1].id

        def committed(future: Any) -> None:
            if failed(future):
                return
            topic.last_id = max(topic.last_id, last_id)
            for backlog in topic.backlogs:
                backlog.extend_tail(last_id)

        done.add_done_callback(committed)
        return done

    def _dead_letter(self, backlog: Backlog, delivery: Delivery, reason: str) -> bool:
        """Move a delivery to its dead-letter topic; False leaves it in the backlog, with the refusal noted.

        The new message and the acknowledgement of the old one share one commit: a kill loses or doubles neither, and
        when it cannot be stored the delivery comes back.
        """
        name = backlog.config.dead_letter_policy.dead_letter_topic
        topic = self.topics.get(name)
        missing = self._missing_for_dead_letter(backlog.config.name, name)
        body = delivery.body or self.journal.body(delivery.id)
        if topic is None or missing or body is None:
            text = f"cannot dead-letter to {name}: " + ("it does not exist" if topic is None else "a grant is missing")
            backlog.last_refusal = Refusal(404 if topic is None else 403, text, missing)
            return False
        original = messages.PubsubMessage.FromString(body)
        letter = messages.PubsubMessage(
            data=original.data, attributes=original.attributes, ordering_key=original.ordering_key
        )
        project, source = backlog.config.name.split("/")[1::2]
        letter.attributes.update(
            {
                "CloudPubSubDeadLetterSourceDeliveryCount": str(delivery.failures),
                "CloudPubSubDeadLetterSourceSubscription": source,
                "CloudPubSubDeadLetterSourceSubscriptionProject": project,
                "CloudPubSubDeadLetterSourceTopicPublishTime": original.publish_time.ToJsonString(),
                "CloudPubSubDeadLetterSourceDeliveryErrorMessage": reason[:MAX_VALUE_BYTES],
            }
        )
        done = self._append(topic, self._stamp(topic, [letter]))
        done.add_done_callback(lambda done: None if failed(done) else topic.traffic.count([letter]))
        backlog.settle_with(delivery, done)
        return True

    def _missing_for_dead_letter(self, subscription: str, topic: str) -> Missing | None:
        agent = self.access.agent
        return self.access.missing(topic, "roles/pubsub.publisher", agent) or self.access.missing(
            subscription, "roles/pubsub.subscriber", agent
        )

    # --- topics ---

    def topic(self, name: str) -> Topic:
        topic = self.topics.get(name)
        if topic is None:
            raise not_found(name)
        return topic

    async def create_topic(self, config: Any) -> Topic:
        check_topic(config)
        self._check_schema_settings(config)
        if config.name in self.topics:
            raise already_exists(config.name)
        self._last_topic += 1
        topic = self.topics[config.name] = Topic(self._last_topic, config, self.schemas, self._last_message)
        await self.journal.store(
            (
                "INSERT INTO topics (id, name, body) VALUES (?, ?, ?)",
                (topic.id, config.name, config.SerializeToString()),
            ),
            undo=lambda: self.topics.pop(config.name),
        )
        return topic

    async def update_topic(self, config: Any) -> Topic:
        topic = self.topic(config.name)
        check_topic(config)
        self._check_schema_settings(config)
        former = topic.config
        topic.configure(config)
        await self.journal.store(
            ("UPDATE topics SET body = ? WHERE id = ?", (config.SerializeToString(), topic.id)),
            undo=lambda: topic.configure(former),
        )
        return topic

    async def delete_topic(self, name: str) -> None:
        """Its subscriptions stay, with `_deleted-topic_` as their topic and nothing left to deliver."""
        topic = self.topic(name)
        del self.topics[name]
        backlogs = [(backlog, backlog.watermark) for backlog in topic.backlogs]
        statements: list[Statement] = [
            ("DELETE FROM topics WHERE id = ?", (topic.id,)),
            ("DELETE FROM messages WHERE topic = ?", (topic.id,)),
        ]
        for backlog in topic.backlogs:
            backlog.config.topic = messages.DELETED_TOPIC
            backlog.topic_id = None
            backlog.seek(backlog.tail)
            statements.append(
                (
                    "UPDATE subscriptions SET topic = NULL, body = ?, watermark = ?, epoch = ? WHERE id = ?",
                    (backlog.config.SerializeToString(), backlog.tail, backlog.epoch, backlog.id),
                )
            )
        topic.backlogs.clear()

        def undo() -> None:
            self.topics[name] = topic
            for backlog, watermark in backlogs:
                backlog.config.topic = name
                _follow(backlog, topic, watermark)

        await self.journal.store(*statements, undo=undo)

    def _check_schema_settings(self, config: Any) -> None:
        if not config.HasField("schema_settings"):
            return
        settings = config.schema_settings
        schema = self.schemas.get(settings.schema)
        if settings.encoding not in (messages.JSON, messages.BINARY):
            raise invalid("schema_settings.encoding must be JSON or BINARY.")
        for revision_id in (settings.first_revision_id, settings.last_revision_id):
            if revision_id:
                schema.revision(revision_id)

    # --- subscriptions ---

    def subscription(self, name: str) -> Backlog:
        backlog = self.subscriptions.get(name)
        if backlog is None:
            raise not_found(name)
        return backlog

    def consumable(self, name: str) -> Backlog:
        """A subscription that a client may pull from."""
        backlog = self.subscription(name)
        config = backlog.config
        if config.detached:
            raise failed_precondition(f"{name} is detached from its topic: delete it and create another.")
        if (
            config.push_config.push_endpoint
            or config.HasField("bigquery_config")
            or config.HasField("cloud_storage_config")
        ):
            raise failed_precondition(f"{name} delivers by itself (push or export): pull from another subscription.")
        return backlog

    async def create_subscription(self, config: Any) -> Backlog:
        check_subscription(config)
        topic = self.topic(config.topic)
        if config.name in self.subscriptions:
            raise already_exists(config.name)
        self._check_dead_letter_topic(config)
        _check_export_schema(config, topic)
        self._last_subscription += 1
        # Messages still on their way to disk were published before this subscription: not for it.
        start = self._last_message
        backlog = self._attach(self._last_subscription, topic, config, start, 0)
        await self.journal.store(
            (
                "INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?, 0)",
                (backlog.id, config.name, topic.id, config.SerializeToString(), start),
            ),
            undo=lambda: self._let_go(backlog),
        )
        self.on_change(config.name)
        return backlog

    async def update_subscription(self, config: Any) -> Backlog:
        backlog = self.subscription(config.name)
        check_subscription(config)
        self._check_dead_letter_topic(config)
        if config.topic in self.topics:
            _check_export_schema(config, self.topics[config.topic])
        former = backlog.config
        backlog.config = config
        await self._store(backlog, undo=lambda: setattr(backlog, "config", former))
        self.on_change(config.name)
        return backlog

    async def detach(self, name: str) -> None:
        backlog = self.subscription(name)
        topic, watermark = self.topics.get(backlog.config.topic), backlog.watermark
        if topic and backlog in topic.backlogs:
            topic.backlogs.remove(backlog)
        backlog.config.detached = True
        backlog.seek(backlog.tail)
        backlog.topic_id = None

        def undo() -> None:
            backlog.config.detached = False
            if topic:
                _follow(backlog, topic, watermark)

        await self._store(backlog, undo=undo)
        self.on_change(name)

    async def delete_subscription(self, name: str) -> None:
        backlog = self.subscription(name)
        topic, watermark = self.topics.get(backlog.config.topic), backlog.watermark
        self._let_go(backlog)

        def undo() -> None:
            self._attach(backlog.id, topic if backlog.topic_id else None, backlog.config, watermark, backlog.epoch)
            self.on_change(name)

        await self.journal.store(
            ("DELETE FROM subscriptions WHERE id = ?", (backlog.id,)),
            ("DELETE FROM acks WHERE subscription = ?", (backlog.id,)),
            ("DELETE FROM failures WHERE subscription = ?", (backlog.id,)),
            undo=undo,
        )
        self.on_change(name)

    def _let_go(self, backlog: Backlog) -> None:
        """Forget a subscription: nothing is delivered any more."""
        del self.subscriptions[backlog.config.name]
        for topic in self.topics.values():
            if backlog in topic.backlogs:
                topic.backlogs.remove(backlog)
        backlog.close()

    async def seek(self, name: str, instant_us: int) -> None:
        """Settle what was published before `instant_us`; bring back what came later, as far as it is kept."""
        backlog = self.subscription(name)
        topic = self.topics.get(backlog.config.topic)
        if topic is None or backlog.config.detached:
            raise failed_precondition(f"{name} has no topic to seek in.")
        last = topic.last_id
        target = self.journal.last_before(topic.id, instant_us, 0, last)
        kept = self.retained_after(topic, backlog)
        if kept is None:
            # Nothing acknowledged is kept: a seek only goes forward, and leaves later acknowledgements be.
            target = max(target, backlog.watermark)
            forget = target
        else:
            target = max(target, min(kept, backlog.watermark))
            forget = 2**63 - 1
        former = backlog.watermark
        backlog.seek(target)
        await self.journal.store(
            ("UPDATE subscriptions SET watermark = ?, epoch = ? WHERE id = ?", (target, backlog.epoch, backlog.id)),
            ("DELETE FROM acks WHERE subscription = ? AND message <= ?", (backlog.id, forget)),
            ("DELETE FROM failures WHERE subscription = ?", (backlog.id,)),
            undo=lambda: backlog.seek(former),
        )
        backlog.wake()

    def retained_after(self, topic: Topic, backlog: Backlog) -> int | None:
        """Acknowledged messages of higher ids are kept for this subscription; None when none are."""
        window = topic.retention
        if backlog.config.retain_acked_messages:
            window = max(window, seconds(backlog.config.message_retention_duration))
        if not window:
            return None
        return self.journal.last_before(topic.id, int((time.time() - window) * 1e6), 0, topic.last_id)

    def _check_dead_letter_topic(self, config: Any) -> None:
        if config.HasField("dead_letter_policy"):
            self.topic(config.dead_letter_policy.dead_letter_topic)

    async def _store(self, backlog: Backlog, *, undo: Callable[[], object]) -> None:
        await self.journal.store(
            (
                "UPDATE subscriptions SET body = ?, topic = ?, epoch = ? WHERE id = ?",
                (backlog.config.SerializeToString(), backlog.topic_id, backlog.epoch, backlog.id),
            ),
            undo=undo,
        )


def _follow(backlog: Backlog, topic: Topic, watermark: int) -> None:
    """Have a subscription deliver a topic's messages after `watermark` again."""
    topic.backlogs.append(backlog)
    backlog.topic_id = topic.id
    backlog.extend_tail(topic.last_id)
    backlog.seek(watermark)


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


def _check_export_schema(config: Any, topic: Topic) -> None:
    if config.bigquery_config.use_topic_schema and topic.validator is None:
        raise invalid(f"bigquery_config.use_topic_schema needs a schema on {topic.config.name}.")
    if config.cloud_storage_config.avro_config.use_topic_schema and topic.validator is None:
        raise invalid(f"cloud_storage_config.avro_config.use_topic_schema needs a schema on {topic.config.name}.")
