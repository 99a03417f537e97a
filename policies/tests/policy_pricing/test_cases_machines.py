"""Hand-computed bills of Compute Engine: machines, disks, groups. Rates of us-central1, list price, a month of 730 hours.

Sustained use takes 30 % off N1 and 19.98 % off N2 over a whole month.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing.services.instances import AUTOSCALERS, REGIONAL, TEMPLATES, ZONAL

from policy_pricing.bills import bill, estimated, prices, resource

INSTANCE = "gcp:compute/instance:Instance"
IMAGE = "gcp:compute/image:Image"
DISK, REGION_DISK, SNAPSHOT = (
    "gcp:compute/disk:Disk",
    "gcp:compute/regionDisk:RegionDisk",
    "gcp:compute/snapshot:Snapshot",
)
BOOT = {"initializeParams": {"size": 20, "type": "pd-balanced"}}


def instance(type_: Any, **more: Any) -> Resource:
    return resource(INSTANCE, zone="us-central1-a", machineType=type_, **{"bootDisk": {"source": "x"}, **more})


@prices(INSTANCE)
def test_an_instance_is_its_machine_its_disk_and_its_address() -> None:
    """e2-standard-4: 4 vCPU x 730 x 0.02181159 = 63.6898428, 16 GiB x 730 x 0.00292353 = 34.1468304; 20 GiB x 0.1 = 2; an
    address 730 x 0.005 = 3.65; a local SSD of 375 GiB x 0.08 = 30; to the internet 10 GiB x 0.12 = 1.2."""
    one = instance(
        "e2-standard-4",
        bootDisk=BOOT,
        scratchDisks=[{"interface": "NVME"}],
        networkInterfaces=[{"network": "default", "accessConfigs": [{}]}],
    )
    assert bill(one, it={"monthly_egress_gib": 10}) == {
        "vCPU": ("2920", "63.6898428"),
        "Memory": ("11680", "34.1468304"),
        "Boot disk, pd-balanced": ("20", "2"),
        "Local SSD": ("375", "30"),
        "External address": ("730", "3.65"),
        "Sent to the internet": ("10", "1.2"),
    }


@prices(INSTANCE)
@pytest.mark.parametrize("scheduling", [{"provisioningModel": "SPOT"}, {"preemptible": True}, {"preemptible": "true"}])
def test_a_spot_instance_has_the_spot_rates(scheduling: dict[str, Any]) -> None:
    """4 x 730 x 0.01309 = 38.2228; 16 x 730 x 0.001754 = 20.48672."""
    assert bill(instance("e2-standard-4", scheduling=scheduling)) == {
        "vCPU, spot": ("2920", "38.2228"),
        "Memory, spot": ("11680", "20.48672"),
    }


@prices(INSTANCE)
def test_sustained_use_is_discounted_without_asking() -> None:
    """n1-standard-1 for a month: 730 x 0.7 = 511 h x 0.031611 = 16.153221, 3.75 GiB x 511 x 0.004237 = 8.11915125, together
    24.27: what Google's calculator says. For half the month 182.5 + 182.5 x 0.8 = 328.5 h. n2: 182.5 x (1 + 0.8678 + 0.733 +
    0.6) = 584.146 x 2 vCPU x 0.031611 = 36.930878412."""
    assert bill(instance("n1-standard-1")) == {"vCPU": ("511", "16.153221"), "Memory": ("1916.25", "8.11915125")}
    assert bill(instance("n1-standard-1"), it={"monthly_running_hours": 365})["vCPU"][0] == "328.5"
    assert bill(instance("n2-standard-2"))["vCPU"] == ("1168.292", "36.930878412")
    spot = instance("n1-standard-1", scheduling={"preemptible": True})
    assert bill(spot)["vCPU, spot"] == ("730", "8.1395")


@prices(INSTANCE)
@pytest.mark.parametrize(
    ("type_", "line", "quantity", "monthly"),
    [
        ("e2-micro", "Machine", "730", "6.114792075"),  # 730 x 0.0083764275
        ("e2-medium", "Machine", "730", "24.4591683"),  # 730 x 0.03350571
        ("f1-micro", "Machine", "511", "3.8836"),  # 730 x 0.7 x 0.0076
        ("t2d-standard-8", "Machine", "5840", "246.71664"),  # 8 x 730 x 0.042246
        ("c2-standard-8", "Machine", "1168.292", "243.948715936"),  # 2 x 584.146 x 0.208808
        ("e2-custom-2-4096", "Memory", "2920", "8.5367076"),  # 4 GiB x 730 x 0.00292353, no dearer than predefined
        ("n4-custom-2-4096", "Memory", "3066", None),  # 4 GiB x 730 x 1.05
        ("custom-2-4096", "vCPU", "1073.1", "33.9217641"),  # N1: 2 x 511 x 1.05 x 0.031611
        ("c4-standard-2", "Memory", "5110", None),  # 7 GiB, out of proportion
        ("c3-highmem-4", "Memory", "23360", None),
        ("zones/us-central1-a/machineTypes/e2-highcpu-2", "Memory", "1460", "4.2683538"),
    ],
)
def test_each_kind_of_machine_type_is_read(type_: str, line: str, quantity: str, monthly: str | None) -> None:
    estimate = bill(instance(type_))[line]
    assert estimate[0] == quantity
    assert monthly in (None, estimate[1])


@prices(INSTANCE)
@pytest.mark.parametrize(
    ("props", "why"),
    [
        ({"machineType": "a2-ultragpu-1g"}, "the price book has no rates for machine type a2-ultragpu-1g"),
        ({"machineType": "g2-standard-5"}, "there is no machine type g2-standard-5"),
        (
            {"machineType": "zones/a/machineTypes/e2-" + "x" * 99},
            f"the price book has no rates for machine type e2-{'x' * 37}",
        ),
        (
            {"machineType": "g2-standard-4", "scheduling": {"preemptible": True}},
            "the price book has no rate compute.g2-standard-4-spot",
        ),
        ({"machineType": "m3-standard-4"}, "the price book has no rates for machine type m3-standard-4"),
        ({"machineType": UNKNOWN}, "its machine type is secret or known only at update"),
        (
            {"guestAccelerators": [{"type": "nvidia-l4", "count": 1}]},
            "the price book has no rates for GPUs 1 x nvidia-l4",
        ),
        ({"guestAccelerators": [{"count": 2}]}, "the price book has no rates for GPUs 2 x of no name"),
        (
            {"guestAccelerators": [{"type": "nvidia-tesla-t4", "count": -1}]},
            "the price book has no rates for GPUs -1 x nvidia-tesla-t4",
        ),
        ({"guestAccelerators": [{"type": UNKNOWN}]}, "its GPUs are secret or known only at update"),
        (
            {"bootDisk": {"initializeParams": {"type": "pd-magic"}}},
            "the price book has no rate for disks of type pd-magic",
        ),
        ({"bootDisk": {"initializeParams": {"size": "big"}}}, "the size of its disk is 'big', which is no size"),
        (
            {"machineType": "n2-custom-2-20480-ext"},
            "the price book has no rates for extended memory of N2",
        ),
    ],
)
def test_what_the_book_does_not_know_of_an_instance_is_not_estimated(props: dict[str, Any], why: str) -> None:
    of = instance("e2-micro")
    assert estimated(replace(of, props={**of.props, **props})).not_estimated == {INSTANCE: [f"it: {why}"]}


@prices(INSTANCE)
def test_gpus_are_billed_beside_their_machine() -> None:
    """Two T4 on n1-standard-1, discounted with it: 2 x 511 x 0.35 = 357.7. For 100 hours in full: 200 x 0.35 = 70; K80 on spot
    730 x 0.1719 = 125.487."""
    t4 = instance("n1-standard-1", guestAccelerators=[{"type": "nvidia-tesla-t4", "count": 2}])
    assert bill(t4)["GPU, nvidia-tesla-t4"] == ("1022", "357.7")
    assert bill(t4, it={"monthly_running_hours": 100})["GPU, nvidia-tesla-t4"] == ("200", "70")
    url = "projects/p/zones/us-central1-a/acceleratorTypes/nvidia-tesla-k80"
    k80 = instance("n1-standard-1", guestAccelerators=[{"type": url}], scheduling={"preemptible": True})
    assert bill(k80)["GPU, nvidia-tesla-k80, spot"] == ("730", "125.487")


@prices(INSTANCE)
@pytest.mark.parametrize(
    ("type_", "machine", "gpus"),
    [
        ("g2-standard-4", ("730", "107.15823008"), ("730", "408.8292")),  # 730 x 0.146792096; 730 x 0.56004
        ("g2-standard-24", ("4380", "642.94938048"), ("1460", "817.6584")),  # 6 x 4 vCPU and 16 GiB; 2 GPUs
        ("a2-highgpu-1g", ("730", "2681.57105"), None),  # 730 x 3.673385, with its GPU
        ("a2-highgpu-4g", ("2920", "10726.2842"), None),
    ],
)
def test_machines_that_bring_their_gpus(type_: str, machine: tuple[str, str], gpus: tuple[str, str] | None) -> None:
    """g2-standard-4: 0.146792096 + 0.56004 an hour, 515.99 a month; its GPU is counted once, though a block names it."""
    named = [{"type": "nvidia-l4", "count": 1}]
    for lines in (bill(instance(type_)), bill(instance(type_, guestAccelerators=named))):
        assert lines["Machine"] == machine
        assert lines.get("GPU, nvidia-l4") == gpus


@prices(INSTANCE)
def test_memory_beyond_what_the_vcpus_go_with_is_extended() -> None:
    """N1 with 2 vCPU and 15 GiB: 13 GiB x 511 x 1.05 x 0.004237, and 2 GiB x 511 x 0.00955 = 9.7601."""
    estimate = bill(instance("custom-2-15360-ext"))
    assert estimate["Memory"][0] == "6975.15"
    assert estimate["Extended memory"] == ("1022", "9.7601")
    assert "Extended memory" not in bill(instance("custom-2-13312-ext"))


@prices(INSTANCE)
def test_a_stopped_instance_keeps_its_disk() -> None:
    """Without a size 10 GiB of pd-standard x 0.04 = 0.4."""
    assert bill(instance("e2-standard-4", bootDisk={}, desiredStatus="TERMINATED")) == {
        "Boot disk, pd-standard": ("10", "0.4")
    }


@prices(DISK, REGION_DISK, SNAPSHOT)
def test_disks_and_snapshots_by_their_size() -> None:
    """100 GiB x 0.17 = 17 of SSD, in two zones x 0.34 = 34; a snapshot of 50 GiB x 0.05 = 2.5."""
    ssd = {"type": "pd-ssd", "size": 100}
    assert bill(resource(DISK, zone="us-central1-b", **ssd)) == {"Disk, pd-ssd": ("100", "17")}
    assert bill(resource(REGION_DISK, region="us-central1", **ssd)) == {"Disk, regional pd-ssd": ("100", "34")}
    assert bill(resource(SNAPSHOT), it={"stored_gib": 50}) == {"Snapshots": ("50", "2.5")}
    unsized = estimated(resource(DISK, image="debian"))
    assert any("its size is that of its image or snapshot" in note for note in unsized.notes)
    balanced = estimated(resource(DISK, type="hyperdisk-balanced", size=500))
    assert "provisioned performance is billed besides" in balanced.notes[0]
    odd = estimated(resource(REGION_DISK, type="pd-extreme", size=500))
    assert "regional disks of type pd-extreme" in str(odd.unpriced[0])


@prices(DISK)
@pytest.mark.parametrize(("kind", "gib"), [("pd-standard", "500"), ("pd-ssd", "100"), ("pd-extreme", "1000")])
def test_an_empty_disk_without_a_size_has_googles_default(kind: str, gib: str) -> None:
    """500 GiB x 0.04 = 20 of pd-standard; an extreme disk's IOPS are asked for."""
    assert bill(resource(DISK, type=kind))[f"Disk, {kind}"][0] == gib
    noted = [note for note in estimated(resource(DISK, type=kind)).notes if "IOPS" in note]
    assert bool(noted) is (kind == "pd-extreme")


@prices(DISK)
def test_provisioned_iops_of_extreme_disks() -> None:
    """5,000 x 0.065 = 325 beside 40 GiB x 0.125 = 5; of a hyperdisk 20,000 x 0.032 = 640 beside 128 x 0.125 = 16."""
    assert bill(resource(DISK, type="pd-extreme", size=40, provisionedIops=5000)) == {
        "Disk, pd-extreme": ("40", "5"),
        "Provisioned IOPS": ("5000", "325"),
    }
    assert bill(resource(DISK, type="hyperdisk-extreme", size=128, provisionedIops=20000)) == {
        "Disk, hyperdisk-extreme": ("128", "16"),
        "Provisioned IOPS": ("20000", "640"),
    }


@prices(IMAGE)
def test_an_image_by_its_size() -> None:
    """30 GiB x 0.05 = 1.5; compressed to 10: 0.5."""
    image = resource(IMAGE, diskSizeGb=30)
    assert bill(image) == {"Image": ("30", "1.5")}
    assert bill(image, it={"archived_gib": 10}) == {"Image": ("10", "0.5")}
    assert "give archived_gib" in estimated(resource(IMAGE)).notes[0]


def group(*more: Resource, type_: str = ZONAL, **props: Any) -> tuple[Resource, ...]:
    template = resource(
        TEMPLATES[0],
        "template",
        name="tmpl",
        machineType="e2-standard-2",
        disks=[{"boot": True, "diskSizeGb": 30, "diskType": "pd-ssd"}, {"type": "SCRATCH"}],
        networkInterfaces=[{"accessConfigs": [{}]}],
    )
    own = {"versions": [{"instanceTemplate": "projects/p/global/instanceTemplates/tmpl"}], "targetSize": 3, **props}
    return (template, resource(type_, "group", name="group", **own), *more)


@prices(ZONAL, REGIONAL)
@pytest.mark.parametrize("type_", [ZONAL, REGIONAL])
def test_a_group_is_so_many_machines_of_its_template(type_: str) -> None:
    """3 x 2 vCPU x 730 x 0.02181159 = 95.5347642; 3 x 8 GiB x 730 x 0.00292353 = 51.2202456; 3 x 30 GiB x 0.17 = 15.3; 3 x 375 x
    0.08 = 90; 3 addresses x 3.65 = 10.95."""
    assert bill(*group(type_=type_)) == {
        "group: vCPU": ("4380", "95.5347642"),
        "group: Memory": ("17520", "51.2202456"),
        "group: Boot disk, pd-ssd": ("90", "15.3"),
        "group: Local SSD": ("1125", "90"),
        "group: External address": ("2190", "10.95"),
    }


@prices(INSTANCE)
def test_a_part_of_a_list_that_is_unknown_is_told_and_left_out() -> None:
    half = estimated(instance("e2-micro", scratchDisks=[{"interface": "NVME"}, UNKNOWN]))
    assert half.notes == (
        "Instance 'it': a part of scratchDisks is secret or known only at update; reckoned without it",
    )
    assert [line.quantity for _, line in half.lines() if line.name == "Local SSD"] == [375]


@prices(ZONAL)
def test_a_group_of_a_first_preview_finds_its_template_and_its_autoscaler() -> None:
    """Five machines at least: 5 x 2 x 730 x 0.02181159 = 159.224607; on average 7.5 by usage: 238.8369105."""
    template, hidden = group(versions=UNKNOWN)
    linked = replace(hidden, references={"versions": (template.urn,)})
    autoscaler = replace(
        resource(AUTOSCALERS[0], "scaler", target=UNKNOWN, autoscalingPolicy={"minReplicas": 5, "maxReplicas": 9}),
        references={"target": (linked.urn,)},
    )
    assert bill(template, linked, autoscaler)["group: vCPU"] == ("7300", "159.224607")
    estimate = estimated(template, linked, autoscaler, group={"instances": "7.5"})
    [vcpu] = [line for _, line in estimate.lines() if line.name == "vCPU"]
    assert str(vcpu.monthly.normalize()) == "238.8369105"
    assert vcpu.usage_based
    assert "its autoscaler keeps 5 machines at least" in estimated(template, linked, autoscaler).notes[0]
    to_nothing = replace(autoscaler, props={**autoscaler.props, "autoscalingPolicy": {"minReplicas": 0}})
    assert bill(template, linked, to_nothing) == {}
    assert "its autoscaler keeps 0 machines at least" in estimated(template, linked, to_nothing).notes[0]
    assert estimated(hidden).not_estimated == {ZONAL: ["group: its instance template is not in this plan"]}


@prices(INSTANCE)
def test_each_access_configuration_is_an_address() -> None:
    """Three on two interfaces: 3 x 730 = 2,190 x 0.005 = 10.95."""
    two: list[dict[str, object]] = [{"accessConfigs": [{}]}, {"accessConfigs": [{}, {}]}]
    assert bill(instance("e2-micro", networkInterfaces=two))["External address"] == ("2190", "10.95")


@prices("gcp:compute/instanceGroupManager:InstanceGroupManager")
def test_a_groups_gpus_are_on_spot_with_its_machines() -> None:
    """Two machines with one K80 each: 1,460 x 0.1719 = 250.974."""
    template = resource(
        "gcp:compute/instanceTemplate:InstanceTemplate",
        "template",
        name="tmpl",
        machineType="n1-standard-1",
        guestAccelerators=[{"type": "nvidia-tesla-k80", "count": 1}],
        scheduling={"preemptible": True},
    )
    group = resource(
        "gcp:compute/instanceGroupManager:InstanceGroupManager",
        "group",
        zone="us-central1-a",
        versions=[{"instanceTemplate": "tmpl"}],
        targetSize=2,
    )
    assert bill(template, group)["group: GPU, nvidia-tesla-k80, spot"] == ("1460", "250.974")


@prices("gcp:dataproc/cluster:Cluster")
def test_workers_of_dataproc_with_gpus() -> None:
    """Two workers of n1-standard-4 with two T4 each: 4 x 511 x 0.35 = 715.4; the master has none."""
    gpus = [{"acceleratorType": "nvidia-tesla-t4", "acceleratorCount": 2}]
    cluster = resource(
        "gcp:dataproc/cluster:Cluster",
        region="us-central1",
        clusterConfig={"workerConfig": {"numInstances": 2, "machineType": "n1-standard-4", "accelerators": gpus}},
    )
    estimate = bill(cluster)
    assert estimate["Workers, GPU, nvidia-tesla-t4"] == ("2044", "715.4")
    assert "Masters, GPU, nvidia-tesla-t4" not in estimate
