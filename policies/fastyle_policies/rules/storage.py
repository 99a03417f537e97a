"""Storage: what grows in a bucket ends one day, is not paid for after it is gone, and replay finds what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from fastyle_policies import gcp
from fastyle_policies.links import Index
from fastyle_policies.model import UNKNOWN, Parameters, Plan, Resource, Violation, dig, flag, matches, number, rule
from fastyle_policies.pricing.services.storage import COLDER, MINIMUM_DAYS


class BucketLifecycle(Parameters):
    permanent: list[str] = Field(default=[], description="buckets that need not delete anything (state, evidence)")


_NONCURRENT = ("numNewerVersions", "daysSinceNoncurrentTime")  # conditions that only an old version meets
_PART = ("matchesPrefixes", "matchesSuffixes", "matchesStorageClasses", "createdBefore", "customTimeBefore")


def _is_delete(entry: Mapping[str, Any]) -> bool:
    return bool(dig(entry, "action.type") == "Delete")


@rule("high", gcp.BUCKET)
def bucket_lifecycle(bucket: Resource, p: BucketLifecycle) -> Iterator[str]:
    """Every bucket deletes what is old. Storage without an end is the bill that only grows.

    Mend: add a lifecycle rule with action Delete (and one for noncurrent versions), or name the bucket in `permanent`.
    Unknown: deferred.
    """
    rules = bucket.get("lifecycleRules")
    if rules is UNKNOWN or matches(bucket.get("name"), p.permanent) or matches(bucket.name, p.permanent):
        return
    deletes = [entry for entry in bucket.blocks("lifecycleRules") if _is_delete(entry)]
    if not deletes:
        yield "has no lifecycle rule that deletes: it grows for ever"
    old = [dig(entry, f"condition.{key}") for entry in deletes for key in _NONCURRENT]
    if flag(bucket.get("versioning.enabled")) is True and not any(value is UNKNOWN or number(value) for value in old):
        yield "keeps versions and never deletes old ones: set numNewerVersions or daysSinceNoncurrentTime"


def _of_versions(entry: Mapping[str, Any]) -> bool:
    """Whether a lifecycle rule is about old versions alone."""
    return dig(entry, "condition.withState") == "ARCHIVED" or any(dig(entry, f"condition.{key}") for key in _NONCURRENT)


def _of_part(entry: Mapping[str, Any]) -> bool:
    """Whether a lifecycle rule leaves some live objects alone whatever their age."""
    return any(dig(entry, f"condition.{key}") for key in _PART)


@rule("medium", gcp.BUCKET)
def bucket_early_deletion(bucket: Resource, p: Parameters) -> Iterator[str]:
    """No object leaves a cold class early. Nearline, Coldline and Archive bill 30, 90 and 365 days at least.

    Mend: delete or move objects only after the minimum of their class, or skip that class.
    Unknown: deferred.
    """
    # Ages at which live objects change class or go; each class must have been held for its minimum by then.
    steps: list[tuple[float, str, bool]] = []
    for entry in bucket.blocks("lifecycleRules"):
        days, kind = number(dig(entry, "condition.age")), dig(entry, "action.type")
        if kind in ("Delete", "SetStorageClass") and days is not None and not _of_versions(entry):
            to = "DELETE" if kind == "Delete" else str(dig(entry, "action.storageClass")).upper()
            steps.append((days, to, _of_part(entry)))
    held, since = str(bucket.get("storageClass") or "STANDARD").upper(), 0.0
    for days, to, of_part in sorted(steps, key=lambda step: (step[0], step[1] == "DELETE")):
        if to in COLDER and held in COLDER and COLDER.index(to) <= COLDER.index(held):
            yield f"moves {held} objects to {to} at {days:g} days: objects only move to colder classes"
            continue
        minimum = MINIMUM_DAYS.get(held, 0)
        if days - since < minimum:
            what = "deletes" if to == "DELETE" else f"moves to {to}"
            yield (
                f"{what} {held} objects {days - since:g} days after they became {held}: "
                f"the full {minimum} days are billed"
            )
        if to == "DELETE" and not of_part:
            return
        if to != "DELETE":
            held, since = to, days


def _streamed_into(plan: Plan, *, logs: bool) -> list[Resource]:
    """Buckets that a subscription writes to, and with `logs` a log sink."""
    index = Index(plan)
    buckets: dict[str, Resource] = {}
    for resource in plan.of(gcp.SUBSCRIPTION, *(gcp.SINKS if logs else [])):
        path = "cloudStorageConfig.bucket" if resource.type == gcp.SUBSCRIPTION else "destination"
        buckets.update({r.urn: r for r in index.resolve(resource, path, gcp.BUCKET).resources})
    return list(buckets.values())


class StreamExpiry(Parameters):
    permanent: list[str] = Field(default=[], description="buckets that keep all that is streamed into them, by name")


@rule("high")
def stream_expiry(plan: Plan, p: StreamExpiry) -> Iterator[Violation]:
    """What is streamed into a bucket is deleted at some age. Nobody tidies up what arrives by itself.

    Mend: add a lifecycle rule with action Delete and an age, for all objects, or name the bucket in `permanent`.
    Unknown: an unknown age passes; a bucket whose name is unknown is found by what the writer depends on.
    """
    for bucket in _streamed_into(plan, logs=True):
        if bucket.get("lifecycleRules") is UNKNOWN or matches(bucket.get("name"), p.permanent):
            continue
        ends = [
            entry
            for entry in bucket.blocks("lifecycleRules")
            if _is_delete(entry) and not _of_versions(entry) and not _of_part(entry)
        ]
        if not any(dig(entry, "condition.age") is UNKNOWN or number(dig(entry, "condition.age")) for entry in ends):
            yield Violation("is streamed into, and no lifecycle rule deletes all of its objects at some age", bucket)


class LakeRetention(Parameters):
    replay_days: int = Field(default=400, description="how far back a replay from the lake is promised, in days")


@rule("high")
def lake_retention(plan: Plan, p: LakeRetention) -> Iterator[Violation]:
    """The lake keeps what replay promises. What its lifecycle deleted can never be rebuilt.

    Mend: raise the age of the lake's Delete rule to `replay_days`, or promise less.
    Unknown: an unknown age passes; a bucket whose name is unknown is found by what the subscription depends on.
    """
    for lake in _streamed_into(plan, logs=False):
        for entry in lake.blocks("lifecycleRules"):
            days = number(dig(entry, "condition.age"))
            if _is_delete(entry) and not _of_versions(entry) and days is not None and days < p.replay_days:
                yield Violation(
                    f"deletes the lake's objects after {days:g} days, and a replay of {p.replay_days} days is promised",
                    lake,
                )
