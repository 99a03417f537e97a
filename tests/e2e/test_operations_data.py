"""The commands of docs/operations/data.md that a stack on this machine can show, by the page's own words."""

from __future__ import annotations

import json
import re
import uuid
from datetime import date

import pytest

from tests.e2e.test_exact_marts import assert_reports, expected
from tests.e2e.test_replay import hashes
from tests.support.checkout import REPOSITORY, Checkout

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs" / "operations" / "data.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_a_customer_is_erased_and_every_figure_stays(stack: Checkout) -> None:
    warehouse = stack.warehouse()
    (customer,) = warehouse.query_and_wait(
        "SELECT customer_id, MIN(business_date) AS first, MAX(business_date) AS last, COUNT(DISTINCT event_id) AS n "
        "FROM staging.sales_lines WHERE business_date >= '2010-01-01' AND customer_id IS NOT NULL "
        "GROUP BY customer_id ORDER BY n DESC, customer_id LIMIT 1"
    )
    told = section("Erasure of a customer").replace("C-123", customer["customer_id"])
    told = told.replace("erased-5f0c…", f"erased-{uuid.uuid4()}")
    find, replace = re.findall(r"```sql\n(.*?)```", told, re.DOTALL)
    (conflicts,) = re.findall(r"`(DELETE FROM event_conflict [^`]+)`", told)

    assert next(iter(warehouse.query_and_wait(find)))[0] > 0
    for statement in filter(None, map(str.strip, replace.split(";"))):
        warehouse.query_and_wait(statement)
    with stack.database() as db:
        db.execute(conflicts.encode())
    assert next(iter(warehouse.query_and_wait(find)))[0] == 0
    first, last = (f"{day:%Y-%m-%d}" for day in (customer["first"], customer["last"]) if isinstance(day, date))
    stack.fastyle("pipeline", "run", "--from", first, "--to", last)
    # Computed from the lake, where the pseudonym still is: first purchases and orders are as they were.
    assert_reports(stack, expected(stack))
    for table in ("sales_lines", "first_purchase"):
        where = f"customer_id = '{customer['customer_id']}'"
        dated = "business_date >= '2010-01-01' AND " if table == "sales_lines" else ""
        rows = warehouse.query_and_wait(f"SELECT COUNT(*) FROM staging.{table} WHERE {dated}{where}")
        assert next(iter(rows))[0] == 0, table


def test_the_drill_compares_what_is_there(stack: Checkout) -> None:
    (statement,) = re.findall(r"`(SELECT count\(\*\)[^`]+)`", section("Restore drill"))
    with stack.database() as db:
        count, newest = db.execute(statement.replace("\n", " ").encode()).fetchone() or (0, None)
    assert count > 0
    assert newest is not None


def test_a_backfill_rewrites_its_dates_and_no_others(stack: Checkout) -> None:
    warehouse = stack.warehouse()

    def publications() -> dict[date, set[str]]:
        """Which publications each business date's rows are of."""
        by_date: dict[date, set[str]] = {}
        for table in ("gmv_daily_v1", "margin_daily_v1"):
            rows = warehouse.query_and_wait(
                f"SELECT DISTINCT business_date, publication_id FROM marts.{table} WHERE business_date >= '2010-01-01'"
            )
            for row in rows:
                by_date.setdefault(row["business_date"], set()).add(row["publication_id"])
        return by_date

    told = re.findall(r"uv run fastyle pipeline run --from (\S+) --to (\S+)", section("Backfill a range"))
    ((first, last),) = told
    before, figures = publications(), hashes(stack)
    dates = sorted(before)[-3:][:2]
    report = json.loads(stack.fastyle("pipeline", "run", "--from", str(dates[0]), "--to", str(dates[-1])).stdout)
    after = publications()
    assert {day for day in before if after[day] != before[day]} == set(dates)
    assert all(after[day] == {report["publication_id"]} for day in dates)
    assert report["counts"]["dates"] == len(dates)
    assert hashes(stack) == figures
    assert_reports(stack, expected(stack))
    refused = stack.fastyle("pipeline", "run", "--from", last, "--to", first, check=False)
    assert refused.returncode == 1
    assert f"to {first} is before from {last}" in refused.stdout
    assert publications() == after
