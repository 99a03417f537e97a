"""What a pricer is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing import regions
from fastyle_policies.pricing.book import GLOBAL, REFERENCE, Book, Constant
from fastyle_policies.pricing.lines import Line, Note, amount, rounded, worst

D = TypeVar("D")


class Usage(BaseModel):
    """Usage keys of a type. Amounts are decimals; keys that begin with `monthly_` are flows of a month."""

    model_config = ConfigDict(frozen=True, extra="forbid")


U = TypeVar("U", bound=Usage)


class NotPricedError(Exception):
    """A resource of a priced type whose price is not in the book: listed as not estimated, with this reason."""


class UsageSource(Protocol):
    """Where usage comes from: `fastyle_policies.pricing.usage.UsageFile`."""

    def of(self, resource: Resource, model: type[U]) -> U:
        """The usage of a resource."""
        ...


@dataclass
class PricedPlan:
    """The resources of a plan, and the usage of each. Look-ups go by an index: a plan may have tens of thousands."""

    resources: Sequence[Resource]
    usage: UsageSource
    _by_key: dict[tuple[str, str], dict[str, Resource]] = field(default_factory=dict)
    _ranks: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    _users: dict[tuple[str, str], dict[str, list[Resource]]] = field(default_factory=dict)

    @cached_property
    def by_type(self) -> Mapping[str, Sequence[Resource]]:
        by_type: dict[str, list[Resource]] = {}
        for resource in self.resources:
            by_type.setdefault(resource.type, []).append(resource)
        return by_type

    @cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def schedules(self) -> Mapping[str, Sequence[Resource]]:
        """Scheduler jobs by the last part of the address that they call: the name of what they act on."""
        schedules: dict[str, list[Resource]] = {}
        for job in self.of("gcp:cloudscheduler/job:Job"):
            if isinstance(uri := job.get("httpTarget.uri"), str):
                schedules.setdefault(uri.rstrip("/").rpartition("/")[2], []).append(job)
        return schedules

    def of(self, type_: str) -> Sequence[Resource]:
        return self.by_type.get(type_, ())

    def find(self, type_: str, key: str, value: Any) -> Resource | None:
        """The resource of a type whose property `key` is `value`, or the end of it (`projects/p/topics/t`)."""
        if not isinstance(value, str):
            return None
        if (type_, key) not in self._by_key:
            index: dict[str, Resource] = {}
            for resource in self.of(type_):
                if isinstance(own := resource.get(key), str):
                    index.setdefault(own, resource)
            self._by_key[type_, key] = index
        index = self._by_key[type_, key]
        return index.get(value) or index.get(value.rsplit("/", 1)[-1])

    def linked(self, resource: Resource, path: str, type_: str, *keys: str) -> Resource | None:
        """The resource of `type_` that a property names by one of `keys`, or was computed from while it is unknown."""
        return self.behind(resource, path.partition(".")[0], resource.get(path), type_, *keys)

    def behind(self, resource: Resource, key: str, value: Any, type_: str, *keys: str) -> Resource | None:
        """As `linked`, of a `value` that lies anywhere within the resource's property `key`."""
        if value is not UNKNOWN:
            return next((target for each in keys if (target := self.find(type_, each, value))), None)
        sources = (self.by_urn.get(urn) for urn in resource.references.get(key, ()))
        return next((source for source in sources if source and source.type == type_), None)

    @cached_property
    def referrers(self) -> Mapping[str, Sequence[Resource]]:
        """Resources by the URN of each resource that a property of theirs was computed from."""
        referrers: dict[str, list[Resource]] = {}
        for resource in self.resources:
            for urn in {urn for urns in resource.references.values() for urn in urns}:
                referrers.setdefault(urn, []).append(resource)
        return referrers

    def ranks(self, type_: str, key: str) -> Mapping[str, int]:
        """Places of a type's resources, by URN, among those of the same project and the same `key`, from 0."""
        if (type_, key) not in self._ranks:
            seen: dict[tuple[str, str], int] = {}
            ranks: dict[str, int] = {}
            for resource in sorted(self.of(type_), key=lambda r: (r.name, r.urn)):
                group = (resource.project, str(resource.get(key)))
                ranks[resource.urn] = seen.get(group, 0)
                seen[group] = ranks[resource.urn] + 1
            self._ranks[type_, key] = ranks
        return self._ranks[type_, key]

    def users(self, resource: Resource, type_: str, path: str) -> Sequence[Resource]:
        """Resources of `type_` whose property leads to a resource: by its name or id, or by reference while unknown."""
        if (type_, path) not in self._users:
            index: dict[str, list[Resource]] = {}
            for user in self.of(type_):
                value = user.get(path)
                names = [value.rsplit("/", 1)[-1]] if isinstance(value, str) else []
                if value is UNKNOWN:
                    names = list(user.references.get(path.partition(".")[0], ()))
                for name in names:
                    index.setdefault(name, []).append(user)
            self._users[type_, path] = index
        index = self._users[type_, path]
        own = resource.get("name")
        return [*index.get(resource.urn, ()), *(index.get(own, ()) if isinstance(own, str) else ())]


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

    def constant(self, name: str) -> Constant:
        return self.book.constants[name]

    def get(self, path: str) -> Any:
        """A property; None where it is unset, and, with a note, where only the update will know it."""
        return self.known(path, None)

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

    def known(self, path: str, default: D) -> Any | D:
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
        value = self.known(path, default)
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
    if isinstance(value, Mapping):
        return any(map(holds_unknown, value.values()))
    return any(map(holds_unknown, value)) if isinstance(value, list | tuple) else value is UNKNOWN


def text(value: Decimal) -> str:
    """A number for an explanation: no exponent, no trailing zeros, digits grouped."""
    plain = f"{value:,.9f}".rstrip("0").rstrip(".")
    return plain or "0"
