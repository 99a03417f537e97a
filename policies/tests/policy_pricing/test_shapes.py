"""Programs of others, in three shapes that many run: estimated whole, with nothing left unpriced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from fastyle_policies.pricing import Estimate, documents, estimate
from fastyle_policies.pricing.report import plain
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.pricing.services.free import why_free

from policy_pricing import shapes
from policy_pricing.bills import usage_of


def of(document: documents.Document, used: Mapping[str, Mapping[str, Any]] | None = None) -> Estimate:
    return estimate(document.resources, usage_of(**(used or {})), region=document.region, notes=document.notes)


def costs(estimate: Estimate) -> dict[str, str]:
    return {r.name: plain(r.monthly) for r in estimate.resources if r.monthly}


@pytest.mark.parametrize(
    "shape", [shapes.web_shop_on_gke, shapes.data_lake_on_composer_and_dataflow, shapes.saas_on_cloud_run]
)
def test_nothing_of_it_is_left_unpriced(shape: Callable[[], documents.Document]) -> None:
    estimate = of(shape())
    assert estimate.unpriced == ()
    assert estimate.total > 50


def test_a_web_shop_on_gke() -> None:
    """Three nodes of e2-standard-4: 3 x (63.6898428 + 34.1468304) = 293.5100196, 150 GiB x 0.1 = 15; the cluster 73; Cloud SQL
    twice 60.298 + 8 x 730 x 0.007 = 40.88, 100 GB x 0.17 = 17: 219.356; Redis 2 x 730 x 0.049 = 71.54; rule 18.25, which
    makes its address free; NAT 730 x (0.0014 + 0.005) = 4.672; zone 0.2; version 0.06."""
    estimate = of(shapes.web_shop_on_gke())
    assert costs(estimate) == {
        "general": "308.5100196",
        "shop": "73",
        "orders": "219.356",
        "carts": "71.54",
        "https": "18.25",
        "nat": "4.672",
        "zone": "0.2",
        "token-1": "0.06",
    }
    assert plain(estimate.total) == "695.5280196"  # without the 0.06 of the free versions


def test_a_data_lake_on_composer_and_dataflow() -> None:
    """Composer's preset at the upper end 525.6 and its database 1.7000021; Dataflow in Belgium around the clock, one
    n1-standard-4 and its disk; a key 0.06. Traffic of a month: 100 million messages of 1,000 bytes published and pulled,
    93.132257462 GiB x 0.0390625 = 3.637978807 each; 50 slot-hours x 200 = 10,000 x 0.044 = 440; 1,000 GiB written into the lake of the
    EU: a month at 0.026, thereafter nearline at 0.015."""
    used = {
        "events": {"monthly_messages": 100_000_000},
        "slots": {"monthly_autoscaled_slot_hours": 10_000},
        "lake": {"monthly_written_gib": 1000, "after_months": 12},
        "spark": {"monthly_dcu_hours": 100},
    }
    estimate = of(shapes.data_lake_on_composer_and_dataflow(), used)
    amounts = costs(estimate)
    assert amounts["airflow"] == "527.3000021"
    throughput = plain(Decimal("93.132257462") * Decimal("0.0390625"))
    assert amounts["events"] == amounts["to-beam"] == throughput
    assert amounts["slots"] == "440"
    assert amounts["key"] == "0.06"
    # 4 x 730 x 0.0756 + 15 x 730 x the memory of europe-west1 + 30 x 730 x Iowa's disk, for want of Belgium's.
    assert Decimal(amounts["stream"]) > 200
    lake = {line.name: line for r, line in estimate.lines() if r.name == "lake"}
    days = Decimal(365) / 12
    assert abs(lake["Storage, standard"].quantity - 1000 * 30 / days) < Decimal("1e-6")
    assert abs(lake["Storage, nearline"].quantity - 1000 * (365 - 30) / days) < Decimal("1e-6")
    assert lake["Storage, nearline"].rate.price == Decimal("0.015")
    assert any("europe-west1" in note and "composer-3.dcu" in note for note in estimate.notes)


def test_a_saas_on_cloud_run() -> None:
    """Frankfurt. A minimum instance 2,628,000 x 0.0000035 = 9.198 for 1 vCPU and 1 GiB each; two global rules 18.25 together;
    main 730 x 0.042 = 30.66, 20 GB x 0.204 = 4.08, and its replica the same; a job 0.1, which is free."""
    estimate = of(shapes.saas_on_cloud_run())
    assert costs(estimate) == {"app": "18.396", "http": "18.25", "main": "34.74", "replica": "34.74", "nightly": "0.1"}
    assert plain(estimate.total) == "106.126"


# What a typical program of each shape is made of, by the services that its authors reach for; shapes.py estimates one of
# each. Whatever is neither priced nor free must stand in UNPRICED with the reason.
TYPICAL = {
    "web shop on GKE": """
        compute/network:Network compute/subnetwork:Subnetwork compute/firewall:Firewall compute/router:Router
        compute/routerNat:RouterNat compute/address:Address compute/globalAddress:GlobalAddress compute/backendBucket:BackendBucket
        compute/backendService:BackendService compute/healthCheck:HealthCheck compute/uRLMap:URLMap
        compute/targetHttpsProxy:TargetHttpsProxy compute/targetHttpProxy:TargetHttpProxy compute/sSLPolicy:SSLPolicy
        compute/globalForwardingRule:GlobalForwardingRule compute/managedSslCertificate:ManagedSslCertificate
        compute/sslCertificate:SSLCertificate compute/securityPolicy:SecurityPolicy compute/disk:Disk container/cluster:Cluster
        container/nodePool:NodePool dns/managedZone:ManagedZone dns/recordSet:RecordSet redis/instance:Instance
        redis/cluster:Cluster sql/databaseInstance:DatabaseInstance sql/database:Database sql/user:User storage/bucket:Bucket
        artifactregistry/repository:Repository secretmanager/secret:Secret secretmanager/secretVersion:SecretVersion
        kms/keyRing:KeyRing kms/cryptoKey:CryptoKey serviceaccount/account:Account serviceaccount/iAMMember:IAMMember
        projects/iAMMember:IAMMember projects/service:Service servicenetworking/connection:Connection
        cloudbuild/trigger:Trigger monitoring/alertPolicy:AlertPolicy monitoring/uptimeCheckConfig:UptimeCheckConfig
        gkebackup/backupPlan:BackupPlan""",
    "data lake on Composer and Dataflow": """
        storage/bucket:Bucket storage/bucketObject:BucketObject storage/notification:Notification bigquery/dataset:Dataset
        bigquery/table:Table bigquery/routine:Routine bigquery/connection:Connection bigquery/datasetIamMember:DatasetIamMember
        bigquery/dataTransferConfig:DataTransferConfig bigquery/job:Job bigquery/reservation:Reservation
        bigquery/reservationAssignment:ReservationAssignment composer/environment:Environment dataflow/job:Job
        dataflow/flexTemplateJob:FlexTemplateJob dataproc/cluster:Cluster dataproc/batch:Batch
        dataproc/autoscalingPolicy:AutoscalingPolicy dataproc/metastoreService:MetastoreService pubsub/topic:Topic
        pubsub/subscription:Subscription pubsub/schema:Schema datastream/stream:Stream
        datastream/connectionProfile:ConnectionProfile dataplex/lake:Lake dataplex/zone:Zone dataplex/asset:Asset
        datacatalog/taxonomy:Taxonomy datacatalog/policyTag:PolicyTag storage/transferJob:TransferJob
        cloudfunctionsv2/function:Function cloudscheduler/job:Job logging/projectSink:ProjectSink kms/cryptoKey:CryptoKey
        compute/network:Network compute/subnetwork:Subnetwork compute/routerNat:RouterNat secretmanager/secret:Secret
        serviceaccount/account:Account projects/iAMMember:IAMMember artifactregistry/repository:Repository""",
    "SaaS on Cloud Run": """
        cloudrunv2/service:Service cloudrunv2/job:Job cloudrunv2/serviceIamMember:ServiceIamMember
        cloudrun/domainMapping:DomainMapping compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup
        compute/backendService:BackendService compute/uRLMap:URLMap compute/targetHttpsProxy:TargetHttpsProxy
        compute/globalForwardingRule:GlobalForwardingRule compute/globalAddress:GlobalAddress
        compute/managedSslCertificate:ManagedSslCertificate compute/securityPolicy:SecurityPolicy iap/brand:Brand iap/client:Client
        iap/webBackendServiceIamMember:WebBackendServiceIamMember vpcaccess/connector:Connector compute/network:Network
        sql/databaseInstance:DatabaseInstance sql/database:Database sql/user:User redis/instance:Instance
        firestore/database:Database firestore/index:Index storage/bucket:Bucket pubsub/topic:Topic
        pubsub/subscription:Subscription cloudtasks/queue:Queue cloudscheduler/job:Job eventarc/trigger:Trigger
        workflows/workflow:Workflow cloudbuild/trigger:Trigger cloudbuildv2/connection:Connection
        cloudbuildv2/repository:Repository artifactregistry/repository:Repository secretmanager/secret:Secret
        secretmanager/secretIamMember:SecretIamMember dns/managedZone:ManagedZone dns/recordSet:RecordSet
        identityplatform/config:Config firebase/project:Project firebase/webApp:WebApp monitoring/alertPolicy:AlertPolicy
        monitoring/uptimeCheckConfig:UptimeCheckConfig logging/metric:Metric billing/budget:Budget""",
}
UNPRICED = {
    "compute/securityPolicy:SecurityPolicy": "no citable rate for Cloud Armor's policies, rules and requests",
    "monitoring/uptimeCheckConfig:UptimeCheckConfig": "no citable rate for executions of checks",
    "gkebackup/backupPlan:BackupPlan": "no citable rate for protected pods and backups",
    "bigquery/dataTransferConfig:DataTransferConfig": "free or not by its source, of which no rate is citable",
    "dataproc/metastoreService:MetastoreService": "no citable rate for its tiers",
    "datastream/stream:Stream": "its published rates are quoted as unconfirmed, by one source",
    "dataplex/lake:Lake": "its processing is billed by DCU, of which no rate is citable",
    "dataplex/zone:Zone": "as its lake",
    "dataplex/asset:Asset": "as its lake",
    "storage/transferJob:TransferJob": "free or not by its agents, of which the only rate is unconfirmed",
    "workflows/workflow:Workflow": "no citable rate for its steps",
    "identityplatform/config:Config": "no citable rate for active users",
}


@pytest.mark.parametrize("shape", TYPICAL)
def test_what_a_typical_program_has_is_priced_or_free_or_named_with_the_reason(shape: str) -> None:
    types = TYPICAL[shape].split()
    left = {t for t in types if f"gcp:{t}" not in PRICERS and not why_free(f"gcp:{t}")}
    assert left == set(UNPRICED) & set(types)
    assert len(left) < len(types) / 5


def test_no_reason_is_left_for_what_is_priced() -> None:
    assert {t for t in UNPRICED if f"gcp:{t}" in PRICERS or why_free(f"gcp:{t}")} == set()
