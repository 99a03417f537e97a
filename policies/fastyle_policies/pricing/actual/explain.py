"""The usage assumption that would explain what is off: of a component's usage keys the one that fits all its parts best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from fastyle_policies.model import Resource
from fastyle_policies.pricing.actual.compare import Comparison, Component, by_part, labels_of
from fastyle_policies.pricing.book import Book
from fastyle_policies.pricing.book import load as load_book
from fastyle_policies.pricing.estimator import billed
from fastyle_policies.pricing.lines import LARGEST, Line, total
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.pricing.services.base import NotPricedError, Usage
from fastyle_policies.pricing.services.plan import PricedPlan, U
from fastyle_policies.pricing.usage import UsageFile

ZERO = Decimal(0)
WORTH = Decimal("0.05")
"""USD a month from which on a component's difference is explained, and a part of it."""
FITS = Decimal("0.2")
"""The share of what was off that may stay unexplained."""
_STEPS = 12


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A usage key whose other value would explain a component's difference, but for `left` USD a month."""

    component: str
    resource: str
    key: str
    before: Decimal | None
    after: Decimal
    left: Decimal


def _likelihood(explanation: Explanation) -> tuple[bool, Decimal, bool, str, str]:
    """Less is likelier: an assumption that somebody made is likelier to be off than use that nobody thought of is to be
    there; then what leaves less; then what flows rather than how large or how long each is."""
    return (
        not explanation.before,
        explanation.left.quantize(WORTH),
        not explanation.key.startswith("monthly_"),
        explanation.key,
        explanation.resource,
    )


@dataclass(frozen=True)
class _Overlay:
    """A usage file with other values of some keys of some resources."""

    usage: UsageFile
    values: Mapping[tuple[str, str], Decimal]

    def of(self, resource: Resource, model: type[U]) -> U:
        values = self.usage.of(resource, model)
        own = {key: value for (urn, key), value in self.values.items() if urn == resource.urn}
        return values.model_copy(update=own) if own else values


@dataclass(frozen=True, kw_only=True)
class Explainer:
    """What explanations are looked for in: a plan with its usage, priced a component at a time."""

    resources: Sequence[Resource]
    usage: UsageFile
    label: str = "component"
    region: str | None = None
    book: Book | None = None

    def explained(self, comparison: Comparison) -> list[Explanation]:
        """An explanation for each component that is off and has one."""
        component_of = labels_of(self.resources, self.label)
        explanations = []
        for component in comparison.components:
            members = [r for r in self.resources if component_of[r.urn] == component.name and r.type in PRICERS]
            if abs(component.off) >= WORTH and members and (best := self._best(component, members)):
                explanations.append(best)
        return explanations

    def _best(self, component: Component, members: Sequence[Resource]) -> Explanation | None:
        """Of all keys that can make up for the whole difference the one that leaves least in the single parts."""
        targets = {part.name: part.actual for part in component.parts}
        goal, off = component.actual, total(abs(part.off) for part in component.parts)
        explanations: list[Explanation] = []
        for resource in members:
            for key, before in self._keys(resource):
                after = self._solved(members, resource, key, before, goal)
                if after is None:
                    continue
                costs = by_part(self._lines(members, {(resource.urn, key): after}), set(targets))
                left = total(abs(costs.get(n, ZERO) - targets.get(n, ZERO)) for n in {*costs, *targets})
                if left <= off * FITS or left < WORTH:
                    explanations.append(
                        Explanation(
                            component=component.name,
                            resource=resource.name,
                            key=key,
                            before=before,
                            after=after,
                            left=left,
                        )
                    )
        return min(explanations, key=_likelihood, default=None)

    def _keys(self, resource: Resource) -> Iterator[tuple[str, Decimal | None]]:
        values: Usage = self.usage.of(resource, PRICERS[resource.type].usage)
        for key in type(values).model_fields:
            value = getattr(values, key)
            if value is None or isinstance(value, Decimal):
                yield key, value

    def _solved(
        self, members: Sequence[Resource], resource: Resource, key: str, before: Decimal | None, goal: Decimal
    ) -> Decimal | None:
        """The value of a key with which the component costs what it did; None where none is found.

        By the secant method: costs are straight lines of nearly every key, with a bend where a minimum or a tier ends.
        """

        def cost(value: Decimal) -> Decimal | None:
            try:
                return total(line.monthly for line in self._lines(members, {(resource.urn, key): value}))
            except ArithmeticError:
                return None

        low = before if before is not None else Decimal(730)
        high = low * Decimal("1.5") if low else Decimal(1)
        at_low, at_high = cost(low), cost(high)
        for _ in range(_STEPS):
            if at_low is None or at_high is None or at_low == at_high:
                return None
            if abs(at_high - goal) < Decimal("0.001"):
                return self._allowed(resource, key, high)
            following = high + (goal - at_high) * (high - low) / (at_high - at_low)
            if not ZERO <= following <= LARGEST:
                return None
            low, at_low, high = high, at_high, following
            at_high = cost(high)
        return None

    def _allowed(self, resource: Resource, key: str, value: Decimal) -> Decimal | None:
        """A value to six places, if its key may have it."""
        value = value.quantize(Decimal("0.000001"))
        model = PRICERS[resource.type].usage
        given = self.usage.of(resource, model).model_dump(exclude_none=True)
        try:
            model.model_validate({**given, key: value})
        except ValueError:
            return None
        return value.normalize() if value else ZERO

    def _lines(self, members: Sequence[Resource], values: Mapping[tuple[str, str], Decimal]) -> list[Line]:
        plan = PricedPlan(self.resources, _Overlay(self.usage, values))
        book = self.book or load_book()
        lines: list[Line] = []
        for each in members:
            with suppress(NotPricedError):  # it is in no sum of the estimate either
                lines += billed(each, plan, book, self.region).lines
        return lines
