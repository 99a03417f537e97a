"""Reports and quality from the read model: grains, dimensions, distinct orders, pages, and how stale they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.support.api import ZONE, filled, get
from tests.support.postgres import postgres  # noqa: F401

# Two transactions of one customer type on a Monday: one with lines of two categories; a third in the next month.
ROWS = """
INSERT INTO report_publication VALUES ('p1', 'r1', '2026-01-06T00:00Z', '2026-01-05T23:59:59Z');
INSERT INTO report_gmv_daily VALUES
    ('2026-01-05', 'new', 'tops', 'store', 'S01', 30, 5, 0, 30, 1, 2, 'p1'),
    ('2026-01-05', 'new', 'shoes', 'store', 'S01', 80.5, 0, 10, 70.5, 2, 2, 'p1'),
    ('2026-01-11', 'guest', 'tops', 'online', 'W01', 10, 0, 0, 10, 1, 1, 'p1'),
    ('2026-02-01', 'returning', 'tops', 'store', 'S02', 0, 0, 12.3456, -12.3456, 0, 0, 'p1');
INSERT INTO report_orders_daily VALUES
    ('2026-01-05', 'new', 'store', 'S01', 2, 'p1'), ('2026-01-11', 'guest', 'online', 'W01', 1, 'p1');
INSERT INTO report_margin_daily VALUES
    ('2026-01-05', 'tops', 30, 5, 10, 20, 0.666666667, 'p1'),
    ('2026-01-11', 'tops', 10, 0, 5, 5, 0.5, 'p1'),
    ('2026-01-05', 'unknown', 7, 0, NULL, NULL, NULL, 'p1');
INSERT INTO pipeline_run (run_id, kind, state, started_at, finished_at)
    VALUES ('r1', 'run', 'succeeded', '2026-01-06T00:00Z', '2026-01-06T00:01Z');
INSERT INTO quality_result VALUES
    ('r1', '2026-01-06T00:00Z', 'sales.unique', 'staging.sales', 'error', 'pass', 0, NULL, 'once'),
    ('r1', '2026-01-06T00:00Z', 'sales.known', 'staging.sales', 'warn', 'fail', 2, 'a, b', 'known');
INSERT INTO quality_fault (check_name, place, table_name, severity, description, failures, sample, first_seen, last_seen,
                           examined_at, ended_at, waived_until, waived_reason, first_run_id, last_run_id) VALUES
    ('sales.known', 'X-1', 'staging.sales', 'warn', 'known', 2, 'a, b', '2026-01-02', '2026-01-06', '2026-01-06', NULL,
     '2026-02-01', 'to be loaded', 'r0', 'r1'),
    ('sales.unique', '', 'staging.sales', 'error', 'once', 1, 'c', '2026-01-03', '2026-01-03', '2026-01-06', NULL,
     NULL, NULL, 'r0', 'r1'),
    ('sales.unique', '2026-01-01', 'staging.sales', 'error', 'once', 1, 'c', '2026-01-03', '2026-01-03', '2026-01-06',
     '2026-01-06', NULL, NULL, 'r0', 'r1');
"""
WINTER: dict[str, Any] = {"from": "2026-01-01", "to": "2026-02-28"}


@pytest.fixture
def published(postgres: str) -> str:  # noqa: F811
    return filled(ROWS, postgres)


async def test_a_transaction_of_two_categories_is_one_order(published: str) -> None:
    [january, february] = (await get(published, "/v1/reports/gmv", grain="month", **WINTER))["items"]
    assert january == {
        "business_date": "2026-01-01",
        "gmv": "120.50",
        "discounts": "5.00",
        "returns": "10.00",
        "net_sales": "110.50",
        "orders": 3,
        "units": 5,
    }
    assert (february["net_sales"], february["orders"]) == ("-12.3456", 0)
    by_category = (await get(published, "/v1/reports/gmv", grain="month", by="category", **WINTER))["items"]
    assert [(i["category"], i["orders"]) for i in by_category] == [("shoes", 2), ("tops", 2), ("tops", 0)]


async def test_weeks_start_on_monday(published: str) -> None:
    weeks = (await get(published, "/v1/reports/gmv", grain="week", **WINTER))["items"]
    assert [(w["business_date"], w["orders"]) for w in weeks] == [("2026-01-05", 3), ("2026-01-26", 0)]


async def test_pages_follow_each_other_and_miss_nothing(published: str) -> None:
    query: dict[str, Any] = {"by": "location_id,category", **WINTER}
    whole = (await get(published, "/v1/reports/gmv", **query))["items"]
    pages, token = [], None
    for _ in range(10):
        page = await get(
            published, "/v1/reports/gmv", page_size="1", **query, **({"page_token": token} if token else {})
        )
        pages += page["items"]
        if (token := page["next_page_token"]) is None:
            break
    assert pages == whole
    assert len(whole) == 4


async def test_margin_is_divided_again_at_a_coarser_grain(published: str) -> None:
    body = await get(published, "/v1/reports/margin", grain="month", by="category", **WINTER)
    assert body["as_of"] == "2026-01-05T23:59:59Z"
    tops, unknown = body["items"]
    assert (tops["net_sales"], tops["gross_profit"], tops["gross_margin"]) == ("40.00", "25.00", "0.625000000")
    assert (unknown["cogs"], unknown["gross_profit"], unknown["gross_margin"]) == (None, None, None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"by": "colour"}, "by"),
        ({"by": "category,category"}, "by"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"grain": "year"}, "grain"),
        ({"page_token": "nonsense"}, "page_token"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_mistakes_are_named(published: str, query: dict[str, Any], field: str) -> None:
    error = (await get(published, "/v1/reports/gmv", 400, **query))["error"]
    assert error["field"] == field
    assert "Value error" not in error["message"], "the validator's own words, which nobody asked for"


async def test_nothing_published_is_an_empty_list(postgres: str) -> None:  # noqa: F811
    body = await get(postgres, "/v1/reports/gmv", **WINTER)
    assert body == {"items": [], "next_page_token": None, "as_of": None, "running": None, "revised": []}


async def test_a_report_names_the_business_date_that_still_runs(postgres: str) -> None:  # noqa: F811
    assert (await get(postgres, "/v1/reports/gmv"))["running"] == f"{datetime.now(ZONE).date()}"
    assert (await get(postgres, "/v1/reports/margin", to=f"{datetime.now(ZONE).date() - timedelta(1)}"))[
        "running"
    ] is None


async def test_quality_says_since_when_the_reports_are_stale(published: str) -> None:
    body = await get(published, "/v1/quality")
    assert [(i["check_name"], i["status"], i["failures"]) for i in body["items"]] == [
        ("sales.known", "fail", 2),
        ("sales.unique", "pass", 0),
    ]
    assert body["reports"]["stale_since"] is None
    with psycopg.connect(published, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO pipeline_run (run_id, kind, state, error) VALUES ('r2', 'run', 'stopped', 'sales.unique failed')"
        )
    reports = (await get(published, "/v1/freshness"))["reports"]
    assert (reports["last_run_state"], reports["stale_since"]) == ("stopped", "2026-01-06T00:00:00Z")


async def test_quality_lists_the_faults_that_stand(published: str) -> None:
    """Whatever the last run looked at: a fault is listed until it has ended, those that stop publication first."""
    standing = (await get(published, "/v1/quality"))["faults"]
    assert [(f["check"], f["where"], f["rows"], f["severity"], f["waived_until"]) for f in standing] == [
        ("sales.unique", "staging.sales", 1, "error", None),
        ("sales.known", "X-1", 2, "warn", "2026-02-01"),
    ]
    assert standing[1]["first_seen"] == "2026-01-02T00:00:00Z"
    assert standing[1]["last_seen"] == "2026-01-06T00:00:00Z"
    assert all(isinstance(fault["id"], str) for fault in standing)


async def test_figures_of_another_currency_or_time_zone_are_not_relabelled(published: str) -> None:
    with psycopg.connect(published, autocommit=True) as connection:
        connection.execute("INSERT INTO figures_basis (currency, timezone) VALUES ('CHF', 'Europe/Zurich')")
    error = (await get(published, "/v1/reports/gmv", 503, **WINTER))["error"]
    assert "fastyle:currency is USD" in error["message"]
    assert "set fastyle:currency back to CHF" in error["message"]
    error = (await get(published, "/ready", 503))["error"]
    assert "fastyle:currency is USD" in error["message"]
