"""Compute Engine instances and managed groups of them: machines, disks, external addresses."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from fastyle_policies.model import UNKNOWN, Resource, dig
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services import accelerators, disks, machines
from fastyle_policies.pricing.services.base import (
    Bill,
    NotPricedError,
    Usage,
    holds_unknown,
    prices,
    size_of,
    text,
    usage_key,
)
from fastyle_policies.pricing.services.machines import Fleet

INSTANCE = "gcp:compute/instance:Instance"


class InstanceUsage(Usage):
    monthly_running_hours: Decimal = Field(
        default=HOURS, ge=0, le=HOURS, description="hours it runs; its disks are billed all month"
    )
    monthly_egress_gib: Decimal = usage_key("GiB sent to the internet")


@prices(INSTANCE)
def instance(bill: Bill, usage: InstanceUsage) -> None:
    stopped = bill.value("desiredStatus", "RUNNING") in ("TERMINATED", "SUSPENDED")
    hours = Decimal(0) if stopped else usage.monthly_running_hours
    on_spot = on_spot_capacity(bill, bill.resource.get("scheduling"))
    fleet = Fleet(machines.machine(bill.resource.get("machineType")), Decimal(1), hours, on_spot)
    machines.run(bill, fleet)
    accelerators.attach(bill, fleet, bill.resource.get("guestAccelerators"))
    if not dig(bill.resource.get("bootDisk"), "source"):
        given = dig(bill.get("bootDisk"), "initializeParams")
        hold_boot(bill, given, Decimal(1), "type", "size")
    disks.local(bill, Decimal(len(bill.blocks("scratchDisks"))))
    addresses(bill, bill.blocks("networkInterfaces"), Decimal(1), hours)
    bill.egress(usage.monthly_egress_gib)


def hold_boot(bill: Bill, given: Any, count: Decimal, type_key: str, size_key: str) -> None:
    """A line of boot disks by the block that describes them."""
    bill.note_unknown(given, "its boot disk")
    kind, size = (None if (v := dig(given, key)) is UNKNOWN else v for key in (type_key, size_key))
    gib = disks.DEFAULT_GIB if size is None else size_of(size, "the size of its disk", "size")
    disks.hold(bill, kind or "pd-standard", gib, count, label="Boot disk")


def addresses(bill: Bill, interfaces: list[Mapping[str, Any]], count: Decimal, hours: Decimal) -> None:
    """A line of external addresses: one for each access configuration."""
    if any(interface.get("accessConfigs") is UNKNOWN for interface in interfaces):
        bill.note("its accessConfigs are secret or known only at update; reckoned without an external address")
    given = (interface.get("accessConfigs") for interface in interfaces)
    number = sum(len(configs) for configs in given if isinstance(configs, list | tuple))
    if number:
        words = f"{text(count)} x {number} x {text(hours)} h"
        bill.add("network.address", count * number * hours, words, name="External address")


def on_spot_capacity(bill: Bill, scheduling: Any) -> bool:
    """Whether a `scheduling` block asks for spot machines; one that is unknown does not, with a note."""
    if holds_unknown(scheduling):
        bill.note("whether it runs on spot capacity is secret or known only at update; reckoned as on demand")
    return machines.spot(scheduling)


ZONAL = "gcp:compute/instanceGroupManager:InstanceGroupManager"
REGIONAL = "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager"
TEMPLATES = (
    "gcp:compute/instanceTemplate:InstanceTemplate",
    "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate",
)
AUTOSCALERS = ("gcp:compute/autoscaler:Autoscaler", "gcp:compute/regionAutoscaler:RegionAutoscaler")


class GroupUsage(Usage):
    instances: Decimal | None = usage_key("machines on average; what the plan keeps at least when absent", default=None)
    monthly_running_hours: Decimal = Field(default=HOURS, ge=0, le=HOURS, description="hours that each of them runs")
    monthly_egress_gib: Decimal = usage_key("GiB sent to the internet")


@prices(ZONAL, REGIONAL)
def group(bill: Bill, usage: GroupUsage) -> None:
    template = _template(bill)
    count, usual = _size(bill), usage.instances is not None
    if usage.instances is not None:
        count = usage.instances
    of = machines.machine(template.get("machineType"))
    on_spot = on_spot_capacity(bill, template.get("scheduling"))
    fleet = Fleet(of, count, usage.monthly_running_hours, on_spot, usage=usual)
    machines.run(bill, fleet)
    accelerators.attach(bill, fleet, template.get("guestAccelerators"))
    for disk in template.blocks("disks"):
        if disk.get("type") == "SCRATCH" or disk.get("diskType") == "local-ssd":
            disks.local(bill, Decimal(1), count)
        elif not disk.get("source"):
            hold_boot(bill, disk, count, "diskType", "diskSizeGb")
    addresses(bill, template.blocks("networkInterfaces"), count, usage.monthly_running_hours)
    bill.egress(usage.monthly_egress_gib)


def _template(bill: Bill) -> Resource:
    """The template of the group's first version.

    Raises:
        NotPricedError: the plan does not hold it.
    """
    versions = bill.resource.blocks("versions")
    value: Any = versions[0].get("instanceTemplate") if versions else UNKNOWN
    for type_ in TEMPLATES:
        if template := bill.plan.behind(
            bill.resource, "versions", value, type_, "selfLink", "selfLinkUnique", "id", "name"
        ):
            return template
    raise NotPricedError("its instance template is not in this plan")


def _size(bill: Bill) -> Decimal:
    for type_ in AUTOSCALERS:
        for autoscaler in bill.plan.users(bill.resource, type_, "target"):
            policy = autoscaler.get("autoscalingPolicy")
            least = policy.get("minReplicas") if isinstance(policy, Mapping) else None
            if isinstance(least, int) and not isinstance(least, bool) and least >= 0:
                bill.note(f"its autoscaler keeps {least} machines at least; give `instances` for what runs on average")
                return Decimal(least)
    return bill.number("targetSize", 0)
