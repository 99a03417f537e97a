"""An estimate as Markdown for a pull request: a table by component, the lines folded away."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.pricing.blocks import pipe_table
from fastyle_policies.pricing.estimator import Estimate
from fastyle_policies.pricing.lines import total
from fastyle_policies.pricing.report.explanations import counts
from fastyle_policies.pricing.report.figures import (
    FREE_TIERS,
    component_name,
    line_figures,
    line_name,
    money,
    quantity,
    share,
)


def as_markdown(estimate: Estimate, title: str) -> str:
    """A table by component, the lines folded away: fits in a comment."""
    out = [
        f"**{title}: {money(estimate.total)} {estimate.currency} a month** ({money(estimate.fixed)} always on, "
        f"{money(estimate.usage)} by usage)",
        "",
        *components_table(estimate),
        "",
        *(
            [f"At least {money(estimate.least)} by the lower of contradicting sources."]
            if estimate.least != estimate.total
            else []
        ),
        f"{counts(estimate)}.",
        *(f"Per {label}: {estimate.total / number:,.4f}." for label, number in estimate.unit_costs.items()),
        *(f"Not estimated: `{t}`: {'; '.join(whys)}." for t, whys in sorted(estimate.not_estimated.items())),
        "",
        "<details><summary>Lines</summary>",
        "",
    ]
    rows = [
        (f"{r.name}: {line_name(line)}", *line_figures(line, estimate.total)[:4])
        for resources in estimate.components().values()
        for r in resources
        for line in r.lines
        if line.quantity
    ]
    rows += [(c.name, quantity(c.used), c.unit, "", money(-c.monthly)) for c in estimate.credits]
    out += pipe_table(("name", "monthly qty", "unit", "price", "monthly cost"), rows)
    return "\n".join([*out, "", "</details>"])


def components_table(estimate: Estimate) -> list[str]:
    """Markdown rows: what each component costs, always on and by usage, then free tiers and the total."""
    rows = []
    for component, resources in estimate.components().items():
        fixed = total(r.part(usage=False) for r in resources)
        usage = total(r.part(usage=True) for r in resources)
        if fixed or usage:
            rows.append(_split(component_name(component), fixed, usage, estimate.total))
    if estimate.credits:
        fixed = total(c.fixed for c in estimate.credits)
        usage = total(c.usage for c in estimate.credits)
        rows.append(_split(FREE_TIERS, -fixed, -usage, estimate.total))
    sums = (f"**{money(part)}**" for part in (estimate.fixed, estimate.usage, estimate.total))
    return pipe_table(("component", "always on", "by usage", "month", "share"), [*rows, ("**total**", *sums, "")])


def _split(name: str, fixed: Decimal, usage: Decimal, overall: Decimal) -> tuple[str, ...]:
    return (name, money(fixed), money(usage), money(fixed + usage), share(fixed + usage, overall))
