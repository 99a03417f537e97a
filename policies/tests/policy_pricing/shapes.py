"""Three shapes of programs that many people run, as Pulumi previews them before anything exists: links unknown."""

from __future__ import annotations

from typing import Any

from fastyle_policies.pricing import documents
from fastyle_policies.pricing.documents import COMPUTED

Made = tuple[str, str, dict[str, Any], dict[str, list[str]]]


def program(region: str, *made: Made) -> documents.Document:
    """A preview of these resources: type, name, inputs, and the names that properties were computed from."""
    types = {name: type_ for type_, name, _, _ in made}

    def urn(name: str) -> str:
        return f"urn:pulumi:prod::theirs::{types[name]}::{name}"

    steps = [
        {
            "op": "create",
            "urn": urn(name),
            "newState": {
                "urn": urn(name),
                "custom": True,
                "type": type_,
                "inputs": inputs,
                "propertyDependencies": {key: [urn(each) for each in names] for key, names in links.items()},
            },
        }
        for type_, name, inputs, links in made
    ]
    config = {"gcp:region": region, "gcp:project": "theirs"}
    return documents.read({"config": config, "steps": steps, "changeSummary": {"create": len(steps)}})


def web_shop_on_gke() -> documents.Document:
    """Microservices in a regional cluster behind an HTTPS load balancer, with Cloud SQL, Redis and a cache of images."""
    return program(
        "us-central1",
        ("gcp:projects/service:Service", "container-api", {"service": "container.googleapis.com"}, {}),
        ("gcp:compute/network:Network", "vpc", {"name": "vpc", "autoCreateSubnetworks": False}, {}),
        ("gcp:compute/subnetwork:Subnetwork", "nodes", {"network": COMPUTED}, {"network": ["vpc"]}),
        ("gcp:compute/router:Router", "router", {"network": COMPUTED}, {"network": ["vpc"]}),
        ("gcp:compute/routerNat:RouterNat", "nat", {"router": COMPUTED, "natIpAllocateOption": "AUTO_ONLY"}, {}),
        ("gcp:compute/firewall:Firewall", "health", {"network": COMPUTED}, {"network": ["vpc"]}),
        ("gcp:serviceaccount/account:Account", "nodes-account", {"accountId": "nodes"}, {}),
        ("gcp:projects/iAMMember:IAMMember", "nodes-logs", {"role": "roles/logging.logWriter"}, {}),
        (
            "gcp:container/cluster:Cluster",
            "shop",
            {"name": "shop", "location": "us-central1", "removeDefaultNodePool": True, "initialNodeCount": 1},
            {},
        ),
        (
            "gcp:container/nodePool:NodePool",
            "general",
            {
                "cluster": COMPUTED,
                "autoscaling": {"minNodeCount": 1, "maxNodeCount": 4},
                "nodeConfig": {"machineType": "e2-standard-4", "diskSizeGb": 50, "serviceAccount": COMPUTED},
            },
            {"cluster": ["shop"], "nodeConfig": ["nodes-account"]},
        ),
        ("kubernetes:core/v1:Namespace", "shop-namespace", {}, {}),
        ("kubernetes:apps/v1:Deployment", "frontend", {}, {}),
        ("gcp:compute/globalAddress:GlobalAddress", "address", {"name": "shop"}, {}),
        ("gcp:compute/managedSslCertificate:ManagedSslCertificate", "certificate", {}, {}),
        ("gcp:compute/healthCheck:HealthCheck", "alive", {}, {}),
        ("gcp:compute/backendService:BackendService", "backend", {}, {}),
        ("gcp:compute/uRLMap:URLMap", "routes", {}, {}),
        ("gcp:compute/targetHttpsProxy:TargetHttpsProxy", "proxy", {}, {}),
        (
            "gcp:compute/globalForwardingRule:GlobalForwardingRule",
            "https",
            {"target": COMPUTED, "portRange": "443", "ipAddress": COMPUTED},
            {"target": ["proxy"], "ipAddress": ["address"]},
        ),
        (
            "gcp:sql/databaseInstance:DatabaseInstance",
            "orders",
            {
                "databaseVersion": "POSTGRES_16",
                "region": "us-central1",
                "settings": {
                    "tier": "db-custom-2-8192",
                    "availabilityType": "REGIONAL",
                    "diskSize": 50,
                    "ipConfiguration": {"ipv4Enabled": False, "privateNetwork": COMPUTED},
                },
            },
            {"settings": ["vpc"]},
        ),
        ("gcp:sql/database:Database", "shop-db", {"instance": COMPUTED}, {"instance": ["orders"]}),
        ("gcp:sql/user:User", "shop-user", {"instance": COMPUTED}, {"instance": ["orders"]}),
        ("random:index/randomPassword:RandomPassword", "password", {"length": 24}, {}),
        ("gcp:redis/instance:Instance", "carts", {"tier": "BASIC", "memorySizeGb": 2, "region": "us-central1"}, {}),
        ("gcp:dns/managedZone:ManagedZone", "zone", {"dnsName": "shop.example."}, {}),
        ("gcp:dns/recordSet:RecordSet", "www", {"managedZone": COMPUTED}, {"managedZone": ["zone"]}),
        ("gcp:artifactregistry/repository:Repository", "images", {"location": "us-central1", "format": "DOCKER"}, {}),
        ("gcp:storage/bucket:Bucket", "media", {"location": "US"}, {}),
        ("gcp:secretmanager/secret:Secret", "token", {"secretId": "token", "replication": {"auto": {}}}, {}),
        ("gcp:secretmanager/secretVersion:SecretVersion", "token-1", {"secret": COMPUTED}, {"secret": ["token"]}),
    )


def data_lake_on_composer_and_dataflow() -> documents.Document:
    """Events through Pub/Sub and Dataflow into a lake and BigQuery, orchestrated by Composer, encrypted with own keys."""
    return program(
        "europe-west1",
        ("gcp:kms/keyRing:KeyRing", "ring", {"location": "europe-west1"}, {}),
        ("gcp:kms/cryptoKey:CryptoKey", "key", {"keyRing": COMPUTED}, {"keyRing": ["ring"]}),
        ("gcp:pubsub/schema:Schema", "event", {"type": "AVRO"}, {}),
        ("gcp:pubsub/topic:Topic", "events", {"name": "events"}, {}),
        ("gcp:pubsub/topic:Topic", "dead", {"name": "dead"}, {}),
        ("gcp:pubsub/subscription:Subscription", "to-beam", {"topic": COMPUTED}, {"topic": ["events"]}),
        ("gcp:storage/bucket:Bucket", "landing", {"location": "EUROPE-WEST1"}, {}),
        (
            "gcp:storage/bucket:Bucket",
            "lake",
            {
                "location": "EU",
                "lifecycleRules": [
                    {"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 30}}
                ],
            },
            {},
        ),
        ("gcp:storage/bucketIAMMember:BucketIAMMember", "lake-writer", {"bucket": COMPUTED}, {"bucket": ["lake"]}),
        ("gcp:bigquery/dataset:Dataset", "raw", {"datasetId": "raw", "location": "EU"}, {}),
        ("gcp:bigquery/table:Table", "events-table", {"datasetId": COMPUTED, "timePartitioning": {"type": "DAY"}}, {}),
        ("gcp:bigquery/connection:Connection", "lake-connection", {"location": "EU"}, {}),
        (
            "gcp:bigquery/reservation:Reservation",
            "slots",
            {"location": "europe-west1", "edition": "STANDARD", "slotCapacity": 0, "autoscale": {"maxSlots": 100}},
            {},
        ),
        ("gcp:bigquery/reservationAssignment:ReservationAssignment", "assigned", {"reservation": COMPUTED}, {}),
        (
            "gcp:dataflow/flexTemplateJob:FlexTemplateJob",
            "stream",
            {"containerSpecGcsPath": "gs://t/stream.json", "enableStreamingEngine": True, "region": "europe-west1"},
            {},
        ),
        (
            "gcp:composer/environment:Environment",
            "airflow",
            {"region": "europe-west1", "config": {"softwareConfig": {"imageVersion": "composer-3-airflow-2.10.5"}}},
            {},
        ),
        ("gcp:dataproc/batch:Batch", "spark", {"location": "europe-west1"}, {}),
        ("gcp:datacatalog/taxonomy:Taxonomy", "taxonomy", {}, {}),
        ("gcp:datacatalog/policyTag:PolicyTag", "personal", {}, {}),
        ("gcp:logging/projectSink:ProjectSink", "audit", {"destination": COMPUTED}, {"destination": ["lake"]}),
        ("gcp:monitoring/alertPolicy:AlertPolicy", "lag", {}, {}),
        ("gcp:monitoring/notificationChannel:NotificationChannel", "mail", {}, {}),
    )


def saas_on_cloud_run() -> documents.Document:
    """Tenants' services on Cloud Run behind a global load balancer, Firestore, queues, and a replica for reports."""
    service = {
        "containers": [{"image": "app", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "cpuIdle": True}}]
    }
    settings = {"tier": "db-g1-small", "ipConfiguration": {"ipv4Enabled": False}}
    return program(
        "europe-west3",
        (
            "gcp:cloudrunv2/service:Service",
            "app",
            {"location": "europe-west3", "template": {**service, "scaling": {"minInstanceCount": 1}}},
            {},
        ),
        ("gcp:cloudrunv2/job:Job", "reports", {"location": "europe-west3", "template": {"template": service}}, {}),
        ("gcp:cloudrunv2/serviceIamMember:ServiceIamMember", "public", {"role": "roles/run.invoker"}, {}),
        (
            "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup",
            "endpoints",
            {"region": "europe-west3"},
            {},
        ),
        ("gcp:compute/backendService:BackendService", "backend", {}, {}),
        ("gcp:compute/uRLMap:URLMap", "routes", {}, {}),
        ("gcp:compute/targetHttpsProxy:TargetHttpsProxy", "proxy", {}, {}),
        ("gcp:compute/targetHttpProxy:TargetHttpProxy", "redirect", {}, {}),
        ("gcp:compute/globalForwardingRule:GlobalForwardingRule", "https", {"target": COMPUTED}, {"target": ["proxy"]}),
        (
            "gcp:compute/globalForwardingRule:GlobalForwardingRule",
            "http",
            {"target": COMPUTED},
            {"target": ["redirect"]},
        ),
        ("gcp:firestore/database:Database", "tenants", {"locationId": "eur3"}, {}),
        ("gcp:firestore/index:Index", "by-name", {"database": COMPUTED}, {"database": ["tenants"]}),
        (
            "gcp:sql/databaseInstance:DatabaseInstance",
            "main",
            {"databaseVersion": "POSTGRES_16", "region": "europe-west3", "settings": {**settings, "diskSize": 20}},
            {},
        ),
        (
            "gcp:sql/databaseInstance:DatabaseInstance",
            "replica",
            {
                "databaseVersion": "POSTGRES_16",
                "region": "europe-west3",
                "masterInstanceName": COMPUTED,
                "settings": settings,
            },
            {"masterInstanceName": ["main"]},
        ),
        ("gcp:cloudscheduler/job:Job", "nightly", {"schedule": "0 3 * * *", "region": "europe-west3"}, {}),
        ("gcp:cloudfunctions/function:Function", "hook", {"region": "europe-west3", "availableMemoryMb": 256}, {}),
        ("gcp:storage/bucket:Bucket", "uploads", {"location": "EUROPE-WEST3"}, {}),
        ("gcp:monitoring/dashboard:Dashboard", "overview", {}, {}),
        ("tls:index/privateKey:PrivateKey", "signing", {}, {}),
    )
