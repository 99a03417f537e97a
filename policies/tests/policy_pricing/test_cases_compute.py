"""Hand-computed bills of what runs: Composer, Cloud SQL, Cloud Run, functions. Rates of us-central1, list price.

A month is 730 hours, 2,628,000 seconds.
"""

from __future__ import annotations

import base64
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing import report
from fastyle_policies.pricing.report import plain

from policy_pricing.bills import bill, estimated, prices, resource

COMPOSER = "gcp:composer/environment:Environment"
SQL = "gcp:sql/databaseInstance:DatabaseInstance"
SERVICE = "gcp:cloudrunv2/service:Service"
JOB = "gcp:cloudrunv2/job:Job"
FUNCTION = "gcp:cloudfunctionsv2/function:Function"
SCHEDULE = "gcp:cloudscheduler/job:Job"


def composer(image: str, workloads: dict[str, Any] | None = None, size: str = "SMALL") -> Resource:
    config = {
        "softwareConfig": {"imageVersion": image},
        "environmentSize": f"ENVIRONMENT_SIZE_{size}",
        "workloadsConfig": workloads or {},
    }
    return resource(COMPOSER, region="us-central1", config=config)


@prices(COMPOSER)
def test_composer_3_counts_dcus_of_its_components_and_its_infrastructure() -> None:
    """Two schedulers of 1 vCPU, 2 GiB and 5 GiB of disk, triggerer 0.5 and 1, web server 1 (0.5 asked) and 2 and 1, DAG
    processor 1, 4, 1, two workers of 0.5, 2, 10: 2 + 0.5 + 1 + 1 + 1 = 5.5 vCPU, 4 + 1 + 2 + 4 + 4 = 15 GiB, 10 + 1 + 1 +
    20 = 32 GiB of disk; 5.5 x 0.6 + 15 x 0.1 + 32 x 0.0038812833 = 4.9242010656 DCU x 730 = 3,594.666777888 DCU-hours x 0.06
    = 215.68. Infrastructure: 12 - (3.5 x 0.6 + 11 x 0.1 + 4 x 0.0038812833) = 8.7844748668 x 730 = 6,412.666652764 x 0.06 =
    384.76. Database 20 GiB x 730 x 0.000232877 = 3.4000042. 100 hours of a further worker: 100 x (0.3 + 0.2 + 0.038812833) =
    53.8812833 x 0.06 = 3.232876998. Logs 5 GiB x 0.50 = 2.5."""
    parts = {
        "scheduler": {"cpu": 1, "memoryGb": 2, "storageGb": 5, "count": 2},
        "triggerer": {"cpu": 0.5, "memoryGb": 1, "count": 1},
        "webServer": {"cpu": 0.5, "memoryGb": 2},
        "dagProcessor": {"cpu": 1, "memoryGb": 4, "count": 1},
        "worker": {"cpu": 0.5, "memoryGb": 2, "storageGb": 10, "minCount": 2, "maxCount": 6},
    }
    used = {"monthly_extra_worker_hours": 100, "database_gib": 20, "monthly_log_gib": 5}
    assert bill(composer("composer-3-airflow-2.10.5", parts), it=used) == {
        "Airflow components": ("3594.666777888", "215.68000667328"),
        "Infrastructure, small": ("6412.666652764", "384.75999916584"),
        "Database storage": ("14600", "3.4000042"),
        "Further workers": ("53.8812833", "3.232876998"),
        "Logs": ("5", "2.5"),
    }


@prices(COMPOSER)
def test_composer_3_without_sizes_is_a_range_from_the_one_source_to_the_other() -> None:
    """The small preset: 12 DCU by a measurement x 730 x 0.06 = 525.6, and 7.4 by other products' conversion: 324.12. The
    upper end is reckoned with. Database of 10 GiB: 7,300 x 0.000232877 = 1.7000021."""
    estimate = estimated(composer("composer-3"))
    assert plain(estimate.total) == "527.3000021"
    assert plain(estimate.least) == "325.8200021"
    assert bill(composer("composer-3"))["Database storage"] == ("7300", "1.7000021")
    assert estimate.notes == (
        "it: costs 325.82 to 527.30 USD a month: its sources contradict each other; the upper end is reckoned with",
    )
    assert "at least 325.82 by the lower of the sources" in report.as_table(estimate, date(2026, 11, 1))
    assert "At least 325.82 by the lower of contradicting sources." in report.as_markdown(estimate, "x")


@prices(COMPOSER)
def test_a_highly_resilient_environment_has_two_of_each_component_and_that_is_said() -> None:
    """The preset twice over: 24 DCU x 730 x 0.06 = 1,051.2, at least 648.24; the database twice 1.7000021."""
    env = composer("composer-3")
    resilient = resource(
        COMPOSER, region="us-central1", config={**env.props["config"], "resilienceMode": "HIGH_RESILIENCE"}
    )
    estimate = estimated(resilient)
    assert plain(estimate.total) == "1054.6000042"
    assert plain(estimate.least) == "651.6400042"
    assert any("is highly resilient: reckoned with two of each component" in note for note in estimate.notes)
    more = {"scheduler": {"cpu": 0.5, "memoryGb": 2, "storageGb": 1, "count": 3}}
    three = resource(
        COMPOSER, region="us-central1", config={"workloadsConfig": more, "resilienceMode": "HIGH_RESILIENCE"}
    )
    by_hand = (Decimal("0.5") * Decimal("0.6") + 2 * Decimal("0.1") + Decimal("0.0038812833")) * 730 * Decimal("0.06")
    assert estimated(three).total - estimate.total == by_hand


@prices(COMPOSER)
def test_composer_2_has_a_fee_and_counts_vcpu_memory_and_storage() -> None:
    """Fee 730 x 0.35 = 255.5. Scheduler 0.5 vCPU, 2 GiB, 1 GiB disk; triggerer 0.5, 1, none; web server 0.5, 2, 1; three
    workers of 1, 4, 2: 4.5 vCPU x 730 = 3,285 x 0.045 = 147.825; 17 GiB x 730 = 12,410 x 0.005 = 62.05; 8 GiB + 10 of
    database = 18 x 730 = 13,140 x 0.0002 = 2.628. 10 hours of a further worker: 10 x 0.045 = 0.45, 40 x 0.005 = 0.2."""
    parts = {"worker": {"cpu": 1, "memoryGb": 4, "storageGb": 2, "minCount": 3}}
    used = {"monthly_extra_worker_hours": 10, "database_gib": 10}
    assert bill(composer("composer-2.9.7-airflow-2.9.3", parts), it=used) == {
        "Environment fee, small": ("730", "255.5"),
        "vCPU": ("3285", "147.825"),
        "Memory": ("12410", "62.05"),
        "Storage": ("13140", "2.628"),
        "Further workers, vCPU": ("10", "0.45"),
        "Further workers, memory": ("40", "0.2"),
    }


@prices(COMPOSER)
def test_a_highly_resilient_composer_2_has_two_of_each_component() -> None:
    """Twice 0.5 vCPU, 2 GiB and 1 GiB of scheduler, web server and worker, 0.5 and 1 of the triggerer: 4 vCPU x 730 x 0.045 =
    131.4; 14 GiB x 730 x 0.005 = 51.1; 6 GiB x 730 x 0.0002 = 0.876. The fee stays."""
    given = composer("composer-2.9.7").props["config"]
    assert bill(resource(COMPOSER, region="us-central1", config={**given, "resilienceMode": "HIGH_RESILIENCE"})) == {
        "Environment fee, small": ("730", "255.5"),
        "vCPU": ("2920", "131.4"),
        "Memory": ("10220", "51.1"),
        "Storage": ("4380", "0.876"),
    }


@prices(COMPOSER)
@pytest.mark.parametrize(
    ("image", "size", "why"),
    [
        ("composer-1.20.12-airflow-1.10.15", "SMALL", "the price book has no rates for image composer-1.20.12-airflow-1.10.15"),
        ("composer-3", "LARGE", "the price book does not know the compute of a large Composer 3 environment"),
        ("composer-2", "MEDIUM", "the price book has no rate composer-2.environment-medium"),
    ],
)  # fmt: skip
def test_what_the_book_does_not_know_of_composer_is_not_estimated(image: str, size: str, why: str) -> None:
    assert estimated(composer(image, size=size)).not_estimated == {COMPOSER: [f"it: {why}"]}


@prices(COMPOSER)
def test_the_compute_of_composer_3_is_marked_as_unconfirmed() -> None:
    estimate = estimated(composer("composer-3"))
    assert estimate.resting_on("U") == estimate.list_price


def database(tier: str = "db-custom-2-7680", **settings: Any) -> Resource:
    given: dict[str, Any] = {"tier": tier, "ipConfiguration": {"ipv4Enabled": False}, "diskSize": 10, **settings}
    return resource(SQL, databaseVersion="POSTGRES_16", name="shop", region="us-central1", settings=given)


@prices(SQL)
def test_a_database_of_two_vcpus_around_the_clock() -> None:
    """2 vCPU x 730 = 1,460 x 0.0413 = 60.298; 7.5 GiB x 730 = 5,475 x 0.007 = 38.325; 10 GB SSD x 0.17 = 1.7."""
    assert bill(database()) == {
        "vCPU": ("1460", "60.298"),
        "Memory": ("5475", "38.325"),
        "Storage, SSD": ("10", "1.7"),
    }


@prices(SQL)
def test_high_availability_doubles_compute_and_storage_but_not_backups() -> None:
    """Twice 60.298, 38.325 and 100 GB x 0.17; 60 GB of backups x 0.08 = 4.8; logs 1 GiB x 0.50."""
    doubled = database(availabilityType="REGIONAL", diskSize=100, backupConfiguration={"enabled": True})
    assert bill(doubled, it={"backup_gb": 60, "monthly_log_gib": 1}) == {
        "vCPU": ("2920", "120.596"),
        "Memory": ("10950", "76.65"),
        "Storage, SSD": ("200", "34"),
        "Backups": ("60", "4.8"),
        "Logs": ("1", "0.5"),
    }


@prices(SQL)
def test_a_disk_that_has_grown_and_one_that_turns() -> None:
    """The larger of 10 GB planned and 50 grown: 50 x 0.17 = 8.5; 50 GB HDD x 0.09 = 4.5."""
    assert bill(database(), it={"disk_gb": 50})["Storage, SSD"] == ("50", "8.5")
    assert bill(database(diskType="PD_HDD"), it={"disk_gb": 50})["Storage, HDD"] == ("50", "4.5")
    assert bill(database(diskSize=80), it={"disk_gb": 50})["Storage, SSD"] == ("80", "13.6")


@prices(SQL)
@pytest.mark.parametrize(("tier", "monthly"), [("db-f1-micro", "7.665"), ("db-g1-small", "25.55")])
def test_shared_cores_have_a_price_of_their_own(tier: str, monthly: str) -> None:
    """730 x 0.0105 = 7.665, 730 x 0.035 = 25.55; highly available twice that."""
    assert bill(database(tier))[f"Instance {tier}"] == ("730", monthly)
    assert bill(database(tier, availabilityType="REGIONAL"))[f"Instance {tier}"][0] == "1460"


def switch(name: str, policy: str, schedule: str, **more: Any) -> Resource:
    body = base64.b64encode(json.dumps({"settings": {"activationPolicy": policy}}).encode()).decode()
    uri = "https://sqladmin.googleapis.com/v1/projects/p/instances/shop"
    return resource(SCHEDULE, name, schedule=schedule, httpTarget={"uri": uri, "body": body}, **more)


@prices(SQL, SCHEDULE)
def test_a_database_that_is_stopped_at_night_runs_half_the_month() -> None:
    """Started at 8, stopped at 20, every day: 365 of 730 hours x 0.0105 = 3.8325; the disk goes on: 1.7. A public address
    costs 0.01 for each of the 365 hours in which it waits: 3.65. Two jobs x 0.10."""
    night = database("db-f1-micro", ipConfiguration={"ipv4Enabled": True})
    down = switch("down", "NEVER", "0 20 * * *")
    down.props["httpTarget"]["uri"] += "/"
    assert bill(night, switch("up", "ALWAYS", "0 8 * * *"), down) == {
        "it: Instance db-f1-micro": ("365", "3.8325"),
        "it: Storage, SSD": ("10", "1.7"),
        "it: Public address while stopped": ("365", "3.65"),
        "up: Job": ("1", "0.1"),
        "down: Job": ("1", "0.1"),
    }


@prices(SQL)
@pytest.mark.parametrize(
    ("jobs", "hours"),
    [
        # 2024 has 262 working days of 366: 262 x 12 of 8,784 hours, of 730: 261.284153005.
        ([("u", "ALWAYS", "0 8 * * 1-5", {}), ("d", "NEVER", "0 20 * * 1-5", {})], "261.284153005"),
        ([("u", "ALWAYS", "0 8 * * *", {})], "730"),  # nothing stops it
        ([("u", "ALWAYS", "0 8 * * *", {}), ("d", "NEVER", "0 20 * * *", {"paused": True})], "730"),
        ([("u", "ALWAYS", "0 8 * * *", {}), ("d", "NEVER", "never", {})], "730"),
    ],
)
def test_how_long_the_plans_own_jobs_let_it_run(jobs: list[tuple[str, str, str, dict[str, Any]]], hours: str) -> None:
    """The hours of a leap year between start and stop, as a share of 730."""
    estimate = bill(database("db-f1-micro"), *(switch(n, p, s, **more) for n, p, s, more in jobs))
    assert estimate["it: Instance db-f1-micro"][0] == hours


@prices(SQL)
def test_jobs_that_switch_something_else_leave_it_running() -> None:
    other = switch("u", "ALWAYS", "0 8 * * *")
    uri = "https://sqladmin.googleapis.com/v1/projects/p/instances/another"
    jobs = [
        resource(SCHEDULE, name, **{**other.props, "httpTarget": {"uri": uri, "body": body}})
        for name, body in (("a", other.get("httpTarget.body")), ("b", "no base64"), ("c", None))
    ]
    broken = {**other.props["httpTarget"], "body": "-" + str(other.get("httpTarget.body"))}  # which the API refuses
    jobs.append(resource(SCHEDULE, "broken", **{**other.props, "httpTarget": broken}))
    of_another_api = {**other.props["httpTarget"], "uri": "https://alloydb.googleapis.com/v1/projects/p/instances/shop"}
    down = switch("d", "NEVER", "0 20 * * *")
    jobs += [down, resource(SCHEDULE, "of-another-api", **{**other.props, "httpTarget": of_another_api})]
    assert bill(database("db-f1-micro"), *jobs)["it: Instance db-f1-micro"][0] == "730"


@prices(SQL)
def test_usage_and_activation_policy_say_how_long_it_runs() -> None:
    """100 hours x 0.0105 = 1.05; never: only the disk."""
    assert bill(database("db-f1-micro"), it={"monthly_running_hours": 100})["Instance db-f1-micro"] == ("100", "1.05")
    assert bill(database("db-f1-micro", activationPolicy="NEVER")) == {"Storage, SSD": ("10", "1.7")}


@prices(SQL)
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"databaseVersion": "SQLSERVER_2022_WEB"}, "the price book has no rates for SQLSERVER_2022_WEB"),
        ({"settings.edition": "ULTIMATE"}, "the price book has no rates for edition ULTIMATE"),
        (
            {
                "settings.edition": "ENTERPRISE_PLUS", "settings.tier": "db-perf-optimized-N-2",
                "settings.diskType": "PD_HDD",
            },
            "edition Enterprise Plus has SSDs only",
        ),
        ({"settings.edition": "ENTERPRISE_PLUS"}, "the price book has no rate for tier db-custom-2-7680 of edition Enterprise Plus"),
        ({"settings.tier": "db-n9-standard-1"}, "the price book has no rate for tier db-n9-standard-1"),
        ({"settings.tier": UNKNOWN}, "its tier is secret or known only at update"),
        ({"settings.diskType": "HYPERDISK_BALANCED"}, "the price book has no rate for disks of type HYPERDISK_BALANCED"),
        ({"settings.diskSize": -1}, "settings.diskSize is -1, which is below 0"),
        ({"settings.diskSize": "huge"}, "settings.diskSize is 'huge', which is no number to reckon with"),
    ],
)  # fmt: skip
def test_a_database_that_the_book_cannot_price_is_not_estimated(changed: dict[str, Any], why: str) -> None:
    props = dict(database().props)
    for path, value in changed.items():
        if "." in path:
            props["settings"] = {**props["settings"], path.split(".")[1]: value}
        else:
            props[path] = value
    assert estimated(resource(SQL, **props)).not_estimated == {SQL: [f"it: {why}"]}


@prices(SQL)
def test_enterprise_plus_has_its_own_rates_and_a_cache() -> None:
    """4 vCPU x 730 x 2 = 5,840 x 0.0537 = 313.608; 32 GiB x 730 x 2 = 46,720 x 0.0091 = 425.152; 50 GB x 2 x 0.17 = 17; cache
    375 GB x 2 = 750 x 0.16 = 120."""
    plus = database(
        "db-perf-optimized-N-4",
        edition="ENTERPRISE_PLUS",
        availabilityType="REGIONAL",
        diskSize=50,
        dataCacheConfig={"dataCacheEnabled": True},
    )
    assert bill(plus) == {
        "vCPU": ("5840", "313.608"),
        "Memory": ("46720", "425.152"),
        "Data cache": ("750", "120"),
        "Storage, SSD": ("100", "17"),
    }
    largest = bill(database("db-perf-optimized-N-128", edition="ENTERPRISE_PLUS"))
    assert largest["Memory"][0] == "630720"  # 864 GiB x 730
    assert "Data cache" not in largest


@prices(SQL)
@pytest.mark.parametrize(("tier", "memory"), [("db-n1-standard-2", "7.5"), ("db-n1-highmem-2", "13")])
def test_an_older_tier_is_reckoned_by_its_size_and_that_is_said(tier: str, memory: str) -> None:
    """2 vCPU x 730 x 0.0413 = 60.298; 7.5 GiB x 730 x 0.007 = 38.325; 13 GiB: 66.43."""
    estimate = bill(database(tier))
    assert estimate["vCPU"] == ("1460", "60.298")
    assert estimate["Memory"] == (plain(Decimal(memory) * 730), {"7.5": "38.325", "13": "66.43"}[memory])
    assert f"{tier} is an older tier, reckoned by its 2 vCPU and {memory} GiB" in estimated(database(tier)).notes[0]


@prices(SQL)
def test_a_read_replica_is_an_instance_with_its_primarys_disk() -> None:
    """Each: 2 vCPU 60.298, 7.5 GiB 38.325, 80 GB x 0.17 = 13.6, whether the primary is highly available or not."""
    settings = {"tier": "db-custom-2-7680", "ipConfiguration": {"ipv4Enabled": False}}
    primary = resource(SQL, "primary", name="shop", settings={**settings, "diskSize": 80})
    replica = resource(SQL, "replica", name="shop-2", masterInstanceName="shop", settings=settings)
    assert bill(primary, replica) == {
        f"{name}: {line}": figures
        for name in ("primary", "replica")
        for line, figures in {
            "vCPU": ("1460", "60.298"),
            "Memory": ("5475", "38.325"),
            "Storage, SSD": ("80", "13.6"),
        }.items()
    }
    words = "its disk is as large as its primary's, which the plan does not tell; reckoned with 10 GB"
    assert estimated(replica).notes[0] == f"DatabaseInstance 'replica': {words}"
    assert bill(replica)["Storage, SSD"] == ("10", "1.7")


@prices(SQL)
def test_backups_without_their_size_are_pointed_out() -> None:
    estimate = estimated(database(backupConfiguration={"enabled": True}))
    assert estimate.notes == ("DatabaseInstance 'it': keeps backups, of which the usage file gives no backup_gb",)


def service(
    cpu: Any = "1", memory: str = "512Mi", *, least: int = 0, idle: bool | None = True, **template: Any
) -> Resource:
    limits = {"limits": {"cpu": cpu, "memory": memory}, "cpuIdle": idle}
    scaling = {"minInstanceCount": least}
    return resource(SERVICE, template={"containers": [{"resources": limits}], "scaling": scaling, **template})


@prices(SERVICE)
def test_a_request_based_service_is_billed_while_it_serves() -> None:
    """1,000,000 requests of 250 ms, billed as 300: 300,000 s x 1 vCPU x 0.000024 = 7.2, x 0.5 GiB x 0.0000025 = 0.375;
    a million requests 0.40. Logs 2 GiB x 0.5 = 1, to the internet 5 GiB x 0.12 = 0.6."""
    used = {"monthly_requests": 1_000_000, "request_ms": 250, "monthly_log_gib": 2, "monthly_egress_gib": 5}
    assert bill(service(), it=used) == {
        "CPU": ("300000", "7.2"),
        "Memory": ("150000", "0.375"),
        "Requests": ("1000000", "0.4"),
        "Logs": ("2", "1"),
        "Sent to the internet": ("5", "0.6"),
    }


@prices(SERVICE)
def test_requests_that_are_served_at_once_share_the_time() -> None:
    """1,000,000 x 0.1 s / 4 at once = 25,000 s x 2 vCPU = 50,000 x 0.000024 = 1.2; x 1 GiB x 0.0000025 = 0.0625."""
    estimate = bill(service("2000m", "1Gi"), it={"monthly_requests": 1_000_000, "requests_at_once": 4})
    assert estimate == {"CPU": ("50000", "1.2"), "Memory": ("25000", "0.0625"), "Requests": ("1000000", "0.4")}


@prices(SERVICE)
def test_a_minimum_instance_is_billed_as_idle_while_it_waits_and_as_active_while_it_serves() -> None:
    """2,628,000 s, of which 28,000 serving: 2,600,000 idle x 0.0000025 = 6.5, memory half of it 3.25; serving 28,000 x
    0.000024 = 0.672, 14,000 x 0.0000025 = 0.035. 280,000 requests = 0.112."""
    assert bill(service(least=1), it={"monthly_requests": 280_000}) == {
        "CPU, idle minimum instances": ("2600000", "6.5"),
        "Memory, idle minimum instances": ("1300000", "3.25"),
        "CPU": ("28000", "0.672"),
        "Memory": ("14000", "0.035"),
        "Requests": ("280000", "0.112"),
    }


@prices(SERVICE)
def test_more_serving_time_than_minimum_instances_have_leaves_nothing_idle() -> None:
    """3,000,000 s of instances against 2,628,000: none idle; 3,000,000 x 0.000024 = 72, x 0.5 x 0.0000025 = 3.75."""
    assert bill(service(least=1), it={"monthly_instance_seconds": 3_000_000}) == {
        "CPU": ("3000000", "72"),
        "Memory": ("1500000", "3.75"),
    }


@prices(SERVICE)
def test_an_instance_based_service_pays_its_minimum_around_the_clock_and_no_requests() -> None:
    """2,628,000 s x 0.000018 = 47.304 and x 0.5 GiB x 0.000002 = 2.628 always on; beyond them 372,000 s: 6.696, 0.372."""
    used = {"monthly_instance_seconds": 3_000_000, "monthly_requests": 1_000_000}
    assert bill(service(least=1, idle=False), it=used) == {
        "CPU, always on": ("2628000", "47.304"),
        "Memory, always on": ("1314000", "2.628"),
        "CPU": ("372000", "6.696"),
        "Memory": ("186000", "0.372"),
    }
    assert bill(service(idle=False), it={"monthly_instance_seconds": 1000}) == {
        "CPU": ("1000", "0.018"),
        "Memory": ("500", "0.001"),
    }


@prices(SERVICE)
def test_the_containers_of_a_service_add_up_and_its_own_scaling_counts_too() -> None:
    """Containers of 1 and 0.5 vCPU, 512 MiB and 1 GiB: 1.5 vCPU, 1.5 GiB; two minimum instances: 5,256,000 s x 1.5 x
    0.0000025 = 19.71, twice."""
    containers = [
        {"resources": {"limits": {"cpu": "1"}, "cpuIdle": True}},
        {"resources": {"limits": {"cpu": 0.5, "memory": "1Gi"}, "cpuIdle": True}},
    ]
    both = resource(SERVICE, template={"containers": containers}, scaling={"minInstanceCount": 2})
    assert bill(both) == {
        "CPU, idle minimum instances": ("7884000", "19.71"),
        "Memory, idle minimum instances": ("7884000", "19.71"),
    }


@prices(SERVICE, JOB)
def test_what_cannot_be_priced_of_cloud_run_is_not_estimated() -> None:
    gpu = {"accelerator": "nvidia-l4"}
    for estimate, type_, why in (
        (service(nodeSelector=gpu), SERVICE, "the price book has no rates for GPUs"),
        (resource(JOB, template={"template": {"nodeSelector": gpu}}), JOB, "the price book has no rates for GPUs"),
        (service(cpu="many"), SERVICE, "CPU is 'many', which is no quantity"),
        (service(memory="lots"), SERVICE, "memory is 'lots', which is no quantity"),
    ):
        assert estimated(estimate).not_estimated == {type_: [f"it: {why}"]}


@prices(SERVICE)
def test_what_is_not_known_before_the_update_is_reckoned_with_defaults_and_named() -> None:
    """One minimum instance of 1 vCPU and 0.5 GiB: 6.57 + 3.285."""
    hidden = resource(SERVICE, template={"containers": UNKNOWN, "scaling": {"minInstanceCount": 1}})
    assert plain(estimated(hidden).list_price) == "9.855"
    assert "its containers are secret or known only at update" in estimated(hidden).notes[0]
    wrong = resource(SERVICE, template={"containers": "x"})
    assert estimated(wrong).not_estimated == {SERVICE: ["it: its containers are no list"]}
    limits = {"limits": {"cpu": UNKNOWN, "memory": UNKNOWN}, "cpuIdle": True}
    sized = resource(SERVICE, template={"containers": [{"resources": limits}], "scaling": {"minInstanceCount": 1}})
    assert plain(estimated(sized).list_price) == "9.855"
    assert len(estimated(sized).notes) == 2


@prices(SERVICE)
def test_resources_without_cpu_idle_keep_the_cpu_always_on() -> None:
    """The provider's cpuIdle is true only where `resources` is not set: 2,628,000 s x 2 vCPU x 0.000018 = 94.608, x 1 GiB
    x 0.000002 = 5.256, together 99.864. Without `resources` the default of 1 vCPU and 512 MiB waits at the idle rate."""
    assert bill(service("2", "1Gi", least=1, idle=None)) == {
        "CPU, always on": ("5256000", "94.608"),
        "Memory, always on": ("2628000", "5.256"),
    }
    plain_one = resource(SERVICE, template={"containers": [{"image": "x"}], "scaling": {"minInstanceCount": 1}})
    assert set(bill(plain_one)) == {"CPU, idle minimum instances", "Memory, idle minimum instances"}
    hidden = estimated(service(least=1, idle=UNKNOWN))  # type: ignore[arg-type]
    assert plain(hidden.list_price) == "49.932"  # 47.304 + 2.628
    assert hidden.notes == (
        "Service 'it': whether its CPU is always on is secret or known only at update; reckoned with always",
    )


@prices(SERVICE)
@pytest.mark.parametrize(("given", "instances"), [({"manualInstanceCount": 3}, 3), ({}, 1)])
def test_a_manually_scaled_service_runs_so_many_instances(given: dict[str, Any], instances: int) -> None:
    """Always on: n x 2,628,000 s x 0.000018 = 47.304 n and half of it in GiB x 0.000002 = 2.628 n. Request-based: idle at
    n x 6.57 and n x 3.285; more work than n instances can do is not billed: nothing further starts."""
    manual = {"scalingMode": "MANUAL", **given}
    containers = [{"resources": {"limits": {"cpu": "1"}}}]
    always = resource(SERVICE, template={"containers": containers}, scaling=manual)
    assert bill(always, it={"monthly_instance_seconds": 10**8}) == {
        "CPU, always on": (str(2628000 * instances), plain(Decimal("47.304") * instances)),
        "Memory, always on": (str(1314000 * instances), plain(Decimal("2.628") * instances)),
    }
    billed = resource(SERVICE, template={"containers": [{}]}, scaling=manual)
    assert bill(billed)["CPU, idle minimum instances"] == (str(2628000 * instances), plain(Decimal("6.57") * instances))
    busy = bill(billed, it={"monthly_instance_seconds": 10**8})
    assert busy["CPU"] == (str(2628000 * instances), plain(Decimal("63.072") * instances))
    assert "CPU, idle minimum instances" not in busy


@prices(FUNCTION)
@pytest.mark.parametrize(
    ("memory", "vcpus"),
    [
        *(("128Mi", "0.083"), ("256M", "0.167"), ("512Mi", "0.333"), ("1Gi", "0.583"), ("2G", "1"), ("2Gi", "1")),
        *(("4Gi", "2"), ("8Gi", "2"), ("16Gi", "4"), ("32Gi", "8"), ("300Mi", "0.333"), ("64Gi", "8")),
    ],
)
def test_a_function_that_asks_for_no_cpu_gets_that_of_its_memory(memory: str, vcpus: str) -> None:
    """1,000,000 s x the vCPUs of Google's table x 0.000024."""
    estimate = bill(
        resource(FUNCTION, serviceConfig={"availableMemory": memory}), it={"monthly_instance_seconds": 10**6}
    )
    assert estimate["CPU"] == (plain(Decimal(vcpus) * 10**6), plain(Decimal(vcpus) * 24))


@prices(JOB)
def test_a_job_is_billed_for_a_minute_a_task_at_least() -> None:
    """100 executions x 3 tasks x 60 s (of 20) = 18,000 s x 2 vCPU x 0.000018 = 0.648; x 1 GiB x 0.000002 = 0.036.
    At 90 s: 27,000 s = 0.972 and 0.054. Logs 1 GiB = 0.5."""
    limits = {"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}
    job = resource(JOB, template={"taskCount": 3, "template": {"containers": [limits]}})
    used = {"monthly_executions": 100, "task_seconds": 20}
    assert bill(job, it=used) == {"CPU": ("36000", "0.648"), "Memory": ("18000", "0.036")}
    how = "100 executions x 3 tasks x max(20, 60) s x "
    assert [line.arithmetic for _, line in estimated(job, it=used).lines()] == [how + "2 vCPU", how + "1 GiB"]
    assert bill(job, it={**used, "task_seconds": 90, "monthly_log_gib": 1}) == {
        "CPU": ("54000", "0.972"),
        "Memory": ("27000", "0.054"),
        "Logs": ("1", "0.5"),
    }


@prices(FUNCTION)
def test_a_function_is_a_service_with_builds() -> None:
    """500,000 requests x 0.1 s = 50,000 s x 2 vCPU x 0.000024 = 2.4; x 0.5 GiB x 0.0000025 = 0.0625; 500,000 requests = 0.2.
    20 builds x 3 minutes x 0.006 = 0.36."""
    config = {"availableMemory": "512Mi", "availableCpu": "2"}
    used = {"monthly_requests": 500_000, "monthly_builds": 20}
    assert bill(resource(FUNCTION, serviceConfig=config), it=used) == {
        "CPU": ("100000", "2.4"),
        "Memory": ("25000", "0.0625"),
        "Requests": ("500000", "0.2"),
        "Builds": ("60", "0.36"),
    }


@prices(FUNCTION)
def test_a_warm_function_waits_at_the_idle_rate() -> None:
    """256 MB come with 0.167 vCPU: 2,628,000 s x 0.167 = 438,876 x 0.0000025 = 1.09719; 256 MB = 0.2384185791015625 GiB x
    2,628,000 = 626,564.025878906 x 0.0000025."""
    warm = resource(FUNCTION, serviceConfig={"minInstanceCount": 1, "availableMemory": "256M"})
    assert bill(warm) == {
        "CPU, idle minimum instances": ("438876", "1.09719"),
        "Memory, idle minimum instances": ("626564.025878906", "1.566410064697265"),
    }
