"""Persistent disks, hyperdisks by capacity, local SSDs, snapshots."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from policies.model import UNKNOWN
from policies.pricing.services.base import Bill, NotPricedError, Pricer, Usage, text

DISK = "gcp:compute/disk:Disk"
REGION_DISK = "gcp:compute/regionDisk:RegionDisk"
SNAPSHOT = "gcp:compute/snapshot:Snapshot"
LOCAL_SSD_GIB = Decimal(375)
DEFAULT_GIB = Decimal(10)
TYPES = {"pd-standard", "pd-balanced", "pd-ssd", "pd-extreme", "hyperdisk-extreme", "hyperdisk-balanced"}
REGIONAL = {"pd-standard", "pd-balanced", "pd-ssd"}


class SnapshotUsage(Usage):
    stored_gib: Decimal = Field(default=Decimal(0), ge=0, description="GiB that the snapshots keep")


class NoUsage(Usage):
    """Nothing about it depends on traffic."""


def hold(
    bill: Bill, type_: Any, gib: Decimal, count: Decimal = Decimal(1), *, regional: bool = False, label: str = ""
) -> None:
    """A line of `count` disks of `gib` each, which are billed whether their machine runs or not."""
    short = str(type_).rsplit("/", 1)[-1]
    if type_ is UNKNOWN or short not in TYPES or (regional and short not in REGIONAL):
        shown = "that is secret or known only at update" if type_ is UNKNOWN else short[:40]
        raise NotPricedError(f"the price book has no rate for {'regional ' if regional else ''}disks of type {shown}")
    if short == "pd-extreme" or short.startswith("hyperdisk"):
        bill.note(f"its {short} is priced by capacity; provisioned performance is billed besides")
    words = f"{text(count)} x {text(gib)} GiB" if count != 1 else f"{text(gib)} GiB"
    name = f"{label or 'Disk'}, {'regional ' if regional else ''}{short}"
    bill.add(f"disk.{'regional-' if regional else ''}{short}", gib * count, words, name=name)


def local(bill: Bill, number: Decimal, count: Decimal = Decimal(1)) -> None:
    """A line of local SSDs, 375 GiB each."""
    if number:
        words = f"{text(count)} x {text(number)} x {text(LOCAL_SSD_GIB)} GiB"
        bill.add("disk.local-ssd", number * LOCAL_SSD_GIB * count, words, name="Local SSD")


def _disk(bill: Bill, usage: NoUsage) -> None:
    hold(bill, bill.known("type", "pd-standard"), bill.number("size", _unsized(bill)))


def _region_disk(bill: Bill, usage: NoUsage) -> None:
    hold(bill, bill.known("type", "pd-standard"), bill.number("size", _unsized(bill)), regional=True)


def _unsized(bill: Bill) -> Decimal:
    if bill.resource.get("size") is None:
        bill.note(
            f"its size is that of its image or snapshot, which the plan does not tell; reckoned with {DEFAULT_GIB} GiB"
        )
    return DEFAULT_GIB


def _snapshot(bill: Bill, usage: SnapshotUsage) -> None:
    words = f"{text(usage.stored_gib)} GiB"
    bill.add("disk.snapshot", usage.stored_gib, words, name="Snapshots", usage=True)


PRICERS = (
    Pricer(token=DISK, usage=NoUsage, price=_disk),
    Pricer(token=REGION_DISK, usage=NoUsage, price=_region_disk),
    Pricer(token=SNAPSHOT, usage=SnapshotUsage, price=_snapshot),
)
