"""What stands behind the figures: how many are estimated, what is unconfirmed or stale, one line down to its source."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from fastyle_policies.pricing.estimator import Estimate
from fastyle_policies.pricing.lines import Line, PricingError, ResourceCost, total, totals
from fastyle_policies.pricing.report.figures import component_name, plain, share
from fastyle_policies.pricing.services.base import text

CONFIDENCE = {
    "C": "Google's own page, or a dated transcription of it",
    "G": "a cost tool's test data",
    "T": "a third party",
    "U": "unconfirmed",
}


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
    sums = totals((line.rate.id, line.monthly) for line in lines)
    return ", ".join(sorted((name for name, cost in sums.items() if cost), key=lambda name: -sums[name]))


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
        names = ", ".join(sorted({r.name for r, _ in estimate.lines()}))
        raise PricingError(f"no line contains '{wanted}'; lines are named `resource: line`, resources are {names}")
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
