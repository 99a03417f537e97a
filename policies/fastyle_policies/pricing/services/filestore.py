"""Filestore: provisioned capacity by the month, at the price of the tier."""

from __future__ import annotations

from fastyle_policies.model import UNKNOWN, dig
from fastyle_policies.pricing.lines import total
from fastyle_policies.pricing.services.base import Bill, NotPricedError, NoUsage, known_size, prices, text

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
    shares = bill.resource.get("fileShares")
    given = [shares] if isinstance(shares, dict) else bill.blocks("fileShares")
    sizes = [known_size(dig(share, "capacityGb")) for share in given]
    gib = total(size for size in sizes if size is not None)
    if not gib or None in sizes:
        raise NotPricedError("the capacity of its share is unknown or no number")
    bill.add(f"filestore.{_TIERS[tier]}", gib, f"{text(gib)} GiB", name=f"Capacity, {_TIERS[tier]}")
