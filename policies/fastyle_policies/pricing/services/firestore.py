"""Firestore: reads, writes and deletes of documents, storage, backups, point-in-time recovery."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.model import UNKNOWN
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, usage_key

DATABASE = "gcp:firestore/database:Database"


class DatabaseUsage(Usage):
    monthly_reads: Decimal = usage_key("documents read")
    monthly_writes: Decimal = usage_key("documents written")
    monthly_deletes: Decimal = usage_key("documents deleted")
    storage_gib: Decimal = usage_key("GiB stored, indexes included")
    backup_gib: Decimal = usage_key("GiB of backups")


@prices(DATABASE)
def database(bill: Bill, usage: DatabaseUsage) -> None:
    if bill.value("databaseEdition", "STANDARD") != "STANDARD":
        raise NotPricedError("the price book has no rates for edition Enterprise")
    place = bill.resource.get("locationId")
    if isinstance(place, str):
        bill.region = bill.place(place, "locationId")
    elif place is UNKNOWN:
        bill.note(f"its locationId is secret or known only at update; reckoned with {bill.region}")
    # The free quota is that of a project's default database (cloud.google.com/firestore/pricing).
    free = bill.resource.get("name") == "(default)"
    for rate, count in (
        ("reads", usage.monthly_reads),
        ("writes", usage.monthly_writes),
        ("deletes", usage.monthly_deletes),
    ):
        bill.used(f"firestore.{rate}", count, "documents", name=f"Document {rate}", free=free)
    bill.used("firestore.storage", usage.storage_gib, "GiB", name="Storage", free=free)
    if bill.value("pointInTimeRecoveryEnablement", "") == "POINT_IN_TIME_RECOVERY_ENABLED":
        bill.used("firestore.pitr", usage.storage_gib, "GiB", name="Point-in-time recovery")
    bill.used_if_any("firestore.backup", usage.backup_gib, "GiB", name="Backups")
