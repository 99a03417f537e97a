"""Firestore: reads, writes and deletes of documents, storage, backups, point-in-time recovery."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from fastyle_policies.model import UNKNOWN
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Pricer, Usage, text

DATABASE = "gcp:firestore/database:Database"


class DatabaseUsage(Usage):
    monthly_reads: Decimal = Field(default=Decimal(0), ge=0, description="documents read")
    monthly_writes: Decimal = Field(default=Decimal(0), ge=0, description="documents written")
    monthly_deletes: Decimal = Field(default=Decimal(0), ge=0, description="documents deleted")
    storage_gib: Decimal = Field(default=Decimal(0), ge=0, description="GiB stored, indexes included")
    backup_gib: Decimal = Field(default=Decimal(0), ge=0, description="GiB of backups")


def database(bill: Bill, usage: DatabaseUsage) -> None:
    if bill.known("databaseEdition", "STANDARD") != "STANDARD":
        raise NotPricedError("the price book has no rates for edition Enterprise")
    place = bill.resource.get("locationId")
    if isinstance(place, str):
        bill.region = bill.place(place, "locationId")
    elif place is UNKNOWN:
        bill.note(f"its locationId is secret or known only at update; reckoned with {bill.region}")
    free = _is_default(bill)
    for rate, count in (
        ("reads", usage.monthly_reads),
        ("writes", usage.monthly_writes),
        ("deletes", usage.monthly_deletes),
    ):
        bill.add(f"firestore.{rate}", count, f"{text(count)} documents", name=f"Document {rate}", usage=True, free=free)
    gib = usage.storage_gib
    bill.add("firestore.storage", gib, f"{text(gib)} GiB", name="Storage", usage=True, free=free)
    if bill.known("pointInTimeRecoveryEnablement", "") == "POINT_IN_TIME_RECOVERY_ENABLED":
        bill.add("firestore.pitr", gib, f"{text(gib)} GiB", name="Point-in-time recovery", usage=True)
    if usage.backup_gib:
        kept = usage.backup_gib
        bill.add("firestore.backup", kept, f"{text(kept)} GiB", name="Backups", usage=True)


def _is_default(bill: Bill) -> bool:
    """Whether the free quota is this database's: a project's default one's (cloud.google.com/firestore/pricing)."""
    return bool(bill.resource.get("name") == "(default)")


PRICERS = (Pricer(token=DATABASE, usage=DatabaseUsage, price=database),)
