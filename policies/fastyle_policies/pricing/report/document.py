"""The contract's JSON of an estimate."""

from __future__ import annotations

import json
from typing import Any

from fastyle_policies.pricing.estimator import Estimate
from fastyle_policies.pricing.lines import total
from fastyle_policies.pricing.report.figures import FREE_TIERS, plain


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
