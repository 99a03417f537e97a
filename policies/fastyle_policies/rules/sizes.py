"""Sizes: ceilings on whatever can grow by itself or by one digit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from fastyle_policies import gcp
from fastyle_policies.model import UNKNOWN, Parameters, Resource, dig, flag, number, rule, shown


class BoundedInstances(Parameters):
    maximum: int = Field(default=20, description="largest maximum of instances or workers")


@rule("high", gcp.RUN_SERVICE, gcp.FUNCTION, gcp.COMPOSER)
def bounded_instances(workload: Resource, p: BoundedInstances) -> Iterator[str]:
    """Whatever scales has a maximum. A loop or an attack scales the bill with it.

    Mend: set maxInstanceCount (Composer: worker.maxCount), at most the ceiling in the pack's configuration.
    Unknown: refused.
    """
    paths = {
        gcp.RUN_SERVICE: ("template.scaling.maxInstanceCount", "scaling.maxInstanceCount"),
        gcp.FUNCTION: ("serviceConfig.maxInstanceCount",),
        gcp.COMPOSER: ("config.workloadsConfig.worker.maxCount",),
    }[workload.type]
    maximums = [workload.get(path) for path in paths]
    if any(value is UNKNOWN for value in maximums):
        yield f"{paths[0]} is not known at preview"
        return
    limits = [value for value in map(number, maximums) if value is not None and value > 0]
    if not limits:
        yield f"sets no {paths[0]}: it may grow to 100 instances or more"
    elif min(limits) > p.maximum:
        yield f"may grow to {min(limits):g} instances, above the ceiling of {p.maximum}"


class IdleInstances(Parameters):
    maximum: int = Field(default=0, description="largest number of instances kept while nothing happens")


@rule("medium", gcp.RUN_SERVICE, gcp.FUNCTION)
def idle_instances(workload: Resource, p: IdleInstances) -> Iterator[str]:
    """Nothing runs while nothing happens unless asked for. A minimum instance is billed day and night.

    Mend: leave minInstanceCount at 0, or raise `maximum` of this rule for the environment that needs warm starts.
    Unknown: refused.
    """
    paths = (
        "template.scaling.minInstanceCount",
        "scaling.minInstanceCount",
        "scaling.manualInstanceCount",
        "serviceConfig.minInstanceCount",
    )
    for path in paths:
        value = workload.get(path)
        if value is UNKNOWN:
            yield f"{path} is not known at preview"
        elif (number(value) or 0) > p.maximum:
            yield f"keeps {number(value):g} instances running for nothing, above {p.maximum}"


class TierCeiling(Parameters):
    sql_vcpus: float = Field(default=4, description="largest number of vCPUs of a Cloud SQL instance")
    sql_memory_mb: int = Field(default=16 * 1024, description="largest memory of a Cloud SQL instance, in MiB")
    sql_editions: list[str] = Field(default=["ENTERPRISE"], description="editions allowed for Cloud SQL")
    sql_disk_gb: int = Field(default=500, description="largest disk, and limit of its growth, in GB")
    run_cpus: float = Field(default=2, description="largest number of vCPUs of a Cloud Run or function instance")
    composer_sizes: list[str] = Field(
        default=["ENVIRONMENT_SIZE_SMALL"], description="environment sizes allowed for Composer"
    )


# Shared-core and predefined machine types of Cloud SQL for PostgreSQL (vCPUs, MiB).
_SQL_TIERS = {"db-f1-micro": (0.2, 614), "db-g1-small": (0.5, 1740)}


def sql_size(tier: str) -> tuple[float, int] | None:
    """vCPUs and MiB of a Cloud SQL tier; None for one that is not recognised."""
    if tier in _SQL_TIERS:
        return _SQL_TIERS[tier]
    if custom := re.fullmatch(r"db-custom-(\d+)-(\d+)", tier):
        return float(custom[1]), int(custom[2])
    if machine := re.fullmatch(r"db-perf-optimized-N-(\d+)", tier):
        return float(machine[1]), int(machine[1]) * 8 * 1024
    return None


@rule("high", gcp.SQL_INSTANCE, gcp.RUN_SERVICE, gcp.RUN_JOB, gcp.FUNCTION, gcp.COMPOSER)
def tier_ceiling(resource: Resource, p: TierCeiling) -> Iterator[str]:
    """Machine sizes stay under the environment's ceiling. One digit in a tier is the largest line of the bill.

    Mend: choose a smaller tier, or raise the ceiling of this rule.
    Unknown: refused.
    """
    if resource.type == gcp.SQL_INSTANCE:
        yield from _sql_ceiling(resource, p)
    elif resource.type == gcp.COMPOSER:
        size = resource.get("config.environmentSize")
        if size is UNKNOWN or size not in p.composer_sizes:
            yield f"has environment size {shown(size)}; allowed: {', '.join(p.composer_sizes)}"
    else:
        cpus = [dig(c, "resources.limits.cpu") for c in gcp.containers(resource)]
        if resource.type == gcp.FUNCTION:
            cpus = [resource.get("serviceConfig.availableCpu")]
        for cpu in cpus:
            if cpu is UNKNOWN:
                yield "its number of CPUs is not known at preview"
            elif cpu is not None and (value := _cpus(cpu)) > p.run_cpus:
                yield f"asks for {value:g} vCPUs an instance, above the ceiling of {p.run_cpus:g}"


def _cpus(value: object) -> float:
    """CPUs of `2`, `"0.5"` or `"500m"`; infinity for what cannot be read, so that it never slips through."""
    if isinstance(value, str) and (milli := re.fullmatch(r"(\d+)m", value)):
        return int(milli[1]) / 1000
    plain = number(value)
    return float("inf") if plain is None else plain


def _sql_ceiling(instance: Resource, p: TierCeiling) -> Iterator[str]:
    tier = instance.get("settings.tier")
    size = sql_size(tier) if isinstance(tier, str) else None
    if size is None:
        yield f"has tier {shown(tier)}, whose size and price are unknown here"
    elif size[0] > p.sql_vcpus or size[1] > p.sql_memory_mb:
        yield (
            f"has tier {tier} ({size[0]:g} vCPUs, {size[1]} MiB), above the ceiling of {p.sql_vcpus:g} vCPUs "
            f"and {p.sql_memory_mb} MiB"
        )
    edition = instance.get("settings.edition")
    if edition not in p.sql_editions:  # newer versions of PostgreSQL come as Enterprise Plus where it is left open
        yield f"has edition {shown(edition)}; allowed: {', '.join(p.sql_editions)}"
    size_now, grows = instance.get("settings.diskSize"), flag(instance.get("settings.diskAutoresize"))
    disk, limit = number(size_now), number(instance.get("settings.diskAutoresizeLimit"))
    if size_now is UNKNOWN:
        yield "its disk's size is not known at preview"
    elif disk is not None and disk > p.sql_disk_gb:
        yield f"starts with {disk:g} GB of disk, above the ceiling of {p.sql_disk_gb} GB"
    if grows is not False and not 0 < (limit or 0) <= p.sql_disk_gb:
        yield f"lets its disk grow without diskAutoresizeLimit of 1 to {p.sql_disk_gb} GB: a disk never shrinks"


class HighAvailability(Parameters):
    wanted: bool | None = Field(
        default=None,
        description="true: must be highly available; false: must not be; null: it may where the stack is protected",
    )


@rule("medium", gcp.SQL_INSTANCE, gcp.COMPOSER)
def high_availability(resource: Resource, p: HighAvailability) -> Iterator[str]:
    """High availability is there where asked for and only there. It doubles the price of a database.

    Mend: set availabilityType to what `wanted` of this rule asks for, or change it.
    Unknown: refused.
    """
    if resource.type == gcp.SQL_INSTANCE:
        path, on = "settings.availabilityType", "REGIONAL"
        asked = p.wanted and resource.get("masterInstanceName") is None  # a replica needs no standby of its own
    else:
        path, on = "config.resilienceMode", "HIGH_RESILIENCE"
        asked = False  # Composer's standard resilience restarts by itself; `wanted` is about the database
    value = resource.get(path)
    if value is UNKNOWN:
        yield f"{path} is not known at preview"
    elif asked and value != on:
        yield f"{path} is {shown(value)}: `wanted` asks for {on}"
    elif value == on and (p.wanted is False or (p.wanted is None and not p.protected)):
        yield f"{path} is {on}, which doubles its price, and nobody asked for it"


_NOT_JUDGED = {
    "gcp:cloudfunctions/function:Function": "cloudfunctionsv2.Function",
    "gcp:cloudrun/service:Service": "cloudrunv2.Service",
    "gcp:cloudrunv2/workerPool:WorkerPool": "cloudrunv2.Service or cloudrunv2.Job",
}


@rule("high", *_NOT_JUDGED)
def judged_type(resource: Resource, p: Parameters) -> Iterator[str]:
    """What runs is of a type that the rules can judge. An older generation would pass them all unseen.

    Mend: use the named type, or waive this rule for the resource.
    Unknown: nothing is read from values.
    """
    yield f"is of a type that no rule here can judge; use {_NOT_JUDGED[resource.type]}"
