"""Where a well-known cost tool and this estimator differ, or differed: docs/cost.md shows the same table.

The tool's figures are those that its public test data and issues show for us-central1; ours are computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from policies.model import Resource
from policies.pricing.report import money
from tests.support.pricing import estimated, resource

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
SERVICE = "gcp:cloudrunv2/service:Service"
LIMITS = {"limits": {"cpu": "2", "memory": "1Gi"}}
MANUAL = {"scalingMode": "MANUAL", "manualInstanceCount": 2}
SETTINGS = {"tier": "db-f1-micro", "diskSize": 10, "ipConfiguration": {"ipv4Enabled": False}}


def _service(**more: Any) -> Resource:
    template = {"containers": [{"resources": LIMITS}], "scaling": {"minInstanceCount": 1}}
    return resource(SERVICE, **{"template": template, **more})


# Words of the case: resources, usage, list price a month by hand.
CASES: Mapping[str, tuple[tuple[Resource, ...], dict[str, Any], str]] = {
    # 2,628,000 s x (2 x 0.000018 + 1 x 0.000002) = 94.608 + 5.256
    "Cloud Run, 2 vCPU and 1 GiB, one minimum instance, `resources` without `cpuIdle`": ((_service(),), {}, "99.86"),
    # Twice 2,628,000 s x (1 x 0.0000025 + 0.5 x 0.0000025) = 9.855
    "Cloud Run, two instances by manual scaling": (
        (resource(SERVICE, template={}, scaling=MANUAL),), {}, "19.71",
    ),
    # 1,000,000 s x (0.167 x 0.000024 + 0.25 x 0.0000025) = 4.008 + 0.625
    "function of 256 MiB without `availableCpu`, a million seconds": (
        (resource("gcp:cloudfunctionsv2/function:Function", serviceConfig={"availableMemory": "256Mi"}),),
        {"monthly_instance_seconds": 1_000_000},
        "4.63",
    ),
    # 1,024 x 0.12 + 9,216 x 0.11, list price 10,240 x 0.12 = 1,228.80
    "10 TiB to the internet from Cloud Run (list price, before tiers)": (
        (resource(SERVICE, template={}),), {"monthly_egress_gib": 10240}, "1,228.80",
    ),
    # 1,000 GiB x 0.026
    "1,000 GiB in a bucket of the US multi-region": (
        (resource("gcp:storage/bucket:Bucket", location="US"),), {"storage_gib": 1000}, "26.00",
    ),
    # The small preset at its upper end: 12 x 730 x 0.06 + 10 x 730 x 0.000232877
    "Composer 3, small (at least 325.82)": ((resource("gcp:composer/environment:Environment", config={}),), {}, "527.30"),
    # 2 x (730 x 0.0105 + 10 x 0.17)
    "db-f1-micro with 10 GB, highly available": (
        (resource("gcp:sql/databaseInstance:DatabaseInstance", settings={**SETTINGS, "availabilityType": "REGIONAL"}),),
        {},
        "18.73",
    ),
    # 1 TiB x 50
    "1 TiB through a BigQuery subscription": (
        (resource("gcp:pubsub/subscription:Subscription", bigqueryConfig={"table": "t"}),),
        {"monthly_messages": 1024**3, "message_bytes": 1024},
        "50.00",
    ),
    # 730 x 0.025 for up to five
    "three global forwarding rules": (
        tuple(resource("gcp:compute/globalForwardingRule:GlobalForwardingRule", name) for name in "abc"), {}, "18.25",
    ),
    # 730 x 0.7 x 0.0475
    "n1-standard-1, sustained use": (
        (resource("gcp:compute/instance:Instance", machineType="n1-standard-1", bootDisk={"source": "x"}),), {}, "24.27",
    ),
    # 730 x 0.049
    "Redis, basic, 1 GB": ((resource("gcp:redis/instance:Instance", memorySizeGb=1),), {}, "35.77"),
    # 730 x 0.10
    "regional GKE cluster": (
        (resource("gcp:container/cluster:Cluster", location="us-central1", removeDefaultNodePool=True),), {}, "73.00",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_case_costs_what_the_page_says(case: str) -> None:
    resources, used, by_hand = CASES[case]
    assert money(estimated(*resources, **({"it": used} if used else {})).list_price) == by_hand
    [row] = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {case} |")]
    assert row.split(" | ")[2].removesuffix(" |") == by_hand
