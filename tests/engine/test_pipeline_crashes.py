"""Killed after any statement, over shuffled, repeated and late events: the tables are those of one undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from google.cloud import bigquery

from tests.support.measures import Catalogue, Measures
from tests.support.processes import fork
from tests.support.push import change, rfc3339, sale
from tests.support.world import ZONE, Event, World
from workloads.pipeline import read_model, runner
from workloads.pipeline.history import Report
from workloads.pipeline.warehouse import WarehouseClient

SKUS = ("TOP-1", "TOP-2", "SHOE-1", "unheard-of")
LOCATIONS = ("W01", "S01", "S02", "elsewhere")
STAGING = {
    "sales_lines": "business_date >= '2010-01-01'",
    "inventory_changes": "business_date >= '2010-01-01'",
    "first_purchase": "TRUE",
    "stock": "TRUE",
}


def trade(dice: random.Random, many: int) -> list[Event]:
    """Sales, returns, guests, transfers and counts of ten days, on few shelves and by few customers."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=11)

    def one(n: int) -> Event:
        base = {
            "event_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            "event_time": rfc3339(start + timedelta(minutes=dice.randrange(10 * 24 * 4) * 15)),  # instants meet
            "location_id": dice.choice(LOCATIONS),
        }
        if dice.random() < 0.3:
            kind = dice.choice(("receipt", "transfer_in", "transfer_out", "adjustment", "count"))
            quantity = dice.randint(1, 30)
            return "inventory", change(kind, -quantity if kind == "transfer_out" else quantity, **base) | {
                "sku": dice.choice(SKUS)
            }
        lines = [
            {
                "line_number": number,
                "sku": dice.choice(SKUS),
                "quantity": dice.choice((1, 1, 2, 5, -1, -2)),
                "unit_price": str(Decimal(dice.randrange(100_000)) / 100),
                "discount": "0",
            }
            for number in range(1, dice.randint(2, 4))
        ]
        customer = dice.choice((None, None, "C1", "C2", "C3", "C4"))
        channel = dice.choice(("store", "online"))
        fields = base | {"transaction_id": f"T-{n}", "customer_id": customer, "channel": channel, "lines": lines}
        return "sales", sale(**fields)

    return [one(n) for n in range(many)]


@pytest.fixture(scope="module")
def catalogues(small_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """As it is, and as it is later: another category, another cost, a product gone."""
    later = tmp_path_factory.mktemp("later")
    products = (small_catalogue / "products.csv").read_text()
    changed = products.replace("TOP-2,Vest,tops", "TOP-2,Vest,knitwear").replace("8.3333", "9.1")
    (later / "products.csv").write_text("\n".join(line for line in changed.splitlines() if "SHOE" not in line) + "\n")
    (later / "locations.csv").write_text((small_catalogue / "locations.csv").read_text())
    return [small_catalogue, later]


def test_killed_after_every_statement_the_next_run_ends_right(empty_world: World, catalogues: list[Path]) -> None:
    """Each time new trade has arrived, some of it again, and a run is killed one statement later than the last.

    Nothing of what it left is looked at: the next is killed as well. Once on the way and at the end one may finish.
    """
    dice = random.Random(11)
    events = trade(dice, 240)
    world = empty_world
    run(world)
    points = _changing_statements(world, events[:1])
    assert len(points) >= 16, points
    batches = [events[n + 1 :: len(points)] for n in range(len(points))]
    sent = events[:1]
    with mock.patch.object(WarehouseClient, "ensure_tables"):
        for point, batch in enumerate(batches):
            again = dice.sample(sent, len(sent) // 3)
            sent += batch
            world.deliver(dice.sample([*batch, *again], len(batch) + len(again)))
            if point == len(points) // 2:
                world.load_catalogue(catalogues[1])
            _killed(world, _after_statement(point + 1))
            if point == len(points) // 2:
                assert run(world).state == "succeeded"
                _equal_computation(world, sent, catalogues[1])
        _killed(world, _narrowing_a_view)
        for at in (1, 3):  # with the marts out, in the middle of the read model's transaction
            _killed(world, _in_the_read_model(at))
        assert run(world).state == "succeeded"
    _equal_computation(world, events, catalogues[1])
    published, staging = world.published(), {table: _rows(world, table, every) for table, every in STAGING.items()}
    last = run(world)
    assert last.counts["dates"] == 0, "nothing is left to do"

    world.restore("empty")
    world.load_catalogue(catalogues[1])
    world.deliver(events)
    assert run(world).state == "succeeded"
    assert world.published() == published
    for table, every in STAGING.items():
        assert _rows(world, table, every) == staging[table], table


def test_a_date_whose_midnight_comes_twice_has_its_events(empty_world: World) -> None:
    """At one o'clock of that Sunday the clocks of the Azores were set back to midnight."""
    zone, world = "Atlantic/Azores", empty_world
    world.settings = world.settings.model_copy(update={"timezone": zone})
    start = datetime(2024, 10, 26, 23, 30, tzinfo=UTC)
    events = [("sales", sale(event_time=rfc3339(start + timedelta(minutes=30 * n)))) for n in range(6)]
    world.deliver(events, datetime.now(UTC) - timedelta(hours=1))
    with mock.patch.object(WarehouseClient, "ensure_tables"):
        assert run(world).state == "succeeded"
    by_date = {row["business_date"].isoformat(): row["orders"] for row in world.published()["gmv_daily"]}
    assert by_date == {"2024-10-26": 1, "2024-10-27": 5}
    checks = "SELECT check_name FROM quality_fault WHERE check_name = 'history.agrees_with_live_inventory'"
    assert world.postgres(checks) == []


def run(world: World) -> Report:
    """Run once a killed run's lock is gone: the database notices the death a moment later."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return world.run()
        except runner.AlreadyRunning:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _changing_statements(world: World, events: list[Event]) -> list[str]:
    """The statements and loads of a run over some events that change something, in order."""
    changing: list[str] = []
    world.deliver(events)
    with mock.patch.object(WarehouseClient, "ensure_tables"), _watched(lambda sql, _: changing.append(sql[:60])):
        run(world)
    return changing


def _after_statement(number: int) -> Callable[[], Any]:
    """Kill this process when that many changing statements are done."""
    done = 0

    def killing(_: str, job: Any) -> None:
        nonlocal done
        done += 1
        if done == number:
            job.result()
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: _watched(killing)


@contextmanager
def _watched(saw: Callable[[str, Any], None]) -> Iterator[None]:
    """Tell of each job that changes something, once it is sent."""
    query, load = bigquery.Client.query, bigquery.Client.load_table_from_file

    def asked(self: bigquery.Client, sql: str, *args: Any, **more: Any) -> Any:
        job = query(self, sql, *args, **more)
        if not sql.lstrip().startswith(("SELECT", "CREATE OR REPLACE VIEW")):  # views are written once a day
            saw(sql, job)
        return job

    def loaded(self: bigquery.Client, rows: Any, target: Any, *args: Any, **more: Any) -> Any:
        job = load(self, rows, target, *args, **more)
        saw(f"load {target}", job)
        return job

    with (
        mock.patch.object(bigquery.Client, "query", asked),
        mock.patch.object(bigquery.Client, "load_table_from_file", loaded),
    ):
        yield


@contextmanager
def _narrowing_a_view() -> Iterator[None]:
    """Kill this process when the first of the `_live` views is written anew, and its label is not."""

    def killing(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with (
        mock.patch.object(WarehouseClient, "_labels", return_value={}),
        mock.patch.object(bigquery.Client, "update_table", killing),
    ):
        yield


def _in_the_read_model(number: int) -> Callable[[], Any]:
    copy, done = read_model._copy, 0

    def killing(*args: Any) -> None:
        nonlocal done
        done += 1
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)
        copy(*args)

    return lambda: mock.patch.object(read_model, "_copy", killing)


def _killed(world: World, patched: Callable[[], Any]) -> None:
    """Run in a process of its own that is killed on the way, as `kill -9` does."""
    child = fork()
    if child == 0:
        try:
            with patched():
                run(world)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it was not killed but ended with {os.waitstatus_to_exitcode(status)}"


def _rows(world: World, table: str, every: str) -> list[str]:
    """Rows as text, without which run loaded them and when they arrived: that is of the delivery."""
    rows = world.sql(f"SELECT * FROM ${{staging}}.{table} WHERE {every}")
    return sorted(str({k: v for k, v in row.items() if k not in ("run_id", "published_at")}) for row in rows)


def _equal_computation(world: World, events: list[Event], catalogue: Path) -> None:
    """Marts and read model against the contract's words."""
    measures, published = Measures(events, ZONE, Catalogue(catalogue / "products.csv")), world.published()
    dimensions = ("business_date", "customer_type", "category", "channel", "location_id")
    for source in ("gmv_daily", "report_gmv_daily"):
        assert _by(dimensions, published[source]) == measures.gmv_daily(), source
    for source in ("margin_daily", "report_margin_daily"):
        assert _by(("business_date", "category"), published[source]) == measures.margin_daily(), source
    today = datetime.now(ZoneInfo(ZONE)).date()
    status = measures.inventory_status(today, reorder_point=20, max_days_of_cover=Decimal(60))
    assert _by(("location_id", "sku"), published["inventory_status"]) == status


def _by(keys: tuple[str, ...], rows: list[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    by_key = {
        tuple(str(row[key]) for key in keys): {name: value for name, value in row.items() if name not in keys}
        for row in rows
    }
    assert len(by_key) == len(rows), "a row stands twice"
    return by_key
