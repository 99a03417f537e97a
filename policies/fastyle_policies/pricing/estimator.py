"""The estimate of a month: every resource at list price, then what the billing account's free tiers give back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from fastyle_policies.model import Resource, grouped
from fastyle_policies.pricing import regions
from fastyle_policies.pricing.book import GLOBAL, REFERENCE, STALE_AFTER_DAYS, Book
from fastyle_policies.pricing.book import load as load_book
from fastyle_policies.pricing.credits import discounts, free_tiers
from fastyle_policies.pricing.lines import (
    EXACT,
    Credit,
    Line,
    Note,
    PricingError,
    ResourceCost,
    Unpriced,
    total,
    totals,
)
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, region_of
from fastyle_policies.pricing.services.free import why_free
from fastyle_policies.pricing.services.plan import PricedPlan
from fastyle_policies.pricing.usage import UsageFile, idle_usage

ZERO = Decimal(0)
STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a plan costs in a month of its usage file.

    `free` maps types to the reason. What is `unpriced` is in no sum. `remarks` are notes by resource.
    """

    currency: str
    month: str
    resources: tuple[ResourceCost, ...]
    credits: tuple[Credit, ...]
    free: dict[str, str]
    free_count: int
    unpriced: tuple[Unpriced, ...]
    remarks: tuple[Note, ...]
    unit_costs: dict[str, Decimal] = field(default_factory=dict)

    @property
    def not_estimated(self) -> dict[str, list[str]]:
        """Types to the resources that are in no sum, and why."""
        return grouped((each.type, str(each)) for each in self.unpriced)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(str(remark) for remark in self.remarks)

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
    def least(self) -> Decimal:
        """The total by the lower of the sources where they contradict each other; `total` is by the higher."""
        return total((self.total, *(line.doubtful.copy_negate() for _, line in self.lines())))

    @property
    def list_price(self) -> Decimal:
        """The sum of all resources, before free tiers."""
        return total(r.monthly for r in self.resources)

    def components(self) -> dict[tuple[str, str] | None, list[ResourceCost]]:
        """Resources by top-level component, dearest first; resources outside any component under None."""
        groups = grouped((resource.component, resource) for resource in self.resources)
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
        """Rates that were read too long ago, by id, with what rests on each; a line of nothing rests on none."""
        old = (line for _, line in self.lines() if line.monthly and (today - line.rate.read).days > STALE_AFTER_DAYS)
        return totals((line.rate.id, line.monthly) for line in old)

    def lacking(self) -> dict[str, dict[str, Decimal]]:
        """Regions to the rates that the book lacks there, with what rests on the reference region's instead."""
        lines = [line for _, line in self.lines() if line.lacking and line.monthly]
        return {
            region: totals((line.rate.id, line.monthly) for line in lines if line.lacking == region)
            for region in {line.lacking for line in lines}
        }


def estimate(
    resources: Sequence[Resource],
    usage: UsageFile | None = None,
    book: Book | None = None,
    *,
    region: str | None = None,
    notes: Sequence[str] = (),
    strict: bool = True,
) -> Estimate:
    """Estimate a plan.

    Args:
        resources: of any Pulumi program; only Google Cloud's are priced.
        usage: of the month to reckon with; without one, only what is always on costs.
        region: where resources are that name no region themselves, nor whose provider does; the reference region when
            absent.
        notes: what is to be said of the plan beside what is found here.
        strict: whether usage for a resource that the plan lacks is an error, as a misspelt name would be; otherwise it
            is a note, for plans of which something was taken away.

    Raises:
        PricingError: the usage file does not fit the plan, or a resource is in no place that there is.
    """
    usage, book = usage or UsageFile(), book or load_book()
    said = [Note("", text) for text in notes]
    said += [Note("", idle_usage(pattern)) for pattern in usage.check(resources, strict=strict)]
    plan = PricedPlan(resources, usage)
    costs: list[ResourceCost] = []
    free: dict[str, str] = {}
    unpriced: list[Unpriced] = []
    free_count = 0
    for resource in sorted(resources, key=lambda r: (r.type, r.name, r.urn)):
        if not _costs(resource):
            continue
        if resource.type not in PRICERS and (why := why_free(resource.type)):
            free[resource.type] = why
            free_count += 1
            continue
        try:
            bill = billed(resource, plan, book, region)
        except NotPricedError as e:
            unpriced.append(Unpriced(resource.type, resource.name, str(e)))
            continue
        except ArithmeticError:
            unpriced.append(Unpriced(resource.type, resource.name, "its figures are too large to reckon with"))
            continue
        said += bill.notes
        costs.append(
            ResourceCost(
                urn=resource.urn,
                type=resource.type,
                name=resource.name,
                component=_component(resource, plan.by_urn),
                project=resource.project,
                lines=tuple(bill.lines),
            )
        )
    estimated = Estimate(
        currency=book.currency,
        month=usage.month,
        resources=tuple(costs),
        credits=(*free_tiers(costs, book), *discounts(costs)),
        free=free,
        free_count=free_count,
        unpriced=tuple(unpriced),
        remarks=tuple(said),
        unit_costs=usage.unit_costs(),
    )
    return replace(estimated, remarks=(*said, *_ranges(estimated), *_lacking(estimated)))


def billed(resource: Resource, plan: PricedPlan, book: Book, region: str | None = None) -> Bill:
    """The bill of one resource of a plan at list price.

    Raises:
        NotPricedError, ArithmeticError: it has no price, or figures too large to reckon with.
    """
    if resource.type not in PRICERS:
        raise NotPricedError(_unknown_type(resource))
    bill = Bill(book, plan, resource, REFERENCE)
    bill.region = _place(bill, region)
    pricer = PRICERS[resource.type]
    pricer.price(bill, plan.usage.of(resource, pricer.usage))
    return bill


def _place(bill: Bill, region: str | None) -> str:
    """Where a resource is: where it says, else its provider's default, else the plan's, else the reference region."""
    where, unsure = region_of(bill.resource)
    if unsure:
        bill.note(f"its region is secret or known only at update; reckoned with {REFERENCE}")
    place = where if where != GLOBAL else bill.resource.region or region or REFERENCE
    if (normal_name := regions.normal(place)) is None:
        shown = place[:40]
        raise PricingError(f"{bill.resource.label}: Google Cloud has no location '{shown}'{regions.nearest(shown)}")
    return normal_name


def _ranges(estimated: Estimate) -> Iterable[Note]:
    """What may cost less than it is reckoned with, because its sources contradict each other."""
    for resource in estimated.resources:
        if doubtful := total(line.doubtful for line in resource.lines):
            least = total((resource.monthly, doubtful.copy_negate()))
            yield Note(
                resource.name,
                f"costs {least:,.2f} to {resource.monthly:,.2f} {estimated.currency} a month: its sources contradict each "
                "other; the upper end is reckoned with",
            )


def _lacking(estimated: Estimate) -> Iterable[Note]:
    """What rests on the reference region's rates, by region, with its share of the list price."""
    for region, rates in sorted(estimated.lacking().items()):
        cost = total(rates.values())
        names = ", ".join(sorted(rates, key=lambda name: (rates[name].copy_negate(), name)))
        percent = EXACT.divide(cost * 100, estimated.list_price)
        yield Note(
            "",
            f"the book has no sourced rates for {region} of {names}: {REFERENCE}'s are used, "
            f"on which {percent:.1f} % of the list price rests",
        )


def _unknown_type(resource: Resource) -> str:
    if _is_googles(resource):
        return "the price book does not know this type"
    return f"a resource of {resource.type.partition(':')[0]}, for which there is no price book"


def _is_googles(resource: Resource) -> bool:
    return resource.type.startswith(("gcp:", "google-native:"))


def _costs(resource: Resource) -> bool:
    """Whether there may be a price for it: for components, providers and the stack itself there is none."""
    return _is_googles(resource) or (resource.custom is True and not resource.type.startswith("pulumi:"))


def _component(resource: Resource, by_urn: Mapping[str, Resource]) -> tuple[str, str] | None:
    """Type and name of the outermost component that holds a resource."""
    component, seen = None, set()
    parent = by_urn.get(resource.parent)
    while parent is not None and parent.type != STACK and parent.urn not in seen:
        seen.add(parent.urn)
        if not _costs(parent):
            component = (parent.type, parent.name)
        parent = by_urn.get(parent.parent)
    return component
