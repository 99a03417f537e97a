"""Cost: a budget that tells someone, and ceilings on whatever can grow by itself or by one digit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from policies import gcp
from policies.model import (
    DEFERRED,
    REFUSED,
    UNKNOWN,
    Parameters,
    Plan,
    Resource,
    Rule,
    Severity,
    Violation,
    blocks,
    dig,
    matches,
    number,
)


class BudgetPresent(Parameters):
    required: bool = Field(default=True, description="whether a stack that creates anything needs a budget")


def budget_present(plan: Plan, p: BudgetPresent) -> Iterator[Violation]:
    spends = any(resource.type.startswith("gcp:") for resource in plan.resources)
    if p.required and spends and not any(plan.of(gcp.BUDGET)):
        yield Violation("the stack creates resources on Google Cloud and has no billing budget")


class BudgetThresholds(Parameters):
    thresholds: list[float] = Field(default=[0.5, 0.9, 1.0], description="shares of the amount that must be announced")


def budget_thresholds(budget: Resource, p: BudgetThresholds) -> Iterator[str]:
    units = budget.get("amount.specifiedAmount.units")
    if units is not UNKNOWN and not budget.get("amount.lastPeriodAmount") and not (number(units) or 0) > 0:
        yield "names no amount above 0"
    rules = budget.get("thresholdRules")
    if rules is not UNKNOWN:
        known = [number(rule.get("thresholdPercent")) for rule in budget.blocks("thresholdRules")]
        shares = [share for share in known if share is not None]
        for share in shares:
            if share > 5:
                yield f"has the threshold {share:g}: 1.0 is the whole amount, so 50 % is written 0.5"
        if missing := [f"{t:g}" for t in p.thresholds if t not in shares]:
            yield f"does not announce {', '.join(missing)} of its amount"
    told = budget.get("allUpdatesRule")
    if told is not UNKNOWN:
        topic, channels = dig(told, "pubsubTopic"), dig(told, "monitoringNotificationChannels")
        if not (topic or topic is UNKNOWN or channels or channels is UNKNOWN):
            yield "tells nobody: it has neither a topic nor a notification channel"


class BytesBilled(Parameters):
    maximum: int = Field(default=100 * 1024**3, description="largest limit a workload may give its queries, in bytes")


def bytes_billed(workload: Resource, p: BytesBilled) -> Iterator[str]:
    env = {variable.name: variable.value for variable in gcp.variables(workload)}
    if not any(name.endswith("_DATASET") for name in env):
        return
    if "MAXIMUM_BYTES_BILLED" not in env:
        yield "queries BigQuery (it is given a dataset) without MAXIMUM_BYTES_BILLED"
        return
    limit = env["MAXIMUM_BYTES_BILLED"]
    if limit is UNKNOWN:
        return
    value = number(limit)
    if value is None or value < 10_485_760:
        yield f"MAXIMUM_BYTES_BILLED={limit!r} is no usable limit: BigQuery bills 10485760 bytes at least"
    elif value > p.maximum:
        yield f"MAXIMUM_BYTES_BILLED={limit} is above the ceiling of {p.maximum} bytes"


class BoundedInstances(Parameters):
    maximum: int = Field(default=20, description="largest maximum of instances or workers")


def bounded_instances(workload: Resource, p: BoundedInstances) -> Iterator[str]:
    paths = {
        gcp.RUN_SERVICE: ("template.scaling.maxInstanceCount", "scaling.maxInstanceCount"),
        gcp.FUNCTION: ("serviceConfig.maxInstanceCount",),
        gcp.COMPOSER: ("config.workloadsConfig.worker.maxCount",),
    }[workload.type]
    found = [workload.get(path) for path in paths]
    if any(value is UNKNOWN for value in found):
        yield f"{paths[0]} is not known at preview"
        return
    limits = [value for value in map(number, found) if value is not None and value > 0]
    if not limits:
        yield f"sets no {paths[0]}: it may grow to 100 instances or more"
    elif min(limits) > p.maximum:
        yield f"may grow to {min(limits):g} instances, above the ceiling of {p.maximum}"


class IdleInstances(Parameters):
    maximum: int = Field(default=0, description="largest number of instances kept while nothing happens")


def idle_instances(workload: Resource, p: IdleInstances) -> Iterator[str]:
    paths = ("template.scaling.minInstanceCount", "scaling.minInstanceCount", "serviceConfig.minInstanceCount")
    for path in paths:
        value = workload.get(path)
        if value is UNKNOWN:
            yield f"{path} is not known at preview"
        elif (number(value) or 0) > p.maximum:
            yield f"keeps {number(value):g} instances running for nothing, above {p.maximum}"


class TierCeiling(Parameters):
    sql_vcpus: float = Field(default=4, description="largest number of vCPUs of a Cloud SQL instance")
    sql_memory_mb: int = Field(default=16 * 1024, description="largest memory of a Cloud SQL instance, in MiB")
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


def tier_ceiling(resource: Resource, p: TierCeiling) -> Iterator[str]:
    if resource.type == gcp.SQL_INSTANCE:
        yield from _sql_ceiling(resource, p)
    elif resource.type == gcp.COMPOSER:
        size = resource.get("config.environmentSize")
        if size is UNKNOWN or size not in p.composer_sizes:
            yield f"has environment size {size or 'unset'}; allowed: {', '.join(p.composer_sizes)}"
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
        yield f"has tier {tier or 'unset'!s}, whose size and price are unknown here"
    elif size[0] > p.sql_vcpus or size[1] > p.sql_memory_mb:
        yield (
            f"has tier {tier} ({size[0]:g} vCPUs, {size[1]} MiB), above the ceiling of {p.sql_vcpus:g} vCPUs "
            f"and {p.sql_memory_mb} MiB"
        )
    disk, grows = number(instance.get("settings.diskSize")), instance.get("settings.diskAutoresize")
    limit = number(instance.get("settings.diskAutoresizeLimit"))
    if disk is not None and disk > p.sql_disk_gb:
        yield f"starts with {disk:g} GB of disk, above the ceiling of {p.sql_disk_gb} GB"
    if grows is not False and grows is not UNKNOWN and not 0 < (limit or 0) <= p.sql_disk_gb:
        yield f"lets its disk grow without diskAutoresizeLimit of 1 to {p.sql_disk_gb} GB: a disk never shrinks"


class HighAvailability(Parameters):
    wanted: bool | None = Field(
        default=None,
        description="true: must be highly available; false: must not be; null: only in environment `prod`, where it may",
    )


def high_availability(resource: Resource, p: HighAvailability) -> Iterator[str]:
    if resource.type == gcp.SQL_INSTANCE:
        path, on = "settings.availabilityType", "REGIONAL"
        if resource.get("masterInstanceName"):
            return  # a replica has no standby of its own
    else:
        path, on = "config.resilienceMode", "HIGH_RESILIENCE"
        if p.wanted:
            return  # Composer's standard resilience restarts by itself; the flag here is about the database
    value = resource.get(path)
    if value is UNKNOWN:
        yield f"{path} is not known at preview"
    elif p.wanted and value != on:
        yield f"{path} is {value or 'unset'}: this environment asks for {on}"
    elif value == on and (p.wanted is False or (p.wanted is None and p.environment_of(resource) != "prod")):
        yield f"{path} is {on}, which doubles its price, and nobody asked for it"


class Regions(Parameters):
    # The large regions of Pub/Sub's quotas, and the two multi-regions of BigQuery and Cloud Storage.
    allowed: list[str] = Field(
        default=[
            *("europe-west1", "europe-west4", "us-central1", "us-east1", "us-east4", "us-west1", "us-west2"),
            *("eu", "us"),
        ],
        description="regions and multi-regions in which anything may be created",
    )


def regions(resource: Resource, p: Regions) -> Iterator[str]:
    for key in ("location", "region"):
        value = resource.get(key)
        if value is UNKNOWN:
            yield f"its {key} is not known at preview"
        elif isinstance(value, str) and value != "global" and not matches(value.lower(), p.allowed):
            yield f"is in {value}; allowed: {', '.join(p.allowed)}"
    for replica in blocks(resource.props, "replication.userManaged.replicas"):
        value = replica.get("location")
        if isinstance(value, str) and not matches(value.lower(), p.allowed):
            yield f"is replicated to {value}; allowed: {', '.join(p.allowed)}"


RULES: tuple[Rule, ...] = (
    Rule(
        id="budget-present",
        severity=Severity.HIGH,
        why="A stack has a budget. Without one, the first word of an overspend is the invoice",
        mend="add a gcp.billing.Budget for the project with an amount, thresholds and someone to tell",
        unknown="nothing is read from values",
        check=budget_present,
        parameters=BudgetPresent,
    ),
    Rule(
        id="budget-thresholds",
        severity=Severity.HIGH,
        why="A budget announces half, most and all of its amount to someone. A budget that tells nobody stops nothing",
        mend="set thresholdRules (0.5, 0.9, 1.0 at least) and allUpdatesRule with a topic or a channel",
        unknown=DEFERRED,
        types=(gcp.BUDGET,),
        check=budget_thresholds,
        parameters=BudgetThresholds,
    ),
    Rule(
        id="bytes-billed-limit",
        severity=Severity.HIGH,
        why="What queries BigQuery has a limit of bytes billed. One query without its partition filter bills the table",
        mend="set MAXIMUM_BYTES_BILLED in the workload's environment, at most the ceiling in the pack's configuration",
        unknown=DEFERRED,
        types=gcp.WORKLOADS,
        check=bytes_billed,
        parameters=BytesBilled,
    ),
    Rule(
        id="bounded-instances",
        severity=Severity.HIGH,
        why="Whatever scales has a maximum. A loop or an attack scales the bill with it",
        mend="set maxInstanceCount (Composer: worker.maxCount), at most the ceiling in the pack's configuration",
        unknown=REFUSED,
        types=(gcp.RUN_SERVICE, gcp.FUNCTION, gcp.COMPOSER),
        check=bounded_instances,
        parameters=BoundedInstances,
    ),
    Rule(
        id="idle-instances",
        severity=Severity.MEDIUM,
        why="Nothing runs while nothing happens unless asked for. A minimum instance is billed day and night",
        mend="leave minInstanceCount at 0, or raise `maximum` of this rule for the environment that needs warm starts",
        unknown=REFUSED,
        types=(gcp.RUN_SERVICE, gcp.FUNCTION),
        check=idle_instances,
        parameters=IdleInstances,
    ),
    Rule(
        id="tier-ceiling",
        severity=Severity.HIGH,
        why="Machine sizes stay under the environment's ceiling. One digit in a tier is the largest line of the bill",
        mend="choose a smaller tier, or raise the ceiling of this rule for the environment",
        unknown=REFUSED,
        types=(gcp.SQL_INSTANCE, gcp.RUN_SERVICE, gcp.RUN_JOB, gcp.FUNCTION, gcp.COMPOSER),
        check=tier_ceiling,
        parameters=TierCeiling,
    ),
    Rule(
        id="high-availability",
        severity=Severity.MEDIUM,
        why="High availability is there where asked for and only there. It doubles the price of a database",
        mend="set availabilityType to what the environment asks for, or `wanted` of this rule",
        unknown=REFUSED,
        types=(gcp.SQL_INSTANCE, gcp.COMPOSER),
        check=high_availability,
        parameters=HighAvailability,
    ),
    Rule(
        id="region-allowed",
        severity=Severity.HIGH,
        why="Everything is in an allowed region. Data elsewhere costs egress and may break residency rules",
        mend="set location or region to an allowed one, or add it to `allowed` of this rule",
        unknown=REFUSED,
        types=("gcp:*",),
        check=regions,
        parameters=Regions,
    ),
)  # fmt: skip
