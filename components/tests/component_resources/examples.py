"""One example of each component, with every optional part that makes resources of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pulumi
from fastyle_components import (
    ArchiveBucket,
    ArchiveBucketArgs,
    Budget,
    BudgetArgs,
    BudgetGuard,
    BudgetGuardArgs,
    DeletionLock,
    DeletionLockArgs,
    EventStream,
    EventStreamArgs,
    Function,
    FunctionArgs,
    FunctionBuild,
    FunctionBuildArgs,
    LogRetention,
    LogRetentionArgs,
    Monitoring,
    MonitoringArgs,
    Network,
    NetworkArgs,
    OperationalDatabase,
    OperationalDatabaseArgs,
    Orchestration,
    OrchestrationArgs,
    ProjectServices,
    ProjectServicesArgs,
    RawLake,
    RawLakeArgs,
    Schedule,
    ScheduleArgs,
    Secrets,
    SecretsArgs,
    Service,
    ServiceArgs,
    Warehouse,
    WarehouseArgs,
    WorkloadArchive,
    WorkloadArchiveArgs,
    WorkloadIdentity,
    WorkloadIdentityArgs,
    WorkloadIdentityFederation,
    WorkloadIdentityFederationArgs,
)
from fastyle_components.base import Args

from component_resources.recorder import Recorder, declare

PLACE = {"project": "shop-1", "location": "us-central1"}
SOURCE = {"bucket": "code", "object": "w/0.tar.gz", "generation": 7}
SCHEMA = json.dumps([{"name": "id", "type": "STRING"}, {"name": "at", "type": "TIMESTAMP"}])
WHO = "serviceAccount:who@shop-1.iam.gserviceaccount.com"
LABELS = {"team": "data"}

CASES: dict[type[pulumi.ComponentResource], tuple[type[Args], dict[str, Any]]] = {
    ArchiveBucket: (ArchiveBucketArgs, {"bucket_name": "code", "location": "us-central1", "labels": LABELS}),
    Budget: (
        BudgetArgs,
        {
            "display_name": "shop",
            "billing_account": "000000-000000-000000",
            "project": "shop-1",
            "project_number": "123",
            "monthly_amount": 50,
            "currency": "EUR",
            "emails": ["a@example.com"],
            "topic_name": "notices",
            "labels": LABELS,
        },
    ),
    BudgetGuard: (
        BudgetGuardArgs,
        {**PLACE, "bucket_name": "shop-1-guard", "member": WHO, "readers": {"simulator": WHO}, "labels": LABELS},
    ),
    DeletionLock: (DeletionLockArgs, {}),
    EventStream: (
        EventStreamArgs,
        {
            "topic": "sales",
            "project_number": "123",
            "schema_definition": '{"type":"record","name":"Sale","fields":[]}',
            "publishers": {"till": WHO},
            "dead_letter_publishers": {"shop": WHO},
            "redrivers": {"ops": "group:ops@example.com"},
            "bigquery": {"table": "shop-1.raw.sales"},
            "storage": {"bucket": "lake"},
            "push": {"shop": {"endpoint": "https://shop/push", "service_account_email": "p@x", "audience": "shop"}},
            "labels": LABELS,
        },
    ),
    Function: (
        FunctionArgs,
        {
            **PLACE,
            "function_name": "till",
            "service_account_email": "till@x",
            "build_service_account": "projects/shop-1/serviceAccounts/build@x",
            "repository": "projects/shop-1/locations/us-central1/repositories/functions",
            "source": SOURCE,
            "secret_files": {"tills": {"secret_id": "tills", "file_name": "credentials.json"}},
            "allow_unauthenticated": True,
            "labels": LABELS,
        },
    ),
    FunctionBuild: (
        FunctionBuildArgs,
        {**PLACE, "project_number": "123", "bucket": "code", "wait_for": ["db"], "labels": LABELS},
    ),
    LogRetention: (LogRetentionArgs, {"project": "shop-1", "retention_days": 90}),
    Monitoring: (
        MonitoringArgs,
        {
            "project": "shop-1",
            "emails": ["a@example.com"],
            "subscriptions": ["sales-to-shop"],
            "dead_letter_subscriptions": ["sales-dead-letter-hold"],
            "entrance": "till",
            "api": "api",
            "freshness_filter": 'jsonPayload.event="out"',
            "late_filter": 'textPayload:"late"',
            "database_instance": "db",
            "composer_environment": "air",
            "wait_for": ["db", "air"],
            "budget_guard": "guard",
            "objectives": True,
            "delivery_objectives": {"delivering": "sales-to-shop"},
            "labels": LABELS,
        },
    ),
    Network: (
        NetworkArgs,
        {**PLACE, "network_name": "shop", "subnet_cidr": "10.0.0.0/24", "nat": True, "labels": LABELS},
    ),
    OperationalDatabase: (
        OperationalDatabaseArgs,
        {
            **PLACE,
            "instance_name": "db",
            "database_name": "shop",
            "tier": "db-f1-micro",
            "network": "projects/shop-1/global/networks/shop",
            "users": {
                "api": {"email": "api@shop-1.iam.gserviceaccount.com", "roles": ["cloudsqlsuperuser"]},
                "staff": {"email": "staff@example.com", "group": True},
            },
            "flags": {"log_min_duration_statement": "1000"},
            "night_stop": {
                "stop_cron": "0 22 * * *",
                "start_cron": "0 6 * * *",
                "time_zone": "Europe/Berlin",
                "service_account_email": "switch@x",
            },
            "labels": LABELS,
        },
    ),
    Orchestration: (
        OrchestrationArgs,
        {
            **PLACE,
            "environment_name": "air",
            "bucket_name": "shop-1-air",
            "service_account_email": "air@x",
            "network": "n",
            "subnetwork": "s",
            "image_version": "composer-3-airflow-3.3.1-build.10",
            "files": {"daily.py": __file__},
            "plugins": {"late.py": __file__},
            "packages": {"orjson": "==3.11.4"},
            "environment": {"TOPIC": "trades"},
            "airflow_overrides": {"core-max_active_runs_per_dag": "1"},
            "labels": LABELS,
        },
    ),
    ProjectServices: (
        ProjectServicesArgs,
        {
            "project": "shop-1",
            "services": ["pubsub.googleapis.com", "run.googleapis.com"],
            "agents": ["pubsub.googleapis.com"],
            "project_number": "123",
        },
    ),
    RawLake: (
        RawLakeArgs,
        {
            "bucket_name": "shop-1-lake",
            "location": "us-central1",
            "delete_after_days": 1000,
            "nearline_after_days": 30,
            "coldline_after_days": 90,
            "archive_after_days": 365,
            "readers": {"pipeline": WHO},
            "pubsub_project_number": "123",
            "labels": LABELS,
        },
    ),
    Schedule: (
        ScheduleArgs,
        {
            **PLACE,
            "job_name": "daily",
            "cron": "0 2 * * *",
            "time_zone": "Europe/Berlin",
            "url": "https://p/run",
            "audience": "p",
            "service_account_email": "cron@x",
            "body": "{}",
        },
    ),
    Secrets: (
        SecretsArgs,
        {
            "secrets": {
                "tills": {"accessors": {"till": WHO}, "version_adders": {"ops": WHO}, "placeholder": "[]"},
                "other": {},
            },
            "labels": LABELS,
        },
    ),
    Service: (
        ServiceArgs,
        {
            **PLACE,
            "service_name": "shop",
            "service_account_email": "shop@x",
            "source": SOURCE,
            "environment": {"B": "2", "A": "1"},
            "secret_files": {"tokens": {"secret_id": "tokens", "file_name": "t.json"}},
            "invokers": {"push": WHO},
            "iap_project_number": "123",
            "iap_people": {"staff": "group:staff@example.com"},
            "audiences": ["shop"],
            "subnet": {"network": "n", "subnetwork": "s"},
            "health_path": "/health",
            "labels": LABELS,
        },
    ),
    Warehouse: (
        WarehouseArgs,
        {
            **PLACE,
            "datasets": {
                "raw": {
                    "description": "As it came",
                    "tables": {
                        "sales": {
                            "schema": SCHEMA,
                            "description": "Sales",
                            "partition_field": "at",
                            "retention_days": 60,
                            "clustering": ["id"],
                        }
                    },
                    "grants": {
                        "pipeline": {"role": "roles/bigquery.dataEditor", "member": WHO},
                        "staff": {"role": "roles/bigquery.dataViewer", "member": "group:staff@example.com"},
                    },
                    "authorized_datasets": ["marts"],
                },
                "marts": {
                    "description": "For people",
                    "grants": {"pipeline": {"role": "roles/bigquery.dataEditor", "member": WHO}},
                },
            },
            "labels": LABELS,
        },
    ),
    WorkloadArchive: (WorkloadArchiveArgs, {"bucket": "code", "path": "<archive>"}),
    WorkloadIdentity: (
        WorkloadIdentityArgs,
        {"account_id": "pipeline", "project": "shop-1", "project_roles": ["roles/bigquery.jobUser"]},
    ),
    WorkloadIdentityFederation: (
        WorkloadIdentityFederationArgs,
        {
            "project": "shop-1",
            "project_number": "123",
            "repository": "shop/platform",
            "repository_id": "42",
            "branch": "main",
            "environment": "prod",
            "readers": {"prod-drift": "looks@shop-1.iam.gserviceaccount.com"},
            "project_roles": ["roles/viewer"],
        },
    ),
}


def example(component: type[pulumi.ComponentResource], archive: Path, **changes: Any) -> Callable[[], Any]:
    """A program that declares the example of `component`, with `changes` to its arguments, as `c`."""
    args_type, args = CASES[component]
    args = {**args, **changes}
    if args.get("path") == "<archive>":
        args["path"] = str(archive)
    made = args_type.of({key: value for key, value in args.items() if value is not ...})
    return lambda: component("c", made)  # type: ignore[arg-type]


def declared(component: type[pulumi.ComponentResource]) -> Recorder:
    """What the example of `component` registers, unchanged; declared once for all tests, which change nothing of it."""
    return _declared([*CASES].index(component))


@cache
def _declared(case: int) -> Recorder:
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "shop.tar.gz"
        archive.write_bytes(b"archive")
        return declare(example([*CASES][case], archive))
