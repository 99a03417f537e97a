"""The Pub/Sub stand-in by Google's own clients: delivery, refusal, dead letters, push, and survival."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import httpx
import jwt
import pytest
from google.api_core.exceptions import GoogleAPICallError, InvalidArgument, NotFound, PermissionDenied
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import Encoding, Schema

from cloud_pubsub.standin import AGENT, PROJECT, PubSub, eventually

pytestmark = pytest.mark.local

AVRO = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "note", "type": ["null", "string"], "default": None},
            {
                "name": "lines",
                "type": {
                    "type": "array",
                    "items": {"type": "record", "name": "Line", "fields": [{"name": "quantity", "type": "int"}]},
                },
            },
        ],
    }
)


@pytest.fixture(scope="module")
def pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PubSub]:
    standin = PubSub(tmp_path_factory.mktemp("pubsub"))
    yield standin
    assert standin.stop() == 0


class Receiver:
    """A push endpoint that answers as told and keeps what came."""

    def __init__(self) -> None:
        self.answer, self.requests, self._lock = 204, [], threading.Lock()  # type: ignore[var-annotated]
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with receiver._lock:
                    receiver.requests.append((dict(self.headers), body))
                self.send_response(receiver.answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def data(self) -> list[bytes]:
        return [base64.b64decode(body["message"]["data"]) for _, body in self.requests]

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def test_published_messages_come_once_acknowledged_and_carry_everything(pubsub: PubSub) -> None:
    topic = pubsub.topic("orders")
    subscription = pubsub.subscription("orders", topic)
    sent = pubsub.publisher.publish(
        topic=topic, messages=[{"data": b"x", "attributes": {"k": "v"}, "ordering_key": "S01"}, {"data": b"y"}]
    )
    received = pubsub.pull_all(subscription, 2)
    assert [m.message.message_id for m in received] == list(sent.message_ids)
    first = received[0].message
    assert (first.data, dict(first.attributes), first.ordering_key) == (b"x", {"k": "v"}, "S01")
    assert abs(first.publish_time.timestamp() - time.time()) < 60
    assert pubsub.stats(subscription)["backlog"] == 0


def test_a_message_without_acknowledgement_comes_again(pubsub: PubSub) -> None:
    topic = pubsub.topic("again")
    subscription = pubsub.subscription("again", topic, ack_deadline_seconds=10)
    pubsub.publisher.publish(topic=topic, messages=[{"data": b"x"}])
    [first] = pubsub.pull(subscription, ack=False)
    pubsub.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=[first.ack_id], ack_deadline_seconds=0)
    [second] = pubsub.pull(subscription)
    assert second.message.message_id == first.message.message_id


def test_a_schema_is_enforced_at_publish_and_names_the_field(pubsub: PubSub) -> None:
    schema = pubsub.schemas.create_schema(
        parent=PROJECT, schema=Schema(type_=Schema.Type.AVRO, definition=AVRO), schema_id="order"
    )
    topic = pubsub.topic("typed", schema_settings={"schema": schema.name, "encoding": Encoding.JSON})
    subscription = pubsub.subscription("typed", topic)
    good = {"id": "1", "note": {"string": "hi"}, "lines": [{"quantity": 2}]}
    pubsub.publisher.publish(topic=topic, messages=[{"data": json.dumps(good).encode()}])
    for change, field in (
        ({"id": 5}, "id"),
        ({"note": "untagged"}, "note"),
        ({"lines": [{"quantity": "2"}]}, "quantity"),
    ):
        with pytest.raises(InvalidArgument, match=field):
            pubsub.publisher.publish(topic=topic, messages=[{"data": json.dumps(good | change).encode()}])
    assert len(pubsub.pull_all(subscription, 1)) == 1, "a refused message reaches nobody"


@pytest.mark.parametrize("name", ["goog-x", "a", "has space"])
def test_illegal_names_are_refused(pubsub: PubSub, name: str) -> None:
    with pytest.raises(InvalidArgument):
        pubsub.topic(name)


def test_unknown_topics_and_empty_messages_are_refused(pubsub: PubSub) -> None:
    with pytest.raises(NotFound):
        pubsub.publisher.publish(topic=f"{PROJECT}/topics/nowhere", messages=[{"data": b"x"}])
    with pytest.raises(InvalidArgument, match="neither data nor attributes"):
        pubsub.publisher.publish(topic=pubsub.topic("empty"), messages=[{}])


def test_a_caller_without_the_role_is_refused_as_in_the_cloud(pubsub: PubSub) -> None:
    topic = pubsub.topic("guarded")
    email = "till@p.iam.gserviceaccount.com"
    channel = grpc.insecure_channel(f"127.0.0.1:{pubsub.identity(email)}")
    till: Any = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    with pytest.raises(PermissionDenied, match=r"roles/pubsub.publisher"):
        till.publish(topic=topic, messages=[{"data": b"x"}])
    pubsub.iam.grant(topic, "roles/pubsub.publisher", f"serviceAccount:{email}")
    till.publish(topic=topic, messages=[{"data": b"x"}])


def test_seek_brings_back_and_skips(pubsub: PubSub) -> None:
    topic = pubsub.topic("history")
    subscription = pubsub.subscription("history", topic, retain_acked_messages=True)
    pubsub.publisher.publish(topic=topic, messages=[{"data": b"1"}])
    pubsub.pull_all(subscription, 1)
    pubsub.subscriber.seek(request={"subscription": subscription, "time": datetime.now(UTC) - timedelta(hours=1)})
    assert [m.message.data for m in pubsub.pull_all(subscription, 1)] == [b"1"]
    pubsub.publisher.publish(topic=topic, messages=[{"data": b"2"}])
    pubsub.subscriber.seek(request={"subscription": subscription, "time": datetime.now(UTC) + timedelta(hours=1)})
    assert pubsub.stats(subscription)["backlog"] == 0


def test_push_carries_a_token_of_the_issuer_and_googles_form(pubsub: PubSub, receiver: Receiver) -> None:
    topic = pubsub.topic("pushed")
    pubsub.subscription(
        "pushed",
        topic,
        push_config={
            "push_endpoint": f"{receiver.url}/push",
            "oidc_token": {"service_account_email": "push@p.iam.gserviceaccount.com", "audience": "shelf"},
        },
    )
    pubsub.publisher.publish(topic=topic, messages=[{"data": b"x", "attributes": {"k": "v"}, "ordering_key": "S01"}])
    eventually(lambda: receiver.requests, "the push arrives")
    headers, body = receiver.requests[0]
    key = jwt.PyJWK(pubsub.identities.jwks()["keys"][0]).key
    claims = jwt.decode(headers["Authorization"].removeprefix("Bearer "), key, ["RS256"], audience="shelf")
    assert (claims["email"], claims["iss"]) == ("push@p.iam.gserviceaccount.com", pubsub.identities.issuer)
    message = body["message"]
    assert base64.b64decode(message["data"]) == b"x"
    assert message["messageId"] == message["message_id"]
    assert (message["attributes"], message["orderingKey"]) == ({"k": "v"}, "S01")
    assert body["subscription"] == f"{PROJECT}/subscriptions/pushed"
    eventually(lambda: pubsub.stats("pushed")["backlog"] == 0, "204 acknowledges")


def test_a_push_that_the_grants_do_not_allow_is_refused_and_named(pubsub: PubSub, receiver: Receiver) -> None:
    service, member = "projects/p/locations/l/services/shelf", "serviceAccount:other@p.iam.gserviceaccount.com"
    pubsub.iam.register_endpoint(receiver.url, service)
    topic = pubsub.topic("unwelcome")
    config = {"push_endpoint": receiver.url, "oidc_token": {"service_account_email": member.partition(":")[2]}}
    policy = {"minimum_backoff": timedelta(seconds=0.2), "maximum_backoff": timedelta(seconds=1)}
    pubsub.subscription("unwelcome", topic, push_config=config, retry_policy=policy)
    pubsub.publisher.publish(topic=topic, messages=[{"data": b"x"}])
    refusal = eventually(lambda: pubsub.stats("unwelcome")["last_refusal"], "the refusal is shown")
    assert refusal["status"] == 403
    assert refusal["missing"] == {"resource": service, "role": "roles/run.invoker", "member": member}
    assert not receiver.requests
    pubsub.iam.grant(service, "roles/run.invoker", member)
    eventually(lambda: receiver.data() == [b"x"], "the delivery is made up for")


def test_after_enough_refusals_a_message_goes_to_the_dead_letters(pubsub: PubSub, receiver: Receiver) -> None:
    dead = pubsub.topic("dead")
    hold = pubsub.subscription("dead-hold", dead)
    topic = pubsub.topic("poisoned")
    receiver.answer = 500
    source = pubsub.subscription(
        "poisoned",
        topic,
        push_config={"push_endpoint": receiver.url},
        retry_policy={"minimum_backoff": timedelta(seconds=0), "maximum_backoff": timedelta(seconds=0)},
        dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5},
    )
    pubsub.publisher.publish(topic=topic, messages=[{"data": b"x", "attributes": {"k": "v"}}])
    eventually(lambda: (pubsub.stats("poisoned")["last_refusal"] or {}).get("missing"), "without grants it stays")
    pubsub.iam.grant(dead, "roles/pubsub.publisher", AGENT)
    pubsub.iam.grant(source, "roles/pubsub.subscriber", AGENT)
    [letter] = eventually(lambda: pubsub.pull(hold), "the dead letter")
    assert letter.message.data == b"x"
    assert letter.message.attributes["CloudPubSubDeadLetterSourceSubscription"] == "poisoned"
    assert int(letter.message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"]) >= 5
    assert pubsub.stats("poisoned")["backlog"] == 0


def test_killed_at_any_moment_it_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """Four publishers at work, killed three times: every id that was answered is delivered, none after its ack."""
    standin = PubSub(tmp_path)
    topic = standin.topic("durable")
    subscription = standin.subscription("durable", topic)
    answered: set[str] = set()
    stop = threading.Event()

    def publish(worker: int) -> None:
        number = 0
        while not stop.is_set():
            batch = [f"{worker}-{number + n}" for n in range(20)]
            number += 20
            try:
                standin.publisher.publish(
                    topic=topic, messages=[{"data": b.encode()} for b in batch], retry=None, timeout=2
                )
                answered.update(batch)
            except GoogleAPICallError:
                time.sleep(0.05)

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(publish, n) for n in range(4)]
        for _ in range(3):
            time.sleep(0.7)
            standin.kill()
            standin.start()
        stop.set()
        for worker in workers:
            worker.result()
    assert len(answered) > 500
    received: list[str] = []
    while messages := standin.pull(subscription):
        received += [m.message.data.decode() for m in messages]
        if len(received) > len(answered) / 2 and len(received) - len(messages) <= len(answered) / 2:
            standin.kill()  # what was acknowledged before is not delivered again
            standin.start()
        if not standin.stats(subscription)["backlog"]:
            break
    assert answered <= set(received)
    assert len(received) == len(set(received))
    standin.kill()


def test_health_and_stats_answer_over_http(pubsub: PubSub) -> None:
    assert httpx.get(f"{pubsub.control_url}/health").json() == {"ready": True}
