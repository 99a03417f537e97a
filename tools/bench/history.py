"""What one new day costs the pipeline on a short, a long and a very long history: `python -m tools.bench.history`.

Worlds of their own, on a BigQuery stand-in and a PostgreSQL that end with the measurement. Time is the stand-in's and
says little by itself; rows read are what BigQuery would read after pruning, by the proof that the tests rest on.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from google.cloud import bigquery

from ops.terminal import console
from tests.support.googlesql import Analyser, schemas
from tests.support.pruning import Node, Pruning
from tests.support.push import change, rfc3339, sale
from tests.support.world import Event, World, started_bigquery
from workloads.events import STREAMS
from workloads.pipeline.tables import tables
from workloads.pipeline.warehouse import WarehouseClient

HISTORIES = (7, 70, 700)  # days
NEW_DAYS = 3  # measured on each history, one after the other
SALES, CHANGES = 120, 40  # a day
_SKUS, _LOCATIONS, _CUSTOMERS = 40, 21, 2_000
_RETENTION = 60  # days, of raw tables


@dataclass(frozen=True)
class Cost:
    """One run over one new day."""

    seconds: float
    rows_read: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(self.rows_read.values())


def measure(histories: Sequence[int] = HISTORIES) -> dict[str, Any]:
    """Time and rows read of a run over one new day, by days of history; about four minutes for all three."""
    analyser = Analyser(schemas())
    try:
        with tempfile.TemporaryDirectory() as folder:
            catalogue = invented_catalogue(Path(folder))
            costs = {}
            for url in started_bigquery(Path(folder), durable=True):
                for days in histories:
                    console.print(f"==> one new day on {days} days of history")
                    costs[days] = list(_new_days(World(url, catalogue), analyser, days))
    finally:
        analyser.close()
    return _told(costs)


def _told(costs: Mapping[int, Sequence[Cost]]) -> dict[str, Any]:
    seconds = {days: statistics.median(cost.seconds for cost in costs_of_days) for days, costs_of_days in costs.items()}
    rows = {days: statistics.median_low([cost.rows for cost in costs_of_days]) for days, costs_of_days in costs.items()}
    shortest, longest = min(costs), max(costs)
    before = sorted(costs)[-2] if len(costs) > 1 else longest
    return {
        "about": f"a day is {SALES} sales and {CHANGES} changes; windows of {_RETENTION} days (events known again) and "
        "28 days (units sold) fill up first, whatever the history",
        "seconds": {str(days): round(value, 2) for days, value in seconds.items()},
        "rows_read": {str(days): value for days, value in rows.items()},
        "rows_read_by_table": {str(days): dict(costs_of_days[-1].rows_read) for days, costs_of_days in costs.items()},
        "ratios": {
            f"seconds_{longest}_to_{shortest}": round(seconds[longest] / seconds[shortest], 2),
            f"seconds_{longest}_to_{before}": round(seconds[longest] / seconds[before], 2),
            f"rows_read_{longest}_to_{shortest}": round(rows[longest] / rows[shortest], 2),
            f"rows_read_{longest}_to_{before}": round(rows[longest] / rows[before], 2),
        },
    }


def _new_days(world: World, analyser: Analyser, days: int) -> Iterator[Cost]:
    """Bring the history in, let its raw rows expire, and measure a few days more."""
    dice = random.Random(days)  # noqa: S311 - invented trade
    today = datetime.now(UTC).replace(microsecond=0)
    begin = today - timedelta(days=days + NEW_DAYS)
    for day in range(days):
        at = begin + timedelta(days=day)
        world.deliver(_trade(dice, at, opening=day == 0), at, live=False)
    settings = world.settings
    world.settings = settings.model_copy(update={"raw_retention_days": days + NEW_DAYS + 2})
    assert world.run().state == "succeeded"
    world.settings = settings.model_copy(update={"raw_retention_days": _RETENTION})
    expired = f"publish_time < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {_RETENTION} DAY)"
    for stream in STREAMS.values():
        world.sql(f"DELETE FROM ${{raw}}.{stream.table} WHERE {expired}")
    with mock.patch.object(WarehouseClient, "ensure_tables"):  # the same whatever the history
        assert world.run().state == "succeeded"
        for day in range(days, days + NEW_DAYS):
            at = begin + timedelta(days=day)
            world.deliver(_trade(dice, at), at, live=False)
            yield _one_run(world, analyser)


def _one_run(world: World, analyser: Analyser) -> Cost:
    statements: list[str] = []
    query = bigquery.Client.query

    def noted(client: bigquery.Client, sql: str, *args: Any, **more: Any) -> Any:
        statements.append(sql)
        return query(client, sql, *args, **more)

    with mock.patch.object(bigquery.Client, "query", noted):
        started = time.monotonic()
        report = world.run()
        seconds = time.monotonic() - started
    assert report.state == "succeeded", report.error
    return Cost(seconds, rows_read(world, analyser, statements))


def rows_read(world: World, analyser: Analyser, statements: Sequence[str]) -> dict[str, int]:
    """Rows that scans of `statements` read after pruning, by table; a table read twice counts twice."""
    # One without a partition column is read whole; a script's condition that does not hold costs nothing.
    columns = {table.key: table.partition_by or "" for table in tables().values()}
    columns |= {f"raw.{stream.table}": "publish_time" for stream in STREAMS.values()}
    pruning = Pruning(columns, {})
    read: dict[str, int] = {}
    counted: dict[tuple[str, str], int] = {}
    for script in statements:
        for name, dataset in world.datasets.items():
            script = script.replace(f"{dataset}.", f"{name}.")
        for tree in _trees(analyser, script):
            for scan in pruning.reads(tree):
                key = (scan.table, scan.where())
                if key not in counted:
                    [row] = world.sql(
                        f"SELECT COUNT(*) AS n FROM ${{{scan.table.replace('.', '}.')} WHERE {scan.where()}"
                    )
                    counted[key] = row["n"]
                read[scan.table] = read.get(scan.table, 0) + counted[key]
    return dict(sorted(read.items()))


def _trees(analyser: Analyser, script: str) -> Iterator[Node]:
    for statement in analyser.analyse(script):
        assert statement.tree is not None, statement.error
        if "'catalogue', CURRENT_TIMESTAMP()" not in statement.sql:  # its catalogue does not change
            yield statement.tree


def _trade(dice: random.Random, at: datetime, *, opening: bool = False) -> list[Event]:
    """A day of trade that ends at `at`."""

    def identity() -> dict[str, Any]:
        moment = at - timedelta(seconds=dice.randrange(86_400))
        return {"event_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)), "event_time": rfc3339(moment)}

    def shelf() -> dict[str, str]:
        return {"location_id": f"L{dice.randrange(_LOCATIONS):02}", "sku": f"SKU-{dice.randrange(_SKUS):02}"}

    first = [
        ("inventory", change("receipt", 500, **identity()) | {"location_id": f"L{location:02}", "sku": f"SKU-{sku:02}"})
        for location in range(_LOCATIONS if opening else 0)
        for sku in range(_SKUS)
    ]
    changes = [("inventory", change("receipt", dice.randint(1, 20), **identity()) | shelf()) for _ in range(CHANGES)]
    sales = []
    for _ in range(SALES):
        event = sale(*((f"SKU-{dice.randrange(_SKUS):02}", dice.randint(1, 3)) for _ in range(2)), **identity())
        customer = f"C{dice.randrange(_CUSTOMERS)}" if dice.random() < 0.6 else None
        sales.append(("sales", event | {"location_id": shelf()["location_id"], "customer_id": customer}))
    return [*first, *changes, *sales]


def invented_catalogue(folder: Path) -> Path:
    header = "sku,name,category,style,size,colour,list_price,unit_cost,valid_from,reorder_point\n"
    products = (f"SKU-{n:02},Product {n},category-{n % 9},,,,10.00,4.50,,\n" for n in range(_SKUS))
    (folder / "products.csv").write_text(header + "".join(products), encoding="utf-8")
    locations = (f"L{n:02},Location {n},branch\n" for n in range(_LOCATIONS))
    (folder / "locations.csv").write_text("location_id,name,kind\n" + "".join(locations), encoding="utf-8")
    return folder


if __name__ == "__main__":
    console.print_json(data=measure())
