"""Memorystore for Redis Cluster: nodes by the hour, at the price of their type; backups by the month."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, text, usage_key

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
