"""The units of an estimate: a line of the bill, the lines of one resource, and what the billing account gives back."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cached_property
from typing import Any, TypeVar

from fastyle_policies.pricing.book import DIGITS, Rate

HOURS = Decimal(730)
"""Hours in a month, as Google's calculator counts: 365 x 24 / 12."""
SECONDS = HOURS * 3600
DAYS = Decimal(365) / 12
GIB = Decimal(1024) ** 3
STEP = Decimal("0.000000001")
"""Quantities are rounded to nine places once, where a line is made. Nothing is rounded after: sums are exact."""

LARGEST = Decimal(10) ** 15
"""The largest number that is reckoned with: more than anybody stores, sends or pays."""
EXACT = Context(prec=DIGITS)
"""Wide enough for every product and sum of such numbers: the default's 28 digits would round them."""

CONFIDENCES = "CGTU"
"""Best first: Google's own page, a cost tool's test data, a third party, unconfirmed."""


K = TypeVar("K")


class PricingError(Exception):
    """One sentence: what of the input is wrong, where, and how to mend it."""


def nearest(name: str, names: Iterable[str]) -> str:
    """The name most like a wrong one, for a message; empty where none is."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def rounded(quantity: Decimal) -> Decimal:
    return quantity.quantize(STEP, ROUND_HALF_UP)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    amount = Decimal(0)
    for each in amounts:
        amount = EXACT.add(amount, each)
    return amount


def totals(amounts: Iterable[tuple[K, Decimal]]) -> dict[K, Decimal]:
    """The exact sum of what has the same key."""
    sums: dict[K, Decimal] = {}
    for key, each in amounts:
        sums[key] = EXACT.add(sums.get(key, Decimal(0)), each)
    return sums


def times(quantity: Decimal, price: Decimal) -> Decimal:
    """The exact product."""
    return EXACT.multiply(quantity, price)


def amount(value: Any) -> Decimal:
    """A number of a plan (int, float or string) as a Decimal; floats by their shortest decimal form.

    Raises:
        ArithmeticError: it is no number, or beyond `LARGEST`.
    """
    number = Decimal(str(value))
    if not abs(number) <= LARGEST:
        raise ArithmeticError(f"{value} is beyond {LARGEST:,}")
    return number


def worst(confidences: Iterable[str]) -> str:
    return max(confidences, key=CONFIDENCES.index)


@dataclass(frozen=True)
class Note:
    """What is to be said beside the figures: of a resource by its name, or of the whole plan where that is empty."""

    name: str
    text: str
    label: str = ""

    def __str__(self) -> str:
        return f"{self.label or self.name}: {self.text}" if self.name else self.text


@dataclass(frozen=True)
class Unpriced:
    """A resource that is in no sum, and why."""

    type: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a resource's list price a month: `quantity` of the rate's unit at its price.

    `usage_based` lines follow the usage file; the others are owed whatever happens. `arithmetic` is how the quantity
    came about. `confidence` is the rate's, or worse where the quantity rests on something unconfirmed. `lacking` is the
    region for which the book has no rate, so that this is the reference region's. Where sources contradict each other,
    `quantity` is the larger of theirs and `least` the smaller.
    """

    name: str
    rate: Rate
    quantity: Decimal
    arithmetic: str
    usage_based: bool
    confidence: str
    lacking: str = ""
    least: Decimal | None = None

    @cached_property
    def monthly(self) -> Decimal:
        return times(self.quantity, self.rate.price)

    @property
    def doubtful(self) -> Decimal:
        """By how much the line may be cheaper than it is reckoned."""
        return Decimal(0) if self.least is None else times(EXACT.subtract(self.quantity, self.least), self.rate.price)


@dataclass(frozen=True, kw_only=True)
class ResourceCost:
    """A resource with its lines. `component` is the top-level component that holds it: `(type, name)`, or None."""

    urn: str
    type: str
    name: str
    component: tuple[str, str] | None
    lines: tuple[Line, ...]
    project: str = ""

    @cached_property
    def monthly(self) -> Decimal:
        return total(line.monthly for line in self.lines)

    def part(self, *, usage: bool) -> Decimal:
        return total(line.monthly for line in self.lines if line.usage_based is usage)


@dataclass(frozen=True, kw_only=True)
class Credit:
    """What a free tier or a volume discount of the billing account takes off; `fixed` and `usage` are positive."""

    name: str
    unit: str
    free: Decimal | None  # quantity a month; None for a volume discount
    used: Decimal
    fixed: Decimal
    usage: Decimal
    source: str
    confidence: str
    members: tuple[str, ...] = field(default=())  # names of the resources whose lines it covers

    @property
    def monthly(self) -> Decimal:
        return total((self.fixed, self.usage))
