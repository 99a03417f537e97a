"""AlloyDB: vCPUs and memory of primary and read pool instances by the hour; storage and backups of the cluster."""

from __future__ import annotations

import re
from decimal import Decimal

from fastyle_policies.model import UNKNOWN
from fastyle_policies.pricing import regions
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, NoUsage, Usage, prices, text, usage_key

CLUSTER = "gcp:alloydb/cluster:Cluster"
INSTANCE = "gcp:alloydb/instance:Instance"
GIB_A_VCPU = Decimal(8)
"""Memory that goes with a vCPU where no machine type says (cloud.google.com/alloydb/docs/instance-primary-scale)."""


class ClusterUsage(Usage):
    storage_gib: Decimal = usage_key("GiB stored, shared by all its instances")
    backup_gib: Decimal = usage_key("GiB of backups")


@prices(CLUSTER)
def cluster(bill: Bill, usage: ClusterUsage) -> None:
    bill.used("alloydb.storage", usage.storage_gib, "GiB", name="Storage")
    bill.used("alloydb.backup", usage.backup_gib, "GiB", name="Backup")


@prices(INSTANCE)
def instance(bill: Bill, usage: NoUsage) -> None:
    owner = bill.plan.linked(bill.resource, "cluster", CLUSTER, "name", "id", "clusterId")
    place = owner.get("location") if owner else _of_path(bill.resource.get("cluster"))
    if isinstance(place, str):
        bill.region = regions.normal(place) or bill.region
    else:
        bill.note("the region of its cluster is outside this plan; reckoned with the plan's")
    cpus, memory = _machine(bill)
    count, words = Decimal(1), ""
    if bill.value("instanceType", "PRIMARY") == "READ_POOL":
        count = bill.number("readPoolConfig.nodeCount", 1)
        words = f" x {text(count)} nodes"
    elif bill.value("availabilityType", "REGIONAL") != "ZONAL":
        count, words = Decimal(2), " x 2 (highly available)"
    bill.add("alloydb.vcpu", cpus * count * HOURS, f"{text(cpus)} vCPU{words} x 730 h", name="vCPU")
    bill.add("alloydb.memory", memory * count * HOURS, f"{text(memory)} GiB{words} x 730 h", name="Memory")


def _machine(bill: Bill) -> tuple[Decimal, Decimal]:
    type_ = bill.get("machineConfig.machineType")
    if type_ is not None:
        sized = re.fullmatch(r"n2-highmem-(\d{1,3})", str(type_))
        if not sized:
            raise NotPricedError(f"the price book has no rates for machine type {str(type_)[:40]} of AlloyDB")
        return Decimal(sized[1]), Decimal(sized[1]) * GIB_A_VCPU
    cpus = bill.number("machineConfig.cpuCount", 2)
    return cpus, cpus * GIB_A_VCPU


def _of_path(value: object) -> str | None:
    """The region within `projects/p/locations/REGION/clusters/c`."""
    match = None if value is UNKNOWN else re.search(r"/locations/([^/]+)/", str(value))
    return match[1] if match else None
