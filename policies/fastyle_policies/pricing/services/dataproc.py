"""Dataproc: the machines of a cluster and the fee on their vCPUs; Serverless Spark batches in DCU-hours."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from fastyle_policies.model import UNKNOWN, dig
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services import accelerators, disks, machines
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, size_of, text, usage_key

CLUSTER = "gcp:dataproc/cluster:Cluster"
BATCH = "gcp:dataproc/batch:Batch"
# Google's defaults (cloud.google.com/dataproc/docs/concepts/configuring-clusters).
_ROLES = (("master", Decimal(1), "Masters"), ("worker", Decimal(2), "Workers"))
DEFAULT_MACHINE, DEFAULT_DISK_GIB = "n1-standard-4", Decimal(500)
SECONDARY = "Secondary"


class ClusterUsage(Usage):
    monthly_running_hours: Decimal = Field(default=HOURS, ge=0, le=HOURS, description="hours that the cluster exists")


class BatchUsage(Usage):
    monthly_dcu_hours: Decimal = usage_key("DCU-hours of its runs: 0.6 a vCPU, 0.1 a GiB")
    shuffle_gb_months: Decimal = usage_key("GB-months of shuffle storage")


@prices(CLUSTER)
def cluster(bill: Bill, usage: ClusterUsage) -> None:
    config = bill.resource.get("clusterConfig")
    if config is UNKNOWN or bill.resource.get("virtualClusterConfig"):
        raise NotPricedError("its machines are secret, known only at update, or those of a Kubernetes cluster")
    bill.note_unknown(config, "its clusterConfig")
    hours, cpus, worker = usage.monthly_running_hours, Decimal(0), machines.machine(DEFAULT_MACHINE)
    for role, usual, label in _ROLES:
        block = _known(dig(config, f"{role}Config"))
        count = _count(block, "numInstances", usual)
        of = machines.machine(block.get("machineType", DEFAULT_MACHINE))
        worker = of if role == "worker" else worker
        cpus += machines.vcpus(of) * count
        if count:
            fleet = machines.Fleet(of, count, hours, label=f"{label}, ")
            machines.run(bill, fleet)
            accelerators.attach(bill, fleet, block.get("accelerators"))
            disk = _known(block.get("diskConfig"))
            size = _count(disk, "bootDiskSizeGb", DEFAULT_DISK_GIB) * hours / HOURS
            disks.hold(bill, disk.get("bootDiskType", "pd-standard"), size, count, label=f"{label}, boot disk")
            disks.local(bill, _count(disk, "numLocalSsds", Decimal(0)) * hours / HOURS, count)
    extra = _known(dig(config, "preemptibleWorkerConfig"))
    count = _count(extra, "numInstances", Decimal(0))
    if count:
        on_spot = extra.get("preemptibility", "PREEMPTIBLE") != "NON_PREEMPTIBLE"
        machines.run(bill, machines.Fleet(worker, count, hours, on_spot, f"{SECONDARY}, "))
        cpus += machines.vcpus(worker) * count
    words = f"{text(cpus)} vCPU x {text(hours)} h"
    bill.add("dataproc.vcpu", cpus * hours, words, name="Dataproc fee")


def _known(value: Any) -> Mapping[str, Any]:
    """The known, set properties of a block."""
    given = value if isinstance(value, Mapping) else {}
    return {key: each for key, each in given.items() if each is not None and each is not UNKNOWN}


def _count(block: Mapping[str, Any], key: str, default: Decimal) -> Decimal:
    return size_of(block.get(key, default), key)


@prices(BATCH)
def batch(bill: Bill, usage: BatchUsage) -> None:
    properties = _known(bill.get("runtimeConfig.properties"))
    tiers = {key.rsplit(".", 2)[-2]: value for key, value in properties.items() if key.endswith(".tier")}
    compute, shuffle = ("-premium" if tiers.get(kind) == "premium" else "" for kind in ("compute", "disk"))
    bill.used(f"spark.dcu{compute}", usage.monthly_dcu_hours, "DCU-hours", name="Compute")
    bill.used(f"spark.shuffle{shuffle}", usage.shuffle_gb_months, "GB-months", name="Shuffle storage")
