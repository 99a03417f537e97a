"""The rules of stock: what an event moves, and what a position's on hand becomes. Pure functions.

On hand of a location and SKU is its latest count plus every movement later than that count; without a count
the sum of all movements. Of counts at one instant the greatest event_id wins; a movement at the count's
instant is within the count. So the order of arrival changes nothing: what comes late is put where it belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

COUNT = "count"
TRANSFER_OUT = "transfer_out"


class Position(NamedTuple):
    """Where stock lies: a location and a SKU."""

    location_id: str
    sku: str


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of an event: `quantity` units added to the position, or counted there when `kind` is `count`."""

    event_id: UUID
    line_number: int
    position: Position
    event_time: datetime
    kind: str
    quantity: int
    reference: str | None


@dataclass(frozen=True, slots=True)
class Balance:
    """A position's on hand; `counted_at` and `count_event_id` are its latest count's, None without one."""

    quantity: int = 0
    counted_at: datetime | None = None
    count_event_id: UUID | None = None


def movements(stream: str, event: dict[str, Any]) -> list[Movement]:
    """Return what a valid event of a stream in `MOVED_BY` does to stock."""
    return MOVED_BY[stream](UUID(event["event_id"]), datetime.fromisoformat(event["event_time"]), event)


def _change(event_id: UUID, at: datetime, event: dict[str, Any]) -> list[Movement]:
    position = Position(event["location_id"], event["sku"])
    return [Movement(event_id, 0, position, at, event["kind"], event["quantity"], event["reference"])]


def _sale(event_id: UUID, at: datetime, event: dict[str, Any]) -> list[Movement]:
    return [
        Movement(
            event_id,
            line["line_number"],
            Position(event["location_id"], line["sku"]),
            at,
            "sale" if line["quantity"] > 0 else "return",
            -line["quantity"],
            event["transaction_id"],
        )
        for line in event["lines"]
    ]


MOVED_BY: dict[str, Callable[[UUID, datetime, dict[str, Any]], list[Movement]]] = {
    "sales": _sale,
    "inventory": _change,
}
"""How the events of each stream that live inventory takes move stock."""


def settle(balance: Balance, new: Iterable[Movement]) -> tuple[Balance, bool]:
    """Return the balance after new movements of its position, and whether it must be re-based.

    When re-based, a new count is the latest one: the returned quantity is that count's alone, and the caller
    adds the sum of *all* movements later than it, stored ones included.
    """
    new = list(new)
    latest = max((m for m in new if m.kind == COUNT), key=lambda m: (m.event_time, m.event_id), default=None)
    if latest is not None and (
        balance.counted_at is None
        or balance.count_event_id is None
        or (latest.event_time, latest.event_id) > (balance.counted_at, balance.count_event_id)
    ):
        return Balance(latest.quantity, latest.event_time, latest.event_id), True
    moved = sum(
        m.quantity for m in new if m.kind != COUNT and (balance.counted_at is None or m.event_time > balance.counted_at)
    )
    return replace(balance, quantity=balance.quantity + moved), False


class DailyUnits(NamedTuple):
    """A key of the daily units: a position on a business date."""

    position: Position
    business_date: date


def daily_units(new: Iterable[Movement], timezone: ZoneInfo) -> dict[DailyUnits, tuple[int, int]]:
    """Return the units (sold, transferred out) that the movements add, per position and business date."""
    units: dict[DailyUnits, tuple[int, int]] = {}
    for m in new:
        sold, out = (-m.quantity if m.kind == "sale" else 0), (-m.quantity if m.kind == TRANSFER_OUT else 0)
        if sold or out:
            key = DailyUnits(m.position, m.event_time.astimezone(timezone).date())
            before = units.get(key, (0, 0))
            units[key] = (before[0] + sold, before[1] + out)
    return units
