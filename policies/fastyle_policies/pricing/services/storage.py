"""Cloud Storage: gigabytes by class over time under the bucket's lifecycle, early deletion, retrieval, operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import Field

from fastyle_policies.model import Resource, number
from fastyle_policies.pricing import regions
from fastyle_policies.pricing.lines import DAYS, amount, total
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, holds_unknown, prices, text, usage_key

BUCKET = "gcp:storage/bucket:Bucket"
MINIMUM_DAYS = {"STANDARD": 0, "NEARLINE": 30, "COLDLINE": 90, "ARCHIVE": 365}
"""Days that an object of a class is billed for at least (cloud.google.com/storage/docs/storage-classes). Colder classes come
later."""
COLDER = list(MINIMUM_DAYS)
_UNSET: tuple[Any, ...] = (None, False, 0, "", [])
# Where replication between regions has one price (cloud.google.com/storage/pricing).
_CONTINENTS = {"us": "us", "nam": "us", "northamerica": "us", "eu": "eu", "asia": "asia", "australia": "asia"}
# What these older names are billed as.
_ALIASES = {"REGIONAL": "STANDARD", "MULTI_REGIONAL": "STANDARD", "DURABLE_REDUCED_AVAILABILITY": "STANDARD"}


class BucketUsage(Usage):
    storage_gib: Decimal = usage_key("GiB that simply lie there, in the bucket's class")
    monthly_written_gib: Decimal = usage_key("GiB written, which age under the lifecycle")
    object_mib: Decimal = Field(
        default=Decimal(1),
        gt=0,
        description="MiB of a written object: each is a class A operation, and one a transition",
    )
    after_months: Decimal = Field(
        default=Decimal(36), gt=0, description="months since the first write, at which the stock is taken"
    )
    monthly_read_gib: Decimal = usage_key(
        "GiB read: of what is written in proportion to where it lies, else of what simply lies there"
    )
    monthly_class_a_operations: Decimal = usage_key("lists and writes, besides")
    monthly_class_b_operations: Decimal = usage_key("reads of objects and metadata")
    monthly_egress_gib: Decimal = usage_key("GiB sent to the internet")


@dataclass(frozen=True)
class Stay:
    """The days of its age that an object spends in a class: from `start` to before `end`."""

    storage_class: str
    start: Decimal
    end: Decimal

    @property
    def days(self) -> Decimal:
        return self.end - self.start


def stays(bucket: Resource, horizon: Decimal) -> tuple[list[Stay], bool]:
    """Where an object is at which age, at most `horizon` days; and whether a rule deletes it before that.

    Only rules by age alone move or delete what is written; others (newer versions, prefixes) concern a part of the
    objects that no usage key tells.
    """
    first = _class(bucket.get("storageClass"))
    moves: list[tuple[Decimal, str]] = []
    end, deleted = horizon, False
    for rule in bucket.blocks("lifecycleRules"):
        days, action = age_alone(rule), rule.get("action")
        if days is None or not isinstance(action, dict):
            continue
        if action.get("type") == "Delete" and days <= end:
            end, deleted = days, True
        elif action.get("type") == "SetStorageClass":
            moves.append((days, _class(action.get("storageClass"))))
    spells, at, current = [], Decimal(0), first
    # On one day the coldest class wins, and lifecycle never warms an object up.
    for days, target in sorted(moves):
        if days >= end:
            break
        if COLDER.index(target) > COLDER.index(current):
            if days > at:
                spells.append(Stay(current, at, days))
            at, current = days, target
    if end > at:
        spells.append(Stay(current, at, end))
    return spells, deleted


def age_alone(rule: Mapping[str, Any]) -> Decimal | None:
    """Days of age at which a lifecycle rule acts on everything; None where it has other conditions.

    The provider writes conditions that are unset as false, 0 or empty.
    """
    condition = rule.get("condition")
    if not isinstance(condition, dict) or any(condition[key] not in _UNSET for key in condition if key != "age"):
        return None
    age = number(condition.get("age"))
    return None if age is None else amount(age)


def _class(value: object) -> str:
    name = str(value or "STANDARD").upper()
    return _ALIASES.get(name, name if name in MINIMUM_DAYS else "STANDARD")


@prices(BUCKET)
def bucket(bill: Bill, usage: BucketUsage) -> None:
    horizon = usage.after_months * DAYS
    pair = _pair(bill)
    if usage.monthly_written_gib and (pair or "-" not in bill.region):
        _replicated(bill, usage.monthly_written_gib, pair)
    if holds_unknown(bill.resource.get("lifecycleRules")):
        bill.note("a part of its lifecycleRules is secret or known only at update; reckoned without that part")
    aged, deleted = stays(bill.resource, horizon)
    stock: dict[str, Decimal] = {}
    how: dict[str, list[str]] = {}

    def lie(storage_class: str, quantity: Decimal, words: str) -> None:
        if quantity:
            stock[storage_class] = stock.get(storage_class, Decimal(0)) + quantity
            how.setdefault(storage_class, []).append(words)

    first = _class(bill.value("storageClass", "STANDARD"))
    lie(first, usage.storage_gib, f"{text(usage.storage_gib)} GiB")
    flow = usage.monthly_written_gib
    readable = {stay.storage_class: flow * stay.days / DAYS for stay in aged if flow} or {first: usage.storage_gib}
    for stay in aged:
        words = f"{text(flow)} GiB a month x days {text(stay.start)} to {text(stay.end)} of age / {text(DAYS)}"
        lie(stay.storage_class, flow * stay.days / DAYS, words)
    soft = bill.number("softDeletePolicy.retentionDurationSeconds", 604800) / 86400
    last = aged[-1].storage_class if aged else first
    if deleted and soft:
        lie(last, flow * soft / DAYS, f"{text(flow)} GiB a month x {text(soft)} days of soft delete / {text(DAYS)}")
    if flow and not deleted:
        bill.note(f"nothing deletes what is written; its stock is that after {text(usage.after_months)} months")
    for storage_class in COLDER:
        if storage_class in stock or storage_class == first:
            quantity = stock.get(storage_class, Decimal(0))
            _stored(bill, pair, storage_class, quantity, " + ".join(how.get(storage_class, ["nothing stored"])))
    _early_deletion(bill, flow, last, aged[-1].end if aged else Decimal(0), deleted)
    _retrieval(bill, usage, readable)
    _operations(bill, usage, first, aged)
    bill.egress(usage.monthly_egress_gib, "storage.internet-egress")


def _pair(bill: Bill) -> list[str]:
    """The two regions of a dual-region that the program chose; empty where its location has a name of its own."""
    places = bill.get("customPlacementConfig.dataLocations")
    given = [place for place in places if isinstance(place, str)] if isinstance(places, list | tuple) else []
    pair = [region for place in given if (region := regions.normal(place))]
    if len(pair) != len(given):
        raise NotPricedError(f"its dataLocations {', '.join(given)[:80]} are no regions")
    return pair


def _stored(bill: Bill, pair: list[str], storage_class: str, quantity: Decimal, words: str) -> None:
    """Storage of a class: at the location's rate, or, in a chosen dual-region, in both regions at a tenth more."""
    rate, name = f"storage.{storage_class.lower()}", f"Storage, {storage_class.lower()}"
    if not pair:
        bill.add(rate, quantity, words, name=name, usage=True)
        return
    factor = bill.constant("storage.dual-region-factor")
    for region in pair:
        told, both = f"({words}) x {text(factor.value)} of a dual-region", f"{name} in {region}"
        bill.add(rate, quantity * factor.value, told, name=both, usage=True, assumes=(factor,), region=region)


def _replicated(bill: Bill, written: Decimal, pair: list[str]) -> None:
    """What is written goes to the other region, or regions, besides; faster where turbo replication is asked for."""
    place = pair[0] if pair else bill.region
    # A chosen dual-region costs what its continent does.
    continent = next((multi for prefix, multi in _CONTINENTS.items() if place.startswith(prefix)), place)
    turbo = bill.value("rpo", "DEFAULT") == "ASYNC_TURBO"
    rate, kind = ("storage.turbo-replication", "Turbo replication") if turbo else ("storage.replication", "Replication")
    if rate not in bill.book.regions.get(continent, {}):
        bill.note(f"what is written is replicated between its regions: the book has no rate {rate} for {continent}")
        return
    bill.add(rate, written, f"{text(written)} GiB written", name=kind, usage=True, region=continent)


def _early_deletion(bill: Bill, flow: Decimal, last: str, age: Decimal, deleted: bool) -> None:
    """Days missing to the last class's minimum: lifecycle moves count an object's whole age (docs/lifecycle)."""
    missing, kind = MINIMUM_DAYS[last] - age, last.lower()
    if deleted and missing > 0 and flow:
        words = f"{text(flow)} GiB a month x {text(missing)} days missing to {MINIMUM_DAYS[last]} / {text(DAYS)}"
        bill.add(f"storage.{kind}", flow * missing / DAYS, words, name=f"Early deletion, {kind}", usage=True)


def _retrieval(bill: Bill, usage: BucketUsage, readable: Mapping[str, Decimal]) -> None:
    whole = total(readable.values())
    for storage_class, quantity in readable.items():
        if usage.monthly_read_gib and storage_class != "STANDARD":
            share, kind = quantity / whole if whole else Decimal(1), storage_class.lower()
            words = f"{text(usage.monthly_read_gib)} GiB read x {text(share * 100)} % of the stock"
            rate, read = f"storage.{kind}-retrieval", usage.monthly_read_gib * share
            bill.add(rate, read, words, name=f"Retrieval, {kind}", usage=True)


def _operations(bill: Bill, usage: BucketUsage, first: str, aged: list[Stay]) -> None:
    objects = usage.monthly_written_gib * 1024 / usage.object_mib
    writes = objects + usage.monthly_class_a_operations
    words = f"{text(objects)} objects written + {text(usage.monthly_class_a_operations)} others"
    bill.add(f"storage.{first.lower()}-class-a", writes, words, name="Operations, class A", usage=True)
    for stay in aged[1:]:
        if objects:
            kind, words = stay.storage_class.lower(), f"{text(objects)} objects moved at day {text(stay.start)}"
            bill.add(f"storage.{kind}-class-a", objects, words, name=f"Transitions to {kind}", usage=True)
    reads = usage.monthly_class_b_operations
    bill.used_if_any(f"storage.{first.lower()}-class-b", reads, "operations", name="Operations, class B")
