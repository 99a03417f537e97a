"""Managed instance groups: so many machines of their template, as many as their autoscaler keeps at least."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services import accelerators, disks, machines
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, usage_key
from fastyle_policies.pricing.services.instances import addresses, hold_boot, on_spot_capacity

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
    on_spot, hours = on_spot_capacity(bill, template.get("scheduling")), usage.monthly_running_hours
    machines.run(bill, of, count, hours, on_spot=on_spot, usage=usual)
    accelerators.attach(bill, of, template.get("guestAccelerators"), count, hours, on_spot=on_spot, usage=usual)
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
