"""The estimate of a month: every resource at list price, then what the billing account's free tiers give back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from policies.model import Resource
from policies.pricing.book import GLOBAL, REFERENCE, STALE_AFTER_DAYS, Book
from policies.pricing.book import load as load_book
from policies.pricing.lines import Credit, Line, ResourceCost, times, total, worst
from policies.pricing.services import PRICERS
from policies.pricing.services.base import Bill, NotPricedError, Plan, region_of
from policies.pricing.services.free import why_free
from policies.pricing.usage import UsageFile

ZERO = Decimal(0)
STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a plan costs in a month of its usage file.

    `free` maps types to the reason, `not_estimated` types to the resources and why: they are in no sum.
    """

    currency: str
    month: str
    resources: tuple[ResourceCost, ...]
    credits: tuple[Credit, ...]
    free: dict[str, str]
    free_count: int
    not_estimated: dict[str, list[str]]
    notes: tuple[str, ...]
    unit_costs: dict[str, Decimal] = field(default_factory=dict)

    @property
    def fixed(self) -> Decimal:
        """What is owed whatever happens, after free tiers."""
        return total([*(r.part(usage=False) for r in self.resources), *(c.fixed.copy_negate() for c in self.credits)])

    @property
    def usage(self) -> Decimal:
        """What follows the traffic, after free tiers."""
        return total([*(r.part(usage=True) for r in self.resources), *(c.usage.copy_negate() for c in self.credits)])

    @property
    def total(self) -> Decimal:
        return total((self.fixed, self.usage))

    @property
    def list_price(self) -> Decimal:
        """The sum of all resources, before free tiers."""
        return total(r.monthly for r in self.resources)

    def components(self) -> dict[tuple[str, str] | None, list[ResourceCost]]:
        """Resources by top-level component, dearest first; resources outside any component under None."""
        groups: dict[tuple[str, str] | None, list[ResourceCost]] = {}
        for resource in self.resources:
            groups.setdefault(resource.component, []).append(resource)
        for group in groups.values():
            group.sort(key=lambda r: (r.monthly.copy_negate(), r.name, r.urn))
        order = sorted(groups, key=lambda c: (total(r.monthly for r in groups[c]).copy_negate(), c or ("", "")))
        return {component: groups[component] for component in order}

    def lines(self) -> list[tuple[ResourceCost, Line]]:
        return [(resource, line) for resource in self.resources for line in resource.lines]

    def resting_on(self, confidence: str) -> Decimal:
        """The part of the list price whose lines have this confidence."""
        return total(line.monthly for _, line in self.lines() if line.confidence == confidence)

    def stale(self, today: date) -> dict[str, Decimal]:
        """Rates that were read too long ago, by id, with what rests on each."""
        found: dict[str, Decimal] = {}
        for _, line in self.lines():
            if (today - line.rate.read).days > STALE_AFTER_DAYS:
                found[line.rate.id] = total((found.get(line.rate.id, ZERO), line.monthly))
        return found


def estimate(
    resources: Sequence[Resource],
    usage: UsageFile | None = None,
    book: Book | None = None,
    *,
    region: str | None = None,
    notes: Sequence[str] = (),
) -> Estimate:
    """Estimate a plan.

    Args:
        resources: of any Pulumi program; only Google Cloud's cost anything here.
        usage: of the month to reckon with; without one, only what is always on costs.
        region: where resources are that name no region themselves; the reference region when absent.
        notes: what is to be said of the plan beside what is found here.

    Raises:
        PricingError: the usage file does not fit the plan.
    """
    usage, book = usage or UsageFile(), book or load_book()
    said = [*notes, *(f"usage for '{pattern}' matches no resource of this plan" for pattern in usage.check(resources))]
    plan, by_urn = Plan(resources, usage), {r.urn: r for r in resources}
    costs: list[ResourceCost] = []
    free: dict[str, str] = {}
    unpriced: dict[str, list[str]] = {}
    fallbacks: set[str] = set()
    free_count = 0
    for resource in sorted(resources, key=lambda r: (r.type, r.name, r.urn)):
        if not _costs_here(resource):
            continue
        pricer = PRICERS.get(resource.type)
        if pricer is None:
            if why := why_free(resource.type):
                free[resource.type] = why
                free_count += 1
            else:
                unpriced.setdefault(resource.type, []).append(
                    f"{resource.name}: the price book does not know this type"
                )
            continue
        where, unsure = region_of(resource)
        bill = Bill(book, plan, resource, (region or REFERENCE) if where == GLOBAL else where)
        if unsure:
            bill.note(f"its region is secret or known only at update; reckoned with {REFERENCE}")
        try:
            pricer.price(bill, usage.of(resource, pricer.usage))
        except NotPricedError as e:
            unpriced.setdefault(resource.type, []).append(f"{resource.name}: {e}")
            continue
        except ArithmeticError:
            unpriced.setdefault(resource.type, []).append(f"{resource.name}: its figures are too large to reckon with")
            continue
        said += bill.notes
        fallbacks |= bill.fallbacks
        costs.append(
            ResourceCost(
                urn=resource.urn,
                type=resource.type,
                name=resource.name,
                component=_component(resource, by_urn),
                lines=tuple(bill.lines),
            )
        )
    said += [
        f"the book has no sourced rates for {r} of some services: {REFERENCE}'s are used" for r in sorted(fallbacks)
    ]
    return Estimate(
        currency=book.currency,
        month=usage.month,
        resources=tuple(costs),
        credits=(*_free_tiers(costs, book), *_discounts(costs)),
        free=free,
        free_count=free_count,
        not_estimated=unpriced,
        notes=tuple(said),
        unit_costs=usage.unit_costs(),
    )


def _costs_here(resource: Resource) -> bool:
    """Cloud resources; components, providers and other clouds' resources have no Google price."""
    return resource.type.startswith(("gcp:", "google-native:"))


def _component(resource: Resource, by_urn: dict[str, Resource]) -> tuple[str, str] | None:
    """Type and name of the outermost component that holds a resource."""
    found, seen = None, set()
    parent = by_urn.get(resource.parent)
    while parent is not None and parent.type != STACK and parent.urn not in seen:
        seen.add(parent.urn)
        if not _costs_here(parent):
            found = (parent.type, parent.name)
        parent = by_urn.get(parent.parent)
    return found


def _free_tiers(costs: Sequence[ResourceCost], book: Book) -> list[Credit]:
    """Each pool once for all resources, in money; always-on lines use it first, since they come whatever happens."""
    credits = []
    for name, pool in book.pools.items():
        members = [(r, line) for r in costs for line in r.lines if line.rate.free == name]
        fixed = total(line.monthly for _, line in members if not line.usage_based)
        usage = total(line.monthly for _, line in members if line.usage_based)
        left = times(pool.quantity, pool.price)
        credit = Credit(
            name=pool.name,
            unit=pool.unit,
            free=pool.quantity,
            used=total(line.quantity for _, line in members),
            fixed=min(fixed, left),
            usage=min(usage, total((left, min(fixed, left).copy_negate()))),
            source=str(pool.source),
            confidence=worst([pool.confidence, *(line.confidence for _, line in members)]),
            members=tuple(dict.fromkeys(r.name for r, _ in members)),
        )
        if credit.monthly:
            credits.append(credit)
    return credits


def _discounts(costs: Sequence[ResourceCost]) -> list[Credit]:
    """Volume tiers, over all lines of a rate together."""
    groups: dict[tuple[str, str], list[tuple[ResourceCost, Line]]] = {}
    for resource in costs:
        for line in resource.lines:
            if line.rate.tiers:
                groups.setdefault((line.rate.id, line.rate.region), []).append((resource, line))
    credits = []
    for members in groups.values():
        rate = members[0][1].rate
        fixed = rate.discount(total(line.quantity for _, line in members if not line.usage_based))
        quantity = total(line.quantity for _, line in members)
        if off := rate.discount(quantity):
            credits.append(
                Credit(
                    name=f"Volume discount, {rate.id}",
                    unit=rate.unit,
                    free=None,
                    used=quantity,
                    fixed=fixed,
                    usage=total((off, fixed.copy_negate())),
                    source=str(rate.source),
                    confidence=rate.confidence,
                    members=tuple(dict.fromkeys(r.name for r, _ in members)),
                )
            )
    return credits
