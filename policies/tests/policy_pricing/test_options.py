"""Every option of a plan, whole: the exact change, what is lost, what it gives up and rests on, as `options.txt` records it.

After a meant change: `UPDATE_SNAPSHOTS=1`, and read the difference. What each saves is computed by hand in test_advice.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing import Estimate, estimate
from fastyle_policies.pricing.advice import Option, options, relocations

from policy_pricing.bills import resource, usage_of

RECORD = Path(__file__).parent / "options.txt"
BUCKET, SERVICE = "gcp:storage/bucket:Bucket", "gcp:cloudrunv2/service:Service"
DATABASE, TABLE = "gcp:sql/databaseInstance:DatabaseInstance", "gcp:bigquery/table:Table"
LATE = [
    {"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 30}},
    {"action": {"type": "SetStorageClass", "storageClass": "COLDLINE"}, "condition": {"age": 300}},
    {"action": {"type": "Delete"}, "condition": {"age": 1000}},
    {"action": {"type": "Delete"}, "condition": {"numNewerVersions": 3}},
]
SOON = [{"action": {"type": "Delete"}, "condition": {"age": 100, "withState": ""}}]
PLAN = (
    resource(DATABASE, "big", settings={"tier": "db-custom-6-23040", "availabilityType": "REGIONAL"}),
    resource(DATABASE, "measured", name="shop", settings={"tier": "db-custom-16-61440"}),
    resource(DATABASE, "least", settings={"tier": "db-custom-1-3840", "activationPolicy": "NEVER"}),
    resource(DATABASE, "shared", masterInstanceName="elsewhere", settings={"tier": "db-f1-micro"}),
    resource(
        SERVICE,
        "two-minimums",
        scaling={"minInstanceCount": 2},
        template={"scaling": {"minInstanceCount": "1"}, "containers": [{"resources": {"cpuIdle": True}}]},
    ),
    resource(SERVICE, "always", template={"containers": [{}, {"resources": {"cpuIdle": False}}, {"resources": {}}]}),
    resource(SERVICE, "cold", template={"containers": [{"resources": {"cpuIdle": True}}]}),
    resource(SERVICE, "unknown", template={"containers": [UNKNOWN], "scaling": {"minInstanceCount": 1}}),
    resource(SERVICE, "shapeless", template={"containers": [{"resources": UNKNOWN}]}),
    resource("gcp:cloudfunctionsv2/function:Function", "function", serviceConfig={"minInstanceCount": 1}),
    resource(BUCKET, "late", location="US-CENTRAL1", lifecycleRules=LATE),
    resource(BUCKET, "soon", location="US-CENTRAL1", lifecycleRules=SOON, softDeletePolicy={"retentionDurationSeconds": 0}),
    resource(BUCKET, "bare", location="US-CENTRAL1"),
    resource(BUCKET, "unsure", location="US-CENTRAL1", lifecycleRules=[UNKNOWN]),
    resource(BUCKET, "unwritten", location="US-CENTRAL1"),
    resource("gcp:bigquery/dataset:Dataset", "dataset", location="us-central1"),
    resource("gcp:bigquery/dataset:Dataset", "expiring", location="us-central1", defaultTableExpirationMs=10**10),
    resource(TABLE, "partitioned", timePartitioning={"type": "DAY"}),
    resource(TABLE, "ending", timePartitioning={"type": "DAY", "expirationMs": 10**10}),
    resource(TABLE, "whole"),
    resource("gcp:logging/projectBucketConfig:ProjectBucketConfig", "logs", retentionDays=90),
    resource("gcp:logging/projectBucketConfig:ProjectBucketConfig", "month", retentionDays=30),
    resource("gcp:composer/environment:Environment", "air", config={"resilienceMode": "HIGH_RESILIENCE"}),
    resource("gcp:composer/environment:Environment", "plain", config={}),
    resource("gcp:compute/address:Address", "idle", name="idle", region="us-central1"),
    resource("gcp:compute/address:Address", "internal", addressType="INTERNAL"),
    resource("gcp:compute/address:Address", "named", name="front"),
    resource("gcp:compute/globalAddress:GlobalAddress", "linked"),
    resource("gcp:compute/forwardingRule:ForwardingRule", "rule", ipAddress="projects/p/addresses/front", ports=[80]),
)  # fmt: skip
LINKED = replace(PLAN[-1], name="world", urn="urn:world", props={}, references={"ipAddress": (PLAN[-2].urn,)})
WRITTEN = ("late", "soon", "bare", "unsure", "dataset", "expiring", "partitioned", "ending", "whole")
USAGE = usage_of(measured={"monthly_cpu_hours": 300}, **{name: {"monthly_written_gib": 10} for name in WRITTEN})


def told(option: Option) -> Iterator[str]:
    flags = [*sorted(option.gives_up), *(["rests on usage"] if option.rests_on_usage else [])]
    yield f"{option.resource}: {option.change} [{', '.join(flags)}]"
    yield f"    loses: {option.loses}"
    yield f"    group: {option.group}"
    for resource_ in option.applied([*PLAN, LINKED]):
        before = next((each for each in (*PLAN, LINKED) if each.urn == resource_.urn), None)
        if before != resource_:
            yield f"    {resource_.urn}: {json.dumps(resource_.props, sort_keys=True, default=str)} {resource_.region}"
    gone = {each.urn for each in (*PLAN, LINKED)} - {each.urn for each in option.applied([*PLAN, LINKED])}
    yield from (f"    {urn} is gone" for urn in sorted(gone))


def record() -> str:
    def price(plan: Any) -> Estimate:
        return estimate(plan, region="us-central1", strict=False)

    offered = options([*PLAN, LINKED], USAGE)
    moves = [each for each in relocations(_IN_EUROPE, price, None) if each.moves == ("europe-west3", "europe-west1")]
    lines = [line for option in offered for line in told(option)]
    for option in moves:
        lines += [f"{option.resource}: {option.change} [{', '.join(option.gives_up)}]", f"    loses: {option.loses}"]
        lines += [f"    {each.name}: {json.dumps(each.props)} {each.region}" for each in option.applied(_IN_EUROPE)]
    return "\n".join(lines) + "\n"


_IN_EUROPE: tuple[Resource, ...] = (
    resource("gcp:compute/disk:Disk", "disk", zone="europe-west3-b", size=10),
    resource("gcp:compute/disk:Disk", "second", zone="projects/p/zones/europe-west3-c", size=10),
    resource(BUCKET, "data", location="EUROPE-WEST3", labels={"near": "europe-west4", "list": ["europe-west3", 1]}),
    replace(resource("gcp:compute/disk:Disk", "other", size=10), region="europe-west3"),
    replace(resource("gcp:compute/disk:Disk", "third", zone="us-central1-a", size=10), region="us-central1"),
)


def test_every_option_is_as_recorded() -> None:
    if os.environ.get("UPDATE_SNAPSHOTS"):
        RECORD.write_text(record(), encoding="utf-8")
    assert record() == RECORD.read_text(encoding="utf-8")
