"""Cost: a budget that tells someone, a limit on what a query may bill, and everything in an allowed region."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import Field

from fastyle_policies import gcp
from fastyle_policies.model import UNKNOWN, Parameters, Plan, Resource, Violation, dig, matches, number, rule, shown


class BudgetPresent(Parameters):
    required: bool = Field(default=True, description="whether a stack that creates anything needs a budget")


@rule("high")
def budget_present(plan: Plan, p: BudgetPresent) -> Iterator[Violation]:
    """A stack has a budget. Without one, the first word of an overspend is the invoice.

    Mend: add a gcp.billing.Budget for the project with an amount, thresholds and someone to tell.
    Unknown: nothing is read from values.
    """
    spends = any(resource.type.startswith("gcp:") for resource in plan.resources)
    if p.required and spends and not any(plan.of(gcp.BUDGET)):
        yield Violation("the stack creates resources on Google Cloud and has no billing budget")


class BudgetThresholds(Parameters):
    thresholds: list[float] = Field(default=[0.5, 0.9, 1.0], description="shares of the amount that must be announced")


@rule("high", gcp.BUDGET)
def budget_thresholds(budget: Resource, p: BudgetThresholds) -> Iterator[str]:
    """A budget announces half, most and all of its amount to someone. A budget that tells nobody stops nothing.

    Mend: set thresholdRules (0.5, 0.9, 1.0 at least) and allUpdatesRule with a topic or a channel.
    Unknown: deferred.
    """
    units = budget.get("amount.specifiedAmount.units")
    if units is not UNKNOWN and not budget.get("amount.lastPeriodAmount") and not (number(units) or 0) > 0:
        yield "names no amount above 0"
    # A forecast may come weeks before the money is spent, or never: only what is spent counts as announced.
    spent = [step for step in budget.blocks("thresholdRules") if step.get("spendBasis") != "FORECASTED_SPEND"]
    shares = [step.get("thresholdPercent") for step in spent]
    for share in shares:
        if (number(share) or 0) > 5:
            yield f"has the threshold {number(share):g}: 1.0 is the whole amount, so 50 % is written 0.5"
    if budget.get("thresholdRules") is not UNKNOWN and UNKNOWN not in shares:
        announced = [number(share) for share in shares]
        if missing := [f"{t:g}" for t in p.thresholds if t not in announced]:
            yield f"does not announce {', '.join(missing)} of its amount"
    told = budget.get("allUpdatesRule")
    if told is not UNKNOWN:
        topic, channels = dig(told, "pubsubTopic"), dig(told, "monitoringNotificationChannels")
        if not (topic or topic is UNKNOWN or channels or channels is UNKNOWN):
            yield "tells nobody: it has neither a topic nor a notification channel"


class BytesBilled(Parameters):
    datasets: list[str] = Field(
        default=["*_DATASET"], description="environment variables whose holder queries BigQuery, by pattern"
    )
    limit: str = Field(
        default="MAXIMUM_BYTES_BILLED", description="environment variable that limits the bytes a query may bill"
    )
    maximum: int = Field(default=100 * 1024**3, description="largest limit a workload may give its queries, in bytes")


@rule("high", *gcp.WORKLOADS, gcp.BIGQUERY_JOB)
def bytes_billed_limit(workload: Resource, p: BytesBilled) -> Iterator[str]:
    """What queries BigQuery has a limit of bytes billed. One query without its partition filter bills the table.

    Mend: set the variable that `limit` of this rule names in the workload's environment (a job:
    query.maximumBytesBilled), at most the ceiling in the pack's configuration.
    Unknown: deferred.
    """
    if workload.type == gcp.BIGQUERY_JOB:
        if workload.get("query") is not None:
            yield from _limit("query.maximumBytesBilled", workload.get("query.maximumBytesBilled"), p)
        return
    env = {variable.name: variable.value for variable in gcp.variables(workload)}
    if not any(matches(name, p.datasets) for name in env):
        return
    if p.limit in env:
        yield from _limit(p.limit, env[p.limit], p)
    elif not gcp.environment_unknown(workload):
        yield f"queries BigQuery (it is given a dataset) without {p.limit}"


def _limit(name: str, limit: object, p: BytesBilled) -> Iterator[str]:
    if limit is UNKNOWN:
        return
    value = number(limit)
    if value is None or value < 10_485_760:
        yield f"has {name} {shown(limit)}, which is no usable limit: BigQuery bills 10485760 bytes at least"
    elif value > p.maximum:
        yield f"has {name} {limit}, above the ceiling of {p.maximum} bytes"


class Regions(Parameters):
    # The large regions of Pub/Sub's quotas, and the two multi-regions of BigQuery and Cloud Storage.
    allowed: list[str] = Field(
        default=[
            *("europe-west1", "europe-west4", "us-central1", "us-east1", "us-east4", "us-west1", "us-west2"),
            *("eu", "us"),
        ],
        description="regions and multi-regions in which anything may be created",
    )


@rule("high", "gcp:*", "pulumi:providers:gcp")
def region_allowed(resource: Resource, p: Regions) -> Iterator[str]:
    """Everything is in an allowed region. Data elsewhere costs egress and may break residency rules.

    Mend: set location or region to an allowed one, or add it to `allowed` of this rule.
    Unknown: refused.
    """
    # With the provider's own: what a resource that names no region gets.
    places = [(f"its {key}", "is in", resource.get(key)) for key in ("location", "region", "zone")]
    for replica in resource.blocks("replication.userManaged.replicas"):
        places.append(("a replica's location", "is replicated to", replica.get("location")))
    halves = resource.get("customPlacementConfig.dataLocations")
    for half in halves if isinstance(halves, list | tuple) else [halves]:
        places.append(("customPlacementConfig.dataLocations", "is replicated to", half))
    for what, verb, value in places:
        if value is UNKNOWN:
            yield f"{what} is not known at preview"
        elif isinstance(value, str) and value and value != "global" and not matches(_region(value), p.allowed):
            yield f"{verb} {value}; allowed: {', '.join(p.allowed)}"


def _region(place: str) -> str:
    """The region of a zone (`us-central1-a`); else the place itself, in lower case."""
    return re.sub(r"(?<=\d)-[a-z]$", "", place.lower())
