"""Published business dates that late data changed: marked once a date was published as over, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.api import get
from tests.support.postgres import postgres
from workloads.pipeline import read_model
from workloads.pipeline.warehouse import WarehouseClient

__all__ = ["postgres"]

ZONE = "America/New_York"
FIRST, SECOND = date(2026, 3, 2), date(2026, 3, 3)
EVENING = datetime(2026, 3, 3, 4, 30, tzinfo=UTC)  # 23:30 of the first date
MORNING = datetime(2026, 3, 3, 12, tzinfo=UTC)  # 7:00 of the second one
LATER = datetime(2026, 3, 3, 15, tzinfo=UTC)


class Marts:
    """What a publication of the marts holds: one sale amount a date, of one category."""

    def __init__(self) -> None:
        self.publications: list[dict[str, Any]] = []
        self.sold: dict[date, str] = {}
        self.category, self.cost = "tops", "4.00"

    def query(self, statement: str) -> list[dict[str, Any]]:
        if "publications" in statement:
            return self.publications
        days = {day: Decimal(gmv) for day, gmv in self.sold.items() if self._between(day)}
        if "margin_daily" in statement:
            cogs = Decimal(self.cost)
            return [
                {
                    "business_date": day,
                    "category": self.category,
                    "net_sales": gmv,
                    "discounts": Decimal(0),
                    "cogs": cogs,
                }
                | {"gross_profit": gmv - cogs, "gross_margin": (gmv - cogs) / gmv}
                for day, gmv in days.items()
            ]
        key = {"customer_type": "guest", "channel": "store", "location_id": "S01"}
        if "gmv_daily" in statement:
            amounts = {"discounts": Decimal(0), "returns": Decimal(0), "orders": 1, "units": 1}
            return [
                {"business_date": day, **key, "category": self.category, "gmv": gmv, "net_sales": gmv} | amounts
                for day, gmv in days.items()
            ]
        orders = [{"business_date": day, **key, "orders": 1} for day in days]
        return orders if "orders_daily" in statement else []

    def _between(self, day: date) -> bool:
        newest = self.publications[-1]
        return bool(newest["first_date"] <= day <= newest["last_date"])


@pytest.fixture
def database(postgres: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(postgres, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def marts() -> Marts:
    return Marts()


def publish(database: psycopg.Connection[dict[str, Any]], marts: Marts, at: datetime, *days: date) -> None:
    """One run and its publication at `at`, which rewrites `days`."""
    name = f"p{len(marts.publications)}"
    database.execute(
        "INSERT INTO pipeline_run (run_id, kind, state, started_at) VALUES (%s, 'run', 'running', %s)", [name, at]
    )
    dates = {"first_date": min(days, default=None), "last_date": max(days, default=None)}
    marts.publications.append({"publication_id": name, "run_id": name, "published_at": at, "as_of": at, **dates})
    read_model.publish(database, cast(WarehouseClient, marts), ZONE)


def revised(database: psycopg.Connection[dict[str, Any]]) -> dict[date, datetime | None]:
    return {r["business_date"]: r["revised_at"] for r in database.execute("SELECT * FROM report_day ORDER BY 1")}


def test_a_running_day_is_not_revised_however_often_it_is_published(database: Any, marts: Marts) -> None:
    for gmv in ("10.00", "20.00"):
        marts.sold[FIRST] = gmv
        publish(database, marts, EVENING, FIRST)
    assert revised(database) == {}
    marts.sold |= {FIRST: "25.00", SECOND: "1.00"}
    publish(database, marts, MORNING, FIRST, SECOND)
    assert revised(database) == {FIRST: None}, "what came in between is of the first complete publication"


def test_late_data_marks_the_day_that_it_changed_and_no_other(database: Any, marts: Marts) -> None:
    marts.sold = {FIRST: "10.00", SECOND: "1.00"}
    publish(database, marts, MORNING, FIRST, SECOND)
    publish(database, marts, LATER, FIRST, SECOND)
    assert revised(database) == {FIRST: None}, "written again, and the same"
    marts.sold = {FIRST: "10.01", SECOND: "2.00"}
    publish(database, marts, LATER, FIRST, SECOND)
    assert revised(database) == {FIRST: LATER}


def test_a_day_that_was_published_without_sales_is_revised_by_its_first(database: Any, marts: Marts) -> None:
    """A branch that was offline for a whole day sends its trade on the next one."""
    day_before = date(2026, 3, 1)
    marts.sold = {day_before: "10.00"}
    publish(database, marts, MORNING, day_before)
    marts.sold[FIRST] = "5.00"
    publish(database, marts, LATER, FIRST)
    assert revised(database) == {day_before: None, FIRST: LATER}


def test_a_run_without_new_data_completes_the_day(database: Any, marts: Marts) -> None:
    marts.sold = {FIRST: "10.00"}
    publish(database, marts, EVENING, FIRST)
    publish(database, marts, MORNING)
    assert revised(database) == {FIRST: None}
    marts.sold = {FIRST: "11.00"}
    publish(database, marts, LATER, FIRST)
    assert revised(database) == {FIRST: LATER}


def test_a_run_that_began_before_midnight_completes_nothing(database: Any, marts: Marts) -> None:
    marts.sold = {FIRST: "10.00"}
    publish(database, marts, EVENING, FIRST)
    marts.publications.append({**marts.publications[-1], "publication_id": "resumed", "published_at": MORNING})
    read_model.publish(database, cast(WarehouseClient, marts), ZONE)
    assert revised(database) == {}


def test_another_category_is_no_revision_and_another_cost_is(database: Any, marts: Marts) -> None:
    marts.sold = {FIRST: "10.00"}
    publish(database, marts, MORNING, FIRST)
    marts.category = "shirts"
    publish(database, marts, LATER, FIRST)
    assert revised(database) == {FIRST: None}
    marts.cost = "5.00"
    publish(database, marts, LATER, FIRST)
    assert revised(database) == {FIRST: LATER}


async def test_the_reports_say_which_dates_were_revised(postgres: str, database: Any, marts: Marts) -> None:
    marts.sold = {FIRST: "10.00", SECOND: "1.00"}
    publish(database, marts, MORNING, FIRST, SECOND)
    marts.sold[FIRST] = "11.00"
    publish(database, marts, LATER, FIRST)
    mark = {
        "business_date": "2026-03-02",
        "first_published_at": "2026-03-03T12:00:00Z",
        "revised_at": "2026-03-03T15:00:00Z",
    }
    around: dict[str, Any] = {"from": "2026-03-01", "to": "2026-03-07"}
    later: dict[str, Any] = {"from": "2026-03-08", "to": "2026-03-09"}
    for report in ("gmv", "margin", "comparison/gmv", "comparison/margin"):
        assert (await get(postgres, f"/v1/reports/{report}", **around))["revised"] == [mark], report
        after = await get(postgres, f"/v1/reports/{report}", **later)
        assert after["revised"] == [], report
