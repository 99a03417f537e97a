"""How the dashboard's files are served: kept for ever where they may be, compressed, and closed to strangers' code."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from workloads.api import pages
from workloads.api.app import STATIC


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in {
        "static/index.html": '<link href="assets/a.css"><script src="assets/app.js" type="module"></script>',
        "static/app.js": f'import "./core/b.js"; // {"x" * 600}',
        "static/core/b.js": "export const b = 1;",
        "static/a.css": "body {}",
        "web/d3.min.js": "d3",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@asynccontextmanager
async def served(root: Path, brand: str = "Fastyle") -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=pages.routes(root / "static", root / "web", brand=brand))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        yield client


async def test_the_page_is_asked_for_anew_and_its_files_are_kept_for_ever(site: Path) -> None:
    async with served(site) as client:
        page = await client.get("/")
        assert page.headers["cache-control"] == "no-cache"
        [script] = re.findall(r'src="([^"]+)"', page.text)
        code = await client.get(f"/{script}")
        assert code.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert code.headers["content-type"].startswith("text/javascript")
        folder = script.removesuffix("app.js")
        for other in ("core/b.js", "a.css", "lib/d3.min.js"):
            assert (await client.get(f"/{folder}{other}")).status_code == 200, other
        again = await client.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.get("/assets/app.js")).status_code == 404


async def test_the_page_is_named_after_the_business_and_a_name_is_no_markup(site: Path) -> None:
    (site / "static/index.html").write_text('<title>{{brand}}</title><a class="brand">{{brand}}</a>')
    async with served(site, "Lüders & <b>Söhne</b>") as client:
        page = await client.get("/")
    name = "Lüders &amp; &lt;b&gt;Söhne&lt;/b&gt;"
    assert page.text == f'<title>{name}</title><a class="brand">{name}</a>'
    async with served(site, "Nordhaus") as client:
        assert (await client.get("/")).headers["etag"] != page.headers["etag"], "a renamed business is seen at once"


async def test_any_change_changes_every_address(site: Path) -> None:
    async with served(site) as client:
        before = (await client.get("/")).text
    (site / "static/core/b.js").write_text("export const b = 2;")  # of the same length, as in an archive without times
    async with served(site) as client:
        after = (await client.get("/")).text
    assert before != after


async def test_text_is_compressed_once_for_whoever_takes_it(site: Path) -> None:
    async with served(site) as client:
        [script] = re.findall(r'src="([^"]+)"', (await client.get("/")).text)
        plain = await client.get(f"/{script}", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        small = await client.get(f"/{script}", headers={"Accept-Encoding": "gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["vary"] == "Accept-Encoding"
    assert int(small.headers["content-length"]) == len(gzip.compress(plain.content, 9, mtime=0))
    assert small.text == plain.text


async def test_the_policy_lets_no_inline_code_and_nobody_else_in(site: Path) -> None:
    async with served(site) as client:
        page = await client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert re.fullmatch(r"'self' 'sha256-[A-Za-z0-9+/=]+'", policy["style-src"])
    assert "unsafe" not in page.headers["content-security-policy"]
    assert policy["frame-ancestors"] == "'none'"
    assert page.headers["x-content-type-options"] == "nosniff"


def test_no_page_no_routes(tmp_path: Path) -> None:
    assert pages.routes(tmp_path, tmp_path, brand="Fastyle") == []


def test_our_own_files_name_no_other_host_and_hold_no_markup_in_strings() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".html", ".css"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|document\.write", text), path
            assert len(text.splitlines()) <= 300, f"{path} is too long to be of one idea"
