"""Every key of the configuration arrives somewhere: one that nothing reads would be obeyed in silence, and do nothing.

Each stack is composed twice, as committed and with all of a table's keys changed at once; a key's words must be among
what the second one makes, and not among what the first one does.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from component_resources.recorder import Recorder
from infra.config import ConfigError, StackConfig
from infra.settings import Workloads
from tests.support.configuration import configuration, put
from tests.support.program import composed, program

# Key -> another value, and what is made of it: a property with its value, or a part of one.
Table = dict[str, tuple[Any, str]]

PROD: Table = {
    "gcp:project": ("shop-77", '"shop-77-raw-lake"'),
    "gcp:region": ("europe-west3", '"region": "europe-west3"'),
    "project_number": ("777000777000", "service-777000777000@gcp-sa-pubsub"),
    "billing_account": ("777777-777777-777777", '"billingAccount": "777777-777777-777777"'),
    "timezone": ("Europe/Berlin", '"Europe/Berlin"'),
    "brand": ("Nordhaus & Co", '"Nordhaus & Co: '),
    "locale": ("de-CH", '"name": "LOCALE", "value": "de-CH"'),
    "currency": ("CHF", '"CHF"'),
    "labels": ({"team": "seven"}, '"team": "seven"'),
    "inventory.reorder_point": (777, '"777"'),
    "inventory.max_days_of_cover": (778, '"778"'),
    "streams.retention_days": (8, '"messageRetentionDuration": "691200s"'),
    "streams.dead_letter_retention_days": (30, '"messageRetentionDuration": "2592000s"'),
    "streams.lake_batch_seconds": (301, '"maxDuration": "301s"'),
    "streams.max_delivery_attempts": (77, '"maxDeliveryAttempts": 77'),
    "lake.nearline_after_days": (31, '"age": 31'),
    "lake.coldline_after_days": (92, '"age": 92'),
    "lake.archive_after_days": (301, '"age": 301'),
    "lake.delete_after_days": (1777, '"age": 1777'),
    "lake.soft_delete_days": (9, '"retentionDurationSeconds": 777600'),
    "warehouse.raw_retention_days": (77, '"expirationMs": 6652800000'),
    "warehouse.maximum_bytes_billed": (77777777777, '"77777777777"'),
    "warehouse.analysts": ({"seven": "group:seven@example.com"}, '"group:seven@example.com"'),
    "warehouse.max_time_travel_hours": (72, '"maxTimeTravelHours": "72"'),
    "database.tier": ("db-custom-4-15360", '"tier": "db-custom-4-15360"'),
    "database.disk_gb": (77, '"diskSize": 77'),
    "database.disk_limit_gb": (777, '"diskAutoresizeLimit": 777'),
    "database.backups.kept": (17, '"retainedBackups": 17'),
    "database.backups.log_days": (6, '"transactionLogRetentionDays": 6'),
    "database.backups.hour": (17, '"startTime": "17:00"'),
    "database.maintenance_day": (5, '"day": 5'),
    "database.maintenance_hour": (17, '"hour": 17'),
    "database.flags": ({"log_min_duration_statement": "777"}, '"name": "log_min_duration_statement", "value": "777"'),
    "network.subnet_cidr": ("10.77.0.0/24", '"ipCidrRange": "10.77.0.0/24"'),
    "network.services_prefix_length": (21, '"prefixLength": 21'),
    "network.nat": (True, "gcp:compute/routerNat:RouterNat"),
    "workloads.api.cpu": ("4", '"cpu": "4"'),
    "workloads.api.memory": ("2777Mi", '"memory": "2777Mi"'),
    "workloads.api.minimum_instances": (7, '"minInstanceCount": 7'),
    "workloads.api.maximum_instances": (17, '"maxInstanceCount": 17'),
    "workloads.api.concurrency": (77, '"maxInstanceRequestConcurrency": 77'),
    "workloads.api.timeout_seconds": (177, '"timeout": "177s"'),
    "workloads.pos_api.cpu": ("2", '"availableCpu": "2"'),
    "workloads.pos_api.memory": ("778Mi", '"availableMemory": "778M"'),
    "workloads.pos_api.minimum_instances": (6, '"minInstanceCount": 6'),
    "workloads.pos_api.maximum_instances": (16, '"maxInstanceCount": 16'),
    "workloads.pos_api.concurrency": (76, '"maxInstanceRequestConcurrency": 76'),
    "workloads.pos_api.timeout_seconds": (176, '"timeoutSeconds": 176'),
    "workloads.inventory_sync.cpu": ("6", '"cpu": "6"'),
    "workloads.inventory_sync.memory": ("5Gi", '"memory": "5Gi"'),
    "workloads.inventory_sync.minimum_instances": (5, '"minInstanceCount": 5'),
    "workloads.inventory_sync.maximum_instances": (15, '"maxInstanceCount": 15'),
    "workloads.inventory_sync.concurrency": (75, '"maxInstanceRequestConcurrency": 75'),
    "workloads.inventory_sync.timeout_seconds": (175, '"timeout": "175s"'),
    "workloads.pipeline.cpu": ("8", '"cpu": "8"'),
    "workloads.pipeline.memory": ("7Gi", '"memory": "7Gi"'),
    "workloads.pipeline.minimum_instances": (3, '"minInstanceCount": 3'),
    "workloads.pipeline.maximum_instances": (14, '"maxInstanceCount": 14'),
    "workloads.pipeline.concurrency": (74, '"maxInstanceRequestConcurrency": 74'),
    "workloads.pipeline.timeout_seconds": (1777, '"timeout": "1777s"'),
    "pipeline.cron": ("7 7 * * *", "7 7 * * *"),
    "access.people": ({"seven": "group:people@example.com"}, '"group:people@example.com"'),
    "access.programs": ({"till": "serviceAccount:till@p.iam.gserviceaccount.com"}, '"serviceAccount:till@p.iam.gserviceaccount.com"'),
    "access.operators": ({"seven": "group:operators@example.com"}, '"group:operators@example.com"'),
    "budget.monthly_amount": (1777, '"units": "1777"'),
    "budget.currency": ("EUR", '"currencyCode": "EUR"'),
    "budget.thresholds": ([0.5, 0.77, 1.0], '"thresholdPercent": 0.77'),
    "budget.emails": (["seven@example.com"], '"email_address": "seven@example.com"'),
    "monitoring.emails": (["night@example.com"], '"email_address": "night@example.com"'),
    "monitoring.backlog_minutes": (17, '"thresholdValue": 1020'),
    "monitoring.freshness_hours": (17, '"duration": "59400s"'),
    "monitoring.latency_ms": (777, '}[5m]))) > 0.777'),
    "composer.image_version": ("composer-3-airflow-3.1.7-build.77", '"imageVersion": "composer-3-airflow-3.1.7-build.77"'),
    "composer.environment_size": ("LARGE", '"environmentSize": "ENVIRONMENT_SIZE_LARGE"'),
    "composer.snapshot_cron": ("7 4 * * *", '"snapshotCreationSchedule": "7 4 * * *"'),
    "composer.maintenance_days": (["MO", "TU"], "BYDAY=MO,TU"),
    "composer.maintenance_hour": (7, "T07:00:00Z"),
    "composer.worker_cpu": (7, '"cpu": 7'),
    "composer.worker_memory_gb": (17, '"memoryGb": 17'),
    "composer.maximum_workers": (9, '"maxCount": 9'),
    "composer.packages": ({"seven": "==7.7.7"}, '"seven": "==7.7.7"'),
    "log_retention_days": (77, '"retentionDays": 77'),
    "ci.repository": ("seven/shop", "seven/shop"),
    "ci.repository_id": ("7777777", "7777777"),
    "ci.branch": ("deploy", "refs/heads/deploy"),
    "ci.environment": ("production", "assertion.environment == 'production'"),
    "ci.reader": ("look@shop-1.iam.gserviceaccount.com", "shop-1/serviceAccounts/look@shop-1"),
    "ci.previewer": ("try@shop-1.iam.gserviceaccount.com", "shop-1/serviceAccounts/try@shop-1"),
    "ci.roles": (["roles/pubsub.viewer"], '"roles/pubsub.viewer"'),
}  # fmt: skip
# What production refuses, or has no use for.
DEV: Table = {
    "deletion_protection": ("true", '"deletionProtection": true'),
    "force_destroy": ("false", '"forceDestroy": false'),
    "services": ([*configuration("dev")["fastyle:services"], "vision.googleapis.com"], '"service": "vision.googleapis.com"'),
    "simulator.enabled": (False, '"SIMULATOR_ENABLED": "false"'),
    "simulator.seed": (777, '"SIMULATOR_SEED": "777"'),
    "simulator.catalogue": ("catalogue-europe", '"SIMULATOR_CATALOGUE": "catalogue-europe"'),
    "database.tier": ("db-custom-2-7680", '"tier": "db-custom-2-7680"'),
    "database.availability": ("REGIONAL", '"availabilityType": "REGIONAL"'),
    "database.backups.kept": (8, '"retainedBackups": 8'),
    "database.backups.point_in_time_recovery": (True, '"pointInTimeRecoveryEnabled": true'),
    "database.client_sslmode": ("prefer", "sslmode=prefer"),
    "database.night_stop.stop_cron": ("7 20 * * *", '"schedule": "7 20 * * *"'),
    "database.night_stop.start_cron": ("7 8 * * 1-5", '"schedule": "7 8 * * 1-5"'),
    "pipeline.cron": ("7 10 * * 1-5", '"schedule": "7 10 * * 1-5"'),
    "pipeline.paused": (True, '"paused": true'),
    "budget.guard": ("tell", '"GUARD_MODE": "tell"'),
    "monitoring": ({"emails": ["night@example.com"], "slos": True}, '"gcp:monitoring/slo:Slo::'),
}  # fmt: skip
TABLES = {"prod": PROD, "dev": DEV}

ELSEWHERE = {
    "project": "gcp:project",
    "region": "gcp:region",
    "environment": "each inventory's own",
    "protected": "test_protection_is_a_key_and_the_environment_a_free_label",
    "continuous_deployment": "test_docs_workflows.py",
    "name_prefix": "test_config_shared_project.py",
    "owns_project": "test_config_shared_project.py",
    "orchestrator": "each inventory's own",
    "decommission": "test_prod_can_be_taken_down_in_its_own_name_only",
    "composer.standby": "test_airflow_stands_by_while_the_scheduler_runs",
    "composer.deletion_protection": "test_an_airflow_that_stands_by_may_be_let_go",
    "lake.replay_days": "a promise, that the lake's deletion is held against when the configuration is read",
    "access.entrance": "test_config_restricted.py",
    "budget.notices": "test_config_restricted.py",
    "access.api_auth": "test_operators_of_a_stack_with_tokens_add_to_both_lists_of_credentials",
    "monitoring.slos": "monitoring",
    "composer.runs_as": "test_airflow_runs_as_an_account_of_its_own",
    **{f"workloads.{name}.ingress": "test_each_workload_has_its_ingress" for name in Workloads.model_fields},
}


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        annotations = (field.annotation, *get_args(field.annotation))
        sections = [a for a in annotations if isinstance(a, type) and issubclass(a, BaseModel)]
        if sections:
            yield from leaves(sections[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_key_is_tried() -> None:
    tried = {leaf for table in TABLES.values() for leaf in table}
    assert sorted(set(leaves(StackConfig)) - tried - set(ELSEWHERE)) == []
    assert sorted(tried - set(leaves(StackConfig)) - {"gcp:project", "gcp:region", "monitoring"}) == []


def made(stack: str | dict[str, Any]) -> str:
    return json.dumps(composed(stack).resources, sort_keys=True, default=str)


def with_every_key_changed(stack: str) -> dict[str, Any]:
    config = configuration(stack)
    for key, (value, _) in TABLES[stack].items():
        put(config, key, value)
    for workload in Workloads.model_fields if stack == "prod" else ():
        put(config, f"workloads.{workload}.ingress", "internal-and-load-balancer")
    return config


@pytest.mark.parametrize("stack", TABLES)
def test_every_key_arrives(stack: str) -> None:
    before, after = made(stack), made(with_every_key_changed(stack))
    words = {key: cell for key, (_, cell) in TABLES[stack].items()}
    assert {key: cell for key, cell in words.items() if cell not in after} == {}
    assert {key: cell for key, cell in words.items() if cell in before} == {}, "proves nothing"


def test_each_workload_has_its_ingress() -> None:
    behind = [
        inputs["name"]
        for inputs in composed(with_every_key_changed("prod")).resources.values()
        if "INTERNAL_AND_GCLB" in str(inputs) or "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER" in str(inputs)
    ]
    assert sorted(behind) == ["api", "inventory-sync", "pipeline", "pos-api"]


def test_operators_of_a_stack_with_tokens_add_to_both_lists_of_credentials() -> None:
    config = copy.deepcopy(configuration("local"))
    put(config, "access.operators", {"seven": "group:operators@example.com"})
    grants = sorted(
        (inputs["secretId"], inputs["role"])
        for key, inputs in composed(config).resources.items()
        if "secretIamMember" in key and inputs["member"] == "group:operators@example.com"
    )
    both = [("api-credentials", role) for role in ROLES] + [("pos-credentials", role) for role in ROLES]
    assert grants == both


ROLES = ("roles/secretmanager.secretAccessor", "roles/secretmanager.secretVersionAdder")


def test_a_stack_that_may_be_destroyed_lets_its_airflow_go() -> None:
    config = copy.deepcopy(configuration("dev"))
    put(config, "orchestrator", "composer")
    put(config, "services", [*config["fastyle:services"], "composer.googleapis.com"])
    put(config, "composer", configuration("prod")["fastyle:composer"])
    bucket = composed(config).one("orchestration-bucket")
    assert (bucket["forceDestroy"], bucket["deletionPolicy"]) == (True, "DELETE")


def standing_by(**composer: Any) -> dict[str, Any]:
    """prod with the scheduler, and Airflow kept."""
    config = copy.deepcopy(configuration("prod"))
    put(config, "orchestrator", "scheduler")
    put(config, "composer", {**config["fastyle:composer"], "standby": True, **composer})
    return config


def airflow_s_variables(made: Recorder) -> dict[str, str]:
    environment = made.one("orchestration-environment")
    return dict(environment["config"]["softwareConfig"]["envVariables"])


def test_airflow_stands_by_while_the_scheduler_runs() -> None:
    """One of the two runs by itself; the other is whole: account, grants, files, environment."""
    composer = composed(configuration("prod"))
    both = composed(standing_by())
    only = {key for key in composer.resources if key not in both.resources}
    assert {key.partition("::")[0] for key in only} <= {
        "gcp:monitoring/alertPolicy:AlertPolicy",
        "gcp:logging/metric:Metric",
    }
    assert "gcp:cloudscheduler/job:Job::pipeline-run-job" in both.resources
    assert "PIPELINE_CRON" not in airflow_s_variables(both)
    assert "PIPELINE_CRON" in airflow_s_variables(composer)
    assert both.one("orchestration-environment")["deletionPolicy"] == "PREVENT"


def test_a_paused_pipeline_is_paused_in_airflow_too() -> None:
    config = copy.deepcopy(configuration("prod"))
    put(config, "pipeline.paused", True)
    assert "PIPELINE_CRON" not in airflow_s_variables(composed(config))


def test_an_airflow_that_stands_by_may_be_let_go() -> None:
    made = composed(standing_by(deletion_protection=False))
    assert made.one("orchestration-environment")["deletionPolicy"] == "DELETE"
    bucket = made.one("orchestration-bucket")
    assert (bucket["deletionPolicy"], bucket["forceDestroy"]) == ("DELETE", True)
    assert made.one("database-instance")["deletionProtection"] is True, "Airflow alone"


def test_prod_can_be_taken_down_in_its_own_name_only(tmp_path: Path) -> None:
    config = copy.deepcopy(configuration("prod"))
    put(config, "deletion_protection", False)
    with pytest.raises(ConfigError, match=r"docs/operations/removal\.md"):
        program(config, tmp_path)
    put(config, "decommission", config["gcp:project"])
    recorder = composed(config)
    assert [key for key, options in recorder.options.items() if options.get("protect")] == []
    assert "PREVENT" not in {inputs.get("deletionPolicy") for inputs in recorder.resources.values()}


def test_a_mistaken_destroy_is_refused_before_its_first_step() -> None:
    """By the lock, which waits for everything: what it did not wait for would be deleted before it is asked. And an
    update that takes away what holds data or delivers it is refused by Pulumi itself, at its preview."""
    options = composed("prod").options
    lock = options["fastyle:index:DeletionLock::deletion-lock"]
    assert lock["protect"]
    assert set(lock["after"]) == {
        key.partition("::")[2] for key in options if key.startswith(("gcp:", "pulumi:providers:"))
    }
    held = {key for key, given in options.items() if given.get("protect")}
    for type_ in (
        "gcp:bigquery/dataset:Dataset",
        "gcp:bigquery/table:Table",
        "gcp:pubsub/subscription:Subscription",
        "gcp:secretmanager/secret:Secret",
        "gcp:sql/databaseInstance:DatabaseInstance",
        "gcp:composer/environment:Environment",
    ):
        every = {key for key in options if key.startswith(f"{type_}::")}
        assert every, type_
        assert every <= held, type_
    assert {"gcp:storage/bucket:Bucket::lake-bucket", "gcp:pubsub/topic:Topic::sales-topic"} <= held
