"""The dashboard over a large and strange catalogue, at a desk and on a phone: no figure is cut, every shelf opens."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import run
from tests.browser.shop import LAST_DATE, TOKEN
from tests.browser.test_dashboard_views import ready
from tests.support.api import write
from tests.support.browser import Watched
from tests.support.postgres import migrated_database
from tests.support.push import change, rfc3339, sale

NAMES = [
    "__proto__",
    "constructor",
    "a/b",
    "..",
    "<b>bold</b>",
    "Kleider & Röcke für den Sommer, lang",
    "x" * 40,
    "été",
]
CATEGORIES = [*NAMES, *(f"category {n:02d}" for n in range(len(NAMES), 28))]
IDS = [".", "..", "a/b", "/", "a?b#c", "100%", "%2F", "a b", "é+&="]
SIZES = {"desk": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}

# Every figure (a text with a digit in it) that is on screen: cut by an ancestor that hides what is beyond it, or drawn
# outside of its card. What scrolls is not cut: it is looked at within its own.
_CUT = r"""
() => {
  const faults = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!/\d/.test(node.data)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    const own = node.parentElement;
    if (!box.width || own.closest(".unseen, dialog:not([open]), title, option")) continue;
    for (let at = own; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      const frame = at.getBoundingClientRect();
      const scrolls = /auto|scroll/.test(style.overflowX);
      // A name may end in an ellipsis: it has a title, or is one.
      const isName = style.textOverflow === "ellipsis";
      const beyond = box.right > frame.right + 1.5 || box.left < frame.left - 1.5;
      if (beyond && !scrolls && !isName && (/hidden|clip/.test(style.overflowX) || at.matches(".panel, .tile, td, .cell"))) {
        faults.push(`${node.data.trim()} in ${at.tagName}.${at.className?.baseVal ?? at.className}`);
        break;
      }
      // What is scrolled out of sight is not on screen; what is half out of it reads as another figure.
      if (scrolls && box.left < frame.right - 1.5 && box.right > frame.right + 1.5) faults.push(`${node.data.trim()} at the edge of ${at.className}`);
      if (scrolls || isName) break;
    }
  }
  // A word of a row's name that would fit into its column is on one line.
  for (const head of document.querySelectorAll('th[scope="row"]')) {
    const texts = document.createTreeWalker(head, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      if (node.parentElement.closest(".code, .unseen")) continue;
      for (const word of node.data.matchAll(/\S+/g)) {
        if (word[0].length > 11) continue;
        const range = document.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        if (lines.size > 1) faults.push(`${word[0]} is broken over ${lines.size} lines`);
      }
    }
  }
  for (const mark of document.querySelectorAll("svg [data-mark] path, svg [data-mark] circle, svg [data-mark] rect")) {
    const box = mark.getBoundingClientRect();
    const card = mark.closest(".panel").getBoundingClientRect();
    if (box.width && (box.bottom > card.bottom + 1 || box.top < card.top - 1 || box.right > card.right + 1)) faults.push(`a mark of ${mark.closest("svg").getAttribute("aria-label")}`);
  }
  return [...new Set(faults)];
}
"""


@pytest.fixture(scope="module")
def strange(serve: Callable[[str], str]) -> str:
    url = migrated_database()
    with psycopg.connect(url, autocommit=True) as db, db.cursor() as cursor:
        places = [
            ("W01", "Zentrallager", "warehouse"),
            *((f"S{n:02d}", f"Branch number {n} of all", "branch") for n in range(1, 22)),
        ]
        cursor.executemany("INSERT INTO location (location_id, name, kind) VALUES (%s, %s, %s)", places)
        for number, category in enumerate(CATEGORIES):
            cursor.execute(
                "INSERT INTO product (sku, name, category, list_price) SELECT %s || n, 'x', %s, 1 FROM generate_series(1, %s) n",
                (f"P{number}-", category, 2765 if number < 3 else 40),
            )
        cursor.execute(
            "INSERT INTO on_hand (location_id, sku, quantity) SELECT location_id, sku, CASE WHEN random() < 0.5 THEN 0 ELSE 3 END"
            " FROM location, product WHERE location_id < 'S03' OR sku !~ '^P[012]-'"
        )
        for n in range(60):
            day = LAST_DATE - timedelta(n)
            for number, category in enumerate(CATEGORIES):
                # Losses of more than twice the sales.
                net, cost = (100_000, 330_000 + n) if number == 0 else (1000 + n, 400)
                if number == 1:  # nine digits a date, and more in a period's sum
                    net, cost = 123_456_789 + n, 98_765_432
                cursor.execute(
                    "INSERT INTO report_margin_daily VALUES (%s, %s, %s, 0, %s, %s, %s, 'p')",
                    (day, category, net, cost, net - cost, (net - cost) / net),
                )
                cursor.execute(
                    "INSERT INTO report_gmv_daily VALUES (%s, 'new', %s, 'store', 'S01', %s, 50, 10, %s, 9, 20, 'p')",
                    (day, category, net, net - 10),
                )
            cursor.execute("INSERT INTO report_orders_daily VALUES (%s, 'new', 'store', 'S01', 12, 'p')", (day,))
        cursor.execute(
            "INSERT INTO report_publication VALUES ('p', 'r', now() - interval '3 days', now() - interval '3 days')"
        )
    ahead = rfc3339(datetime.now(UTC) + timedelta(minutes=8))  # a till whose clock is ahead
    shelves = [("inventory", change(location_id=at, sku=sku)) for at in IDS[:3] for sku in IDS]
    run(write(url, *shelves, ("sales", sale(("P5-1", 1), event_time=ahead))))
    return serve(url)


@pytest.fixture(scope="module")
def strange_ids(serve: Callable[[str], str]) -> str:
    """Shelves whose ids are strange, and nothing else: the page is opened often."""
    url = migrated_database()
    run(write(url, *(("inventory", change(location_id=at, sku=sku)) for at in IDS[:3] for sku in IDS)))
    return serve(url)


_MOVE = "(address) => { history.pushState(null, '', address); dispatchEvent(new PopStateEvent('popstate')); }"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
VIEWS = {
    "inventory": ("/", "table.heat"),
    "overstock": ("/?heat=overstock", "table.heat"),
    "margin": ("/?view=margin", "[data-figure=trend] svg"),
    "sales": ("/?view=sales", "[data-figure=time] svg"),
    "quality": ("/?view=quality", "main table"),
    "shelf": ("/?sku=a%2Fb&at=..", "dialog tbody tr"),
}


def shown(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("size", SIZES)
def test_no_figure_on_screen_is_cut(strange: str, watched: Callable[[str], Watched], size: str) -> None:
    """28 categories once made 2,765 read "2,", and a margin of -230 % was drawn beside its card."""
    page = watched(strange).open("/", token=TOKEN, viewport=SIZES[size])
    cut = {}
    for view, (address, what) in VIEWS.items():
        page.goto(f"{strange}{address}")
        ready(page, what)
        page.evaluate("new Promise((drawn) => setTimeout(drawn, 300))")
        shown(page, f"{size}-{view}")
        if faults := page.evaluate(_CUT):
            cut[view] = faults[:10]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1"), (
            f"{view} is wider than the screen"
        )
    for view, tables in {"sales": 2, "margin": 1}.items():
        page.goto(f"{strange}/?view={view}")
        ready(page, "figure svg")
        buttons = page.locator("figure").get_by_role("button", name="Table")
        expect(buttons).to_have_count(tables)
        for button in buttons.all():
            button.click()
        expect(page.locator("figure tbody tr")).not_to_have_count(0)
        expect(page.locator("figure").first).to_contain_text("$123,")
        page.evaluate("new Promise((drawn) => setTimeout(drawn, 300))")
        shown(page, f"{size}-{view}-tables")
        if faults := page.evaluate(_CUT):
            cut[f"{view} as tables"] = faults[:10]
    assert cut == {}


def test_the_last_event_is_never_in_the_future_and_times_have_a_date(
    strange: str, watched: Callable[[str], Watched]
) -> None:
    page = watched(strange).open("/", token=TOKEN)
    ready(page, "table.heat")
    last = page.locator("#fresh time").first
    expect(last).to_be_visible()
    assert page.evaluate("Date.parse(document.querySelector('#fresh time').dateTime) <= Date.now() + 2000")
    for moment in page.locator("#fresh time").all_text_contents():
        assert any(f"{month} " in moment for month in MONTHS), moment


@pytest.mark.parametrize("odd", ["view=__proto__", "view=constructor&heat=toString", "heat=__proto__&kind=__proto__"])
def test_an_address_that_names_nothing_shows_the_first_view(
    strange_ids: str, watched: Callable[[str], Watched], odd: str
) -> None:
    ready(watched(strange_ids).open(f"/?{odd}", token=TOKEN), "table.heat")


def test_every_accepted_id_opens(strange_ids: str, watched: Callable[[str], Watched]) -> None:
    """`.` and `..` are part of no path, and a `/` ends a part of it."""
    page = watched(strange_ids).open("/", token=TOKEN)
    for at in IDS[:3]:
        for sku in IDS:
            address = f"/?at={quote(at, safe='')}&sku={quote(sku, safe='')}"
            if at == IDS[0]:
                page.goto(f"{strange_ids}{address}")
            else:  # as the back button does, without loading the page anew
                page.evaluate(_MOVE, address)
            expect(page.locator("dialog .note").first).to_contain_text(f"{sku} at {at}")
            expect(page.locator("dialog .note .code").first).to_have_text(sku)
            expect(page.locator("dialog tbody tr").first).to_be_visible()
