"""A range beside the one before it: exact sums, the same periods, changes, and what cannot be compared."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api import ZONE, filled, get
from tests.support.postgres import postgres  # noqa: F401
from tests.unit.workloads.api.test_api_reports import WINTER, published  # noqa: F401
from workloads.api.comparing import Span, periods

# 2026-01-05 is a Monday. Two weeks, each beside the week before it.
ROWS = """
INSERT INTO report_gmv_daily VALUES
    ('2026-01-06', 'new', 'tops', 'store', 'S01', 100.10, 10, 0, 100.10, 1, 2, 'p'),
    ('2026-01-06', 'new', 'shoes', 'store', 'S01', 50, 0, 5, 45, 1, 1, 'p'),
    ('2026-01-13', 'guest', 'tops', 'online', 'S02', 300.20, 0, 0, 300.20, 2, 3, 'p'),
    ('2026-01-18', 'new', 'tops', 'store', 'S01', 0.03, 0.01, 0, 0.03, 1, 1, 'p');
INSERT INTO report_orders_daily VALUES
    ('2026-01-06', 'new', 'store', 'S01', 1, 'p'), ('2026-01-13', 'guest', 'online', 'S02', 2, 'p'),
    ('2026-01-18', 'new', 'store', 'S01', 1, 'p');
INSERT INTO report_margin_daily VALUES
    ('2026-01-06', 'tops', 100, 10, 60, 40, 0.4, 'p'), ('2026-01-13', 'tops', 300, 0, 150, 150, 0.5, 'p'),
    ('2026-01-13', 'unknown', 7, 0, NULL, NULL, NULL, 'p'), ('2026-01-18', 'shoes', 0, 0, 5, -5, NULL, 'p');
"""
WEEK: dict[str, Any] = {"from": "2026-01-12", "to": "2026-01-18"}
WIDE: dict[str, Any] = {"from": "2025-12-31", "to": "2026-01-18"}


@pytest.fixture
def two_weeks(postgres: str) -> str:  # noqa: F811
    return filled(ROWS, postgres)


async def test_the_whole_range_beside_the_equally_long_one_before(two_weeks: str) -> None:
    body = await get(two_weeks, "/v1/reports/comparison/gmv", **WEEK)
    assert body["before"] == {"first": "2026-01-05", "last": "2026-01-11", "complete": False}
    [row] = body["items"]
    assert row["current"] == {
        "gmv": "300.23",
        "discounts": "0.01",
        "returns": "0.00",
        "net_sales": "300.23",
        "orders": 3,
        "units": 4,
        "discount_rate": "0.000033307",
        "average_order": "100.076666667",
    }
    assert (row["before"]["gmv"], row["before"]["orders"]) == ("150.10", 1), "one transaction of two categories"
    assert row["change"]["gmv"] == "1.000199867"
    assert row["change"]["discount_rate"] == str(Decimal("0.000033307") - Decimal("0.062460962"))
    assert row["change"]["returns"] == "-1.000000000"


async def test_a_date_stands_beside_the_date_as_many_days_before(two_weeks: str) -> None:
    rows = (await get(two_weeks, "/v1/reports/comparison/gmv", grain="day", by="category", **WEEK))["items"]
    assert len(rows) == 7 * 2, "every date has every category that occurs"
    tuesday = {
        r["value"]: (r["current"]["gmv"], r["before"]["gmv"]) for r in rows if r["business_date"] == "2026-01-13"
    }
    assert tuesday == {"tops": ("300.20", "100.10"), "shoes": ("0.00", "50.00")}


async def test_filters_hold_for_both_ranges(two_weeks: str) -> None:
    path = "/v1/reports/comparison/gmv"
    [row] = (await get(two_weeks, path, location_id="S01", category="tops", customer_type="new", **WEEK))["items"]
    assert (row["current"]["gmv"], row["before"]["gmv"]) == ("0.03", "100.10")
    assert (row["current"]["orders"], row["before"]["orders"]) == (1, 1)


async def test_sums_over_periods_are_the_sum_of_the_range(two_weeks: str) -> None:
    path, wide = "/v1/reports/comparison/gmv", WIDE
    [whole] = (await get(two_weeks, path, **wide))["items"]
    for grain in ("day", "week", "month"):
        rows = (await get(two_weeks, path, grain=grain, **wide))["items"]
        assert sum(Decimal(r["current"]["gmv"]) for r in rows) == Decimal(whole["current"]["gmv"]), grain
        assert rows[0]["business_date"] == "2025-12-31", "the range's first period begins with it"


async def test_margin_without_a_category_is_of_known_costs(two_weeks: str) -> None:
    path = "/v1/reports/comparison/margin"
    [row] = (await get(two_weeks, path, **WEEK))["items"]
    assert row["current"] == {
        "net_sales": "300.00",
        "cogs": "155.00",
        "gross_profit": "145.00",
        "gross_margin": "0.483333333",
    }
    assert row["change"]["gross_margin"] == "0.083333333"
    rows = {r["value"]: r["current"] for r in (await get(two_weeks, path, by="category", **WEEK))["items"]}
    assert rows["unknown"] == {"net_sales": "7.00", "cogs": None, "gross_profit": None, "gross_margin": None}
    assert rows["shoes"]["gross_margin"] is None


async def test_the_current_figures_equal_the_reports(published: str) -> None:  # noqa: F811
    [whole] = (await get(published, "/v1/reports/comparison/gmv", **WINTER))["items"]
    months = (await get(published, "/v1/reports/gmv", grain="month", **WINTER))["items"]
    for name in ("gmv", "discounts", "returns", "net_sales"):
        assert Decimal(whole["current"][name]) == sum(Decimal(m[name]) for m in months)
    assert whole["current"]["orders"] == sum(m["orders"] for m in months)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-02-01", "to": "2026-01-01"}, "from"),
        ({"from": "2020-01-01", "to": "2026-01-01"}, "from"),
        ({"from": "0001-01-01"}, "from"),
        ({"by": "colour"}, "by"),
        ({"grain": "year"}, "grain"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_mistakes_are_named(postgres: str, query: dict[str, Any], field: str) -> None:  # noqa: F811
    body = await get(postgres, "/v1/reports/comparison/gmv", 400, **query)
    assert body["error"]["field"] == field


async def test_nothing_published_is_zeros_that_are_not_complete(postgres: str) -> None:  # noqa: F811
    body = await get(postgres, "/v1/reports/comparison/gmv", **WEEK)
    assert body["as_of"] is None
    assert not body["current"]["complete"]
    assert [(i["current"]["gmv"], i["change"]["gmv"]) for i in body["items"]] == [("0.00", None)]


@given(st.dates(date(2019, 1, 1), date(2030, 1, 1)), st.integers(0, 120), st.sampled_from([Span.WEEK, Span.MONTH]))
def test_periods_begin_with_the_range_then_with_the_calendar(first: date, more: int, grain: Span) -> None:
    last = first + timedelta(more)
    shown = [p for p in periods(first, last, grain) if p is not None]
    assert shown[0] == first
    assert all(p.weekday() == 0 if grain is Span.WEEK else p.day == 1 for p in shown[1:])
    assert shown == sorted(set(shown))
    assert shown[-1] <= last


@pytest.mark.parametrize(("traded", "complete"), [(3, False), (4, True), (7, True)])
async def test_a_period_is_complete_by_the_dates_that_have_figures(
    postgres: str,  # noqa: F811
    traded: int,
    complete: bool,
) -> None:
    """A few sales that a wrong clock dated long ago begin the figures early, and make no earlier period complete."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        for day in ("2025-01-01", *(f"2026-01-{5 + n:02}" for n in range(traded))):
            connection.execute(
                "INSERT INTO report_gmv_daily VALUES (%s, 'guest', 'tops', 'store', 'S01', 1, 0, 0, 1, 1, 1, 'p')",
                [day],
            )
    body = await get(postgres, "/v1/reports/comparison/gmv", **WEEK)
    assert body["before"]["complete"] is complete
    assert body["current"]["complete"] is False


@pytest.mark.parametrize("report", ["gmv", "margin"])
async def test_the_running_day_is_shown_and_not_compared(postgres: str, report: str) -> None:  # noqa: F811
    """At nine in the morning a quarter of a day once stood beside a whole one."""
    today = datetime.now(ZONE).date()
    with psycopg.connect(postgres, autocommit=True) as connection:
        # Two dates: yesterday and today, beside the two before. Today has 1 so far, its counterpart 100.
        for ago, amount in ((0, 1), (1, 60), (2, 100), (3, 50)):
            day = today - timedelta(ago)
            connection.execute(
                "INSERT INTO report_gmv_daily VALUES (%s, 'guest', 'tops', 'store', 'S01', %s, 0, 0, %s, 1, 1, 'p')",
                [day, amount, amount],
            )
            connection.execute("INSERT INTO report_orders_daily VALUES (%s, 'guest', 'store', 'S01', 1, 'p')", [day])
            connection.execute(
                "INSERT INTO report_margin_daily VALUES (%s, 'tops', %s, 0, 0, %s, 1, 'p')", [day, amount, amount]
            )
    path, name = f"/v1/reports/comparison/{report}", "gmv" if report == "gmv" else "gross_profit"
    two: dict[str, Any] = {"from": f"{today - timedelta(1)}", "to": f"{today}"}
    body = await get(postgres, path, **two)
    assert body["running"] == f"{today}"
    assert body["compared"] == {
        **{key: f"{today - timedelta(1)}" for key in ("first", "last")},
        **{f"before_{key}": f"{today - timedelta(3)}" for key in ("first", "last")},
    }
    [row] = body["items"]
    assert (row["current"][name], row["before"][name]) == ("61.00", "150.00"), "the whole range is still shown"
    assert (row["compared"]["current"][name], row["compared"]["before"][name]) == ("60.00", "50.00")
    assert row["change"][name] == "0.200000000", "60 against 50"
    [whole, part] = (await get(postgres, path, grain="day", by="category", **two))["items"]
    assert (whole["change"][name], part["current"][name]) == ("0.200000000", "1.00")
    assert (part["compared"], set(part["change"].values())) == (None, {None})
    alone = await get(postgres, path, **(two | {"from": f"{today}"}))
    assert (alone["compared"], alone["items"][0]["compared"]) == (None, None)
    assert set(alone["items"][0]["change"].values()) == {None}
