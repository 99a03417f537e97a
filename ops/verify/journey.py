"""One marked sale and one marked stock change, sent through the POS API and followed to every store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from ops import credentials
from ops.checks import Check, failed, passed, unknown
from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.google import connection, request, service_headers
from ops.sender import PATHS
from ops.verify.stores import Stores, get
from workloads.events import STREAMS, consumed_by
from workloads.events.stream import INVENTORY
from workloads.events.verification import LOCATION_ID, SKU

RUNBOOK = "docs/operations/alerts.md"
_NOTICED_SECONDS = 90.0  # a service notices a new version of a mounted secret within a minute
_CLOCKS = timedelta(minutes=5)  # by which this machine's and Google's may differ
_TO_INVENTORY = "to-inventory"
_LOCAL_SECONDS = 30.0  # nothing on this machine takes longer, unless it is broken
WHAT = {"sales": "sale", "inventory": "stock change"}


def what(stream: str) -> str:
    """One event of a stream, in words."""
    return WHAT.get(stream, f"event of {stream}")


@contextmanager
def credential(endpoints: Endpoints, secret: str, locations: list[str], given: str | None) -> Iterator[str]:
    """The token given, or one of a credential that is issued for the time of the block and then revoked.

    One that a kill leaves behind is good for the reserved location only, and is revoked by the next verification.
    """
    if given:
        yield given
        return
    prefix = f"{LOCATION_ID}-"
    name = f"{prefix}{int(time.time())}"
    for stale in credentials.ids(endpoints, secret):
        age = stale.removeprefix(prefix)
        if stale.startswith(prefix) and age.isdecimal() and time.time() - int(age) > 3600:
            credentials.revoke(endpoints, secret, stale)
    token = credentials.issue(endpoints, secret, name, locations)
    try:
        yield token
    finally:
        credentials.revoke(endpoints, secret, name)


class Journey:
    """The way of the events, one a stream: what each hop took, or why it was not made."""

    def __init__(self, stores: Stores, marked: dict[str, Any], subscriptions: dict[str, Check]) -> None:
        self._stores, self._endpoints = stores, stores.endpoints
        self._events = {key: event for key, event in marked.items() if key in stores.endpoints.topics}
        self._broken = {name for name, check in subscriptions.items() if check.state != "passed"}
        self.sent_at = datetime.now(UTC)
        self._started = time.monotonic()

    def send(self, token: str, *, is_new: bool) -> Check:
        """Send each; a credential that is new may take a minute to be noticed."""
        name, headers = "pos-api", {"authorization": f"Bearer {token}"}
        deadline = time.monotonic() + (_NOTICED_SECONDS if is_new else 0)
        self.sent_at = datetime.now(UTC)
        began = time.monotonic()
        for stream, event in self._events.items():
            url = f"{self._endpoints.pos_api}{PATHS[stream]}"
            while True:
                try:
                    answer = httpx.post(url, json=event, headers=headers, timeout=30, **connection(url))
                except httpx.HTTPError as error:
                    return failed(name, f"{url} cannot be reached ({type(error).__name__}: {error})", _mend("errors"))
                if answer.status_code not in (401, 403) or time.monotonic() >= deadline:
                    break
                time.sleep(3)
            if answer.status_code != 202:
                return failed(
                    name,
                    f"the {what(stream)} is not accepted: {answer.status_code} {answer.text[:200]}{self._missing()}",
                    "give a token that is good for the reserved location with --token"
                    if answer.status_code in (401, 403)
                    else _mend("errors"),
                )
        self._started = time.monotonic()
        sent = " and ".join(f"a marked {what(stream)}" for stream in self._events)
        return passed(name, f"accepted {sent} in {self._started - began:.1f} s")

    def raw(self) -> Check:
        def arrived(stream: str) -> bool:
            statement = (
                f"SELECT 1 FROM `{{raw}}.{STREAMS[stream].table}` "
                "WHERE publish_time >= @since AND event_id = @event_id LIMIT 1"
            )
            return bool(self._stores.query(statement, since=self.since(), event_id=self._id(stream)))

        return self._hop("raw-table", "to-bigquery", arrived, seconds=180)

    def lake(self, batch_seconds: int) -> Check:
        if self._endpoints.pubsub_control:  # nobody here waits for a file to be due
            with suppress(OperatorError):  # whatever is wrong is seen by what does not arrive
                request("POST", f"{self._endpoints.pubsub_control}/flush", timeout=30)

        def arrived(stream: str) -> bool:
            return self._id(stream) in self._stores.lake_ids(STREAMS[stream].topic, self.since())

        return self._hop("lake", "to-lake", arrived, seconds=batch_seconds + 180)

    def live_inventory(self) -> Check:
        url = f"{self._endpoints.api}/v1/inventory/{LOCATION_ID}/{SKU}?movements=200"

        def arrived(stream: str) -> bool:
            answer = get(url, service_headers(self._endpoints, self._endpoints.api))
            if answer.status_code == 404:
                return False
            if answer.status_code != 200:
                raise OperatorError(f"GET {url} answers {answer.status_code}: {answer.text[:200]}")
            movements: list[Any] = answer.json()["movements"]
            return any(movement["event_id"] == self._id(stream) for movement in movements)

        taken = [stream for stream in self._events if stream in consumed_by(INVENTORY)]
        return self._hop("live-inventory", _TO_INVENTORY, arrived, seconds=180, streams=taken)

    def _hop(
        self,
        name: str,
        suffix: str,
        arrived: Callable[[str], bool],
        *,
        seconds: float,
        streams: Sequence[str] | None = None,
    ) -> Check:
        """Wait for the event of each stream, or of those given; a subscription that is known to be broken is not waited
        for."""
        awaited = list(self._events if streams is None else streams)
        limit = self._started + (_LOCAL_SECONDS if self._stores.is_local else seconds)
        pause = 0.3 if self._stores.is_local else 2.0
        topics = {stream: self._stores.endpoints.topics[stream].rpartition("/")[2] for stream in awaited}
        subscriptions = {stream: f"{topic}-{suffix}" for stream, topic in topics.items()}
        if broken := self._broken & set(subscriptions.values()):
            return unknown(
                name, f"not followed: subscription {', '.join(sorted(broken))} is broken, see `subscriptions`"
            )
        took: dict[str, float] = {}
        while missing := set(awaited) - took.keys():
            for stream in sorted(missing, reverse=True):
                if arrived(stream):
                    took[stream] = time.monotonic() - self._started
            if len(took) == len(awaited):
                break
            if time.monotonic() > limit:
                words = "; ".join(self._why(stream, subscriptions[stream]) for stream in sorted(missing, reverse=True))
                return failed(name, words, _mend("backlog"))
            time.sleep(pause)
        return passed(name, ", ".join(f"{what(stream)} after {took[stream]:.1f} s" for stream in awaited))

    def _why(self, stream: str, subscription: str) -> str:
        seconds = time.monotonic() - self._started
        words = f"the {what(stream)} has not arrived in {seconds:.0f} s by subscription {subscription}"
        if subscription.endswith(_TO_INVENTORY):
            words += f" to service inventory-sync{self._process('inventory-sync')}"
        stats = self._stores.statistics().get(subscription)
        if stats is None:
            return words
        refusal = stats.get("last_refusal") or {}
        missing = refusal.get("missing")
        if missing:
            return f"{words}: missing grant {missing['role']} on {missing['resource']} for {missing['member']}"
        why = f": {refusal.get('status')} {refusal.get('reason')}" if refusal else ", which was refused by nobody"
        return f"{words}, which holds {stats.get('backlog')}{why}"

    def _process(self, name: str) -> str:
        """What the local cloud knows of a process that is not well, in words."""
        if not self._stores.is_local:
            return ""
        try:
            listed = request("GET", f"{self._endpoints.control}/status", timeout=10)["processes"]
        except OperatorError:
            return ""
        for process in listed:
            if process["name"] == name and (process["state"] != "running" or process.get("last_exit")):
                return f" ({process['state']}; last ended: {process.get('last_exit') or 'never'})"
        return ""

    def _missing(self) -> str:
        """Missing grants that the local cloud knows of, in words."""
        if not self._stores.is_local:
            return ""
        try:
            grants = request("GET", f"{self._endpoints.control}/status", timeout=10)["missing_grants"]
        except OperatorError:
            return ""
        words = "; ".join(f"missing grant {g['role']} on {g['resource']} for {g['member']}" for g in grants)
        return f" ({words})" if words else ""

    def since(self) -> datetime:
        """Before Pub/Sub can have dated them, whatever clocks differ by."""
        return self.sent_at.replace(microsecond=0) - _CLOCKS

    def _id(self, stream: str) -> str:
        return str(self._events[stream]["event_id"])


def _mend(section: str) -> str:
    return f"see {RUNBOOK}#{section}"
