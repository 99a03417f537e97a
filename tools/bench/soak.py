"""`make soak`: mixed trade at a steady rate while one fault after another is done to the local stack.

What it shows: nothing accepted is lost or counted twice, each fault is reported by `fastyle status` while it lasts, and
the shelf is as fast as before soon after it ends. Then twice the highest rate that is held: refusals that say so, a
backlog that drains, memory that comes back. Writes `bench/soak.json`; exit 1 when something was lost, doubled, not
reported or not as fast as before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import psycopg

from ops.endpoints import LOCAL, REPOSITORY, Endpoints, load_endpoints
from ops.google import request
from ops.local_cloud import settle
from ops.summary import warehouse_client
from ops.terminal import console
from tools.bench.end_to_end import sale
from tools.bench.faults import Fault, faults, left_out

RESULTS = REPOSITORY / "bench" / "soak.json"
REPORTED_WITHIN_SECONDS = 60.0
RECOVERY_SECONDS = 30.0
BASELINE_SECONDS = 8.0
FLOOD_SECONDS = 120.0
SETTLED_SECONDS = 15.0  # whose p99 is held against the former one, from `RECOVERY_SECONDS` after a fault's end
P99_NOISE, P99_NOISE_MS = 1.5, 100.0
"""What a p99 may be over the former one and still count as back: on a shared machine two windows without any fault differ
by as much."""
ANSWER_SECONDS = 10.0
"""Within which the POS API answers, whatever it answers (docs/pos-api.md)."""
REQUESTS_PER_SECOND = 50
"""Of the flood, as of the bench that says which rate is held (`tools.bench.end_to_end`): the batches grow with the rate."""
IN_FLIGHT = 500
"""Requests of the flood that wait for their answers at most: ten seconds' worth. What is due beyond is counted, not sent."""
FLOOD = "flood"
"""The name of what comes after the faults, which can be run by itself."""
MEMORY_MARGIN = 1.5
"""What a flood may leave of a process's memory, as a multiple: allocators keep some of what they had."""


@dataclass
class Traffic:
    """Sales of one unit each, sent again until they are accepted, as a till does; or once, as a flood."""

    location: str
    accepted: dict[str, float] = field(default_factory=dict)
    """Event id to the wall-clock second of its acceptance."""
    answers: Counter[str] = field(default_factory=Counter)
    waited: float = 0.0
    """The longest that an answer took, in seconds."""
    not_sent: int = 0
    """Events of a flood that were due while `IN_FLIGHT` requests waited for their answers."""
    stopped: bool = False

    async def run(self, endpoints: Endpoints, rate: float, *, batch: int = 1, again: bool = True) -> None:
        """Offer `rate` events a second until `stopped`, `batch` a request; `again`: until they are accepted.

        No request waits within the client for a connection: what it waits is the POS API's.
        """
        headers = {"authorization": f"Bearer {endpoints.api_token}"}
        limits, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=3 * ANSWER_SECONDS)
        async with aiohttp.ClientSession(headers=headers, connector=limits, timeout=timeout) as client:
            started, due, tills = time.monotonic(), 0, set[asyncio.Task[None]]()
            while not self.stopped:
                await asyncio.sleep(max(0.001, started + (due + 1) * batch / rate - time.monotonic()))
                behind, due = due, int((time.monotonic() - started) * rate / batch)
                for _ in range(due - behind):
                    if not again and len(tills) >= IN_FLIGHT:
                        self.not_sent += batch
                        continue
                    till = asyncio.create_task(self._sell(client, endpoints, batch, again=again))
                    tills.add(till)
                    till.add_done_callback(tills.discard)
            await asyncio.gather(*tills)

    async def _sell(self, client: aiohttp.ClientSession, endpoints: Endpoints, batch: int, *, again: bool) -> None:
        events, wait = [sale(self.location) for _ in range(batch)], 0.2
        while True:
            began = time.monotonic()
            try:
                async with client.post(f"{endpoints.pos_api}/v1/transactions", json=events) as answer:
                    self.answers[str(answer.status)] += 1
                    self.waited = max(self.waited, time.monotonic() - began)
                    if answer.status == 202:
                        self.accepted |= dict.fromkeys((event["event_id"] for event in events), time.time())
                        return
            except (aiohttp.ClientError, TimeoutError) as error:
                self.answers[type(error).__name__] += 1
            if not again:
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, 5.0)


@dataclass
class Seen:
    """What became of one fault."""

    fault: str
    began: float
    ended: float
    reported_after_seconds: float | None
    must_be_reported: bool
    p99_before_ms: float | None = None
    p99_after_ms: float | None = None
    p99_limit_ms: float | None = None
    recovered: bool = False
    """Whether the p99 was back under its former value, within the noise, `RECOVERY_SECONDS` after the fault's end."""

    @property
    def unreported(self) -> bool:
        return self.must_be_reported and self.reported_after_seconds is None


def soak(endpoints: Endpoints, rate: float, flood_rate: float, only: str = "") -> dict[str, Any]:
    """Every fault in turn, then the flood; with `only` those with it in their names. The document of `bench/soak.json`."""
    traffic = Traffic(f"SOAK-{uuid.uuid4().hex[:8]}")
    load = {"cpus": os.cpu_count() or 1, "before": round(os.getloadavg()[2], 1)}
    done = asyncio.run(_with_faults(endpoints, traffic, rate, only))
    load["after"] = round(os.getloadavg()[2], 1)
    console.print("==> everything that was accepted arrives")
    settle(endpoints)
    recorded = _recorded(endpoints, traffic.location)
    for each in done:
        each.p99_before_ms = _p99(traffic, recorded, each.began - BASELINE_SECONDS, each.began)
        settled = each.ended + RECOVERY_SECONDS
        each.p99_after_ms = _p99(traffic, recorded, settled, settled + SETTLED_SECONDS)
        if each.p99_before_ms is not None and each.p99_after_ms is not None:
            each.p99_limit_ms = max(each.p99_before_ms * P99_NOISE, each.p99_before_ms + P99_NOISE_MS)
            each.recovered = each.p99_after_ms <= each.p99_limit_ms
    flood = _flood(endpoints, flood_rate) if only in ("", FLOOD) else {}
    return {
        "about": "stand-ins on one machine; counts are exact, times are of this run",
        "processor_queue": load,
        "offered_per_second": rate,
        "accepted": len(traffic.accepted),
        "answers": dict(traffic.answers),
        **_accounts(endpoints, traffic, recorded),
        "faults": [asdict(each) for each in done],
        "left_out": left_out(),
        "unreported": [each.fault for each in done if each.unreported],
        "p99_tolerance": f"{P99_NOISE:g} times the p99 of the {BASELINE_SECONDS:g} s before the fault, or {P99_NOISE_MS:g} ms over it",
        "not_recovered": [each.fault for each in done if not each.recovered],
        "flood": flood,
    }


async def _with_faults(endpoints: Endpoints, traffic: Traffic, rate: float, only: str) -> list[Seen]:
    def processes() -> dict[str, dict[str, Any]]:
        return {process["name"]: process for process in _status(endpoints)["processes"]}

    trading = asyncio.create_task(traffic.run(endpoints, rate))
    seen = []
    for fault in faults(endpoints, processes):
        if only not in fault.name:
            continue
        await asyncio.sleep(BASELINE_SECONDS)
        console.print(f"==> {fault.name}")
        seen.append(await _done(endpoints, fault))
        await asyncio.sleep(RECOVERY_SECONDS + SETTLED_SECONDS)
    traffic.stopped = True
    await trading
    return seen


async def _done(endpoints: Endpoints, fault: Fault) -> Seen:
    before, began, reported = await asyncio.to_thread(_status, endpoints), time.time(), None
    async with fault.inject():
        while (passed := time.time() - began) < fault.seconds:
            if reported is None and await _reports(endpoints, fault, before):
                reported = passed
            await asyncio.sleep(0.5)
    ended = time.time()
    while fault.sign is not None and reported is None and time.time() - began < REPORTED_WITHIN_SECONDS:
        if await _reports(endpoints, fault, before):
            reported = time.time() - began
        await asyncio.sleep(0.5)
    return Seen(fault.name, began, ended, reported, fault.sign is not None)


async def _reports(endpoints: Endpoints, fault: Fault, before: dict[str, Any]) -> bool:
    return fault.sign is not None and fault.sign(before, await asyncio.to_thread(_status, endpoints))


def _status(endpoints: Endpoints) -> dict[str, Any]:
    return request("GET", f"{endpoints.control}/status", timeout=10)


def _recorded(endpoints: Endpoints, location: str) -> dict[str, datetime]:
    """Event id to when live inventory recorded it."""
    query = """
        SELECT DISTINCT e.event_id::text, e.recorded_at
        FROM stream_event e JOIN movement m USING (event_id) WHERE m.location_id = %s
    """
    with psycopg.connect(endpoints.postgres) as db:
        return dict(db.execute(query, (location,)).fetchall())


def _accounts(endpoints: Endpoints, traffic: Traffic, recorded: dict[str, datetime]) -> dict[str, Any]:
    """What is lost or doubled, on the shelf and in the warehouse."""
    with psycopg.connect(endpoints.postgres) as db:
        row = db.execute("SELECT -sum(quantity) FROM on_hand WHERE location_id = %s", (traffic.location,)).fetchone()
    raw = warehouse_client(endpoints).query_and_wait(
        f"SELECT DISTINCT event_id FROM `{endpoints.datasets['raw']}.sales_transactions` "
        f"WHERE publish_time >= TIMESTAMP('2000-01-01') AND location_id = '{traffic.location}'"
    )
    stored = {event_id for (event_id,) in raw}
    # A till that got no answer asks again: what it sent may have been taken the first time.
    return {
        "lost_on_the_shelf": len(traffic.accepted.keys() - recorded.keys()),
        "lost_in_the_warehouse": len(traffic.accepted.keys() - stored),
        "doubled": int((row[0] if row and row[0] is not None else 0) - len(recorded)),
    }


def _p99(traffic: Traffic, recorded: dict[str, datetime], start: float, end: float) -> float | None:
    """Milliseconds from acceptance to the shelf, of what was accepted from `start` to `end`."""
    waits = sorted(
        max(0.0, recorded[event].timestamp() - moment)
        for event, moment in traffic.accepted.items()
        if start <= moment < end and event in recorded
    )
    return round(waits[min(len(waits) - 1, int(0.99 * len(waits)))] * 1000, 1) if waits else None


def _flood(endpoints: Endpoints, rate: float) -> dict[str, Any]:
    """More than the stack can take, without a till's patience."""
    console.print(f"==> {rate:,.0f} events a second for {FLOOD_SECONDS:.0f} s")
    before, queue = _memory(endpoints), round(os.getloadavg()[2], 1)
    flood = Traffic(f"FLOOD-{uuid.uuid4().hex[:8]}")

    async def run() -> None:
        batch = max(1, round(rate / REQUESTS_PER_SECOND))
        trading = asyncio.create_task(flood.run(endpoints, rate, batch=batch, again=False))
        await asyncio.sleep(FLOOD_SECONDS)
        flood.stopped = True
        await trading

    asyncio.run(run())
    started = time.monotonic()
    settle(endpoints)
    drained = time.monotonic() - started
    time.sleep(RECOVERY_SECONDS)
    after = _memory(endpoints)
    recorded = _recorded(endpoints, flood.location)
    return {
        "processor_queue": {"before": queue, "after": round(os.getloadavg()[2], 1)},
        "offered_per_second": rate,
        "requests_per_second": REQUESTS_PER_SECOND,
        "accepted": len(flood.accepted),
        "answers": dict(flood.answers),
        "longest_answer_seconds": round(flood.waited, 1),
        "not_sent": flood.not_sent,
        "lost_on_the_shelf": len(flood.accepted.keys() - recorded.keys()),
        "drained_after_seconds": round(drained, 1),
        "memory_mb": {name: [round(before[name] / 1e6), round(after.get(name, 0) / 1e6)] for name in before},
        "memory_kept": {
            name: round(after[name] / before[name], 2)
            for name in before
            if before[name] and after.get(name, 0) > before[name] * MEMORY_MARGIN
        },
    }


def _memory(endpoints: Endpoints) -> dict[str, int]:
    return {process["name"]: process["rss"] or 0 for process in _status(endpoints)["processes"]}


def _flood_rate() -> float:
    """Twice the rate that the last bench held."""
    held = json.loads((RESULTS.parent / "results.json").read_text(encoding="utf-8"))["highest_held"]
    return 2 * float(held["offered_per_second"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100, help="events a second beside the faults")
    parser.add_argument("--flood-rate", type=float, help="events a second of the flood; twice what the last bench held")
    parser.add_argument(
        "--only",
        default="",
        help="words in the names of the faults: their result is shown, not kept; `flood`: kept beside the others'",
    )
    asked = parser.parse_args()
    result = soak(load_endpoints(LOCAL), asked.rate, asked.flood_rate or _flood_rate(), asked.only)
    if asked.only == FLOOD:
        kept = json.loads(RESULTS.read_text(encoding="utf-8")) | {FLOOD: result[FLOOD]}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    if asked.only:
        console.print_json(data=result)
        return 0
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    console.print_json(data=result)
    lost = result["lost_on_the_shelf"], result["lost_in_the_warehouse"], result["flood"]["lost_on_the_shelf"]
    return int(any(lost) or result["doubled"] != 0 or bool(result["unreported"]) or bool(result["not_recovered"]))


if __name__ == "__main__":
    sys.exit(main())
