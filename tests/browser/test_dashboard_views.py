"""The dashboard over a small shop: addresses, keyboard, screen reader, phone, files, and when things go wrong."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import run
from tests.browser.shop import FORMULA, LAST_DATE, TOKEN, events, fill
from tests.support.api import write
from tests.support.browser import Watched
from tests.support.postgres import migrated_database
from workloads.api.routes import stream

RETRIED = "00:05"  # by then the page asks again by itself
NONE = "\N{EN DASH}"  # where the page has no figure
BY_IAP: list[tuple[str, dict[str, Any]]] = [
    ("Your sign-in has ended", {"status": 401, "content_type": "text/html", "body": "Invalid IAP credentials"}),
    ("You have no access", {"status": 403, "content_type": "text/html", "body": "You don't have access"}),
    ("Your sign-in has ended", {"status": 302, "headers": {"location": "https://accounts.example.com/"}}),
]
"""How Identity-Aware Proxy answers a script once nobody is signed in any more, or the right to be there is gone."""
Watch = Callable[[str], Watched]
VIEWS = {
    "inventory": ("/", "table.heat"),
    "shelf": ("/?sku=TEE-M&at=S01", "dialog tbody tr"),
    "sales": ("/?view=sales", "[data-figure=time] svg"),
    "categories": ("/?view=sales&split=category", ".multiple svg"),
    "margin": ("/?view=margin", "[data-figure=trend] svg"),
    "quality": ("/?view=quality", "tbody tr .status"),
}


def ready(page: Page, what: str) -> None:
    """Wait until a view is drawn and nothing of it is under way."""
    expect(page.locator(what).first).to_be_visible()
    expect(page.locator("[aria-busy]")).to_have_count(0)


def test_a_link_shows_the_same_and_back_goes_back(shop: str, watched: Watch) -> None:
    pages = watched(shop)
    page = pages.open("/", token=TOKEN)
    ready(page, "table.heat")
    page.get_by_role("combobox", name="Location").select_option("S01")
    page.locator(".choice a", has_text="Overstock").first.click()
    ready(page, "table.heat.overstock")
    expect(page.locator("[data-figure=stockout] .value")).to_have_text("1")
    assert set(page.url.partition("?")[2].split("&")) == {"location=S01", "heat=overstock"}
    again = pages.open(page.url.removeprefix(shop), token=TOKEN)
    ready(again, "table.heat.overstock")
    expect(again.get_by_role("combobox", name="Location")).to_have_value("S01")
    expect(again.locator("[data-figure=stockout] .value")).to_have_text("1")
    page.get_by_role("link", name="Sales").click()
    ready(page, "[data-figure=time] svg")
    page.go_back()
    ready(page, "table.heat.overstock")
    page.go_back()
    page.go_back()
    ready(page, "table.heat.stockout")
    expect(page.get_by_role("combobox", name="Location")).to_have_value("")
    expect(page.locator("[data-figure=stockout] .value")).to_have_text("2")


def test_a_choice_made_before_the_answer_keeps_the_filter_and_a_late_answer_changes_nothing(
    shop: str, watched: Watch
) -> None:
    page = watched(shop).open("/", token=TOKEN)
    ready(page, "table.heat")
    held: list[Route] = []
    page.route("**/v1/inventory/summary?*location_id=S01*", lambda route: held.append(route))
    page.get_by_role("combobox", name="Location").select_option("S01")
    page.locator(".choice a", has_text="Overstock").first.click()
    assert set(page.url.partition("?")[2].split("&")) == {"location=S01", "heat=overstock"}
    page.get_by_role("combobox", name="Location").select_option("S02")
    ready(page, "table.heat.overstock")
    expect(page.locator("[data-figure=stockout] .value")).to_have_text("1")
    at_s02 = page.locator(".figures").inner_text()
    assert len(held) == 2, "once for the location, once for the shade"
    for late in held:
        with page.expect_response(late.request.url) as answered:
            late.continue_()
        answered.value.finished()
    page.evaluate("new Promise((drawn) => setTimeout(drawn, 100))")
    assert page.locator(".figures").inner_text() == at_s02


def test_everything_is_reached_by_keyboard(shop: str, watched: Watch) -> None:
    page = watched(shop).open("/", token=TOKEN)
    ready(page, "table.heat")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the figures")).to_be_focused()
    order = []
    for _ in range(9):
        page.keyboard.press("Tab")
        order.append(
            page.evaluate(
                "document.activeElement.dataset.key ?? document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
            )
        )
    assert order == [
        "Fastyle",
        "inventory",
        "sales",
        "margin",
        "quality",
        "reports",
        "location",
        "category",
        "What is stockout?",
    ]
    page.keyboard.press("Enter")
    definition = page.locator(".popover:popover-open")
    expect(definition).to_contain_text("On hand is 0 or less")
    page.keyboard.press("Escape")
    expect(definition).to_have_count(0)
    cell = page.locator("[data-cell='S01 tops']")
    cell.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("[data-cell='S02 tops']")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-cell='S02 accessories']")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('table.heat')") is None, "the heat map is one stop"
    page.keyboard.press("Shift+Tab")
    expect(page.locator("[data-cell='S02 accessories']")).to_be_focused()
    link = page.locator("[data-key='p-S01-TEE-M']").first
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Movements")
    assert page.evaluate("document.activeElement.closest('dialog') !== null"), "the focus is in the dialog"
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()
    assert "sku=" not in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(shop: str, watched: Watch, scheme: str) -> None:
    page = watched(shop).open("/", token=TOKEN, color_scheme=scheme, reduced_motion="reduce")
    violations = []
    for name, (address, drawn) in VIEWS.items():
        page.goto(shop + address)
        ready(page, drawn)
        results = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
        violations += [
            f"{name}: {v['id']} {node['target']} {node['failureSummary']}"
            for v in results.response["violations"]
            for node in v["nodes"]
        ]
    assert not violations, "\n".join(violations)


def test_a_phone_shows_every_view_without_moving_sideways(shop: str, watched: Watch) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    page = watched(shop).open("/", token=TOKEN, **phone)
    for name, (address, drawn) in VIEWS.items():
        page.goto(shop + address)
        ready(page, drawn)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def rows_of(page: Page, button: str, folder: Path) -> list[dict[str, str]]:
    """The file that a CSV button hands over."""
    with page.expect_download() as download:
        page.get_by_role("button", name=f"CSV of {button}", exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_files_have_every_row_exactly_and_run_no_formula(shop: str, watched: Watch, tmp_path: Path) -> None:
    page = watched(shop).open("/", token=TOKEN)
    ready(page, "table.heat")
    with httpx.Client(base_url=shop, headers={"Authorization": f"Bearer {TOKEN}"}) as api:
        worst = api.get("/v1/inventory/attention?kind=stockout").json()["items"]
        dates = {"from": "2026-02-02", "to": str(LAST_DATE), "by": "customer_type"}
        sold = api.get("/v1/reports/comparison/gmv", params=dates).json()["items"]
    rows = rows_of(page, "needs attention stockout", tmp_path)
    assert [(r["sku"], r["location_id"], r["on_hand"]) for r in rows] == [
        (w["sku"], w["location_id"], str(w["on_hand"])) for w in worst
    ]
    [bag] = [r for r in rows if r["sku"] == "BAG"]
    assert (bag["name"], bag["on_hand"]) == (f"'{FORMULA}", "-3"), "a formula is disarmed, a negative number is not"
    page.goto(f"{shop}/?view=sales&from={dates['from']}&to={dates['to']}")
    ready(page, "[data-figure=time] svg")
    rows = rows_of(page, "gmv by customer type", tmp_path)
    assert {r["customer_type"]: (r["gmv"], r["gmv_before"]) for r in rows} == {
        s["value"]: (s["current"]["gmv"], s["before"]["gmv"]) for s in sold
    }


def test_a_chart_has_its_table_and_400_days_have_a_chart(shop: str, watched: Watch) -> None:
    first = "2025-01-26"
    page = watched(shop).open(f"/?view=sales&from={first}&to={LAST_DATE}", token=TOKEN)
    ready(page, "[data-figure=time] svg")
    expect(page.locator("[data-figure=time] svg [data-mark=rect] rect")).to_have_count(15 * 3)
    page.locator("[data-figure=time]").get_by_role("button", name="Table", exact=True).click()
    table = page.get_by_role("group", name="GMV over time")
    expect(table.locator("tbody tr")).to_have_count(15 * 3)
    expect(page.locator("[data-figure=time] svg")).to_have_count(0)
    expect(page.get_by_text("There are no figures for all of the period before")).to_be_visible()
    page.goto(f"{shop}/?view=sales&from={LAST_DATE}&to={LAST_DATE}")
    ready(page, "[data-figure=time] svg")
    expect(page.locator("[data-figure=gmv] .change")).to_contain_text("-1.0%")


def test_a_shop_without_anything_says_what_will_be_there_and_shows_it_when_it_comes(
    serve: Callable[[str], str], watched: Watch
) -> None:
    url = migrated_database()
    base = serve(url)
    page = watched(base).open("/", token=TOKEN)
    expect(page.get_by_text("No stock yet")).to_be_visible()
    expect(page.get_by_text("No shelf is out of stock")).to_be_visible()
    expect(page.locator("#fresh")).to_contain_text("No reports yet")
    for view in ("sales", "margin"):
        page.goto(f"{base}/?view={view}")
        expect(page.locator("main .nothing").first).to_contain_text("No reports yet")
        expect(page.locator("[aria-busy]")).to_have_count(0)
        expect(page.locator(".failed")).to_have_count(0)
    page.goto(f"{base}/?view=quality")
    expect(page.get_by_text("No checks have run yet")).to_be_visible()
    page.goto(f"{base}/?view=sales")
    expect(page.locator("main .nothing").first).to_contain_text("No reports yet")
    fill(url, days=60)
    run(write(url, *events()))  # whatever moves, the page asks how fresh things are
    ready(page, "[data-figure=time] svg")
    expect(page.locator("[data-figure=gmv] .change")).to_be_visible()
    page.get_by_role("link", name="Inventory").click()
    ready(page, "table.heat")


def test_the_token_is_asked_for_once_and_stays_out_of_the_address(shop: str, watched: Watch) -> None:
    pages = watched(shop)
    page = pages.open("/?view=sales")
    field = page.get_by_label("Access token")
    expect(field).to_be_focused()
    field.fill("a wrong one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This token was not accepted.")
    page.get_by_label("Access token").fill(f"{TOKEN}-till")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("limited to some locations")
    page.get_by_label("Access token").fill(TOKEN)
    page.keyboard.press("Enter")
    ready(page, "[data-figure=time] svg")
    assert page.url == f"{shop}/?view=sales"
    page.reload()
    ready(page, "[data-figure=time] svg")
    assert page.evaluate("localStorage.length + document.cookie.length") == 0
    printed = pages.open("/?view=margin", token=TOKEN)
    ready(printed, "[data-figure=trend] svg")
    assert printed.url == f"{shop}/?view=margin"


def _answered(answer: dict[str, Any], route: Route) -> None:
    route.fulfill(**answer)


def test_an_api_that_is_down_is_said_and_tried_again(shop: str, watched: Watch) -> None:
    page = watched(shop).open("/", token=TOKEN)
    ready(page, "table.heat")
    page.clock.install()
    page.route("**/v1/**", lambda route: route.abort())
    page.get_by_role("combobox", name="Location").select_option("S02")
    expect(page.locator(".failed").first).to_contain_text("The API does not answer")
    expect(page.locator("[data-figure=stockout] .value")).to_have_text(NONE)  # not that of the other filter
    page.unroute("**/v1/**")
    page.clock.fast_forward(RETRIED)
    ready(page, "table.heat")
    expect(page.locator(".failed")).to_have_count(0)
    expect(page.locator("[data-figure=stockout] .value")).to_have_text("1")
    page.route("**/v1/**", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("heading", name="The figures cannot be read")).to_be_visible()
    for said, answer in BY_IAP:
        page.unroute("**/v1/**")
        page.route("**/v1/**", partial(_answered, answer))
        page.clock.fast_forward(RETRIED)
        expect(page.get_by_text(said)).to_be_visible()  # and nobody is asked for a token that there is not
    page.unroute("**/v1/**")
    page.clock.fast_forward(RETRIED)
    ready(page, "table.heat")  # by itself


def test_a_stream_that_ends_as_it_should_is_followed_by_the_next_and_nothing_is_said(
    shop: str, watched: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Cloud Run no request lasts: every few minutes people were told that their connection was lost."""
    monkeypatch.setattr(stream, "_STREAM_SECONDS", 3.0)
    page = watched(shop).open("/", token=TOKEN)
    expect(page.locator("#fresh .dot")).to_have_text("Live")
    page.evaluate(
        """() => {
            globalThis.seen = new Set();
            const fresh = document.querySelector("#fresh");
            new MutationObserver(() => seen.add(fresh.querySelector(".dot")?.textContent))
                .observe(fresh, { childList: true, subtree: true, characterData: true });
        }"""
    )
    for _ in range(2):
        with page.expect_request("**/v1/inventory/stream"):
            pass
    expect(page.locator("#fresh .dot")).to_have_text("Live")
    assert "Reconnecting" not in page.evaluate("() => [...seen]")


def test_stale_reports_say_since_when_and_why(serve: Callable[[str], str], watched: Watch) -> None:
    url = migrated_database()
    fill(url, days=1)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            "INSERT INTO pipeline_run (run_id, kind, state, started_at, error)"
            " VALUES ('r2', 'run', 'stopped', now(), 'sales.unique failed')"
        )
    base = serve(url)
    page = watched(base).open("/?view=sales", token=TOKEN)
    expect(page.locator("main .notice")).to_contain_text(
        re.compile("stale since .* A quality check stopped the last run")
    )
    expect(page.locator("#fresh .stale")).to_be_visible()
    ready(page, "[data-figure=time] svg")  # what was good before is still shown, one day of it too
    page.goto(f"{base}/?view=margin")
    ready(page, "[data-figure=trend] svg")


def test_hundreds_of_faults_leave_the_page_short_until_all_are_asked_for(
    serve: Callable[[str], str], watched: Watch
) -> None:
    """A file of last year's sales brought 134, and the page was thirty screens of a phone long."""
    url = migrated_database()
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            "INSERT INTO quality_fault (check_name, place, table_name, severity, description, failures, first_seen, "
            "last_seen, examined_at, first_run_id, last_run_id) SELECT 'sales_lines.transaction_unique', 'place ' || n, "
            "'sales_lines', 'warn', 'A number is of one sale.', 1, now(), now(), now(), 'r', 'r' FROM generate_series(1, 134) n"
        )
    page = watched(serve(url)).open("/?view=quality", token=TOKEN, viewport={"width": 390, "height": 844})
    rows = page.get_by_role("group", name="Faults that stand").locator("tbody tr")
    expect(rows).to_have_count(20)
    expect(rows.first).to_contain_text("sales_lines.transaction_unique, fault ")
    page.get_by_role("button", name="Show all 134").click()
    expect(rows).to_have_count(134)
    expect(page.locator("#news")).to_have_text("All faults are shown")


def test_another_retailer_s_name_currency_and_way_to_write_numbers(
    shop_database: str, serve: Callable[..., str], watched: Watch
) -> None:
    base = serve(shop_database, brand="Lüders & Söhne", locale="de-DE", currency="EUR")
    page = watched(base).open("/?view=sales", token=TOKEN)
    ready(page, "[data-figure=time] svg")
    assert page.title() == "Sales · Lüders & Söhne"
    expect(page.locator("a.brand")).to_have_text("Lüders & Söhne")
    amounts = page.locator("main").inner_text()
    assert re.search(r"\d,\d\d\s€", amounts), amounts
    assert "$" not in amounts
