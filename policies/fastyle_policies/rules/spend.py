"""Spend: what the whole plan costs a month, by the estimator, against ceilings, the budget and a recorded baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

import fastyle_policies.pricing
from fastyle_policies import gcp
from fastyle_policies.configuration import pack_folder
from fastyle_policies.model import UNKNOWN, Parameters, Plan, Resource, Violation, number, rule
from fastyle_policies.pricing import Estimate, PricingError, UsageFile
from fastyle_policies.pricing.blocks import aligned
from fastyle_policies.pricing.lines import total
from fastyle_policies.pricing.report import component_costs, money
from fastyle_policies.pricing.services.base import region_of

CURRENCY = "USD"
"""What estimates and ceilings are in: the currency of the price book's sources."""
_ROWS = 8
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def located(name: str, pack: Path) -> str:
    """The path of a usage file: `usage/NAME.yaml` in the pack's folder where that is there, else a path from it."""
    inside = pack / "usage" / f"{name}.yaml"
    return str(inside if inside.exists() else pack / name)


@cache
def usage_file(path: str) -> UsageFile:
    """The usage file at that path; none, hence no usage, for an empty one.

    Raises:
        PricingError: it cannot be read.
    """
    return fastyle_policies.pricing.read_usage(Path(path)) if path else UsageFile()


class Spend(Parameters):
    usage: str = Field(
        default="",
        description="usage file: a name in the folder `usage` of the pack, or a path from the pack's folder; empty: none, so that the stack is idle",
    )
    month: str = Field(default="sale", description="month of the usage file's calendar to reckon with")

    @field_validator("usage")
    @classmethod
    def _readable(cls, value: str, info: ValidationInfo) -> str:
        path = located(value, pack_folder(info.context)) if value else ""
        try:
            usage_file(path)
        except PricingError as e:
            raise ValueError(str(e)) from None
        return path


class SpendCeiling(Spend):
    maximum: float = Field(default=100, ge=0, description="USD a month for the stack")


class ComponentCeiling(Spend):
    maximum: float = Field(default=50, ge=0, description="USD a month for a component")
    components: dict[str, float] = Field(
        default_factory=dict, description="other ceilings by component name; `*` and `?` match as in a shell"
    )


class Exchange(Parameters):
    rates: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description='USD for one unit of another currency that a budget is in, such as `{"EUR": 1.1}`',
    )


class BudgetCovers(Spend, Exchange):
    required: bool = Field(default=True, description="whether the stack's budget has to cover its estimate")


class SpendIncrease(Spend):
    month: str = Field(default="ordinary", description="month of the usage file's calendar to reckon with")
    baseline: float | None = Field(
        default=None, ge=0, description="USD a month that were last agreed to; null: nothing to compare with"
    )
    threshold: float = Field(default=0.2, ge=0, description="share of the baseline by which the estimate may grow")
    least: float = Field(default=5, ge=0, description="USD by which it may grow whatever the share")


def estimate_of(plan: Plan, p: Spend) -> Estimate:
    """The estimate of a plan in the month that a rule reckons with.

    Raises:
        PricingError: the usage file has no such month, or does not fit the plan.
    """
    usage = usage_file(p.usage).for_month(p.month)
    return fastyle_policies.pricing.estimate(plan.resources, usage, region=home_region(plan.resources), strict=False)


def home_region(resources: Sequence[Resource]) -> str | None:
    """The region that most resources name: where those are that name none. None when nobody names one."""
    named = [where for where, unsure in (region_of(r) for r in resources) if not unsure and "-" in where]
    return max(sorted(set(named)), key=named.count, default=None)


def table(estimate: Estimate) -> str:
    """What each component costs, dearest first, as lines of text; what costs nothing is left out."""
    costs = list(component_costs(estimate))
    free = [costs.pop()] if estimate.credits else []
    if others := costs[_ROWS:]:
        fixed, usage = total(fixed for _, fixed, _ in others), total(usage for _, _, usage in others)
        costs[_ROWS:] = [(f"{len(others)} others", fixed, usage)]
    rows = [("component", "always on", "by usage", "a month")]
    for name, fixed, usage in (*costs, *free, ("total", estimate.fixed, estimate.usage)):
        rows.append((name, money(fixed), money(usage), money(fixed + usage)))
    return "\n".join(f"  {row}" for row in aligned(rows))


def _over(estimate: Estimate, limit: Decimal, words: str) -> str:
    """A message: what costs how much, the table, and by how much it is over `limit`."""
    without = ", ".join(sorted(estimate.not_estimated))
    more = f"; without {without}, which cannot be estimated" if without else ""
    return f"{words}\n{table(estimate)}\n  over by {money(estimate.total - limit)} {estimate.currency}{more}"


def _estimated(plan: Plan, p: Spend) -> Estimate | None:
    """As `estimate_of`; None where there is no estimate, which the stack's ceiling says."""
    with suppress(PricingError):
        return estimate_of(plan, p)
    return None


@rule("high")
def spend_ceiling(plan: Plan, p: SpendCeiling) -> Iterator[Violation]:
    """A stack's estimate stays under its ceiling. An overspend is cheapest before it is deployed.

    Mend: make the plan cheaper (`fastyle-policies cost PLAN` shows every line), or change this rule's `maximum` or `month`.
    Unknown: reckoned.
    """
    try:
        estimate = estimate_of(plan, p)
    except PricingError as e:
        yield Violation(f"cannot be estimated: {e}")
        return
    limit = Decimal(str(p.maximum))
    if estimate.total > limit:
        words = f"the stack costs {money(estimate.total)} {estimate.currency} in a {p.month} month, above its ceiling of {money(limit)}:"
        yield Violation(_over(estimate, limit, words))


@rule("medium")
def component_ceiling(plan: Plan, p: ComponentCeiling) -> Iterator[Violation]:
    """No single component eats the stack's money unseen. A total hides one that doubled behind one that shrank.

    Mend: make the component cheaper, or give it a ceiling of its own in `components` of this rule.
    Unknown: reckoned.
    """
    if not (estimate := _estimated(plan, p)):
        return
    usual = Decimal(str(p.maximum))
    by_key = {(r.type, r.name): r for r in plan.resources}
    for component, resources in estimate.components().items():
        if component is None:
            continue
        own = [Decimal(str(limit)) for name, limit in p.components.items() if fnmatchcase(component[1], name)]
        limit, cost = (own or [usual])[-1], total(r.monthly for r in resources)
        if cost > limit:
            lines = [
                f"  {r.name}: {line.name}  {money(line.monthly)}" for r in resources for line in r.lines if line.monthly
            ]
            yield Violation(
                f"costs {money(cost)} {estimate.currency} in a {p.month} month at list price, above the ceiling of "
                f"{money(limit)}:\n" + "\n".join(lines) + f"\n  over by {money(cost - limit)} {estimate.currency}",
                by_key.get(component),
            )


@rule("high")
def budget_covers_estimate(plan: Plan, p: BudgetCovers) -> Iterator[Violation]:
    """The budget covers a sale month. One that is always exceeded is an alarm that nobody hears any more.

    Mend: raise the budget's amount, or make the plan cheaper.
    Unknown: passes while the budget's amount or period is unknown; the rest is reckoned.
    """
    budgets = list(plan.of(gcp.BUDGET)) if p.required else []
    amounts = [amount for amount in (monthly_amount(budget, p.rates) for budget in budgets) if amount is not None]
    if not amounts or len(amounts) < len(budgets):
        return  # none, or one whose amount is known at update or has no rate: nothing to compare
    if not (estimate := _estimated(plan, p)):
        return
    limit = max(amounts)
    if estimate.total > limit:
        words = (
            f"the budget of {money(limit)} {estimate.currency} a month{_converted(budgets, p.rates)} does not cover the "
            f"{money(estimate.total)} of a {p.month} month:"
        )
        yield Violation(_over(estimate, limit, words), budgets[0])


def _converted(budgets: Sequence[Resource], rates: Mapping[str, float]) -> str:
    """At which rates, where any budget is in another currency."""
    used = [currency for currency in map(currency_of, budgets) if currency != CURRENCY]
    return f" (at {', '.join(f'{rates[c]:g} {CURRENCY} for 1 {c}' for c in sorted(set(used)))})" if used else ""


def currency_of(budget: Resource) -> str:
    """A budget's currency; without one it is taken to be the estimate's."""
    currency = budget.get("amount.specifiedAmount.currencyCode")
    return currency if isinstance(currency, str) and currency else CURRENCY


@rule("low", mandatory=False)
def budget_currency(plan: Plan, p: Exchange) -> Iterator[Violation]:
    """A budget can be compared with the estimate. In another currency its number says nothing by itself.

    Mend: give the rate, USD for one unit, as `rates` of this rule and of budget-covers-estimate.
    Unknown: an unknown currency passes until the update.
    """
    for budget in plan.of(gcp.BUDGET):
        currency = currency_of(budget)
        if currency != CURRENCY and currency not in p.rates:
            yield Violation(
                f"is in {currency} and estimates are in {CURRENCY}: whether it covers the stack is not compared", budget
            )


def monthly_amount(budget: Resource, rates: Mapping[str, float] = MappingProxyType({})) -> Decimal | None:
    """A budget's USD a month; None where that cannot be told from the plan, or takes a rate that is not given."""
    amount = budget.get("amount.specifiedAmount")
    units = number(budget.get("amount.specifiedAmount.units"))
    rate = 1 if (currency := currency_of(budget)) == CURRENCY else rates.get(currency)
    if not isinstance(amount, dict) or units is None or amount.get("currencyCode") is UNKNOWN or rate is None:
        return None
    period = budget.get("budgetFilter.calendarPeriod")
    if period is UNKNOWN or budget.get("budgetFilter.customPeriod") is not None:
        return None
    nanos = number(amount.get("nanos")) or 0
    own = (Decimal(str(units)) + Decimal(str(nanos)) / 10**9) / _MONTHS.get(str(period), 1)
    return own * Decimal(str(rate))


@rule("high")
def spend_increase(plan: Plan, p: SpendIncrease) -> Iterator[Violation]:
    """A large increase of cost is agreed to, not found out. The reviewer sees code, not the invoice.

    Mend: have the increase agreed to: record the new `baseline`, or a waiver for resource `stack` with a reason.
    Unknown: reckoned.
    """
    if p.baseline is None or not (estimate := _estimated(plan, p)):
        return
    before = Decimal(str(p.baseline))
    limit = before + max(before * Decimal(str(p.threshold)), Decimal(str(p.least)))
    if estimate.total > limit:
        growth = f" ({(estimate.total / before - 1) * 100:+.0f} %)" if before else ""
        words = (
            f"an {p.month} month grows from {money(before)} to {money(estimate.total)} {estimate.currency}{growth}, "
            f"above {money(limit)}:"
        )
        yield Violation(_over(estimate, limit, words))


@rule("low", mandatory=False)
def spend_unpriced(plan: Plan, p: Spend) -> Iterator[Violation]:
    """What the estimator cannot price is named. A ceiling says nothing of it.

    Mend: watch its cost in Cloud Billing, or add its pricer to fastyle_policies/pricing/services.
    Unknown: reckoned.
    """
    if estimate := _estimated(plan, p):
        for type_, reasons in sorted(estimate.not_estimated.items()):
            yield Violation(f"{type_} is in no estimate, hence under no ceiling: {'; '.join(reasons)}")
