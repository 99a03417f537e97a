"""Live streams beside each other: what one costs, a hundred and fifty cost, and too many are told so."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.api import at_business_date, configuration, serving, write
from tests.support.postgres import postgres  # noqa: F401
from tests.support.push import change
from workloads.api import feed as feed_module
from workloads.api import freshness as freshness_module
from workloads.api import positions
from workloads.api.app import create_app
from workloads.api.changes import Changes
from workloads.api.feed import RESYNC, Feed, Filter, Full, News, Subscriber
from workloads.api.freshness import SharedFreshness
from workloads.api.routes import stream as stream_module
from workloads.runtime.database import pool

STREAMS = 150


@pytest.fixture
async def feed(postgres: str) -> AsyncIterator[Feed]:  # noqa: F811
    settings = configuration(postgres, max_streams=STREAMS)
    async with pool(settings, max_size=2) as connections:
        feed = Feed(Changes(settings), connections, settings, SharedFreshness(connections.connection))
        yield feed
        await feed.close()


async def until(subscriber: Subscriber, on_hand: int) -> None:
    """Read on until the position of S01 is told with so many units."""
    async with asyncio.timeout(20):
        while True:
            event = await subscriber.next(1) or b""
            if event.startswith(b"event: inventory"):
                items = json.loads(event.split(b"data: ")[1])["items"]
                if any(item["on_hand"] == on_hand for item in items):
                    return


async def test_one_reader_asks_for_all(feed: Feed, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """150 open dashboards at 50 events a second once asked 150 times for each, and other requests waited for seconds."""
    asked = 0
    fetch = positions.fetch

    async def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal asked
        asked += 1
        return await fetch(*arguments, **options)

    monkeypatch.setattr(positions, "fetch", counted)
    subscribers = [await feed.join(Filter(), 10) for _ in range(STREAMS - 1)]
    elsewhere = await feed.join(Filter(location_id="S02"), 10)
    with pytest.raises(Full):
        await feed.join(Filter(), 10)
    for _ in range(10):
        await write(postgres, ("inventory", change("receipt", 1)))
    await asyncio.gather(*(until(subscriber, 10) for subscriber in subscribers))
    assert 1 <= asked <= 10
    while (told := await elsewhere.next(0.01)) is not None:
        assert told.startswith(b"event: freshness"), "another location's"
    feed.leave(subscribers[0])
    assert await feed.join(Filter(), 10)


async def test_how_fresh_the_figures_are_is_asked_once_a_second_for_all(
    feed: Feed,
    postgres: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """150 open dashboards once asked 150 times a second while anything was sold."""
    asked: list[float] = []
    read = freshness_module.read

    async def counted(connection: Any) -> Any:
        asked.append(time.monotonic())
        return await read(connection)

    monkeypatch.setattr(freshness_module, "read", counted)
    subscribers = [await feed.join(Filter(), 10) for _ in range(STREAMS)]
    began = time.monotonic()
    newest = at_business_date(1)
    for day in range(8, 0, -1):
        await write(postgres, ("inventory", change("receipt", 1, event_time=at_business_date(day))))
        await asyncio.sleep(0.2)
    await asyncio.gather(*(until_fresh(subscriber, newest) for subscriber in subscribers))
    assert len(asked) <= 1 + (time.monotonic() - began) / freshness_module.SECONDS
    assert all(later - one > 0.8 * freshness_module.SECONDS for one, later in itertools.pairwise(asked))


async def until_fresh(subscriber: Subscriber, newest: str) -> None:
    """Read on until the stream tells an inventory change of this time as the newest."""
    async with asyncio.timeout(20):
        while True:
            event = await subscriber.next(1) or b""
            if event.startswith(b"event: freshness"):
                sources = {item["source"]: item for item in json.loads(event.split(b"data: ")[1])["items"]}
                if sources["inventory"]["last_event_time"] == newest:
                    return


async def test_requests_share_one_answer_and_one_refusal(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    asked, gone = 0, False
    read = freshness_module.read

    async def counted(connection: Any) -> Any:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.1)
        if gone:
            raise psycopg.OperationalError("gone")
        return await read(connection)

    monkeypatch.setattr(freshness_module, "read", counted)
    app = create_app(configuration(postgres))
    transport = httpx.ASGITransport(app=app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:

        async def ask() -> list[int]:
            answers = await asyncio.gather(*(client.get("/v1/freshness") for _ in range(STREAMS)))
            return [answer.status_code for answer in answers]

        assert set(await ask()) == {200}
        assert asked == 1
        monkeypatch.setattr(freshness_module, "SECONDS", 0.0)
        gone = True
        assert set(await ask()) == {503}
        assert asked <= 3, "a database that is out of reach is not asked for each"
        gone = False
        assert (await client.get("/v1/freshness")).status_code == 200, "no refusal is kept"


async def test_a_reader_that_lags_reads_everything_again() -> None:
    subscriber = Subscriber(Filter(category="tops"))
    news = News([{"location_id": "S01", "sku": "A", "category": "tops"}], "2026-01-01T00:00:00Z")
    subscriber.put(News([{"location_id": "S01", "sku": "B", "category": "bags"}], "2026-01-01T00:00:00Z"))
    for _ in range(feed_module._PENDING):
        subscriber.put(news)
    assert await subscriber.next(0) == news.encoded(Filter(category="tops"))
    for _ in range(2):
        subscriber.put(news)
    assert await subscriber.next(0) == RESYNC
    assert await subscriber.next(0) is None


async def test_too_many_streams_are_told_so_and_a_closed_one_makes_room(postgres: str) -> None:  # noqa: F811
    with serving(postgres, max_streams=1) as base:
        async with asyncio.timeout(30), httpx.AsyncClient(base_url=base, timeout=20) as client:
            async with client.stream("GET", "/v1/inventory/stream") as first:
                pieces = first.aiter_text()  # kept: with the iterator the stream ends
                assert "resync" in await anext(pieces)
                refused = await client.get("/v1/inventory/stream")
                assert refused.status_code == 503
                assert refused.headers["retry-after"]
                assert "live streams are open" in refused.json()["error"]["message"]
                assert (await client.get("/v1/inventory")).status_code == 200
            while True:
                async with client.stream("GET", "/v1/inventory/stream") as second:
                    if second.status_code == 200:
                        break
                await asyncio.sleep(0.1)


async def test_a_stream_ends_by_itself_before_the_platform_cuts_it_off(
    postgres: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_module, "_STREAM_SECONDS", 0.3)
    with serving(postgres) as base:
        async with asyncio.timeout(30), httpx.AsyncClient(base_url=base, timeout=20) as client:
            assert "resync" in (await client.get("/v1/inventory/stream")).text
