"""What a resource has that says nothing of it, and resources that find each other by any of their names. Rates of us-central1.

A month is 730 hours or 2,628,000 seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN, Resource

from policy_pricing.bills import bill, estimated, resource

POOL = {"instanceType": "READ_POOL", "machineConfig": {"cpuCount": 2}}
REPLICAS = {"tier": "STANDARD_HA", "memorySizeGb": 5, "readReplicasMode": "READ_REPLICAS_ENABLED"}


@pytest.mark.parametrize(
    ("type_", "props", "used", "line", "quantity"),
    [
        ("gcp:alloydb/instance:Instance", POOL, {}, "vCPU", "1460"),  # one node of 2 vCPU x 730 h
        ("gcp:alloydb/instance:Instance", {}, {}, "vCPU", "2920"),  # 2 vCPU in two zones x 730 h
        ("gcp:cloudfunctions/function:Function", {}, {"monthly_invocations": 1000}, "Memory", "25"),  # 100 s x 1/4 GiB
        ("gcp:compute/disk:Disk", {}, {}, "Disk, pd-standard", "500"),
        ("gcp:compute/disk:Disk", {"type": "pd-ssd"}, {}, "Disk, pd-ssd", "100"),
        ("gcp:compute/regionDisk:RegionDisk", {}, {}, "Disk, regional pd-standard", "500"),
        ("gcp:compute/forwardingRule:ForwardingRule", {"region": UNKNOWN}, {}, "Forwarding rules, first five", "730"),
        ("gcp:container/nodePool:NodePool", {"location": "us-central1-a"}, {}, "Machine", "730"),  # one e2-medium
        ("gcp:dataflow/job:Job", {"enableStreamingEngine": True}, {}, "Workers, vCPU", "2920"),  # one n1-standard-4
        ("gcp:redis/cluster:Cluster", {}, {}, "Nodes, highmem-medium", "730"),  # one shard, no replica
        ("gcp:redis/instance:Instance", {}, {}, "Memory, basic M1", "730"),  # 1 GB
        ("gcp:sql/databaseInstance:DatabaseInstance", {"settings": {"tier": "db-f1-micro"}}, {}, "Storage, SSD", "10"),
        ("gcp:vpcaccess/connector:Connector", {}, {}, "Connector instances", "1460"),  # two e2-micro x 730 h
    ],
)  # fmt: skip
def test_what_is_unset_is_googles_default(
    type_: str, props: Mapping[str, Any], used: Mapping[str, Any], line: str, quantity: str
) -> None:
    assert bill(resource(type_, **props), it=used)[line][0] == quantity


TEMPLATES = (
    "gcp:compute/instanceTemplate:InstanceTemplate",
    "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate",
)
SQL = "gcp:sql/databaseInstance:DatabaseInstance"
NO_ADDRESS = {"tier": "db-f1-micro", "ipConfiguration": {"ipv4Enabled": False}}
TOPICS = "an export of a topic"
FOUND: dict[str, tuple[str, dict[str, Any], tuple[str, ...], Resource, str, str]] = {
    # what is named, what it has, by which of its properties; who names it; a line that tells that it was found
    **{
        f"the group of {template}": (
            template,
            {"machineType": "e2-standard-2"},
            ("selfLink", "selfLinkUnique", "id", "name"),
            resource(
                "gcp:compute/instanceGroupManager:InstanceGroupManager",
                "user",
                versions=[{"instanceTemplate": "projects/p/any/its-name"}],
                targetSize=2,
            ),
            "vCPU",
            "2920",  # 2 x 2 vCPU x 730 h
        )
        for template in TEMPLATES
    },
    "a node pool": (
        "gcp:container/cluster:Cluster",
        {"location": "us-central1"},
        ("name", "id"),
        resource("gcp:container/nodePool:NodePool", "user", cluster="projects/p/any/its-name"),
        "Machine",
        "2190",  # one e2-medium in each of three zones
    ),
    "a read replica": (
        SQL,
        {"settings": {**NO_ADDRESS, "diskSize": 80}},
        ("name", "id"),
        resource(SQL, "user", masterInstanceName="projects/p/any/its-name", settings=NO_ADDRESS),
        "Storage, SSD",
        "80",
    ),
    "a secret's version": (
        "gcp:secretmanager/secret:Secret",
        {"replication": {"userManaged": {"replicas": [{"location": "europe-west1"}, {"location": "europe-west3"}]}}},
        ("id", "secretId"),
        resource("gcp:secretmanager/secretVersion:SecretVersion", "user", secret="projects/p/any/its-name"),
        "Active version",
        "2",
    ),
    TOPICS: (
        "gcp:pubsub/topic:Topic",
        {},
        ("id", "name"),
        resource("gcp:pubsub/subscription:Subscription", "user", topic="projects/p/any/its-name", bigqueryConfig={"table": "t"}),
        "Exported to BigQuery",  # 2^20 messages of 1,024 bytes: 1 GiB
        "1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("case", "key"), [(case, key) for case, (_, _, keys, *_) in FOUND.items() for key in keys])
@pytest.mark.parametrize("value", ["its-name", "projects/p/any/its-name"])
def test_a_resource_is_found_by_any_of_its_names(case: str, key: str, value: str) -> None:
    type_, props, _, user, line, quantity = FOUND[case]
    named = resource(type_, "named", **props, **{key: value})
    used = {"named": {"monthly_messages": 2**20, "message_bytes": 1024}} if case == TOPICS else {}
    estimate = estimated(named, user, **used)
    assert estimate.not_estimated == {}
    quantities = {
        each.name: f"{each.quantity.normalize():f}" for owner, each in estimate.lines() if owner.name == "user"
    }
    assert quantities[line] == quantity
    assert not [note for note in estimate.notes if "outside this plan" in note or "does not tell" in note]


@pytest.mark.parametrize("key", ["name", "id", "clusterId"])
def test_an_alloydb_instance_is_where_its_cluster_is(key: str) -> None:
    cluster = resource("gcp:alloydb/cluster:Cluster", "cluster", location="europe-west3", **{key: "main"})
    estimate = estimated(cluster, resource("gcp:alloydb/instance:Instance", "instance", cluster="main"))
    places = {line.lacking or line.rate.region for owner, line in estimate.lines() if owner.name == "instance"}
    assert places == {"europe-west3"}
