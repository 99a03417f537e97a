"""Lifecycle: whatever grows ends one day, no object is paid for after it is gone, and replay finds what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from policies import gcp
from policies.links import Index
from policies.model import (
    DEFERRED,
    UNKNOWN,
    Parameters,
    Plan,
    Resource,
    Rule,
    Severity,
    Violation,
    dig,
    matches,
    number,
    seconds,
)

# Days for which each class is billed at least (cloud.google.com/storage/docs/storage-classes), colder downwards.
_MINIMUM_DAYS = {"STANDARD": 0, "NEARLINE": 30, "COLDLINE": 90, "ARCHIVE": 365}


class BucketLifecycle(Parameters):
    permanent: list[str] = Field(default=[], description="buckets that need not delete anything (state, evidence)")


def _is_delete(rule: Mapping[str, Any]) -> bool:
    return bool(dig(rule, "action.type") == "Delete")


def bucket_lifecycle(bucket: Resource, p: BucketLifecycle) -> Iterator[str]:
    rules = bucket.get("lifecycleRules")
    if rules is UNKNOWN or matches(bucket.get("name"), p.permanent) or matches(bucket.name, p.permanent):
        return
    deletes = [rule for rule in bucket.blocks("lifecycleRules") if _is_delete(rule)]
    if not deletes:
        yield "has no lifecycle rule that deletes: it grows for ever"
    if bucket.get("versioning.enabled") is True and not any(
        number(dig(rule, "condition.numNewerVersions")) or number(dig(rule, "condition.daysSinceNoncurrentTime"))
        for rule in deletes
    ):
        yield "keeps versions and never deletes old ones: set numNewerVersions or daysSinceNoncurrentTime"


class EarlyDeletion(Parameters):
    pass


def early_deletion(bucket: Resource, p: EarlyDeletion) -> Iterator[str]:
    """Ages at which live objects change class or go; each class must have been held for its minimum by then."""
    rules = bucket.blocks("lifecycleRules")
    steps: list[tuple[float, str]] = []
    for rule in rules:
        age, kind = dig(rule, "condition.age"), dig(rule, "action.type")
        narrowed = any(
            dig(rule, f"condition.{key}") for key in ("numNewerVersions", "daysSinceNoncurrentTime", "matchesSuffixes")
        )
        if kind not in ("Delete", "SetStorageClass") or narrowed or dig(rule, "condition.withState") == "ARCHIVED":
            continue
        if (days := number(age)) is not None:
            steps.append((days, "DELETE" if kind == "Delete" else str(dig(rule, "action.storageClass")).upper()))
    held, since = str(bucket.get("storageClass") or "STANDARD").upper(), 0.0
    for days, next_class in sorted(steps, key=lambda step: (step[0], step[1] == "DELETE")):
        order = list(_MINIMUM_DAYS)
        if next_class in order and held in order and order.index(next_class) <= order.index(held):
            yield f"moves {held} objects to {next_class} at {days:g} days: objects only move to colder classes"
            continue
        minimum = _MINIMUM_DAYS.get(held, 0)
        if days - since < minimum:
            what = "deletes" if next_class == "DELETE" else f"moves to {next_class}"
            yield (
                f"{what} {held} objects {days - since:g} days after they became {held}: "
                f"the full {minimum} days are billed"
            )
        if next_class == "DELETE":
            return
        held, since = next_class, days


class LakeRetention(Parameters):
    replay_days: int = Field(default=400, description="how far back a replay from the lake is promised, in days")


def lake_retention(plan: Plan, p: LakeRetention) -> Iterator[Violation]:
    index = Index(plan)
    lakes: dict[str, Resource] = {}
    for subscription in plan.of(gcp.SUBSCRIPTION):
        target = subscription.get("cloudStorageConfig")
        if target is None:
            continue
        lakes.update({r.urn: r for r in index.resolve(subscription, "cloudStorageConfig.bucket", gcp.BUCKET).resources})
    for lake in lakes.values():
        for rule in lake.blocks("lifecycleRules"):
            days = number(dig(rule, "condition.age"))
            live = _is_delete(rule) and dig(rule, "condition.withState") != "ARCHIVED"
            if live and days is not None and days < p.replay_days:
                yield Violation(
                    f"deletes the lake's objects after {days:g} days, and a replay of {p.replay_days} days is promised",
                    lake,
                )


class TableExpiry(Parameters):
    permanent: list[str] = Field(
        default=[], description="`dataset.table` of partitioned tables that keep all of their history, by pattern"
    )


def table_expiry(plan: Plan, p: TableExpiry) -> Iterator[Violation]:
    index = Index(plan)
    for table in plan.of(gcp.TABLE):
        partitioning = table.get("timePartitioning")
        if partitioning is None or partitioning is UNKNOWN:
            continue
        found = index.resolve(table, "datasetId", gcp.DATASET).resources
        dataset_id = table.get("datasetId") or next((r.get("datasetId") for r in found), None)
        if matches(f"{dataset_id}.{table.get('tableId')}", p.permanent):
            continue
        expiries = [dig(partitioning, "expirationMs"), table.get("expirationTime")]
        expiries += [r.get("defaultPartitionExpirationMs") for r in found]
        expiries += [r.get("defaultTableExpirationMs") for r in found]
        if not any(value is UNKNOWN or (number(value) or 0) > 0 for value in expiries):
            yield Violation(
                f"{dataset_id}.{table.get('tableId')} is partitioned and its partitions never expire", table
            )


class PartitionFilter(Parameters):
    exempt: list[str] = Field(default=[], description="`dataset.table` that may be read whole, by pattern")


def partition_filter(table: Resource, p: PartitionFilter) -> Iterator[str]:
    if not (table.get("timePartitioning") or table.get("rangePartitioning")):
        return
    required = table.get("requirePartitionFilter")
    if required is True or table.get("timePartitioning.requirePartitionFilter") is True:
        return
    if matches(f"{table.get('datasetId')}.{table.get('tableId')}", p.exempt):
        return
    if required is UNKNOWN:
        yield "requirePartitionFilter is not known at preview"
    else:
        yield "is partitioned and does not require a partition filter: a query without one reads all of it"


class TopicRetention(Parameters):
    maximum_days: int = Field(default=31, description="longest retention of a subscription's or a topic's messages")


def message_retention(resource: Resource, p: TopicRetention) -> Iterator[str]:
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
    elif length > p.maximum_days * 86_400:
        yield f"keeps messages for {length / 86_400:g} days, above {p.maximum_days}"


class LogRetention(Parameters):
    minimum_days: int = Field(default=7, description="shortest retention of a log bucket")
    maximum_days: int = Field(default=90, description="longest retention of a log bucket")


def log_retention(bucket: Resource, p: LogRetention) -> Iterator[str]:
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


def log_bucket_present(plan: Plan, p: LogBucketPresent) -> Iterator[Violation]:
    if not p.required or not any(plan.of(*gcp.WORKLOADS)):
        return
    buckets = plan.of("gcp:logging/projectBucketConfig:ProjectBucketConfig")
    if not any(bucket.get("bucketId") == "_Default" for bucket in buckets):
        yield Violation("the stack runs workloads and does not set the retention of the project's _Default log bucket")


class ImageCleanup(Parameters):
    pass


def image_cleanup(repository: Resource, p: ImageCleanup) -> Iterator[str]:
    policies = repository.get("cleanupPolicies")
    if policies is UNKNOWN:
        return
    if not any(dig(policy, "action") == "DELETE" for policy in repository.blocks("cleanupPolicies")):
        yield "has no clean-up policy that deletes: every build's image is kept"
    if repository.get("cleanupPolicyDryRun") is True:
        yield "has cleanupPolicyDryRun on: its clean-up policies delete nothing"


RULES: tuple[Rule, ...] = (
    Rule(
        id="bucket-lifecycle",
        severity=Severity.HIGH,
        why="Every bucket deletes what is old. Storage without an end is the bill that only grows",
        mend="add a lifecycle rule with action Delete (and one for noncurrent versions), or name the bucket in `permanent`",
        unknown=DEFERRED,
        types=(gcp.BUCKET,),
        check=bucket_lifecycle,
        parameters=BucketLifecycle,
    ),
    Rule(
        id="bucket-early-deletion",
        severity=Severity.MEDIUM,
        why="No object leaves a cold class early. Nearline, Coldline and Archive bill 30, 90 and 365 days at least",
        mend="delete or move objects only after the minimum of their class, or skip that class",
        unknown=DEFERRED,
        types=(gcp.BUCKET,),
        check=early_deletion,
        parameters=EarlyDeletion,
    ),
    Rule(
        id="lake-retention",
        severity=Severity.HIGH,
        why="The lake keeps what replay promises. What its lifecycle deleted can never be rebuilt",
        mend="raise the age of the lake's Delete rule to `replay_days`, or promise less",
        unknown="a bucket whose name is unknown is found by what the subscription depends on; an unknown age passes",
        check=lake_retention,
        parameters=LakeRetention,
    ),
    Rule(
        id="table-expiry",
        severity=Severity.MEDIUM,
        why="Partitions expire unless the table is named as permanent. Streamed tables grow every second",
        mend="set timePartitioning.expirationMs or the dataset's default, or name the table in `permanent`",
        unknown="an unknown expiry passes; a dataset whose id is unknown is found by what the table depends on",
        check=table_expiry,
        parameters=TableExpiry,
    ),
    Rule(
        id="partition-filter",
        severity=Severity.HIGH,
        why="Partitioned tables refuse queries without a partition filter. Otherwise each query may bill all history",
        mend="set requirePartitionFilter, or name the table in `exempt`",
        unknown="refused, like an unset value; an unknown partitioning passes until the update",
        types=(gcp.TABLE,),
        check=partition_filter,
        parameters=PartitionFilter,
    ),
    Rule(
        id="message-retention",
        severity=Severity.MEDIUM,
        why="Subscriptions say how long they keep messages. It is how long an outage may last, and it is billed",
        mend="set messageRetentionDuration in seconds, such as 604800s",
        unknown=DEFERRED,
        types=(gcp.SUBSCRIPTION, gcp.TOPIC),
        check=message_retention,
        parameters=TopicRetention,
    ),
    Rule(
        id="log-retention",
        severity=Severity.MEDIUM,
        why="Log buckets keep what is needed to look into an incident, and no more. Beyond 30 days they are billed",
        mend="set retentionDays within the limits of this rule",
        unknown=DEFERRED,
        types=("gcp:logging/*BucketConfig:*",),
        check=log_retention,
        parameters=LogRetention,
    ),
    Rule(
        id="log-retention-present",
        severity=Severity.LOW,
        why="A stack with workloads decides how long their logs live. Left alone, a default decides",
        mend="add a gcp.logging.ProjectBucketConfig for `_Default` with retentionDays",
        unknown="an unknown bucketId does not count as `_Default`",
        check=log_bucket_present,
        parameters=LogBucketPresent,
    ),
    Rule(
        id="image-cleanup",
        severity=Severity.MEDIUM,
        why="Image repositories delete old builds. Each deployment of a function leaves an image behind",
        mend="add cleanupPolicies with action DELETE and leave cleanupPolicyDryRun off",
        unknown=DEFERRED,
        types=("gcp:artifactregistry/repository:Repository",),
        check=image_cleanup,
        parameters=ImageCleanup,
    ),
)
