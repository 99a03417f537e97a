"""Options of Cloud Storage and BigQuery: colder classes by age and reads, expiry where there is none, soft delete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from fastyle_policies.model import Resource, dig, number
from fastyle_policies.pricing.advice.model import Option, setting
from fastyle_policies.pricing.services.base import holds_unknown, text
from fastyle_policies.pricing.services.bigquery import MILLISECONDS_A_DAY, StorageUsage
from fastyle_policies.pricing.services.plan import PricedPlan
from fastyle_policies.pricing.services.storage import MINIMUM_DAYS, BucketUsage, age_alone

KEPT_DAYS = 365
"""Proposed where nothing expires: a season can still be compared with the last one."""
# Each step is at least as long as its class is billed for, so that no move is paid twice.
LADDERS: tuple[dict[str, int], ...] = (
    {"NEARLINE": 30},
    {"COLDLINE": 30},
    {"COLDLINE": 90},
    {"NEARLINE": 30, "COLDLINE": 90},
    {"ARCHIVE": 30},
    {"ARCHIVE": 90},
    {"NEARLINE": 30, "ARCHIVE": 90},
    {"NEARLINE": 30, "COLDLINE": 90, "ARCHIVE": 365},
    {},
)
LIFECYCLE = "lifecycleRules"


def classes(bucket: Resource, plan: PricedPlan) -> Iterator[Option]:
    """Other ages at which what is written moves to colder classes; alternatives of which one may be the cheapest."""
    used = plan.usage.of(bucket, BucketUsage)
    if not used.monthly_written_gib or holds_unknown(bucket.get(LIFECYCLE)):
        return
    for ladder in LADDERS:
        ladder_of, now = partial(_with_ladder, ladder), _rules(bucket.get(LIFECYCLE))
        if ladder_of(now) == now or not _fits(ladder, now):
            continue
        steps = ", ".join(f"{name.lower()} after {age} days" for name, age in ladder.items())
        loses = (
            "reading what has moved is billed by the GiB, and it is billed for its class's least time: "
            "dearer once much of it is read"
        )
        yield setting(
            bucket,
            {LIFECYCLE: ladder_of},
            f"{LIFECYCLE}: {steps or 'no colder class'}",
            loses=loses if ladder else "nothing, while so little lies there: moves cost more than they save",
            gives_up="cheap-reads" if ladder else "",
            group="classes",
            rests_on_usage=True,
        )


def expiry(bucket: Resource, plan: PricedPlan) -> Iterator[Option]:
    """A deletion where nothing deletes what is written, or an earlier one."""
    if not plan.usage.of(bucket, BucketUsage).monthly_written_gib or holds_unknown(bucket.get(LIFECYCLE)):
        return
    ages = [age for rule in _rules(bucket.get(LIFECYCLE)) if (age := _deletes_at(rule)) is not None]
    if not ages or min(ages) > KEPT_DAYS:
        words = f"{LIFECYCLE}: deleted {f'after {text(min(ages))}' if ages else 'never'} -> after {KEPT_DAYS} days"
        yield _expiry(bucket, {LIFECYCLE: _with_expiry}, words)


def soft_delete(bucket: Resource, plan: PricedPlan) -> Iterator[Option]:
    """No soft delete where what is written ends by age: what is deleted is billed for a week more."""
    path = "softDeletePolicy.retentionDurationSeconds"
    kept = bucket.get(path)
    if plan.usage.of(bucket, BucketUsage).monthly_written_gib and (kept is None or (number(kept) or 0) > 0):
        loses = "what was deleted by mistake cannot be restored"
        yield setting(bucket, {path: 0}, loses=loses, gives_up="undelete", group="soft delete", rests_on_usage=True)


def dataset_expiry(dataset: Resource, plan: PricedPlan) -> Iterator[Option]:
    """An expiry of partitions where a dataset has none and something is written into it."""
    paths = ("defaultPartitionExpirationMs", "defaultTableExpirationMs")
    if not any(dataset.get(path) for path in paths):
        yield from _expires(dataset, paths[0], plan)


def table_expiry(table: Resource, plan: PricedPlan) -> Iterator[Option]:
    """As of a dataset, for a partitioned table."""
    path = "timePartitioning.expirationMs"
    if table.get("timePartitioning") and not table.get(path):
        yield from _expires(table, path, plan)


def _expires(resource: Resource, path: str, plan: PricedPlan) -> Iterator[Option]:
    if plan.usage.of(resource, StorageUsage).monthly_written_gib > 0:
        yield _expiry(resource, {path: int(MILLISECONDS_A_DAY) * KEPT_DAYS})


def _expiry(resource: Resource, values: Mapping[str, Any], words: str = "") -> Option:
    loses = f"what is older than {KEPT_DAYS} days is gone"
    return setting(resource, values, words, loses=loses, gives_up="history", group="expiry", rests_on_usage=True)


def _rules(value: Any) -> list[dict[str, Any]]:
    return [dict(rule) for rule in value if isinstance(rule, Mapping)] if isinstance(value, list | tuple) else []


def _fits(ladder: Mapping[str, int], rules: list[dict[str, Any]]) -> bool:
    """Whether every step comes before what is written is deleted: else it is the ladder without those steps."""
    return len([rule for rule in _with_ladder(ladder, rules) if _type(rule) == "SetStorageClass"]) == len(ladder)


def _with_ladder(ladder: Mapping[str, int], value: Any) -> list[dict[str, Any]]:
    """Rules that move by this ladder as far as it goes before anything is deleted, and do all else as before."""
    kept = [rule for rule in _rules(value) if _type(rule) != "SetStorageClass"]
    ends = min((age for rule in kept if (age := _deletes_at(rule)) is not None), default=None)
    moves = [
        {"action": {"type": "SetStorageClass", "storageClass": name}, "condition": {"age": age}}
        for name, age in ladder.items()
        if ends is None or age + MINIMUM_DAYS[name] <= ends
    ]
    return [*moves, *kept]


def _with_expiry(value: Any) -> list[dict[str, Any]]:
    """Rules that delete at the proposed age instead of later or never; moves that would come too late are taken out."""
    others = [rule for rule in _rules(value) if _deletes_at(rule) is None]
    moves = {str(rule["action"].get("storageClass")): rule for rule in others if _type(rule) == "SetStorageClass"}
    late = [
        rule
        for name, rule in moves.items()
        if (number(dig(rule, "condition.age")) or 0) + MINIMUM_DAYS.get(name, 0) > KEPT_DAYS
    ]
    return [
        *(rule for rule in others if rule not in late),
        {"action": {"type": "Delete"}, "condition": {"age": KEPT_DAYS}},
    ]


def _type(rule: Mapping[str, Any]) -> Any:
    return dig(rule, "action.type")


def _deletes_at(rule: Any) -> Decimal | None:
    """Days after which a rule deletes everything, None where it does not."""
    return age_alone(rule) if _type(rule) == "Delete" else None
