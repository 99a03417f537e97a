"""What a change of the catalogue does to the history: on a real PostgreSQL and the BigQuery stand-in.

A cost holds from its `valid_from`, also one that is corrected late; a category is the current one. The dates whose
figures change with it are built anew, and no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ops.catalog import load_files
from tests.support.postgres import migrated_database
from tests.support.standins import bigquery_client, create_raw_tables, pipeline_settings, standins
from workloads.pipeline import steps
from workloads.pipeline.run import Run
from workloads.pipeline.settings import Settings
from workloads.pipeline.warehouse import WarehouseClient
from workloads.runtime.database import connect

pytestmark = pytest.mark.local

HEADER = "sku,name,category,style,size,colour,list_price,unit_cost,valid_from,reorder_point\n"
CATALOGUE = HEADER + "A,Tee,tops,,,,20,5,,\nB,Jeans,bottoms,,,,50,20,,\n"
DATES = [date(2009, 12, 31), date(2026, 3, 10), date(2026, 3, 15)]
"""The first is the earliest there can be: of the first instant of 2010, behind UTC."""


class Shop:
    """Two units of each SKU sold on each of three dates at noon, C among them, which the catalogue does not know."""

    def __init__(self, settings: Settings, warehouse: WarehouseClient, folder: Path) -> None:
        self.settings, self.warehouse, self.folder = settings, warehouse, folder
        for table in ("products", "product_costs", "locations", "dirty_dates", "sales_lines"):
            warehouse.run(f"DELETE FROM staging.{table} WHERE TRUE")
        rows = ", ".join(
            f"('{day}-{sku}', 1, '{day}-{sku}', TIMESTAMP '{day} 17:00:00Z', DATE '{day}', 'S01', 'store', '{sku}', 2, "
            "NUMERIC '30', NUMERIC '0', 1, 'r')"
            for day in DATES
            for sku in "ABC"
        )
        warehouse.run(
            "INSERT INTO staging.sales_lines (event_id, line_number, transaction_id, event_time, business_date, "
            f"location_id, channel, sku, quantity, unit_price, discount, body_hash, run_id) VALUES {rows}"
        )

    def load(self, products: str) -> None:
        path = self.folder / "products.csv"
        path.write_text(products, encoding="utf-8")
        load_files(self.settings.database_url, [path])

    def change(self, statement: str) -> None:
        with psycopg.connect(self.settings.database_url) as connection:
            connection.execute(statement)

    def sync(self) -> list[date]:
        """Sync, build margins of the dates that changed, as a run does; return those dates."""
        with connect(self.settings) as connection:
            connection.autocommit = True
            run = Run(self.settings, self.warehouse, connection, "run")
            steps.sync_catalogue(run)
            steps.find_dirty_dates(run)
            self.warehouse.run(steps.build_mart(run, "margin_daily"))
            self.warehouse.run("DELETE FROM staging.dirty_dates WHERE TRUE")  # as their publication does
            return run.dates

    def margins(self) -> dict[tuple[int, str], tuple[Any, ...]]:
        """(net sales, cost) of what was built, by day of the month and category."""
        rows = self.warehouse.run("SELECT business_date, category, net_sales, cogs FROM staging.build_margin_daily")
        return {(row["business_date"].day, row["category"]): (row["net_sales"], row["cogs"]) for row in rows}

    def versions(self, table: str, is_current: bool) -> int:
        (row,) = self.warehouse.run(f"SELECT COUNTIF(is_current = {is_current}) AS n FROM staging.{table}")
        return int(row["n"])


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], WarehouseClient]]:
    with standins(tmp_path_factory.mktemp("standins")) as variables:
        create_raw_tables(bigquery_client(variables))
        target = WarehouseClient(pipeline_settings(variables, "postgresql://nowhere"))
        target.ensure_tables()
        yield variables, target


@pytest.fixture
def shop(warehouse: tuple[dict[str, str], WarehouseClient], tmp_path: Path) -> Shop:
    variables, target = warehouse
    shop = Shop(pipeline_settings(variables, migrated_database()), target, tmp_path)
    shop.load(CATALOGUE)
    assert shop.sync() == DATES, "the first catalogue is news to all of the history"
    return shop


def test_the_same_catalogue_again_changes_nothing(shop: Shop) -> None:
    shop.load(CATALOGUE)
    assert shop.sync() == []
    assert (shop.versions("products", True), shop.versions("products", False)) == (2, 0)
    assert (shop.versions("product_costs", True), shop.versions("product_costs", False)) == (2, 0)


def test_a_cost_corrected_late_changes_the_dates_from_its_day_on(shop: Shop) -> None:
    shop.load(HEADER + "A,Tee,tops,,,,20,7.5,2026-03-10,\n")
    assert shop.sync() == DATES[1:]
    margins = shop.margins()
    assert margins[10, "tops"] == margins[15, "tops"] == (Decimal(60), Decimal(15))
    assert margins[10, "bottoms"] == (Decimal(60), Decimal(40))
    # The first cost still holds before, and BigQuery keeps that it once held for ever.
    assert (shop.versions("product_costs", True), shop.versions("product_costs", False)) == (3, 1)
    shop.load(HEADER + "A,Tee,tops,,,,20,8,2026-03-12,\n")
    assert shop.sync() == DATES[2:]
    assert shop.margins()[15, "tops"] == (Decimal(60), Decimal(16))
    shop.load(HEADER + "A,Tee,tops,,,,20,6,,\n")  # the earliest one was wrong
    assert shop.sync() == DATES[:1]
    assert shop.margins()[31, "tops"] == (Decimal(60), Decimal(12))


def test_a_cost_of_the_future_changes_no_date(shop: Shop) -> None:
    shop.load(HEADER + "A,Tee,tops,,,,20,9,2030-01-01,\n")
    assert shop.sync() == []
    assert shop.versions("product_costs", True) == 3


def test_history_follows_a_product_to_its_new_category(shop: Shop) -> None:
    shop.load(HEADER + "A,Tee,bottoms,,,,20,5,,\n")
    assert shop.sync() == DATES
    assert shop.margins()[31, "bottoms"] == (Decimal(120), Decimal(50))
    assert (31, "tops") not in shop.margins()
    assert shop.versions("products", False) == 1


def test_an_unknown_sku_gets_its_product_and_loses_it(shop: Shop) -> None:
    shop.load(HEADER + "C,Cap,tops,,,,10,1.25,2026-03-10,\n")
    assert shop.sync() == DATES
    # Before its first cost the earliest counts.
    assert shop.margins()[31, "tops"] == (Decimal(120), Decimal("12.5"))
    assert (31, "unknown") not in shop.margins()
    shop.change("DELETE FROM product_cost WHERE sku = 'C'; DELETE FROM product WHERE sku = 'C'")
    assert shop.sync() == DATES
    assert shop.margins()[31, "tops"] == (Decimal(60), Decimal(10))
    assert shop.margins()[31, "unknown"] == (Decimal(60), None)


def test_a_name_or_a_reorder_point_is_no_matter_of_past_dates(shop: Shop) -> None:
    shop.load(HEADER + "A,T-shirt,tops,,,,20,5,,3\n")
    assert shop.sync() == []
    (row,) = shop.warehouse.run("SELECT name, reorder_point FROM staging.products WHERE is_current AND sku = 'A'")
    assert (row["name"], row["reorder_point"]) == ("T-shirt", 3)


def test_a_large_catalogue_is_three_load_jobs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"X{n},x,tops,,,,20,{n % 9}.5,,\n" for n in range(20_000))
    shop.load(HEADER + lines)
    shop.change("INSERT INTO location (location_id, name, kind) VALUES ('S01', 's', 'branch')")
    loads: list[str] = []
    original = WarehouseClient.start_load

    def counted(self: WarehouseClient, key: str, *arguments: Any, **options: Any) -> Any:
        loads.append(key)
        return original(self, key, *arguments, **options)

    monkeypatch.setattr(WarehouseClient, "start_load", counted)
    shop.sync()
    assert sorted(loads) == [f"staging.catalogue_{name}" for name in ("locations", "product_costs", "products")]
    assert shop.versions("products", True) == 20_002
