"""What tests of the estimator share: resources of a plan, usage, and the lines of a bill as strings to compare."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from fastyle_policies.model import Resource
from fastyle_policies.pricing import Estimate, estimate
from fastyle_policies.pricing.report import plain
from fastyle_policies.pricing.usage import Document, UsageFile

T = TypeVar("T", bound=Callable[..., object])
REGION = "us-central1"


def resource(type_: str, name: str = "it", /, **props: Any) -> Resource:
    urn = f"urn:pulumi:test::shop::{type_}::{name}"
    return Resource(type_, name, props, urn)


def usage_of(**by_resource: Mapping[str, Any]) -> UsageFile:
    """A usage file of entries by resource name (`_` in a keyword stands for `-`); values as in the file."""
    entries = {name.replace("_", "-"): dict(entry) for name, entry in by_resource.items()}
    return UsageFile("the test", Document.model_validate({"version": 1, "resource_usage": entries}))


def estimated(*resources: Resource, **by_resource: Mapping[str, Any]) -> Estimate:
    return estimate(resources, usage_of(**by_resource), region=REGION)


def bill(*resources: Resource, **by_resource: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The lines at list price: `line`, or `resource: line` where there are several, to (quantity, monthly cost).

    A line that is there twice is added up; one of no quantity is left out, as in the table.
    """
    estimate = estimated(*resources, **by_resource)
    assert estimate.not_estimated == {}
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for owner, line in estimate.lines():
        name = f"{owner.name}: {line.name}" if len(resources) > 1 else line.name
        quantity, monthly = sums.get(name, (Decimal(0), Decimal(0)))
        sums[name] = (quantity + line.quantity, monthly + line.monthly)
    return {name: (plain(q), plain(m)) for name, (q, m) in sums.items() if q}


def prices(*types: str) -> Callable[[T], T]:
    """Marks a test as the hand-computed case of these types; its docstring has the arithmetic."""

    def mark(test: T) -> T:
        test.prices = types  # type: ignore[attr-defined]
        return test

    return mark


def _switch(policy: str, schedule: str) -> dict[str, Any]:
    body = base64.b64encode(json.dumps({"settings": {"activationPolicy": policy}}).encode()).decode()
    uri = "https://sqladmin.googleapis.com/v1/projects/p/instances/shop"
    return {"schedule": schedule, "httpTarget": {"uri": uri, "body": body}}


_RULES = [
    {"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 10}},
    {"action": {"type": "SetStorageClass", "storageClass": "ARCHIVE"}, "condition": {"age": 60}},
    {"action": {"type": "Delete"}, "condition": {"age": 100}},
]
_CONTAINERS = [{"resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "cpuIdle": True}}]
_ALWAYS = [{"resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "cpuIdle": False}}]
_SQL = {"availabilityType": "REGIONAL", "diskSize": 20, "backupConfiguration": {"enabled": True}}

# One plan with every priced type in its kinds: what properties are checked on.
SAMPLES: tuple[Resource, ...] = (
    resource("gcp:artifactregistry/repository:Repository", "images", location=REGION),
    resource("gcp:bigquery/dataset:Dataset", "dataset", location=REGION, defaultPartitionExpirationMs=10**10),
    resource("gcp:bigquery/table:Table", "table", timePartitioning={"expirationMs": 400 * 86_400_000}),
    resource("gcp:cloudfunctionsv2/function:Function", "function", serviceConfig={"availableMemory": "512Mi"}),
    resource("gcp:cloudrunv2/job:Job", "batch", template={"taskCount": 2, "template": {"containers": _CONTAINERS}}),
    resource("gcp:cloudrunv2/service:Service", "service", template={"containers": _CONTAINERS}),
    resource(
        "gcp:cloudrunv2/service:Service",
        "warm",
        template={"containers": _CONTAINERS, "scaling": {"minInstanceCount": 2}},
    ),
    resource(
        "gcp:cloudrunv2/service:Service",
        "always",
        template={"containers": _ALWAYS, "scaling": {"minInstanceCount": 1}},
    ),
    resource("gcp:cloudscheduler/job:Job", "up", **_switch("ALWAYS", "0 8 * * *")),
    resource("gcp:cloudscheduler/job:Job", "down", **_switch("NEVER", "0 20 * * *")),
    resource("gcp:composer/environment:Environment", "third", config={"softwareConfig": {"imageVersion": "composer-3"}}),
    resource(
        "gcp:composer/environment:Environment", "second", config={"softwareConfig": {"imageVersion": "composer-2"}}
    ),
    resource("gcp:compute/address:Address", "address", region=REGION),
    resource("gcp:compute/disk:Disk", "disk", zone=f"{REGION}-a", type="pd-ssd", size=100),
    resource("gcp:compute/regionDisk:RegionDisk", "region-disk", region=REGION, type="pd-balanced", size=100),
    resource("gcp:compute/snapshot:Snapshot", "snapshot"),
    resource("gcp:compute/image:Image", "image", diskSizeGb=30),
    resource(
        "gcp:compute/instance:Instance",
        "machine",
        zone=f"{REGION}-a",
        machineType="n2-standard-4",
        bootDisk={"initializeParams": {"size": 20, "type": "pd-balanced"}},
        scratchDisks=[{"interface": "NVME"}],
        networkInterfaces=[{"accessConfigs": [{}]}],
        scheduling={"preemptible": False},
    ),
    resource("gcp:compute/instanceTemplate:InstanceTemplate", "template", name="tmpl", machineType="e2-standard-2"),
    resource(
        "gcp:compute/instanceGroupManager:InstanceGroupManager",
        "group",
        versions=[{"instanceTemplate": "tmpl"}],
        targetSize=2,
    ),
    resource(
        "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager",
        "region-group",
        versions=[{"instanceTemplate": "tmpl"}],
        targetSize=2,
    ),
    resource("gcp:compute/globalAddress:GlobalAddress", "anywhere"),
    resource("gcp:compute/routerNat:RouterNat", "nat", region=REGION),
    resource("gcp:alloydb/cluster:Cluster", "alloy", location=REGION, clusterId="alloy"),
    resource("gcp:alloydb/instance:Instance", "alloy-1", cluster="alloy", machineConfig={"cpuCount": 4}),
    resource("gcp:bigquery/biReservation:BiReservation", "bi", location=REGION, size=2**31),
    resource("gcp:bigquery/reservation:Reservation", "slots", location=REGION, edition="STANDARD", slotCapacity=50),
    resource("gcp:bigtable/instance:Instance", "wide", clusters=[{"zone": f"{REGION}-a", "numNodes": 1}]),
    resource("gcp:cloudfunctions/function:Function", "old-function", availableMemoryMb=512, minInstances=1),
    resource("gcp:cloudrun/service:Service", "old-service", template={"spec": {"containers": _CONTAINERS}}),
    resource("gcp:compute/forwardingRule:ForwardingRule", "rule", region=REGION),
    resource("gcp:compute/globalForwardingRule:GlobalForwardingRule", "world-rule"),
    resource("gcp:compute/vPNTunnel:VPNTunnel", "tunnel", region=REGION),
    resource("gcp:container/cluster:Cluster", "cluster", name="gke", location=REGION, enableAutopilot=True),
    resource("gcp:container/nodePool:NodePool", "pool", cluster="gke", nodeConfig={"machineType": "n2-standard-4"}),
    resource("gcp:dataflow/flexTemplateJob:FlexTemplateJob", "flex", enableStreamingEngine=True),
    resource("gcp:dataflow/job:Job", "beam", templateGcsPath="gs://t/GCS_Text_to_BigQuery"),
    resource("gcp:dataproc/batch:Batch", "spark", location=REGION),
    resource("gcp:dataproc/cluster:Cluster", "hadoop", region=REGION, clusterConfig={"workerConfig": {"numInstances": 3}}),
    resource("gcp:dns/managedZone:ManagedZone", "zone"),
    resource("gcp:filestore/instance:Instance", "files", tier="BASIC_HDD", fileShares={"capacityGb": 1024}),
    resource("gcp:firestore/database:Database", "documents", locationId=REGION),
    resource("gcp:kms/cryptoKey:CryptoKey", "key", rotationPeriod="7776000s"),
    resource(
        "gcp:managedkafka/cluster:Cluster",
        "kafka",
        location=REGION,
        capacityConfig={"vcpuCount": "3", "memoryBytes": str(2**33)},
    ),
    resource("gcp:cloudtasks/queue:Queue", "queue", location=REGION),
    resource("gcp:redis/cluster:Cluster", "caches", region=REGION, shardCount=3, nodeType="REDIS_STANDARD_SMALL"),
    resource("gcp:redis/instance:Instance", "cache", region=REGION, tier="STANDARD_HA", memorySizeGb=5),
    resource("gcp:spanner/instance:Instance", "spanner", config=f"regional-{REGION}", numNodes=1),
    resource("gcp:logging/metric:Metric", "metric", metricDescriptor={"valueType": "DISTRIBUTION"}),
    resource("gcp:logging/projectBucketConfig:ProjectBucketConfig", "logs", retentionDays=90),
    resource("gcp:pubsub/topic:Topic", "topic", name="t", messageRetentionDuration="86400s"),
    resource("gcp:pubsub/topic:Topic", "import", name="i", ingestionDataSourceSettings={"cloudStorage": {}}),
    resource("gcp:pubsub/subscription:Subscription", "pull", topic="t", retainAckedMessages=True),
    resource("gcp:pubsub/subscription:Subscription", "push", topic="t", pushConfig={"pushEndpoint": "https://x"}),
    resource("gcp:pubsub/subscription:Subscription", "export", topic="t", bigqueryConfig={"table": "x"}),
    resource("gcp:pubsub/subscription:Subscription", "archive", topic="t", cloudStorageConfig={"bucket": "x"}),
    resource("gcp:secretmanager/secret:Secret", "secret", secretId="s", replication={"auto": {}}),
    resource("gcp:secretmanager/secretVersion:SecretVersion", "version", secret="projects/p/secrets/s"),
    resource(
        "gcp:sql/databaseInstance:DatabaseInstance", "custom", settings={"tier": "db-custom-2-7680", **_SQL}
    ),
    resource("gcp:sql/databaseInstance:DatabaseInstance", "night", name="shop", settings={"tier": "db-f1-micro"}),
    resource("gcp:storage/bucket:Bucket", "lake", location=REGION, lifecycleRules=_RULES),
    resource("gcp:storage/bucket:Bucket", "kept", location="EUROPE-WEST1", storageClass="NEARLINE"),
    resource("gcp:vpcaccess/connector:Connector", "connector", region=REGION),
)  # fmt: skip
