"""An estimate as text: a tree by component for a terminal, and Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from fastyle_policies.pricing.blocks import aligned, pipe_table
from fastyle_policies.pricing.estimator import Estimate
from fastyle_policies.pricing.lines import total
from fastyle_policies.pricing.report.explanations import counts, doubts
from fastyle_policies.pricing.report.figures import (
    FREE_TIERS,
    component_name,
    line_figures,
    line_name,
    money,
    quantity,
    share,
    short,
)


def as_table(estimate: Estimate, today: date, *, everything: bool = False, width: int | None = None) -> str:
    """A tree by component. Lines that cost nothing at this usage are left out unless `everything`.

    Where it is wider than `width` columns it has no shares and, if need be, no prices.
    """
    rows: list[Sequence[str]] = [("Name", "Monthly Qty", "Unit", "Price", "Monthly Cost", "Share")]
    overall = estimate.total
    for component, resources in estimate.components().items():
        cost = total(r.monthly for r in resources)
        shown = [r for r in resources if r.monthly or everything]
        if not shown:
            continue
        rows.append((component_name(component), "", "", "", money(cost), share(cost, overall)))
        for r, last in _marked(shown):
            rows.append((f"{_branch(last)} {r.name}", "", "", "", "", ""))
            for line, end in _marked([line for line in r.lines if line.quantity or everything]):
                rows.append(
                    (f"{'   ' if last else '│  '}{_branch(end)} {line_name(line)}", *line_figures(line, overall))
                )
        rows.append(())
    if estimate.credits:
        credit = total(c.monthly for c in estimate.credits)
        rows.append((FREE_TIERS.capitalize(), "", "", "", money(-credit), share(-credit, overall)))
        for c, last in _marked(estimate.credits):
            rows.append((f"{_branch(last)} {c.name}", quantity(c.used), c.unit, "", money(-c.monthly), ""))
        rows.append(())
    for dropped in ((), (5,), (3, 5)):
        table = aligned([[cell for i, cell in enumerate(row) if i not in dropped] for row in rows], text=(0, 2))
        if width is None or max(map(len, table)) <= width:
            break
    return "\n".join([*table, *_summary(estimate, today)])


def _summary(estimate: Estimate, today: date) -> list[str]:
    lines = [
        f"Overall total {money(estimate.total)} {estimate.currency} a month ({estimate.month} month): "
        f"{money(estimate.fixed)} always on, {money(estimate.usage)} by usage (*)"
    ]
    if estimate.least != estimate.total:
        lines.append(f"  at least {money(estimate.least)} by the lower of the sources that contradict each other")
    for label, number in estimate.unit_costs.items():
        lines.append(f"  per {label}: {estimate.total / number:,.4f}")
    lines.append(counts(estimate))
    lines += [f"  not estimated: {short(t)}: {'; '.join(whys)}" for t, whys in sorted(estimate.not_estimated.items())]
    lines += [f"  note: {note}" for note in estimate.notes]
    return lines + [f"  {warning}" for warning in doubts(estimate, today)]


def _branch(last: bool) -> str:
    return "└─" if last else "├─"


def _marked(items: Sequence[Any]) -> list[tuple[Any, bool]]:
    return [(item, index == len(items) - 1) for index, item in enumerate(items)]


def as_markdown(estimate: Estimate, title: str) -> str:
    """A table by component, the lines folded away: fits in a comment."""
    out = [
        f"**{title}: {money(estimate.total)} {estimate.currency} a month** ({money(estimate.fixed)} always on, "
        f"{money(estimate.usage)} by usage)",
        "",
        *_components_table(estimate),
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


def component_costs(estimate: Estimate) -> Iterator[tuple[str, Decimal, Decimal]]:
    """What each component costs, dearest first, always on and by usage: name and both; free tiers last."""
    for component, resources in estimate.components().items():
        fixed, usage = (total(r.part(usage=by_usage) for r in resources) for by_usage in (False, True))
        if fixed or usage:
            yield component_name(component), fixed, usage
    if estimate.credits:
        yield FREE_TIERS, -total(c.fixed for c in estimate.credits), -total(c.usage for c in estimate.credits)


def _components_table(estimate: Estimate) -> list[str]:
    """Markdown rows: what each component costs, then free tiers and the total."""
    rows = [
        (name, money(fixed), money(usage), money(fixed + usage), share(fixed + usage, estimate.total))
        for name, fixed, usage in component_costs(estimate)
    ]
    sums = (f"**{money(part)}**" for part in (estimate.fixed, estimate.usage, estimate.total))
    return pipe_table(("component", "always on", "by usage", "month", "share"), [*rows, ("**total**", *sums, "")])
