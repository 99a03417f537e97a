"""The API in tests: over a database of its own that the ledger has written, in this process or behind a port."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg
import uvicorn

from tests.support.postgres import migrated_database
from tests.support.push import rfc3339, wrap
from workloads.api.app import create_app
from workloads.api.settings import Settings
from workloads.inventory_sync.delivery import event_of, unwrap
from workloads.inventory_sync.ledger import record
from workloads.runtime.database import DatabaseSettings, connect_async

ZONE = ZoneInfo("America/New_York")
TEES = """
INSERT INTO location (location_id, name, kind) VALUES
    ('S01', 'Fifth Avenue', 'branch'), ('S02', 'Newbury Street', 'branch'), ('W01', 'Central', 'warehouse');
INSERT INTO product (sku, name, category, style, size, colour, list_price, reorder_point) VALUES
    ('TEE-S', 'Boxy Tee, white, S', 'tops', 'TEE', 'S', 'white', 15, 5),
    ('TEE-M', 'Boxy Tee, white, M', 'tops', 'TEE', 'M', 'white', 15, 5),
    ('TEE-XL', 'Boxy Tee, white, XL', 'tops', 'TEE', 'XL', 'white', 15, 5);
"""
"""Statements: a style in three sizes, two branches and the warehouse."""


def at_business_date(days_ago: int, hour: int = 12) -> str:
    """Noon in New York, so many business dates before today."""
    day = datetime.now(ZONE).date() - timedelta(days=days_ago)
    return rfc3339(datetime(day.year, day.month, day.day, hour, tzinfo=ZONE))


async def write(url: str, *events: tuple[str, dict[str, Any]]) -> None:
    now = rfc3339(datetime.now(UTC))
    prepared = [
        event_of(s, unwrap(json.dumps(wrap(s, e, publishTime=now)).encode()), currency="USD") for s, e in events
    ]
    async with await connect_async(DatabaseSettings(database_url=url)) as connection:
        await record(connection, prepared, ZONE)


async def get(url: str, path: str, status: int = 200, **query: Any) -> Any:
    """What the API over a database answers, which must be of this status."""
    async with client_of(url) as client:
        answer = await client.get(path, params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


def filled(statements: str, url: str | None = None) -> str:
    """A migrated database, a new one unless given, after these statements."""
    url = url or migrated_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements)
    return url


def configuration(url: str, **changed: Any) -> Settings:
    values: dict[str, Any] = {
        "google_cloud_project": "fastyle-test",
        "timezone": "America/New_York",
        "brand": "Fastyle",
        "locale": "en-US",
        "currency": "USD",
        "database_url": url,
        "api_auth": "platform",
        "max_streams": 60,
        "reorder_point": 10,
        "max_days_of_cover": "90",
    }
    return Settings(**(values | changed))


@asynccontextmanager
async def client_of(url: str, static: Path = Path("/nowhere"), **changed: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(configuration(url, **changed), static)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        yield client


@contextmanager
def serving(url: str, **changed: Any) -> Iterator[str]:
    app = create_app(configuration(url, **changed), Path("/nowhere"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
