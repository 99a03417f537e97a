"""The dashboard of the stack that `make up` brought up: the address it prints, live stock, and the API's figures."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from ops.endpoints import Endpoints
from tests.support.browser import Watched
from tests.support.checkout import Checkout
from tools.bench import dashboard


@pytest.fixture
def page(stack: Checkout, watched: Callable[[str], Watched]) -> Page:
    """The page that the printed address opens, with the token that is printed outside CI only."""
    printed = (stack.root / ".localcloud" / "first-up.txt").read_text(encoding="utf-8")
    [address] = re.findall(r"Dashboard\s+(http\S+)", printed)
    token = stack.endpoints["api_token"]
    assert address in (f"{stack.endpoints['api']}/#token={token}", f"{stack.endpoints['api']}/")
    return watched(stack.endpoints["api"]).open("/", token=token)


NONE = "\N{EN DASH}"


def sale(location: str, sku: str) -> dict[str, Any]:
    number = str(uuid.uuid4())
    line = {"line_number": 1, "sku": sku, "quantity": 1, "unit_price": "10.00", "discount": "0.00"}
    return {
        "event_id": number,
        "transaction_id": number,
        "event_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "location_id": location,
        "channel": "store",
        "currency": "USD",
        "lines": [line],
    }


def test_a_sale_shows_without_reload(stack: Checkout, page: Page) -> None:
    expect(page.locator("table.heat")).to_be_visible()
    assert "token" not in page.url
    with stack.http() as api:
        shelves = api.get("/v1/inventory", params={"location_id": "S01", "page_size": 1000}).json()["items"]
    shelf = next(item for item in shelves if item["on_hand"] > 5)
    sku, before = shelf["sku"], shelf["on_hand"]
    page.goto(f"{page.url.split('?')[0]}?sku={sku}&at=S01")
    on_hand = page.locator("dialog [data-figure=on_hand] .value")
    expect(on_hand).to_have_text(f"{before:,}")
    expect(page.locator("#fresh .dot")).to_have_text("Live")
    loaded = page.evaluate("performance.timeOrigin")
    event = sale("S01", sku)
    with stack.http("pos_api") as till:
        assert till.post("/v1/transactions", json=event).status_code == 202
    expect(on_hand).to_have_text(f"{before - 1:,}")
    expect(page.locator("dialog tbody tr").first).to_contain_text(event["transaction_id"])
    page.keyboard.press("Escape")
    row = page.locator(f'[data-moved="S01 {sku}"]')
    expect(row.locator(".figure")).to_have_text(f"{before - 1:,}")
    assert page.evaluate("performance.timeOrigin") == loaded, "the page was loaded anew"
    expect(page.locator("#news")).to_have_text("")  # a screen reader is not told of every sale


def test_figures_on_screen_are_the_api_s(stack: Checkout, page: Page) -> None:
    with stack.http() as api:
        context = api.get("/v1/context").json()
        dates = {"to": context["last_date"], "from": context["last_date"]}
        cells = api.get("/v1/inventory/summary").json()["items"]
        sold = api.get("/v1/reports/comparison/gmv", params=dates).json()["items"][0]["current"]
        made = api.get("/v1/reports/comparison/margin", params={**dates, "by": "category"}).json()["items"]
        checks = api.get("/v1/quality").json()["items"]
    expect(page.locator("table.heat a.cell")).to_have_count(len(cells))
    shown = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('a.cell')].map(a => [a.dataset.cell, a.firstChild.data]))"
    )
    assert shown == {f"{c['location_id']} {c['category']}": f"{c['stockout']:,}" for c in cells}
    assert len({c["location_id"] for c in cells}) >= 21
    base = page.url.split("?")[0]
    page.goto(f"{base}?view=sales&from={dates['from']}&to={dates['to']}")
    for figure in ("gmv", "net_sales", "average_order"):
        expect(page.locator(f"[data-figure={figure}] .value")).to_have_text(dollars(sold[figure]))
    expect(page.locator("[data-figure=orders] .value")).to_have_text(f"{sold['orders']:,}")
    expect(page.locator("[data-figure=time] svg")).to_be_visible()
    page.goto(f"{base}?view=margin&from={dates['from']}&to={dates['to']}")
    rows = page.get_by_role("group", name="Margin by category").locator("tbody tr")
    expect(rows).to_have_count(len(made))
    texts = {text.split("\t")[0].lower(): text for text in rows.all_inner_texts()}
    for item in made:
        profit = item["current"]["gross_profit"]
        assert (dollars(profit) if profit else NONE) in texts[item["value"]], item["value"]
    page.goto(f"{base}?view=quality")
    expect(page.get_by_role("group", name="Quality checks").locator("tbody tr")).to_have_count(len(checks))


def test_the_bench_measures_the_page_and_the_api(stack: Checkout, browser: Browser) -> None:
    """It holds our endpoints against bare ones that run the same statements; no figure of a test run counts."""
    known = {field.name for field in fields(Endpoints)}
    endpoints = Endpoints(**{name: value for name, value in stack.endpoints.items() if name in known})
    with ThreadPoolExecutor(1) as beside:  # Playwright's own loop runs in this thread
        page = beside.submit(dashboard.time_to_interactive, endpoints, 1).result()
    assert 0 < page["cold_heat_map_ms"]["p50"] <= page["cold_ms"]["p50"]
    assert 20 < page["transferred_kb_without_charts"] < 200
    latencies = dashboard.api_latencies(endpoints, 0.1, paths=("/v1/freshness", "/v1/inventory/{shelf}"))
    assert len(latencies) == 2
    assert all(0 < f["p50_ms"] <= f["p99_ms"] and f["bare_p50_ms"] > 0 for f in latencies.values())


def dollars(amount: str) -> str:
    return f"${Decimal(amount).quantize(Decimal('0.01'), ROUND_HALF_UP):,}"
