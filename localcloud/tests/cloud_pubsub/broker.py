"""A broker in this process, and every change that its store has to hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastyle_localcloud.iam import Iam
from fastyle_localcloud.pubsub import messages
from fastyle_localcloud.pubsub.access import Access
from fastyle_localcloud.pubsub.broker import Broker
from fastyle_localcloud.pubsub.journal import Journal

PROJECT = "projects/p"
TOPIC, LETTERS = f"{PROJECT}/topics/trade", f"{PROJECT}/topics/letters"
SUBSCRIPTION = f"{PROJECT}/subscriptions/trade-work"
HOLD = f"{PROJECT}/subscriptions/letters-hold"
SCHEMA = f"{PROJECT}/schemas/trade"
AGENT = "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
AVRO = '{"type": "record", "name": "Trade", "fields": [{"name": "%s", "type": "string"}]}'

Change = Callable[[Broker], Coroutine[Any, Any, Any]]


def _topic(name: str, **settings: Any) -> Any:
    return messages.Topic(name=name, **settings)


def _subscription(name: str, topic: str, **settings: Any) -> Any:
    config = messages.Subscription(name=name, topic=topic, ack_deadline_seconds=10, **settings)
    config.message_retention_duration.FromSeconds(600)
    return config


def _schema(field: str) -> Any:
    return messages.Schema(type_=messages.AVRO, definition=AVRO % field)


@asynccontextmanager
async def opened_broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """With a topic, a message in its subscription, and another one for dead letters."""
    iam = Iam(tmp_path / "iam.sqlite")
    iam.grant(LETTERS, "roles/pubsub.publisher", AGENT)
    iam.grant(SUBSCRIPTION, "roles/pubsub.subscriber", AGENT)
    journal = Journal(tmp_path / "messages.db")
    opened = Broker(journal, Access(tmp_path / "iam.sqlite", "1"))
    for name in (TOPIC, LETTERS):
        await opened.create_topic(_topic(name))
    policy = messages.Subscription().dead_letter_policy
    policy.dead_letter_topic, policy.max_delivery_attempts = LETTERS, 5
    await opened.create_subscription(_subscription(SUBSCRIPTION, TOPIC, dead_letter_policy=policy))
    await opened.create_subscription(_subscription(HOLD, LETTERS))
    await opened.schemas.create(SCHEMA, _schema("text"))
    await opened.topics[TOPIC].publish([messages.PubsubMessage(data=b"one")], 10)
    yield opened
    await journal.close()


def _relabelled(config: Any) -> Any:
    changed = type(config)()
    changed.CopyFrom(config)
    changed.labels["owner"] = "somebody"
    return changed


CHANGES: dict[str, Change] = {
    "a topic": lambda b: b.create_topic(_topic(f"{PROJECT}/topics/another")),
    "a topic's settings": lambda b: b.update_topic(_relabelled(b.topics[TOPIC].config)),
    "the end of a topic": lambda b: b.delete_topic(TOPIC),
    "a subscription": lambda b: b.create_subscription(_subscription(f"{PROJECT}/subscriptions/another", TOPIC)),
    "a subscription's settings": lambda b: b.update_subscription(_relabelled(b.subscriptions[SUBSCRIPTION].config)),
    "a detached subscription": lambda b: b.detach(SUBSCRIPTION),
    "the end of a subscription": lambda b: b.delete_subscription(SUBSCRIPTION),
    "a seek": lambda b: b.seek(SUBSCRIPTION, 2**60),
    "a schema": lambda b: b.schemas.create(f"{PROJECT}/schemas/another", _schema("text")),
    "a schema's revision": lambda b: b.schemas.commit(SCHEMA, _schema("word")),
    "the end of a schema": lambda b: b.schemas.delete(SCHEMA),
}
