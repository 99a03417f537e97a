"""Options of Cloud SQL: one zone instead of two, a smaller tier by what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from fastyle_policies.model import Resource
from fastyle_policies.pricing.advice.model import Edit, Option, change
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import text
from fastyle_policies.pricing.services.plan import PricedPlan
from fastyle_policies.pricing.services.sql import InstanceUsage
from fastyle_policies.pricing.usage import UsageFile

PEAK = Decimal(10)
"""The busiest minute against the average of a month: most programs are used by day, and most in few hours."""
FILLED = Decimal("0.6")
"""The share of a machine's vCPUs that the busiest minute may take."""
SMALLEST_MIB = 3840  # of a custom tier with a dedicated vCPU


def availability(database: Resource, plan: PricedPlan, usage: UsageFile) -> Iterator[Option]:
    """One zone for a database in two."""
    path = "settings.availabilityType"
    if database.get(path) == "REGIONAL":
        yield Option(
            resource=database.name,
            change=change(database, path, "ZONAL"),
            group=f"{database.urn} {path}",
            loses="a zone's outage stops the database until the zone is back; outside the SLA of two zones",
            edits=(Edit(database.urn, path, "ZONAL"),),
            gives_up=frozenset({"ha"}),
        )


def tier(database: Resource, plan: PricedPlan, usage: UsageFile) -> Iterator[Option]:
    """The smallest custom tier that what was measured fits; half of today's where nothing was."""
    path = "settings.tier"
    sized = re.fullmatch(r"db-custom-(\d{1,4})-(\d{1,8})", str(database.get(path)))
    if not sized:
        return
    vcpus, memory = int(sized[1]), int(sized[2])
    used = usage.of(database, InstanceUsage).monthly_cpu_hours
    fitting = _halved(vcpus)
    if used is None:
        fitting = fitting[:1]
        words = "vCPUs and memory that it may need: its use is not measured, look at its load first"
    else:
        needed = used / HOURS * PEAK / FILLED
        fitting = [count for count in fitting if count >= needed][-1:]
        words = (
            f"vCPUs, memory and connections; it computes for {text(used.quantize(Decimal('0.1')))} "
            f"vCPU-hours a month, and ten times the average still leaves {100 - int(FILLED * 100)} % free"
        )
    for count in fitting:
        value = f"db-custom-{count}-{max(memory * count // vcpus // 256 * 256, SMALLEST_MIB)}"
        yield Option(
            resource=database.name,
            change=change(database, path, value),
            group=f"{database.urn} {path}",
            loses=words,
            edits=(Edit(database.urn, path, value),),
            gives_up=frozenset({"capacity"}),
            rests_on_usage=True,
        )


def _halved(vcpus: int) -> list[int]:
    """Numbers of vCPUs below that there are, larger first: 1, and even ones."""
    options = []
    while vcpus > 1:
        vcpus = vcpus // 2
        vcpus -= vcpus % 2 if vcpus > 1 else 0
        options.append(vcpus)
    return options
