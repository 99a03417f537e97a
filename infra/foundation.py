"""Stores, network, identities and secrets of the platform: what `infra.streaming` builds on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pulumi
from fastyle_components import (
    ArchiveBucket,
    ArchiveBucketArgs,
    BudgetGuard,
    BudgetGuardArgs,
    DatabaseUserArgs,
    DatasetArgs,
    DatasetGrantArgs,
    Network,
    NetworkArgs,
    NightStopArgs,
    OperationalDatabase,
    OperationalDatabaseArgs,
    ProjectServices,
    ProjectServicesArgs,
    RawLake,
    RawLakeArgs,
    SecretArgs,
    Secrets,
    SecretsArgs,
    TableArgs,
    Warehouse,
    WarehouseArgs,
    WorkloadIdentity,
    WorkloadIdentityArgs,
)

from infra.config import StackConfig
from infra.labels import labels
from infra.naming import Names
from infra.settings import Orchestrator
from workloads.api.interface import ApiAuth
from workloads.budget_guard.interface import Mode
from workloads.events import STREAMS, bigquery_fields
from workloads.pipeline.tables import datasets_read_by_views

Packager = Callable[[str], Path]

EMPTY_CREDENTIALS = json.dumps({"credentials": []})
"""A first version without content: services start, and refuse everybody until an operator adds credentials."""

AGENTS = ["pubsub.googleapis.com", "eventarc.googleapis.com", "iap.googleapis.com"]
"""Services whose agents are granted or used at once, and which do not exist before somebody asks for them."""

# Roles that exist only at project level, by identity. Everything else is granted on the resource, by its component.
IDENTITIES: dict[str, tuple[str, list[str]]] = {
    "pos-api": ("Takes the tills' events and publishes them", []),
    "inventory-sync": ("Keeps live inventory from events", ["roles/cloudsql.instanceUser"]),
    "api": ("Answers from live inventory and the read model", ["roles/cloudsql.instanceUser"]),
    "pipeline": ("Builds the marts and the read model", ["roles/cloudsql.instanceUser", "roles/bigquery.jobUser"]),
    "push-invoker": ("Whom Pub/Sub's deliveries are made as", []),
}


class Foundation:
    """Network, identities, storage, secrets and the database of one stack."""

    def __init__(self, config: StackConfig, package: Packager) -> None:
        self.config, self.package = config, package
        self.names = Names(config.project, config.brand, config.name_prefix)
        self._on = [self._services()] if config.services else []
        self.identities = {key: self._identity(key, *spec) for key, spec in self._identity_specs().items()}
        self.network = Network(
            "network",
            NetworkArgs(
                network_name=self.names.network(),
                project=config.project,
                location=config.region,
                subnet_cidr=config.network.subnet_cidr,
                services_prefix_length=config.network.services_prefix_length,
                nat=config.network.nat,
                labels=self.labels("network"),
            ),
            self.opts,
        )
        self.archives = ArchiveBucket(
            "archives",
            ArchiveBucketArgs(
                bucket_name=self.names.bucket("workloads"),
                location=config.region,
                labels=self.labels("archives"),
                force_destroy=not config.deletion_protection,
            ),
            self.opts,
        )
        self.guard = self._guard() if self.acts else None
        self.lake = self._lake()
        self.warehouse = self._warehouse()
        self.secrets = self._secrets()
        self.database = self._database()

    @property
    def opts(self) -> pulumi.ResourceOptions:
        """For every component: only once the APIs are on."""
        return pulumi.ResourceOptions(depends_on=self._on)

    @property
    def acts(self) -> bool:
        """Whether a budget guard pauses and stops things here."""
        return self.config.budget.guard is Mode.ACT

    @property
    def airflow_identity(self) -> str:
        """The identity of Airflow's tasks."""
        composer = self.config.composer
        return "pipeline" if composer is None else composer.runs_as.value

    @property
    def builders(self) -> list[str]:
        """The identities that build the marts: the service's, and Airflow's where it is another."""
        return list(dict.fromkeys(["pipeline", *([self.airflow_identity] if self.config.airflow is not None else [])]))

    def labels(self, component: str) -> dict[str, str]:
        return labels(self.config, component)

    def member(self, identity: str) -> pulumi.Output[str]:
        return self.identities[identity].member

    def user(self, identity: str) -> str:
        """An identity's name in PostgreSQL."""
        return f"{self.names.account(identity)}@{self.config.project}.iam"

    def _services(self) -> ProjectServices:
        services = list(self.config.services)
        agents = [agent for agent in AGENTS if agent in services]
        return ProjectServices(
            "services",
            ProjectServicesArgs(
                project=self.config.project,
                services=services,
                agents=agents,
                project_number=self.config.project_number,
            ),
        )

    def _identity_specs(self) -> dict[str, tuple[str, list[str]]]:
        specs = dict(IDENTITIES)
        if self.config.airflow is not None:
            # Airflow's tasks do the pipeline's work, with the pipeline's grants. Its own account holds beside them what
            # Composer's workers need in the whole project, and no service that the Internet reaches runs as it.
            description, roles = specs["pipeline"]
            if self.airflow_identity != "pipeline":
                description = "Runs Airflow's tasks, which build the marts and the read model"
            specs[self.airflow_identity] = (description, [*roles, "roles/composer.worker"])
        if self.config.orchestrator is Orchestrator.SCHEDULER:
            specs["scheduler-invoker"] = ("Whom scheduled calls are made as", [])
        if self.config.database.night_stop is not None:
            specs["database-switch"] = ("Stops the database at night and starts it again", [])
        if self.config.budget.guard is not None:
            specs["budget-guard"] = ("Acts on the budget's notices", [])
        return specs

    def _identity(self, key: str, description: str, roles: list[str]) -> WorkloadIdentity:
        return WorkloadIdentity(
            key,
            WorkloadIdentityArgs(
                account_id=self.names.account(key),
                project=self.config.project,
                description=description,
                project_roles=roles,
            ),
            self.opts,
        )

    def _guard(self) -> BudgetGuard:
        config = self.config
        simulators: dict[str, pulumi.Input[str]] = {}
        if config.simulator.enabled:
            simulators["pos-api"] = self.member("pos-api")
        return BudgetGuard(
            "guard",
            BudgetGuardArgs(
                project=config.project,
                location=config.region,
                bucket_name=self.names.bucket("budget-guard"),
                member=self.member("budget-guard"),
                readers=simulators,
                role_id=self.names.custom_role("budgetGuard"),
                labels=self.labels("budget-guard"),
                force_destroy=not config.deletion_protection,
            ),
            self.opts,
        )

    def _lake(self) -> RawLake:
        lake, config = self.config.lake, self.config
        return RawLake(
            "lake",
            RawLakeArgs(
                bucket_name=self.names.bucket("raw-lake"),
                location=config.region,
                nearline_after_days=lake.nearline_after_days,
                coldline_after_days=lake.coldline_after_days,
                archive_after_days=lake.archive_after_days,
                delete_after_days=lake.delete_after_days,
                soft_delete_days=lake.soft_delete_days,
                readers={key: self.member(key) for key in self.builders},
                pubsub_project_number=config.project_number,
                labels=self.labels("lake"),
                deletion_protection=config.deletion_protection,
                force_destroy=config.force_destroy,
            ),
            self.opts,
        )

    def _warehouse(self) -> Warehouse:
        settings, config = self.config.warehouse, self.config
        hours = settings.max_time_travel_hours
        # Raw tables too: a replay of the lake adds to them.
        edits = {
            key: DatasetGrantArgs(role="roles/bigquery.dataEditor", member=self.member(key)) for key in self.builders
        }
        analysts = {
            f"analyst-{key}": DatasetGrantArgs(role="roles/bigquery.dataViewer", member=member)
            for key, member in settings.analysts.items()
        }
        # Analysts read the marts alone. Each view on the way down reads what lies below it on their behalf.
        authorized = datasets_read_by_views() if analysts else {}
        raw_tables = {
            stream.table: TableArgs(
                schema=json.dumps(bigquery_fields(stream)),
                description=f"Every delivery of topic {self.names.topic_id(stream.topic)}, as it came; one row a delivery",
                # By publish time: expiry never eats late or replayed trade.
                partition_field="publish_time",
                retention_days=settings.raw_retention_days,
                clustering=["event_id"],
            )
            for stream in STREAMS.values()
        }
        return Warehouse(
            "warehouse",
            WarehouseArgs(
                project=config.project,
                location=config.region,
                datasets={
                    "raw": DatasetArgs(
                        dataset_id=self.names.dataset("raw"),
                        description="Events as they came, by Pub/Sub's export",
                        tables=raw_tables,
                        grants=edits,
                        authorized_datasets=authorized.get("raw"),
                        max_time_travel_hours=hours,
                    ),
                    "staging": DatasetArgs(
                        dataset_id=self.names.dataset("staging"),
                        description="Each event once, typed and flattened; built by the pipeline",
                        grants=edits,
                        authorized_datasets=authorized.get("staging"),
                        max_time_travel_hours=hours,
                    ),
                    "marts": DatasetArgs(
                        dataset_id=self.names.dataset("marts"),
                        description="What people ask for; built and published by the pipeline",
                        grants={**edits, **analysts},
                        max_time_travel_hours=hours,
                    ),
                },
                # One grant in the whole project, whichever stack makes it: with the other one it would go for both.
                job_users={**settings.analysts} if config.keeps_project else None,
                labels=self.labels("warehouse"),
                deletion_protection=config.deletion_protection,
                force_destroy=config.force_destroy,
            ),
            self.opts,
        )

    def _secrets(self) -> Secrets:
        operators: dict[str, pulumi.Input[str]] = dict(self.config.access.operators)
        # Whoever adds a credential keeps those that are there: it reads the version (hashes, no token) it replaces.
        readers = {f"operator-{key}": member for key, member in operators.items()}
        secrets = {
            "pos-credentials": SecretArgs(
                secret_id=self.names.secret("pos_credentials"),
                accessors={"pos-api": self.member("pos-api"), **readers},
                version_adders=operators,
                placeholder=EMPTY_CREDENTIALS,
            )
        }
        if self.config.access.api_auth is ApiAuth.TOKEN:
            secrets["api-credentials"] = SecretArgs(
                secret_id=self.names.secret("api_credentials"),
                accessors={"api": self.member("api"), **readers},
                version_adders=operators,
                placeholder=EMPTY_CREDENTIALS,
            )
        return Secrets(
            "secrets",
            SecretsArgs(
                secrets=secrets,
                labels=self.labels("secrets"),
                deletion_protection=self.config.deletion_protection,
            ),
            self.opts,
        )

    def _database(self) -> OperationalDatabase:
        config, settings = self.config, self.config.database
        night = settings.night_stop
        return OperationalDatabase(
            "database",
            OperationalDatabaseArgs(
                instance_name=self.names.database_instance(),
                database_name=self.names.database(),
                project=config.project,
                location=config.region,
                tier=settings.tier,
                network=self.network.private_network,
                users={
                    "inventory-sync": DatabaseUserArgs(
                        email=self.identities["inventory-sync"].email,
                        # It runs the migrations: the schema belongs to this role in Cloud SQL.
                        roles=["cloudsqlsuperuser"],
                    ),
                    "api": DatabaseUserArgs(email=self.identities["api"].email),
                    **{key: DatabaseUserArgs(email=self.identities[key].email) for key in self.builders},
                },
                availability=settings.availability,
                disk_gb=settings.disk_gb,
                disk_limit_gb=settings.disk_limit_gb,
                backups_kept=settings.backups.kept,
                point_in_time_recovery=settings.backups.point_in_time_recovery,
                log_days=settings.backups.log_days,
                backup_hour=settings.backups.hour,
                maintenance_day=settings.maintenance_day,
                maintenance_hour=settings.maintenance_hour,
                flags=settings.flags,
                client_sslmode=settings.client_sslmode,
                night_stop=None
                if night is None
                else NightStopArgs(
                    stop_cron=night.stop_cron,
                    start_cron=night.start_cron,
                    time_zone=config.timezone,
                    service_account_email=self.identities["database-switch"].email,
                    role_id=self.names.custom_role("databaseSwitch"),
                ),
                stopped_elsewhere=self.acts,
                labels=self.labels("database"),
                deletion_protection=config.deletion_protection,
            ),
            self.opts,
        )
