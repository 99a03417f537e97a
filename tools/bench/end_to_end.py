"""From a till's event accepted by the POS API to the shelf count that the inventory API shows."""

from __future__ import annotations

import asyncio
import time
import uuid
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from ops.endpoints import Endpoints

SKUS = 20  # sales spread over so many shelves of one location
POLL_SECONDS = 0.01


@dataclass
class Run:
    """One run at a constant rate; latencies in seconds, from the POS API's answer to the API's."""

    rate: float
    seconds: float
    accepted: int = 0
    latencies: list[float] = field(default_factory=list)
    late_starts: int = 0  # requests that began over 0.1 s late: the sender, not the stack, was the limit

    @property
    def visible_rate(self) -> float:
        return self.accepted / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

    def as_json(self) -> dict[str, Any]:
        return {
            "offered_per_second": self.rate,
            "visible_per_second": round(self.visible_rate, 1),
            "events": self.accepted,
            "accept_to_visible_ms": {
                "p50": round(self.percentile(0.50) * 1000, 1),
                "p99": round(self.percentile(0.99) * 1000, 1),
                "max": round(max(self.latencies, default=float("nan")) * 1000, 1),
            },
            "late_starts": self.late_starts,
        }


async def at_rate(endpoints: Endpoints, rate: float, seconds: float) -> Run:
    """Send `rate` events a second for `seconds`, watch the shelf, and return what was seen of each event.

    An event's latency is taken from the count of visible units: the n-th accepted is visible once n units are gone.
    """
    location = f"B-{uuid.uuid4().hex[:8]}"
    batch = max(1, round(rate / 50))  # above 50 requests a second a till's batch grows, not the number of requests
    accepted_at: list[float] = []
    seen: list[tuple[int, float]] = []  # (units visible, when)
    run = Run(rate, 0.0)
    headers = {"authorization": f"Bearer {endpoints.api_token}"}
    # The lightest client at hand: it shares the processors with what it measures.
    connector, timeout = aiohttp.TCPConnector(limit=64), aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(headers=headers, connector=connector, timeout=timeout) as client:
        stop = asyncio.Event()
        watcher = asyncio.create_task(_watch(client, endpoints, location, seen, stop))
        started = time.monotonic()
        tasks = []
        for n in range(int(rate * seconds / batch)):
            due = started + n * batch / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            run.late_starts += time.monotonic() - due > 0.1
            tasks.append(asyncio.create_task(_post(client, endpoints, location, batch, accepted_at)))
        await asyncio.gather(*tasks)
        deadline = time.monotonic() + 30
        while (not seen or seen[-1][0] < len(accepted_at)) and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        stop.set()
        await watcher
    accepted_at.sort()
    counts = [count for count, _ in seen]
    for n, moment in enumerate(accepted_at, 1):
        if (index := bisect_left(counts, n)) < len(seen):
            run.latencies.append(max(0.0, seen[index][1] - moment))
    run.accepted = len(accepted_at)
    run.seconds = (seen[-1][1] if seen else time.monotonic()) - started
    return run


async def highest_rate(endpoints: Endpoints, hold_seconds: float) -> tuple[Run, list[Run]]:
    """The highest rate that is held: raised by half until a run falls behind, then held for `hold_seconds`.

    Behind is: under 95 % of the offered rate became visible, or p99 passed two seconds.
    """
    tries: list[Run] = []
    rate, best = 100.0, 50.0
    while rate < 20_000:
        run = await at_rate(endpoints, rate, 8)
        tries.append(run)
        if not _held(run):
            break
        best, rate = rate, rate * 1.5
    while True:
        run = await at_rate(endpoints, best, hold_seconds)
        tries.append(run)
        if _held(run) or best < 20:
            return run, tries
        best *= 0.8


def _held(run: Run) -> bool:
    return run.visible_rate >= 0.95 * run.rate * 0.97 and run.percentile(0.99) < 2.0


async def _watch(
    client: aiohttp.ClientSession,
    endpoints: Endpoints,
    location: str,
    seen: list[tuple[int, float]],
    stop: asyncio.Event,
) -> None:
    url = f"{endpoints.api}/v1/inventory"
    while not stop.is_set():
        async with client.get(url, params={"location_id": location, "page_size": SKUS}) as answer:
            answer.raise_for_status()
            count = -sum(item["on_hand"] for item in (await answer.json())["items"])
        if count > (seen[-1][0] if seen else 0):
            seen.append((count, time.monotonic()))
        await asyncio.sleep(POLL_SECONDS)


async def _post(
    client: aiohttp.ClientSession, endpoints: Endpoints, location: str, count: int, accepted_at: list[float]
) -> None:
    body = [sale(location) for _ in range(count)]
    async with client.post(f"{endpoints.pos_api}/v1/transactions", json=body) as answer:
        moment = time.monotonic()
        if answer.status == 503:  # more than it can take: the rate is not held
            return
        answer.raise_for_status()
        accepted_at.extend([moment] * (await answer.json())["accepted"])


def sale(location: str) -> dict[str, Any]:
    """A sale of one unit."""
    identity = uuid.uuid4()
    line = {"line_number": 1, "sku": f"B-{identity.int % SKUS:02}", "quantity": 1}
    return {
        "event_id": str(identity),
        "transaction_id": str(identity),
        "event_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "location_id": location,
        "channel": "store",
        "customer_id": None,
        "currency": "USD",
        "lines": [{**line, "unit_price": "10.00", "discount": "0.00"}],
    }
