"""Options of Cloud SQL: one zone instead of two, a smaller tier by what was measured, sleep while nobody works."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from decimal import Decimal

from fastyle_policies.model import Resource
from fastyle_policies.pricing.advice.model import Option, setting
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import text
from fastyle_policies.pricing.services.plan import PricedPlan
from fastyle_policies.pricing.services.sql import INSTANCE, InstanceUsage, switches
from fastyle_policies.pricing.services.switching import JOB, running_share

PEAK = Decimal(10)
"""The busiest minute against the average of a month: most programs are used by day, and most in few hours."""
FILLED = Decimal("0.6")
"""The share of a machine's vCPUs that the busiest minute may take."""
SMALLEST_MIB = 3840  # of a custom tier with a dedicated vCPU
STOP_CRON, START_CRON = "0 20 * * *", "0 8 * * 1-5"
"""Awake on weekdays from 08:00 to 20:00."""


def availability(database: Resource, plan: PricedPlan) -> Iterator[Option]:
    """One zone for a database in two."""
    path = "settings.availabilityType"
    if database.get(path) == "REGIONAL":
        loses = "a zone's outage stops the database until the zone is back; outside the SLA of two zones"
        yield setting(database, {path: "ZONAL"}, loses=loses, gives_up="ha")


def tier(database: Resource, plan: PricedPlan) -> Iterator[Option]:
    """The smallest custom tier that what was measured fits; half of today's where nothing was."""
    path = "settings.tier"
    sized = re.fullmatch(r"db-custom-(\d{1,4})-(\d{1,8})", str(database.get(path)))
    if not sized:
        return
    vcpus, memory = int(sized[1]), int(sized[2])
    used = plan.usage.of(database, InstanceUsage).monthly_cpu_hours
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
        yield setting(database, {path: value}, loses=words, gives_up="capacity", rests_on_usage=True)


def _halved(vcpus: int) -> list[int]:
    """Numbers of vCPUs below that there are, larger first: 1, and even ones."""
    options = []
    while vcpus > 1:
        vcpus = vcpus // 2
        vcpus -= vcpus % 2 if vcpus > 1 else 0
        options.append(vcpus)
    return options


def night_stop(database: Resource, plan: PricedPlan) -> Iterator[Option]:
    """Nights and weekends off for a database that is always on. One with read replicas cannot be stopped, nor can they."""
    if (
        database.get("settings.activationPolicy") == "NEVER"
        or database.get("masterInstanceName") is not None
        or plan.usage.of(database, InstanceUsage).monthly_running_hours is not None
        or running_share(database, switches(database, plan)) is not None
        or any(_replicates(other, database, plan) for other in plan.of(INSTANCE))
    ):
        return
    yield Option(
        resource=database.name,
        change=f"two Cloud Scheduler jobs that set settings.activationPolicy: NEVER at '{STOP_CRON}', "
        f"ALWAYS at '{START_CRON}'",
        group=f"{database.urn} nights",
        loses="nothing answers at night and at weekends; what writes then has to wait or to be queued, and backups, "
        "maintenance and pipelines have to fall into the hours that are left",
        adds=(_job(database, "stop", "NEVER", STOP_CRON), _job(database, "start", "ALWAYS", START_CRON)),
        gives_up=frozenset({"nights"}),
    )


def _replicates(other: Resource, database: Resource, plan: PricedPlan) -> bool:
    return plan.linked(other, "masterInstanceName", INSTANCE, "name", "id") is database


def _job(database: Resource, does: str, policy: str, schedule: str) -> Resource:
    body = base64.b64encode(json.dumps({"settings": {"activationPolicy": policy}}).encode()).decode()
    name = str(database.get("name") or database.name)
    uri = f"https://sqladmin.googleapis.com/v1/projects/{database.project or '-'}/instances/{name}"
    props = {"schedule": schedule, "httpTarget": {"uri": uri, "body": body}}
    label = f"{database.name}-{does}"
    return Resource(JOB, label, props, f"{database.urn}::{label}", project=database.project)
