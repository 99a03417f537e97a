"""Redrive against a real broker: what comes back, what stays, and that an end at any point loses nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import InternalServerError
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from cloud_pubsub.standin import PROJECT, PubSub
from ops.errors import OperatorError
from ops.redrive import RedriveReport, Silence, reason, redrive
from workloads.events import STREAMS, pubsub_definition
from workloads.inventory_sync.dead_letter import PubSubDeadLetters
from workloads.inventory_sync.delivery import Delivery

pytestmark = pytest.mark.local

OPERATOR = "operator@p.iam.gserviceaccount.com"
_names = itertools.count()
SILENCE = Silence(pulls=1, seconds=0.5)
"""The stand-in's queue is empty when it says so."""


@pytest.fixture(scope="module")
def pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PubSub]:
    server = PubSub(tmp_path_factory.mktemp("pubsub"))
    yield server
    server.stop()


class Stream:
    """A topic with a consumer, and a dead-letter topic with its hold."""

    def __init__(self, pubsub: PubSub, **settings: Any) -> None:
        n = next(_names)
        self.pubsub = pubsub
        self.topic = pubsub.topic(f"sales-{n}", **settings)
        self.dead = pubsub.topic(f"sales-{n}-dead-letter")
        self.consumer = pubsub.subscription(f"consumer-{n}", self.topic)
        self.hold = pubsub.subscription(f"sales-{n}-dead-letter-hold", self.dead, ack_deadline_seconds=60)

    def die(self, *errors: str, data: bytes = b"{}", **attributes: str) -> None:
        """A letter for each error, as inventory-sync writes them."""
        letters = [
            {
                "data": data,
                "attributes": attributes
                | {
                    "event_id": f"e{n}",
                    "error": error,
                    "source_subscription": "s",
                    "source_message_id": str(n),
                    "ordering_key": f"S{n % 3}",
                },
            }
            for n, error in enumerate(errors)
        ]
        self.pubsub.publisher.publish(topic=self.dead, messages=letters)

    def redrive(self, **options: Any) -> RedriveReport:
        clients = self.pubsub.publisher, self.pubsub.subscriber
        return redrive(*clients, self.hold, self.topic, silence=SILENCE, **options)

    @property
    def held(self) -> int:
        return int(self.pubsub.stats(self.hold)["backlog"])


def test_letters_come_back_as_they_were(pubsub: PubSub) -> None:
    stream = Stream(pubsub)
    stream.die("the constraint", "the constraint", "another", data=b'{"a": 1}')
    report = stream.redrive()
    assert (report.letters, report.redriven) == (3, 3)
    assert {entry["error"]: entry["letters"] for entry in report.as_json()["reasons"]} == {
        "the constraint": 2,
        "another": 1,
    }
    received = [each.message for each in pubsub.pull_all(stream.consumer, 3)]
    assert {message.data for message in received} == {b'{"a": 1}'}
    assert sorted((dict(m.attributes)["event_id"], m.ordering_key) for m in received) == [
        ("e0", "S0"),
        ("e1", "S1"),
        ("e2", "S2"),
    ]
    assert all(set(message.attributes) == {"event_id"} for message in received)
    assert stream.held == 0
    assert stream.redrive().letters == 0


async def test_a_letter_of_inventory_sync_comes_back_with_its_key(
    pubsub: PubSub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{pubsub.port}")
    stream = Stream(pubsub)
    letters = PubSubDeadLetters({"sales": stream.dead})
    # Names of the client's own parameters are attributes like any others.
    attributes = {"event_id": "e", "timeout": "soon", "retry": "no"}
    # And on a topic with a schema Pub/Sub adds what it takes from nobody.
    added = {"googclient_schemaencoding": "JSON", "googclient_schemarevisionid": "1"}
    poison = Delivery(b"{}", attributes | added, "1", "S01", datetime.now(UTC), "to-inventory")
    await letters.publish("sales", poison, "the constraint")
    letters.close()
    assert [entry["error"] for entry in stream.redrive().as_json()["reasons"]] == ["the constraint"]
    (received,) = pubsub.pull_all(stream.consumer, 1)
    assert (dict(received.message.attributes), received.message.ordering_key) == (attributes, "S01")


def test_a_dry_run_lists_and_leaves_all(pubsub: PubSub) -> None:
    stream = Stream(pubsub)
    stream.die(*["broken"] * 700, "odd")
    report = stream.redrive(dry_run=True)
    assert (report.letters, report.redriven) == (701, 0)
    (odd,) = (entry for entry in report.as_json()["reasons"] if entry["error"] == "odd")
    assert odd["event_id"] == "e700"
    assert stream.held == 701
    assert pubsub.stats(stream.consumer)["backlog"] == 0, "nothing was sent"
    assert stream.redrive().redriven == 701, "they are there again at once"


def test_what_the_topic_does_not_take_stays_and_the_others_go(pubsub: PubSub) -> None:
    name = f"{PROJECT}/schemas/sale"
    pubsub.schemas.create_schema(
        request={
            "parent": PROJECT,
            "schema_id": "sale",
            "schema": {"type_": "AVRO", "definition": pubsub_definition(STREAMS["inventory"])},
        }
    )
    stream = Stream(pubsub, schema_settings={"schema": name, "encoding": "JSON"})
    good = (
        b'{"event_id": "e", "event_time": "t", "location_id": "l", "sku": "s", "kind": "count", '
        b'"quantity": 1, "reference": null}'
    )
    stream.die(*["old"] * 5, data=good)
    stream.die("older", data=b"nonsense")
    report = stream.redrive()
    assert (report.letters, report.redriven, report.refused.total()) == (6, 5, 1)
    assert stream.held == 1


def test_what_dies_again_is_not_sent_again(pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(pubsub)
    stream.die(*["still broken"] * 20)
    original = pubsub.publisher.publish

    def dying(*, topic: str, messages: list[Any]) -> Any:
        answer = original(topic=topic, messages=messages)
        stream.die(*["still broken"] * len(messages))
        return answer

    monkeypatch.setattr(pubsub.publisher, "publish", dying)
    monkeypatch.setattr(
        stream, "die", lambda *errors: original(topic=stream.dead, messages=[{"data": b"{}"}] * len(errors))
    )
    report = stream.redrive()
    assert (report.letters, report.redriven, report.newer) == (20, 20, 20)
    assert stream.held == 20


@pytest.mark.parametrize("call", ["publish", "acknowledge"])
def test_an_end_at_any_call_loses_nothing(call: str, pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(pubsub)
    stream.die(*["broken"] * 30)
    client: Any = pubsub.publisher if call == "publish" else pubsub.subscriber
    original = getattr(client, call)
    calls = itertools.count()

    def failing(*arguments: Any, **options: Any) -> Any:
        if next(calls) == 1:  # the second of the three ordering keys
            raise InternalServerError("gone")  # type: ignore[no-untyped-call]
        return original(*arguments, **options)

    monkeypatch.setattr(client, call, failing)
    with pytest.raises(OperatorError, match=r"10 of them are sent, the others stay"):
        stream.redrive()
    monkeypatch.undo()
    again = stream.redrive()
    ids = {letter.message.attributes["event_id"] for letter in pubsub.pull_all(stream.consumer, 30)}
    assert ids == {f"e{n}" for n in range(30)}
    assert again.redriven == 20, "what it had pulled is there again at once"
    assert stream.held == 0


def test_the_grants_it_needs_are_named(pubsub: PubSub) -> None:
    stream = Stream(pubsub)
    stream.die("broken")
    channel = grpc.insecure_channel(f"127.0.0.1:{pubsub.identity(OPERATOR)}")
    publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
    with pytest.raises(
        OperatorError, match=r"roles/pubsub.subscriber on .*-hold.* roles/pubsub.publisher on .*nothing is"
    ):
        redrive(publisher, subscriber, stream.hold, stream.topic, silence=SILENCE)
    pubsub.iam.grant(stream.hold, "roles/pubsub.subscriber", f"serviceAccount:{OPERATOR}")
    with pytest.raises(OperatorError, match=r"access\.operators"):
        redrive(publisher, subscriber, stream.hold, stream.topic, silence=SILENCE)
    assert stream.held == 1
    pubsub.iam.grant(stream.topic, "roles/pubsub.publisher", f"serviceAccount:{OPERATOR}")
    assert redrive(publisher, subscriber, stream.hold, stream.topic, silence=SILENCE).redriven == 1


def test_pubsubs_own_letters_say_what_pubsub_knows() -> None:
    attributes = {
        "CloudPubSubDeadLetterSourceSubscription": "sales-transactions-to-bigquery",
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
    }
    assert reason(attributes) == "sales-transactions-to-bigquery gave up after 100 attempts"
    assert reason({}) == "does not say"
