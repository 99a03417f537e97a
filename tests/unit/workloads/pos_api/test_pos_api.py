"""The POS API under Google's functions framework, publishing with Google's client over real gRPC."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.events import change, line, sale
from tests.support.pos_api import TOPICS, credentials, environment_in, logging_kept, start
from tests.support.publisher_server import PublisherServer, publisher_server
from workloads.events import STREAMS, decode
from workloads.pos_api import publisher as publisher_module
from workloads.pos_api import service as service_module

SALES, INVENTORY = "/v1/transactions", "/v1/inventory-changes"


@pytest.fixture
def pubsub() -> Iterator[PublisherServer]:
    with publisher_server() as server:
        yield server


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    with logging_kept():
        yield


@pytest.fixture
def environment(pubsub: PublisherServer, tmp_path: Path) -> dict[str, str]:
    return environment_in(tmp_path, pubsub.port)


@pytest.fixture
def till(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    return start(environment, tmp_path, monkeypatch)


def post(till: FlaskClient, path: str, body: Any, token: str = "all") -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return till.post(path, data=data, headers={"Authorization": f"Bearer {token}"})


def sales(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [sale(event_id=str(uuid.UUID(int=number)), **changes) for number in range(count)]


# --- accepted ---


@pytest.mark.parametrize(("path", "stream", "event"), [(SALES, "sales", sale()), (INVENTORY, "inventory", change())])
def test_one_event_is_published_as_one_message(
    till: FlaskClient, pubsub: PublisherServer, path: str, stream: str, event: dict[str, Any]
) -> None:
    answer = post(till, path, event)
    assert (answer.status_code, answer.json) == (202, {"accepted": 1, "rejected": []})
    [request] = pubsub.requests
    [message] = request.messages
    assert request.topic == TOPICS[stream]
    assert decode(STREAMS[stream], message.data) == event
    assert dict(message.attributes) == {"event_id": event["event_id"], "stream": stream}
    assert message.ordering_key == event["location_id"]


def test_a_tills_thousand_events_are_one_request_to_pubsub(till: FlaskClient, pubsub: PublisherServer) -> None:
    assert post(till, SALES, sales(1000)).json == {"accepted": 1000, "rejected": []}
    assert [len(request.messages) for request in pubsub.requests] == [1000]


def test_locations_are_published_apart_and_all_arrive(till: FlaskClient, pubsub: PublisherServer) -> None:
    events = [event | {"location_id": f"S{number % 40:02d}"} for number, event in enumerate(sales(400))]
    assert post(till, SALES, events).status_code == 202
    assert len(pubsub.requests) == 40
    assert {message.attributes["event_id"] for message in pubsub.messages()} == {event["event_id"] for event in events}


def test_large_events_stay_below_what_a_pubsub_request_may_hold(
    till: FlaskClient, pubsub: PublisherServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "MAX_BYTES", 100_000)
    lines = [sale()["lines"][0] | {"line_number": number} for number in range(100)]
    assert post(till, SALES, sales(50, lines=lines)).json == {"accepted": 50, "rejected": []}
    assert len(pubsub.messages()) == 50
    assert all(len(type(request).serialize(request)) <= 100_000 for request in pubsub.requests)
    assert len(pubsub.requests) > 3


# --- refused ---


def test_a_bad_event_never_costs_its_neighbours(till: FlaskClient, pubsub: PublisherServer) -> None:
    """Whatever JSON can carry in one event, the others of the request are accepted."""
    good = json.dumps(sale())
    bad = [
        "null",
        "[]",
        '"x"',
        good.replace('"S01-1"', r'"\u0000"'),
        good.replace('"S01-1"', r'"\ud800"'),
        good.replace('"S01-1"', '"\U0001f6cd"'),
        good.replace('"quantity": 2', '"quantity": ' + "9" * 10_000),
        good.replace('"quantity": 2', '"quantity": NaN'),
        good.replace('"quantity": 2', '"quantity": 0'),
        good.replace('"quantity": 2', '"quantity": 1e400'),
        good.replace('"USD"', '"EUR"'),
        good.replace("2026-03", "1970-03"),
        good.replace("2026-03", "2999-03"),
        good.replace('"discount": "20"', '"discount": "20.01"'),
        good.replace('"lines": [', '"lines": [' + "1," * 100_000),
        good.replace('"channel"', '"\\ud800"'),
    ]
    answer = post(till, SALES, ("[" + ",".join([good, *bad, good]) + "]").encode())
    assert answer.status_code == 202
    assert answer.json is not None
    assert answer.json["accepted"] == 2
    assert [(fault["index"], fault["field"]) for fault in answer.json["rejected"]] == [
        (1, ""),
        (2, ""),
        (3, ""),
        (4, "transaction_id"),
        (5, "transaction_id"),
        (6, "transaction_id"),
        (7, "lines[0].quantity"),
        (8, "lines[0].quantity"),
        (9, "lines[0].quantity"),
        (10, "lines[0].quantity"),
        (11, "currency"),
        (12, "event_time"),
        (13, "event_time"),
        (14, "lines[0].discount"),
        (15, "lines"),
        (16, "channel"),
    ]
    assert len(pubsub.messages()) == 2


BROKEN = [b"", b"{", b"[", b"\xff\xfe", b"[1,]", b"[" * 100_000, b"\x1f\x8b\x08", b"[]", b"nul", b"\x00"]


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: repr(body[:6]))
def test_a_broken_body_is_refused_as_a_whole(till: FlaskClient, pubsub: PublisherServer, body: bytes) -> None:
    answer = post(till, SALES, body)
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["accepted"] == 0
    [fault] = answer.json["rejected"]
    assert (fault["index"], fault["field"]) == (None, "body")
    assert pubsub.attempts == 0


@pytest.mark.parametrize(
    "body", [json.dumps(sales(1001)), "[" + "1," * 99_999 + "1]", " " * (8 * 1024 * 1024) + "1", "1" * 10_000_000]
)
def test_too_much_is_refused_before_it_is_looked_at(till: FlaskClient, pubsub: PublisherServer, body: str) -> None:
    answer = post(till, SALES, body.encode())
    assert answer.status_code == 413
    assert answer.json is not None
    assert answer.json["rejected"][0]["field"] == "body"
    assert pubsub.attempts == 0


def test_exactly_eight_mebibytes_are_taken(till: FlaskClient) -> None:
    body = json.dumps(sale()).encode()
    assert post(till, SALES, body + b" " * (8 * 1024 * 1024 - len(body))).status_code == 202


def test_an_event_with_many_faults_has_one_bounded_rejection(till: FlaskClient) -> None:
    body = sale(lines=[{}] * 1000)
    answer = post(till, SALES, [body] * 3)
    assert answer.status_code == 400
    assert answer.json is not None
    assert [fault["index"] for fault in answer.json["rejected"]] == [0, 1, 2]
    assert answer.json["rejected"][0]["field"] == "lines[0].line_number"
    assert "4,995 more" in answer.json["rejected"][0]["error"]
    assert len(answer.data) < 2_000


def test_a_compressed_body_is_refused_with_a_reason(till: FlaskClient) -> None:
    headers = {"Authorization": "Bearer all", "Content-Encoding": "gzip"}
    answer = till.post(SALES, data=b"\x1f\x8b", headers=headers)
    assert answer.status_code == 400
    assert b"compressed" in answer.data


# --- who may ---


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic all", "all", "Bearer all all", "Bearer \xff"]
)
def test_nobody_is_let_in_without_a_credential(till: FlaskClient, header: str | None) -> None:
    answer = till.post(SALES, json=sale(), headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_till_sends_only_its_own_locations_events(till: FlaskClient, pubsub: PublisherServer) -> None:
    other = sale(location_id="S02", event_id=str(uuid.uuid4()))
    answer = post(till, SALES, other, "till")
    assert answer.status_code == 403
    assert answer.json == {
        "accepted": 0,
        "rejected": [{"index": 0, "field": "location_id", "error": "is not a location of this credential"}],
    }
    assert post(till, SALES, [other, sale(currency="EUR")], "till").status_code == 400
    mixed = post(till, SALES, [other, sale()], "till")
    assert mixed.status_code == 202
    assert mixed.json is not None
    assert (mixed.json["accepted"], mixed.json["rejected"][0]["index"]) == (1, 0)
    assert [message.ordering_key for message in pubsub.messages()] == ["S01"]


def test_a_rotated_credential_takes_effect_without_a_restart(till: FlaskClient, environment: dict[str, str]) -> None:
    path = Path(environment["CREDENTIALS_FILE"])
    assert post(till, SALES, sale()).status_code == 202
    path.write_text(credentials(rotated=["*"]))
    deadline = time.monotonic() + 30
    while post(till, SALES, sale(), "rotated").status_code == 401 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert post(till, SALES, sale(), "rotated").status_code == 202
    assert post(till, SALES, sale()).status_code == 401


def test_without_a_credentials_file_nobody_is_let_in_and_the_log_says_why(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    till = start(environment | {"CREDENTIALS_FILE": "/nowhere/credentials.json"}, tmp_path, monkeypatch)
    # 401 would have each till ask for a new credential.
    assert [post(till, SALES, sale()).status_code for _ in range(2)] == [503, 503]
    lines = [entry for entry in map(json.loads, capsys.readouterr().out.splitlines()) if entry["severity"] == "ERROR"]
    assert [entry["message"].split(":")[0] for entry in lines] == ["/nowhere/credentials.json"]


# --- when Pub/Sub does not take them ---


@pytest.mark.parametrize(
    ("status", "mend"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "grant roles/pubsub.publisher"),
        (grpc.StatusCode.NOT_FOUND, "create projects/p/topics/sales-transactions"),
        (grpc.StatusCode.INVALID_ARGUMENT, "schema"),
    ],
)
def test_a_refusal_by_pubsub_is_a_503_and_a_log_line_with_the_mend(
    till: FlaskClient, pubsub: PublisherServer, caplog: pytest.LogCaptureFixture, status: grpc.StatusCode, mend: str
) -> None:
    pubsub.refuse[""] = status
    answer = post(till, SALES, sale())
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["accepted"] == 0
    assert pubsub.attempts == 1
    assert mend in caplog.text


def test_no_identity_for_pubsub_is_a_503_too(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment["GOOGLE_APPLICATION_CREDENTIALS"] = "/nowhere/key.json"
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    del environment["PUBSUB_EMULATOR_HOST"]
    till = start(environment, tmp_path, monkeypatch)
    assert post(till, SALES, sale()).status_code == 503
    assert "run this function as a service account" in capsys.readouterr().out


def test_one_location_refused_leaves_the_request_unaccepted(till: FlaskClient, pubsub: PublisherServer) -> None:
    pubsub.refuse["S02"] = grpc.StatusCode.PERMISSION_DENIED
    assert post(till, SALES, [sale(), sale(location_id="S02")]).status_code == 503
    pubsub.refuse.clear()
    assert post(till, SALES, [sale(), sale(location_id="S02")]).json == {"accepted": 2, "rejected": []}


def test_a_passing_failure_is_retried(till: FlaskClient, pubsub: PublisherServer) -> None:
    pubsub.failures = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED]
    assert post(till, SALES, sale()).status_code == 202
    assert (pubsub.attempts, len(pubsub.messages())) == (3, 1)


def test_a_silent_pubsub_does_not_keep_the_till_waiting(
    environment: dict[str, str],
    pubsub: PublisherServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher_module, "ATTEMPT_SECONDS", 0.2)
    monkeypatch.setattr(publisher_module, "RETRY_SECONDS", 2.0)
    monkeypatch.setattr(publisher_module, "PROBE_SECONDS", 0.0)
    till = start(environment, tmp_path, monkeypatch)
    pubsub.hold.clear()
    answer = post(till, SALES, sale())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert pubsub.attempts > 1, "an attempt is given up before the till is, and another one made"
    pubsub.hold.set()
    assert post(till, SALES, sale()).status_code == 202


# --- other paths ---


def test_health_and_unknown_paths(till: FlaskClient) -> None:
    assert till.get("/health").json == {"status": "ok"}
    assert till.get("/v1/nothing").status_code == 404
    assert till.get(SALES).status_code == 405
    assert till.get(SALES).headers["Allow"] == "POST"
    assert till.delete("/health").status_code == 405


def test_simulated_trade_goes_the_same_way(
    till: FlaskClient, pubsub: PublisherServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_SIMULATED_AT_ONCE", 7)
    body = {"from": "2026-03-03T17:00:00Z", "to": "2026-03-03T17:10:00Z"}
    answer = post(till, "/v1/simulate", body)
    assert answer.status_code == 202
    assert answer.json is not None
    assert answer.json["accepted"] == answer.json["sales"] + answer.json["inventory"] == len(pubsub.messages()) > 20
    first = sorted(message.data for message in pubsub.messages())
    pubsub.requests.clear()
    post(till, "/v1/simulate", body | {"seed": 7})
    assert sorted(message.data for message in pubsub.messages()) == first
    pubsub.requests.clear()
    post(till, "/v1/simulate", body | {"seed": 8})
    assert sorted(message.data for message in pubsub.messages()) != first


def test_an_empty_simulation_trades_the_last_five_minutes(till: FlaskClient, pubsub: PublisherServer) -> None:
    before = datetime.now(UTC)
    assert post(till, "/v1/simulate", b"").status_code == 202
    times = [decode(STREAMS[m.attributes["stream"]], m.data)["event_time"] for m in pubsub.messages()]
    assert all(datetime.fromisoformat(moment) < datetime.now(UTC) for moment in times)
    recent = [moment for moment in times if datetime.fromisoformat(moment) > before - timedelta(minutes=45)]
    assert len(recent) >= len(times) - 1000  # those of a till that was offline are up to three days old


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"from": "2026-03-03T17:00:00Z"},
        {"from": "2026-03-03T17:00:00Z", "to": "2026-03-03T17:00:00Z"},
        {"from": "2026-03-03T17:00:00Z", "to": "2026-03-13T17:00:00Z"},
        {"from": "2026-03-03T17:00:00Z", "to": "2999-03-03T17:10:00Z"},
        {"seed": "1"},
        {"scale": 0},
        {"scale": 11},
        {"opening": "yesterday"},
        {"speed": 2},
    ],
)
def test_a_simulation_that_cannot_be_is_refused(till: FlaskClient, body: Any) -> None:
    assert post(till, "/v1/simulate", body).status_code == 400


def test_the_simulator_is_not_for_a_till(till: FlaskClient) -> None:
    assert post(till, "/v1/simulate", b"", "till").status_code == 403


def test_the_simulator_exists_only_where_it_is_turned_on(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = start(environment | {"SIMULATOR_ENABLED": "false"}, tmp_path, monkeypatch)
    assert post(till, "/v1/simulate", b"").status_code == 404


# --- settings ---


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SALES_TOPIC", None, "SALES_TOPIC: Field required; set it to the topic of sales"),
        ("SALES_TOPIC", "sales", "SALES_TOPIC"),
        ("TIMEZONE", "New York", "'New York' is not a time zone"),
        ("CURRENCY", "usd", "CURRENCY"),
        ("SIMULATOR_ENABLED", "perhaps", "SIMULATOR_ENABLED"),
    ],
)
def test_a_bad_setting_stops_the_start_with_a_sentence(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str | None,
    words: str,
) -> None:
    changed = {key: text for key, text in environment.items() if key != name}
    monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit, match=words):
        start(changed | ({name: value} if value is not None else {}), tmp_path, monkeypatch)


# --- the server that runs in the cloud ---


class Body(io.RawIOBase):
    """A body of a given size, made while it is read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readinto(self, buffer: Any) -> int:
        taken = min(len(buffer), self.left)
        self.left -= taken
        buffer[:taken] = b"x" * taken
        return taken


@pytest.mark.parametrize("token", ["all", "wrong"])
def test_a_huge_body_is_answered_without_being_read(till: FlaskClient, token: str) -> None:
    body = Body(50_000_000)
    environ = {"wsgi.input": body, "CONTENT_LENGTH": str(body.left)}
    answer = till.post(SALES, headers={"Authorization": f"Bearer {token}"}, environ_overrides=environ)
    assert answer.status_code == {"all": 413, "wrong": 401}[token]
    assert body.left == 50_000_000


def test_a_huge_body_of_no_stated_length_is_never_held(till: FlaskClient) -> None:
    """A few callers cannot fill the memory."""
    body = Body(50_000_000)
    environ = {"wsgi.input": body, "wsgi.input_terminated": True, "CONTENT_LENGTH": None}
    tracemalloc.start()
    try:
        answer = till.post(SALES, headers={"Authorization": "Bearer all"}, environ_overrides=environ)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 413
    assert peak < 20_000_000


def test_the_real_server_answers_what_a_connection_could_break_on(environment: dict[str, str], tmp_path: Path) -> None:
    """Bodies of 12 MB, with a length and chunked, and refused callers that send them, get their answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "functions_framework", "--source", "main.py", "--target", "handle"]
    process = subprocess.Popen([*command, "--port", str(port)], cwd=tmp_path, env=os.environ | environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_for(client)
            big = b"x" * 12_000_000
            good = {"Authorization": "Bearer all"}
            assert refused(client, SALES, lambda: big, good) == 413
            assert refused(client, SALES, lambda: chunks(big), good) == 413
            assert refused(client, SALES, lambda: big, {}) == 401
            assert refused(client, "/nothing", lambda: chunks(big), {}) == 404
            body = json.dumps(line()).encode()
            assert client.post(SALES, content=chunks(body), headers=good).json() == {"accepted": 1, "rejected": []}
    finally:
        process.terminate()
        process.wait(10)


def refused(
    client: httpx.Client, path: str, body: Callable[[], bytes | Iterator[bytes]], headers: dict[str, str]
) -> int:
    """The status of an answer to a body that is not read. What is still under way after a second breaks the connection,
    which on a busy machine can be all of it: then it is sent again."""
    for _ in range(5):
        with contextlib.suppress(httpx.TransportError):
            return client.post(path, content=body(), headers=headers).status_code
    raise AssertionError(f"five connections to {path} were broken")


def chunks(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 65_536] for at in range(0, len(data), 65_536))


def wait_for(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            client.get("/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the function did not start")
