"""Bigtable: nodes of each cluster by the hour, storage and backups by the month."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fastyle_policies.model import UNKNOWN, dig
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import (
    Bill,
    NotPricedError,
    Usage,
    from_zero,
    prices,
    size_of,
    text,
    usage_key,
)

INSTANCE = "gcp:bigtable/instance:Instance"
_STORAGE = {"SSD": "ssd", "HDD": "hdd"}


class InstanceUsage(Usage):
    storage_gib: Decimal = usage_key("GiB stored in each of its clusters")
    backup_gib: Decimal = usage_key("GiB of backups")


@prices(INSTANCE)
def instance(bill: Bill, usage: InstanceUsage) -> None:
    clusters = bill.blocks("clusters")
    bill.note_unknown(bill.resource.get("clusters"), "its clusters")
    for index, cluster in enumerate(clusters, 1):
        zone = cluster.get("zone")
        region = bill.place(zone, "zone of its cluster") if isinstance(zone, str) else bill.region
        label = f" of cluster {index}" if len(clusters) > 1 else ""
        nodes = _count(cluster, "autoscalingConfig.minNodes") or _count(cluster, "numNodes") or Decimal(1)
        if dig(cluster, "autoscalingConfig"):
            bill.note("its autoscaler's smallest number of nodes is reckoned with")
        words = f"{text(nodes)} nodes x 730 h"
        bill.add("bigtable.node", nodes * HOURS, words, name=f"Nodes{label}", region=region)
        kind = cluster.get("storageType")
        kind = "SSD" if kind is None or kind is UNKNOWN else str(kind)
        if kind not in _STORAGE:
            raise NotPricedError(f"the price book has no rates for storage {kind[:40]}")
        name = f"Storage, {kind}{label}"
        bill.used(f"bigtable.{_STORAGE[kind]}", usage.storage_gib, "GiB", name=name, region=region)
    bill.used_if_any("bigtable.backup", usage.backup_gib, "GiB", name="Backups")


def _count(cluster: Any, path: str) -> Decimal:
    value = dig(cluster, path)
    return Decimal(0) if value is None or value is UNKNOWN else size_of(value, path, read=from_zero)
