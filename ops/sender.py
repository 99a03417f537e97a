"""Sends events through the POS API as tills do: in batches that it takes, again when it asks for that, never dropping one
silently."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import httpx

from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.ledger import Ledger
from workloads.events import STREAMS

Event = dict[str, Any]
PATHS = {key: stream.path for key, stream in STREAMS.items()}
MAX_BYTES = 8 * 1024 * 1024  # of a request, as the POS API takes it
RETRY_SECONDS = 120.0  # how long a batch is sent again while the POS API cannot take it


@dataclass(frozen=True)
class Refusal:
    """An event that was not accepted, and never will be as it is. `line` is where it stood in a file."""

    event: Any
    field: str
    error: str
    line: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As a rejects file holds it."""
        event_id = self.event.get("event_id") if isinstance(self.event, dict) else None
        place = {} if self.line is None else {"line": self.line}
        return {**place, "event_id": event_id, "field": self.field, "error": self.error, "event": self.event}


@dataclass
class SendReport:
    """Counts over one sending: events, not distinct event ids."""

    accepted: int = 0
    rejected: int = 0
    retries: int = 0
    seconds: float = 0.0
    refusals: list[Refusal] = field(default_factory=list)  # one for each that was rejected

    def add(self, other: SendReport) -> None:
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.retries += other.retries
        self.refusals += other.refusals

    @property
    def examples(self) -> list[str]:
        """The first rejections that differ, in words."""
        return list(dict.fromkeys(f"{r.field or 'the event'}: {r.error}" for r in self.refusals))[:5]


class Sender:
    """One connection pool to a stack's POS API. `batch` events a request, `concurrency` requests under way; `notice` is
    told when the POS API stays away, and when it is back."""

    def __init__(
        self,
        endpoints: Endpoints,
        token: str,
        *,
        batch: int = 200,
        concurrency: int = 4,
        ledger: Ledger | None = None,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._batch, self._concurrency, self._ledger = batch, concurrency, ledger
        self._notice, self._waits = notice, False
        self._client = httpx.AsyncClient(
            base_url=endpoints.pos_api,
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            timeout=30,
            trust_env=False,
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        )

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def send(
        self, events: Iterable[tuple[str, Event]], progress: Callable[[int], None] = lambda _: None
    ) -> SendReport:
        """Send `(stream, event)` pairs; `progress` is called with the number answered since it was last called.

        Raises:
            OperatorError: the credential is refused, or the POS API stays away for two minutes.
        """
        report, started = SendReport(), time.monotonic()
        pending: set[asyncio.Task[SendReport]] = set()
        try:
            for stream, batch in _batches(events, self._batch):
                pending.add(asyncio.create_task(self._send_batch(stream, batch)))
                if len(pending) >= self._concurrency:
                    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    _collect(done, report, progress)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                _collect(done, report, progress)
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        report.seconds = time.monotonic() - started
        return report

    async def _send_batch(self, stream: str, batch: list[Event]) -> SendReport:
        content = json.dumps(batch, separators=(",", ":")).encode()
        if len(content) > MAX_BYTES and len(batch) > 1:
            return await self._send_halves(stream, batch)
        deadline, retries, pause = time.monotonic() + RETRY_SECONDS, 0, 0.1
        while True:
            try:
                response = await self._client.post(PATHS[stream], content=content)
                if response.status_code not in (408, 429, 500, 502, 503, 504):
                    self._say_waiting(False, "the POS API takes events again")
                    break
                reason = f"answers {response.status_code}"
            except httpx.TransportError as e:
                reason = f"cannot be reached ({type(e).__name__})"
            if time.monotonic() > deadline:
                raise OperatorError(
                    f"the POS API at {self._client.base_url} {reason} for {RETRY_SECONDS:.0f} s; "
                    "see `fastyle status`, then run the same command again: nothing counts twice"
                )
            retries += 1
            if retries > 1:  # once is nothing to tell: a busy POS API asks for it
                self._say_waiting(
                    True, f"the POS API {reason}; sending the same again for {RETRY_SECONDS:.0f} s at most"
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
        if response.status_code == 413 and len(batch) > 1:
            return await self._send_halves(stream, batch)
        return self._account(stream, batch, response, retries)

    def _say_waiting(self, waits: bool, words: str) -> None:
        """Once for all requests under way."""
        if waits is not self._waits:
            self._waits = waits
            self._notice(words)

    async def _send_halves(self, stream: str, batch: list[Event]) -> SendReport:
        report, middle = SendReport(), len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            report.add(await self._send_batch(stream, half))
        return report

    def _account(self, stream: str, batch: list[Event], response: httpx.Response, retries: int) -> SendReport:
        # 403 is also the answer when every event of a batch is another location's: that body lists them.
        body = _json(response)
        if response.status_code in (401, 403) and "rejected" not in body:
            raise OperatorError("the POS API refuses the credential; issue one with `fastyle credentials issue`")
        if response.status_code not in (202, 400, 403, 413) or "rejected" not in body:
            raise OperatorError(f"the POS API answers {response.status_code} to {PATHS[stream]}: {response.text[:200]}")
        rejected = body["rejected"]
        faults = {r["index"]: r for r in rejected}
        accepted = [e for i, e in enumerate(batch) if i not in faults] if response.status_code == 202 else []
        if self._ledger and accepted:
            self._ledger.add(stream, [str(e["event_id"]) for e in accepted])
        refusals = []
        for index, event in enumerate(batch):
            # A fault without an index is the whole body's.
            if (fault := faults.get(index) or (None if accepted else faults.get(None))) is not None:
                refusals.append(Refusal(event, fault["field"], fault["error"], getattr(event, "line", None)))
        return SendReport(len(accepted), len(batch) - len(accepted), retries, refusals=refusals)


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _collect(done: set[asyncio.Task[SendReport]], report: SendReport, progress: Callable[[int], None]) -> None:
    for task in done:
        part = task.result()
        report.add(part)
        progress(part.accepted + part.rejected)


def _batches(events: Iterable[tuple[str, Event]], size: int) -> Iterator[tuple[str, list[Event]]]:
    """Batches of one stream each, in about the order given: a window is split by stream."""
    source = iter(events)
    while window := list(islice(source, size)):
        for stream in PATHS:
            if batch := [e for s, e in window if s == stream]:
                yield stream, batch
