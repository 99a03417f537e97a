"""What a pricer is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from policies.model import UNKNOWN, Resource
from policies.pricing.book import GLOBAL, REFERENCE, Book, Constant
from policies.pricing.lines import Line, amount, rounded, worst

D = TypeVar("D")


class Usage(BaseModel):
    """Usage keys of a type. Amounts are decimals; keys that begin with `monthly_` are flows of a month."""

    model_config = ConfigDict(frozen=True, extra="forbid")


U = TypeVar("U", bound=Usage)


class NotPricedError(Exception):
    """A resource of a priced type whose price is not in the book: listed as not estimated, with this reason."""


class UsageSource(Protocol):
    """Where usage comes from: `policies.pricing.usage.UsageFile`."""

    def of(self, resource: Resource, model: type[U]) -> U:
        """The usage of a resource."""
        ...


@dataclass
class Plan:
    """The resources of a plan, and the usage of each."""

    resources: Sequence[Resource]
    usage: UsageSource

    def find(self, type_: str, key: str, value: Any) -> Resource | None:
        """The resource of a type whose property `key` is `value`, or the end of it (`projects/p/topics/t`)."""
        if not isinstance(value, str):
            return None
        ids = (value, value.rsplit("/", 1)[-1])
        return next((r for r in self.resources if r.type == type_ and r.get(key) in ids), None)


@dataclass
class Bill:
    """The lines of one resource in the making."""

    book: Book
    plan: Plan
    resource: Resource
    region: str
    lines: list[Line] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fallbacks: set[str] = field(default_factory=set)

    def add(
        self,
        rate: str,
        quantity: Decimal,
        arithmetic: str,
        *,
        name: str,
        usage: bool = False,
        assumes: Sequence[Constant] = (),
    ) -> None:
        """Add a line of `quantity` of the rate's unit.

        Raises:
            NotPricedError: the book has no such rate.
        """
        try:
            found, fallback = self.book.rate(rate, self.region)
        except KeyError:
            raise NotPricedError(f"the price book has no rate {rate}") from None
        if fallback:
            self.fallbacks.add(self.region)
        if found.free and not self.book.pools[found.free].covers(self.region):
            found = found.model_copy(update={"free": None})
        confidence = worst([found.confidence, *(constant.confidence for constant in assumes)])
        self.lines.append(
            Line(
                name=name,
                rate=found,
                quantity=rounded(quantity),
                arithmetic=arithmetic,
                usage_based=usage,
                confidence=confidence,
            )
        )

    def constant(self, name: str) -> Constant:
        return self.book.constants[name]

    def known(self, path: str, default: D) -> Any | D:
        """A property; `default` where it is unset, and, with a note, where only the update will know it."""
        value = self.resource.get(path)
        if value is UNKNOWN:
            self.note(f"{path} is secret or known only at update; reckoned with {default}")
            return default
        return default if value is None else value

    def number(self, path: str, default: int | str | Decimal) -> Decimal:
        """A number of the plan, from 0 up.

        Raises:
            NotPricedError: it is something else.
        """
        value = self.known(path, default)
        try:
            found = amount(value)
        except ArithmeticError:
            raise NotPricedError(f"{path} is {str(value)[:40]!r}, which is no number to reckon with") from None
        if found < 0:
            raise NotPricedError(f"{path} is {found}, which is below 0")
        return found

    def note(self, text: str) -> None:
        self.notes.append(f"{self.resource.label}: {text}")


@dataclass(frozen=True, kw_only=True)
class Pricer:
    """How a type is priced. `price` adds the lines of a resource to its bill, given its usage."""

    token: str
    usage: type[Usage]
    price: Callable[[Bill, Any], None]


def region_of(resource: Resource) -> tuple[str, bool]:
    """The region of a resource as the book names it, and whether it was unknown. `global` for what has none."""
    for key in ("location", "region", "zone"):
        value = resource.get(key)
        if value is UNKNOWN:
            return REFERENCE, True
        if isinstance(value, str) and value:
            region = value.lower()
            if key == "zone":
                region = region.rpartition("-")[0]
            return region, False
    return GLOBAL, False


def text(value: Decimal) -> str:
    """A number for an explanation: no exponent, no trailing zeros, digits grouped."""
    plain = f"{value:,.9f}".rstrip("0").rstrip(".")
    return plain or "0"
