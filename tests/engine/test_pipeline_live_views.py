"""The `_live` views before a run are the marts after it, and read no raw partition without news."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.push import change, rfc3339, sale
from tests.support.world import Event, World
from workloads.marts import MARTS
from workloads.pipeline.warehouse import WarehouseClient

pytestmark = pytest.mark.local

NOW = datetime.now(UTC).replace(microsecond=0)
LATE_DAYS = 3
VIEWS = tuple(mart.name for mart in MARTS.values() if mart.live)


def at(days: float) -> str:
    """So many days ago."""
    return rfc3339(NOW - timedelta(days=days))


def event(number: int, days: float, stream: str, body: dict[str, Any], **fields: Any) -> Event:
    identity = {"event_id": str(uuid.UUID(int=number)), "event_time": at(days), "location_id": "S01"}
    if stream == "sales":
        identity["transaction_id"] = f"T{number}"
    return stream, {**body, **identity, **fields}


def counted(number: int, days: float, quantity: int, sku: str = "TOP-1") -> Event:
    return event(number, days, "inventory", change("count", quantity), sku=sku)


def received(number: int, days: float, quantity: int, sku: str = "TOP-1") -> Event:
    return event(number, days, "inventory", change("receipt", quantity), sku=sku)


def sold(number: int, days: float, quantity: int, customer: str | None = None) -> Event:
    return event(number, days, "sales", sale(("TOP-1", quantity)), customer_id=customer)


@pytest.fixture(scope="module")
def world(bigquery_url: str, small_catalogue: Path) -> World:
    """A world of its own: its settings are part of its views."""
    made = World(bigquery_url, small_catalogue)
    made.settings = made.settings.model_copy(update={"stream_retention_days": LATE_DAYS})
    made.deliver([received(1, 20, 50), sold(2, 10, 1, "C1"), sold(3, 5, 2, "C1"), received(4, 4, 7), counted(5, 30, 3)])
    assert made.run().state == "succeeded"
    return made


def live(world: World) -> dict[str, list[dict[str, Any]]]:
    return {view: rows(world, f"{view}_live") for view in VIEWS}


def marts(world: World) -> dict[str, list[dict[str, Any]]]:
    return {view: rows(world, view) for view in VIEWS}


def rows(world: World, view: str) -> list[dict[str, Any]]:
    where = "" if view.startswith("inventory") else "WHERE business_date >= DATE '2009-12-31'"
    comparable = [
        # the stand-in's views have ratios as floats
        {
            name: round(Decimal(str(value)), 9) if isinstance(value, float | Decimal) else value
            for name, value in row.items()
        }
        for row in world.sql(f"SELECT * FROM ${{marts}}.{view} {where}")
    ]
    return sorted(comparable, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def test_what_arrived_is_in_them_as_the_next_run_will_have_it(world: World) -> None:
    assert live(world) == marts(world)
    today = [
        sold(10, 0.1, 1, "C2"),
        sold(11, 12, 3, "C1"),  # earlier than the customer's first purchase so far
        received(12, 0.2, 4),
        counted(13, 6, 40),  # later than the count in force: what moved since then is in the history
        counted(14, 400, 1, "BAG"),  # older than the views look back for what moved since, and the shelf is new
        received(16, 350, 2, "BAG"),
        event(17, 0, "sales", sale(("TOP-1", 1)), event_time="2010-01-01T00:00:00Z"),  # of the evening before, here
        event(15, 0.1, "inventory", change("receipt", -5), sku="TOP-1"),  # breaks the contract
        sold(3, 5, 2, "C1"),  # loaded by the first run
    ]
    backlog = [received(20, 300, 9), sold(21, 0.5, 1)]
    world.deliver([*today, today[0]], live=False)
    world.deliver(backlog, NOW - timedelta(days=LATE_DAYS), live=False)
    world.forget(str(uuid.UUID(int=2)))  # it was loaded long ago, and a replay brings it again
    world.deliver([sold(2, 10, 1, "C1")], live=False, subscription="sales-transactions-to-lake")
    seen = live(world)
    assert world.run().state == "succeeded"
    published = marts(world)
    for name in VIEWS:
        assert seen[name] == published[name], name
    assert live(world) == published
    [bag] = [row for row in published["inventory_status"] if row["sku"] == "BAG"]
    assert bag["on_hand"] == 3


def test_they_read_raw_partitions_from_the_first_that_can_have_news(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    since = datetime.now(UTC).date() - timedelta(days=LATE_DAYS + 1)
    for name in ("live_new_sales", "live_new_inventory"):
        view = world.client.get_table(f"{world.client.project}.{world.datasets['staging']}.{name}")
        assert view.labels["live_since"] == str(since), name
    with caplog.at_level("INFO", "workloads.pipeline.warehouse"):
        warehouse = WarehouseClient(world.settings)
        warehouse.ensure_tables()
        warehouse.narrow_live_views()
    assert not [message for message in caplog.messages if message.startswith("wrote ")], "it is written once a day"

    world.deliver([sold(30, 50, 1)], NOW - timedelta(days=50), live=False)
    unloaded = "SELECT event_id FROM ${staging}.live_new_sales"
    assert world.sql(unloaded) == [], "a partition from before any late message is not read"
    # A view that is written anew, as with another rule of the contract, reads everything until a run has loaded it.
    world.sql("DROP VIEW ${staging}.live_new_sales")
    warehouse.ensure_tables()
    assert world.sql(unloaded) == [{"event_id": str(uuid.UUID(int=30))}]
    assert world.run().state == "succeeded"
    assert world.sql(unloaded) == []
