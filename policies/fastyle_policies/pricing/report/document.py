"""The contract's JSON of an estimate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

from fastyle_policies.pricing.estimator import Estimate
from fastyle_policies.pricing.lines import Credit, Line, total
from fastyle_policies.pricing.report.figures import FREE_TIERS, plain


def as_json(estimate: Estimate) -> str:
    """The contract's document. Free tiers are one entry of `resources` with negative amounts, so that sums agree."""
    resources = [_resource(r.urn, r.type, r.name, r.monthly, map(_line, r.lines)) for r in estimate.resources]
    if estimate.credits:
        off = total(c.monthly for c in estimate.credits).copy_negate()
        parts = (part for credit in estimate.credits for part in _credit(credit))
        resources.append(_resource("", "billing-account", FREE_TIERS, off, parts))
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


def _resource(urn: str, type_: str, name: str, monthly: Decimal, parts: Iterable[Sequence[Any]]) -> dict[str, Any]:
    components = [dict(zip(_COMPONENT, part, strict=True)) for part in parts]
    return {"urn": urn, "type": type_, "name": name, "monthly": plain(monthly), "components": components}


_COMPONENT = ("name", "unit", "quantity", "price", "monthly", "usage_based", "source", "confidence")


def _line(line: Line) -> Sequence[Any]:
    rate = line.rate
    figures = (rate.unit, plain(line.quantity), plain(rate.price), plain(line.monthly))
    return line.name, *figures, line.usage_based, str(rate.source), line.confidence


def _credit(credit: Credit) -> Iterator[Sequence[Any]]:
    for part, by_usage in ((credit.fixed, False), (credit.usage, True)):
        if part:
            figures = ("USD", plain(part), "-1", plain(part.copy_negate()))
            yield credit.name, *figures, by_usage, credit.source, credit.confidence
