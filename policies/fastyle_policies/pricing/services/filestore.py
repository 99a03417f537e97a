"""Filestore: provisioned capacity by the month, at the price of the tier."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.model import UNKNOWN, dig
from fastyle_policies.pricing.lines import amount
from fastyle_policies.pricing.services.base import Bill, NotPricedError, NoUsage, prices, text

INSTANCE = "gcp:filestore/instance:Instance"
_TIERS = {
    "STANDARD": "basic-hdd",
    "BASIC_HDD": "basic-hdd",
    "PREMIUM": "basic-ssd",
    "BASIC_SSD": "basic-ssd",
    "ZONAL": "zonal",
    "HIGH_SCALE_SSD": "zonal",
    "ENTERPRISE": "enterprise",
    "REGIONAL": "enterprise",
}


@prices(INSTANCE)
def instance(bill: Bill, usage: NoUsage) -> None:
    tier = bill.resource.get("tier")
    if tier not in _TIERS if isinstance(tier, str) else True:
        shown = "that is secret or known only at update" if tier is UNKNOWN else str(tier)[:40]
        raise NotPricedError(f"the price book has no rate for tier {shown}")
    gib = Decimal(0)
    shares = bill.resource.get("fileShares")
    for share in [shares] if isinstance(shares, dict) else bill.blocks("fileShares"):
        try:
            size = amount(dig(share, "capacityGb"))
        except ArithmeticError:
            size = Decimal(-1)
        if size < 0:
            raise NotPricedError("the capacity of its share is unknown or no number")
        gib += size
    if not gib:
        raise NotPricedError("the capacity of its share is unknown or no number")
    bill.add(f"filestore.{_TIERS[tier]}", gib, f"{text(gib)} GiB", name=f"Capacity, {_TIERS[tier]}")
