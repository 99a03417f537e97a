"""Compute Engine instances: the machine, its disks, its external addresses."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from fastyle_policies.model import UNKNOWN, dig
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services import accelerators, disks, machines
from fastyle_policies.pricing.services.base import (
    Bill,
    Usage,
    holds_unknown,
    prices,
    size_of,
    text,
    usage_key,
)

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
    on_spot, of = (
        on_spot_capacity(bill, bill.resource.get("scheduling")),
        machines.machine(bill.resource.get("machineType")),
    )
    machines.run(bill, of, Decimal(1), hours, on_spot=on_spot)
    accelerators.attach(bill, of, bill.resource.get("guestAccelerators"), Decimal(1), hours, on_spot=on_spot)
    if not dig(bill.resource.get("bootDisk"), "source"):
        given = dig(bill.get("bootDisk"), "initializeParams")
        hold_boot(bill, given, Decimal(1), "type", "size")
    disks.local(bill, Decimal(len(bill.blocks("scratchDisks"))))
    addresses(bill, bill.blocks("networkInterfaces"), Decimal(1), hours)
    bill.egress(usage.monthly_egress_gib)


def hold_boot(bill: Bill, given: Any, count: Decimal, type_key: str, size_key: str) -> None:
    """A line of boot disks by the block that describes them."""
    if holds_unknown(given):
        bill.note("a part of its boot disk is secret or known only at update; reckoned as if that part were unset")
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
