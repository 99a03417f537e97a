"""Topics and subscriptions: made, changed, sought in and deleted, in memory and in the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastyle_localcloud.pubsub import messages
from fastyle_localcloud.pubsub.access import Access
from fastyle_localcloud.pubsub.backlog import Backlog
from fastyle_localcloud.pubsub.dead_letters import DeadLetters
from fastyle_localcloud.pubsub.errors import already_exists, failed_precondition, invalid, not_found
from fastyle_localcloud.pubsub.journal import Journal, Statement
from fastyle_localcloud.pubsub.resources import check_subscription, check_topic, seconds
from fastyle_localcloud.pubsub.schemas import Schemas
from fastyle_localcloud.pubsub.topic import Stamps, Topic


class Broker:
    """Everything that the API changes. `on_change(name)` tells of a subscription that began, changed or ended."""

    def __init__(self, journal: Journal, access: Access) -> None:
        self.journal = journal
        self.access = access
        self.schemas = Schemas(journal)
        self.topics: dict[str, Topic] = {}
        self.subscriptions: dict[str, Backlog] = {}
        self.on_change: Callable[[str], None] = lambda name: None
        self._dead_letters = DeadLetters(journal, access, self.topics)
        self._stamps = Stamps(journal)
        self._last_topic = journal.last_id("topics")
        self._last_subscription = journal.last_id("subscriptions")
        self._load()

    def _load(self) -> None:
        by_id: dict[int, Topic] = {}
        for id, body in self.journal.query("SELECT id, body FROM topics"):
            by_id[id] = self._open(id, messages.Topic.FromString(body))
        rows = self.journal.query("SELECT id, topic, body, watermark, epoch FROM subscriptions")
        for id, topic_id, body, watermark, epoch in rows:
            parent = by_id.get(topic_id)
            self._attach(id, parent, messages.Subscription.FromString(body), watermark, epoch)

    def _open(self, id: int, config: Any) -> Topic:
        topic = self.topics[config.name] = Topic(id, config, self.journal, self.schemas, self._stamps)
        return topic

    def _attach(self, id: int, topic: Topic | None, config: Any, watermark: int, epoch: int) -> Backlog:
        backlog = Backlog(
            self.journal,
            id=id,
            topic_id=topic.id if topic else None,
            watermark=watermark,
            epoch=epoch,
            config=config,
            on_dead_letter=self._dead_letters.move,
        )
        if topic:
            topic.backlogs.append(backlog)
            backlog.extend_tail(topic.last_id)
        self.subscriptions[config.name] = backlog
        return backlog

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
        topic = self._open(self._last_topic, config)
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
            statements.append(_update(backlog))
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
        start = self._stamps.last_id
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
        await self.journal.store(_update(backlog), undo=lambda: setattr(backlog, "config", former))
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

        await self.journal.store(_update(backlog), undo=undo)
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
        target = topic.last_before(instant_us)
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
            _update(backlog),
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
        return topic.last_older(window) if window else None

    def _check_dead_letter_topic(self, config: Any) -> None:
        if config.HasField("dead_letter_policy"):
            self.topic(config.dead_letter_policy.dead_letter_topic)


def _update(backlog: Backlog) -> Statement:
    """What stores a subscription as it is now."""
    return (
        "UPDATE subscriptions SET topic = ?, body = ?, watermark = ?, epoch = ? WHERE id = ?",
        (backlog.topic_id, backlog.config.SerializeToString(), backlog.watermark, backlog.epoch, backlog.id),
    )


def _follow(backlog: Backlog, topic: Topic, watermark: int) -> None:
    """Have a subscription deliver a topic's messages after `watermark` again."""
    topic.backlogs.append(backlog)
    backlog.topic_id = topic.id
    backlog.extend_tail(topic.last_id)
    backlog.seek(watermark)


def _check_export_schema(config: Any, topic: Topic) -> None:
    if config.bigquery_config.use_topic_schema and topic.validator is None:
        raise invalid(f"bigquery_config.use_topic_schema needs a schema on {topic.config.name}.")
    if config.cloud_storage_config.avro_config.use_topic_schema and topic.validator is None:
        raise invalid(f"cloud_storage_config.avro_config.use_topic_schema needs a schema on {topic.config.name}.")
