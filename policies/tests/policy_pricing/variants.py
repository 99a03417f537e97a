"""The branches of each type's price that `SAMPLES` does not take: other editions, kinds, spellings and links."""

from __future__ import annotations

from typing import Any

from fastyle_policies.model import UNKNOWN, Resource

from policy_pricing.bills import REGION, resource

ZONE = f"{REGION}-a"
URL = "https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a"
_T4 = [{"type": f"{URL}/acceleratorTypes/nvidia-tesla-t4", "count": 2}]
_SQL = {"ipConfiguration": {"ipv4Enabled": False}}
_GCE, _DISK = "gcp:compute/instance:Instance", "gcp:compute/disk:Disk"
_POOL, _SPANNER = "gcp:container/nodePool:NodePool", "gcp:spanner/instance:Instance"
_DATABASE, _FUNCTION = "gcp:sql/databaseInstance:DatabaseInstance", "gcp:cloudfunctions/function:Function"
_CONTAINERS = [{"resources": {"limits": {"cpu": "500m", "memory": "256Mi"}}}, {"resources": {"cpuIdle": True}}]


def _each(type_: str, name: str, *all_props: dict[str, Any], **shared: Any) -> tuple[Resource, ...]:
    return tuple(resource(type_, f"{name}-{n}", **{**shared, **props}) for n, props in enumerate(all_props))


VARIANTS: tuple[Resource, ...] = (
    *_each(
        _GCE,
        "machine",
        {"machineType": f"{URL}/machineTypes/n1-standard-4", "guestAccelerators": _T4},
        {"machineType": "n1-custom-2-20480-ext", "scheduling": {"provisioningModel": "SPOT"}},
        {"machineType": "n1-custom-2-20480-ext", "guestAccelerators": _T4},
        {"machineType": "n1-standard-2", "guestAccelerators": _T4, "scheduling": {"preemptible": True}},
        {"machineType": "n2-custom-4-16384"},
        {"machineType": "custom-2-4096"},
        {"machineType": "g2-standard-24"},
        {"machineType": "a2-highgpu-2g"},
        {"machineType": "c2-standard-8"},
        {"machineType": "t2d-standard-2"},
        {"machineType": "c4-highmem-2"},
        {"machineType": "f1-micro", "desiredStatus": "TERMINATED"},
        {"machineType": "e2-small", "desiredStatus": "SUSPENDED", "scratchDisks": [{}, {}]},
        {"machineType": "e2-small", "bootDisk": {"initializeParams": {"type": f"{URL}/diskTypes/pd-ssd"}}},
        zone=ZONE,
    ),
    resource(
        "gcp:compute/instanceTemplate:InstanceTemplate",
        "wide-template",
        name="wide",
        machineType="n1-custom-2-20480-ext",
        guestAccelerators=_T4,
        disks=[{"diskSizeGb": 30}, {"diskType": "local-ssd"}, {"source": "x"}, {"type": "SCRATCH"}],
        networkInterfaces=[{"accessConfigs": [{}, {}]}, {}],
    ),
    *_each(
        "gcp:compute/instanceGroupManager:InstanceGroupManager",
        "group",
        {"name": "scaled", "targetSize": 1},
        {"name": "badly-scaled", "targetSize": 3},
        {"name": "unscaled"},
        versions=[{"instanceTemplate": "projects/p/global/instanceTemplates/wide"}],
    ),
    *_each(
        "gcp:compute/autoscaler:Autoscaler",
        "scaler",
        {"target": f"{URL}/instanceGroupManagers/scaled", "autoscalingPolicy": {"minReplicas": 4}},
        {"target": "badly-scaled", "autoscalingPolicy": {"minReplicas": True}},
        {"target": "badly-scaled", "autoscalingPolicy": {"minReplicas": -1}},
    ),
    *_each(
        _DISK,
        "disk",
        {"type": f"{URL}/diskTypes/pd-extreme", "provisionedIops": 5000},
        {"type": "projects/p/zones/z/diskTypes/hyperdisk-extreme"},
        {"type": "hyperdisk-balanced"},
        {"type": "pd-balanced", "image": "debian"},
        {"type": "pd-ssd", "snapshot": "s"},
        {"sourceDisk": "d"},
        {"sourceInstantSnapshot": "i"},
    ),
    *_each("gcp:compute/regionDisk:RegionDisk", "region-disk", {}, {"type": f"{URL}/diskTypes/pd-ssd", "size": 10}),
    *_each("gcp:compute/image:Image", "image", {}, {"diskSizeGb": "7"}),
    *_each(
        "gcp:compute/forwardingRule:ForwardingRule",
        "rule",
        {"loadBalancingScheme": "", "target": "projects/p/regions/r/serviceAttachments/a"},
        {"loadBalancingScheme": "EXTERNAL", "target": "projects/p/regions/r/serviceAttachments/a"},
        {"loadBalancingScheme": "", "target": "projects/p/regions/r/targetPools/a"},
        *({} for _ in range(4)),
    ),
    *_each(
        _POOL,
        "pool",
        {"nodeLocations": [ZONE, f"{REGION}-b"], "nodeConfig": {"machineType": "n1-custom-2-20480-ext"}},
        {"nodeLocations": UNKNOWN},
        {"location": REGION, "autoscaling": {"totalMinNodeCount": 4}, "nodeConfig": {"guestAccelerators": _T4, "machineType": "n1-standard-2"}},
        {"location": ZONE, "autoscaling": {"minNodeCount": 2}, "nodeConfig": {"diskType": "pd-ssd", "diskSizeGb": "50"}},
        {"cluster": "elsewhere", "nodeConfig": {"machineType": "e2-standard-2", "spot": "true"}},
    ),
    *_each("gcp:container/cluster:Cluster", "cluster", {"location": ZONE, "initialNodeCount": 2}, {"location": REGION, "nodeLocations": [ZONE]}, {"initialNodeCount": 1, "nodeLocations": UNKNOWN}),
    *_each(
        "gcp:dataproc/cluster:Cluster",
        "hadoop",
        {"clusterConfig": {"masterConfig": {"numInstances": 3, "machineType": "n2-standard-4", "diskConfig": {"numLocalSsds": 2, "bootDiskType": "pd-ssd", "bootDiskSizeGb": 100}}}},
        {"clusterConfig": {"workerConfig": {"numInstances": 0, "machineType": "e2-medium"}, "preemptibleWorkerConfig": {"numInstances": 2}}},
        {"clusterConfig": {"workerConfig": {"machineType": "c2-standard-8", "accelerators": UNKNOWN}, "preemptibleWorkerConfig": {"numInstances": 2, "preemptibility": "NON_PREEMPTIBLE"}}},
        {"clusterConfig": {"masterConfig": {"machineType": "a2-highgpu-1g"}, "workerConfig": {"machineType": "f1-micro"}}},
        region=REGION,
    ),
    resource("gcp:dataproc/batch:Batch", "premium", runtimeConfig={"properties": {"spark.dataproc.driver.compute.tier": "premium", "spark.dataproc.driver.disk.tier": "premium"}}),
    *_each("gcp:dataflow/job:Job", "beam", {"numWorkers": 3, "enableStreamingEngine": "true"}, {"templateGcsPath": "gs://t/pub_sub_to_x", "enableStreamingEngine": False}, {"machineType": "n2-standard-2"}),
    *_each(_SPANNER, "spanner", {"processingUnits": 500}, {"edition": "EDITION_UNSPECIFIED", "numNodes": 2}, {"autoscalingConfig": {"autoscalingLimits": {"minNodes": 3}}}, {"autoscalingConfig": {"autoscalingLimits": {"minProcessingUnits": 2000}}}, {"edition": "ENTERPRISE"}, {"config": "nam4"}, config=f"projects/p/instanceConfigs/regional-{REGION}"),
    *_each("gcp:bigtable/instance:Instance", "wide", {"clusters": [{"zone": ZONE, "numNodes": 2, "storageType": "HDD"}, {"zone": "europe-west3-b", "autoscalingConfig": {"minNodes": 3}}]}, {"clusters": [{"zone": ZONE, "storageType": "TAPE"}]}, {"clusters": [{"storageType": UNKNOWN}]}),
    *_each("gcp:alloydb/instance:Instance", "alloy", {"cluster": "projects/p/locations/europe-west1/clusters/c", "availabilityType": "ZONAL"}, {"cluster": "c", "instanceType": "READ_POOL"}, {"cluster": "c", "machineConfig": {"machineType": "n2-highmem-16"}}),
    *_each("gcp:filestore/instance:Instance", "files", *({"tier": tier} for tier in ("BASIC_SSD", "PREMIUM", "STANDARD", "ZONAL", "HIGH_SCALE_SSD", "ENTERPRISE", "REGIONAL")), {"tier": "ZONAL", "fileShares": [{"capacityGb": 10}, {"capacityGb": "20"}]}, fileShares={"capacityGb": 1024}),
    *_each("gcp:kms/cryptoKey:CryptoKey", "key", *({"versionTemplate": {"protectionLevel": level, "algorithm": algorithm}} for level in ("HSM", "EXTERNAL", "EXTERNAL_VPC") for algorithm in ("GOOGLE_SYMMETRIC_ENCRYPTION", "EC_SIGN_P256_SHA256", "RSA_SIGN_PSS_2048_SHA256", "RSA_SIGN_PSS_4096_SHA256"))),
    *_each("gcp:bigquery/reservation:Reservation", "slots", {}, {"edition": "ENTERPRISE_PLUS", "slotCapacity": 100}),
    *_each("gcp:bigquery/dataset:Dataset", "dataset", {"location": "EU"}, {"storageBillingModel": "PHYSICAL"}, {"defaultTableExpirationMs": 86_400_000 * 30}),
    *_each("gcp:bigquery/table:Table", "table", {"view": {"query": "q"}}, {"externalDataConfiguration": {}}, {"timePartitioning": {"type": "DAY"}}, {"expirationTime": 1}),
    *_each("gcp:redis/instance:Instance", "cache", *({"tier": tier, "memorySizeGb": gb} for tier in ("BASIC", "STANDARD_HA") for gb in (4, 10, 35, 100, 101)), {"tier": "STANDARD_HA", "readReplicasMode": "READ_REPLICAS_ENABLED", "replicaCount": 1, "memorySizeGb": 6}),
    *_each("gcp:redis/cluster:Cluster", "caches", {"nodeType": "REDIS_HIGHMEM_XLARGE", "replicaCount": 2, "persistenceConfig": {"mode": "AOF"}}),
    *_each(_FUNCTION, "function", *({"availableMemoryMb": mb, "minInstances": 1} for mb in (128, 256, 257, 512, 1024, 2048, 4096, 8192, 8193))),
    *_each("gcp:cloudfunctionsv2/function:Function", "second", {}, {"serviceConfig": {"availableMemory": "2Gi", "availableCpu": "1", "minInstanceCount": 1}}, {"serviceConfig": {"availableMemory": "1024"}}, {"serviceConfig": {"availableMemory": UNKNOWN}}),
    *_each("gcp:cloudrunv2/service:Service", "service", {"template": {"containers": _CONTAINERS}, "scaling": {"scalingMode": "MANUAL", "manualInstanceCount": 2}}, {"template": {"containers": _CONTAINERS, "scaling": {"minInstanceCount": 1}}, "scaling": {"minInstanceCount": 3}}, {"template": {"nodeSelector": {"accelerator": "nvidia-l4"}}}, {}),
    *_each("gcp:cloudrun/service:Service", "knative", {"template": [{"spec": [{"containers": _CONTAINERS}], "metadata": [{"annotations": {"autoscaling.knative.dev/minScale": "1", "run.googleapis.com/cpu-throttling": "False"}}]}]}, {"metadata": {"annotations": {"run.googleapis.com/minScale": "2"}}}, {"metadata": {"annotations": {"run.googleapis.com/minScale": "many"}}}, {"metadata": {"annotations": {"run.googleapis.com/minScale": UNKNOWN}}}),
    *_each(_DATABASE, "database", *({"settings": {**_SQL, **each}} for each in ({"tier": "db-n1-highmem-4", "diskType": "PD_HDD"}, {"tier": "db-g1-small", "availabilityType": "REGIONAL", "activationPolicy": "NEVER"}, {"tier": "db-perf-optimized-N-8", "edition": "ENTERPRISE_PLUS", "dataCacheConfig": {"dataCacheEnabled": "true"}}, {"tier": "db-custom-2-7680", "backupConfiguration": {"enabled": True}, "diskSize": 100}))),
    *_each("gcp:storage/bucket:Bucket", "bucket", *({"storageClass": each} for each in ("MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY", "COLDLINE", "ARCHIVE", "nearline")), {"location": "NAM4", "rpo": "ASYNC_TURBO"}, {"location": "EU", "customPlacementConfig": {"dataLocations": ["EUROPE-WEST1", "EUROPE-WEST3"]}}, {"softDeletePolicy": {"retentionDurationSeconds": 0}}, {"versioning": {"enabled": True}}, location=REGION),
    *_each("gcp:pubsub/topic:Topic", "topic", {"name": "k", "ingestionDataSourceSettings": {"awsKinesis": {"streamArn": "a"}}}, {"name": "s", "messageTransforms": [{"disabled": True}, {"disabled": False}, {}]}, {"id": "projects/p/topics/by-id", "messageRetentionDuration": "1209600s"}),
    *_each("gcp:pubsub/subscription:Subscription", "subscription", {"topic": "projects/p/topics/by-id"}, {"topic": "k", "pushConfig": {"pushEndpoint": "x"}}, {"topic": "s", "bigqueryConfig": {"table": "t"}}, {"topic": "s", "cloudStorageConfig": {"bucket": "b"}}, {"topic": "elsewhere", "retainAckedMessages": "true", "messageRetentionDuration": "86400s"}, {"topic": UNKNOWN}),
    *_each("gcp:secretmanager/secret:Secret", "secret", {"id": "projects/p/secrets/s", "replication": {"userManaged": {"replicas": [{}, {}]}}, "rotation": {"rotationPeriod": "2592000s"}}, {"rotation": {"rotationPeriod": "60s"}}),
    *_each("gcp:secretmanager/secretVersion:SecretVersion", "version", {"secret": "projects/p/secrets/s"}, {"secret": UNKNOWN}),
    *_each("gcp:cloudscheduler/job:Job", "job", {"paused": "true"}, {}),
    *_each("gcp:logging/projectBucketConfig:ProjectBucketConfig", "logs", {"retentionDays": 30}, {"retentionDays": 400}),
    *_each("gcp:logging/metric:Metric", "metric", {}, {"metricDescriptor": {"valueType": "DOUBLE"}}),
    *_each("gcp:firestore/database:Database", "documents", {"name": "(default)", "locationId": "nam5"}, {"name": "more", "locationId": "eur3", "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_ENABLED"}, {"databaseEdition": "ENTERPRISE"}),
    *_each("gcp:compute/routerNat:RouterNat", "nat", {"natIpAllocateOption": "MANUAL_ONLY"}),
    *_each("gcp:vpcaccess/connector:Connector", "connector", {"minInstances": 4}, {"machineType": "f1-micro"}),
    *_each("gcp:composer/environment:Environment", "composer", *({"config": {"softwareConfig": {"imageVersion": version}, "resilienceMode": "HIGH_RESILIENCE", "workloadsConfig": {"worker": {"minCount": 3, "cpu": 2}, "triggerer": {"count": 0}}}} for version in ("composer-2.9", "composer-3")), {"config": {"environmentSize": "ENVIRONMENT_SIZE_LARGE", "softwareConfig": {"imageVersion": "composer-2"}}}),
)  # fmt: skip
