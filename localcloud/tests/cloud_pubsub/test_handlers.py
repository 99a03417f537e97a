"""The provider's topics, schemas and subscriptions in the stand-in: made twice, changed, read, deleted twice, refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.live import Live, load_handlers

from cloud_pubsub.standin import PROJECT, PubSub

HANDLERS = load_handlers()
TOPIC: Live = HANDLERS["gcp:pubsub/topic:Topic"]
SCHEMA: Live = HANDLERS["gcp:pubsub/schema:Schema"]
SUBSCRIPTION: Live = HANDLERS["gcp:pubsub/subscription:Subscription"]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pubsub = PubSub(tmp_path_factory.mktemp("handlers"))
    yield SimpleNamespace(pubsub_host=f"127.0.0.1:{pubsub.port}")
    pubsub.stop()


def avro(*fields: str) -> str:
    columns = [{"name": name, "type": "string", "default": ""} for name in fields]
    return json.dumps({"type": "record", "name": "Order", "fields": columns})


async def test_what_an_interrupted_run_made_is_taken_over_and_what_is_gone_is_gone(cloud: Any) -> None:
    topic = {"id": f"{PROJECT}/topics/orders", "labels": {"team": "shop"}}
    subscription = {
        "id": f"{PROJECT}/subscriptions/orders",
        "topic": "orders",
        "project": "p",
        "filter": 'hasPrefix(attributes.a, "b")',
    }
    schema = {"id": f"{PROJECT}/schemas/orders", "type": "AVRO", "definition": avro("a")}
    lives: list[tuple[Live, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        (TOPIC, topic, {"labels": {"team": "till"}}, {"labels": {"team": "till"}}),
        (SUBSCRIPTION, subscription, {"ackDeadlineSeconds": 30}, {"ackDeadlineSeconds": 30}),
        (SCHEMA, schema, {"definition": avro("a", "b")}, {"definition": avro("a", "b")}),
    ]
    for handler, inputs, change, shown in lives:
        changed = {**inputs, **change}
        assert await handler.create(cloud, inputs) == (inputs["id"], {})
        assert await handler.create(cloud, changed) == (inputs["id"], {})
        assert await handler.read(cloud, inputs["id"], inputs) == shown
        await handler.update(cloud, inputs["id"], changed, inputs)
        await handler.update(cloud, inputs["id"], inputs, changed)
        assert await handler.read(cloud, inputs["id"], inputs) == shown
    for handler, inputs, _, _ in lives:
        await handler.delete(cloud, inputs["id"], inputs)
        await handler.delete(cloud, inputs["id"], inputs)
        assert await handler.read(cloud, inputs["id"], inputs) is None


async def test_what_the_stand_in_refuses_the_provider_refuses_in_its_words(cloud: Any) -> None:
    lost = {"id": f"{PROJECT}/subscriptions/lost", "topic": "nowhere", "project": "p"}
    with pytest.raises(Refused, match=r"Resource not found \(resource=projects/p/topics/nowhere\)"):
        await SUBSCRIPTION.create(cloud, lost)
    with pytest.raises(Refused, match=r"Resource not found \(resource=projects/p/topics/nowhere\)"):
        await TOPIC.update(cloud, f"{PROJECT}/topics/nowhere", {}, {"labels": {"a": "b"}})
    with pytest.raises(Refused, match="definition"):
        await SCHEMA.create(cloud, {"id": f"{PROJECT}/schemas/broken", "type": "AVRO", "definition": "{"})
