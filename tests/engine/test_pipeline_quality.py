"""Each check can fail, alone and for its own reason."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest import mock

import fastavro
import pytest

from ops.metering import scans
from tests.support.lake import MESSAGE_SCHEMA
from tests.support.push import change, sale
from tests.support.world import Event, World
from workloads.events import STREAMS, bigquery_fields, encode
from workloads.pipeline import quality, reconcile
from workloads.pipeline.checks import checks
from workloads.pipeline.lake import File, messages
from workloads.pipeline.run import QualityStop, Run
from workloads.pipeline.tables import tables
from workloads.pipeline.warehouse import WarehouseClient
from workloads.runtime.database import connect

DAY = "2026-03-0{}T15:00:00Z"


def event(n: int) -> str:
    return str(uuid.UUID(int=n))


def line(number: int, sku: str, quantity: int, price: str, discount: str = "0") -> dict[str, Any]:
    return {"line_number": number, "sku": sku, "quantity": quantity, "unit_price": price, "discount": discount}


# Three days: customers, guests, a return; and on a day and shelf of its own a return for nothing, which no sum shows.
EVENTS: list[Event] = [
    ("inventory", change("receipt", 50, event_id=event(1), event_time=DAY.format(1), location_id="W01")),
    ("inventory", change("count", 30, event_id=event(2), event_time=DAY.format(1), location_id="S01")),
    ("inventory", change("transfer_out", -4, event_id=event(3), event_time=DAY.format(2), location_id="W01")),
    ("sales", sale(event_id=event(11), transaction_id="T1", event_time=DAY.format(1), customer_id="C1")
     | {"lines": [line(1, "TOP-1", 2, "20.00", "1.50"), line(2, "SHOE-1", 1, "80.00")]}),
    ("sales", sale(event_id=event(12), transaction_id="T2", event_time=DAY.format(2), customer_id="C1")
     | {"lines": [line(1, "TOP-1", 1, "19.99"), line(2, "TOP-2", -1, "10.00")]}),
    ("sales", sale(event_id=event(13), transaction_id="T3", event_time=DAY.format(2))),
    ("sales", sale(event_id=event(14), transaction_id="T4", event_time=DAY.format(2))),
    ("sales", sale(event_id=event(15), transaction_id="T5", event_time=DAY.format(4), location_id="S02")
     | {"lines": [line(1, "TOP-2", -1, "0")]}),
]  # fmt: skip
DATES = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 4)]
FREE = "event_id = '00000000-0000-0000-0000-00000000000f'"  # the return for nothing
TWICE = "INSERT INTO ${{{0}}}.{1} SELECT * FROM ${{{0}}}.{1} WHERE {2}"

# check -> what breaks it: statements for BigQuery; for Cloud SQL a pair, the second of which mends it again.
BREAKS: dict[str, str | tuple[str, str]] = {
    "sales_transactions.freshness": "UPDATE ${raw}.sales_transactions SET publish_time = TIMESTAMP_SUB(publish_time, INTERVAL 27 HOUR) WHERE TRUE",
    "inventory_changes.freshness": "UPDATE ${raw}.inventory_changes SET publish_time = TIMESTAMP_SUB(publish_time, INTERVAL 51 HOUR) WHERE TRUE",
    "event_log.conflicting_bodies": "UPDATE ${staging}.event_log SET outcome = 'conflict' WHERE event_id = '00000000-0000-0000-0000-00000000000d'",
    "first_purchase.unique": TWICE.format("staging", "first_purchase", "TRUE"),
    "first_purchase.earliest": "UPDATE ${staging}.first_purchase SET event_time = TIMESTAMP_ADD(event_time, INTERVAL 1 HOUR) WHERE TRUE",
    "inventory_changes.unique": TWICE.format("staging", "inventory_changes", "kind = 'count'"),
    "inventory_changes.ranges": "UPDATE ${staging}.inventory_changes SET quantity = -1 WHERE kind = 'receipt'",
    "inventory_changes.sku_known": "UPDATE ${staging}.inventory_changes SET sku = 'nobody' WHERE kind = 'count'",
    "inventory_changes.location_known": "UPDATE ${staging}.inventory_changes SET location_id = 'nowhere' WHERE kind = 'count'",
    "inventory_changes.event_time": "UPDATE ${staging}.inventory_changes SET event_time = TIMESTAMP_ADD(published_at, INTERVAL 12 MINUTE) WHERE kind = 'count'",
    "inventory_changes.dated_long_ago": "UPDATE ${staging}.inventory_changes SET published_at = TIMESTAMP_ADD(event_time, INTERVAL 61 DAY) WHERE kind = 'count'",
    "locations.unique": TWICE.format("staging", "locations", "location_id = 'S01'"),
    "products.unique": TWICE.format("staging", "products", "sku = 'TOP-1'"),
    "products.category": "UPDATE ${staging}.products SET category = 'unknown' WHERE sku = 'TOP-1'",
    "product_costs.unique": TWICE.format("staging", "product_costs", "sku = 'TOP-2'"),
    "product_costs.overlap": "UPDATE ${staging}.product_costs SET applies_to = NULL WHERE sku = 'TOP-1'",
    "product_costs.complete": "DELETE FROM ${staging}.product_costs WHERE sku = 'TOP-2'",
    "product_costs.ranges": "UPDATE ${staging}.product_costs SET unit_cost = -1 WHERE sku = 'TOP-2'",
    "sales_lines.unique": TWICE.format("staging", "sales_lines", FREE),
    "sales_lines.transaction_unique": "UPDATE ${staging}.sales_lines SET transaction_id = 'T3' WHERE transaction_id = 'T4'",
    "sales_lines.ranges": f"UPDATE ${{staging}}.sales_lines SET channel = 'phone' WHERE {FREE}",
    "sales_lines.sku_known": f"UPDATE ${{staging}}.sales_lines SET sku = 'nobody' WHERE {FREE}",
    "sales_lines.location_known": f"UPDATE ${{staging}}.sales_lines SET location_id = 'nowhere' WHERE {FREE}",
    "sales_lines.event_time": "UPDATE ${staging}.sales_lines SET event_time = TIMESTAMP_ADD(published_at, INTERVAL 12 MINUTE) WHERE transaction_id = 'T3'",
    "sales_lines.dated_long_ago": "UPDATE ${staging}.sales_lines SET published_at = TIMESTAMP_ADD(event_time, INTERVAL 61 DAY) WHERE transaction_id = 'T3'",
    "quarantine.empty": "INSERT INTO ${staging}.quarantine (stream, event_id, body_hash, publish_date, publish_time, reason, rule, quarantined_at, run_id) VALUES ('sales', 'x', 1, CURRENT_DATE(), CURRENT_TIMESTAMP(), 'sku: is wrong', '', CURRENT_TIMESTAMP(), 'r')",
    "stock.unique": TWICE.format("staging", "stock", "location_id = 'W01'"),
    "gmv_daily.unique": TWICE.format("staging", "build_gmv_daily", "location_id = 'S02'"),
    "gmv_daily.complete": "UPDATE ${staging}.build_gmv_daily SET units = units + 1 WHERE location_id = 'S02'",
    "margin_daily.unique": TWICE.format("staging", "build_margin_daily", "business_date = '2026-03-04'"),
    "margin_daily.agrees_with_gmv_daily": "UPDATE ${staging}.build_margin_daily SET discounts = discounts + 1 WHERE business_date = '2026-03-04'",
    "margin_daily.cost_known": "UPDATE ${staging}.build_margin_daily SET cogs = NULL WHERE business_date = '2026-03-04'",
    "inventory_status.unique": TWICE.format("staging", "build_inventory_status", "location_id = 'W01'"),
    "inventory_status.complete": "UPDATE ${staging}.build_inventory_status SET on_hand = on_hand + 1 WHERE location_id = 'W01'",
    "inventory_status.status": "UPDATE ${staging}.build_inventory_status SET status = 'stockout' WHERE location_id = 'W01'",
    "orders_daily.unique": "INSERT INTO ${staging}.build_orders_daily SELECT * REPLACE (0 AS orders) FROM ${staging}.build_orders_daily WHERE business_date = '2026-03-01'",
    "orders_daily.agrees_with_gmv_daily": "UPDATE ${staging}.build_orders_daily SET orders = orders + 9 WHERE business_date = '2026-03-01'",
    "stock.agrees_with_live_inventory": (
        "UPDATE on_hand SET quantity = quantity + 1 WHERE location_id = 'W01'",
        "UPDATE on_hand SET quantity = quantity - 1 WHERE location_id = 'W01'",
    ),
    "history.agrees_with_live_inventory": (
        "UPDATE stream_event SET event_time = event_time + interval '1 year' WHERE event_id = '00000000-0000-0000-0000-00000000000d'",
        "UPDATE stream_event SET event_time = event_time - interval '1 year' WHERE event_id = '00000000-0000-0000-0000-00000000000d'",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def world(world_of_file: World) -> World:
    """Everything delivered half an hour ago, and run once: every store has settled."""
    made = world_of_file
    made.deliver(EVENTS, datetime.now(UTC) - timedelta(minutes=30))
    report = made.run()
    assert report.state == "succeeded", report.error
    for name in ("sales_lines", "inventory_changes"):  # trade of half an hour ago, as far as clocks are concerned
        made.sql(f"UPDATE ${{staging}}.{name} SET published_at = event_time WHERE business_date >= '2010-01-01'")
    for day in ("2026-03-01", "2026-03-02"):
        made.sql(
            "INSERT INTO ${staging}.unchecked_dates (business_date, marked_at, run_id) "
            f"VALUES (DATE '{day}', TIMESTAMP '2100-01-01 00:00:00+00', 'r')"
        )
    made.postgres("DELETE FROM quality_fault")
    for table in tables().values():
        if table.kind in ("raw", "table", "scratch"):
            made.sql(
                f"CREATE TABLE ${{{table.dataset}}}.{table.name}_copy AS SELECT * FROM ${{{table.dataset}}}.{table.name}"
            )
    return made


@dataclass
class Outcome:
    """What a check of everything found."""

    results: dict[str, dict[str, Any]]
    stop: str | None

    @property
    def failing(self) -> list[str]:
        return sorted(name for name, result in self.results.items() if result["status"] == "fail")


def checked(world: World, changed: str = "", dates: list[date] = DATES, **more: Any) -> Outcome:
    """Run the checks, as the task does, over the dates of the run: those that read the table `changed`, or all."""
    settings = world.settings.model_copy(update=more)
    run_id, stop = uuid.uuid4().hex, None
    world.postgres("DELETE FROM quality_fault")
    world.sql("DELETE FROM ${staging}.unchecked_dates WHERE TRUE")
    world.sql("INSERT INTO ${staging}.unchecked_dates SELECT * FROM ${staging}.unchecked_dates_copy")
    read = (f".{changed}", f"${{build:{changed.removeprefix('build_')}}}")
    reading = {
        name: check for name, check in checks().items() if not changed or any(part in check.sql for part in read)
    }
    with connect(settings) as connection, mock.patch.object(quality, "checks", return_value=reading):
        connection.autocommit = True
        try:
            quality.check(Run(settings, WarehouseClient(settings), connection, run_id, dates=dates))
        except QualityStop as stopped:
            stop = str(stopped)
    rows = world.postgres("SELECT * FROM quality_result WHERE run_id = %s", [run_id])
    return Outcome({row["check_name"]: row for row in rows}, stop)


def test_every_check_passes_on_sound_data_and_has_a_case_below(world: World) -> None:
    outcome = checked(world)
    assert outcome.failing == []
    assert outcome.stop is None
    assert outcome.results.keys() == BREAKS.keys()


@pytest.mark.parametrize("name", BREAKS)
def test_a_check_fails_alone_when_what_it_guards_is_broken(world: World, name: str) -> None:
    broken = BREAKS[name]
    if isinstance(broken, tuple):
        world.postgres(broken[0])
        outcome = checked(world, "stock")
        world.postgres(broken[1])
    else:
        table = broken.split()[2 if broken.startswith(("INSERT", "DELETE")) else 1]
        world.sql(broken)
        outcome = checked(world, table.partition(".")[2])
        world.sql(f"DELETE FROM {table} WHERE TRUE")
        world.sql(f"INSERT INTO {table} SELECT * FROM {table}_copy")
    assert outcome.failing == [name]
    result = outcome.results[name]
    assert result["failures"] >= 1
    assert result["sample"]
    assert (outcome.stop is not None) == (result["severity"] == "error")
    assert outcome.stop is None or name in outcome.stop


class FakeLake:
    """A bucket with one file a stream, as Pub/Sub writes it."""

    def __init__(self, kept: dict[str, list[dict[str, Any]]]) -> None:
        self._kept = kept

    def files(self, stream: Any, start: datetime, end: datetime) -> Iterator[tuple[File, bool]]:
        yield File(stream.key, 0), True
        yield File("somebody's notes", 0), False

    def opened(self, files: Iterator[File]) -> Iterator[tuple[File, io.BytesIO]]:
        for file in files:
            content = io.BytesIO()
            fastavro.writer(content, MESSAGE_SCHEMA, self._kept[file.name])
            content.seek(0)
            yield file, content


def messages_of(world: World) -> dict[str, list[dict[str, Any]]]:
    """What the raw tables hold, as the lake's messages."""
    raw = {
        key: world.sql(f"SELECT message_id, publish_time, event_id FROM ${{raw}}.{stream.table}")
        for key, stream in STREAMS.items()
    }
    bodies = {e["event_id"]: e for _, e in EVENTS}
    return {
        key: [
            {
                "data": encode(STREAMS[key], bodies[row["event_id"]]),
                "attributes": {},
                "message_id": row["message_id"],
                "publish_time": row["publish_time"],
                "subscription_name": "to-lake",
            }
            for row in rows
        ]
        for key, rows in raw.items()
    }


def test_a_message_that_only_one_of_lake_and_raw_table_has_is_found(world: World) -> None:
    kept = messages_of(world)
    assert list(messages(next(FakeLake(kept).opened(iter([File("sales", 0)])))[1])), "it is a file of the lake"

    def lake_outcome() -> tuple[list[str], str | None]:
        with mock.patch("workloads.pipeline.lake.Lake", return_value=FakeLake(kept)):
            outcome = checked(world, "nothing", lake_bucket="lake")
        return outcome.failing, outcome.results[reconcile.LAKE]["sample"]

    assert lake_outcome() == ([], None)
    world.postgres("DELETE FROM quality_result WHERE check_name = %s", [reconcile.LAKE])  # since the last that passed
    lost = kept["sales"].pop()
    assert lake_outcome() == ([reconcile.LAKE], f"sales message {lost['message_id']} is not in the lake")
    kept["sales"].append(lost)
    kept["inventory"].append({**kept["inventory"][0], "message_id": "more"})
    assert lake_outcome() == ([reconcile.LAKE], "inventory message more is not in the raw table")
    kept["inventory"][-1]["publish_time"] = datetime.now(UTC)
    assert lake_outcome() == ([], None), "what was published just now may be under way"


class SpiedLake(FakeLake):
    """That remembers which times were asked for."""

    def __init__(self, kept: dict[str, list[dict[str, Any]]]) -> None:
        super().__init__(kept)
        self.windows: list[tuple[datetime, datetime]] = []

    def files(self, stream: Any, start: datetime, end: datetime) -> Iterator[tuple[File, bool]]:
        self.windows.append((start, end))
        return super().files(stream, start, end)


def test_the_comparisons_read_what_changed_and_what_came_since_they_last_passed(world: World) -> None:
    lake, statements, run = SpiedLake(messages_of(world)), list[str](), WarehouseClient.run

    def spied(self: WarehouseClient, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        statements.append(statement)
        return run(self, statement, *arguments)

    changed = DATES[-1:]
    with mock.patch("workloads.pipeline.lake.Lake", return_value=lake):
        passed = checked(world, "nothing", changed, lake_bucket="lake").results[reconcile.LAKE]["checked_at"]
        lake.windows.clear()
        with mock.patch.object(WarehouseClient, "run", spied):
            outcome = checked(world, "nothing", changed, lake_bucket="lake")
    at = outcome.results[reconcile.LAKE]["checked_at"]
    assert outcome.failing == []
    assert lake.windows == [(passed - reconcile.SETTLED, at - reconcile.SETTLED)] * len(STREAMS)

    warehouse, raw = WarehouseClient(world.settings), {f"raw.{stream.table}": stream for stream in STREAMS.values()}
    keys = {warehouse._name(table): key for key, table in tables().items()}
    known = {
        name: scans.Table({column["name"]: column["type"] for column in bigquery_fields(raw[key])}, "publish_time")
        if key in raw
        else scans.Table(
            {column["name"]: column["type"] for column in tables()[key].columns}, tables()[key].partition_by
        )
        for name, key in keys.items()
    }
    read = {
        keys[one.table]: one
        for text in statements
        if not re.search("unchecked_dates|quality_results", text)  # what is kept of checks
        for statement in scans.statements(text)
        for one in scans.reads(statement, known)
    }

    def reads(table: str, value: str) -> bool:
        column, condition = known[read[table].table].partition_column, read[table].condition
        [row] = world.sql(f"SELECT {condition or 'TRUE'} AS is_read FROM (SELECT {value} AS {column})")
        return bool(row["is_read"])

    histories = {"staging.sales_lines", "staging.inventory_changes"}
    assert read.keys() == {*raw, *histories, "staging.event_log", "staging.stock"}
    for table in raw:
        since = passed - reconcile.SETTLED
        assert reads(table, f"TIMESTAMP '{since.isoformat()}'"), table
        assert not reads(table, f"TIMESTAMP '{(since - timedelta(seconds=1)).isoformat()}'"), table
    days = {table: [day for day in DATES if reads(table, f"DATE '{day}'")] for table in histories}
    assert days == {"staging.sales_lines": changed, "staging.inventory_changes": DATES[:2]}, "those and those unchecked"
    assert not reads("staging.event_log", "DATE_SUB(CURRENT_DATE(), INTERVAL 3 DAY)")
    assert len(read["staging.stock"].columns) == 3
