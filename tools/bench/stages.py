"""Each stage alone, on the running stack's own stand-ins: what the whole could do at best."""

from __future__ import annotations

import asyncio
import base64
import os
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import aiohttp.web
import httpx
import psycopg
from google.cloud import bigquery, pubsub_v1

from ops.endpoints import Endpoints
from ops.summary import warehouse_client
from tools.bench.end_to_end import sale
from workloads.events import STREAMS, encode

SECONDS = 8.0


async def pos_accept(endpoints: Endpoints, batch: int = 20, concurrency: int = 4) -> float:
    """Events a second that the POS API answers as accepted, in batches of 20, four requests under way."""
    headers = {"authorization": f"Bearer {endpoints.api_token}"}
    total, location = 0, f"B-{uuid.uuid4().hex[:8]}"
    started = time.monotonic()
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:

        async def till() -> None:
            nonlocal total
            while time.monotonic() - started < SECONDS:
                body = [sale(location) for _ in range(batch)]
                answer = await client.post(f"{endpoints.pos_api}/v1/transactions", json=body)
                total += answer.raise_for_status().json()["accepted"]

        await asyncio.gather(*(till() for _ in range(concurrency)))
    return total / (time.monotonic() - started)


def publish_and_pull(endpoints: Endpoints, messages: int = 20_000) -> tuple[float, float]:
    """Messages a second by the official client: published in batches of 100, then pulled and acknowledged."""
    data = encode(STREAMS["sales"], sale("B-publish"))
    with _emulator(endpoints):
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        topic = f"projects/{endpoints.project}/topics/bench-{uuid.uuid4().hex[:8]}"
        subscription = topic.replace("/topics/", "/subscriptions/")
        publisher.create_topic(name=topic)
        subscriber.create_subscription(name=subscription, topic=topic)
        try:
            started = time.monotonic()
            with ThreadPoolExecutor(4) as pool:
                batch = [{"data": data}] * 100
                list(pool.map(lambda _: publisher.api.publish(topic=topic, messages=batch), range(messages // 100)))
            published = messages / (time.monotonic() - started)
            pulled, started = 0, time.monotonic()
            while pulled < messages:
                answer = subscriber.pull(subscription=subscription, max_messages=1000)
                ids = [m.ack_id for m in answer.received_messages]
                subscriber.acknowledge(subscription=subscription, ack_ids=ids)
                pulled += len(ids)
            return published, pulled / (time.monotonic() - started)
        finally:
            subscriber.delete_subscription(subscription=subscription)
            publisher.delete_topic(topic=topic)


async def push(endpoints: Endpoints, messages: int = 5_000) -> float:
    """Messages a second that the stand-in pushes to a server that does nothing but acknowledge."""
    data = encode(STREAMS["sales"], sale("B-push"))
    arrived, done = 0, asyncio.Event()
    first: list[float] = []

    async def receive(request: aiohttp.web.Request) -> aiohttp.web.Response:
        nonlocal arrived
        await request.read()
        first.append(time.monotonic()) if not first else None
        arrived += 1
        if arrived >= messages:
            done.set()
        return aiohttp.web.Response(status=204)

    app = aiohttp.web.Application()
    app.router.add_post("/", receive)
    runner = aiohttp.web.AppRunner(app, access_log=None)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    with _emulator(endpoints):
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        topic = f"projects/{endpoints.project}/topics/bench-{uuid.uuid4().hex[:8]}"
        subscription = topic.replace("/topics/", "/subscriptions/")
        publisher.create_topic(name=topic)
        config = {"push_endpoint": f"http://127.0.0.1:{port}/"}
        subscriber.create_subscription(
            request={"name": subscription, "topic": topic, "push_config": config, "ack_deadline_seconds": 60}
        )
        try:
            for _ in range(messages // 100):
                await asyncio.to_thread(publisher.api.publish, topic=topic, messages=[{"data": data}] * 100)
            await asyncio.wait_for(done.wait(), 120)
            return arrived / (time.monotonic() - first[0])
        finally:
            subscriber.delete_subscription(subscription=subscription)
            publisher.delete_topic(topic=topic)
            await runner.cleanup()


def postgres_upsert(endpoints: Endpoints) -> float:
    """Transactions a second of one connection that move one shelf each, committed one by one."""
    with psycopg.connect(endpoints.postgres, autocommit=True) as db:
        db.execute("CREATE TEMPORARY TABLE shelf (sku text PRIMARY KEY, quantity bigint NOT NULL)")
        statement = "INSERT INTO shelf VALUES (%s, -1) ON CONFLICT (sku) DO UPDATE SET quantity = shelf.quantity + excluded.quantity"
        return _per_second(lambda n: db.execute(statement, (f"B-{n % 20:02}",)))


def bigquery_append(endpoints: Endpoints, batch: int = 500) -> float:
    """Rows a second that the BigQuery stand-in takes by insertAll, in batches of 500."""
    client = warehouse_client(endpoints)
    table = bigquery.Table(f"{endpoints.project}.{endpoints.datasets['staging']}.bench_{uuid.uuid4().hex[:8]}")
    table.schema = [bigquery.SchemaField("event_id", "STRING"), bigquery.SchemaField("data", "STRING")]
    client.create_table(table)
    data = base64.b64encode(encode(STREAMS["sales"], sale("B-append"))).decode()
    try:

        def append(n: int) -> None:
            rows = [{"event_id": f"{n}-{i}", "data": data} for i in range(batch)]
            errors = client.insert_rows_json(table, rows, retry=None)  # type: ignore[arg-type]
            assert not errors, errors

        return _per_second(append) * batch
    finally:
        client.delete_table(table)


def _per_second(work: Callable[[int], object]) -> float:
    count, started = 0, time.monotonic()
    while time.monotonic() - started < SECONDS / 2:
        work(count)
        count += 1
    return count / (time.monotonic() - started)


@contextmanager
def _emulator(endpoints: Endpoints) -> Iterator[None]:
    os.environ["PUBSUB_EMULATOR_HOST"] = endpoints.pubsub
    try:
        yield
    finally:
        del os.environ["PUBSUB_EMULATOR_HOST"]
