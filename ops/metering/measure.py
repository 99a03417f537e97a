"""One metering run: simulated days traded as tills do, the pipeline after each, people who look, and what it all used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psycopg

from ops import local_cloud
from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.google import connection, until_done
from ops.ledger import Ledger
from ops.metering.readings import Reading
from ops.metering.sizes import Sizes
from ops.metering.warehouse import MeteredWarehouse, Scan
from ops.sender import Sender, SendReport
from ops.summary import lake_client, warehouse_client
from ops.trade import Event, simulated
from workloads.events import STREAMS
from workloads.marts import MARTS
from workloads.pipeline.tables import tables

LOOKS = 20
RECENT_DAYS = 28
LARGEST_DAYS = 90
_LONGEST = 92
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Trade:
    """What to trade: whole business dates of the seeded simulator."""

    first: date
    days: int
    seed: int
    scale: float

    def midnight(self, day: int, zone: str) -> datetime:
        """When day number `day` (0: the first) begins."""
        start = self.first + timedelta(days=day)
        return datetime(start.year, start.month, start.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)

    def events(self, day: int, endpoints: Endpoints) -> list[tuple[str, Event]]:
        zone = endpoints.timezone
        start, end = self.midnight(day, zone), self.midnight(day + 1, zone)
        return list(
            simulated(
                start,
                end,
                seed=self.seed,
                scale=self.scale,
                timezone=zone,
                currency=endpoints.currency,
                catalogue=endpoints.catalogue,
            )
        )

    @property
    def dates(self) -> str:
        """A condition on `business_date`."""
        last = self.first + timedelta(days=self.days - 1)
        return f"business_date BETWEEN DATE '{self.first}' AND DATE '{last}'"


@dataclass(frozen=True)
class Scanned:
    """Bytes of an average run's scans, were every day like the metered ones.

    `recent`: of the partitions of the days that it rewrites and of the last four weeks, and of what it wrote itself;
    `kept`: of each day that raw tables and the event log are kept; `rest`: of what does not grow with trade.
    `largest`: of the dearest statement, with raw tables kept for `LARGEST_DAYS`.
    """

    recent: int
    kept: int
    rest: int
    largest: int


@dataclass(kw_only=True)
class Measurement:
    """What a run used. Counts are exact: the same trade gives the same again; seconds are this machine's."""

    trade: Trade
    sent: dict[str, int] = field(default_factory=dict)  # events a stream
    sent_seconds: float = 0.0
    used: Reading = field(default_factory=lambda: Reading({}, {}, {}))
    raw_bytes: dict[str, int] = field(default_factory=dict)  # a stream: logical bytes of its new raw rows
    raw_rows: dict[str, int] = field(default_factory=dict)
    lake_bytes: dict[str, int] = field(default_factory=dict)
    stored: dict[str, tuple[int, int]] = field(default_factory=dict)  # rows and logical bytes of the dates, by table
    runs: list[list[Scan]] = field(default_factory=list)
    scanned: Scanned = field(default_factory=lambda: Scanned(0, 0, 0, 0))
    run_seconds: float = 0.0
    look_requests: int = 0
    look_bytes: int = 0
    look_seconds: float = 0.0
    database_bytes: int = 0
    database_events: int = 0
    archive_bytes: int = 0


def measure(endpoints: Endpoints, trade: Trade, say: Say) -> Measurement:
    """Trade, run and look; a stack that did nothing else meanwhile is what is measured.

    Raises:
        OperatorError: the dates were traded before, events are rejected, or a process died.
    """
    _check(trade)
    measurement = Measurement(trade=trade)
    client = warehouse_client(endpoints)
    warehouse = MeteredWarehouse(client, endpoints.bigquery, sorted(endpoints.datasets.values()))
    _must_be_new(client, endpoints, trade)
    local_cloud.settle(endpoints)
    began, before = datetime.now(UTC), Reading.take(endpoints)
    for day in range(trade.days):
        events = trade.events(day, endpoints)
        report = asyncio.run(_send(endpoints, events))
        measurement.sent_seconds += report.seconds
        for stream, _ in events:
            measurement.sent[stream] = measurement.sent.get(stream, 0) + 1
        local_cloud.settle(endpoints)
        jobs, started = warehouse.job_ids(), time.monotonic()
        until_done(endpoints, endpoints.pipeline, "/run", {})
        measurement.run_seconds += time.monotonic() - started
        measurement.runs.append(warehouse.scans(jobs))
        say(f"{trade.first + timedelta(days=day)}: {len(events):,} events, {len(measurement.runs[-1])} tables scanned")
    _look(endpoints, trade, measurement)
    measurement.used = Reading.take(endpoints).since(before)
    _weigh(measurement, Sizes(client), warehouse, endpoints, began)
    _lake(measurement, endpoints, began)
    with psycopg.connect(endpoints.postgres) as db:
        [(measurement.database_bytes, measurement.database_events)] = db.execute(
            "SELECT pg_database_size(current_database()), (SELECT count(*) FROM stream_event)"
        ).fetchall()
    return measurement


def _check(trade: Trade) -> None:
    if not 1 <= trade.days <= _LONGEST:
        raise OperatorError(f"--days {trade.days}: from 1 to {_LONGEST} days can be metered at once")
    if trade.first + timedelta(days=trade.days) > datetime.now(UTC).date():
        raise OperatorError(f"--from {trade.first}: {trade.days} days from there end in the future; begin earlier")


def _must_be_new(client: Any, endpoints: Endpoints, trade: Trade) -> None:
    """What was traded before would be told apart as duplicates, and nothing would be measured."""
    query = f"SELECT COUNT(*) AS n FROM {endpoints.datasets['staging']}.sales_lines WHERE {trade.dates}"
    [row] = client.query_and_wait(query)
    if row["n"]:
        raise OperatorError(
            f"business dates from {trade.first} on were traded before; choose others with --from, or start afresh "
            "with `make down` and `make up`"
        )


async def _send(endpoints: Endpoints, events: list[tuple[str, Event]]) -> SendReport:
    """One event a request, one request at a time: as a till sends, and so that a request's time is its own."""
    ledger = Ledger(local_cloud.LEDGER)
    async with Sender(endpoints, endpoints.api_token, batch=1, concurrency=1, ledger=ledger) as sender:
        report = await sender.send(events)
    ledger.close()
    if report.rejected or report.retries:
        raise OperatorError(
            f"{report.rejected} events were rejected and {report.retries} sent again: {'; '.join(report.examples)}"
        )
    return report


def _look(endpoints: Endpoints, trade: Trade, measurement: Measurement) -> None:
    """People who look at stock, alerts and reports, one after the other."""
    dates = f"from={trade.first}&to={trade.first + timedelta(days=trade.days - 1)}"
    paths = [
        "/v1/freshness",
        "/v1/quality",
        "/v1/inventory/alerts?kind=low",
        "/v1/inventory?location_id=S01",
        f"/v1/reports/gmv?{dates}&grain=day&by=category",
        f"/v1/reports/margin?{dates}&grain=day&by=category",
    ]
    started = time.monotonic()
    headers = {"authorization": f"Bearer {endpoints.api_token}"}
    with httpx.Client(base_url=endpoints.api, headers=headers, timeout=60, **connection(endpoints.api)) as client:
        for path in paths * LOOKS:
            answer = client.get(path)
            if not answer.is_success:
                raise OperatorError(f"{path} answers {answer.status_code}: {answer.text[:200]}")
            measurement.look_requests += 1
            measurement.look_bytes += len(answer.content)
    measurement.look_seconds = time.monotonic() - started


def _weigh(
    measurement: Measurement, sizes: Sizes, warehouse: MeteredWarehouse, endpoints: Endpoints, began: datetime
) -> None:
    """Rows and logical bytes: of new raw rows, of the tables that keep the dates, and what a run scans a sale."""
    arrived = f"publish_time >= TIMESTAMP '{began.isoformat()}'"
    for stream in STREAMS.values():
        table = f"{endpoints.datasets['raw']}.{stream.table}"
        columns = [f.name for f in sizes.schema(table) if f.name != "message_id"]
        rows = sizes.of(table, arrived)[""]
        measurement.raw_rows[stream.key] = rows
        # Google's ids have 16 digits; those given here have as many as their turn needs.
        measurement.raw_bytes[stream.key] = sizes.total(table, arrived, columns) + rows * (2 + 16)
    for name in (stream.history for stream in STREAMS.values() if stream.history):
        measurement.stored[name] = _stored(sizes, f"{endpoints.datasets['staging']}.{name}", measurement.trade.dates)
    measurement.stored["event_log"] = _stored(
        sizes, f"{endpoints.datasets['staging']}.event_log", f"publish_date >= DATE '{began.date()}' AND {arrived}"
    )
    for name in (mart.table for mart in MARTS.values() if mart.by_date):
        measurement.stored[name] = _stored(sizes, f"{endpoints.datasets['marts']}.{name}", measurement.trade.dates)
    measurement.scanned = _a_run(measurement, sizes, warehouse, endpoints, arrived)


def _stored(sizes: Sizes, table: str, condition: str) -> tuple[int, int]:
    return sizes.of(table, condition)[""], sizes.total(table, condition)


def _a_run(
    measurement: Measurement, sizes: Sizes, warehouse: MeteredWarehouse, endpoints: Endpoints, arrived: str
) -> Scanned:
    """What `Scanned` is made of. A condition over more than four weeks is on what is kept."""
    recent: dict[tuple[int, int], float] = {}  # by run and statement
    kept: dict[tuple[int, int], float] = {}
    rest = 0
    scratch = {f"{endpoints.datasets[t.dataset]}.{t.name}" for t in tables().values() if t.kind == "scratch"}
    for number, run in enumerate(measurement.runs):
        for scan in run:
            table, columns, key = scan.read.table, scan.read.columns, (number, scan.statement)
            column = warehouse.partition_column(table)
            if scan.days is None and table in scratch:
                recent[key] = recent.get(key, 0) + scan.bytes
            elif scan.days is None or column not in ("business_date", "publish_date", "publish_time"):
                rest += scan.bytes
            else:
                dates = measurement.trade.dates if column == "business_date" else arrived
                day = sizes.total(table, dates, columns) / measurement.trade.days
                if scan.days > RECENT_DAYS:
                    kept[key] = kept.get(key, 0) + day
                else:
                    recent[key] = recent.get(key, 0) + day * scan.days
    runs = len(measurement.runs)
    largest = max((recent.get(key, 0) + kept.get(key, 0) * LARGEST_DAYS for key in {*recent, *kept}), default=0)
    return Scanned(
        round(sum(recent.values()) / runs), round(sum(kept.values()) / runs), round(rest / runs), round(largest)
    )


def _lake(measurement: Measurement, endpoints: Endpoints, began: datetime) -> None:
    """Bytes of the lake's new objects by stream, and of the archives that are deployed."""
    if not endpoints.archive_bucket:
        raise OperatorError("the stack was brought up before its outputs named the bucket of archives; run `make up`")
    client = lake_client(endpoints)
    for stream in STREAMS.values():
        blobs = client.list_blobs(endpoints.bucket, prefix=f"{stream.topic}/")
        measurement.lake_bytes[stream.key] = sum(int(b.size) for b in blobs if b.time_created >= began)
    measurement.archive_bytes = sum(int(b.size) for b in client.list_blobs(endpoints.archive_bucket))


def counts(measurement: Measurement) -> Mapping[str, Any]:
    """What is exact of a measurement, for machines."""
    return {
        "sent": measurement.sent,
        "topics": {name: measurement.used.topics[name] for name in _shown(measurement.used.topics)},
        "subscriptions": {
            name: measurement.used.subscriptions[name] for name in _shown(measurement.used.subscriptions)
        },
        "raw": {key: {"rows": rows, "bytes": measurement.raw_bytes[key]} for key, rows in measurement.raw_rows.items()},
        "stored": {name: {"rows": rows, "bytes": size} for name, (rows, size) in measurement.stored.items()},
        "scans": [
            {"tables": len(run), "bytes": sum(s.bytes for s in run), "billed": sum(s.billed for s in run)}
            for run in measurement.runs
        ],
    }


def _shown(traffic: Mapping[str, Mapping[str, int]]) -> list[str]:
    return sorted(name for name, counted in traffic.items() if counted["messages"])
