"""The POS API: from an HTTP request to published events and an answer for the till.

`POST` to a stream's path (`/v1/transactions`, `/v1/inventory-changes`) takes one event or an array; to a shop system's path
(`workloads.pos_api.webhooks`) what that system sends. What is answered as
accepted has been acknowledged by Pub/Sub. A request sent again is harmless: an event_id counts once everywhere.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Request, Response

from workloads.events import STREAMS, Violation, validate
from workloads.pos_api.body import MAX_BYTES, MAX_EVENTS, BodyError, as_events, read_json
from workloads.pos_api.connection import leave_rest
from workloads.pos_api.openapi import EVENT_PATHS, document
from workloads.pos_api.publisher import Event, Publisher, PublishError
from workloads.pos_api.webhooks import events_of, webhook_of
from workloads.runtime.brake import Brake
from workloads.runtime.credentials import Credential, CredentialStore, Unreadable

log = logging.getLogger(__name__)

SIMULATE_PATH = "/v1/simulate"
HEALTH_PATH = "/health"
DESCRIPTION_PATH = "/openapi.json"
_OTHERS_NAMED = 4  # further faults of one event that its error names
_SIMULATED_AT_ONCE = 5_000  # events in memory, whatever interval is simulated

Json = dict[str, Any]
# (parsed body, now) -> the events to trade; raises BodyError for a bad interval.
Simulation = Callable[[Any, datetime], Iterator[Event]]


@dataclass(frozen=True)
class Rejection:
    """Why one event of a request is refused. `index` is None when it is the whole body."""

    index: int | None
    field: str
    error: str


class PosApi:
    """The service; call it with a request."""

    def __init__(
        self,
        *,
        brand: str,
        currency: str,
        credentials: CredentialStore,
        publisher: Publisher,
        simulation: Simulation | None = None,
        brake: Brake | None = None,
    ) -> None:
        """Take the business's name, the stack's currency and, only where the simulator is turned on, the simulation and its brake."""
        self._currency = currency
        self._credentials = credentials
        self._publisher = publisher
        self._simulation = simulation
        self._brake = brake
        self._description = document(
            brand=brand,
            currency=currency,
            most_bytes=MAX_BYTES,
            most_events=MAX_EVENTS,
            simulates=simulation is not None,
        )

    def __call__(self, request: Request) -> Response:
        """Answer a request; a fault of the sender is never a 5xx.

        Whoever is refused for another reason than the body is answered without waiting for the body.
        """
        response = self._answered(request)
        response.call_on_close(leave_rest(request))
        return response

    def _answered(self, request: Request) -> Response:
        try:
            return self._route(request)
        except BodyError as error:
            return _answer(error.status, 0, [Rejection(None, "body", error.error)])
        except PublishError:
            return _later("the events could not be stored: send the same again")
        except Unreadable:
            return _later("the credentials cannot be read now: send the same again")

    def _route(self, request: Request) -> Response:
        path = request.path.rstrip("/") or "/"
        if path in (HEALTH_PATH, DESCRIPTION_PATH):
            if request.method not in ("GET", "HEAD"):
                return _error(405, "use GET", {"Allow": "GET, HEAD"})
            return _reply(200, {"status": "ok"} if path == HEALTH_PATH else self._description)
        simulates = path == SIMULATE_PATH and self._simulation is not None
        webhook = webhook_of(path)
        if path not in EVENT_PATHS and webhook is None and not simulates:
            return _error(
                404, f"there is nothing here: use {', '.join(EVENT_PATHS)}, {HEALTH_PATH} or {DESCRIPTION_PATH}"
            )
        if request.method != "POST":
            return _error(405, "use POST", {"Allow": "POST"})
        caller = self._credentials.authenticate(request.headers.get("Authorization"))
        if caller is None:
            return _error(
                401,
                "send the location's credential as Authorization: Bearer <token>",
                {"WWW-Authenticate": 'Bearer realm="pos-api"'},
            )
        if simulates:
            return self._simulate(caller, request)
        body = read_json(request)
        if webhook is not None:
            return self._take(path, caller, events_of(webhook, body))
        return self._take(path, caller, [(EVENT_PATHS[path], event) for event in as_events(body)])

    def _take(self, path: str, caller: Credential, sent: list[tuple[str, Any]]) -> Response:
        now = datetime.now(UTC)
        accepted: list[Event] = []
        rejected: list[Rejection] = []
        forbidden = 0
        for index, (stream, body) in enumerate(sent):
            location = body.get("location_id") if isinstance(body, dict) else None
            if isinstance(location, str) and not caller.allows(location):
                forbidden += 1
                rejected.append(Rejection(index, "location_id", "is not a location of this credential"))
                continue
            outcome = validate(STREAMS[stream], body, currency=self._currency, now=now)
            if isinstance(outcome, list):
                rejected.append(_rejection(index, outcome))
            else:
                accepted.append((stream, outcome))
        if accepted:
            self._publisher.publish(accepted)
        _log_outcome(path, caller, accepted, rejected)
        if accepted:
            return _answer(202, len(accepted), rejected)
        return _answer(403 if rejected and forbidden == len(rejected) else 400 if rejected else 202, 0, rejected)

    def _simulate(self, caller: Credential, request: Request) -> Response:
        if not caller.is_unlimited:
            return _error(403, "the simulator trades every location: use a credential for all of them")
        try:
            if self._brake is not None and self._brake.on():
                return _error(409, "the budget guard has stopped the simulator until the budget's next month")
        except OSError as error:
            log.warning("the budget guard cannot be asked: %s", error)
            return _error(503, "the budget guard cannot be asked whether to simulate: try again", {"Retry-After": "60"})
        assert self._simulation is not None
        events = self._simulation(read_json(request), datetime.now(UTC))
        counts = Counter(dict.fromkeys(STREAMS, 0))
        while batch := list(itertools.islice(events, _SIMULATED_AT_ONCE)):
            self._publisher.publish(batch)
            counts.update(stream for stream, _ in batch)
        log.info("simulated trade", extra={"credential": caller.id, **counts})
        return _reply(202, {"accepted": counts.total(), "rejected": [], **counts})


def _rejection(index: int, violations: list[Violation]) -> Rejection:
    """One event's rejection: its first fault, and the fields of others, bounded whatever was sent."""
    first, *others = violations
    if not others:
        return Rejection(index, first.field, first.error)
    named = ", ".join(violation.field for violation in others[:_OTHERS_NAMED])
    more = f" and {len(others) - _OTHERS_NAMED:,} more" if len(others) > _OTHERS_NAMED else ""
    return Rejection(index, first.field, f"{first.error} (also wrong: {named}{more})")


def _log_outcome(path: str, caller: Credential, accepted: list[Event], rejected: list[Rejection]) -> None:
    fields: Json = {"path": path, "credential": caller.id, "accepted": len(accepted), "rejected": len(rejected)}
    if log.isEnabledFor(logging.DEBUG):
        log.debug("events", extra=fields | {"event_ids": [event["event_id"] for _, event in accepted]})
    if rejected:
        first = rejected[0]
        log.warning("events refused; the first: %s: %s", first.field, first.error, extra=fields)


def _answer(status: int, accepted: int, rejected: list[Rejection]) -> Response:
    return _reply(status, {"accepted": accepted, "rejected": [asdict(rejection) for rejection in rejected]})


def _later(error: str) -> Response:
    return _reply(503, {"accepted": 0, "rejected": [], "error": error}, {"Retry-After": "1"})


def _error(status: int, error: str, headers: dict[str, str] | None = None) -> Response:
    return _reply(status, {"error": error}, headers)


def _reply(status: int, body: Json, headers: dict[str, str] | None = None) -> Response:
    headers = {"X-Content-Type-Options": "nosniff", **(headers or {})}
    return Response(json.dumps(body), status, headers, content_type="application/json")
