"""Memorystore for Redis: gigabytes by the hour, at the price of the instance's size and tier; read replicas by the node."""

from __future__ import annotations

from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, NoUsage, prices, text

INSTANCE = "gcp:redis/instance:Instance"
# GB up to which a capacity tier goes (cloud.google.com/memorystore/docs/redis/pricing).
_CAPACITIES = ((4, "m1"), (10, "m2"), (35, "m3"), (100, "m4"))
_TIERS = {"BASIC": "basic", "STANDARD_HA": "standard"}


@prices(INSTANCE)
def instance(bill: Bill, usage: NoUsage) -> None:
    tier = str(bill.value("tier", "BASIC"))
    if tier not in _TIERS:
        raise NotPricedError(f"the price book has no rates for tier {tier[:40]}")
    gib = bill.number("memorySizeGb", 1)
    capacity = next((name for most, name in _CAPACITIES if gib <= most), "m5")
    words = f"{text(gib)} GB x 730 h"
    if bill.value("readReplicasMode", "READ_REPLICAS_DISABLED") == "READ_REPLICAS_ENABLED":
        nodes, share = bill.number("replicaCount", 2) + 1, bill.constant("redis.node-share")
        quantity = gib * HOURS * nodes * share.value
        words += f" x {text(nodes)} nodes x {text(share.value)} of an instance without read replicas"
        bill.add(f"redis.standard-{capacity}", quantity, words, name=f"Nodes, {capacity.upper()}", assumes=(share,))
        return
    bill.add(f"redis.{_TIERS[tier]}-{capacity}", gib * HOURS, words, name=f"Memory, {_TIERS[tier]} {capacity.upper()}")
