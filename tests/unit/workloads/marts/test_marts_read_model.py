"""The read model's tables: made and given columns as the marts declare them, and filled by date or as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.postgres import fresh_database, postgres
from workloads.marts import MARTS, Column, Mart, Publication
from workloads.marts.declaration import Kind
from workloads.marts.read_model import OtherGrain, ensure
from workloads.pipeline import read_model
from workloads.pipeline.warehouse import WarehouseClient
from workloads.runtime.database import DatabaseSettings
from workloads.runtime.migrate import MigrationError, migrate

__all__ = ["postgres"]

STOCK = Mart(
    name="stock_value",
    description="Value of the stock by location.",
    owner="data-platform",
    grain=("location_id", "counted"),
    publication=Publication.WHOLE,
    read_model=True,
    columns=(
        Column(name="location_id", type=Kind.STRING, mode="required", description="Where it is."),
        Column(name="counted", type=Kind.BOOL, mode="required", description="Whether it was ever counted."),
        Column(name="units", type=Kind.INT64, mode="required", description="Units."),
        Column(name="value", type=Kind.NUMERIC, description="At cost; null for `unknown`."),
        Column(name="counted_at", type=Kind.TIMESTAMP, description="The last count; null: never."),
        Column(name="since", type=Kind.DATE, description="The first movement; null: none."),
    ),
    query="SELECT 1",
)
COLUMNS = """
SELECT column_name, data_type, is_nullable, col_description(to_regclass(table_name)::oid, ordinal_position::int) AS said
FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position
"""


@pytest.fixture
def database(postgres: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(postgres, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture(autouse=True)
def stock(monkeypatch: pytest.MonkeyPatch, postgres: str) -> Mart:
    """One mart more, once the database is migrated without it."""
    monkeypatch.setitem(MARTS, STOCK.name, STOCK)
    return STOCK


def columns(database: psycopg.Connection[dict[str, Any]], table: str) -> dict[str, tuple[str, str]]:
    rows = database.execute(COLUMNS, [table]).fetchall()
    assert all(row["said"] for row in rows if row["column_name"] != "publication_id")
    return {row["column_name"]: (row["data_type"], row["is_nullable"]) for row in rows}


def test_a_mart_s_table_is_made_by_the_migration_with_its_types_and_key(postgres: str, database: Any) -> None:
    assert columns(database, "report_stock_value") == {}
    for _ in range(2):
        migrate(DatabaseSettings(database_url=postgres))
    assert columns(database, "report_stock_value") == {
        "location_id": ("text", "NO"),
        "counted": ("boolean", "NO"),
        "units": ("bigint", "NO"),
        "value": ("numeric", "YES"),
        "counted_at": ("timestamp with time zone", "YES"),
        "since": ("date", "YES"),
        "publication_id": ("text", "NO"),
    }
    insert = "INSERT INTO report_stock_value (location_id, counted, units, publication_id) VALUES ('S01', true, 1, 'p')"
    database.execute(insert)
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute(insert)


def test_a_new_column_joins_and_may_be_null_for_the_rows_that_are_there(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        ensure(connection)
        connection.execute("INSERT INTO report_stock_value VALUES ('S01', true, 1, NULL, NULL, NULL, 'p')")
        more = Column(name="skus", type=Kind.INT64, mode="required", description="Distinct SKUs.")
        monkeypatch.setitem(MARTS, STOCK.name, STOCK.model_copy(update={"columns": (*STOCK.columns, more)}))
        ensure(connection)
        assert connection.execute("SELECT skus FROM report_stock_value").fetchall() == [(None,)]


def test_another_grain_is_refused_with_the_version_to_write(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        ensure(connection)
        monkeypatch.setitem(MARTS, STOCK.name, STOCK.model_copy(update={"grain": ("location_id",)}))
        with pytest.raises(OtherGrain, match=r"have counted, location_id; write `version: 2` for tables of its own"):
            ensure(connection)
    with pytest.raises(MigrationError, match="write `version: 2`"):
        migrate(DatabaseSettings(database_url=postgres))
    monkeypatch.setitem(MARTS, STOCK.name, STOCK.model_copy(update={"grain": ("location_id",), "version": 2}))
    migrate(DatabaseSettings(database_url=postgres))


def test_the_migrations_tables_are_those_that_the_marts_declare(postgres: str, database: Any) -> None:
    """`report_gmv_daily` and its like were made by a migration: the marts add nothing to them and find their keys."""
    empty = fresh_database()
    with psycopg.connect(empty, autocommit=True, row_factory=dict_row) as derived:
        for mart in MARTS.values():
            if mart.read_model and mart is not STOCK:
                made = {row["column_name"]: row["data_type"] for row in database.execute(COLUMNS, [mart.report])}
                assert list(made) == [*(column.name for column in mart.columns), "publication_id"]
        ensure(derived)
        for mart in MARTS.values():
            if mart.read_model and mart is not STOCK:
                by_migration = database.execute(COLUMNS, [mart.report]).fetchall()
                by_mart = derived.execute(COLUMNS, [mart.report]).fetchall()
                assert [{**row, "said": ""} for row in by_migration] == [{**row, "said": ""} for row in by_mart]


class Published:
    """BigQuery after each publication: the rows of the one mart, and none of the others."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.publications: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def query(self, statement: str) -> list[dict[str, Any]]:
        if "${marts}.publications" in statement:
            return self.publications
        self.asked.append(" ".join(statement.split()))
        return self.rows if ".stock_value_v1" in statement else []

    def publish(self, database: Any, first: date | None = None) -> None:
        at = datetime(2026, 3, 3, 12, len(self.publications), tzinfo=UTC)
        name = f"p{len(self.publications)}"
        told = {"publication_id": name, "run_id": name, "published_at": at, "as_of": at}
        self.publications.append({**told, "first_date": first, "last_date": first})
        read_model.publish(database, cast(WarehouseClient, self), "America/New_York")


def test_a_mart_that_is_published_as_a_whole_is_replaced_as_a_whole(postgres: str, database: Any) -> None:
    migrate(DatabaseSettings(database_url=postgres))
    warehouse = Published()
    row = {
        "location_id": "S01",
        "counted": True,
        "units": 3,
        "value": Decimal("4.50"),
        "counted_at": None,
        "since": None,
    }
    warehouse.rows = [row, {**row, "location_id": "S02"}]
    warehouse.publish(database)
    assert warehouse.asked == [
        "SELECT location_id, counted, units, value, counted_at, since FROM ${marts}.stock_value_v1 WHERE TRUE"
    ], "a publication without dates changes nothing that is published by date"
    warehouse.rows = [{**row, "units": 2}]
    warehouse.publish(database, date(2026, 3, 2))
    shown = database.execute("SELECT * FROM report_stock_value").fetchall()
    assert shown == [{**row, "units": 2, "publication_id": "p1"}]
    dated = [asked for asked in warehouse.asked[1:] if "stock_value" not in asked]
    assert len(dated) == sum(mart.read_model and mart.by_date for mart in MARTS.values())
    assert all(asked.endswith("WHERE business_date BETWEEN DATE '2026-03-02' AND DATE '2026-03-02'") for asked in dated)
