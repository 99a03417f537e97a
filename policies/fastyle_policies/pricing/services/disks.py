"""Persistent disks, hyperdisks by capacity, local SSDs, snapshots."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fastyle_policies.links import short_name
from fastyle_policies.model import UNKNOWN
from fastyle_policies.pricing.services.base import Bill, NotPricedError, NoUsage, Usage, prices, text, usage_key

DISK = "gcp:compute/disk:Disk"
REGION_DISK = "gcp:compute/regionDisk:RegionDisk"
SNAPSHOT = "gcp:compute/snapshot:Snapshot"
LOCAL_SSD_GIB = Decimal(375)
IMAGE = "gcp:compute/image:Image"
DEFAULT_GIB = Decimal(10)
"""What most public images are made for: of a boot disk that says no size."""
# GiB of a disk that is made of nothing and says no size.
EMPTY_GIB = {"pd-standard": 500, "pd-extreme": 1000, "hyperdisk-extreme": 1000}
EMPTY_GIB_ELSE = 100
SOURCES = ("image", "snapshot", "sourceDisk", "sourceInstantSnapshot")
TYPES = {"pd-standard", "pd-balanced", "pd-ssd", "pd-extreme", "hyperdisk-extreme", "hyperdisk-balanced"}
REGIONAL = {"pd-standard", "pd-balanced", "pd-ssd"}


class ImageUsage(Usage):
    archived_gib: Decimal | None = usage_key(
        "GiB that the image takes compressed; its disk's size when absent", default=None
    )


class SnapshotUsage(Usage):
    stored_gib: Decimal = usage_key("GiB that the snapshots keep")


def hold(
    bill: Bill, type_: Any, gib: Decimal, count: Decimal = Decimal(1), *, regional: bool = False, label: str = ""
) -> None:
    """A line of `count` disks of `gib` each, which are billed whether their machine runs or not."""
    short = short_name(str(type_))
    if type_ is UNKNOWN or short not in TYPES or (regional and short not in REGIONAL):
        shown = "that is secret or known only at update" if type_ is UNKNOWN else short[:40]
        raise NotPricedError(f"the price book has no rate for {'regional ' if regional else ''}disks of type {shown}")
    words = f"{text(count)} x {text(gib)} GiB" if count != 1 else f"{text(gib)} GiB"
    name = f"{label or 'Disk'}, {'regional ' if regional else ''}{short}"
    bill.add(f"disk.{'regional-' if regional else ''}{short}", gib * count, words, name=name)


def local(bill: Bill, number: Decimal, count: Decimal = Decimal(1)) -> None:
    """A line of local SSDs, 375 GiB each."""
    if number:
        words = f"{text(count)} x {text(number)} x {text(LOCAL_SSD_GIB)} GiB"
        bill.add("disk.local-ssd", number * LOCAL_SSD_GIB * count, words, name="Local SSD")


@prices(DISK)
def _disk(bill: Bill, usage: NoUsage) -> None:
    kind = bill.value("type", "pd-standard")
    hold(bill, kind, bill.number("size", _unsized(bill, kind)))
    _performance(bill, short_name(str(kind)))


def _performance(bill: Bill, kind: str) -> None:
    """Provisioned IOPS of the kinds that bill them."""
    if kind in ("pd-extreme", "hyperdisk-extreme"):
        count = bill.number("provisionedIops", 0)
        if not count:
            bill.note("its IOPS are those of its machine or size by default, which are billed: give provisionedIops")
        bill.add(f"disk.{kind}-iops", count, f"{text(count)} IOPS", name="Provisioned IOPS")
    elif kind.startswith("hyperdisk"):
        bill.note(f"its {kind} is priced by capacity; provisioned performance is billed besides")


@prices(REGION_DISK)
def _region_disk(bill: Bill, usage: NoUsage) -> None:
    kind = bill.value("type", "pd-standard")
    hold(bill, kind, bill.number("size", _unsized(bill, kind)), regional=True)


def _unsized(bill: Bill, kind: Any) -> Decimal:
    """GiB of a disk that says no size: its source's, else Google's default of its kind."""
    if bill.resource.get("size") is None and any(bill.there(path) for path in SOURCES):
        bill.note(
            f"its size is that of its image or snapshot, which the plan does not tell; reckoned with {DEFAULT_GIB} GiB"
        )
        return DEFAULT_GIB
    return Decimal(EMPTY_GIB.get(short_name(str(kind)), EMPTY_GIB_ELSE))


@prices(IMAGE)
def _image(bill: Bill, usage: ImageUsage) -> None:
    gib = usage.archived_gib
    if gib is None:
        gib = bill.number("diskSizeGb", 0)
        if not gib:
            bill.note("its size is that of what it is made of, which the plan does not tell: give archived_gib")
    bill.add("disk.image", gib, f"{text(gib)} GiB", name="Image", usage=usage.archived_gib is not None)


@prices(SNAPSHOT)
def _snapshot(bill: Bill, usage: SnapshotUsage) -> None:
    bill.used("disk.snapshot", usage.stored_gib, "GiB", name="Snapshots")
