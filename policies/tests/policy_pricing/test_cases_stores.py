"""Hand-computed bills of stores and of what stands before them: Spanner, Bigtable, AlloyDB, Firestore, Filestore, Redis,
BigQuery's slots, load balancers, DNS, keys, tunnels. Rates of us-central1, list price, a month of 730 hours.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN
from fastyle_policies.pricing.services.alloydb import CLUSTER as ALLOY_CLUSTER
from fastyle_policies.pricing.services.alloydb import INSTANCE as ALLOYDB
from fastyle_policies.pricing.services.balancers import GLOBAL_RULE, RULE
from fastyle_policies.pricing.services.bigquery import BI_ENGINE, DATASET, RESERVATION, TABLE
from fastyle_policies.pricing.services.bigtable import INSTANCE as BIGTABLE
from fastyle_policies.pricing.services.dns import ZONE
from fastyle_policies.pricing.services.filestore import INSTANCE as FILESTORE
from fastyle_policies.pricing.services.firestore import DATABASE as FIRESTORE
from fastyle_policies.pricing.services.kms import KEY
from fastyle_policies.pricing.services.network import TUNNEL
from fastyle_policies.pricing.services.operations import QUEUE
from fastyle_policies.pricing.services.redis import CLUSTER as REDIS_CLUSTER
from fastyle_policies.pricing.services.redis import INSTANCE as REDIS
from fastyle_policies.pricing.services.spanner import INSTANCE as SPANNER

from policy_pricing.bills import bill, estimated, prices, resource


@prices(SPANNER)
@pytest.mark.parametrize(
    ("props", "nodes"),
    [
        ({"numNodes": 2}, "1460"),
        ({"processingUnits": 500}, "365"),
        ({"autoscalingConfig": {"autoscalingLimits": {"minProcessingUnits": 2000}}}, "1460"),
        ({"autoscalingConfig": {"autoscalingLimits": {"minNodes": 3}}}, "2190"),
        ({}, "730"),
    ],
)
def test_spanner_by_nodes_and_storage(props: dict[str, Any], nodes: str) -> None:
    """Two nodes: 1,460 x 0.9 = 1,314; 100 GiB x 0.3 = 30."""
    estimate = bill(resource(SPANNER, config="regional-us-central1", **props), it={"storage_gib": 100})
    assert estimate["Nodes"][0] == nodes
    assert estimate["Storage"] == ("100", "30")
    if props.get("numNodes") == 2:
        assert estimate["Nodes"][1] == "1314"


@prices(SPANNER)
@pytest.mark.parametrize(
    ("props", "why"),
    [
        ({"config": "nam3"}, "over several regions or of an unknown place"),
        ({"config": UNKNOWN}, "over several regions or of an unknown place"),
        ({"config": "regional-us-centrall"}, "no location 'us-centrall' (config); did you mean 'us-central1'?"),
        ({"config": "regional-us-central1", "edition": "ENTERPRISE"}, "no rates for editions beyond Standard"),
    ],
)
def test_a_spanner_instance_that_the_book_cannot_price_is_named(props: dict[str, Any], why: str) -> None:
    assert why in str(estimated(resource(SPANNER, **props)).unpriced[0])


@prices(BIGTABLE)
def test_bigtable_by_the_nodes_of_each_cluster() -> None:
    """3 nodes x 730 x 0.65 = 1,423.5 in Iowa and 1 x 730 x 0.65 = 474.5 in Belgium; 100 GiB x 0.17 = 17 and x 0.026 = 2.6; 50 GiB of
    backups x 0.026 = 1.3."""
    clusters = [
        {"zone": "us-central1-b", "numNodes": 3, "storageType": "SSD"},
        {"zone": "europe-west1-b", "numNodes": 1, "storageType": "HDD"},
    ]
    estimate = bill(resource(BIGTABLE, clusters=clusters), it={"storage_gib": 100, "backup_gib": 50})
    assert estimate == {
        "Nodes of cluster 1": ("2190", "1423.5"),
        "Storage, SSD of cluster 1": ("100", "17"),
        "Nodes of cluster 2": ("730", "474.5"),
        "Storage, HDD of cluster 2": ("100", "2.6"),
        "Backups": ("50", "1.3"),
    }
    scaled = [{"zone": "us-central1-b", "autoscalingConfig": {"minNodes": 2, "maxNodes": 5}}]
    assert bill(resource(BIGTABLE, clusters=scaled))["Nodes"] == ("1460", "949")
    assert "smallest number of nodes" in estimated(resource(BIGTABLE, clusters=scaled)).notes[0]
    odd = estimated(resource(BIGTABLE, clusters=[{"zone": "moon-a"}]))
    assert "no location 'moon-a'" in str(odd.unpriced[0])


@prices(ALLOYDB, ALLOY_CLUSTER)
def test_alloydb_by_its_instances_and_its_clusters_storage() -> None:
    """Primary of 4 vCPU in two zones: 5,840 x 0.06608 = 385.9072, 64 GiB x 730 x 0.0112 = 523.264; a read pool of 3 nodes with 2 vCPU:
    4,380 x 0.06608 = 289.4304; 48 GiB x 730 x 0.0112 = 392.448. 100 GiB x 0.3 = 30, backups 10 x 0.1 = 1."""
    cluster = resource(ALLOY_CLUSTER, "cluster", location="us-central1", clusterId="main")
    primary = resource(
        ALLOYDB, "primary", cluster="projects/p/locations/us-central1/clusters/main", machineConfig={"cpuCount": 4}
    )
    pool = resource(
        ALLOYDB,
        "pool",
        cluster="projects/p/locations/us-central1/clusters/main",
        instanceType="READ_POOL",
        readPoolConfig={"nodeCount": 3},
        machineConfig={"machineType": "n2-highmem-2"},
    )
    assert bill(cluster, primary, pool, cluster={"storage_gib": 100, "backup_gib": 10}) == {
        "cluster: Storage": ("100", "30"),
        "cluster: Backup": ("10", "1"),
        "primary: vCPU": ("5840", "385.9072"),
        "primary: Memory": ("46720", "523.264"),
        "pool: vCPU": ("4380", "289.4304"),
        "pool: Memory": ("35040", "392.448"),
    }
    zonal = resource(ALLOYDB, cluster=UNKNOWN, availabilityType="ZONAL")
    assert bill(zonal)["vCPU"] == ("1460", "96.4768")
    assert "the region of its cluster is outside this plan" in estimated(zonal).notes[0]
    linked = replace(zonal, references={"cluster": (cluster.urn,)})
    assert estimated(cluster, linked).notes == ()


@prices(FIRESTORE)
def test_firestore_by_documents_and_storage() -> None:
    """A million reads x 0.0000003 = 0.3, writes x 0.0000009 = 0.9, deletes x 0.0000001 = 0.1; 10 GiB x 0.15 = 1.5, again for
    recovery; backups 5 x 0.03 = 0.15."""
    used = {
        **dict.fromkeys(("monthly_reads", "monthly_writes", "monthly_deletes"), 1_000_000),
        "storage_gib": 10,
        "backup_gib": 5,
    }
    database = resource(
        FIRESTORE, locationId="us-central1", pointInTimeRecoveryEnablement="POINT_IN_TIME_RECOVERY_ENABLED"
    )
    assert bill(database, it=used) == {
        "Document reads": ("1000000", "0.3"),
        "Document writes": ("1000000", "0.9"),
        "Document deletes": ("1000000", "0.1"),
        "Storage": ("10", "1.5"),
        "Point-in-time recovery": ("10", "1.5"),
        "Backups": ("5", "0.15"),
    }
    europe = estimated(resource(FIRESTORE, locationId="eur3"), it=used)
    assert {line.rate.region for _, line in europe.lines() if line.name.startswith("Document")} == {"eur3"}
    assert "no location 'eu-west1'" in str(estimated(resource(FIRESTORE, locationId="eu-west1")).unpriced[0])
    assert "edition Enterprise" in str(estimated(resource(FIRESTORE, databaseEdition="ENTERPRISE")).unpriced[0])


@prices(FIRESTORE)
def test_the_free_quota_is_the_default_databases_alone() -> None:
    """2 million reads x 0.0000003 = 0.6, of which 30 days x 50,000 are free: 0.45; 10 GiB x 0.15 = 1.5 less 0.15."""
    used = {"monthly_reads": 2_000_000, "storage_gib": 10}
    default = resource(FIRESTORE, "default", name="(default)", locationId="us-central1")
    estimate = estimated(default, default=used)
    assert (estimate.list_price, estimate.total) == (Decimal("2.1"), Decimal("1.5"))
    named = resource(FIRESTORE, "orders", name="orders", locationId="us-central1")
    assert estimated(named, orders=used).total == Decimal("2.1")
    both = estimated(default, named, default=used, orders=used)
    assert both.total == Decimal("3.6")


@prices(FILESTORE)
@pytest.mark.parametrize(
    ("tier", "monthly"), [("BASIC_HDD", "163.84"), ("PREMIUM", "307.2"), ("ZONAL", "256"), ("ENTERPRISE", "460.8")]
)
def test_filestore_by_capacity(tier: str, monthly: str) -> None:
    """1,024 GiB x 0.16, x 0.3, x 0.25, x 0.45."""
    share = {"capacityGb": 1024, "name": "share"}
    [figures] = bill(resource(FILESTORE, tier=tier, fileShares=share)).values()
    assert figures == ("1024", monthly)
    assert "no rate for tier GOLD" in str(estimated(resource(FILESTORE, tier="GOLD", fileShares=share)).unpriced[0])
    assert "capacity of its share is unknown" in str(estimated(resource(FILESTORE, tier=tier)).unpriced[0])


@prices(REDIS)
@pytest.mark.parametrize(
    ("tier", "gb", "line", "monthly"),
    [
        ("BASIC", 4, "Memory, basic M1", "143.08"),  # 4 x 730 x 0.049
        ("BASIC", 5, "Memory, basic M2", "98.55"),  # 5 x 730 x 0.027
        ("STANDARD_HA", 10, "Memory, standard M2", "394.2"),  # 10 x 730 x 0.054
        ("STANDARD_HA", 35, "Memory, standard M3", "1175.3"),  # 35 x 730 x 0.046
        ("BASIC", 100, "Memory, basic M4", "1387"),  # 100 x 730 x 0.019
        ("STANDARD_HA", 101, "Memory, standard M5", "2211.9"),  # 101 x 730 x 0.03
    ],
)
def test_redis_by_the_price_of_its_size(tier: str, gb: int, line: str, monthly: str) -> None:
    """Gigabytes x 730 x 0.049 for the smallest; larger ones cost less a gigabyte."""
    assert bill(resource(REDIS, tier=tier, memorySizeGb=gb))[line][1] == monthly


@prices(REDIS)
def test_redis_with_read_replicas_by_the_node() -> None:
    """5 GB x 730 h x 3 nodes x half of 0.054 = 295.65; with one replica, two nodes, what an instance without costs: 197.1."""
    replicas = resource(REDIS, tier="STANDARD_HA", memorySizeGb=5, readReplicasMode="READ_REPLICAS_ENABLED")
    assert bill(replicas) == {"Nodes, M2": ("5475", "295.65")}
    assert estimated(replicas).resources[0].lines[0].confidence == "U"
    one = replace(replicas, props={**replicas.props, "replicaCount": 1})
    assert bill(one) == {"Nodes, M2": ("3650", "197.1")}
    assert "no rates for tier GOLD" in str(estimated(resource(REDIS, tier="GOLD")).unpriced[0])


@prices(REDIS_CLUSTER)
@pytest.mark.parametrize(
    ("kind", "monthly"),
    [  # as a peer's golden data has them, for 9 nodes and 730 hours
        ("REDIS_SHARED_CORE_NANO", "208.926"),  # 6,570 x 0.0318
        ("REDIS_STANDARD_SMALL", "936.225"),
        ("REDIS_HIGHMEM_MEDIUM", "1263.411"),
        ("REDIS_HIGHMEM_XLARGE", "5637.717"),
    ],
)
def test_a_redis_cluster_by_its_nodes(kind: str, monthly: str) -> None:
    """Three shards of a primary and two replicas: 9 x 730 h = 6,570 x 0.0318 for the smallest."""
    of = resource(REDIS_CLUSTER, region="us-central1", nodeType=kind, shardCount=3, replicaCount=2)
    [line] = bill(of).values()
    assert line == ("6570", monthly)


@prices(REDIS_CLUSTER)
def test_what_else_a_redis_cluster_has() -> None:
    """One shard without replicas: 730 x 0.1923 = 140.379; 1,000 GiB of backups x 0.08111 = 81.11."""
    kept = resource(REDIS_CLUSTER, region="us-central1", shardCount=1, persistenceConfig={"mode": "AOF"})
    assert bill(kept, it={"backup_gib": 1000}) == {
        "Nodes, highmem-medium": ("730", "140.379"),
        "Backups": ("1000", "81.11"),
    }
    assert any("append-only file is billed besides" in note for note in estimated(kept).notes)
    assert "nodes of type TINY" in str(estimated(resource(REDIS_CLUSTER, nodeType="TINY")).unpriced[0])


@prices(QUEUE)
def test_a_queue_by_its_operations() -> None:
    """3 million x 0.0000004 = 1.2, of which a million are free: 0.8 are left."""
    estimate = estimated(resource(QUEUE), it={"monthly_operations": 3_000_000})
    assert (estimate.list_price, estimate.total) == (Decimal("1.2"), Decimal("0.8"))


@prices(RESERVATION, BI_ENGINE)
def test_slots_of_an_edition_and_bi_engine() -> None:
    """100 slots x 730 x 0.06 = 4,380; autoscaled 1,000 x 0.06 = 60. Standard x 0.04 = 2,920. 2 GiB x 730 x 0.0416 = 60.736."""
    reservation = resource(RESERVATION, location="us-central1", edition="ENTERPRISE", slotCapacity=100)
    assert bill(reservation, it={"monthly_autoscaled_slot_hours": 1000}) == {
        "Baseline slots, enterprise": ("73000", "4380"),
        "Autoscaled slots": ("1000", "60"),
    }
    assert bill(resource(RESERVATION, edition="STANDARD", slotCapacity=100))["Baseline slots, standard"][1] == "2920"
    assert bill(resource(BI_ENGINE, size=2 * 1024**3)) == {"BI Engine": ("1460", "60.736")}
    assert "no rates for edition GOLD" in str(estimated(resource(RESERVATION, edition="GOLD")).unpriced[0])


@prices(DATASET, TABLE)
def test_a_dataset_billed_by_physical_bytes_and_the_read_api() -> None:
    """100 GiB logical at a quarter physical: 25 x 0.04 = 1; 400 TiB read x 1.1 = 440, of which 300 are free."""
    physical = resource(DATASET, location="us-central1", storageBillingModel="PHYSICAL")
    used = {"storage_gib": 100, "physical_share": "0.25", "monthly_read_api_tib": 400}
    assert bill(physical, it=used) == {
        "Storage, active": ("25", "1"),
        "Read by the Storage Read API": ("400", "440"),
    }
    assert str(estimated(physical, it=used).total.normalize()) == "111"  # 1 + 100 x 1.1


@prices(RULE, GLOBAL_RULE)
def test_five_forwarding_rules_cost_as_one_and_further_ones_each() -> None:
    """Up to five: 730 x 0.025 = 18.25; the sixth and seventh 730 x 0.01 = 7.3 each; 1,000 GiB x 0.008 = 8; to the internet
    10 GiB x 0.12 = 1.2. Global rules are counted apart."""
    rules = [resource(RULE, f"r{n}", region="us-central1") for n in range(7)]
    estimate = bill(
        *rules, resource(GLOBAL_RULE, "world"), r1={"monthly_processed_gib": 1000, "monthly_egress_gib": 10}
    )
    assert estimate == {
        "r0: Forwarding rules, first five": ("730", "18.25"),
        "r1: Data processed": ("1000", "8"),
        "r1: Sent to the internet": ("10", "1.2"),
        "r5: Forwarding rule, further": ("730", "7.3"),
        "r6: Forwarding rule, further": ("730", "7.3"),
        "world: Forwarding rules, first five": ("730", "18.25"),
    }
    apart = [resource(RULE, f"r{n}", region=region) for n, region in enumerate(("us-central1", "europe-west3"))]
    assert bill(*apart) == {
        "r0: Forwarding rules, first five": ("730", "18.25"),
        "r1: Forwarding rules, first five": ("730", "21.9"),  # 0.03 in Frankfurt
    }
    unknown = [resource(RULE, f"r{n}", region=UNKNOWN) for n in range(2)]
    assert bill(*unknown) == {f"r{n}: Forwarding rules, first five": ("730", "18.25") for n in range(2)}


@prices(ZONE)
def test_a_zone_and_its_queries() -> None:
    """0.20 a zone; 5 million queries x 0.0000004 = 2."""
    assert bill(resource(ZONE), it={"monthly_queries": 5_000_000}) == {
        "Zone": ("1", "0.2"),
        "Queries": ("5000000", "2"),
    }


@prices(KEY)
def test_key_versions_and_what_is_done_with_them() -> None:
    """One version 0.06; rotated every 73 days five more a year: 6 x 0.06 = 0.36; a million operations x 0.000003 = 3. In an HSM 3
    asymmetric versions x 2.5 = 7.5."""
    assert bill(resource(KEY), it={"monthly_operations": 1_000_000}) == {
        "Key versions, SOFTWARE": ("1", "0.06"),
        "Operations": ("1000000", "3"),
    }
    rotated = resource(KEY, rotationPeriod=f"{73 * 86400}s")
    assert bill(rotated)["Key versions, SOFTWARE"] == ("6", "0.36")
    assert "rotation adds versions that are all billed" in estimated(rotated).notes[0]
    signing = {"protectionLevel": "HSM", "algorithm": "EC_SIGN_P256_SHA256"}
    assert bill(resource(KEY, versionTemplate=signing), it={"active_versions": 3}) == {
        "Key versions, HSM": ("3", "7.5")
    }
    odd = estimated(resource(KEY, versionTemplate={"protectionLevel": "MOON"}))
    assert "no rates for protection level MOON" in str(odd.unpriced[0])


@prices(KEY)
@pytest.mark.parametrize(
    ("template", "version", "operations"),
    [
        ({"protectionLevel": "HSM"}, "1", "3"),  # symmetric where nothing else is said
        ({"protectionLevel": "HSM", "algorithm": "AES_256_GCM"}, "1", "3"),
        ({"protectionLevel": "HSM", "algorithm": "HMAC_SHA256"}, "1", "3"),
        ({"protectionLevel": "HSM", "algorithm": "RSA_SIGN_PKCS1_2048_SHA256"}, "1", "3"),
        ({"protectionLevel": "HSM", "algorithm": "RSA_SIGN_PKCS1_4096_SHA256"}, "2.5", "15"),
        ({"protectionLevel": "EXTERNAL"}, "3", "3"),
        ({"protectionLevel": "EXTERNAL_VPC"}, "3", "3"),
        ({"protectionLevel": "SOFTWARE", "algorithm": "RSA_SIGN_PKCS1_4096_SHA256"}, "0.06", "3"),
    ],
)
def test_a_key_by_where_it_is_held_and_by_its_algorithm(
    template: dict[str, str], version: str, operations: str
) -> None:
    """A version a month, and a million operations x 0.000003 = 3, or x 0.000015 = 15 (cloud.google.com/kms/pricing)."""
    estimate = bill(resource(KEY, versionTemplate=template), it={"monthly_operations": 1_000_000})
    assert estimate[f"Key versions, {template['protectionLevel']}"] == ("1", version)
    assert estimate["Operations"] == ("1000000", operations)


@prices(TUNNEL)
def test_a_tunnel_by_the_hour() -> None:
    """730 x 0.05 = 36.5; in Frankfurt x 0.06 = 43.8."""
    assert bill(resource(TUNNEL, region="us-central1")) == {"Tunnel": ("730", "36.5")}
    assert bill(resource(TUNNEL, region="europe-west3")) == {"Tunnel": ("730", "43.8")}
