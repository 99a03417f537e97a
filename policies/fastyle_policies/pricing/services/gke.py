"""Google Kubernetes Engine: the fee of a cluster, the machines of its node pools, the pods of Autopilot."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from fastyle_policies.model import UNKNOWN, Resource, dig, flag
from fastyle_policies.pricing import regions
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services import accelerators, disks, machines
from fastyle_policies.pricing.services.base import Bill, Usage, from_zero, prices, size_of, text, usage_key

CLUSTER = "gcp:container/cluster:Cluster"
NODE_POOL = "gcp:container/nodePool:NodePool"
ZONES = Decimal(3)
"""Zones of a regional cluster that names none (cloud.google.com/kubernetes-engine/docs/concepts/regional-clusters)."""
DEFAULT_MACHINE, DEFAULT_DISK, DEFAULT_DISK_GIB = "e2-medium", "pd-balanced", Decimal(100)


class ClusterUsage(Usage):
    pod_vcpus: Decimal = usage_key("vCPUs that Autopilot's pods request, on average")
    pod_memory_gib: Decimal = usage_key("GiB of memory that they request")
    pod_storage_gib: Decimal = usage_key("GiB of ephemeral storage that they request")
    nodes: Decimal | None = usage_key("nodes of the default pool on average, all zones together", default=None)


class PoolUsage(Usage):
    nodes: Decimal | None = usage_key(
        "nodes on average, all zones together; what the plan keeps at least when absent", default=None
    )
    monthly_running_hours: Decimal = Field(default=HOURS, ge=0, le=HOURS, description="hours that each of them runs")


@prices(CLUSTER)
def cluster(bill: Bill, usage: ClusterUsage) -> None:
    autopilot = flag(bill.value("enableAutopilot", False)) is True
    regional = _zones(bill, bill.resource) != 1 or not _is_zone(bill.resource.get("location"))
    rate = "gke.cluster-regional" if regional and not autopilot else "gke.cluster-zonal"
    bill.add(rate, HOURS, "730 h", name="Cluster")
    if autopilot:
        for name, quantity, unit in (
            ("vcpu", usage.pod_vcpus, "vCPU"),
            ("memory", usage.pod_memory_gib, "GiB"),
            ("storage", usage.pod_storage_gib, "GiB"),
        ):
            words = f"{text(quantity)} {unit} x 730 h"
            bill.add(f"gke.pod-{name}", quantity * HOURS, words, name=f"Pods, {unit} of {name}", usage=True)
        if not usage.pod_vcpus:
            bill.note("is Autopilot: what its pods request is usage, of which nothing is given (pod_vcpus)")
        return
    if flag(bill.value("removeDefaultNodePool", False)) is not True:
        count = bill.number("initialNodeCount", 0) * _zones(bill, bill.resource)
        if usage.nodes is not None:
            count = usage.nodes
        _nodes(bill, bill.resource.get("nodeConfig"), count, HOURS, "Default pool, ", usage=usage.nodes is not None)


@prices(NODE_POOL)
def node_pool(bill: Bill, usage: PoolUsage) -> None:
    owner = bill.plan.linked(bill.resource, "cluster", CLUSTER, "name", "id")
    if bill.resource.get("nodeLocations") is None and owner is None and bill.resource.get("location") is None:
        bill.note("its cluster is outside this plan; reckoned with one zone")
    zones = _zones(bill, bill.resource, owner)
    scaling = bill.resource.get("autoscaling")
    count, given = _least(bill, scaling, zones), usage.nodes is not None
    if usage.nodes is not None:
        count = usage.nodes
    elif scaling:
        bill.note(f"its autoscaler keeps {text(count)} nodes at least; give `nodes` for what runs on average")
    if owner is not None and bill.resource.get("location") is None and isinstance(owner.get("location"), str):
        bill.region = regions.normal(owner.get("location")) or bill.region
    _nodes(bill, bill.resource.get("nodeConfig"), count, usage.monthly_running_hours, "", usage=given)


def _least(bill: Bill, scaling: Any, zones: Decimal) -> Decimal:
    """Nodes that are always there, in all zones."""
    bill.note_unknown(scaling, "its autoscaling")
    for key, factor in (("totalMinNodeCount", Decimal(1)), ("minNodeCount", zones)):
        value = dig(scaling, key)
        if value is not None and value is not UNKNOWN:
            return size_of(value, f"autoscaling.{key}", read=from_zero) * factor
    first = "nodeCount" if bill.resource.get("nodeCount") is not None else "initialNodeCount"
    return bill.number(first, 1) * zones


def _nodes(bill: Bill, config: Any, count: Decimal, hours: Decimal, label: str, *, usage: bool) -> None:
    if not count:
        return
    bill.note_unknown(config, "its nodeConfig")
    given = config if isinstance(config, Mapping) else {}
    settings = {key: value for key, value in given.items() if value is not UNKNOWN and value is not None}
    of = machines.machine(settings.get("machineType", DEFAULT_MACHINE))
    fleet = machines.Fleet(of, count, hours, machines.spot(settings), label, usage)
    machines.run(bill, fleet)
    accelerators.attach(bill, fleet, settings.get("guestAccelerators"))
    size = size_of(settings.get("diskSizeGb", DEFAULT_DISK_GIB), "diskSizeGb", "size")
    disks.hold(bill, settings.get("diskType", DEFAULT_DISK), size, count, label=f"{label}boot disk".capitalize())


def _zones(bill: Bill, *holders: Resource | None) -> Decimal:
    """Zones in which there is a node of each: those named, else one of a zone, else three of a region."""
    for holder in holders:
        places = holder.get("nodeLocations") if holder else None
        if places is UNKNOWN:
            bill.note("its nodeLocations are secret or known only at update; reckoned as if they were unset")
        if holder and isinstance(places, list | tuple) and places:
            own = 1 if holder.type == CLUSTER and _is_zone(holder.get("location")) else 0
            return Decimal(len(places) + own)
    places = [holder.get("location") for holder in holders if holder]
    place = next((value for value in places if isinstance(value, str)), None)
    return Decimal(1) if place is None or _is_zone(place) else ZONES


def _is_zone(place: Any) -> bool:
    return isinstance(place, str) and place.lower() not in regions.REGIONS
