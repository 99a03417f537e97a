"""A seeded simulator of the company's trade: pure, and the same for the same arguments anywhere.

Every location and hour is drawn from a seed of its own, so that intervals compose: what `simulate` yields
from a to b, then from b to c, is what it yields from a to c. Events are selected by the time they are
*sent*: a till that was offline sends its hour up to three days late, and a few events are sent twice.

It holds no state, so it cannot know the stock it moves: opening stock, deliveries and counts are drawn
around each location's planned level, which keeps stock plausible without being a model of a real one.
"""

from __future__ import annotations

import hashlib
import heapq
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from workloads.pos_api.catalogue import Catalogue
from workloads.pos_api.demand import Demand, discount_share, poisson

Json = dict[str, Any]
Event = tuple[str, Json]
_Sent = tuple[datetime, str, int, Event]  # when, event_id, copy, what: a total order

HOUR = timedelta(hours=1)
MAX_OUTAGE = timedelta(hours=72)
_SPILL_HOURS = 2  # an hour's events are sent, outages apart, before two more hours have passed
_OUTAGE_SHARE = 0.008  # of a location's hours
_DELAYED_SHARE = 0.004  # of events, by up to half an hour
_TWICE_SHARE = 0.006  # of events
_UNKNOWN_SHARE = 0.0005  # of sold lines
_RETURN_SHARE, _EXCHANGE_SHARE = 0.05, 0.03  # of transactions
_GUEST_SHARE = {"store": 0.35, "online": 0.10}
_NEW_SHARE = 0.08  # of customers with an account

# Local hours of the daily work.
_DISPATCH, _SUPPLIERS, _ARRIVAL, _SHRINKAGE, _COUNT = 5, 7, 8, 12, 21
_SHIPPED_SHARE = 0.45  # of SKUs in one delivery to a branch; there are two a week


def simulate(
    catalogue: Catalogue,
    start: datetime,
    end: datetime,
    *,
    seed: int = 0,
    scale: float = 1.0,
    timezone: str,
    currency: str,
    opening: datetime | None = None,
    unknown_skus: bool = True,
) -> Iterator[Event]:
    """Yield (stream key, event) in the order in which they are sent, from `start` up to before `end`.

    Args:
        catalogue: what is traded where.
        start: aware; the first instant of sending.
        end: aware; the instant after the last.
        seed: another seed is another company with the same habits.
        scale: 1.0 is 2,000 to 4,000 transactions an ordinary day; trade and stock follow in proportion.
        timezone: the branches' time zone, which the day's rhythm follows.
        currency: of every amount; the catalogue's list prices are taken to be in it.
        opening: when the opening stock is received, one event a location and SKU; never, without it. It is
            sent if it lies in the interval.
        unknown_skus: whether a few lines have SKUs that the catalogue does not know.

    Raises:
        ValueError: a naive time, an interval that ends before it starts, or a scale that is not above 0.
    """
    if any(moment is not None and moment.tzinfo is None for moment in (start, end, opening)):
        raise ValueError("from, to and opening must be times with a zone")
    if end < start:
        raise ValueError("to must not be before from")
    if not 0 < scale <= 1000:
        raise ValueError("scale must be above 0 and at most 1,000")
    company = _Company(catalogue, seed, scale, timezone, currency, unknown_skus)
    return company.send(start.astimezone(UTC), end.astimezone(UTC), opening.astimezone(UTC) if opening else None)


class _Company:
    def __init__(
        self, catalogue: Catalogue, seed: int, scale: float, timezone: str, currency: str, unknown_skus: bool
    ) -> None:
        self._catalogue = catalogue
        self._zone = ZoneInfo(timezone)
        self._currency = currency
        self._unknown_skus = unknown_skus
        # Whatever changes an event's body is in the key, so that no event_id ever has two bodies.
        content = hashlib.sha256(repr(catalogue).encode()).hexdigest()[:16]
        self._key = f"{seed}|{scale!r}|{timezone}|{currency}|{unknown_skus}|{content}"
        self._demand = Demand(catalogue, self._key, scale)

    def _rng(self, *parts: object) -> random.Random:
        return random.Random("|".join((self._key, *map(str, parts))))  # noqa: S311

    # --- sending ---

    def send(self, start: datetime, end: datetime, opening: datetime | None) -> Iterator[Event]:
        first = start.replace(minute=0, second=0, microsecond=0)
        queue: list[_Sent] = []
        hour = first - MAX_OUTAGE - _SPILL_HOURS * HOUR
        if opening is not None and start <= opening < end:
            queue += [(opening, event["event_id"], 0, ("inventory", event)) for event in self._opening(opening)]
            heapq.heapify(queue)
        while hour < end:
            for location_id in self._catalogue.locations:
                outage = self._outage(location_id, hour)
                if outage or hour >= first - _SPILL_HOURS * HOUR:
                    for sent in self._sent(location_id, hour, outage):
                        if start <= sent[0] < end:
                            heapq.heappush(queue, sent)
            hour += HOUR
            while queue and queue[0][0] < hour:
                yield heapq.heappop(queue)[3]
        while queue:
            yield heapq.heappop(queue)[3]

    def _outage(self, location_id: str, hour: datetime) -> timedelta:
        rng = self._rng("outage", location_id, hour)
        if rng.random() >= _OUTAGE_SHARE:
            return timedelta(0)
        return timedelta(seconds=rng.uniform(HOUR.total_seconds(), MAX_OUTAGE.total_seconds()))

    def _sent(self, location_id: str, hour: datetime, outage: timedelta) -> Iterator[_Sent]:
        rng = self._rng("sending", location_id, hour)
        for moment, (stream, event) in self._happened(location_id, hour):
            delay = rng.uniform(0.2, 3.0) + (rng.uniform(60, 1800) if rng.random() < _DELAYED_SHARE else 0)
            sent = (hour + HOUR + outage if outage else moment) + timedelta(seconds=delay)
            yield sent, event["event_id"], 0, (stream, event)
            if rng.random() < _TWICE_SHARE:
                again = sent + timedelta(seconds=rng.uniform(1, 1500))
                yield again, event["event_id"], 1, (stream, event)

    # --- what happens in one location's hour ---

    def _happened(self, location_id: str, hour: datetime) -> Iterator[tuple[datetime, Event]]:
        local = hour.astimezone(self._zone)
        rng = self._rng("sales", location_id, hour)
        for _ in range(poisson(rng, self._demand.transactions(location_id, local))):
            moment = _within(rng, hour)
            yield moment, ("sales", self._transaction(rng, location_id, moment, local.date()))
        rng = self._rng("inventory", location_id, hour)
        for sku, kind, quantity, reference in self._changes(rng, location_id, local):
            moment = _within(rng, hour)
            yield moment, ("inventory", _change(rng, moment, location_id, sku, kind, quantity, reference))

    def _transaction(self, rng: random.Random, location_id: str, moment: datetime, day: date) -> Json:
        channel = "online" if location_id == self._catalogue.warehouse else "store"
        event_id = _uuid(rng)
        kind = rng.random()
        lines: list[Json] = []
        if kind < _RETURN_SHARE + _EXCHANGE_SHARE:
            lines.append(self._line(rng, location_id, day, len(lines) + 1, -1))
        if kind >= _RETURN_SHARE:
            for _ in range(rng.choices((1, 2, 3, 4, 6), (42, 28, 16, 10, 4))[0]):
                units = rng.choices((1, 2, 3), (88, 10, 2))[0]
                lines.append(self._line(rng, location_id, day, len(lines) + 1, units))
        return {
            "event_id": event_id,
            "transaction_id": f"{location_id}-{day:%Y%m%d}-{event_id[:13]}",
            "event_time": _time(moment),
            "location_id": location_id,
            "channel": channel,
            "customer_id": self._customer(rng, location_id, channel, event_id),
            "currency": self._currency,
            "lines": lines,
        }

    def _line(self, rng: random.Random, location_id: str, day: date, number: int, quantity: int) -> Json:
        weights = self._demand.cumulative(location_id, day.month)
        product = rng.choices(self._catalogue.products, cum_weights=weights)[0]
        sku = product.sku
        if self._unknown_skus and rng.random() < _UNKNOWN_SHARE:
            sku = f"UNLISTED-{rng.randint(1, 20):02d}"
        percent = rng.choice((10, 20, 30, 50)) if rng.random() < discount_share(day) else 0
        discount = abs(quantity) * product.price * percent // 100
        return {
            "line_number": number,
            "sku": sku,
            "quantity": quantity,
            "unit_price": _amount(product.price),
            "discount": _amount(discount),
        }

    def _customer(self, rng: random.Random, location_id: str, channel: str, event_id: str) -> str | None:
        draw = rng.random()
        if draw < _GUEST_SHARE[channel]:
            return None
        if rng.random() < _NEW_SHARE:
            return f"C-{event_id[:8]}"
        # The regulars of a location: a few come often, most seldom.
        return f"C-{location_id}-{int(1500 * rng.random() ** 2):04d}"

    # --- stock ---

    def _changes(
        self, rng: random.Random, location_id: str, local: datetime
    ) -> Iterator[tuple[str, str, int, str | None]]:
        day, hour = local.date(), local.hour
        in_warehouse = location_id == self._catalogue.warehouse
        if hour == _DISPATCH and in_warehouse:
            for branch in self._catalogue.branches:
                for sku, quantity, reference in self._shipment(branch, day):
                    yield sku, "transfer_out", -quantity, reference
        if hour == _ARRIVAL and not in_warehouse:
            for sku, quantity, reference in self._shipment(location_id, day):
                yield sku, "transfer_in", quantity, reference
        if hour == _SUPPLIERS and in_warehouse:
            yield from self._deliveries(rng, day)
        if hour == _SHRINKAGE:
            for _ in range(poisson(rng, 1.5)):
                product = rng.choice(self._catalogue.products)
                yield product.sku, "adjustment", rng.choice((-3, -2, -1, -1, -1, 1)), None
        if hour == _COUNT:
            yield from self._count(rng, location_id, day)

    def _shipment(self, branch: str, day: date) -> Iterator[tuple[str, int, str]]:
        """What the warehouse sends a branch on a day: the same list for both ends of the transfer."""
        position = self._catalogue.branches.index(branch)
        if day.weekday() not in (position % 3, position % 3 + 3):
            return
        rng = self._rng("shipment", branch, day)
        reference = f"TO-{branch}-{day:%Y%m%d}"
        units = self._demand.daily_units(branch, day.month)
        for product, mean, plan in zip(self._catalogue.products, units, self._demand.plans(branch), strict=True):
            if rng.random() < _SHIPPED_SHARE:
                quantity = poisson(rng, mean * plan.supply * 3.5 / _SHIPPED_SHARE)
                if quantity:
                    yield product.sku, quantity, reference

    def _deliveries(self, rng: random.Random, day: date) -> Iterator[tuple[str, str, int, str]]:
        """A week's supply of the products whose turn it is, on working days."""
        totals = [0.0] * len(self._catalogue.products)
        for location_id in self._catalogue.locations:
            for index, mean in enumerate(self._demand.daily_units(location_id, day.month)):
                totals[index] += mean * self._demand.plans(location_id)[index].supply
        for index, product in enumerate(self._catalogue.products):
            if index % 5 == day.weekday() and (quantity := poisson(rng, totals[index] * 7)):
                yield product.sku, "receipt", quantity, f"DN-{day:%Y%m%d}-{product.style}"

    def _count(self, rng: random.Random, location_id: str, day: date) -> Iterator[tuple[str, str, int, str]]:
        """Stock taking: one category a week, on the location's weekday."""
        if day.weekday() != self._catalogue.locations.index(location_id) % 7:
            return
        categories = sorted({product.category for product in self._catalogue.products})
        category = categories[day.isocalendar().week % len(categories)]
        levels = self._levels(location_id, day)
        for product, level in zip(self._catalogue.products, levels, strict=True):
            if product.category == category:
                counted = max(0, round(level * rng.uniform(0.5, 1.2)))
                yield product.sku, "count", counted, f"ST-{location_id}-{day:%Y%m%d}"

    def _levels(self, location_id: str, day: date) -> list[float]:
        """The stock that a location plans for each product, in units."""
        units = list(self._demand.daily_units(location_id, day.month))
        if location_id == self._catalogue.warehouse:  # it supplies the branches too
            for branch in self._catalogue.branches:
                units = [a + b for a, b in zip(units, self._demand.daily_units(branch, day.month), strict=True)]
        return [mean * plan.cover_days for mean, plan in zip(units, self._demand.plans(location_id), strict=True)]

    def _opening(self, opening: datetime) -> Iterator[Json]:
        for location_id in self._catalogue.locations:
            rng = self._rng("opening", location_id, opening)
            levels = self._levels(location_id, opening.astimezone(self._zone).date())
            for product, level in zip(self._catalogue.products, levels, strict=True):
                quantity = poisson(rng, level)
                if quantity:
                    yield _change(rng, opening, location_id, product.sku, "receipt", quantity, "OPENING")


def _change(
    rng: random.Random, moment: datetime, location_id: str, sku: str, kind: str, quantity: int, reference: str | None
) -> Json:
    return {
        "event_id": _uuid(rng),
        "event_time": _time(moment),
        "location_id": location_id,
        "sku": sku,
        "kind": kind,
        "quantity": quantity,
        "reference": reference,
    }


def _within(rng: random.Random, hour: datetime) -> datetime:
    return hour + timedelta(milliseconds=rng.randrange(3_600_000))


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
