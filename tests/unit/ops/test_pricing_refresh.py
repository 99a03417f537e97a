"""The price book held against the Cloud Billing Catalog, on answers of its documented shape
(cloud.google.com/billing/v1/how-tos/catalog-api): made by hand, since none was recorded.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastyle_policies.pricing import PricingError, rates_file, refresh
from fastyle_policies.pricing.book import FOLDER, load
from fastyle_policies.pricing.catalogue import API, Catalogue
from fastyle_policies.pricing.refresh import Finding

from ops.cli import cli
from ops.errors import OperatorError
from ops.prices import run

TODAY = date(2027, 1, 31)
PUBSUB, RUN, SQL = "services/A1E8-BE35-7EBC", "services/152E-C115-5142", "services/9662-B51E-5089"

RATES = "rate,unit,price,tiers,confidence,source,read,note"
OLD = "https://example.com/old,2020-01-01"
GLOBAL_BOOK = f"""\
{RATES}
pubsub.throughput,GiB,0.0390625,,U,{OLD},40 a TiB
pubsub.retention,GiB-month,0.27,,C,{OLD},
"""
REGION_BOOK = f"""\
{RATES}
sql.vcpu,vCPU-hour,0.0413,,G,{OLD},kept as it is
"""
POOLS = f"""\
pool,name,unit,quantity,price,per,regions,rates,confidence,source,read,note
throughput,first 10 GiB,GiB,10,0.0390625,,,pubsub.throughput,U,{OLD},
"""
SKUS = """\
rate,service,description,group,id,factor,usage,confidence,source
pubsub.throughput,Cloud Pub/Sub,Message Delivery Basic,,,,,,
sql.vcpu,Cloud SQL,Cloud SQL for PostgreSQL: Zonal - vCPU in .*,,,,,,
"""


def money(price: str, currency: str = "USD") -> dict[str, Any]:
    """As the API writes it: an int64 as a string, a field that is 0 left out."""
    units, _, fraction = price.partition(".")
    nanos = int(fraction.ljust(9, "0")) if fraction else 0
    amount: dict[str, Any] = {"currencyCode": currency, "units": units}
    return amount | ({"nanos": nanos} if nanos else {})


def sku(
    description: str,
    unit: str,
    tiers: Mapping[float, str],
    *,
    sku_id: str = "AAAA-BBBB-CCCC",
    regions: tuple[str, ...] = ("global",),
    usage: str = "OnDemand",
    group: str = "PubSub",
    currency: str = "USD",
    interval: str = "MONTHLY",
) -> dict[str, Any]:
    return {
        "name": f"services/X/skus/{sku_id}",
        "skuId": sku_id,
        "description": description,
        "category": {
            "serviceDisplayName": "X",
            "resourceFamily": "ApplicationServices",
            "resourceGroup": group,
            "usageType": usage,
        },
        "serviceRegions": list(regions),
        "pricingInfo": [
            {
                "summary": "",
                "pricingExpression": {
                    "usageUnit": unit,
                    "usageUnitDescription": "for people",
                    "baseUnit": "By",
                    "baseUnitDescription": "byte",
                    "baseUnitConversionFactor": 1099511627776,
                    "displayQuantity": 1000,  # changes no price
                    "tieredRates": [
                        {"startUsageAmount": start, "unitPrice": money(price, currency)}
                        for start, price in tiers.items()
                    ],
                },
                "aggregationInfo": {
                    "aggregationLevel": "ACCOUNT",
                    "aggregationInterval": interval,
                    "aggregationCount": 1,
                },
                "currencyConversionRate": 1,
                "effectiveTime": "2027-01-01T00:00:00Z",
            }
        ],
        "serviceProviderName": "Google",
        "geoTaxonomy": {"type": "GLOBAL"},
    }


THROUGHPUT = sku("Message Delivery Basic", "TiBy", {0: "0", 0.009765625: "40"})
VCPU = sku("Cloud SQL for PostgreSQL: Zonal - vCPU in Iowa", "h", {0: "0.0413"}, regions=("us-central1",))
ELSEWHERE = sku("Cloud SQL for PostgreSQL: Zonal - vCPU in Belgium", "h", {0: "0.05"}, regions=("europe-west1",))


class Api:
    """Serves services and SKUs a page of two at a time, and remembers what it was asked."""

    def __init__(self, **skus: list[dict[str, Any]]) -> None:
        self.skus = {PUBSUB: skus.get("pubsub", [THROUGHPUT]), SQL: skus.get("sql", [ELSEWHERE, VCPU])}
        self.asked: list[tuple[str, dict[str, str]]] = []
        names = {PUBSUB: "Cloud Pub/Sub", RUN: "Cloud Run", SQL: "Cloud SQL"}
        self.services = [
            {"name": name, "serviceId": name[9:], "displayName": words, "businessEntityName": "businessEntities/GCP"}
            for name, words in names.items()
        ]

    def __call__(self, url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        self.asked.append((url, dict(parameters)))
        path = url.removeprefix(f"{API}/")
        key, items = ("services", self.services) if path == "services" else ("skus", self.skus[path[: -len("/skus")]])
        start = int(parameters.get("pageToken", "0"))
        following = str(start + 2) if start + 2 < len(items) else ""
        return {key: items[start : start + 2], "nextPageToken": following}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    for name, text in {"global": GLOBAL_BOOK, "us-central1": REGION_BOOK, "pools": POOLS, "skus": SKUS}.items():
        (tmp_path / f"{name}.csv").write_text(text)
    yield tmp_path
    load.cache_clear()


def compared(folder: Path, **skus: list[dict[str, Any]]) -> dict[str, Finding]:
    return {f.rate.id: f for f in refresh.compare(Catalogue(Api(**skus)), folder)}


def reason(folder: Path, **skus: list[dict[str, Any]]) -> str:
    finding = compared(folder, **skus)["pubsub.throughput"]
    assert finding.verdict == "kept"
    assert finding.offer is None
    return finding.reason


def test_a_rate_is_confirmed_through_units_and_the_free_tier_is_what_its_first_tier_gives(folder: Path) -> None:
    """40 a TiB is 40 / 1,024 = 0.0390625 a GiB; 0.009765625 TiB for nothing are 10 GiB."""
    findings = compared(folder)
    assert {name: f.verdict for name, f in findings.items()} == {
        "pubsub.throughput": "confirmed",
        "pubsub.retention": "kept",
        "sql.vcpu": "confirmed",
    }
    offer = findings["pubsub.throughput"].offer
    assert offer
    assert (offer.price, offer.free, offer.tiers) == (Decimal("0.0390625"), Decimal(10), ())
    assert findings["pubsub.retention"].reason == "its entry names no SKU"


def test_every_page_is_read_and_prices_are_asked_for_in_dollars(folder: Path) -> None:
    api = Api(sql=[ELSEWHERE, ELSEWHERE, ELSEWHERE, ELSEWHERE, VCPU])
    refresh.compare(Catalogue(api), folder)
    assert [p.get("pageToken") for url, p in api.asked if url == f"{API}/services"] == [None, "2"]
    asked = [p for url, p in api.asked if url == f"{API}/{SQL}/skus"]
    assert [p.get("pageToken") for p in asked] == [None, "2", "4"]
    assert {p["currencyCode"] for p in asked} == {"USD"}
    assert {p["pageSize"] for _, p in api.asked} == {"5000"}, "the most that the catalogue gives at once"


def test_the_last_pricing_information_is_the_one_that_holds(folder: Path) -> None:
    """`pricingInfo` is in chronological order."""
    older, newer = sku("Message Delivery Basic", "TiBy", {0: "60"}), sku("Message Delivery Basic", "TiBy", {0: "40"})
    both = {**newer, "pricingInfo": [*older["pricingInfo"], *newer["pricingInfo"]]}
    assert compared(folder, pubsub=[both])["pubsub.throughput"].verdict == "confirmed"


def test_volume_tiers_become_tiers_of_the_book(folder: Path) -> None:
    """60, then 50 above 50 TiB, then 40 above 150 TiB, in GiB: 0.05859375, 0.048828125 above 51,200, …"""
    offer = compared(folder, pubsub=[sku("Message Delivery Basic", "TiBy", {150: "40", 0: "60", 50: "50"})])[
        "pubsub.throughput"
    ].offer
    assert offer
    assert offer.price == Decimal("0.05859375")
    assert [(tier.above, tier.price) for tier in offer.tiers] == [
        (Decimal(51200), Decimal("0.048828125")),
        (Decimal(153600), Decimal("0.0390625")),
    ]


def test_a_free_tier_a_day_is_a_months_worth(folder: Path) -> None:
    daily = sku("Message Delivery Basic", "GiBy", {0: "0", 1: "0.0390625"}, interval="DAILY")
    offer = compared(folder, pubsub=[daily])["pubsub.throughput"].offer
    assert offer
    assert offer.free == pytest.approx(Decimal(365) / 12, abs=Decimal("1e-12"))


def test_several_matching_skus_are_refused_by_name(folder: Path) -> None:
    twin = {**THROUGHPUT, "skuId": "ZZZZ-0000-0000"}
    assert reason(folder, pubsub=[THROUGHPUT, twin]) == (
        "2 SKUs match: AAAA-BBBB-CCCC 'Message Delivery Basic'; ZZZZ-0000-0000 'Message Delivery Basic'; "
        "name the right one by `id` in its `sku`"
    )
    (folder / "skus.csv").write_text(SKUS.replace("Message Delivery Basic,,", "Message Delivery Basic,,ZZZZ-0000-0000"))
    load.cache_clear()
    assert compared(folder, pubsub=[THROUGHPUT, twin])["pubsub.throughput"].verdict == "confirmed"


def test_a_region_takes_its_own_sku_and_else_the_one_for_everywhere(folder: Path) -> None:
    worldwide = sku("Cloud SQL for PostgreSQL: Zonal - vCPU in all", "h", {0: "0.06"})
    own = compared(folder, sql=[ELSEWHERE, worldwide, VCPU])["sql.vcpu"].offer
    assert own
    assert own.price == Decimal("0.0413")
    fallback = compared(folder, sql=[ELSEWHERE, worldwide])["sql.vcpu"].offer
    assert fallback
    assert fallback.price == Decimal("0.06")


UNCLEAR: dict[str, tuple[list[dict[str, Any]], str]] = {
    "none": ([], "no SKU of Cloud Pub/Sub matches 'Message Delivery Basic' in global"),
    "another description": (
        [sku("Message Delivery Basic (Lite)", "TiBy", {0: "1"})],
        "no SKU of Cloud Pub/Sub matches 'Message Delivery Basic' in global",
    ),
    "a commitment": (
        [sku("Message Delivery Basic", "TiBy", {0: "1"}, usage="Commit1Yr")],
        "no SKU of Cloud Pub/Sub matches 'Message Delivery Basic' in global",
    ),
    "another currency": (
        [sku("Message Delivery Basic", "TiBy", {0: "36.9"}, currency="EUR")],
        "AAAA-BBBB-CCCC 'Message Delivery Basic' is priced in EUR; the book is in USD",
    ),
    "another unit": (
        [sku("Message Delivery Basic", "count", {0: "1"})],
        "AAAA-BBBB-CCCC 'Message Delivery Basic' counts in count, which is not converted to GiB",
    ),
    "no price": (
        [{**THROUGHPUT, "pricingInfo": []}],
        "AAAA-BBBB-CCCC 'Message Delivery Basic' has no price",
    ),
    "free": (
        [sku("Message Delivery Basic", "TiBy", {0: "0"})],
        "AAAA-BBBB-CCCC 'Message Delivery Basic' is free of charge",
    ),
    "free again": (
        [sku("Message Delivery Basic", "TiBy", {0: "2", 5: "0"})],
        "AAAA-BBBB-CCCC 'Message Delivery Basic' becomes free again at 5",
    ),
    "dearer with volume": (
        [sku("Message Delivery Basic", "TiBy", {0: "2", 5: "3"})],
        "AAAA-BBBB-CCCC 'Message Delivery Basic' becomes dearer with volume, which the book cannot say",
    ),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_what_is_unclear_keeps_the_rate_and_says_so(folder: Path, case: str) -> None:
    skus, words = UNCLEAR[case]
    assert reason(folder, pubsub=skus) == words


def test_a_service_that_is_not_there_keeps_the_rate(folder: Path) -> None:
    (folder / "skus.csv").write_text(SKUS.replace("Cloud Pub/Sub", "Pub/Sub Lite"))
    assert compared(folder)["pubsub.throughput"].reason == "the catalogue has no service 'Pub/Sub Lite'"


UNITS = {
    ("GiB", "TiBy"): "1024",
    ("GiB", "MiBy"): "0.0009765625",
    ("TiB", "GiBy"): "0.0009765625",
    ("GB", "GiBy"): "1",
    ("MB", "GiBy"): "1024",
    ("GiB-month", "GiBy.mo"): "1",
    ("GB-month", "TiBy.mo"): "1024",
    ("GiB-hour", "GiBy.h"): "1",
    ("GiB-second", "GiBy.s"): "1",
    ("vCPU-second", "s"): "1",
    ("vCPU-second", "min"): "60",
    ("vCPU-hour", "h"): "1",
    ("hour", "d"): "24",
    ("build-minute", "min"): "1",
    ("build-minute", "h"): "60",
    ("request", "count"): "1",
    ("job", "mo"): "1",
    ("version", "count"): "1",
}


@pytest.mark.parametrize("pair", UNITS, ids="/".join)
def test_units_are_converted(pair: tuple[str, str]) -> None:
    converted = refresh._units(*pair)
    assert converted is not None
    assert converted == pytest.approx(Decimal(UNITS[pair]), abs=Decimal("1e-20"))


def test_a_gibibyte_hour_is_a_730th_of_a_gibibyte_month() -> None:
    """0.000027397 for a GiB and hour (cloud.google.com/storage/pricing) are the 0.020 a GiB and month of before."""
    converted = refresh._units("GiB-month", "GiBy.h")
    assert converted is not None
    assert round(Decimal("0.000027397") / converted, 3) == Decimal("0.020")


@pytest.mark.parametrize(
    "pair", [("GiB", "By.s"), ("GiB", "h"), ("vCPU-hour", "GiBy.h"), ("request", "h"), ("DCU", "h")]
)
def test_units_that_do_not_fit_are_not_converted(pair: tuple[str, str]) -> None:
    assert refresh._units(*pair) is None


def test_every_unit_of_the_book_can_be_converted_from_some_unit_of_the_catalogue() -> None:
    known = ("GiBy", "GiBy.mo", "GiBy.h", "GiBy.s", "h", "s", "min", "count", "mo")
    for rates in load().regions.values():
        for rate in rates.values():
            if rate.sku:
                assert any(refresh._units(rate.unit, unit) for unit in known), (rate.id, rate.unit)


def test_a_milli_dcu_is_a_thousandth_of_the_books_unit(folder: Path) -> None:
    """0.00006 for a milli-DCU and hour is 0.06 for a DCU and hour."""
    (folder / "us-central1.csv").write_text(REGION_BOOK.replace("vCPU-hour", "DCU-hour"))
    (folder / "skus.csv").write_text(SKUS.replace("vCPU in .*,,,", "vCPU in .*,,,0.001"))
    offer = compared(folder, sql=[{**VCPU, **sku(VCPU["description"], "h", {0: "0.00006"}, regions=("us-central1",))}])[
        "sql.vcpu"
    ].offer
    assert offer
    assert offer.price == Decimal("0.06")


def test_what_is_written_is_price_tiers_date_source_and_nothing_else(folder: Path) -> None:
    dearer = sku("Message Delivery Basic", "TiBy", {0: "0", 0.01953125: "80", 100: "60"})
    findings = list(compared(folder, pubsub=[dearer]).values())
    written = rates_file.write(findings, TODAY, folder)
    assert [path.name for path in written] == ["global.csv", "pools.csv", "us-central1.csv"]
    stated = f"C,{API}/{PUBSUB}/skus,2027-01-31,"
    assert (folder / "global.csv").read_text() == GLOBAL_BOOK.replace(
        f"0.0390625,,U,{OLD},40 a TiB", f"0.078125,102400: 0.05859375,{stated}"
    )
    assert (folder / "pools.csv").read_text() == POOLS.replace("10,0.0390625", "20,0.078125").replace(
        "2020-01-01", "2027-01-31"
    )
    assert (folder / "us-central1.csv").read_text() == REGION_BOOK.replace(f"G,{OLD}", f"C,{API}/{SQL}/skus,2027-01-31")
    assert (folder / "skus.csv").read_text() == SKUS
    again = compared(folder, pubsub=[dearer])
    assert again["pubsub.throughput"].verdict == "confirmed"
    assert rates_file.write(list(again.values()), TODAY, folder) == []


def test_tiers_that_go_are_taken_out(folder: Path) -> None:
    (folder / "global.csv").write_text(GLOBAL_BOOK.replace("0.0390625,,", "0.0390625,5: 0.01; 9: 0.001,"))
    assert len(load(folder).regions["global"]["pubsub.throughput"].tiers) == 2
    load.cache_clear()
    rates_file.write(list(compared(folder).values()), TODAY, folder)
    assert load(folder).regions["global"]["pubsub.throughput"].tiers == ()
    assert "5: " not in (folder / "global.csv").read_text()


def test_a_free_tier_whose_rates_disagree_keeps_its_quantity(folder: Path) -> None:
    (folder / "global.csv").write_text(GLOBAL_BOOK.replace("pubsub.retention,GiB-month", "pubsub.second,GiB"))
    (folder / "pools.csv").write_text(POOLS.replace("pubsub.throughput", "pubsub.throughput pubsub.second"))
    (folder / "skus.csv").write_text(f"{SKUS}pubsub.second,Cloud Pub/Sub,Second,,,,,,\n")
    other = sku("Second", "GiBy", {0: "0", 7: "0.2"}, sku_id="DDDD")
    findings = list(compared(folder, pubsub=[THROUGHPUT, other]).values())
    assert refresh.pools(load(folder), findings) == {}


def test_the_difference_is_told_in_words(folder: Path) -> None:
    dearer = sku("Message Delivery Basic", "TiBy", {0: "0", 0.009765625: "50"})
    told = run(write=False, get=Api(pubsub=[dearer]), folder=folder).splitlines()
    assert told == [
        "changed    global pubsub.throughput: 0.0390625 -> 0.048828125 a GiB (+25.0 %), AAAA-BBBB-CCCC "
        "'Message Delivery Basic'; nobody confirmed that this is its SKU",
        "changed    free tier throughput: 10 at 0.0390625 -> 10 at 0.048828125",
        "kept       global pubsub.retention: its entry names no SKU",
        "1 rates confirmed, 1 changed, 1 kept as they are",
        "nothing written; --write does",
    ]
    assert (folder / "global.csv").read_text() == GLOBAL_BOOK
    assert "wrote global.csv, pools.csv, us-central1.csv" in run(write=True, get=Api(pubsub=[dearer]), folder=folder)
    assert load(folder).regions["global"]["pubsub.throughput"].price == Decimal("0.048828125")


def test_an_answer_of_another_shape_is_one_line(folder: Path) -> None:
    def broken(url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        return {"services": [{"name": 3}]}

    with pytest.raises(OperatorError) as caught:
        run(write=True, get=broken, folder=folder)
    assert (
        str(caught.value)
        == f"{API}/services: not of the documented shape: services.0.name: Input should be a valid string"
    )


def test_an_answer_that_is_no_record_is_one_line() -> None:
    with pytest.raises(PricingError, match="services: not of the documented shape: the answer: Input should be"):
        Catalogue(lambda url, parameters: []).services()  # type: ignore[arg-type, return-value]


def test_pages_that_never_end_are_given_up(folder: Path) -> None:
    with pytest.raises(PricingError, match="does not end after 200 pages"):
        Catalogue(lambda url, parameters: {"services": [], "nextPageToken": "again"}).services()


def test_without_credentials_the_command_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    done = CliRunner().invoke(cli, ["prices", "refresh"])
    assert done.exit_code == 1
    assert "run `gcloud auth application-default login`" in done.output


def test_our_own_book_can_be_written_and_read_again(tmp_path: Path) -> None:
    """Every rate with a SKU is offered at twice its price: the files stay valid and all other rates stay."""
    mine = tmp_path / "rates"
    shutil.copytree(FOLDER, mine)
    offered = []
    for rates in load(mine).regions.values():
        for rate in rates.values():
            if rate.sku:
                sample = Catalogue(lambda url, parameters: {"skus": [THROUGHPUT]}).skus(PUBSUB)[0]
                offer = refresh.Offer(sample, PUBSUB, rate.price * 2, (), Decimal(0))
                offered.append(Finding(rate, "changed", offer=offer))
    before = load(mine)
    rates_file.write(offered, TODAY, mine)
    after = load(mine)
    for region, rates in before.regions.items():
        for name, rate in rates.items():
            assert after.regions[region][name].price == rate.price * (2 if rate.sku else 1), name
            assert (after.regions[region][name].read == TODAY) is bool(rate.sku), name
    load.cache_clear()


ROWS = f"""\
{RATES}
sql.memory,GiB-hour,0.0077,,U,elsewhere,2024-03-21,computed
sql.vcpu,vCPU-hour,0.0454,,U,elsewhere,2024-03-21,computed: us-central1 x 1.1
"""


def test_a_regions_row_is_refreshed_by_the_sku_of_its_region(folder: Path) -> None:
    """Belgium's SKU says 0.05: price, source, day and confidence of that row change, the note about the old one goes, and no
    other row does."""
    (folder / "europe-west1.csv").write_text(ROWS)
    (folder / "sources.csv").write_text("key,url,what,licence\nelsewhere,https://example.com/old,a page,none\n")
    findings = refresh.compare(Catalogue(Api()), folder)
    told = {(f.rate.region, f.rate.id): f.verdict for f in findings}
    assert told["europe-west1", "sql.vcpu"] == "changed"
    assert told["europe-west1", "sql.memory"] == "kept"
    before = load(folder).regions["europe-west1"]
    assert str(before["sql.vcpu"].source) == "https://example.com/old"
    written = rates_file.write(findings, TODAY, folder)
    assert "europe-west1.csv" in [path.name for path in written]
    lines = (folder / "europe-west1.csv").read_text().splitlines()
    assert lines[:2] == ROWS.splitlines()[:2]
    assert lines[2] == f"sql.vcpu,vCPU-hour,0.05,,C,{API}/{SQL}/skus,2027-01-31,"
    after = load(folder).regions["europe-west1"]["sql.vcpu"]
    assert (str(after.price), after.confidence, after.read) == ("0.05", "C", TODAY)


def test_tiers_of_a_regions_row_are_written_as_data(folder: Path) -> None:
    (folder / "europe-west1.csv").write_text(ROWS.replace("elsewhere", "https://example.com/old"))
    tiered = sku(
        "Cloud SQL for PostgreSQL: Zonal - vCPU in Belgium", "h", {0: "0.05", 100: "0.04"}, regions=("europe-west1",)
    )
    rates_file.write(refresh.compare(Catalogue(Api(sql=[tiered, VCPU])), folder), TODAY, folder)
    assert "sql.vcpu,vCPU-hour,0.05,100: 0.04,C," in (folder / "europe-west1.csv").read_text()
    [tier] = load(folder).regions["europe-west1"]["sql.vcpu"].tiers
    assert (tier.above, tier.price) == (Decimal(100), Decimal("0.04"))


NAMED = {
    "Compute Engine": [
        sku(
            "E2 Instance Core running in Americas",
            "h",
            {0: "0.02181159"},
            regions=("us-central1", "us-east1"),
            group="CPU",
        ),
        sku("E2 Instance Core running in Frankfurt", "h", {0: "0.03"}, regions=("europe-west3",), group="CPU"),
        sku("E2 Instance Ram running in Americas", "GiBy.h", {0: "0.003"}, regions=("us-central1",), group="RAM"),
        sku(
            "Spot Preemptible E2 Instance Core running in Americas",
            "h",
            {0: "0.0131"},
            regions=("us-central1",),
            group="CPU",
            usage="Preemptible",
        ),
        sku("E2 Custom Instance Core running in Americas", "h", {0: "9"}, regions=("us-central1",), group="CPU"),
        sku("Commitment v1: E2 Cpu in Americas for 1 Year", "h", {0: "9"}, regions=("us-central1",), usage="Commit1Yr"),
        sku("Nvidia Tesla T4 GPU running in Americas", "h", {0: "0.35"}, regions=("us-central1",), group="GPU"),
        sku("SSD backed PD Capacity", "GiBy.mo", {0: "0.18"}, regions=("us-central1",), group="SSD"),
        sku("Regional SSD backed PD Capacity", "GiBy.mo", {0: "0.36"}, regions=("us-central1",), group="SSD"),
        sku("Extreme PD IOPS", "mo", {0: "0.065"}, regions=("us-central1",), group="SSD"),
    ],
    "Kubernetes Engine": [
        sku("Zonal Kubernetes Clusters", "h", {0: "0.1"}, sku_id="6B92-A835-08AB"),
        sku("Zonal Kubernetes Clusters", "h", {0: "9"}, sku_id="0000-0000-0000"),  # the id decides
        sku("Autopilot Pod mCPU Requests (us-central1)", "h", {0: "0.0000445"}, regions=("us-central1",)),
        sku("Regional Kubernetes Clusters", "h", {0: "0.1"}),
    ],
    "Cloud DNS": [
        sku("ManagedZone", "mo", {0: "0.2", 25: "0.1"}),
        sku("DNS Query (port 53)", "count", {0: "0.0000004", 1_000_000_000: "0.0000002"}),
    ],
    "Cloud Memorystore for Redis": [
        sku("Redis Capacity Standard M2 Iowa", "GiBy.h", {0: "0.054"}, regions=("us-central1",)),
        sku("Redis Standard Node Capacity M2 Iowa", "GiBy.h", {0: "0.027"}, regions=("us-central1",)),
    ],
    "Cloud Key Management Service (KMS)": [
        sku("Active HSM symmetric key versions", "mo", {0: "1"}),
        sku("HSM symmetric cryptographic operations", "count", {0: "0.000003"}),
    ],
}


@pytest.fixture(scope="module")
def by_catalogue() -> dict[tuple[str, str], Finding]:
    """What the catalogue's documented shape says of our own book."""

    def get(url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        path = url.removeprefix(f"{API}/")
        if path == "services":
            return {"services": [{"name": f"services/{n}", "displayName": name} for n, name in enumerate(NAMED)]}
        return {"skus": list(NAMED.values())[int(path.split("/")[1])]}

    return {(f.rate.region, f.rate.id): f for f in refresh.compare(Catalogue(get))}


@pytest.mark.parametrize(
    ("region", "rate", "price"),
    [
        ("us-central1", "compute.e2-vcpu", "0.02181159"),
        ("us-east1", "compute.e2-vcpu", "0.02181159"),
        ("europe-west3", "compute.e2-vcpu", "0.03"),
        ("us-central1", "compute.e2-memory", "0.003"),
        ("us-central1", "compute.e2-vcpu-spot", "0.0131"),  # neither the machine on demand nor a commitment
        ("us-central1", "gpu.nvidia-tesla-t4", "0.35"),
        ("us-central1", "disk.pd-ssd", "0.18"),  # not the disk in two zones
        ("us-central1", "disk.regional-pd-ssd", "0.36"),
        ("us-central1", "disk.pd-extreme-iops", "0.065"),
        ("us-central1", "gke.pod-vcpu", "0.0445"),  # a thousand mCPU
        ("global", "gke.cluster-regional", "0.1"),
        ("global", "gke.cluster-zonal", "0.1"),
        ("global", "dns.zone", "0.2"),
        ("global", "dns.queries", "0.0000004"),
        ("us-central1", "redis.standard-m2", "0.054"),  # not a node of a cluster
        ("global", "kms.hsm-symmetric-version", "1"),
        ("global", "kms.hsm-symmetric-operations", "0.000003"),
    ],
)
def test_rates_of_further_types_are_found_by_the_catalogues_names(
    by_catalogue: dict[tuple[str, str], Finding], region: str, rate: str, price: str
) -> None:
    findings = by_catalogue[region, rate]
    assert findings.offer, findings.reason
    assert findings.offer.price == Decimal(price)
    assert findings.verdict == (
        "confirmed"
        if (findings.rate.price, findings.rate.tiers) == (findings.offer.price, findings.offer.tiers)
        else "changed"
    )


def test_a_sku_that_names_the_reference_region_names_its_own_elsewhere() -> None:
    """`Analysis (us-central1)` of BigQuery; one that names no region is the same in all of them."""
    described = {
        region: rates["bigquery.scan"].sku for region, rates in load().regions.items() if "bigquery.scan" in rates
    }
    assert {region: named.description for region, named in described.items() if named} == {
        region: rf"Analysis \({region}\)" for region in described
    }
    named = [load().regions[region]["sql.vcpu"].sku for region in ("us-central1", "europe-west1")]
    assert named[0] == named[1]


def test_a_name_of_the_catalogue_that_is_no_such_entry_is_told(folder: Path) -> None:
    (folder / "skus.csv").write_text(f"{SKUS}pubsub.retention,Cloud Pub/Sub,Retained,,,,Sometimes,G,here\n")
    with pytest.raises(ValueError, match=r"skus.csv:4: pubsub.retention: usage: "):
        load(folder)


def test_a_file_of_which_nothing_is_stated_stays_as_it_was_written(folder: Path) -> None:
    """Quotes that a writer would leave out, too: what is not refreshed is in no difference."""
    text = ROWS.replace("elsewhere", "https://example.com/old").replace("computed\n", '"computed"\n')
    (folder / "europe-west1.csv").write_text(text)
    written = rates_file.write(refresh.compare(Catalogue(Api(sql=[VCPU])), folder), TODAY, folder)
    assert (folder / "europe-west1.csv").read_text() == text
    assert "europe-west1.csv" not in [path.name for path in written]


def test_what_would_be_no_valid_book_is_not_written(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    finding = compared(folder)["sql.vcpu"]
    assert finding.offer
    below_zero = Finding(finding.rate, "changed", offer=replace(finding.offer, price=Decimal(-1)))
    with pytest.raises(ValueError, match=r"us-central1\.csv:2: sql\.vcpu: price: Input should be greater"):
        rates_file.write([below_zero], TODAY, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_free_tier_in_units_gets_another_quantity_and_no_price(folder: Path) -> None:
    (folder / "pools.csv").write_text(POOLS.replace("10,0.0390625", "10,"))
    more = sku("Message Delivery Basic", "TiBy", {0: "0", 0.01953125: "40", 50: "30", 100: "20"})
    rates_file.write(list(compared(folder, pubsub=[more]).values()), TODAY, folder)
    assert (
        (folder / "pools.csv")
        .read_bytes()
        .splitlines(keepends=True)[1]
        .startswith(b"throughput,first 10 GiB,GiB,20,,,,pubsub.throughput,U,https://example.com/old,2027-01-31,\n")
    )
    assert ",51200: 0.029296875; 102400: 0.01953125,C," in (folder / "global.csv").read_text()


def test_the_id_of_a_sku_of_the_reference_region_is_no_other_regions(folder: Path) -> None:
    (folder / "europe-west1.csv").write_text(ROWS.replace("elsewhere", "https://example.com/old"))
    (folder / "skus.csv").write_text(f"{SKUS}sql.memory,Cloud SQL,RAM in us-central1,,AAAA,,,,\n")
    (folder / "us-central1.csv").write_text(f"{REGION_BOOK}sql.memory,GiB-hour,0.007,,G,{OLD},\n")
    named = {region: rates["sql.memory"].sku for region, rates in load(folder).regions.items() if "sql.memory" in rates}
    assert {region: (of.description, of.id) for region, of in named.items() if of} == {
        "europe-west1": ("RAM in europe-west1", None),
        "us-central1": ("RAM in us-central1", "AAAA"),
    }


def test_a_price_without_tiers_is_written_without_any(folder: Path) -> None:
    dearer = sku("Message Delivery Basic", "TiBy", {0: "80"})
    rates_file.write(refresh.compare(Catalogue(Api(pubsub=[dearer])), folder), TODAY, folder)
    assert f"pubsub.throughput,GiB,0.078125,,C,{API}" in (folder / "global.csv").read_text()


def test_tiers_that_go_are_told_as_what_they_were(folder: Path) -> None:
    tiered = sku("Message Delivery Basic", "TiBy", {0: "40", 1024: "20"})
    findings = refresh.compare(Catalogue(Api(pubsub=[tiered])), folder)
    told = refresh.describe(load(folder), findings)
    assert "; tiers none -> 0.01953125 above 1048576, AAAA-BBBB-CCCC" in told
