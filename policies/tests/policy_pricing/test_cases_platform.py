"""Hand-computed bills of what keeps a platform running: networks, schedules, secrets, logs, metrics, images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN
from fastyle_policies.pricing.report import plain

from policy_pricing.bills import bill, estimated, prices, resource

NAT = "gcp:compute/routerNat:RouterNat"
ADDRESS = "gcp:compute/address:Address"
GLOBAL_ADDRESS = "gcp:compute/globalAddress:GlobalAddress"
CONNECTOR = "gcp:vpcaccess/connector:Connector"
SCHEDULE = "gcp:cloudscheduler/job:Job"
SECRET = "gcp:secretmanager/secret:Secret"
VERSION = "gcp:secretmanager/secretVersion:SecretVersion"
LOG_BUCKET = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
METRIC = "gcp:logging/metric:Metric"
REPOSITORY = "gcp:artifactregistry/repository:Repository"


@prices(NAT)
def test_a_nat_gateway_by_vms_addresses_and_bytes() -> None:
    """4 VMs x 730 x 0.0014 = 4.088; 2 addresses x 730 x 0.005 = 7.3; 100 GiB x 0.045 = 4.5."""
    used = {"vms": 4, "addresses": 2, "monthly_processed_gib": 100}
    assert bill(resource(NAT, natIpAllocateOption="AUTO_ONLY"), it=used) == {
        "Gateway": ("2920", "4.088"),
        "Addresses": ("1460", "7.3"),
        "Data processed": ("100", "4.5"),
    }


@prices(NAT)
def test_more_than_32_vms_have_a_flat_rate_and_addresses_of_its_own_are_billed_where_they_are() -> None:
    """730 x 0.044 = 32.12 for 33 VMs; 32 of them 32 x 730 x 0.0014 = 32.704. No address is counted twice."""
    manual = resource(NAT, natIpAllocateOption="MANUAL_ONLY")
    assert bill(manual, it={"vms": 33}) == {"Gateway": ("730", "32.12")}
    assert bill(manual, it={"vms": 32}) == {"Gateway": ("23360", "32.704")}


@prices(ADDRESS, GLOBAL_ADDRESS)
@pytest.mark.parametrize("type_", [ADDRESS, GLOBAL_ADDRESS])
def test_an_external_address_costs_by_what_uses_it_and_an_internal_one_nothing(type_: str) -> None:
    """Unused 730 x 0.01 = 7.3; of a NAT gateway 730 x 0.005 = 3.65; of a forwarding rule nothing; of a machine it is counted
    there."""
    address = resource(type_, "address")
    assert bill(address) == {"External address, unused": ("730", "7.3")}
    assert "nothing in this plan uses it" in estimated(address).notes[0]

    def used_by(user: str) -> tuple[str, str, str]:
        linked = replace(resource(user, "user"), references={"any": (address.urn,)})
        [line] = [line for owner, line in estimated(address, linked).lines() if owner.name == "address"]
        return line.name, plain(line.monthly), line.arithmetic

    of_a_rule = ("External address", "0", "0 h (free while a forwarding rule has it)")
    assert used_by("gcp:compute/globalForwardingRule:GlobalForwardingRule") == of_a_rule
    assert used_by("gcp:compute/forwardingRule:ForwardingRule") == of_a_rule
    for machine in (
        "instance:Instance",
        "instanceTemplate:InstanceTemplate",
        "regionInstanceTemplate:RegionInstanceTemplate",
    ):
        assert used_by(f"gcp:compute/{machine}") == ("External address", "0", "0 h (counted with its machine)")
    assert used_by(NAT) == ("External address", "3.65", "730 h")
    assert bill(resource(type_, addressType="INTERNAL")) == {}
    assert bill(resource(type_, ipVersion="IPV6")) == {}
    assert estimated(resource(type_, addressType=UNKNOWN)).not_estimated == {
        type_: ["it: its addressType is secret or known only at update"]
    }


@prices(CONNECTOR)
def test_a_connector_keeps_its_smallest_number_of_instances() -> None:
    """3 x 730 = 2,190 x 0.0083764275 = 18.344376225; without a number two: 1,460 x 0.0083764275 = 12.22958415."""
    assert bill(resource(CONNECTOR, minInstances=3)) == {"Connector instances": ("2190", "18.344376225")}
    assert bill(resource(CONNECTOR)) == {"Connector instances": ("1460", "12.22958415")}
    larger = estimated(resource(CONNECTOR, machineType="e2-standard-4"))
    assert larger.not_estimated == {CONNECTOR: ["it: the price book has no rate for connectors of e2-standard-4"]}


@prices(SCHEDULE)
def test_a_schedule_costs_a_dime_paused_or_not() -> None:
    """1 job x 0.10."""
    assert bill(resource(SCHEDULE, schedule="* * * * *")) == {"Job": ("1", "0.1")}
    assert bill(resource(SCHEDULE, paused=True)) == {"Job": ("1", "0.1")}


@prices(SECRET, VERSION)
def test_a_version_is_billed_in_every_place_it_is_kept() -> None:
    """In two places 2 x 0.06 = 0.12, and 3 further versions x 2 = 6 x 0.06 = 0.36; 10,000 accesses x 0.03 / 10,000."""
    replicas = [{"location": "us-central1"}, {"location": "us-east1"}]
    secret = resource(SECRET, "tills", secretId="tills", replication={"userManaged": {"replicas": replicas}})
    version = resource(VERSION, "first", secret="projects/p/secrets/tills")
    assert bill(secret, version, tills={"monthly_accesses": 10000, "further_versions": 3}) == {
        "tills: Further versions": ("6", "0.36"),
        "tills: Accesses": ("10000", "0.03"),
        "first: Active version": ("2", "0.12"),
    }


@prices(VERSION)
@pytest.mark.parametrize("replication", [{"auto": {}}, None, {"userManaged": {"replicas": []}}])
def test_a_version_where_google_chooses_the_places_counts_once(replication: Any) -> None:
    """1 x 0.06."""
    secret = resource(SECRET, "tills", id="projects/p/secrets/tills", replication=replication)
    version = resource(VERSION, "first", secret="projects/p/secrets/tills")
    assert bill(secret, version) == {"first: Active version": ("1", "0.06")}
    assert bill(resource(VERSION, secret="elsewhere")) == {"Active version": ("1", "0.06")}


@prices(SECRET)
def test_places_that_are_not_known_yet_count_as_one_and_are_named() -> None:
    hidden = resource(SECRET, replication={"userManaged": {"replicas": UNKNOWN}})
    estimate = estimated(hidden, it={"further_versions": 2})
    assert estimate.list_price == 2 * estimate.lines()[0][1].rate.price
    assert estimate.notes == ("Secret 'it': its replicas are secret or known only at update; reckoned with one",)


@prices(LOG_BUCKET)
def test_logs_are_billed_once_when_written_and_again_when_kept_longer() -> None:
    """100 GiB x 0.50 = 50. Kept 395 days, 365 beyond the 30 that are included: 36.5 GiB a month = 1.2 a day x 365 = 438
    GiB-months x 0.01 = 4.38."""
    used = {"monthly_ingested_gib": 100, "monthly_kept_gib": "36.5"}
    assert bill(resource(LOG_BUCKET, retentionDays=395), it=used) == {
        "Other logs": ("100", "50"),
        "Kept beyond 30 days": ("438", "4.38"),
    }
    assert bill(resource(LOG_BUCKET, retentionDays=30), it=used) == {"Other logs": ("100", "50")}
    assert bill(resource(LOG_BUCKET), it=used) == {"Other logs": ("100", "50")}


@prices(METRIC)
@pytest.mark.parametrize(
    ("kind", "quantity", "monthly"),
    [("INT64", "8", "2.064"), ("DOUBLE", "8", "2.064"), ("BOOL", "8", "2.064"), ("DISTRIBUTION", "80", "20.64"), (None, "8", "2.064")],
)  # fmt: skip
def test_points_are_billed_by_their_bytes(kind: str | None, quantity: str, monthly: str) -> None:
    """1,048,576 points x 8 bytes = 8 MiB x 0.258 = 2.064; a distribution has 80 bytes."""
    metric = resource(METRIC, metricDescriptor={"valueType": kind})
    assert bill(metric, it={"monthly_samples": 2**20}) == {"Points": (quantity, monthly)}


@prices(REPOSITORY)
def test_images_are_billed_by_the_gigabyte() -> None:
    """20 GB x 0.10."""
    assert bill(resource(REPOSITORY, location="us-central1"), it={"storage_gb": 20}) == {"Images": ("20", "2")}


@prices(SECRET)
def test_rotations_of_a_secret_are_billed_by_their_notices() -> None:
    """Every day: 2,628,000 s / 86,400 = 30.416666667 x 0.05 = 1.52083333335, of which three are free: 0.15."""
    daily = resource(SECRET, replication={"auto": {}}, rotation={"rotationPeriod": "86400s"})
    assert bill(daily) == {"Rotations": ("30.416666667", "1.52083333335")}
    assert plain(estimated(daily).total) == "1.37083333335"
    assert bill(daily, it={"monthly_rotations": 10}) == {"Rotations": ("10", "0.5")}
    assert bill(resource(SECRET, replication={"auto": {}})) == {}
