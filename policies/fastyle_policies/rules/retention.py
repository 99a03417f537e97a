"""Retention: tables, messages, logs and images are kept as long as they are needed, and read by the partition."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fastyle_policies import gcp
from fastyle_policies.links import Index, exported_table
from fastyle_policies.model import (
    UNKNOWN,
    Parameters,
    Plan,
    Resource,
    Violation,
    dig,
    flag,
    matches,
    number,
    rule,
    seconds,
)


class TableExpiry(Parameters):
    permanent: list[str] = Field(
        default=[], description="`dataset.table` of partitioned tables that keep all of their history, by pattern"
    )


@rule("medium")
def table_expiry(plan: Plan, p: TableExpiry) -> Iterator[Violation]:
    """Partitions expire unless the table is named as permanent. Streamed tables grow every second.

    Mend: partition the table with expirationMs, or the dataset's default, or name the table in `permanent`.
    Unknown: an unknown expiry passes; a dataset whose id is unknown is found by what the table depends on.
    """
    index = Index(plan)
    streamed = {
        urn
        for subscription in plan.of(gcp.SUBSCRIPTION)
        if subscription.get("bigqueryConfig") is not None
        for urn in exported_table(index, subscription).keys
    }
    for table in plan.of(gcp.TABLE):
        partitioning = table.get("timePartitioning")
        if partitioning is UNKNOWN or (partitioning is None and table.urn not in streamed):
            continue
        datasets = index.resolve(table, "datasetId", gcp.DATASET).resources
        dataset_id = table.get("datasetId") or next((r.get("datasetId") for r in datasets), None)
        if matches(f"{dataset_id}.{table.get('tableId')}", p.permanent):
            continue
        expiries = [dig(partitioning, "expirationMs"), table.get("expirationTime")]
        expiries += [r.get("defaultPartitionExpirationMs") for r in datasets]
        expiries += [r.get("defaultTableExpirationMs") for r in datasets]
        if not any(value is UNKNOWN or (number(value) or 0) > 0 for value in expiries):
            grows = "is streamed into" if partitioning is None else "is partitioned"
            ends = "nothing in it expires" if partitioning is None else "its partitions never expire"
            yield Violation(f"{dataset_id}.{table.get('tableId')} {grows} and {ends}", table)


class PartitionFilter(Parameters):
    exempt: list[str] = Field(default=[], description="`dataset.table` that may be read whole, by pattern")


@rule("high", gcp.TABLE)
def partition_filter(table: Resource, p: PartitionFilter) -> Iterator[str]:
    """Partitioned tables refuse queries without a partition filter. Otherwise each query may bill all history.

    Mend: set requirePartitionFilter, or name the table in `exempt`.
    Unknown: refused, like an unset value; an unknown partitioning passes until the update.
    """
    if not (table.get("timePartitioning") or table.get("rangePartitioning")):
        return
    required = flag(table.get("requirePartitionFilter"))
    if required is True or flag(table.get("timePartitioning.requirePartitionFilter")) is True:
        return
    if matches(f"{table.get('datasetId')}.{table.get('tableId')}", p.exempt):
        return
    if required is UNKNOWN:
        yield "requirePartitionFilter is not known at preview"
    else:
        yield "is partitioned and does not require a partition filter: a query without one reads all of it"


class TopicRetention(Parameters):
    minimum_hours: float = Field(default=24, description="shortest retention of a subscription's messages")
    maximum_days: int = Field(default=31, description="longest retention of a subscription's or a topic's messages")


@rule("medium", gcp.SUBSCRIPTION, gcp.TOPIC)
def message_retention(resource: Resource, p: TopicRetention) -> Iterator[str]:
    """Subscriptions say how long they keep messages. It is how long an outage may last, and it is billed.

    Mend: set messageRetentionDuration in seconds, such as 604800s.
    Unknown: deferred.
    """
    value = resource.get("messageRetentionDuration")
    if value is UNKNOWN:
        return
    if value is None:
        if resource.type == gcp.SUBSCRIPTION:
            yield "sets no messageRetentionDuration: how long an outage may last is left to a default"
        return
    length = seconds(value)
    if length is None:
        yield f"has messageRetentionDuration {value!r}: write seconds, such as 604800s"
    elif resource.type == gcp.SUBSCRIPTION and length < p.minimum_hours * 3600:
        yield f"keeps messages for {length / 3600:g} hours, below {p.minimum_hours:g}: a longer outage loses them"
    elif length > p.maximum_days * 86_400:
        yield f"keeps messages for {length / 86_400:g} days, above {p.maximum_days}"


class LogRetention(Parameters):
    minimum_days: int = Field(default=7, description="shortest retention of a log bucket")
    maximum_days: int = Field(default=90, description="longest retention of a log bucket")


@rule("medium", "gcp:logging/*BucketConfig:*")
def log_retention(bucket: Resource, p: LogRetention) -> Iterator[str]:
    """Log buckets keep what is needed to look into an incident, and no more. Beyond 30 days they are billed.

    Mend: set retentionDays within the limits of this rule.
    Unknown: deferred.
    """
    value = bucket.get("retentionDays")
    if value is UNKNOWN:
        return
    days = number(value)
    if days is None:
        yield "sets no retentionDays"
    elif not p.minimum_days <= days <= p.maximum_days:
        yield f"keeps logs for {days:g} days; allowed: {p.minimum_days} to {p.maximum_days}"


class LogBucketPresent(Parameters):
    required: bool = Field(default=True, description="whether a stack with workloads must set its logs' retention")


@rule("low")
def log_retention_present(plan: Plan, p: LogBucketPresent) -> Iterator[Violation]:
    """A stack with workloads decides how long their logs live. Left alone, a default decides.

    Mend: add a gcp.logging.ProjectBucketConfig for `_Default` with retentionDays.
    Unknown: an unknown bucketId does not count as `_Default`.
    """
    if not p.required or not any(plan.of(*gcp.WORKLOADS)):
        return
    buckets = plan.of("gcp:logging/projectBucketConfig:ProjectBucketConfig")
    if not any(bucket.get("bucketId") == "_Default" for bucket in buckets):
        yield Violation("the stack runs workloads and does not set the retention of the project's _Default log bucket")


@rule("medium", "gcp:artifactregistry/repository:Repository")
def image_cleanup(repository: Resource, p: Parameters) -> Iterator[str]:
    """Image repositories delete old builds. Each deployment of a function leaves an image behind.

    Mend: add cleanupPolicies with action DELETE and leave cleanupPolicyDryRun off.
    Unknown: deferred.
    """
    policies = repository.get("cleanupPolicies")
    if policies is UNKNOWN:
        return
    if not any(dig(policy, "action") == "DELETE" for policy in repository.blocks("cleanupPolicies")):
        yield "has no clean-up policy that deletes: every build's image is kept"
    if flag(repository.get("cleanupPolicyDryRun")) is True:
        yield "has cleanupPolicyDryRun on: its clean-up policies delete nothing"
