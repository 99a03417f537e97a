"""The dashboard and the API it reads: when a person can use the page, and what our code adds to the queries.

Each endpoint stands beside a bare one: the same framework and server, which runs the statements that ours was seen to
run and answers their rows.
"""

from __future__ import annotations

import asyncio
import contextvars
import multiprocessing
import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from typing import Any

import httpx
import orjson
import psycopg
import uvicorn
from fastapi import FastAPI, Response
from psycopg.rows import DictRow
from starlette.types import ASGIApp

from ops.endpoints import Endpoints
from tools.bench.browser import chromium
from workloads.api.app import POOL_SIZE, create_app
from workloads.api.interface import ApiAuth
from workloads.api.settings import Settings
from workloads.runtime.database import pool

SECONDS = 3.0  # for which an endpoint is asked, one request after the other
# Of the sample catalogue; `{shelf}` is one with stock.
PATHS = (
    "/v1/inventory?page_size=100",
    "/v1/inventory/alerts?kind=stockout&page_size=100",
    "/v1/inventory/{shelf}",
    "/v1/inventory/summary",
    "/v1/inventory/summary?location_id=S01&category=tops",
    "/v1/inventory/attention?kind=stockout&page_size=12",
    "/v1/inventory/size-runs?page_size=8",
    "/v1/inventory/transfers?page_size=8",
    "/v1/reports/gmv?by=customer_type,category",
    "/v1/reports/margin",
    "/v1/reports/comparison/gmv?grain=day&by=customer_type",
    "/v1/reports/comparison/margin?grain=day&by=category",
    "/v1/freshness",
    "/v1/quality",
    "/v1/context",
)
# Drawn, nothing under way, and no long task (over 50 ms) for half a second: a click is answered at once from then on.
_INTERACTIVE = """
new Promise((done) => {
  let last = 0;
  new PerformanceObserver((list) => { for (const task of list.getEntries()) last = Math.max(last, task.startTime + task.duration); })
    .observe({ type: "longtask", buffered: true });
  let drawn = 0;
  const look = () => {
    const now = performance.now();
    if (!drawn && document.querySelector("table.heat a.cell") && !document.querySelector("[aria-busy]")) drawn = now;
    if (drawn && now - Math.max(last, drawn) > 500) done(Math.max(last, drawn));
    else setTimeout(look, 10);
  };
  look();
})
"""
_FIRST = """
new Promise((done) => {
  const look = () => document.querySelector("table.heat a.cell") ? done(performance.now()) : setTimeout(look, 10);
  look();
})
"""


def time_to_interactive(endpoints: Endpoints, runs: int = 5) -> dict[str, Any]:
    """Milliseconds from the address entered until the heat map is there, and until everything is and answers.

    `cold`: nothing in the browser's cache; `warm`: opened again. Medians of `runs`, the slowest beside them.

    Raises:
        FileNotFoundError: this machine has no browser.
    """
    timings: dict[str, list[float]] = {"cold": [], "warm": [], "cold_heat_map": [], "warm_heat_map": []}
    transferred = 0
    with chromium() as browser:
        for _ in range(runs):
            context = browser.new_context()
            page = context.new_page()
            for kind in ("cold", "warm"):
                page.goto(f"{endpoints.api}/#token={endpoints.api_token}", wait_until="commit")
                timings[f"{kind}_heat_map"].append(page.evaluate(_FIRST))
                timings[kind].append(page.evaluate(_INTERACTIVE))
                if kind == "cold":
                    sizes = "performance.getEntriesByType('resource').reduce((sum, r) => sum + r.transferSize, 0)"
                    transferred = page.evaluate(sizes)
                page.goto("about:blank")
            context.close()
    figures: dict[str, Any] = {
        f"{name}_ms": {"p50": round(statistics.median(values)), "max": round(max(values))}
        for name, values in timings.items()
    }
    return {**figures, "transferred_kb_without_charts": round(transferred / 1000)}


def api_latencies(endpoints: Endpoints, seconds: float = SECONDS, paths: Sequence[str] = PATHS) -> dict[str, Any]:
    """By path: p50 and p99 in milliseconds of ours and of the bare endpoint, and ours as a multiple of it."""
    with httpx.Client(base_url=endpoints.api, headers={"Authorization": f"Bearer {endpoints.api_token}"}) as client:
        first = client.get("/v1/inventory", params={"page_size": 1}).raise_for_status().json()["items"][0]
    asked = [path.replace("{shelf}", f"{first['location_id']}/{first['sku']}") for path in paths]
    with _servers(endpoints, asked) as (ours, bare), httpx.Client(timeout=60, trust_env=False) as client:
        return {
            path: _beside(client, f"{ours}{path}", f"{bare}/{number}", seconds) for number, path in enumerate(asked)
        }


def _beside(client: httpx.Client, ours: str, bare: str, seconds: float) -> dict[str, float]:
    """Both are asked by turns, so that the machine's noise falls on both."""
    times: dict[str, list[float]] = {ours: [], bare: []}
    for url in times:
        client.get(url).raise_for_status()
    begun = time.monotonic()
    while time.monotonic() - begun < seconds or len(times[ours]) < 20:
        for url, taken in times.items():
            started = time.perf_counter()
            client.get(url).raise_for_status()
            taken.append((time.perf_counter() - started) * 1000)
    cut = {url: statistics.quantiles(taken, n=100, method="inclusive") for url, taken in times.items()}
    return {
        "p50_ms": round(cut[ours][49], 2),
        "p99_ms": round(cut[ours][98], 2),
        "bare_p50_ms": round(cut[bare][49], 2),
        "bare_p99_ms": round(cut[bare][98], 2),
        "p50_to_bare": round(cut[ours][49] / cut[bare][49], 2),
    }


@contextmanager
def _servers(endpoints: Endpoints, paths: list[str]) -> Iterator[tuple[str, str]]:
    """Base URLs of the API and of the bare endpoints, in a process of their own beside the stack's database."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(endpoints, paths, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join(10)


def _serve(endpoints: Endpoints, paths: list[str], pipe: Connection) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(endpoints.postgres)
    os.environ["PGPASSWORD"] = str(parts.pop("password", ""))
    settings = Settings(
        google_cloud_project=endpoints.project,
        timezone=endpoints.timezone,
        currency=endpoints.currency,
        brand="Fastyle",
        locale="en-US",
        database_url=psycopg.conninfo.make_conninfo("", **parts),
        api_auth=ApiAuth.PLATFORM,
        max_streams=60,
        reorder_point=20,
        max_days_of_cover="60",
    )
    asyncio.run(_both(settings, paths, pipe))


async def _both(settings: Settings, paths: list[str], pipe: Connection) -> None:
    statements = await _statements(settings, paths)
    servers = [_server(create_app(settings)), _server(_bare(settings, statements))]
    serving = [asyncio.create_task(server.serve()) for server in servers]
    while not all(server.started for server in servers):
        await asyncio.sleep(0.01)
    pipe.send(tuple(f"http://127.0.0.1:{s.servers[0].sockets[0].getsockname()[1]}" for s in servers))
    await asyncio.gather(*serving)


def _server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))


_seen: contextvars.ContextVar[list[tuple[Any, Any]]] = contextvars.ContextVar("seen")


class _Noting(psycopg.AsyncCursor[DictRow]):
    async def execute(self, query: Any, params: Any = None, **options: Any) -> _Noting:
        _seen.get().append((query, params))
        return await super().execute(query, params, **options)


async def _statements(settings: Settings, paths: list[str]) -> list[list[tuple[Any, Any]]]:
    """The statements that our endpoints run, by path."""
    app = create_app(settings)
    given = app.state.pool.kwargs

    async def noting() -> dict[str, Any]:
        return {**await given(), "cursor_factory": _Noting}

    app.state.pool.kwargs = noting
    statements = []
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        for path in paths:
            seen: list[tuple[Any, Any]] = []
            _seen.set(seen)
            (await client.get(path)).raise_for_status()
            statements.append([(query, params) for query, params in seen if "SELECT" in str(query)])
    return statements


def _bare(settings: Settings, statements: list[list[tuple[Any, Any]]]) -> FastAPI:
    connections = pool(settings, max_size=POOL_SIZE)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with connections:
            yield

    app = FastAPI(openapi_url=None, lifespan=lifespan)

    @app.get("/{number}")
    async def rows(number: int) -> Response:
        async with connections.connection() as connection:
            answers = [await (await connection.execute(q, p)).fetchall() for q, p in statements[number]]
        return Response(orjson.dumps(answers, default=str), media_type="application/json")

    return app
