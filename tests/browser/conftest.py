"""The dashboard in a real browser. Where there is none the tests are skipped, in CI they fail."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, expect

from tests.browser.shop import TOKEN, events, fill
from tests.support.api import configuration, write
from tests.support.browser import Watched
from tests.support.postgres import migrated_database
from tools.bench.browser import MISSING, chromium, executable
from workloads.api.app import create_app
from workloads.packaging import web
from workloads.packaging.archives import REPOSITORY, cache_dir, load


@pytest.fixture(scope="module")  # as long as it runs, no other test of this process could run an event loop
def browser() -> Iterator[Browser]:
    if executable() is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    expect.set_options(timeout=60_000)
    with chromium() as started:
        yield started


@pytest.fixture
def watched(browser: Browser) -> Iterator[Callable[[str], Watched]]:
    """Pages of a base URL; what went wrong in them fails the test at its end."""
    opened: list[Watched] = []

    def watch(base: str) -> Watched:
        opened.append(Watched(browser, base))
        return opened[-1]

    yield watch
    for pages in opened:
        pages.close()
    assert [problem for pages in opened for problem in pages.problems] == []


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine beside Playwright, whose own loop runs in this thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


@pytest.fixture(scope="session")
def shop(serve: Callable[..., str], shop_database: str) -> str:
    """The base URL of a shop with everything in it."""
    return serve(shop_database)


@pytest.fixture(scope="session")
def shop_database() -> str:
    url = migrated_database()
    fill(url)
    run(write(url, *events()))
    return url


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive's `web/`: what the page loads of other people's."""
    folder = tmp_path_factory.mktemp("web")
    source = REPOSITORY / "workloads" / "api" / web.FOLDER
    for name, path in web.files(source, load("api").web, cache_dir(), REPOSITORY):
        target = folder / Path(name).relative_to(web.FOLDER)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="session")
def serve(libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Serves the API with its dashboard over a database, asking for `TOKEN`; returns the base URL."""
    credentials = tmp_path_factory.mktemp("credentials") / "credentials.json"
    hashed = [
        {"id": name, "sha256": hashlib.sha256(token.encode()).hexdigest(), "locations": locations}
        for name, token, locations in (("analyst", TOKEN, ["*"]), ("till", f"{TOKEN}-till", ["S01"]))
    ]
    credentials.write_text(json.dumps({"credentials": hashed}))
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(url: str, **changed: str) -> str:
        settings = configuration(url, api_auth="token", credentials_file=credentials, **changed)
        app = create_app(settings, libraries=libraries)
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        servers.append((server, thread))
        while not server.started:
            assert thread.is_alive(), "the server did not start"
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join(10)
