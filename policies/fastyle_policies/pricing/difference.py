"""What changes between two estimates: by component, by line, and in all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal

from fastyle_policies.pricing.blocks import aligned, pipe_table
from fastyle_policies.pricing.estimator import ZERO, Estimate
from fastyle_policies.pricing.lines import totals
from fastyle_policies.pricing.report import FREE_TIERS, component_name, money, plain

Key = tuple[str, str, str]  # component, resource, line


@dataclass(frozen=True)
class Change:
    """A line whose cost changes; `before` or `after` is 0 where it is new or gone."""

    component: str
    resource: str
    line: str
    before: Decimal
    after: Decimal

    @property
    def by(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True)
class Difference:
    """`before` and `after` with the lines that differ, the largest change first."""

    before: Estimate
    after: Estimate

    @property
    def changes(self) -> list[Change]:
        old, new = _amounts(self.before), _amounts(self.after)
        changes = [Change(*key, old.get(key, ZERO), new.get(key, ZERO)) for key in sorted({*old, *new})]
        return sorted((c for c in changes if c.by), key=lambda c: -abs(c.by))

    @property
    def total(self) -> Decimal:
        return self.after.total - self.before.total


def _amounts(estimate: Estimate) -> dict[Key, Decimal]:
    lines = totals(((component_name(r.component), r.name, line.name), line.monthly) for r, line in estimate.lines())
    return {**lines, **{(FREE_TIERS, "", credit.name): -credit.monthly for credit in estimate.credits}}


def signed(value: Decimal) -> str:
    return f"+{money(value)}" if value > 0 else money(value)


def as_markdown(difference: Difference, title: str) -> str:
    before, after = difference.before, difference.after
    percent = f", {difference.total / before.total * 100:+.1f} %" if before.total else ""
    head = (
        f"**{title}: {money(before.total)} to {money(after.total)} {after.currency} a month "
        f"({signed(difference.total)}{percent})**"
    )
    parts = pipe_table(
        ("", "before", "after", "change"),
        (
            (name, money(old), money(new), signed(new - old))
            for name, old, new in (
                ("always on", before.fixed, after.fixed),
                ("by usage", before.usage, after.usage),
                ("total", before.total, after.total),
            )
        ),
    )
    if not difference.changes:
        return "\n".join([head, "", *parts, "", "No line changes."])
    table = pipe_table(
        ("component", "resource", "line", "before", "after", "change"),
        ((c.component, c.resource, c.line, money(c.before), money(c.after), signed(c.by)) for c in difference.changes),
        left=3,
    )
    return "\n".join([head, "", *parts, "", *table, *_new_doubts(difference)])


def as_table(difference: Difference) -> str:
    before, after = difference.before, difference.after
    rows: list[tuple[str, ...]] = [("Component", "Resource: line", "Before", "After", "Change")]
    rows += [
        (c.component, f"{c.resource}: {c.line}".removeprefix(": "), money(c.before), money(c.after), signed(c.by))
        for c in difference.changes
    ]
    total = (
        f"Overall total {money(before.total)} to {money(after.total)} {after.currency} a month: {signed(difference.total)} "
        f"(always on {signed(after.fixed - before.fixed)}, by usage {signed(after.usage - before.usage)})"
    )
    return "\n".join(
        [
            *(aligned(rows, text=(0, 1)) if difference.changes else ["No line changes."]),
            "",
            total,
            *_new_doubts(difference),
        ]
    )


def as_json(difference: Difference) -> str:
    def monthly(of: Estimate) -> dict[str, str]:
        return {"fixed": plain(of.fixed), "usage": plain(of.usage), "total": plain(of.total)}

    changes = [
        {**asdict(c), "before": plain(c.before), "after": plain(c.after), "change": plain(c.by)}
        for c in difference.changes
    ]
    document = {
        "currency": difference.after.currency,
        "before": monthly(difference.before),
        "after": monthly(difference.after),
        "change": plain(difference.total),
        "changes": changes,
        "not_estimated": sorted(difference.after.not_estimated),
    }
    return json.dumps(document, indent=2)


def _new_doubts(difference: Difference) -> Iterable[str]:
    """Types that only the new plan holds without an estimate: they are in neither sum."""
    new = sorted(set(difference.after.not_estimated) - set(difference.before.not_estimated))
    return ["", f"New and not estimated: {', '.join(new)}"] if new else []
