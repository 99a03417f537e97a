"""No call of a run or a replay waits for ever, and whatever happens the pipeline is given back with a reason."""

from __future__ import annotations

import asyncio
import io
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fastavro
import httpx
import psycopg
import pytest
import requests
from google.api_core.exceptions import GoogleAPIError
from psycopg.rows import dict_row

from tests.support.jobs import settings
from tests.support.lake import MESSAGE_SCHEMA
from tests.support.postgres import postgres
from workloads.pipeline import history, replay, runner, service
from workloads.pipeline.attempts import OutOfTime, TimeBox
from workloads.pipeline.deadlines import ended_by
from workloads.pipeline.lake import BadFile, messages
from workloads.pipeline.warehouse import WarehouseClient

__all__ = ["postgres"]


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word, as a stopped process does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def failing() -> Iterator[str]:
    """A server that answers every request with 503, with which the clients of Google's libraries have much patience."""

    class Refusing(BaseHTTPRequestHandler):
        def _refuse(self) -> None:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = _refuse  # noqa: N815 - names of the base class

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


CALLS = {
    "a query": lambda w: w.query("SELECT 1"),
    "a named job": lambda w: w.run_once("SELECT 1", "name"),
    "a load": lambda w: w.wait(w.start_load("staging.catalogue_locations", io.BytesIO(b"{}\n"), [])),
    "the tables": lambda w: w.ensure_tables(),
}


@pytest.mark.parametrize("where", ["silent", "failing"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_call_to_bigquery_ends_with_the_time(where: str, call: Any, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(where)
    warehouse = WarehouseClient(settings("postgresql:///x", bigquery_emulator_host=url), TimeBox(0.4))
    began = time.monotonic()
    with pytest.raises((OutOfTime, GoogleAPIError, requests.RequestException)) as ended:
        call(warehouse)
    assert time.monotonic() - began < 10, ended.value


def test_a_database_that_went_silent_ends_the_wait(postgres: str) -> None:
    began = time.monotonic()
    with (
        psycopg.connect(postgres, autocommit=True) as connection,
        pytest.raises(psycopg.OperationalError),
        ended_by(connection, 0.3),
    ):
        connection.execute("SELECT pg_sleep(30)")
    assert time.monotonic() - began < 10


@contextmanager
def kept_open(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose end the server does not notice: as it is for a moment after each call."""
    yield connection


@pytest.fixture
def lasting(postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """The connection of the calls, which outlasts them."""
    with psycopg.connect(postgres, row_factory=dict_row, autocommit=True) as connection:
        for module in (runner, replay):
            monkeypatch.setattr(module, "connect", lambda *_, **__: kept_open(connection))
        yield connection


def is_free(url: str) -> bool:
    """Whether the next call would get the pipeline."""
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as other:
        try:
            run_id = history.claim(other, "run", {})
        except history.AlreadyRunning:
            return False
        history.finish(other, run_id, "succeeded", None)
        return True


def test_an_answer_comes_after_the_lock_is_given_back(
    postgres: str, lasting: Any, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = settings(postgres, bigquery_emulator_host=silent, lake_bucket="lake")
    report = runner.run(told, box=TimeBox(0.2))
    assert report.state == "incomplete"
    assert is_free(postgres)
    monkeypatch.setattr(replay, "Stores", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        replay.replay(told)
    assert is_free(postgres), "whatever ends the call"


def test_an_unforeseen_error_of_a_replay_has_a_reason_and_gives_the_lease_back(
    postgres: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflows(*_: Any) -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(replay, "_read", overflows)
    report = replay.replay(settings(postgres, bigquery_emulator_host=silent, lake_bucket="lake"))
    assert report.state == "failed"
    assert (report.error or "").startswith("OverflowError: date value out of range")
    assert is_free(postgres)


def test_the_service_answers_an_unforeseen_error_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def overflows(*_: Any, **__: Any) -> None:
        raise OverflowError("date value out of range")

    monkeypatch.setattr(runner, "run", overflows)
    monkeypatch.setattr(replay, "replay", overflows)

    async def ask() -> None:
        transport = httpx.ASGITransport(app=service.create_app(settings("postgresql:///x")))
        async with httpx.AsyncClient(transport=transport, base_url="http://pipeline") as client:
            for path in ("/run", "/replay"):
                answer = await client.post(path)
                assert answer.status_code == 500
                assert "OverflowError: date value out of range" in answer.json()["error"]
            for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-01-01", "x" * 99, 7):
                answer = await client.post("/replay", json={"from": moment})
                assert (answer.status_code, "from 2000" in answer.json()["error"]) == (400, True), moment

    asyncio.run(ask())


def test_a_damaged_object_is_a_bad_file_whatever_is_damaged() -> None:
    content = io.BytesIO()
    message = {
        "data": b"x" * 50,
        "attributes": {"a": "b"},
        "message_id": "1",
        "publish_time": datetime(2026, 3, 1, tzinfo=UTC),
        "subscription_name": "s",
    }
    fastavro.writer(content, MESSAGE_SCHEMA, [message] * 20, codec="deflate", sync_interval=400)
    whole, dice, bad = content.getvalue(), random.Random(7), 0
    assert len(list(messages(io.BytesIO(whole)))) == 20
    damaged = [whole.replace(b'"bytes"', b'"bites"'), whole.replace(b'"type"', b'"tipe"'), whole.replace(b"{", b"[")]
    for _ in range(1500):
        changed = bytearray(whole)
        for _ in range(dice.choice((1, 1, 3, 20))):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        damaged.append(bytes(changed))
    for one in damaged:
        try:
            for _ in messages(io.BytesIO(one)):
                pass
        except BadFile:
            bad += 1
    assert bad > 500
