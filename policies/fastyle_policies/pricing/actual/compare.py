"""Charges of a project against its estimate, by component: what is off, by how much, and in which part of it."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from fastyle_policies.model import Resource, grouped
from fastyle_policies.pricing.actual.export import Charge
from fastyle_policies.pricing.estimator import Estimate
from fastyle_policies.pricing.lines import EXACT, HOURS, Line, PricingError, total, totals

ZERO = Decimal(0)
UNLABELLED = ""
_LABELS = ("labels", "userLabels", "settings.userLabels", "effectiveLabels")


@cache
def _services() -> Mapping[str, str]:
    """Services as the bill calls them, by the first part of their rates' names and by other names that they have."""
    text = Path(__file__).with_name("services.csv").read_text(encoding="utf-8")
    return {row["name"]: row["service"] for row in csv.DictReader(text.splitlines())}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A component's share of one rate, or of one service where the bill's SKUs name no rate of the book."""

    name: str
    estimated: Decimal
    actual: Decimal

    @property
    def off(self) -> Decimal:
        return self.actual - self.estimated


@dataclass(frozen=True, kw_only=True)
class Component:
    """A component by its label, at list price: free tiers are given to the account."""

    name: str
    parts: Sequence[Part]

    @property
    def estimated(self) -> Decimal:
        return total(part.estimated for part in self.parts)

    @property
    def actual(self) -> Decimal:
        return total(part.actual for part in self.parts)

    @property
    def off(self) -> Decimal:
        return self.actual - self.estimated


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A month of 730 hours of both. `hours` were billed; `factor` is by what their charges were multiplied.

    `credits` and `others` (taxes, adjustments) are of the bill; `strangers` are charges of other projects, left out.
    """

    month: str
    hours: Decimal
    factor: Decimal
    components: Sequence[Component]
    credits: Mapping[str, Decimal]
    estimated_credits: Decimal
    others: Mapping[str, Decimal]
    strangers: int

    @property
    def estimated(self) -> Decimal:
        return total((*(each.estimated for each in self.components), self.estimated_credits))

    @property
    def actual(self) -> Decimal:
        return total((*(each.actual for each in self.components), *self.credits.values()))


def compared(
    charges: Sequence[Charge],
    estimate: Estimate,
    resources: Sequence[Resource],
    *,
    label: str = "component",
    project: str | None = None,
    month: str | None = None,
) -> Comparison:
    """Charges of one project and invoice month against an estimate.

    Args:
        label: the label whose values tell components apart.
        project: whose charges; all where None.
        month: of the invoice, as `202611`; the last that there is when None.

    Raises:
        PricingError: there is no charge of that project and month.
    """
    own = [charge for charge in charges if project is None or charge.project == project]
    if not own:
        there = ", ".join(sorted({charge.project for charge in charges if charge.project})[:5]) or "none"
        raise PricingError(f"the export has no charge of project {project}; it has charges of {there}")
    chosen = month or max(charge.month for charge in own)
    ours = [charge for charge in own if charge.month == chosen]
    if not ours:
        raise PricingError(f"the export has no charge of {chosen}; it has {', '.join(sorted({c.month for c in own}))}")
    hours = Decimal(str((max(c.end for c in ours) - min(c.start for c in ours)).total_seconds())) / 3600
    if hours <= 0:
        raise PricingError(f"the charges of {chosen} are of no time at all: their usage ends when it starts")
    factor = EXACT.divide(HOURS, hours).quantize(Decimal("0.000000001"))
    regular = [charge for charge in ours if charge.kind == "regular"]
    return Comparison(
        month=chosen,
        hours=hours,
        factor=factor,
        components=_components(regular, estimate, labels_of(resources, label), label, factor),
        credits=totals((kind, amount * factor) for charge in ours for kind, amount in charge.credits.items()),
        estimated_credits=total(credit.monthly.copy_negate() for credit in estimate.credits),
        others=totals((charge.kind, charge.cost) for charge in ours if charge.kind != "regular"),
        strangers=len(charges) - len(own),
    )


def labels_of(resources: Sequence[Resource], label: str) -> dict[str, str]:
    """The component of each resource by URN: its own label, else the one that all others of its parent share."""
    own = {resource.urn: value for resource in resources if (value := _label(resource, label))}
    shared: dict[str, set[str]] = {}
    for resource in resources:
        if resource.urn in own:
            shared.setdefault(resource.parent, set()).add(own[resource.urn])
    for resource in resources:
        family = shared.get(resource.parent, set()) if resource.parent else set()
        own.setdefault(resource.urn, next(iter(family)) if len(family) == 1 else UNLABELLED)
    return own


def _label(resource: Resource, label: str) -> str:
    for path in _LABELS:
        value = resource.get(f"{path}.{label}")
        if isinstance(value, str):
            return value
    return ""


def rate_of(charge: Charge, lines: Sequence[Line]) -> str | None:
    """The rate of these lines that a charge is of: the only one whose SKU it names."""
    named = {
        line.rate.id
        for line in lines
        if line.rate.sku
        and service(line.rate.sku.service) == service(charge.service)
        and re.fullmatch(line.rate.sku.description, charge.sku)
    }
    return next(iter(named)) if len(named) == 1 else None


def service(name: str) -> str:
    return _services().get(name, name)


def service_of(rate: str) -> str:
    """The service that bills a rate."""
    return service(rate.partition(".")[0])


def _components(
    charges: Sequence[Charge], estimate: Estimate, component_of: Mapping[str, str], label: str, factor: Decimal
) -> list[Component]:
    lines = grouped((component_of.get(resource.urn, UNLABELLED), line) for resource, line in estimate.lines())
    billed = grouped((charge.labels.get(label) or _only_one(charge, lines), charge) for charge in charges)
    components = [
        Component(name=name, parts=parts(billed.get(name, ()), lines.get(name, ()), factor))
        for name in sorted({*lines, *billed})
    ]
    return sorted((each for each in components if each.parts), key=lambda each: (-abs(each.off), each.name))


def _only_one(charge: Charge, lines: Mapping[str, Sequence[Line]]) -> str:
    """The component of a charge without a label, where one alone has the rate that it is of: queries, for instance, which
    are billed to whoever asks and carry the labels of the job."""
    owners = [name for name, of in lines.items() if rate_of(charge, of)]
    return owners[0] if len(owners) == 1 else UNLABELLED


def parts(charges: Sequence[Charge], lines: Sequence[Line], factor: Decimal) -> list[Part]:
    """By rate, where the bill names one, else by service."""
    rates = {rate for charge in charges if (rate := rate_of(charge, lines))}
    actual = totals((rate_of(charge, lines) or service(charge.service), charge.cost * factor) for charge in charges)
    estimated = by_part(lines, rates)
    return [
        Part(name=name, estimated=estimated.get(name, ZERO), actual=actual.get(name, ZERO))
        for name in sorted({*estimated, *actual})
        if estimated.get(name) or actual.get(name)
    ]


def by_part(lines: Sequence[Line], rates: set[str]) -> dict[str, Decimal]:
    """Costs of lines by their rate where it is one of `rates`, else by service."""
    ids = ((line.rate.id, line.monthly) for line in lines)
    return totals((name if name in rates else service_of(name), cost) for name, cost in ids)
