"""The price book against what Google's pages and PRICES' other sources say, in the units in which they say it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from fastyle_policies.pricing import book, tables
from fastyle_policies.pricing.book import Pool, Rate, load

# id: price as published, and how many of the book's units it is for.
PUBLISHED = {
    "tasks.operations": ("0.40", 1_000_000),
    "firestore.deletes": ("0.01", 100_000),
    "firestore.reads": ("0.03", 100_000),
    "firestore.storage": ("0.15", 1),
    "firestore.writes": ("0.09", 100_000),
    "artifacts.storage": ("0.10", 1),
    "bigquery.active": ("0.023", 1),
    "bigquery.insert-all": ("0.01", 200),
    "bigquery.long-term": ("0.016", 1),
    "bigquery.scan": ("6.25", 1),
    "bigquery.write-api": ("0.025", 1),
    "bigquery.read-api": ("1.10", 1),
    "build.minute": ("0.006", 1),
    "composer-2.environment-small": ("0.35", 1),
    "composer-2.memory": ("0.005", 1),
    "composer-2.storage": ("0.0002", 1),
    "composer-2.vcpu": ("0.045", 1),
    "composer-3.database": ("0.000232877", 1),
    "composer-3.dcu": ("0.06", 1),
    "functions-1.cpu": ("0.00001", 1),
    "functions-1.invocations": ("0.40", 1_000_000),
    "functions-1.memory": ("0.0000025", 1),
    "gke.cluster-zonal": ("0.10", 1),
    "logging.ingestion": ("0.50", 1),
    "logging.retention": ("0.01", 1),
    "monitoring.samples": ("0.2580", 1),
    "network.address": ("0.005", 1),
    "network.connector-instance": ("0.0083764275", 1),
    "network.internet-egress": ("0.12", 1),
    "network.nat-data": ("0.045", 1),
    "network.nat-gateway": ("0.044", 1),
    "network.nat-vm": ("0.0014", 1),
    "pubsub.bigquery-export": ("50", 1024),
    "pubsub.import": ("80", 1024),
    "pubsub.kinesis-import": ("50", 1024),
    "pubsub.retention": ("0.27", 1),
    "pubsub.storage-export": ("50", 1024),
    "pubsub.throughput": ("40", 1024),
    "pubsub.transform": ("40", 1024),
    "run.idle-cpu": ("0.0000025", 1),
    "run.idle-memory": ("0.0000025", 1),
    "run.instance-cpu": ("0.000018", 1),
    "run.instance-memory": ("0.000002", 1),
    "run.request-cpu": ("0.000024", 1),
    "run.request-memory": ("0.0000025", 1),
    "run.requests": ("0.40", 1_000_000),
    "scheduler.job": ("0.10", 1),
    "secret.access": ("0.03", 10_000),
    "secret.rotation": ("0.05", 1),
    "secret.version": ("0.06", 1),
    "sql.backup": ("0.08", 1),
    "sql.db-f1-micro": ("0.0105", 1),
    "sql.db-g1-small": ("0.035", 1),
    "sql.hdd": ("0.09", 1),
    "sql.idle-address": ("0.01", 1),
    "sql.memory": ("0.007", 1),
    "sql.ssd": ("0.17", 1),
    "sql.vcpu": ("0.0413", 1),
    "storage.archive": ("0.0012", 1),
    "storage.archive-class-a": ("0.50", 10_000),
    "storage.archive-class-b": ("0.50", 10_000),
    "storage.archive-retrieval": ("0.05", 1),
    "storage.coldline": ("0.004", 1),
    "storage.coldline-class-a": ("0.20", 10_000),
    "storage.coldline-class-b": ("0.10", 10_000),
    "storage.coldline-retrieval": ("0.02", 1),
    "storage.internet-egress": ("0.12", 1),
    "storage.nearline": ("0.010", 1),
    "storage.nearline-class-a": ("0.10", 10_000),
    "storage.nearline-class-b": ("0.01", 10_000),
    "storage.nearline-retrieval": ("0.01", 1),
    "storage.standard": ("0.020", 1),
    "storage.standard-class-a": ("0.05", 10_000),
    "storage.standard-class-b": ("0.004", 10_000),
}
FREE = {
    "artifact-storage": "0.5",
    "bigquery-queries": "1",
    "bigquery-read-api": "300",
    "bigquery-storage": "10",
    "tasks-operations": "1000000",
    "firestore-deletes": "600000",
    "firestore-reads": "1500000",
    "firestore-storage": "1",
    "firestore-writes": "600000",
    "bigquery-write-api": "2048",
    "build-minutes": "2500",
    "functions-1-cpu": "200000",
    "functions-1-invocations": "2000000",
    "functions-1-memory": "400000",
    "gke-cluster": "744",
    "internet-egress": "1",
    "logging-ingestion": "50",
    "metric-samples": "150",
    "pubsub-throughput": "10",
    "run-instance-cpu": "240000",
    "run-instance-memory": "450000",
    "run-request-cpu": "180000",
    "run-request-memory": "360000",
    "run-requests": "2000000",
    "scheduler-jobs": "3",
    "secret-accesses": "10000",
    "secret-rotations": "3",
    "secret-versions": "6",
    "storage-class-a": "5000",
    "storage-class-b": "50000",
    "storage-egress": "100",
    "storage-standard": "5",
}


def in_us_central1() -> dict[str, Rate]:
    regions = load().regions
    return {**regions["global"], **regions["us-central1"]}


def test_every_rate_is_what_its_source_publishes() -> None:
    """Those of the services that most programs use; the others are checked by the cases that use them."""
    assert {name: rate.price for name, rate in in_us_central1().items() if name in PUBLISHED} == {
        name: Decimal(price) / units for name, (price, units) in PUBLISHED.items()
    }


def test_every_free_tier_is_what_its_source_publishes() -> None:
    assert {name: pool.quantity for name, pool in load().pools.items()} == {
        name: Decimal(quantity) for name, quantity in FREE.items()
    }


@pytest.mark.parametrize("name", sorted(FREE))
def test_a_free_tier_is_worth_what_its_first_units_cost(name: str) -> None:
    """In the same unit as every rate that draws on it, at the price of one of them."""
    rates = [rate for rate in in_us_central1().values() if rate.free == name]
    pool: Pool = load().pools[name]
    assert rates
    assert {rate.unit for rate in rates} == {pool.unit}
    assert pool.price is None or {pool.price} == {rate.price for rate in rates}
    assert (pool.price is not None) is name.startswith("run-")


def test_exports_imports_and_retention_have_no_free_tier() -> None:
    free = {name for name, rate in in_us_central1().items() if rate.free}
    assert not free & {"pubsub.bigquery-export", "pubsub.storage-export", "pubsub.import", "pubsub.retention"}
    assert not free & {"run.idle-cpu", "run.idle-memory", "bigquery.long-term", "storage.nearline"}


def test_volume_tiers_take_off_only_what_is_above_them() -> None:
    """Of buckets 163,840 GiB: 10,240 x 0.12 + 143,360 x 0.11 + 10,240 x 0.08 = 1,228.8 + 15,769.6 + 819.2 = 17,817.6. Of
    services 20,480 GiB: 1,024 x 0.12 + 9,216 x 0.11 + 10,240 x 0.08 = 122.88 + 1,013.76 + 819.2 = 1,955.84."""
    rate = in_us_central1()["storage.internet-egress"]
    assert 163840 * rate.price - rate.discount(Decimal(163840)) == Decimal("17817.6")
    assert rate.discount(Decimal(10240)) == 0
    services = in_us_central1()["network.internet-egress"]
    assert 20480 * services.price - services.discount(Decimal(20480)) == Decimal("1955.84")
    assert services.discount(Decimal(1024)) == 0


def test_nothing_in_the_book_was_read_in_the_future() -> None:
    today = date.today()
    assert [r.id for rates in load().regions.values() for r in rates.values() if r.read > today] == []


def test_a_rate_is_looked_up_in_its_region_then_everywhere_then_in_the_reference_region() -> None:
    book = load()
    assert book.rate("bigquery.active", "us")[0].price == Decimal("0.02")
    assert book.rate("pubsub.retention", "europe-west1") == (book.regions["global"]["pubsub.retention"], False)
    assert book.rate("sql.vcpu", "europe-west3")[0].price == Decimal("0.0496")
    assert book.rate("composer-3.dcu", "europe-west1") == (book.regions["us-central1"]["composer-3.dcu"], True)
    with pytest.raises(KeyError):
        book.rate("sql.gpu", "us-central1")


HEAD = ",".join(tables.COLUMNS)
POOLS = ",".join(tables.OTHERS["pools"])
BROKEN = {
    "no source": (f"{HEAD}\nx,GiB,1,,C,,2026-01-01,\n", "x.y.csv:2: x: source: Field required"),
    "no such confidence": (f"{HEAD}\nx,GiB,1,,X,https://a.b,2026-01-01,\n", "x: confidence"),
    "below zero": (f"{HEAD}\nx,GiB,-1,,C,https://a.b,2026-01-01,\n", "x: price: Input should be greater than or equal"),
    "tiers that rise": (
        f"{HEAD}\nx,GiB,1,5: 2,C,https://a.b,2026-01-01,\n",
        "x: the whole: Value error, tiers must start ever higher and cost ever less",
    ),
    "tiers out of order": (
        f"{HEAD}\nx,GiB,3,9: 2; 5: 1,C,https://a.b,2026-01-01,\n",
        "x: the whole: Value error, tiers must start ever higher and cost ever less",
    ),
    "a misspelt column": (HEAD.replace("tiers", "teirs"), "its columns are not rate, unit, price, tiers"),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_in_the_book_names_file_and_key(mistake: str, tmp_path: Path) -> None:
    text, words = BROKEN[mistake]
    (tmp_path / "x.y.csv").write_text(text)
    with pytest.raises(ValueError, match=r"x\.y\.csv") as caught:
        book.load(tmp_path)
    assert words in str(caught.value)


def test_a_free_tier_of_a_rate_that_is_not_there_is_named(tmp_path: Path) -> None:
    pool = "gifts,some,GiB,1,,,,x,C,https://a.b,2026-01-01,\n"
    (tmp_path / "pools.csv").write_text(f"{POOLS}\n{pool}")
    with pytest.raises(ValueError, match=r"pools\.csv: gifts: no rate is named x"):
        book.load(tmp_path)


def test_amounts_are_exact_decimals(tmp_path: Path) -> None:
    """As they are written: 0.1 is no binary fraction."""
    (tmp_path / "x.y.csv").write_text(f"{HEAD}\nx,GiB,0.1,,C,https://a.b,2026-01-01,\n")
    assert book.load(tmp_path).regions["x.y"]["x"].price == Decimal("0.1")
