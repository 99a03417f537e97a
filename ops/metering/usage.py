"""What was measured, as variables of a usage file: `# <measured …>` to `# </measured>` in it is written by this."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.metering.measure import LARGEST_DAYS, Measurement, Trade
from workloads.events import STREAMS
from workloads.marts import MARTS

BLOCK = re.compile(r"^  # <measured.*?^  # </measured>\n", re.DOTALL | re.MULTILINE)
_BUSY_WEEK = date(2025, 12, 15)  # the simulator's busiest; whole, Monday to Sunday
_SERVICES = {"pos-api": "pos_api", "inventory-sync": "inventory_sync", "api": "api"}


@dataclass(frozen=True)
class Coefficient:
    """A variable: `value` a number, or numbers by kind of day. Approximations are this machine's."""

    name: str
    value: Decimal | dict[str, Decimal]
    what: str
    approximate: bool = False

    def line(self) -> str:
        shown = (
            "{" + ", ".join(f"{kind}: {_plain(n)}" for kind, n in self.value.items()) + "}"
            if isinstance(self.value, dict)
            else _plain(self.value)
        )
        return f"  {self.name}: {shown}  # {'about: ' if self.approximate else ''}{self.what}"


def coefficients(measurement: Measurement) -> Iterator[Coefficient]:
    """Per message, per event, per run: what scales with branches and calendar."""
    used, days = measurement.used, measurement.trade.days
    topics = {key: used.topics[stream.topic] for key, stream in STREAMS.items()}
    words = {"sales": "sale", "inventory": "change"}
    for key, name in words.items():
        if not topics[key]["messages"]:
            raise OperatorError(f"no event of stream {key} was traded: meter more days, or at a larger --scale")
        what = f"bytes of a {name}'s message as billed: data, attributes, ordering key, id, time"
        yield Coefficient(f"{name}_bytes", _each(topics[key]["bytes"], topics[key]["messages"]), what)
        rows, size = measurement.raw_rows[key], measurement.raw_bytes[key]
        yield Coefficient(f"{name}_row_bytes", _each(size, rows), f"logical bytes of a {name}'s raw row")
        lake = _each(measurement.lake_bytes[key], topics[key]["messages"])
        yield Coefficient(f"{name}_lake_bytes", lake, f"bytes of a {name} in the lake", approximate=True)
    messages, requests = (sum(t[counter] for t in topics.values()) for counter in ("messages", "requests"))
    yield Coefficient("publish_batch", _each(messages, requests), "messages in a publish request")
    sales, changes = (topics[key]["messages"] for key in ("sales", "inventory"))
    yield from _stored(measurement, sales, changes, days)
    yield from _scanned(measurement, sales, days)
    events = sum(measurement.sent.values())
    yield Coefficient(
        "event_database_bytes",
        _each(measurement.database_bytes, measurement.database_events),
        "bytes of an event in Cloud SQL, all tables and indexes",
        approximate=True,
    )
    yield Coefficient("archive_bytes", Decimal(measurement.archive_bytes), "bytes of the deployed archives together")
    yield Coefficient(
        "look_bytes", _each(measurement.look_bytes, measurement.look_requests), "bytes of an answer of the API"
    )
    for name, seconds, n, what in (
        ("till_ms", measurement.sent_seconds, events, "milliseconds of a request to the POS API, one event each"),
        ("look_ms", measurement.look_seconds, measurement.look_requests, "milliseconds of a request to the API"),
        ("run_ms", measurement.run_seconds, len(measurement.runs), "milliseconds of a run of the pipeline"),
    ):
        yield Coefficient(name, _each(round(seconds * 1000), n), what, approximate=True)
    yield from _processes(measurement, {"pos-api": events, "inventory-sync": events, "api": measurement.look_requests})


def _stored(measurement: Measurement, sales: int, changes: int, days: int) -> Iterator[Coefficient]:
    lines, kept = measurement.stored["sales_lines"]
    yield Coefficient("sale_lines", _each(lines, sales), "rows of a sale in the history", approximate=True)
    yield Coefficient("sale_history_bytes", _each(kept, sales), "logical bytes of a sale in the history")
    rows, kept = measurement.stored["inventory_changes"]
    yield Coefficient("change_history_bytes", _each(kept, changes), "logical bytes of a change in the history")
    rows, kept = measurement.stored["event_log"]
    yield Coefficient("event_log_bytes", _each(kept, rows), "logical bytes of an event in the event log")
    marts = sum(measurement.stored[mart.table][1] for mart in MARTS.values() if mart.by_date)
    yield Coefficient(
        "mart_day_bytes", _each(marts, days), "logical bytes of a day in the marts, of 20 branches", approximate=True
    )


def _scanned(measurement: Measurement, sales: int, days: int) -> Iterator[Coefficient]:
    scanned, a_day, tables = measurement.scanned, max(1, sales // days), sum(len(run) for run in measurement.runs)
    yield Coefficient(
        "run_tables", _each(tables, len(measurement.runs)), "tables that a run's statements scan, each 10 MB at least"
    )
    for name, total, what in (
        ("sale_scan_bytes", scanned.recent, "bytes a run scans of recent days, a sale of a day"),
        ("sale_kept_scan_bytes", scanned.kept, "bytes a run scans, a sale of a day and a day that raw tables are kept"),
        (
            "statement_scan_bytes",
            scanned.largest,
            f"bytes that the dearest statement scans, a sale of a day, with raw tables kept for {LARGEST_DAYS} days",
        ),
    ):
        yield Coefficient(name, _each(total, a_day), what)
    yield Coefficient(
        "run_rest_bytes", Decimal(scanned.rest), "bytes a run scans of what does not grow with trade, of 20 branches"
    )


def _processes(measurement: Measurement, requests: dict[str, int]) -> Iterator[Coefficient]:
    for process, name in _SERVICES.items():
        used, n = measurement.used.processes[process], requests[process]
        cpu = _each(round(used.cpu_seconds * 1e6), n * 1000)
        yield Coefficient(f"{name}_cpu_ms", cpu, f"CPU milliseconds of a request to {process}", approximate=True)
        yield Coefficient(
            f"{name}_log_bytes", _each(used.log_bytes, n), f"bytes that {process} logs a request", approximate=True
        )
    database = _each(round(measurement.used.processes["postgres"].cpu_seconds * 1e6), requests["pos-api"] * 1000)
    yield Coefficient(
        "database_cpu_ms", database, "CPU milliseconds of the database an event, reports included", approximate=True
    )
    pipeline, runs = measurement.used.processes["pipeline"], len(measurement.runs)
    yield Coefficient(
        "run_cpu_ms", _each(round(pipeline.cpu_seconds * 1000), runs), "CPU milliseconds of a run", approximate=True
    )
    yield Coefficient("run_log_bytes", _each(pipeline.log_bytes, runs), "bytes that a run logs", approximate=True)


def calendar(trade: Trade, endpoints: Endpoints) -> Iterator[Coefficient]:
    """Events that the simulator sends on its quietest and its average day, and on one of its busiest week."""
    week = [_day(trade, day, endpoints) for day in range(7)]
    busy = Trade(first=_BUSY_WEEK, days=7, seed=trade.seed, scale=trade.scale)
    busiest = [_day(busy, day, endpoints) for day in range(7)]
    for index, name in enumerate(("sales", "changes")):
        numbers = {
            "quiet": Decimal(min(day[index] for day in week)),
            "ordinary": Decimal(sum(day[index] for day in week) // 7),
            "sale": Decimal(sum(day[index] for day in busiest) // 7),
        }
        yield Coefficient(
            f"simulated_{name}", numbers, f"{name} that the simulator sends a day at scale {trade.scale:g}"
        )


def _day(trade: Trade, day: int, endpoints: Endpoints) -> tuple[int, int]:
    streams = [stream for stream, _ in trade.events(day, endpoints)]
    return streams.count("sales"), streams.count("inventory")


def block(measurement: Measurement, endpoints: Endpoints) -> str:
    """The variables between their marks, as `put` wants them."""
    trade = measurement.trade
    how = f"--days {trade.days} --from {trade.first} --seed {trade.seed} --scale {trade.scale:g}"
    lines = [
        f"  # <measured by `fastyle meter {how}`",
        f"  # on {datetime.now(UTC).date()}, {platform.system()} {platform.machine()}; `about` is an approximation of that machine>",
        *(c.line() for c in (*calendar(trade, endpoints), *coefficients(measurement))),
        "  # </measured>",
    ]
    return "\n".join(lines) + "\n"


def put(text: str, measured: str, where: Path) -> str:
    """A usage file with what was measured in its place.

    Raises:
        OperatorError: it has no place for it.
    """
    if len(BLOCK.findall(text)) != 1:
        raise OperatorError(f"{where} has no one place between `  # <measured` and `  # </measured>`; restore it")
    return BLOCK.sub(lambda _: measured, text)


def _each(total: int, n: int) -> Decimal:
    """A share to three places: exact totals give the same share again."""
    return (Decimal(total) / n).quantize(Decimal("0.001")) if n else Decimal(0)


def _plain(value: Decimal) -> str:
    digits = format(value, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
