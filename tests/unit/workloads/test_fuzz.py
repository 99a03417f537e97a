"""Whatever is sent to a service is answered by its description: never a 5xx, never another form. 10,000 requests.

In this process and without HTTP between, so that it takes seconds; a failure is shrunk to the smallest request.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from tests.support.api import configuration, write
from tests.support.events import change as pos_change
from tests.support.events import sale as pos_sale
from tests.support.fuzz import Answers, App, Asked, ask, encoded, mutated, request_of, text
from tests.support.pos_api import credentials
from tests.support.postgres import migrated_database
from tests.support.push import Issuer, change, sale, wrap
from tests.unit.workloads.api.test_api_inventory import traded
from tests.unit.workloads.budget_guard.test_budget_guard_notices import event as notice
from tests.unit.workloads.inventory_sync.test_inventory_push import Letters
from workloads.api.app import create_app
from workloads.budget_guard.interface import Mode
from workloads.budget_guard.service import Guard
from workloads.budget_guard.settings import Settings as GuardSettings
from workloads.events import STREAMS, decode, encode, validate
from workloads.inventory_sync.app import create_app as create_sync
from workloads.inventory_sync.settings import Settings as SyncSettings
from workloads.pipeline import replay, runner
from workloads.pipeline.service import create_app as create_pipeline
from workloads.pipeline.settings import Settings as PipelineSettings
from workloads.pos_api.catalogue import Catalogue
from workloads.pos_api.service import PosApi
from workloads.pos_api.simulation import simulation
from workloads.runtime.credentials import CredentialStore

pytestmark = pytest.mark.slow

BATCH = 50  # requests of one example: what hypothesis itself does for each takes longer than a request
API, POS, PIPELINE, PUSH, GUARD = 80, 60, 20, 40, 20
assert BATCH * (API + POS + PIPELINE + PUSH + GUARD) >= 10_000


def batches(examples: int) -> Callable[[Callable[[Random], None]], None]:
    """Run a test with so many seeds, the same ones each time; the request that fails is in the assertion."""

    def decorate(test: Callable[[Random], None]) -> None:
        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.integers(0, 2**64).map(Random))
        def run(rng: Random) -> None:
            test(rng)

        run()

    return decorate


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner_:
        yield runner_


@pytest.fixture(scope="module")
def database() -> str:
    return traded()


# --- the API ---


@pytest.fixture(scope="module")
def api(database: str, loop: asyncio.Runner) -> Iterator[tuple[App, dict[str, Any]]]:
    app = create_app(configuration(database), Path("/nowhere"))
    stack = AsyncExitStack()

    async def enter() -> None:
        await stack.enter_async_context(app.router.lifespan_context(app))

    loop.run(enter())
    yield app, app.openapi()
    loop.run(stack.aclose())


def test_the_api_answers_as_it_says(api: tuple[App, dict[str, Any]], loop: asyncio.Runner) -> None:
    app, document = api
    described = {
        **document,
        "paths": {path: o for path, o in document["paths"].items() if not path.endswith("/stream")},
    }
    answers = Answers(described)
    seen: dict[int, int] = {}

    async def send(asked: Asked) -> None:
        status, headers, body = await ask(app, asked.method, asked.path)
        seen[status] = seen.get(status, 0) + 1
        answers.check(asked, status, headers, body)

    async def send_all(requests: list[Asked]) -> None:
        await asyncio.gather(*(send(asked) for asked in requests))

    @batches(API)
    def run(rng: Random) -> None:
        loop.run(send_all([request_of(described, rng) for _ in range(BATCH)]))

    # A fuzz that is refused at the door proves nothing.
    assert seen[200] > sum(seen.values()) / 10, seen
    assert seen[400] > sum(seen.values()) / 10, seen


def test_paths_and_methods_that_are_not_there_have_errors_of_the_same_form(
    api: tuple[App, dict[str, Any]], loop: asyncio.Runner
) -> None:
    app, _ = api
    host = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}

    async def check(method: str, target: str) -> None:
        status, headers, body = await ask(app, method, target, host)
        assert status in (404, 405), (method, target, status)
        assert "location" not in headers
        assert headers["x-content-type-options"] == "nosniff"
        assert method == "HEAD" or json.loads(body)["error"]["code"] in ("not_found", "method_not_allowed")

    async def check_all() -> None:
        for target in (
            "/v1/inventory/",
            "/v1/context/",
            "//evil.example",
            "/%5cevil.example",
            "/v1",
        ):
            await check("GET", target)
        for host["Host"] in ("[::bad", "a b", "\xff", ""):
            await check("GET", "/v1/nothing")
        for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "BREW"):
            await check(method, "/v1/inventory")

    loop.run(check_all())


# --- the POS API ---


class Taken:
    """A publisher that takes every event that its topic would take."""

    def publish(self, events: list[Any]) -> None:
        for stream, event in events:
            assert decode(STREAMS[stream], encode(STREAMS[stream], event)) == event


@pytest.fixture(scope="module")
def pos(tmp_path_factory: pytest.TempPathFactory) -> tuple[Client, dict[str, Any]]:
    path = tmp_path_factory.mktemp("fuzz") / "credentials.json"
    path.write_text(credentials(all=["*"], till=["S01"]))
    service = PosApi(
        brand="Fastyle",
        currency="USD",
        credentials=CredentialStore(path),
        publisher=Taken(),  # type: ignore[arg-type]
        simulation=simulation(seed=1, timezone="America/New_York", currency="USD", catalogue=Catalogue.read()),
    )
    app = Flask(__name__)
    app.add_url_rule("/<path:path>", "pos", lambda path: service(_request()), methods=["GET", "POST"])
    client = app.test_client()
    return client, client.get("/openapi.json").get_json()


def _request() -> Any:
    from flask import request

    return request._get_current_object()  # type: ignore[attr-defined]


def _body(value: Any) -> bytes:
    return json.dumps(value).encode()


_EVENTS = {"/v1/transactions": [pos_sale(), pos_sale(lines=[])], "/v1/inventory-changes": [pos_change()]}
_SIMULATE = {"from": "2026-03-03T17:00:00Z", "to": "2026-03-03T17:01:00Z", "seed": 7, "scale": 0.1}


_CALLERS = [*["Bearer all"] * 7, "Bearer till", "Bearer \xff", "", "Basic all"]


def pos_request(rng: Random) -> tuple[str, str, bytes]:
    if rng.random() < 0.05:
        return "/v1/simulate", rng.choice(_CALLERS), _body(mutated([_SIMULATE], rng))
    path, good = rng.choice(list(_EVENTS.items()))
    kind = rng.random()
    if kind < 0.6:
        body = _body(mutated(good, rng))
    elif kind < 0.95:
        body = _body([mutated(good, rng) for _ in range(rng.randint(0, 4))])
    else:
        body = rng.randbytes(rng.randint(0, 30))
    return path, rng.choice(_CALLERS), body


def test_the_pos_api_answers_as_it_says(pos: tuple[Client, dict[str, Any]]) -> None:
    client, document = pos
    answers = Answers(document)
    seen: dict[int, int] = {}

    @batches(POS)
    def run(rng: Random) -> None:
        for path, authorization, body in (pos_request(rng) for _ in range(BATCH)):
            answer = client.post(path, data=body, headers={"Authorization": authorization})
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
            headers = {name.lower(): value for name, value in answer.headers.items()}
            answers.check(Asked("POST", path, path), answer.status_code, headers, answer.data)

    assert {202, 400, 401, 403} <= seen.keys(), seen


# --- the pipeline ---


class Asking(Exception):  # noqa: N818
    """What stands for the run itself: what is fuzzed is the request to it."""


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> App:
    def run(_: Any, first: Any, last: Any) -> Any:
        assert first is None or first <= last
        raise runner.AlreadyRunning("asked")

    def run_replay(_: Any, start: Any, end: Any, *, seconds: float) -> Any:
        assert start is None or end is None or start < end
        assert 0 <= seconds <= replay.CALL_SECONDS
        raise replay.AlreadyRunning("asked")

    monkeypatch.setattr(runner, "run", run)
    monkeypatch.setattr(replay, "replay", run_replay)
    return create_pipeline(PipelineSettings.model_construct())


_ASKED: dict[str, list[dict[str, Any]]] = {
    "/run": [{"from": "2026-01-01", "to": "2026-01-31"}],
    "/replay": [{"from": "2026-01-01T00:00:00Z", "to": "2026-01-31T00:00:00+01:00", "seconds": 10}],
}


def test_the_pipeline_refuses_what_is_no_request(pipeline: App, loop: asyncio.Runner) -> None:
    seen: dict[int, int] = {}

    async def send(path: str, body: bytes) -> None:
        status, headers, answer = await ask(pipeline, "POST", path, None, body)
        assert status in (400, 409, 413), (path, body, status, answer)
        assert isinstance(json.loads(answer)["error"], str)
        assert headers["x-content-type-options"] == "nosniff"
        seen[status] = seen.get(status, 0) + 1

    @batches(PIPELINE)
    def run(rng: Random) -> None:
        for _ in range(BATCH):
            path, good = rng.choice(list(_ASKED.items()))
            body = _body(mutated(good, rng)) if rng.random() < 0.9 else rng.randbytes(20)
            loop.run(send(path, body))

    assert {400, 409} <= seen.keys(), seen
    for body in (b'{"to": 0}', b'{"from": 0, "to": 0}', b'{"from": "2026-W05-1", "to": "2026-W06-1"}', b"[" * 9000):
        for path in _ASKED:
            status, _, _ = loop.run(ask(pipeline, "POST", path, None, body))
            assert status == 400, (path, body)


# --- push ---


@pytest.fixture(scope="module")
def push(loop: asyncio.Runner) -> Iterator[tuple[App, str]]:
    issuer = Issuer()
    app = create_sync(
        SyncSettings(
            google_cloud_project="fastyle-test",
            timezone="America/New_York",
            currency="USD",
            database_url=migrated_database(),
            push_audience="https://inventory-sync.example/push",
            push_service_account="push-invoker@fastyle-test.iam.gserviceaccount.com",
            oidc_issuer=issuer.url,
            oidc_certs_url=issuer.url + "/v3",
            sales_dead_letter_topic="projects/fastyle-test/topics/sales-transactions-dead-letter",
            inventory_dead_letter_topic="projects/fastyle-test/topics/inventory-changes-dead-letter",
        ),
        Letters(),
    )
    stack = AsyncExitStack()

    async def enter() -> None:
        await stack.enter_async_context(app.router.lifespan_context(app))
        async with asyncio.timeout(60):
            while (await ask(app, "GET", "/ready"))[0] != 200:
                await asyncio.sleep(0.05)

    loop.run(enter())
    yield app, issuer.token()
    loop.run(stack.aclose())
    issuer.close()


def test_push_acknowledges_or_refuses_whatever_is_delivered(push: tuple[App, str], loop: asyncio.Runner) -> None:
    """An answer of 5xx would bring the message back for days, and hold up those behind it."""
    app, token = push
    seen: dict[int, int] = {}

    async def send(stream: str, body: bytes, authorization: str) -> None:
        status, headers, answer = await ask(app, "POST", f"/push/{stream}", {"Authorization": authorization}, body)
        assert status in (204, 400, 401, 413), (stream, body, status, answer)
        assert headers["x-content-type-options"] == "nosniff"
        seen[status] = seen.get(status, 0) + 1

    async def send_all(requests: list[tuple[str, bytes, str]]) -> None:
        await asyncio.gather(*(send(*request) for request in requests))

    good = {"sales": wrap("sales", sale(("TOP-1", 1), ("TOP-2", -1))), "inventory": wrap("inventory", change())}
    events = {stream: json.loads(base64.b64decode(body["message"]["data"])) for stream, body in good.items()}

    def request(rng: Random) -> tuple[str, bytes, str]:
        stream = rng.choice(list(good))
        kind = rng.random()
        if kind < 0.6:
            body = _body(wrap(stream, _body(mutated([events[stream]], rng))))
        elif kind < 0.95:
            body = _body(mutated([good[stream]], rng))
        else:
            body = rng.randbytes(20)
        return stream, body, "Bearer \xff" if rng.random() < 0.05 else f"Bearer {token}"

    @batches(PUSH)
    def run(rng: Random) -> None:
        loop.run(send_all([request(rng) for _ in range(BATCH)]))

    assert {204, 400, 401} <= seen.keys(), seen


# --- the budget guard ---


def test_the_budget_guard_is_done_with_whatever_comes() -> None:
    """False, or an exception, would bring the notice back for ever."""
    guard = Guard(
        GuardSettings.model_construct(guard_mode=Mode.TELL, guard_budget="b-1", guard_jobs=(), timezone="UTC")
    )
    event = notice()
    body = json.loads(base64.b64decode(event["message"]["data"]))

    @batches(GUARD)
    def run(rng: Random) -> None:
        for _ in range(BATCH):
            data = notice(_body(mutated([body], rng))) if rng.random() < 0.6 else mutated([event], rng)
            assert guard(data) is True, data


# --- ids ---

# What paths, queries and clients take for their own.
_IDS = [
    ".",
    "..",
    "a/b",
    "/",
    "//",
    "a/",
    "/a",
    "?",
    "#",
    "%",
    "%2F",
    "%2e%2e",
    "a b",
    "a+b",
    "&",
    "=",
    ";",
    "\\",
    "~",
    "é",
]


def _id(rng: Random) -> str:
    return rng.choice(_IDS) if rng.random() < 0.6 else text(rng) or "x"


def test_every_accepted_id_can_be_opened(api: tuple[App, dict[str, Any]], loop: asyncio.Runner, database: str) -> None:
    """By parameters whatever it is; by path unless a client would take it for `this folder` or `the one above`."""
    app, _ = api
    opened = 0

    async def check(pairs: list[tuple[str, str]]) -> None:
        nonlocal opened
        events = [change(location_id=location, sku=sku) for location, sku in pairs]
        accepted = [
            e
            for e in events
            if isinstance(validate(STREAMS["inventory"], e, currency="USD", now=datetime.now(UTC)), dict)
        ]
        await write(database, *(("inventory", event) for event in accepted))
        for event in accepted:
            location, sku = event["location_id"], event["sku"]
            targets = [f"/v1/inventory/position?location_id={encoded(location)}&sku={encoded(sku)}"]
            if location not in (".", "..") and sku not in (".", ".."):
                targets.append(f"/v1/inventory/{encoded(location)}/{encoded(sku)}")
            for target in targets:
                status, _, body = await ask(app, "GET", target)
                assert status == 200, (location, sku, target, body)
                answer = json.loads(body)
                assert (answer["location_id"], answer["sku"]) == (location, sku), target
                opened += 1

    @batches(6)
    def run(rng: Random) -> None:
        loop.run(check([(_id(rng), _id(rng)) for _ in range(BATCH)]))

    assert opened > 200
