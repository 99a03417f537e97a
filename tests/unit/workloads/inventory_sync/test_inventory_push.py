"""The push endpoint over a real PostgreSQL: what is acknowledged is recorded once, or lies in the dead letters."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from psycopg.rows import dict_row

from tests.support.postgres import Server, fresh_database, postgres  # noqa: F401
from tests.support.push import ACCOUNT, AUDIENCE, NOW, Issuer, change, rfc3339, sale, wrap
from workloads.events import STREAMS, encode
from workloads.inventory_sync import app
from workloads.inventory_sync.app import create_app
from workloads.inventory_sync.dead_letter import NotPublished, letter_attributes
from workloads.inventory_sync.delivery import Delivery, unwrap
from workloads.inventory_sync.settings import Settings


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


class Letters:
    """A dead-letter topic that keeps what it is given, or refuses."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Delivery, str]] = []
        self.refuses = False

    async def publish(self, stream: str, delivery: Delivery, error: str) -> None:
        if self.refuses:
            raise NotPublished("the topic is gone")
        self.kept.append((stream, delivery, error))

    def close(self) -> None:
        pass


class Service:
    def __init__(self, client: httpx.AsyncClient, letters: Letters, url: str, token: str) -> None:
        self.client, self.letters, self.url, self.token = client, letters, url, token

    async def push(self, stream: str, body: Any, token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post(f"/push/{stream}", content=content, headers=headers)

    def rows(self, query: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(query).fetchall()

    def on_hand(self) -> dict[tuple[str, str], int]:
        return {(r["location_id"], r["sku"]): r["quantity"] for r in self.rows("SELECT * FROM on_hand")}

    async def until_ready(self) -> None:
        async with asyncio.timeout(60):
            while (await self.client.get("/ready")).status_code != 200:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running(url: str, issuer: Issuer, certs: str = "/v3", **changed: Any) -> AsyncIterator[Service]:
    settings = Settings(
        google_cloud_project="fastyle-test",
        timezone="America/New_York",
        currency="USD",
        database_url=url,
        push_audience=AUDIENCE,
        push_service_account=ACCOUNT,
        oidc_issuer=issuer.url,
        oidc_certs_url=issuer.url + certs,
        sales_dead_letter_topic="projects/fastyle-test/topics/sales-transactions-dead-letter",
        inventory_dead_letter_topic="projects/fastyle-test/topics/inventory-changes-dead-letter",
        **changed,
    )
    letters = Letters()
    served = create_app(settings, letters)
    transport = httpx.ASGITransport(app=served)
    async with (
        served.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        yield Service(client, letters, url, issuer.token())


async def test_an_event_counts_once_however_often_and_in_whatever_company_it_comes(
    postgres: str,  # noqa: F811
    issuer: Issuer,
) -> None:
    async with running(postgres, issuer) as service:
        await service.until_ready()
        events = [
            ("inventory", change(quantity=100)),
            *(("sales", sale(("TOP-1", 2), ("TOP-2", -1))) for _ in range(20)),
        ]
        answers = await asyncio.gather(*(service.push(s, wrap(s, e)) for _ in range(5) for s, e in events))
        assert {answer.status_code for answer in answers} == {204}
        assert service.on_hand() == {("S01", "TOP-1"): 60, ("S01", "TOP-2"): 20}
        assert service.rows("SELECT count(*) AS n FROM stream_event") == [{"n": 21}]
        assert service.rows("SELECT * FROM event_conflict") == []
        sold = service.rows("SELECT sku, business_date::text AS day, sold, transferred_out FROM daily_units")
        assert sold == [{"sku": "TOP-1", "day": "2026-03-15", "sold": 40, "transferred_out": 0}]


async def test_the_first_body_of_an_event_id_counts_and_the_others_are_kept_aside(
    postgres: str,  # noqa: F811
    issuer: Issuer,
) -> None:
    async with running(postgres, issuer) as service:
        await service.until_ready()
        first = change(quantity=3)
        await service.push("inventory", wrap("inventory", first))
        other = first | {"quantity": 900}
        for body in (other, other, first):
            assert (await service.push("inventory", wrap("inventory", body))).status_code == 204
        assert service.on_hand() == {("S01", "TOP-1"): 3}
        conflicts = service.rows("SELECT event_id::text, body::jsonb->>'quantity' AS quantity FROM event_conflict")
        assert conflicts == [{"event_id": first["event_id"], "quantity": "900"}]
        assert service.letters.kept == []


async def test_an_event_sent_again_after_the_schema_grew_is_the_same(postgres: str, issuer: Issuer) -> None:  # noqa: F811
    async with running(postgres, issuer) as service:
        await service.until_ready()
        event = change(quantity=3) | {"reference": None}
        before = json.loads(encode(STREAMS["inventory"], event))
        del before["reference"]
        for body in (json.dumps(before).encode(), event):
            assert (await service.push("inventory", wrap("inventory", body))).status_code == 204
        assert service.on_hand() == {("S01", "TOP-1"): 3}
        assert service.rows("SELECT 1 FROM event_conflict") == []
        # Nor is it another to a program of before, whose schema has no such field: a body says only what is there.
        await service.push("inventory", wrap("inventory", event | {"quantity": 9}))
        assert service.rows("SELECT body::jsonb ? 'reference' AS told FROM event_conflict") == [{"told": False}]


async def test_the_business_date_is_of_the_business_s_time_zone(postgres: str, issuer: Issuer) -> None:  # noqa: F811
    async with running(postgres, issuer) as service:
        await service.until_ready()
        # 03:59 UTC is 23:59 of the day before in New York, 04:00 UTC midnight (daylight saving time).
        for at, kind in (("2026-03-14T03:59:59.999999Z", "transfer_out"), ("2026-03-14T04:00:00Z", "transfer_out")):
            await service.push("inventory", wrap("inventory", change(kind, -4, event_time=at)))
        days = service.rows("SELECT business_date::text AS day, transferred_out FROM daily_units ORDER BY 1")
        assert days == [{"day": "2026-03-13", "transferred_out": 4}, {"day": "2026-03-14", "transferred_out": 4}]


POISON: list[tuple[str, dict[str, Any] | bytes, str]] = [
    ("not JSON", b"\xff{", "not JSON"),
    ("nothing", b"", "not JSON"),
    ("another schema", b'{"a":1}', "missing fields"),
    ("a quantity of 0", sale(("TOP-1", 0)), "lines[0].quantity"),
    ("another currency", sale(currency="EUR"), "currency"),
    ("the past", sale(event_time="1970-01-01T00:00:00Z"), "event_time"),
    ("the future", sale(event_time=rfc3339(NOW + timedelta(hours=1))), "event_time"),
    ("no id", sale(event_id="x"), "event_id"),
]


async def test_poison_becomes_a_dead_letter_that_says_why(postgres: str, issuer: Issuer) -> None:  # noqa: F811
    async with running(postgres, issuer) as service:
        await service.until_ready()
        for _, body, _ in POISON:
            assert (await service.push("sales", wrap("sales", body))).status_code == 204
        reasons = [(stream, error) for stream, _, error in service.letters.kept]
        assert len(reasons) == len(POISON)
        for (what, _, expected), (stream, error) in zip(POISON, reasons, strict=True):
            assert stream == "sales", what
            assert expected in error, what
        foreign = wrap("sales", sale(), attributes={"stream": "weather"})
        assert (await service.push("sales", foreign)).status_code == 204
        assert "unknown stream" in service.letters.kept[-1][2]
        assert service.rows("SELECT * FROM stream_event") == []
        service.letters.refuses = True
        assert (await service.push("sales", wrap("sales", b"{"))).status_code == 503


def test_a_dead_letter_keeps_the_message_and_fits_pubsub_s_limits() -> None:
    message = wrap(
        "sales", b"data", attributes={f"a{n}": "v" for n in range(100)} | {"error": "old"}, orderingKey="S01"
    )
    delivery = unwrap(json.dumps(message).encode())
    attributes = letter_attributes(delivery, "ü" * 1000)
    assert len(attributes) == 100
    assert attributes["error"] == "ü" * 512
    assert attributes["source_subscription"] == "projects/fastyle-test/subscriptions/sales-to-inventory"
    assert attributes["source_message_id"] == message["message"]["messageId"]
    assert attributes["ordering_key"] == "S01"
    assert attributes["a0"] == "v"


async def test_what_is_no_delivery_is_refused_not_acknowledged(postgres: str, issuer: Issuer) -> None:  # noqa: F811
    async with running(postgres, issuer) as service:
        await service.until_ready()
        good = wrap("sales", sale())
        bad: list[Any] = [
            b"",
            b"[]",
            b"{}",
            {"message": None},
            {"message": good["message"]},
            wrap("sales", sale(), data="%%%"),
            wrap("sales", sale(), publishTime="yesterday"),
            wrap("sales", sale(), attributes=["stream"]),
        ]
        for body in bad:
            assert (await service.push("sales", body)).status_code == 400, body
        assert (await service.push("sales", b" " * (16 * 1024 * 1024 + 1))).status_code == 413
        assert (await service.client.get("/push/sales")).status_code == 405
        assert service.letters.kept == []


@pytest.mark.parametrize("certs", ["/v1", "/v3"])
async def test_only_pubsub_s_own_token_is_let_in(certs: str, postgres: str, issuer: Issuer) -> None:  # noqa: F811
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    refused = {
        "another key": (issuer.token(key=stranger), 401),
        "another issuer": (issuer.token(iss="https://evil.example"), 401),
        "another audience": (issuer.token(aud="https://elsewhere.example"), 401),
        "expired": (issuer.token(iat=1_700_000_000, exp=1_700_003_600), 401),
        "without expiry": (issuer.token(without=("exp",)), 401),
        "another account": (issuer.token(email="till@fastyle-test.iam.gserviceaccount.com"), 403),
        "unverified e-mail": (issuer.token(email_verified=False), 403),
        "not a token": ("rubbish", 401),
    }
    async with running(postgres, issuer, certs) as service:
        await service.until_ready()
        body = wrap("sales", sale())
        for what, (token, status) in refused.items():
            assert (await service.push("sales", body, token)).status_code == status, what
        assert (await service.client.post("/push/sales", json=body)).status_code == 401
        assert service.rows("SELECT * FROM stream_event") == []
        assert (await service.push("sales", body)).status_code == 204


async def test_keys_are_fetched_once_and_their_loss_is_not_the_sender_s_fault(
    postgres: str,  # noqa: F811
    issuer: Issuer,
) -> None:
    before = issuer.fetches
    issuer.broken = True
    async with running(postgres, issuer) as service:
        await service.until_ready()
        assert (await service.push("sales", wrap("sales", sale()))).status_code == 503
        issuer.broken = False
        tokens = [issuer.token(sub=str(n)) for n in range(10)]
        answers = await asyncio.gather(*(service.push("sales", wrap("sales", sale()), token) for token in tokens))
        assert {answer.status_code for answer in answers} == {204}
        assert issuer.fetches == before + 2
        issuer.broken = True
        assert (await service.push("sales", wrap("sales", sale()))).status_code == 204
    issuer.broken = False


LOCK = 0x66617374_796C6500


async def test_an_instance_starts_when_its_schema_is_there(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards it has no CPU between requests, and could end before anybody sends one."""
    monkeypatch.setattr(app, "_DELIVERY_SECONDS", 0.2)
    url = fresh_database()
    with psycopg.connect(url) as locked:
        # Another instance is migrating: this one must wait, not fail.
        locked.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        async with running(url, issuer) as service:
            starting = await service.client.get("/health")
            assert starting.status_code == 503
            assert "schema" in starting.json()["error"]["message"]
            assert (await service.client.get("/ready")).status_code == 503
            answer = await service.push("sales", wrap("sales", sale()))
            assert answer.status_code == 503
            assert "schema" in answer.json()["error"]["message"]
            locked.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            await service.until_ready()
            assert (await service.client.get("/health")).status_code == 200
            assert (await service.push("sales", wrap("sales", sale()))).status_code == 204


async def test_a_delivery_waits_with_the_migration_which_gives_it_cpu(issuer: Issuer) -> None:
    url = fresh_database()
    with psycopg.connect(url) as locked:
        locked.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        async with running(url, issuer) as service:
            push = asyncio.create_task(service.push("sales", wrap("sales", sale())))
            await asyncio.sleep(0.3)
            assert not push.done()
            locked.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            assert (await push).status_code == 204


async def test_a_database_that_sleeps_or_a_long_migration_keeps_no_instance_from_starting(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "_UNREACHABLE_SECONDS", 0.0)
    async with running("postgresql://nobody@127.0.0.1:9/none", issuer) as service, asyncio.timeout(60):
        while (await service.client.get("/health")).status_code != 200:
            await asyncio.sleep(0.02)
        ready = await service.client.get("/ready")
        assert (ready.status_code, "cannot be reached" in ready.text) == (503, True)

    monkeypatch.setattr(app, "_START_SECONDS", 0.1)
    url = fresh_database()
    with psycopg.connect(url) as locked:
        locked.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        async with running(url, issuer) as service, asyncio.timeout(60):
            assert (await service.client.get("/health")).status_code == 503
            while (await service.client.get("/health")).status_code != 200:
                await asyncio.sleep(0.02)
            locked.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            await service.until_ready()


async def test_a_migration_that_cannot_work_keeps_its_revision_from_starting(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cloud Run then leaves the traffic with the revision before, and `pulumi up` fails."""
    later = [0.0]
    monkeypatch.setattr(app, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + later[0]))
    url = fresh_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE pipeline_run (x int)")
    async with running(url, issuer) as service, asyncio.timeout(60):
        while "pipeline_run" not in (await service.client.get("/health")).text:
            await asyncio.sleep(0.05)
        later[0] = 1000.0
        assert (await service.client.get("/health")).status_code == 503


@pytest.mark.slow
async def test_postgresql_killed_in_mid_stream_loses_and_doubles_nothing(issuer: Issuer) -> None:
    """Deliveries go on throughout, each repeated until acknowledged, as Pub/Sub does."""
    server = Server()
    try:
        async with running(fresh_database(server), issuer) as service:
            await service.until_ready()
            events = [sale(("TOP-1", 1)) for _ in range(300)]
            refused = 0
            first_acknowledged = asyncio.Event()

            async def deliver(event: dict[str, Any]) -> None:
                nonlocal refused
                while (await service.push("sales", wrap("sales", event))).status_code != 204:
                    refused += 1
                    await asyncio.sleep(0.05)
                first_acknowledged.set()

            async def kill() -> None:
                await first_acknowledged.wait()
                await asyncio.to_thread(server.kill)
                answer = await service.push("sales", wrap("sales", events[0]))
                assert answer.status_code == 503
                assert (await service.client.get("/ready")).status_code == 503
                await asyncio.to_thread(server.restart)

            gate = asyncio.Semaphore(20)

            async def gated(event: dict[str, Any]) -> None:
                async with gate:
                    await deliver(event)

            async with asyncio.timeout(60):
                await asyncio.gather(kill(), *(gated(event) for event in events))
            assert refused > 0
            assert service.on_hand() == {("S01", "TOP-1"): -300}
            assert service.rows("SELECT count(*) AS n FROM stream_event") == [{"n": 300}]
    finally:
        server.remove()
