"""The provider's topics, schemas and subscriptions in the stand-in: made twice, changed, read, deleted twice, refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.live import Live, load_handlers

from cloud_pubsub.standin import PROJECT, PubSub

TYPES = load_handlers()
TOPIC, SCHEMA, SUBSCRIPTION = (
    f"gcp:pubsub/{name}" for name in ("topic:Topic", "schema:Schema", "subscription:Subscription")
)
Handlers = Callable[[str], Live]


@pytest.fixture(scope="module")
def handler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handlers]:
    pubsub = PubSub(tmp_path_factory.mktemp("handlers"))
    cloud: Any = SimpleNamespace(pubsub_host=f"127.0.0.1:{pubsub.port}")
    yield lambda token: TYPES[token](cloud)
    pubsub.stop()


def avro(*fields: str) -> str:
    columns = [{"name": name, "type": "string", "default": ""} for name in fields]
    return json.dumps({"type": "record", "name": "Order", "fields": columns})


async def test_what_an_interrupted_run_made_is_taken_over_and_what_is_gone_is_gone(handler: Handlers) -> None:
    topic = {"id": f"{PROJECT}/topics/orders", "labels": {"team": "shop"}}
    subscription = {
        "id": f"{PROJECT}/subscriptions/orders",
        "topic": "orders",
        "project": "p",
        "filter": 'hasPrefix(attributes.a, "b")',
    }
    schema = {"id": f"{PROJECT}/schemas/orders", "type": "AVRO", "definition": avro("a")}
    lives: list[tuple[Live, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        (handler(TOPIC), topic, {"labels": {"team": "till"}}, {"labels": {"team": "till"}}),
        (handler(SUBSCRIPTION), subscription, {"ackDeadlineSeconds": 30}, {"ackDeadlineSeconds": 30}),
        (handler(SCHEMA), schema, {"definition": avro("a", "b")}, {"definition": avro("a", "b")}),
    ]
    for live, inputs, change, shown in lives:
        changed = {**inputs, **change}
        assert await live.create(inputs) == {}
        assert await live.create(changed) == {}
        assert await live.read(inputs) == shown
        await live.update(changed, inputs)
        await live.update(inputs, changed)
        assert await live.read(inputs) == shown
    for live, inputs, _, _ in lives:
        await live.delete(inputs)
        await live.delete(inputs)
        assert await live.read(inputs) is None


async def test_what_the_stand_in_refuses_the_provider_refuses_in_its_words(handler: Handlers) -> None:
    lost = {"id": f"{PROJECT}/subscriptions/lost", "topic": "nowhere", "project": "p"}
    with pytest.raises(Refused, match=r"Resource not found \(resource=projects/p/topics/nowhere\)"):
        await handler(SUBSCRIPTION).create(lost)
    with pytest.raises(Refused, match=r"Resource not found \(resource=projects/p/topics/nowhere\)"):
        await handler(TOPIC).update({}, {"id": f"{PROJECT}/topics/nowhere", "labels": {"a": "b"}})
    with pytest.raises(Refused, match="definition"):
        await handler(SCHEMA).create({"id": f"{PROJECT}/schemas/broken", "type": "AVRO", "definition": "{"})
