"""An estimate for people and machines: JSON, a text table, Markdown for a pull request, and one line explained."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from fastyle_policies.pricing.blocks import pipe_table
from fastyle_policies.pricing.estimator import ZERO, Estimate
from fastyle_policies.pricing.lines import Line, PricingError, ResourceCost, total
from fastyle_policies.pricing.services.base import text

FREE_TIERS = "free tiers of the billing account"
CONFIDENCE = {
    "C": "Google's own page, or a dated transcription of it",
    "G": "a cost tool's test data",
    "T": "a third party",
    "U": "unconfirmed",
}


def money(value: Decimal) -> str:
    """To the cent, half up; what is above zero and below half a cent is `<0.01`."""
    cents = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    if value and not cents:
        return "<0.01" if value > 0 else "-<0.01"
    return f"{cents:,.2f}"


def component_name(component: tuple[str, str] | None) -> str:
    if component is None:
        return "outside components"
    kind, name = component[0].rsplit(":", 1)[-1], component[1]
    return kind if kind.lower() == name.lower() else f"{name} ({kind})"


def plain(value: Decimal) -> str:
    """A decimal string without exponent and trailing zeros: what JSON carries."""
    digits = format(value, "f")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) or "0"


def as_json(estimate: Estimate) -> str:
    """The contract's document. Free tiers are one entry of `resources` with negative amounts, so that sums agree."""
    resources: list[dict[str, Any]] = [
        {
            "urn": r.urn,
            "type": r.type,
            "name": r.name,
            "monthly": plain(r.monthly),
            "components": [
                {
                    "name": line.name,
                    "unit": line.rate.unit,
                    "quantity": plain(line.quantity),
                    "price": plain(line.rate.price),
                    "monthly": plain(line.monthly),
                    "usage_based": line.usage_based,
                    "source": str(line.rate.source),
                    "confidence": line.confidence,
                }
                for line in r.lines
            ],
        }
        for r in estimate.resources
    ]
    if estimate.credits:
        resources.append(
            {
                "urn": "",
                "type": "billing-account",
                "name": FREE_TIERS,
                "monthly": plain(total(c.monthly for c in estimate.credits).copy_negate()),
                "components": [
                    {
                        "name": credit.name,
                        "unit": "USD",
                        "quantity": plain(part),
                        "price": "-1",
                        "monthly": plain(part.copy_negate()),
                        "usage_based": usage_based,
                        "source": credit.source,
                        "confidence": credit.confidence,
                    }
                    for credit in estimate.credits
                    for part, usage_based in ((credit.fixed, False), (credit.usage, True))
                    if part
                ],
            }
        )
    document = {
        "currency": estimate.currency,
        "monthly": {"fixed": plain(estimate.fixed), "usage": plain(estimate.usage), "total": plain(estimate.total)},
        "resources": resources,
        "free": sorted(estimate.free),
        "not_estimated": sorted(estimate.not_estimated),
        "unpriced": [{"type": each.type, "name": each.name, "reason": each.reason} for each in estimate.unpriced],
        "notes": [{"name": remark.name, "text": remark.text} for remark in estimate.remarks],
    }
    return json.dumps(document, indent=2)


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
                rows.append((f"{'   ' if last else '│  '}{_branch(end)} {_name(line)}", *_figures(line, overall)))
        rows.append(())
    if estimate.credits:
        credit = total(c.monthly for c in estimate.credits)
        rows.append((FREE_TIERS.capitalize(), "", "", "", money(-credit), share(-credit, overall)))
        for c, last in _marked(estimate.credits):
            rows.append((f"{_branch(last)} {c.name}", quantity(c.used), c.unit, "", money(-c.monthly), ""))
        rows.append(())
    for dropped in ((), (5,), (3, 5)):
        table = _aligned([[cell for i, cell in enumerate(row) if i not in dropped] for row in rows])
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


def counts(estimate: Estimate) -> str:
    missing = sum(len(names) for names in estimate.not_estimated.values())
    return f"{len(estimate.resources)} resources estimated, {estimate.free_count} free, {missing} not estimated"


def doubts(estimate: Estimate, today: date) -> list[str]:
    """How much of the list price rests on unconfirmed or stale rates, and on which."""
    lines = [unconfirmed(estimate)] if estimate.resting_on("U") else []
    if stale := estimate.stale(today):
        names = ", ".join(sorted(stale, key=lambda name: -stale[name]))
        part = share(total(stale.values()), estimate.list_price)
        lines.append(f"{part} of the list price rests on rates over a year old: {names}")
    return lines


def unconfirmed(estimate: Estimate) -> str:
    """How much of the list price rests on unconfirmed rates, and on which."""
    rates = _dearest(line for _, line in estimate.lines() if line.confidence == "U")
    part = share(estimate.resting_on("U"), estimate.list_price)
    return f"{part} of the list price rests on unconfirmed rates{f': {rates}' if rates else ''}"


def _dearest(lines: Iterable[Line]) -> str:
    sums: dict[str, Decimal] = {}
    for line in lines:
        sums[line.rate.id] = sums.get(line.rate.id, ZERO) + line.monthly
    return ", ".join(sorted((name for name, cost in sums.items() if cost), key=lambda name: -sums[name]))


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
        (f"{r.name}: {_name(line)}", *_figures(line, estimate.total)[:4])
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


def explain(estimate: Estimate, wanted: str) -> str:
    """Every line whose `resource: line` contains `wanted`, down to rate, arithmetic and source.

    Raises:
        PricingError: there is none.
    """
    out = []
    for r, line in estimate.lines():
        if wanted.lower() in f"{r.name}: {line.name}".lower():
            out.append(_explained(r, line, estimate.currency))
    for c in estimate.credits:
        if wanted.lower() in c.name.lower():
            free = f"{text(c.free)} {c.unit} free a month" if c.free is not None else "volume tiers"
            out.append(
                f"{c.name}: -{plain(c.monthly)} {estimate.currency} a month\n"
                f"  {free}; {text(c.used)} {c.unit} used by {', '.join(c.members)}\n"
                f"  once for the billing account; always-on lines use it first\n"
                f"  source      {c.source} ({CONFIDENCE[c.confidence]})"
            )
    if not out:
        known = ", ".join(sorted({r.name for r, _ in estimate.lines()}))
        raise PricingError(f"no line contains '{wanted}'; lines are named `resource: line`, resources are {known}")
    return "\n\n".join(out)


def _explained(r: ResourceCost, line: Line, currency: str) -> str:
    rate = line.rate
    return "\n".join(
        [
            f"{r.name}: {line.name}: {plain(line.monthly)} {currency} a month",
            f"  resource    {r.type}, {component_name(r.component)}",
            f"  quantity    {line.arithmetic} = {text(line.quantity)} {rate.unit}",
            f"  price       {plain(rate.price)} {currency} a {rate.unit} (rate {rate.id}, {rate.region})",
            f"  monthly     {text(line.quantity)} x {plain(rate.price)} = {plain(line.monthly)}",
            f"  kind        {'follows the usage file' if line.usage_based else 'always on'}",
            f"  source      {rate.source}, read {rate.read}",
            f"  confidence  {line.confidence}: {CONFIDENCE[line.confidence]}{f'; {rate.note}' if rate.note else ''}",
            *([f"  free tier   {rate.free}, once for the billing account"] if rate.free else []),
        ]
    )


def share(part: Decimal, whole: Decimal) -> str:
    return f"{part / whole * 100:.1f} %" if whole else "-"


def short(type_: str) -> str:
    """`sql.DatabaseInstance` of `gcp:sql/databaseInstance:DatabaseInstance`."""
    return f"{type_.split(':')[1].split('/')[0]}.{type_.rsplit(':', 1)[-1]}" if type_.count(":") == 2 else type_


def quantity(value: Decimal) -> str:
    """For a table: whole from 100 up, else three significant places."""
    if value >= 100 or value == value.to_integral_value():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if value >= 1 else f"{value:.3g}" if value >= Decimal("0.001") else f"{value:.1e}"


def _name(line: Line) -> str:
    return f"{line.name} *" if line.usage_based else line.name


def _figures(line: Line, overall: Decimal) -> tuple[str, str, str, str, str]:
    return (
        quantity(line.quantity),
        line.rate.unit,
        plain(line.rate.price),
        money(line.monthly),
        share(line.monthly, overall),
    )


def _branch(last: bool) -> str:
    return "└─" if last else "├─"


def _marked(items: Sequence[Any]) -> list[tuple[Any, bool]]:
    return [(item, index == len(items) - 1) for index, item in enumerate(items)]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width; the first and third from the left, figures from the right."""
    widths = [max(len(row[i]) for row in rows if row) for i in range(len(rows[0]))]
    out = []
    for row in rows:
        cells = [
            cell.ljust(w) if i in (0, 2) else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=False))
        ]
        out.append("  ".join(cells).rstrip())
    return out
