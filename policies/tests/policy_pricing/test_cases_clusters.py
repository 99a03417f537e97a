"""Hand-computed bills of what computes in clusters: GKE, Dataflow, Dataproc, Kafka, older Cloud Run and functions.

Rates of us-central1, list price, a month of 730 hours or 2,628,000 seconds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing.services.dataflow import FLEX_JOB, JOB
from fastyle_policies.pricing.services.dataproc import BATCH
from fastyle_policies.pricing.services.dataproc import CLUSTER as DATAPROC
from fastyle_policies.pricing.services.functions_v1 import FUNCTION
from fastyle_policies.pricing.services.gke import CLUSTER, NODE_POOL
from fastyle_policies.pricing.services.kafka import CLUSTER as KAFKA
from fastyle_policies.pricing.services.run import SERVICE_V1 as SERVICE

from policy_pricing.bills import bill, estimated, prices, resource


def cluster(**props: Any) -> Resource:
    given = {"name": "main", "location": "us-central1", "removeDefaultNodePool": True, **props}
    return resource(CLUSTER, "cluster", **given)


@prices(CLUSTER)
def test_a_cluster_has_a_fee_and_one_that_is_zonal_or_autopilot_is_free() -> None:
    """730 x 0.10 = 73, which the 744 free hours cover where the cluster is in one zone or is Autopilot."""
    for props, total in (({}, "73"), ({"location": "us-central1-a"}, "0"), ({"enableAutopilot": True}, "0")):
        estimate = estimated(cluster(**props))
        assert str(estimate.list_price.normalize()) == "73"
        assert str(estimate.total.normalize()) == total, props


@prices(CLUSTER)
def test_pods_of_autopilot_are_billed_by_what_they_request() -> None:
    """2 vCPU x 730 x 0.0445 = 64.97; 8 GiB x 730 x 0.0049225 = 28.7474; 10 GiB x 730 x 0.0000548 = 0.40004."""
    pods = {"pod_vcpus": 2, "pod_memory_gib": 8, "pod_storage_gib": 10}
    estimate = bill(cluster(enableAutopilot=True), cluster=pods)
    assert estimate == {
        "Cluster": ("730", "73"),
        "Pods, vCPU of vcpu": ("1460", "64.97"),
        "Pods, GiB of memory": ("5840", "28.7474"),
        "Pods, GiB of storage": ("7300", "0.40004"),
    }
    assert "what its pods request is usage" in estimated(cluster(enableAutopilot=True)).notes[0]


@prices(CLUSTER)
def test_the_default_pool_of_a_regional_cluster_is_in_three_zones() -> None:
    """1 x 3 e2-medium x 730 x 0.03350571 = 73.3775049; 3 x 100 GiB x 0.1 = 30."""
    assert bill(cluster(removeDefaultNodePool=False, initialNodeCount=1)) == {
        "Cluster": ("730", "73"),
        "Default pool, Machine": ("2190", "73.3775049"),
        "Default pool, boot disk, pd-balanced": ("300", "30"),
    }
    two = cluster(removeDefaultNodePool=False, initialNodeCount=2, nodeLocations=["us-central1-a", "us-central1-b"])
    assert bill(two)["Default pool, Machine"][0] == "2920"  # 2 x 2 x 730
    zonal = cluster(
        removeDefaultNodePool=False, initialNodeCount=2, location="us-central1-a", nodeLocations=["us-central1-b"]
    )
    assert bill(zonal)["Default pool, Machine"][0] == "2920"  # its own zone and one more
    assert bill(two, cluster={"nodes": 1})["Default pool, Machine"][0] == "730"
    own = cluster(removeDefaultNodePool=False, initialNodeCount=1, nodeConfig={"diskType": "pd-ssd", "diskSizeGb": 10})
    assert bill(own)["Default pool, boot disk, pd-ssd"] == ("30", "5.1")


@prices(NODE_POOL)
def test_a_node_pool_has_its_nodes_in_each_zone_of_its_cluster() -> None:
    """2 a zone x 3 zones x 4 vCPU x 730 x 0.02181159 = 382.1390568; memory 6 x 16 x 730 x 0.00292353 = 204.8809824; 6 x 50 GiB
    of SSD x 0.17 = 51. Spot: 6 x 4 x 730 x 0.01309 = 229.3368."""
    config = {"machineType": "e2-standard-4", "diskSizeGb": 50, "diskType": "pd-ssd"}
    pool = resource(NODE_POOL, "pool", cluster="main", nodeCount=2, nodeConfig=config)
    assert {k: v for k, v in bill(cluster(), pool).items() if k.startswith("pool")} == {
        "pool: vCPU": ("17520", "382.1390568"),
        "pool: Memory": ("70080", "204.8809824"),
        "pool: Boot disk, pd-ssd": ("300", "51"),
    }
    spot = resource(NODE_POOL, "pool", cluster="main", nodeCount=2, nodeConfig={**config, "spot": True})
    assert bill(cluster(), spot)["pool: vCPU, spot"] == ("17520", "229.3368")


@prices(NODE_POOL)
@pytest.mark.parametrize(
    ("props", "nodes"),
    [
        ({"autoscaling": {"minNodeCount": 2, "maxNodeCount": 9}}, 6),
        ({"autoscaling": {"totalMinNodeCount": 4, "totalMaxNodeCount": 9}}, 4),
        ({"initialNodeCount": 3}, 9),
        ({}, 3),
        ({"nodeCount": 1, "nodeLocations": ["us-central1-a"]}, 1),
    ],
)
def test_how_many_nodes_a_pool_has_at_least(props: dict[str, Any], nodes: int) -> None:
    """Each e2-medium: n x 730 x 0.03350571."""
    pool = resource(NODE_POOL, "pool", cluster="main", **props)
    estimate = bill(cluster(), pool)
    assert estimate["pool: Machine"][0] == str(730 * nodes)
    assert bill(cluster(), pool, pool={"nodes": 7})["pool: Machine"][0] == str(730 * 7)
    noted = any("its autoscaler keeps" in note for note in estimated(cluster(), pool).notes)
    assert noted is ("autoscaling" in props)


@prices(NODE_POOL)
def test_a_node_pool_of_a_first_preview_is_where_its_cluster_is() -> None:
    """Frankfurt, one zone: 730 x the e2-medium of europe-west3."""
    there = cluster(location="europe-west3-a")
    pool = replace(resource(NODE_POOL, "pool", cluster=UNKNOWN), references={"cluster": (there.urn,)})
    [machine] = [line for _, line in estimated(there, pool).lines() if line.name == "Machine"]
    assert (machine.rate.region, str(machine.quantity)) == ("europe-west3", "730.000000000")
    assert "its cluster is outside this plan; reckoned with one zone" in estimated(pool).notes[0]
    for where in ({"location": "us-central1-b"}, {"nodeLocations": ["us-central1-a"]}):
        assert estimated(resource(NODE_POOL, cluster="elsewhere", **where)).notes == (), "it says itself where it is"


@prices(NODE_POOL)
@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"machineType": "m3-ultramem-32"}, "the price book has no rates for machine type m3-ultramem-32"),
        ({"guestAccelerators": [{"count": 1}]}, "the price book has no rates for GPUs 1 x of no name"),
        ({"diskSizeGb": "x"}, "diskSizeGb is 'x', which is no size"),
    ],
)
def test_nodes_that_the_book_cannot_price_are_not_estimated(config: dict[str, Any], why: str) -> None:
    assert estimated(resource(NODE_POOL, nodeConfig=config)).not_estimated == {NODE_POOL: [f"it: {why}"]}


@prices(NODE_POOL)
def test_nodes_with_gpus() -> None:
    """Two nodes of n1-standard-4 with a V100 each: 2 x 511 x 2.48 = 2534.56; L4 of two g2-standard-8: 1,460 x 0.56004 = 817.6584."""
    gpus = [{"type": "nvidia-tesla-v100", "count": 1}]
    pool = resource(
        NODE_POOL,
        location="us-central1-a",
        nodeCount=2,
        nodeConfig={"machineType": "n1-standard-4", "guestAccelerators": gpus},
    )
    assert bill(pool)["GPU, nvidia-tesla-v100"] == ("1022", "2534.56")
    pool = resource(NODE_POOL, location="us-central1-a", nodeCount=2, nodeConfig={"machineType": "g2-standard-8"})
    assert bill(pool)["GPU, nvidia-l4"] == ("1460", "817.6584")


@prices(JOB, FLEX_JOB)
@pytest.mark.parametrize("type_", [JOB, FLEX_JOB])
def test_a_streaming_job_runs_its_workers_around_the_clock(type_: str) -> None:
    """One n1-standard-4: 4 x 730 x 0.069 = 201.48; 15 GiB x 730 x 0.003557 = 38.94915; 30 GiB x 730 x 0.000054 = 1.1826; 100 unit-hours
    x 0.089 = 8.9."""
    path = {JOB: "templateGcsPath", FLEX_JOB: "containerSpecGcsPath"}[type_]
    job = resource(type_, **{path: "gs://dataflow-templates/latest/PubSub_to_BigQuery"})
    assert bill(job, it={"monthly_streaming_unit_hours": 100}) == {
        "Workers, vCPU": ("2920", "201.48"),
        "Workers, memory": ("10950", "38.94915"),
        "Workers, disk": ("21900", "1.1826"),
        "Streaming Engine": ("100", "8.9"),
    }
    assert "by its template's name reckoned as streaming" in estimated(job).notes[0]
    two = resource(type_, enableStreamingEngine=True, numWorkers=2, machineType="n1-standard-2")
    assert bill(two)["Workers, vCPU"] == ("2920", "201.48")
    assert estimated(two).notes == ()


@prices(JOB)
def test_a_batch_job_costs_the_hours_that_it_works() -> None:
    """100 worker-hours of n1-standard-1: 100 x 0.056 = 5.6; 3.75 GiB x 100 x 0.003557 = 1.333875; 30 GiB x 100 x 0.000054 = 0.162;
    500 GiB shuffled x 0.011 = 5.5."""
    job = resource(JOB, templateGcsPath="gs://dataflow-templates/latest/GCS_Text_to_BigQuery")
    assert bill(job, it={"monthly_worker_hours": 100, "monthly_shuffled_gib": 500}) == {
        "Workers, vCPU": ("100", "5.6"),
        "Workers, memory": ("375", "1.333875"),
        "Workers, disk": ("3000", "0.162"),
        "Shuffle": ("500", "5.5"),
    }
    assert any("is a batch job" in note for note in estimated(job).notes)
    shared = estimated(resource(JOB, machineType="e2-medium"))
    assert "does not know the vCPUs of e2-medium" in str(shared.unpriced[0])


@prices(DATAPROC)
def test_a_dataproc_cluster_is_its_machines_and_a_fee() -> None:
    """A master of n2-standard-4 and two workers of n2-standard-8, of 100 GiB each, for 365 of 730 hours: sustained use makes of
    365 h 182.5 x 1.8678 = 340.8735; 4 x 340.8735 x 0.031611 = 43.101408834; 16 GiB x 340.8735 x 0.004237 = 23.108496312; workers
    four times that. Disks half the month: 50 x 0.04 = 2, 100 x 0.04 = 4. Fee: 20 vCPU x 365 x 0.01 = 73."""
    disk = {"bootDiskSizeGb": 100}
    config = {
        "masterConfig": {"numInstances": 1, "machineType": "n2-standard-4", "diskConfig": disk},
        "workerConfig": {"numInstances": 2, "machineType": "n2-standard-8", "diskConfig": disk},
    }
    estimate = bill(resource(DATAPROC, region="us-central1", clusterConfig=config), it={"monthly_running_hours": 365})
    assert estimate == {
        "Masters, vCPU": ("1363.494", "43.101408834"),
        "Masters, Memory": ("5453.976", "23.108496312"),
        "Masters, boot disk, pd-standard": ("50", "2"),
        "Workers, vCPU": ("5453.976", "172.405635336"),
        "Workers, Memory": ("21815.904", "92.433985248"),
        "Workers, boot disk, pd-standard": ("100", "4"),
        "Dataproc fee": ("7300", "73"),
    }


@prices(DATAPROC)
def test_secondary_workers_are_spot_and_a_cluster_has_googles_defaults() -> None:
    """Default: one master, two workers of n1-standard-4: 12 vCPU x 730 x 0.01 = 87.6; 3 secondary: 12 more. Their vCPUs: 12 x
    730 x 0.01115 = 97.674."""
    usual = bill(resource(DATAPROC))
    assert usual["Dataproc fee"] == ("8760", "87.6")
    assert usual["Workers, boot disk, pd-standard"] == ("1000", "40")
    more = bill(resource(DATAPROC, clusterConfig={"preemptibleWorkerConfig": {"numInstances": 3}}))
    assert more["Dataproc fee"] == ("17520", "175.2")
    assert more["Secondary, vCPU, spot"] == ("8760", "97.674")
    assert "those of a Kubernetes cluster" in str(
        estimated(resource(DATAPROC, virtualClusterConfig={"a": 1})).unpriced[0]
    )


@prices(BATCH)
def test_serverless_spark_by_dcu_hours() -> None:
    """100 DCU-hours x 0.06 = 6, premium x 0.089 = 8.9; 10 GB-months x 0.04 = 0.4, premium x 0.1 = 1."""
    used = {"monthly_dcu_hours": 100, "shuffle_gb_months": 10}
    assert bill(resource(BATCH), it=used) == {"Compute": ("100", "6"), "Shuffle storage": ("10", "0.4")}
    tiers = {"spark.dataproc.driver.compute.tier": "premium", "spark.dataproc.driver.disk.tier": "premium"}
    premium = resource(BATCH, runtimeConfig={"properties": tiers})
    assert bill(premium, it=used) == {"Compute": ("100", "8.9"), "Shuffle storage": ("10", "1")}


@prices(KAFKA)
def test_a_kafka_cluster_by_dcus_and_storage() -> None:
    """3 vCPU and 12 GiB: (1.8 + 1.2) x 730 = 2,190 x 0.09 = 197.1; 300 GiB x 730 = 219,000 x 0.000232877 = 51.000063; 1,000 GiB
    stored: 730,000 x 0.000136986 = 99.99978."""
    capacity = {"vcpuCount": "3", "memoryBytes": str(12 * 1024**3)}
    assert bill(resource(KAFKA, capacityConfig=capacity), it={"stored_gib": 1000}) == {
        "Compute": ("2190", "197.1"),
        "Local storage": ("219000", "51.000063"),
        "Long-term storage": ("730000", "99.99978"),
    }
    assert estimated(resource(KAFKA)).not_estimated == {KAFKA: ["it: its capacity is unknown"]}


@prices(SERVICE)
def test_an_older_cloud_run_service_is_scaled_by_annotations() -> None:
    """Two minimum instances of 1 vCPU and 256 MiB: 5,256,000 x 0.0000025 = 13.14, a quarter in GiB 3.285. Without throttling
    5,256,000 x 0.000018 = 94.608 and 1,314,000 x 0.000002 = 2.628."""
    notes = {"autoscaling.knative.dev/minScale": "2"}
    containers = [{"image": "x", "resources": {"limits": {"cpu": "1000m", "memory": "256Mi"}}}]

    def of(**more: str) -> Resource:
        template: Any = {"metadata": {"annotations": {**notes, **more}}, "spec": {"containers": containers}}
        return resource(SERVICE, location="us-central1", template=template)

    assert bill(of()) == {
        "CPU, idle minimum instances": ("5256000", "13.14"),
        "Memory, idle minimum instances": ("1314000", "3.285"),
    }
    assert bill(of(**{"run.googleapis.com/cpu-throttling": "false"})) == {
        "CPU, always on": ("5256000", "94.608"),
        "Memory, always on": ("1314000", "2.628"),
    }
    listed = {"metadata": [{"annotations": notes}], "spec": [{"containers": containers}]}
    assert bill(resource(SERVICE, location="us-central1", template=listed)) == bill(of())
    for template in (UNKNOWN, {"metadata": {"annotations": UNKNOWN}, "spec": {"containers": containers}}):
        hidden = estimated(resource(SERVICE, location="us-central1", template=template))
        assert "its template or annotations are secret or known only at update" in hidden.notes[0]


@prices(FUNCTION)
def test_a_function_of_the_first_generation_by_ghz_and_gib() -> None:
    """1,000,000 x 0.3 s (250 ms) = 300,000 s: x 0.8 GHz = 240,000 x 0.00001 = 2.4; x 0.5 GiB = 150,000 x 0.0000025 = 0.375; a million
    invocations x 0.0000004 = 0.4. One that is kept warm waits for 2,628,000 s: x 0.4 GHz x 0.000001042, x 0.25 GiB."""
    function = resource(FUNCTION, availableMemoryMb=512, region="us-central1")
    assert bill(function, it={"monthly_invocations": 1_000_000, "invocation_ms": 250}) == {
        "CPU": ("240000", "2.4"),
        "Memory": ("150000", "0.375"),
        "Invocations": ("1000000", "0.4"),
    }
    warm = bill(resource(FUNCTION, minInstances=1))
    assert warm["CPU, idle minimum instances"] == ("1051200", "1.0953504")
    assert warm["Memory, idle minimum instances"] == ("657000", "1.6425")
    busy = bill(resource(FUNCTION, minInstances=1), it={"monthly_invocations": 3_000_000, "invocation_ms": 1000})
    assert not [name for name in busy if "idle" in name], "3,000,000 s of serving leave nothing of 2,628,000 s to wait"
    assert "at most 8,192 MB" in str(estimated(resource(FUNCTION, availableMemoryMb=9000)).unpriced[0])


@prices(JOB)
@pytest.mark.parametrize(
    ("template", "hours"),
    [
        ("gs://dataflow-templates/latest/Stream_GCS_Text_to_BigQuery", "2920"),  # 4 vCPU x 730 h
        ("gs://dataflow-templates/latest/Cloud_PubSub_to_Avro", "2920"),
        ("gs://dataflow-templates/latest/PubSub_Subscription_to_BigQuery", "2920"),
        ("gs://ours/subscription-events", "2920"),
        ("gs://subscription/GCS_Text_to_BigQuery", None),  # the bucket's name says nothing
        ("gs://dataflow-templates/latest/GCS_Text_to_BigQuery", None),
    ],
)
def test_a_job_streams_by_its_templates_name(template: str, hours: str | None) -> None:
    """A streaming job keeps an n1-standard-4: 4 vCPU x 730 h x 0.069; a batch job works by usage."""
    estimate = bill(resource(JOB, templateGcsPath=template))
    assert [quantity for name, (quantity, _) in estimate.items() if "vCPU" in name] == ([hours] if hours else [])


@prices(NODE_POOL)
def test_gpus_follow_the_usage_file_where_their_machines_do() -> None:
    """Nodes that the plan keeps are always on; nodes that the usage file counts are usage, with all that they have."""
    config = {"machineType": "n1-standard-1", "guestAccelerators": [{"type": "nvidia-tesla-t4", "count": 1}]}
    pool = resource(NODE_POOL, location="us-central1-a", nodeCount=1, nodeConfig=config)
    for usage in ({}, {"nodes": 2}):
        lines = {line.name: line.usage_based for _, line in estimated(pool, it=usage).lines()}
        assert lines["GPU, nvidia-tesla-t4"] is lines["vCPU"] is bool(usage)
