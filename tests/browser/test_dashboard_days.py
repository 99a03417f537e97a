"""The business date that still runs, dates that late data changed, changes from nothing, and small rates: what is shown."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.shop import TOKEN
from tests.browser.test_dashboard_views import NONE, ready
from tests.support.api import ZONE
from tests.support.browser import Watched
from tests.support.postgres import migrated_database

Watch = Callable[[str], Watched]
DAYS = 8


def amount(ago: int, kind: str) -> int:
    """100 on each date of the week before, 120 on each complete one of this week, 1 today; guests since this week."""
    if kind == "guest":
        return 0 if ago >= DAYS else 30
    return 1 if ago == 0 else 120 if ago < DAYS else 100


@pytest.fixture(scope="module")
def today() -> date:
    return datetime.now(ZONE).date()


@pytest.fixture(scope="module")
def week(serve: Callable[[str], str], today: date) -> str:
    url = migrated_database()
    with psycopg.connect(url, autocommit=True) as db, db.cursor() as cursor:
        for ago in range(4 * DAYS):
            day = today - timedelta(ago)
            for kind in ("new", "guest"):
                gmv = amount(ago, kind)
                cursor.execute(
                    "INSERT INTO report_gmv_daily VALUES (%s, %s, 'tops', 'store', 'S01', %s, %s, 0, %s, 1, 1, 'p')",
                    (day, kind, gmv, 1 if kind == "new" and ago else 0, gmv),
                )
                cursor.execute("INSERT INTO report_orders_daily VALUES (%s, %s, 'store', 'S01', 1, 'p')", (day, kind))
            cursor.execute(
                "INSERT INTO report_margin_daily VALUES (%s, 'tops', 100, 0, 40, 60, 0.6, 'p'), (%s, 'shoes', %s, 0, 10, %s, 0.5, 'p')",
                (day, day, 0 if ago >= DAYS else 20, 0 if ago >= DAYS else 10),
            )
        cursor.execute("INSERT INTO report_publication VALUES ('p', 'r', now(), now())")
        cursor.execute(
            "INSERT INTO report_day VALUES (%s, now() - interval '2 days', now() - interval '1 hour'), (%s, now(), NULL)",
            (today - timedelta(3), today - timedelta(2)),
        )
    return serve(url)


def opened(watched: Watch, base: str, view: str, today: date, width: int = 1440) -> Page:
    address = f"/?view={view}&from={today - timedelta(DAYS - 1)}&to={today}"
    page = watched(base).open(address, token=TOKEN, viewport={"width": width, "height": 900})
    ready(page, "figure svg")
    page.evaluate("new Promise((drawn) => setTimeout(drawn, 300))")
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"days-{view}-{width}.png", full_page=True)
    return page


def words(day: date) -> str:
    return f"{day:%b} {day.day}, {day.year}"


@pytest.mark.parametrize("width", [1440, 390])
def test_today_is_shown_and_compared_with_nothing(week: str, watched: Watch, today: date, width: int) -> None:
    """Seven complete dates at 120 beside seven at 100, with 1 today and 30 a day by guests: 150 against 100."""
    page = opened(watched, week, "sales", today, width)
    until, since = words(today - timedelta(1)), words(today - timedelta(DAYS - 1))
    expect(page.locator(".period")).to_contain_text(f"with today so far; compared are {since} {NONE} {until} against")
    expect(page.locator("[data-figure=gmv] .value")).to_have_text("$1,081.00")  # 7 x 150 + 31
    expect(page.locator("[data-figure=gmv] .change")).to_contain_text("+50.0%")
    row = page.get_by_role("group", name="GMV by customer type").locator("tbody tr").first
    expect(row.locator(".change")).to_have_text("+20.0%")
    if width > 820:
        expect(row.locator("td").nth(1)).to_have_text("$700.00")  # seven dates, not eight
    pale = page.locator("[data-figure=time] svg [data-mark=rect] rect[fill-opacity='0.45']")
    expect(pale).to_have_count(2)  # new and guest of today
    expect(page.locator(".legend", has_text="Today so far")).to_have_count(2)


def test_a_change_from_exactly_nothing_is_new(week: str, watched: Watch, today: date) -> None:
    """Guests bought nothing in the week before: no per cent, no dash."""
    page = opened(watched, week, "sales", today)
    guests = page.get_by_role("group", name="GMV by customer type").locator("tbody tr").last
    expect(guests.locator(".change.good")).to_have_text("new")
    page = opened(watched, week, "margin", today)
    shoes = page.get_by_role("group", name="Margin by category").locator("tbody tr", has_text="Shoes")
    expect(shoes.locator(".change").first).to_have_text("new")
    page = opened(watched, week, "sales&type=guest", today)
    expect(page.locator("[data-figure=gmv] .change")).to_contain_text("new")


def test_a_date_that_late_data_changed_is_marked(week: str, watched: Watch, today: date, tmp_path: Path) -> None:
    page = opened(watched, week, "sales", today)
    summary = page.locator(".revised summary")
    expect(summary).to_have_text("Late data changed a date after publication")
    summary.click()
    expect(page.locator(".revised li")).to_contain_text(f"{words(today - timedelta(3))}, changed")
    figure = page.locator("figure[data-figure=time]")
    figure.get_by_role("button", name="Table").click()
    marked = figure.locator("tbody tr", has_text="changed by late data")
    expect(marked).to_have_count(2)  # a row a customer type
    expect(marked.first).to_contain_text(words(today - timedelta(3)))
    expect(figure.locator("tbody tr", has_text="today so far")).to_have_count(2)
    with page.expect_download() as download:
        figure.get_by_role("button", name="CSV").click()
    download.value.save_as(tmp_path / "file.csv")
    with (tmp_path / "file.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {(row["business_date"], row["customer_type"]): row for row in csv.DictReader(file)}
    assert {key[0] for key, row in rows.items() if row["running"] == "true"} == {f"{today}"}
    assert {key[0] for key, row in rows.items() if row["revised_at"]} == {f"{today - timedelta(3)}"}


def test_the_labels_of_an_axis_tell_its_ticks_apart(week: str, watched: Watch, today: date) -> None:
    """A discount rate of 0.7% once had the labels 1%, 1%, 0%, 0%, 0%."""
    page = opened(watched, week, "sales", today)
    ticks = page.locator("[data-figure=discounts] svg [data-mark='y-axis tick label'] text").all_text_contents()
    assert len(ticks) >= 3
    assert len(set(ticks)) == len(ticks), ticks
