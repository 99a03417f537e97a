"""The POS API against a whole Pub/Sub: its schemas, its grants, and its death in mid-stream."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastyle_localcloud.iam import Iam
from flask.testing import FlaskClient
from google.cloud import pubsub_v1
from google.pubsub_v1.types import Encoding, Schema

from tests.support.events import sale
from tests.support.pos_api import environment_in, logging_kept, start
from tests.support.processes import free_port
from workloads.events import STREAMS, decode, pubsub_definition

pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(
        importlib.util.find_spec("fastyle_localcloud.pubsub.__main__") is None,
        reason="the Pub/Sub stand-in is not there",
    ),
]
PROJECT = "projects/p"
TILL = "pos-api@p.iam.gserviceaccount.com"


class PubSub:
    """The stand-in as a process that can be killed and started again in the same place."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.control = folder, free_port(), free_port()
        self.iam = Iam(folder / "iam.sqlite")
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "fastyle_localcloud.pubsub", "--data-dir", str(self.folder / "data")]
        command += ["--port", str(self.port), "--control-port", str(self.control), "--project-number", "100000000001"]
        environment = os.environ | {"LOCALCLOUD_IAM": str(self.folder / "iam.sqlite")}
        self.process = subprocess.Popen(command, env=environment)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the stand-in ended at its start"
            try:
                httpx.get(f"http://127.0.0.1:{self.control}/health").raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the stand-in did not start")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def identity(self, email: str) -> int:
        return int(httpx.put(f"http://127.0.0.1:{self.control}/identities/{email}").raise_for_status().json()["port"])


@pytest.fixture(scope="module")
def pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PubSub]:
    standin = PubSub(tmp_path_factory.mktemp("pubsub"))
    yield standin
    standin.kill()


@pytest.fixture
def clients(pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Google's clients of topics and subscriptions, with topics of this test's own that carry our schemas."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{pubsub.port}")
    schemas, publisher, subscriber = (
        pubsub_v1.SchemaServiceClient(),
        pubsub_v1.PublisherClient(),
        pubsub_v1.SubscriberClient(),
    )
    suffix = uuid.uuid4().hex[:8]
    for stream in STREAMS.values():
        name = f"{stream.topic}-{suffix}"
        definition = Schema(type_=Schema.Type.AVRO, definition=pubsub_definition(stream))
        schema = schemas.create_schema(parent=PROJECT, schema=definition, schema_id=name)
        settings = {"schema": schema.name, "encoding": Encoding.JSON}
        publisher.create_topic(request={"name": f"{PROJECT}/topics/{name}", "schema_settings": settings})
        subscriber.create_subscription(
            request={"name": f"{PROJECT}/subscriptions/{name}", "topic": f"{PROJECT}/topics/{name}"}
        )
    with publisher, subscriber:
        yield suffix, subscriber


@pytest.fixture
def environment(clients: Any, pubsub: PubSub, tmp_path: Path) -> Iterator[dict[str, str]]:
    suffix, _ = clients
    topics = {key: f"{PROJECT}/topics/{stream.topic}-{suffix}" for key, stream in STREAMS.items()}
    with logging_kept():
        yield environment_in(tmp_path, pubsub.port, topics)


def post(till: FlaskClient, path: str, body: Any) -> Any:
    return till.post(path, json=body, headers={"Authorization": "Bearer all"})


def received(clients: Any, stream: str, count: int) -> list[dict[str, Any]]:
    """The events of at least `count` messages of a stream, each decoded by the schema."""
    suffix, subscriber = clients
    name = f"{PROJECT}/subscriptions/{STREAMS[stream].topic}-{suffix}"
    events: list[dict[str, Any]] = []
    deadline = time.monotonic() + 30
    while len(events) < count and time.monotonic() < deadline:
        response = subscriber.pull(request={"subscription": name, "max_messages": 1000}, timeout=30)
        for got in response.received_messages:
            event = decode(STREAMS[stream], got.message.data)
            assert got.message.attributes["event_id"] == event["event_id"]
            assert got.message.ordering_key == event["location_id"]
            events.append(event)
        if response.received_messages:
            ids = [got.ack_id for got in response.received_messages]
            subscriber.acknowledge(request={"subscription": name, "ack_ids": ids})
    return events


def test_an_hour_of_trade_passes_the_topics_schemas(
    clients: Any, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = start(environment, tmp_path, monkeypatch)
    answer = post(till, "/v1/simulate", {"from": "2026-03-03T17:00:00Z", "to": "2026-03-03T18:00:00Z"})
    assert answer.status_code == 202, answer.data
    for stream in STREAMS:
        assert answer.json[stream] > 5
        assert len(received(clients, stream, answer.json[stream])) == answer.json[stream]


def test_a_topic_with_another_schema_is_a_503_not_a_loss(
    clients: Any,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    swapped = environment | {"SALES_TOPIC": environment["INVENTORY_TOPIC"]}
    answer = post(start(swapped, tmp_path, monkeypatch), "/v1/transactions", sale())
    assert (answer.status_code, answer.json["accepted"]) == (503, 0)
    assert "bring the schema" in capsys.readouterr().out


def test_without_the_grant_nothing_is_accepted_and_with_it_all_is(
    clients: Any,
    environment: dict[str, str],
    pubsub: PubSub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    port = pubsub.identity(TILL)
    till = start(environment | {"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{port}"}, tmp_path, monkeypatch)
    assert post(till, "/v1/transactions", sale()).status_code == 503
    assert "grant roles/pubsub.publisher" in capsys.readouterr().out
    pubsub.iam.grant(environment["SALES_TOPIC"], "roles/pubsub.publisher", f"serviceAccount:{TILL}")
    assert post(till, "/v1/transactions", sale()).status_code == 202


def test_what_was_accepted_survives_the_death_of_pubsub(
    clients: Any, environment: dict[str, str], pubsub: PubSub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between requests: what was answered 202 is there afterwards, and the till's next sale goes through."""
    till = start(environment, tmp_path, monkeypatch)
    accepted = []
    for round_ in range(3):
        for _ in range(20):
            event = sale(event_id=str(uuid.uuid4()))
            if post(till, "/v1/transactions", event).status_code == 202:
                accepted.append(event["event_id"])
        if round_ < 2:
            pubsub.kill()
            pubsub.start()
    assert len(accepted) > 40
    arrived = {event["event_id"] for event in received(clients, "sales", len(accepted))}
    assert set(accepted) <= arrived
