"""Tables of what the stacks cost, made of their plans, usage files and the price book."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import fastyle_policies.pricing
from fastyle_policies.pricing import Estimate
from fastyle_policies.pricing.blocks import pipe_table
from fastyle_policies.pricing.documents import Document
from fastyle_policies.pricing.lines import total
from fastyle_policies.pricing.report import FREE_TIERS, component_name, money, unconfirmed

from ops.cost import Request, priced
from ops.stacks import own_projects

STACKS = own_projects()
"""Those of the documents."""
MONTHS = ("quiet", "ordinary", "sale")
ZERO = Decimal(0)


def block(plans: Mapping[str, Document]) -> str:
    """A row a stack: README's table, of a plan for each stack of `STACKS`.

    Raises:
        PricingError: a usage file does not fit its plan, or lacks a month of `MONTHS`.
    """
    months = {
        stack: {month: priced(plans[stack], Request(stack=stack, month=month)) for month in MONTHS} for stack in STACKS
    }
    ordinary = {stack: months[stack]["ordinary"] for stack in STACKS}
    idle = {
        stack: fastyle_policies.pricing.estimate(plans[stack].resources, region=plans[stack].region) for stack in STACKS
    }
    units = list(dict.fromkeys(label for estimate in ordinary.values() for label in estimate.unit_costs))
    head = ["USD a month", "idle", *(f"{month} month" for month in MONTHS), *(f"per {unit}" for unit in units)]
    rows = [
        [
            f"`{stack}`",
            money(idle[stack].total),
            *(money(months[stack][month].total) for month in MONTHS),
            *(f"{ordinary[stack].total / ordinary[stack].unit_costs[unit]:,.4f}" for unit in units),
        ]
        for stack in STACKS
    ]
    return "\n".join(
        [
            *pipe_table(head, rows),
            "",
            *(f"- `{stack}`: {unconfirmed(estimate)}." for stack, estimate in ordinary.items()),
        ]
    )


def components(plans: Mapping[str, Document]) -> str:
    """A row a component of an ordinary month, for docs/cost.md.

    Raises:
        PricingError: as for `block`.
    """
    ordinary = {stack: priced(plans[stack], Request(stack=stack, month="ordinary")) for stack in STACKS}
    head = ["component", *(f"`{stack}`, {part}" for stack in STACKS for part in ("always on", "by usage"))]
    return "\n".join(pipe_table(head, _by_component(ordinary)))


def _by_component(estimates: Mapping[str, Estimate]) -> list[list[str]]:
    """A row a component, the dearest first, with always-on and usage-driven parts of each stack; then what is off."""
    parts: dict[str, dict[str, tuple[Decimal, Decimal]]] = {}
    for stack, estimate in estimates.items():
        for component, resources in estimate.components().items():
            parts.setdefault(component_name(component), {})[stack] = (
                total(r.part(usage=False) for r in resources),
                total(r.part(usage=True) for r in resources),
            )
    order = sorted(parts, key=lambda name: (-sum(map(sum, parts[name].values())), name))
    rows = [[name, *_cells(estimates, parts[name])] for name in order if any(map(any, parts[name].values()))]
    credits = {
        stack: (-total(c.fixed for c in e.credits), -total(c.usage for c in e.credits))
        for stack, e in estimates.items()
    }
    totals = {stack: (e.fixed, e.usage) for stack, e in estimates.items()}
    return [
        *rows,
        [FREE_TIERS, *_cells(estimates, credits)],
        ["**total**", *(f"**{c}**" for c in _cells(estimates, totals))],
    ]


def _cells(stacks: Mapping[str, Estimate], parts: Mapping[str, tuple[Decimal, Decimal]]) -> list[str]:
    return [money(part) if part else "" for stack in stacks for part in parts.get(stack, (ZERO, ZERO))]
