"""`POST /v1/simulate`: which interval a request asks for, and the events of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from workloads.events.formats import parse_time
from workloads.pos_api.body import BodyError
from workloads.pos_api.catalogue import Catalogue
from workloads.pos_api.publisher import Event
from workloads.pos_api.service import Simulation
from workloads.pos_api.simulator import simulate

INTERVAL = timedelta(minutes=5)  # what an empty body trades: schedule it every five minutes
MAX_INTERVAL = timedelta(days=7)
MAX_SCALE = 10
_FIELDS = ("from", "to", "seed", "scale", "opening")


def simulation(*, seed: int, timezone: str, currency: str, catalogue: Catalogue) -> Simulation:
    """Return the simulation of a catalogue; `seed` is for requests without one."""

    def run(body: Any, now: datetime) -> Iterator[Event]:
        body = {} if body is None else body
        if not isinstance(body, dict) or not body.keys() <= set(_FIELDS):
            raise BodyError(400, f"must be an object with no fields but {', '.join(_FIELDS)}, or empty")
        start, end = _interval(body, now)
        return simulate(
            catalogue,
            start,
            end,
            seed=_number(body, "seed", seed, int),
            scale=_number(body, "scale", 1.0, int, float),
            opening=_time(body, "opening") if "opening" in body else None,
            timezone=timezone,
            currency=currency,
        )

    return run


def _interval(body: dict[str, Any], now: datetime) -> tuple[datetime, datetime]:
    """The interval asked for; with an empty body the last whole five minutes, which the clock alone decides."""
    if "from" not in body and "to" not in body:
        end = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0)
        return end - INTERVAL, end
    start, end = _time(body, "from"), _time(body, "to")
    if not start < end <= now:
        raise BodyError(400, "must have from before to, and to not after now")
    if end - start > MAX_INTERVAL:
        raise BodyError(400, f"must span at most {MAX_INTERVAL.days} days: send several requests")
    return start, end


def _time(body: dict[str, Any], name: str) -> datetime:
    moment = parse_time(body.get(name))
    if moment is None:
        raise BodyError(400, f"must have {name} as an RFC 3339 time in UTC, such as 2026-03-01T00:00:00Z")
    return moment


def _number(body: dict[str, Any], name: str, default: Any, *types: type) -> Any:
    value = body.get(name, default)
    if type(value) not in types or (name == "scale" and not 0 < value <= MAX_SCALE):
        bound = f"a number above 0 and at most {MAX_SCALE}" if name == "scale" else "an integer"
        raise BodyError(400, f"must have {name} as {bound}")
    return value
