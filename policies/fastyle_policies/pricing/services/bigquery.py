"""BigQuery: active and long-term storage under expiry, bytes scanned, streaming; slots of editions, BI Engine."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from fastyle_policies.pricing.lines import DAYS, GIB, HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, NoUsage, Usage, prices, text, usage_key

DATASET = "gcp:bigquery/dataset:Dataset"
TABLE = "gcp:bigquery/table:Table"
LONG_TERM_DAYS = Decimal(90)
"""A table or partition that nobody has modified for so long costs the long-term rate."""
MILLISECONDS_A_DAY = Decimal(86_400_000)


class StorageUsage(Usage):
    storage_gib: Decimal = usage_key("logical GiB that are modified within 90 days")
    long_term_gib: Decimal = usage_key("logical GiB that lie unmodified for longer")
    monthly_written_gib: Decimal = usage_key("logical GiB written into partitions that are not modified afterwards")
    after_months: Decimal = Field(
        default=Decimal(36), gt=0, description="months since the first write, at which the stock is taken"
    )
    physical_share: Decimal = usage_key(
        "physical bytes of a logical one, where a dataset is billed by those", default=1
    )
    monthly_scanned_gib: Decimal = usage_key(
        "GiB that queries of its data are billed for, 10 MB at least a table and query"
    )
    monthly_insert_all_mb: Decimal = usage_key("MB streamed in by insertAll")  # a row counts 1 KB at least
    monthly_read_api_tib: Decimal = usage_key("TiB read by the Storage Read API, as Spark and Dataflow do")
    monthly_write_api_gb: Decimal = usage_key("GB through the Write API; a Pub/Sub export pays nothing here")


@prices(DATASET)
def dataset(bill: Bill, usage: StorageUsage) -> None:
    _price(bill, usage, ("defaultPartitionExpirationMs", "defaultTableExpirationMs"))


@prices(TABLE)
def table(bill: Bill, usage: StorageUsage) -> None:
    if bill.there("view") or bill.there("externalDataConfiguration"):
        return  # they hold nothing
    _price(bill, usage, ("timePartitioning.expirationMs",))


def _price(bill: Bill, usage: StorageUsage, expiries: tuple[str, ...]) -> None:
    model, share, of = "", Decimal(1), ""
    if bill.get("storageBillingModel") == "PHYSICAL":
        model, share = "-physical", usage.physical_share
        of = f" x {text(share)} physical"
        bill.note("is billed by physical bytes, at twice the price: physical_share says how many a logical one takes")
    lifetimes = (bill.number(path, 0) / MILLISECONDS_A_DAY for path in expiries)
    expiry = next((days for days in lifetimes if days > 0), None)
    horizon = usage.after_months * DAYS
    kept = min(expiry or horizon, horizon)
    active, aged = min(kept, LONG_TERM_DAYS), max(kept - LONG_TERM_DAYS, Decimal(0))
    flow = usage.monthly_written_gib
    if flow and expiry is None:
        bill.note(f"nothing expires what is written; its stock is that after {text(usage.after_months)} months")
    words = f"{text(flow)} GiB a month x {{}} days of age / {text(DAYS)} + {{}} GiB"
    if of:
        words = f"({words}){of}"
    for kind, days, gib in (("active", active, usage.storage_gib), ("long-term", aged, usage.long_term_gib)):
        if kind == "active" or (flow and days) or gib:
            told, stored = words.format(text(days), text(gib)), (flow * days / DAYS + gib) * share
            bill.add(f"bigquery.{kind}{model}", stored, told, name=f"Storage, {kind}", usage=True)
    if scanned := usage.monthly_scanned_gib:
        bill.add("bigquery.scan", scanned / 1024, f"{text(scanned)} GiB / 1,024", name="Scanned", usage=True)
    bill.used_if_any("bigquery.insert-all", usage.monthly_insert_all_mb, "MB", name="Streamed by insertAll")
    bill.used_if_any("bigquery.read-api", usage.monthly_read_api_tib, "TiB", name="Read by the Storage Read API")
    bill.used_if_any("bigquery.write-api", usage.monthly_write_api_gb, "GB", name="Streamed by the Write API")


RESERVATION = "gcp:bigquery/reservation:Reservation"
BI_ENGINE = "gcp:bigquery/biReservation:BiReservation"
_EDITIONS = {"STANDARD": "standard", "ENTERPRISE": "enterprise", "ENTERPRISE_PLUS": "enterprise-plus"}


class ReservationUsage(Usage):
    monthly_autoscaled_slot_hours: Decimal = usage_key(
        "slot-hours that autoscaling adds to the baseline, in steps of 50 slots"
    )


@prices(RESERVATION)
def reservation(bill: Bill, usage: ReservationUsage) -> None:
    edition = str(bill.value("edition", "ENTERPRISE"))
    if edition not in _EDITIONS:
        raise NotPricedError(f"the price book has no rates for edition {edition[:40]}")
    rate = f"bigquery.slots-{_EDITIONS[edition]}"
    slots = bill.number("slotCapacity", 0)
    bill.add(rate, slots * HOURS, f"{text(slots)} slots x 730 h", name=f"Baseline slots, {_EDITIONS[edition]}")
    bill.used(rate, usage.monthly_autoscaled_slot_hours, "slot-hours", name="Autoscaled slots")


@prices(BI_ENGINE)
def bi_engine(bill: Bill, usage: NoUsage) -> None:
    gib = bill.number("size", 0) / GIB
    bill.add("bigquery.bi-engine", gib * HOURS, f"{text(gib)} GiB x 730 h", name="BI Engine")
