"""What reading the `_live` views costs beside what a run has loaded already: `python -m bench.live_views`.

A world of its own, on a BigQuery stand-in that ends with the measurement. The cost is processor time of the stand-in: it
should follow what is new since the last run and the dates that are asked for, not the events that were loaded.
"""

from __future__ import annotations

import io
import json
import random
import statistics
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from ops.terminal import console
from tests.support.push import rfc3339, sale
from tests.support.world import World, started_bigquery
from tools.bench import history
from workloads.events.schema import STREAMS, bigquery_fields
from workloads.pipeline.warehouse import WarehouseClient

LOADED = (3_000, 300_000)
NEW = 300
READINGS = 3
DAYS = 30  # over which the loaded events lie; all of them were published within the last hours
QUERIES = {
    "gmv_daily_live": "SELECT SUM(gmv) AS n FROM ${marts}.gmv_daily_live WHERE business_date >= DATE '2010-01-01'",
    "gmv_daily_live, one date": "SELECT SUM(gmv) AS n FROM ${marts}.gmv_daily_live WHERE business_date = CURRENT_DATE()",
    "margin_daily_live": "SELECT SUM(cogs) AS n FROM ${marts}.margin_daily_live WHERE business_date >= DATE '2010-01-01'",
    "inventory_status_live": "SELECT SUM(on_hand) AS n FROM ${marts}.inventory_status_live",
}


_LOADED = (
    """
    INSERT INTO ${staging}.event_log
      (stream, event_id, body_hash, publish_date, publish_time, business_date, outcome, run_id)
    SELECT 'sales', event_id, 1, DATE(publish_time), publish_time, DATE(event_time), 'loaded', 'r'
    FROM ${raw}.sales_transactions WHERE publish_time >= TIMESTAMP '2010-01-01'
    """,
    """
    INSERT INTO ${staging}.sales_lines (event_id, transaction_id, event_time, business_date, location_id, channel,
      customer_id, line_number, sku, quantity, unit_price, discount, body_hash, run_id)
    SELECT r.event_id, r.transaction_id, r.event_time, DATE(r.event_time), r.location_id, r.channel, r.customer_id,
      l.line_number, l.sku, l.quantity, l.unit_price, l.discount, 1, 'r'
    FROM ${raw}.sales_transactions AS r CROSS JOIN UNNEST(r.lines) AS l WHERE r.publish_time >= TIMESTAMP '2010-01-01'
    """,
    """
    INSERT INTO ${staging}.first_purchase (customer_id, event_time, transaction_id, business_date, run_id)
    SELECT customer_id, event_time, transaction_id, DATE(event_time), 'r' FROM ${raw}.sales_transactions
    WHERE publish_time >= TIMESTAMP '2010-01-01' AND customer_id IS NOT NULL
    QUALIFY ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY event_time, transaction_id) = 1
    """,
    """
    INSERT INTO ${staging}.stock (location_id, sku, moved, on_hand, run_id)
    SELECT location_id, sku, -SUM(quantity), -SUM(quantity), 'r' FROM ${staging}.sales_lines
    WHERE business_date >= DATE '2010-01-01' GROUP BY location_id, sku
    """,
)


def measure(loaded: Sequence[int] = LOADED) -> dict[str, Any]:
    """Processor time of a reading of each view, by events that were loaded before."""
    seconds: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        catalogue = history.invented_catalogue(Path(folder))
        for url in started_bigquery(Path(folder), durable=True):
            server = _server()
            for events in loaded:
                console.print(f"==> the live views beside {events:,} events that were loaded")
                seconds[events] = _readings(World(url, catalogue), server, events)
    few, many = min(loaded), max(loaded)
    return {
        "about": f"{NEW} new events; processor seconds of the BigQuery stand-in, the median of {READINGS} readings",
        "seconds": {str(events): values for events, values in seconds.items()},
        f"ratios_{many}_to_{few}": {query: round(seconds[many][query] / seconds[few][query], 2) for query in QUERIES},
    }


def _readings(world: World, server: psutil.Process, events: int) -> dict[str, float]:
    dice = random.Random(events)  # noqa: S311 - invented trade
    WarehouseClient(world.settings).ensure_tables()
    load(world, _sales(dice, events))
    mark_loaded(world)
    load(world, _sales(dice, NEW))
    measured = {}
    for query, statement in QUERIES.items():
        readings = []
        for _ in range(READINGS):
            before = _processor(server)
            world.sql(statement)
            readings.append(_processor(server) - before)
        measured[query] = round(statistics.median(readings), 3)
    return measured


def mark_loaded(world: World) -> None:
    """Bring the raw sales into the history in a few statements, where a run would take minutes."""
    for statement in _LOADED:
        world.sql(statement)


def load(world: World, sales: Iterator[dict[str, Any]]) -> None:
    """Write sales into the raw table as one load job."""
    now = datetime.now(UTC)
    rows = io.BytesIO()
    for number, event in enumerate(sales):
        attributes = json.dumps({"event_id": event["event_id"]})
        published = (now - timedelta(milliseconds=10 * number)).isoformat()
        message = {"subscription_name": "s", "message_id": uuid.uuid4().hex, "publish_time": published}
        rows.write(json.dumps({**event, **message, "attributes": attributes}).encode() + b"\n")
    rows.seek(0)
    stream = STREAMS["sales"]
    WarehouseClient(world.settings).start_load(f"raw.{stream.table}", rows, bigquery_fields(stream)).result()


def _sales(dice: random.Random, count: int) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    for _ in range(count):
        customer = f"C{dice.randrange(20_000)}" if dice.random() < 0.6 else None
        lines = ((f"SKU-{dice.randrange(40):02}", dice.randint(1, 3)) for _ in range(2))
        moment = rfc3339(now - timedelta(seconds=dice.randrange(DAYS * 86_400)))
        identity = {"event_id": str(uuid.UUID(int=dice.getrandbits(128), version=4)), "event_time": moment}
        yield sale(*lines, **identity) | {"location_id": f"L{dice.randrange(21):02}", "customer_id": customer}


def _server() -> psutil.Process:
    """The BigQuery stand-in that this process has started."""
    [server] = [child for child in psutil.Process().children() if "bigquery_server" in " ".join(child.cmdline())]
    return server


def _processor(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    console.print_json(data=measure())
