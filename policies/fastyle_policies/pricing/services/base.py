"""What a pricer is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar, get_type_hints

from pydantic import Field

from fastyle_policies.model import UNKNOWN, Resource, Strict, leaves
from fastyle_policies.pricing import regions
from fastyle_policies.pricing.book import GLOBAL, REFERENCE, Book, Constant
from fastyle_policies.pricing.lines import Line, Note, amount, rounded, worst
from fastyle_policies.pricing.services.plan import PricedPlan

D = TypeVar("D")


class Usage(Strict):
    """Usage keys of a type. Amounts are decimals; keys that begin with `monthly_` are flows of a month."""


class NoUsage(Usage):
    """Nothing about it depends on traffic."""


def usage_key(description: str, default: int | None = 0) -> Any:
    """A usage key that counts something, from 0 up; with None for default the description says what holds then."""
    return Field(default=None if default is None else Decimal(default), ge=0, description=description)


class NotPricedError(Exception):
    """A resource of a priced type whose price is not in the book: listed as not estimated, with this reason."""


@dataclass
class Bill:
    """The lines of one resource in the making."""

    book: Book
    plan: PricedPlan
    resource: Resource
    region: str
    lines: list[Line] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def add(
        self,
        rate: str,
        quantity: Decimal,
        arithmetic: str,
        *,
        name: str,
        usage: bool = False,
        assumes: Sequence[Constant] = (),
        region: str | None = None,
        least: Decimal | None = None,
        free: bool = True,
    ) -> None:
        """Add a line of `quantity` of the rate's unit (`least` where sources contradict each other), at the price of `region` where that is not the resource's own.

        A line that is not `free` has no part in the rate's free tier.

        Raises:
            NotPricedError: the book has no such rate.
        """
        try:
            where = region or self.region
            priced, fallback = self.book.rate(rate, where)
        except KeyError:
            raise NotPricedError(f"the price book has no rate {rate}") from None
        if priced.free and not (free and self.book.pools[priced.free].covers(where)):
            priced = priced.model_copy(update={"free": None})
        confidence = worst(
            [priced.confidence, *(constant.confidence for constant in assumes), *(["U"] if fallback else [])]
        )
        self.lines.append(
            Line(
                name=name,
                rate=priced,
                quantity=rounded(quantity),
                arithmetic=arithmetic,
                usage_based=usage,
                confidence=confidence,
                lacking=where if fallback else "",
                least=None if least is None else rounded(least),
            )
        )

    def used(self, rate: str, quantity: Decimal, unit: str, *, name: str, **more: Any) -> None:
        """Add a line of a quantity that the usage file gives in the rate's unit; `more` as of `add`."""
        self.add(rate, quantity, f"{text(quantity)} {unit}", name=name, usage=True, **more)

    def used_if_any(self, rate: str, quantity: Decimal, unit: str, *, name: str) -> None:
        """As `used`; a quantity of 0 is no line."""
        if quantity:
            self.used(rate, quantity, unit, name=name)

    def logs(self, gib: Decimal) -> None:
        """A line for what the resource writes into Cloud Logging, where it writes anything."""
        self.used_if_any("logging.ingestion", gib, "GiB", name="Logs")

    def egress(self, gib: Decimal, rate: str = "network.internet-egress") -> None:
        """A line for what the resource sends to the internet, where it sends anything."""
        self.used_if_any(rate, gib, "GiB", name="Sent to the internet")

    def constant(self, name: str) -> Constant:
        return self.book.constants[name]

    def get(self, path: str) -> Any:
        """A property; None where it is unset, and, with a note, where only the update will know it."""
        return self.value(path, None)

    def there(self, path: str) -> bool:
        """Whether a block is set. One that only the update will know is one that somebody set; a note says so."""
        value = self.resource.get(path)
        if value is UNKNOWN:
            self.note(f"{path} is secret or known only at update; reckoned as a block that is set")
            return True
        return bool(value)

    def blocks(self, path: str) -> list[Mapping[str, Any]]:
        """The blocks of a list; those that only the update will know are noted and left out."""
        value = self.get(path)
        blocks = list(value) if isinstance(value, list | tuple) else []
        if UNKNOWN in blocks:
            self.note(f"a part of {path} is secret or known only at update; reckoned without it")
        return [block for block in blocks if isinstance(block, Mapping)]

    def value(self, path: str, default: D) -> Any | D:
        """A property; `default` where it is unset, and, with a note, where only the update will know it."""
        value = self.resource.get(path)
        if value is UNKNOWN:
            how = "as if it were unset" if default is None else f"with {default}"
            self.note(f"{path} is secret or known only at update; reckoned {how}")
            return default
        return default if value is None else value

    def number(self, path: str, default: int | str | Decimal) -> Decimal:
        """A number of the plan, from 0 up.

        Raises:
            NotPricedError: it is something else.
        """
        value = self.value(path, default)
        try:
            number = amount(value)
        except ArithmeticError:
            raise NotPricedError(f"{path} is {str(value)[:40]!r}, which is no number to reckon with") from None
        if number < 0:
            raise NotPricedError(f"{path} is {number}, which is below 0")
        return number

    def place(self, name: str, key: str) -> str:
        """The location of that name, where a type keeps it under another property than others.

        Raises:
            NotPricedError: there is none.
        """
        region = regions.normal(name)
        if region is None:
            raise NotPricedError(f"Google Cloud has no location '{name[:40]}' ({key}){regions.nearest(name[:40])}")
        return region

    def note_unknown(self, block: Any, what: str) -> None:
        """Say that a part of a block is known only at update, where one is: it counts as unset."""
        if holds_unknown(block):
            self.note(f"a part of {what} is secret or known only at update; reckoned as if that part were unset")

    def note(self, text: str) -> None:
        note = Note(self.resource.name, text, self.resource.label)
        if note not in self.notes:
            self.notes.append(note)


@dataclass(frozen=True, kw_only=True)
class Pricer:
    """How a type is priced. `price` adds the lines of a resource to its bill, given its usage."""

    token: str
    usage: type[Usage]
    price: Callable[[Bill, Any], None]


PRICERS: dict[str, Pricer] = {}
_P = TypeVar("_P", bound=Callable[[Bill, Any], None])


def prices(*tokens: str) -> Callable[[_P], _P]:
    """Make a function the pricer of types; the type of its argument `usage` has the keys of a usage file."""

    def register(price: _P) -> _P:
        usage = get_type_hints(price)["usage"]
        for token in tokens:
            PRICERS[token] = Pricer(token=token, usage=usage, price=price)
        return price

    return register


def region_of(resource: Resource) -> tuple[str, bool]:
    """The region of a resource as the book names it, and whether it was unknown. `global` for what has none.

    A name that no place has is given as it stands.
    """
    for key in ("location", "region", "zone"):
        value = resource.get(key)
        if value is UNKNOWN:
            return REFERENCE, True
        if isinstance(value, str) and value:
            return regions.normal(value) or value.lower(), False
    return GLOBAL, False


def holds_unknown(value: Any) -> bool:
    """Whether a value, or anything within it, is known only at update."""
    return any(each is UNKNOWN for each in leaves(value))


def text(value: Decimal) -> str:
    """A number for an explanation: no exponent, no trailing zeros, digits grouped."""
    plain = f"{value:,.9f}".rstrip("0").rstrip(".")
    return plain or "0"


def size_of(value: Any, what: str, kind: str = "number", *, read: Callable[[Any], Decimal] = amount) -> Decimal:
    """A number that a plan gives within some block, from 0 up; `read` takes it from the form that it is written in.

    Raises:
        NotPricedError: it is something else.
    """
    if (size := known_size(value, read)) is None:
        raise NotPricedError(f"{what} is {str(value)[:40]!r}, which is no {kind}")
    return size


def from_zero(value: Any) -> Decimal:
    """A number of a plan; what is below 0 counts as 0."""
    return max(amount(value), Decimal(0))


def known_size(value: Any, read: Callable[[Any], Decimal] = amount) -> Decimal | None:
    """A number from 0 up; None for anything else."""
    try:
        size = read(value)
    except ArithmeticError:
        return None
    return size if size >= 0 else None
