"""The same plan in every region: computed by hand for three, and nowhere silently the reference region's prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastyle_policies.model import Resource
from fastyle_policies.pricing import Estimate, estimate, load, tables
from fastyle_policies.pricing.book import load as load_book
from fastyle_policies.pricing.report import plain

from policy_pricing.bills import resource, usage_of

REGIONS = [
    "asia-east1",
    "asia-northeast1",
    "asia-south1",
    "asia-southeast1",
    "asia-southeast2",
    "australia-southeast1",
    "europe-north1",
    "europe-southwest1",
    "europe-west1",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "europe-west6",
    "me-west1",
    "northamerica-northeast1",
    "southamerica-east1",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-west1",
    "us-west2",
]
MULTI = ("us", "eu", "asia", "nam4", "eur4", "asia1")
USED: Mapping[str, Mapping[str, Any]] = {
    "web": {"monthly_instance_seconds": 1_000_000, "monthly_requests": 5_000_000, "monthly_egress_gib": 2048},
    "lake": {"storage_gib": 1000, "monthly_egress_gib": 300},
    "warehouse": {"monthly_scanned_gib": 4096},
    "db": {"backup_gb": 0},
}


def plan(region: str) -> tuple[Resource, ...]:
    containers = [{"resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "cpuIdle": True}}]
    settings = {"tier": "db-custom-2-8192", "diskSize": 100, "ipConfiguration": {"ipv4Enabled": False}}
    return (
        resource("gcp:cloudrunv2/service:Service", "web", location=region, template={"containers": containers}),
        resource("gcp:storage/bucket:Bucket", "lake", location=region.upper()),
        resource("gcp:bigquery/dataset:Dataset", "warehouse", location=region),
        resource(
            "gcp:sql/databaseInstance:DatabaseInstance", "db", databaseVersion="POSTGRES_16", region=region, settings=settings
        ),
    )  # fmt: skip


def of(region: str) -> Estimate:
    return estimate(plan(region), usage_of(**USED))


def figures(estimate: Estimate) -> dict[str, str]:
    return {f"{r.name}: {line.name}": plain(line.monthly) for r, line in estimate.lines() if line.monthly}


def test_frankfurt_by_hand() -> None:
    """1,000,000 s x 0.0000336 = 33.6, x 1 GiB x 0.0000035 = 3.5, 5 million requests 2; 2,048 GiB x 0.12 = 245.76, less
    1,024 x 0.01 = 10.24 beyond the first TiB. 1,000 GiB x 0.023 = 23; 300 GiB x 0.12 = 36. 4 TiB x 8.125 = 32.5.
    2 vCPU x 730 x 0.0496 = 72.416; 8 GiB x 730 x 0.0084 = 49.056; 100 GB x 0.204 = 20.4.
    Free: 180,000 x 0.000024 = 4.32, 360,000 x 0.0000025 = 0.9, 2 million requests 0.8, 1 TiB at Frankfurt's 8.125; no free
    traffic and no free 5 GiB in Europe."""
    estimate = of("europe-west3")
    assert figures(estimate) == {
        "web: CPU": "33.6",
        "web: Memory": "3.5",
        "web: Requests": "2",
        "web: Sent to the internet": "245.76",
        "lake: Storage, standard": "23",
        "lake: Sent to the internet": "36",
        "warehouse: Scanned": "32.5",
        "db: vCPU": "72.416",
        "db: Memory": "49.056",
        "db: Storage, SSD": "20.4",
    }
    assert {c.name: plain(c.monthly) for c in estimate.credits} == {
        "Cloud Run, 180,000 vCPU-s, requests": "4.32",
        "Cloud Run, 360,000 GiB-s, requests": "0.9",
        "Cloud Run, 2 million requests": "0.8",
        "BigQuery, 1 TiB scanned": "8.125",
        "Volume discount, network.internet-egress": "10.24",
    }


def test_sao_paulo_by_hand() -> None:
    """Tier 2 of Cloud Run: 33.6 and 3.5, requests 2; 2,048 GiB x 0.19 = 389.12 less 1,024 x 0.01. 1,000 GiB x 0.035 = 35; 300
    x 0.19 = 57. 4 TiB x 11.25 = 45. Cloud SQL at half as much again: 1,460 x 0.062 = 90.52 (computed, hence unconfirmed),
    5,840 x 0.0105 = 61.32, 100 x 0.255 = 25.5."""
    estimate = of("southamerica-east1")
    assert figures(estimate) == {
        "web: CPU": "33.6",
        "web: Memory": "3.5",
        "web: Requests": "2",
        "web: Sent to the internet": "389.12",
        "lake: Storage, standard": "35",
        "lake: Sent to the internet": "57",
        "warehouse: Scanned": "45",
        "db: vCPU": "90.52",
        "db: Memory": "61.32",
        "db: Storage, SSD": "25.5",
    }
    [vcpu] = [line for _, line in estimate.lines() if line.name == "vCPU"]
    assert vcpu.confidence == "U"
    assert vcpu.rate.note.startswith("computed: us-central1 x 1.5")


def test_iowa_by_hand() -> None:
    """24, 2.5 and 2; 2,048 x 0.12 = 245.76 less 10.24, and 1 GiB free: 0.12. 1,000 x 0.02 = 20; 300 x 0.12 = 36, of which
    100 GiB = 12 are free. 4 x 6.25 = 25. 1,460 x 0.0413 = 60.298; 5,840 x 0.007 = 40.88; 100 x 0.17 = 17."""
    estimate = of("us-central1")
    assert figures(estimate) == {
        "web: CPU": "24",
        "web: Memory": "2.5",
        "web: Requests": "2",
        "web: Sent to the internet": "245.76",
        "lake: Storage, standard": "20",
        "lake: Sent to the internet": "36",
        "warehouse: Scanned": "25",
        "db: vCPU": "60.298",
        "db: Memory": "40.88",
        "db: Storage, SSD": "17",
    }
    credits = {c.name: plain(c.monthly) for c in estimate.credits}
    assert credits["Cloud Storage, 100 GiB egress (US)"] == "12"
    assert credits["Cloud Run, 1 GiB egress (US)"] == "0.12"
    assert credits["Volume discount, network.internet-egress"] == "10.24"
    assert credits["BigQuery, 1 TiB scanned"] == "6.25"


@pytest.mark.parametrize("region", REGIONS)
def test_no_region_is_silently_priced_as_another(region: str) -> None:
    """Every rate of this plan is the region's own or the same everywhere."""
    estimate = of(region)
    assert estimate.unpriced == ()
    assert {line.rate.region for _, line in estimate.lines() if line.monthly} <= {region, "global"}
    assert estimate.lacking() == {}
    assert Decimal("0.9") <= estimate.total / of("us-central1").total <= Decimal("1.9")


@pytest.mark.parametrize("place", MULTI)
def test_a_bucket_over_several_regions_has_the_rates_of_its_location(place: str) -> None:
    """The US: 1,000 GiB x 0.026 = 26, a class A operation 0.00001, twice a region's. NAM4: 0.044."""
    cost = estimate([resource("gcp:storage/bucket:Bucket", location=place.upper())], usage_of(it={"storage_gib": 1000}))
    assert {line.rate.region for _, line in cost.lines()} == {place}
    if place in ("us", "nam4"):
        assert figures(cost) == {"it: Storage, standard": {"us": "26", "nam4": "44"}[place]}


def test_a_chosen_pair_of_regions_is_billed_in_both_at_a_tenth_more() -> None:
    """1,000 GiB x 1.1 in us-central1 x 0.02 = 22 and in us-west2 x 0.023 = 25.3."""
    pair = resource(
        "gcp:storage/bucket:Bucket",
        location="US",
        customPlacementConfig={"dataLocations": ["US-CENTRAL1", "US-WEST2"]},
    )
    used = usage_of(it={"storage_gib": 1000, "monthly_written_gib": 0})
    assert figures(estimate([pair], used)) == {
        "it: Storage, standard in us-central1": "22",
        "it: Storage, standard in us-west2": "25.3",
    }
    odd = resource("gcp:storage/bucket:Bucket", location="US", customPlacementConfig={"dataLocations": ["MARS"]})
    assert "are no regions" in str(estimate([odd], used).unpriced[0])


@pytest.mark.parametrize(
    ("props", "line", "monthly"),
    [
        ({"location": "EU"}, "Replication", "2"),  # 100 x 0.02
        ({"location": "EUR4"}, "Replication", "2"),
        ({"location": "ASIA"}, "Replication", "8"),
        ({"location": "NAM4", "rpo": "ASYNC_TURBO"}, "Turbo replication", "4"),
        (
            {
                "location": "ASIA",
                "customPlacementConfig": {"dataLocations": ["AUSTRALIA-SOUTHEAST1", "AUSTRALIA-SOUTHEAST2"]},
            },
            "Replication",
            "8",
        ),
        ({"location": "europe-west1"}, "Replication", None),
    ],
)
def test_what_is_written_over_several_regions_is_replicated_for_money(
    props: dict[str, Any], line: str, monthly: str | None
) -> None:
    """100 GiB written x the rate of the continent; one region replicates nothing."""
    written = usage_of(it={"monthly_written_gib": 100})
    assert figures(estimate([resource("gcp:storage/bucket:Bucket", **props)], written)).get(f"it: {line}") == monthly


def test_replication_that_the_book_has_no_rate_for_is_said() -> None:
    bucket = resource("gcp:storage/bucket:Bucket", location="EU", rpo="ASYNC_TURBO")
    cost = estimate([bucket], usage_of(it={"monthly_written_gib": 1}))
    assert any("has no rate storage.turbo-replication for eu" in note for note in cost.notes)


def test_the_tiers_of_tokyo_never_rise() -> None:
    """The source's first tier is below its second: taken as that one, and marked."""
    rate = load().regions["asia-northeast1"]["network.internet-egress"]
    assert (rate.price, rate.confidence) == (Decimal("0.12"), "U")


@pytest.mark.parametrize("region", sorted(load().regions))
def test_every_rate_of_a_region_has_a_source_a_day_and_a_confidence(region: str) -> None:
    for rate in load().regions[region].values():
        assert str(rate.source).startswith("https://"), rate.id
        assert rate.read.year >= 2023, rate.id
        assert rate.confidence in "CGTU", rate.id
        if "computed" in rate.note:
            assert rate.confidence == "U", rate.id


def test_the_free_tier_of_logs_is_each_projects() -> None:
    """Two projects of 60 GiB each: twice 50 free x 0.50 = 50; of one project 25."""
    logs = [
        replace(resource("gcp:cloudrunv2/service:Service", name, template={}), project=project)
        for name, project in (("a", "one"), ("b", "two"))
    ]
    used = usage_of(a={"monthly_log_gib": 60}, b={"monthly_log_gib": 60})
    [credit] = estimate(logs, used).credits
    assert (plain(credit.monthly), plain(credit.free or Decimal(0))) == ("50", "100")
    [credit] = estimate([replace(each, project="one") for each in logs], used).credits
    assert plain(credit.monthly) == "25"


HEAD = ",".join(tables.COLUMNS)
BROKEN = {
    "other columns": ("rate,price\n", "its columns are not rate, unit, price"),
    "a column missing": (f"{HEAD}\nx,GiB,1\n", "a row has 8 columns"),
    "twice": (f"{HEAD}\nx,GiB,1,,C,https://a.b,2026-01-01,\nx,GiB,1,,C,https://a.b,2026-01-01,\n", "x is there twice"),
    "no such source": (f"{HEAD}\nx,GiB,1,,C,somewhere,2026-01-01,\n", "source: Input should be a valid URL"),
    "no tier": (f"{HEAD}\nx,GiB,1,many,C,https://a.b,2026-01-01,\n", "'many' is no tier; write start: price"),
    "another unit": (f"{HEAD}\nknown,MiB,1,,C,https://a.b,2026-01-01,\n", "known is declared in GiB, not in MiB"),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_in_a_regions_rows_names_the_line(mistake: str, tmp_path: Path) -> None:
    text, words = BROKEN[mistake]
    (tmp_path / "global.csv").write_text(f"{HEAD}\nknown,GiB,1,,C,https://a.b,2026-01-01,\n")
    (tmp_path / "mars.csv").write_text(text)
    with pytest.raises(ValueError, match=r"mars\.csv") as caught:
        load_book(tmp_path)
    assert words in str(caught.value)
