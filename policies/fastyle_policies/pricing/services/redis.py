"""Memorystore for Redis: instances by the gigabyte, at the price of size and tier, their replicas and clusters by the node."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, NoUsage, Usage, prices, text, usage_key

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


CLUSTER = "gcp:redis/cluster:Cluster"
_NODES = {
    "REDIS_SHARED_CORE_NANO": "shared-core-nano",
    "REDIS_STANDARD_SMALL": "standard-small",
    "REDIS_HIGHMEM_MEDIUM": "highmem-medium",
    "REDIS_HIGHMEM_XLARGE": "highmem-xlarge",
}


class ClusterUsage(Usage):
    backup_gib: Decimal = usage_key("GiB of backups")


@prices(CLUSTER)
def cluster(bill: Bill, usage: ClusterUsage) -> None:
    kind = str(bill.value("nodeType", "REDIS_HIGHMEM_MEDIUM"))
    if kind not in _NODES:
        raise NotPricedError(f"the price book has no rates for nodes of type {kind[:40]}")
    shards, replicas = bill.number("shardCount", 1), bill.number("replicaCount", 0)
    nodes, name = shards * (replicas + 1), _NODES[kind]
    words = f"{text(shards)} shards x {text(replicas + 1)} nodes x 730 h"
    bill.add(f"redis.node-{name}", nodes * HOURS, words, name=f"Nodes, {name}")
    if bill.value("persistenceConfig.mode", "DISABLED") == "AOF":
        bill.note("the storage of its append-only file is billed besides: how large it is the plan does not tell")
    bill.used_if_any("redis.cluster-backup", usage.backup_gib, "GiB", name="Backups")
