"""BigQuery on demand: active and long-term storage under expiry, bytes scanned, streaming."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from fastyle_policies.pricing.lines import DAYS
from fastyle_policies.pricing.services.base import Bill, Pricer, Usage, text

DATASET = "gcp:bigquery/dataset:Dataset"
TABLE = "gcp:bigquery/table:Table"
LONG_TERM_DAYS = Decimal(90)
"""A table or partition that nobody has modified for so long costs the long-term rate."""
MILLISECONDS_A_DAY = Decimal(86_400_000)


class StorageUsage(Usage):
    storage_gib: Decimal = Field(default=Decimal(0), ge=0, description="logical GiB that are modified within 90 days")
    long_term_gib: Decimal = Field(default=Decimal(0), ge=0, description="logical GiB that lie unmodified for longer")
    monthly_written_gib: Decimal = Field(
        default=Decimal(0), ge=0, description="logical GiB written into partitions that are not modified afterwards"
    )
    after_months: Decimal = Field(
        default=Decimal(36), gt=0, description="months since the first write, at which the stock is taken"
    )
    physical_share: Decimal = Field(
        default=Decimal(1), ge=0, description="physical bytes of a logical one, where a dataset is billed by those"
    )
    monthly_scanned_gib: Decimal = Field(
        default=Decimal(0),
        ge=0,
        description="GiB that queries of its data are billed for, 10 MB at least a table and query",
    )
    monthly_insert_all_mb: Decimal = Field(default=Decimal(0), ge=0, description="MB streamed in by insertAll")
    monthly_read_api_tib: Decimal = Field(
        default=Decimal(0), ge=0, description="TiB read by the Storage Read API, as Spark and Dataflow do"
    )
    monthly_write_api_gb: Decimal = Field(
        default=Decimal(0), ge=0, description="GB through the Write API; a Pub/Sub export pays nothing here"
    )


def dataset(bill: Bill, usage: StorageUsage) -> None:
    _price(bill, usage, ("defaultPartitionExpirationMs", "defaultTableExpirationMs"))


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
    bill.add(
        f"bigquery.active{model}",
        (flow * active / DAYS + usage.storage_gib) * share,
        words.format(text(active), text(usage.storage_gib)),
        name="Storage, active",
        usage=True,
    )
    if (flow and aged) or usage.long_term_gib:
        bill.add(
            f"bigquery.long-term{model}",
            (flow * aged / DAYS + usage.long_term_gib) * share,
            words.format(text(aged), text(usage.long_term_gib)),
            name="Storage, long-term",
            usage=True,
        )
    for rate, quantity, words, name in (
        (
            "bigquery.scan",
            usage.monthly_scanned_gib / 1024,
            f"{text(usage.monthly_scanned_gib)} GiB / 1,024",
            "Scanned",
        ),
        (
            "bigquery.insert-all",
            usage.monthly_insert_all_mb,
            f"{text(usage.monthly_insert_all_mb)} MB",
            "Streamed by insertAll",
        ),
        (
            "bigquery.read-api",
            usage.monthly_read_api_tib,
            f"{text(usage.monthly_read_api_tib)} TiB",
            "Read by the Storage Read API",
        ),
        (
            "bigquery.write-api",
            usage.monthly_write_api_gb,
            f"{text(usage.monthly_write_api_gb)} GB",
            "Streamed by the Write API",
        ),
    ):
        if quantity:
            bill.add(rate, quantity, words, name=name, usage=True)


PRICERS = (
    Pricer(token=DATASET, usage=StorageUsage, price=dataset),
    Pricer(token=TABLE, usage=StorageUsage, price=table),
)
