"""Orchestration by Composer 3 (managed Airflow): environment, its bucket, and what it runs."""

import re
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
import pulumi_gcp.composer as composer

from fastyle_components.base import Args, ArgsError, after, given, held, in_range, optional, token

MAINTENANCE_HOURS = 12
"""A week, in windows of at least four hours: https://cloud.google.com/composer/docs/composer-3/specify-maintenance-windows"""


@dataclass(frozen=True, kw_only=True)
class OrchestrationArgs(Args):
    environment_name: str
    """Lower-case letters, digits, hyphens; at most 64."""
    project: str
    """The project's id."""
    location: str
    """Region. Changing it replaces the environment."""
    bucket_name: str
    """Of its own: DAGs, plugins, logs and snapshots. Globally unique."""
    service_account_email: pulumi.Input[str]
    """Whom tasks run as, and nothing else: it needs roles/composer.worker. Changing it replaces the environment."""
    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    image_version: str
    """In full, composer-3-airflow-X.Y.Z-build.N: an alias would upgrade by itself. A lower one replaces."""
    files: dict[str, str] | None = None
    """What is delivered: path under dags/ to file on this machine."""
    plugins: dict[str, str] | None = None
    """Likewise, under plugins/: what the triggerer must be able to import, a deadline's callback say."""
    packages: dict[str, str] | None = None
    """PyPI packages: lower-case name to extras and version, such as `[binary]==1.2.3`."""
    environment: dict[str, pulumi.Input[str]] | None = None
    """Variables of tasks."""
    airflow_overrides: dict[str, str] | None = None
    """Airflow settings as `section-key`."""
    size: str | None = optional("SMALL")
    """Of the environment's database: SMALL, MEDIUM or LARGE."""
    worker_cpu: float | None = optional(0.5, 0.5, 32, "Composer 3's bounds")
    worker_memory_gb: float | None = optional(2)
    """1 to 8 a vCPU."""
    maximum_workers: int | None = optional(3, 1, 100, "Composer's bounds")
    """One always runs."""
    maintenance_days: list[str] | None = optional(["SA", "SU"])
    """One to three of MO TU WE TH FR SA SU."""
    maintenance_hour: int | None = optional(0, 0, 23, "UTC")
    snapshot_cron: str | None = optional("0 4 * * *")
    """When the environment is saved, UTC."""
    snapshot_days: int | None = optional(14)
    """How long a snapshot is kept."""
    metadata_days: int | None = optional(60, 30, 730, "Composer's bounds")
    """How long Airflow remembers runs."""
    labels: dict[str, str] | None = None
    deletion_protection: bool | None = optional(True)
    force_destroy: bool | None = optional(False)
    """Delete the bucket's objects with it."""


class Orchestration(pulumi.ComponentResource):
    """A Composer 3 environment with a bucket of its own, so that nothing is left behind when it goes.

    Owns the environment, the bucket with its lifecycle, and every delivered file. It owns neither the account, whose
    roles/composer.worker covers the bucket, nor the network. Smallest workloads by default: one scheduler, triggerer (deferred
    tasks wait there), web server and DAG processor, one to three workers. Composer is billed around the clock,
    several hundred a month; for a run a day a `Schedule` does the same for cents.
    """

    airflow_uri: pulumi.Output[str]
    environment_name: pulumi.Output[str]
    """Waits for the delivered files."""
    bucket: pulumi.Output[str]

    def __init__(self, name: str, args: OrchestrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = OrchestrationArgs.complete(args, name)
        _check(name, args)
        child = pulumi.ResourceOptions(parent=self)
        protected = given(args.deletion_protection)
        bucket = _bucket(self, args, protected)
        delivered = {path: (f"dags/{path}", local) for path, local in (args.files or {}).items()}
        delivered |= {f"plugins-{path}": (f"plugins/{path}", local) for path, local in (args.plugins or {}).items()}
        files = [
            gcp.storage.BucketObject(
                f"{name}-{key}", bucket=bucket.name, name=path, source=pulumi.FileAsset(local), opts=child
            )
            for key, (path, local) in sorted(delivered.items())
        ]
        environment = composer.Environment(
            f"{name}-environment",
            name=args.environment_name,
            project=args.project,
            region=args.location,
            storage_config=composer.EnvironmentStorageConfigArgs(bucket=bucket.name),
            config=_config(args, bucket.name),
            labels=args.labels,
            deletion_policy="PREVENT" if protected else "DELETE",
            # So that it goes before its files do: when deleting it is refused, none of them is gone.
            opts=pulumi.ResourceOptions.merge(held(self, protected), pulumi.ResourceOptions(depends_on=files)),
        )
        self.airflow_uri = environment.config.apply(lambda config: config.airflow_uri or "")
        self.environment_name = after(environment.name, *files)
        self.bucket = bucket.name
        self.register_outputs(
            {"airflow_uri": self.airflow_uri, "environment_name": self.environment_name, "bucket": self.bucket}
        )


def _bucket(parent: Orchestration, args: OrchestrationArgs, protected: bool) -> "gcp.storage.Bucket":
    rule, condition = gcp.storage.BucketLifecycleRuleArgs, gcp.storage.BucketLifecycleRuleConditionArgs
    delete = gcp.storage.BucketLifecycleRuleActionArgs(type="Delete")
    return gcp.storage.Bucket(
        f"{parent.pulumi_resource_name}-bucket",
        name=args.bucket_name,
        location=args.location.upper(),
        storage_class="STANDARD",
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        soft_delete_policy=gcp.storage.BucketSoftDeletePolicyArgs(retention_duration_seconds=0),
        lifecycle_rules=[
            rule(
                action=delete,
                condition=condition(age=args.snapshot_days, matches_prefixes=["snapshots/"]),
            ),
            rule(action=delete, condition=condition(age=90, matches_prefixes=["logs/"])),
            rule(
                action=gcp.storage.BucketLifecycleRuleActionArgs(type="AbortIncompleteMultipartUpload"),
                condition=condition(age=1),
            ),
        ],
        force_destroy=args.force_destroy,
        deletion_policy="PREVENT" if protected else "DELETE",
        labels=args.labels,
        opts=held(parent, protected),
    )


def _config(args: OrchestrationArgs, bucket: pulumi.Output[str]) -> "composer.EnvironmentConfigArgs":
    days, hour = given(args.maintenance_days), given(args.maintenance_hour)
    return composer.EnvironmentConfigArgs(
        environment_size=f"ENVIRONMENT_SIZE_{args.size}",
        node_config=composer.EnvironmentConfigNodeConfigArgs(
            service_account=args.service_account_email, network=args.network, subnetwork=args.subnetwork
        ),
        software_config=composer.EnvironmentConfigSoftwareConfigArgs(
            image_version=args.image_version,
            pypi_packages=args.packages,
            env_variables=args.environment,
            airflow_config_overrides=args.airflow_overrides,
        ),
        workloads_config=_workloads(args),
        maintenance_window=composer.EnvironmentConfigMaintenanceWindowArgs(
            # Only the time of day and the length count; the date is any that has passed.
            start_time=f"2024-01-06T{hour:02d}:00:00Z",
            end_time=f"2024-01-{6 + (hour + _window(days)) // 24:02d}T{(hour + _window(days)) % 24:02d}:00:00Z",
            recurrence=f"FREQ=WEEKLY;BYDAY={','.join(days)}",
        ),
        recovery_config=composer.EnvironmentConfigRecoveryConfigArgs(
            scheduled_snapshots_config=composer.EnvironmentConfigRecoveryConfigScheduledSnapshotsConfigArgs(
                enabled=True,
                snapshot_location=pulumi.Output.concat("gs://", bucket, "/snapshots"),
                snapshot_creation_schedule=args.snapshot_cron,
                time_zone="UTC+00",
            )
        ),
        data_retention_config=composer.EnvironmentConfigDataRetentionConfigArgs(
            airflow_metadata_retention_configs=[
                composer.EnvironmentConfigDataRetentionConfigAirflowMetadataRetentionConfigArgs(
                    retention_mode="RETENTION_MODE_ENABLED", retention_days=args.metadata_days
                )
            ]
        ),
    )


def _workloads(args: OrchestrationArgs) -> "composer.EnvironmentConfigWorkloadsConfigArgs":
    return composer.EnvironmentConfigWorkloadsConfigArgs(
        scheduler=composer.EnvironmentConfigWorkloadsConfigSchedulerArgs(cpu=0.5, memory_gb=2, storage_gb=1, count=1),
        triggerer=composer.EnvironmentConfigWorkloadsConfigTriggererArgs(cpu=0.5, memory_gb=1, count=1),
        web_server=composer.EnvironmentConfigWorkloadsConfigWebServerArgs(
            cpu=1,
            memory_gb=4,  # Airflow 3 serves its API here, too, and Google asks for 3 or more
            storage_gb=1,
        ),
        dag_processor=composer.EnvironmentConfigWorkloadsConfigDagProcessorArgs(
            cpu=1, memory_gb=4, storage_gb=1, count=1
        ),
        worker=composer.EnvironmentConfigWorkloadsConfigWorkerArgs(
            cpu=args.worker_cpu,
            memory_gb=args.worker_memory_gb,
            storage_gb=1,
            min_count=1,
            max_count=args.maximum_workers,
        ),
    )


def _window(days: list[str]) -> int:
    return MAINTENANCE_HOURS // len(days)


def _check(name: str, args: OrchestrationArgs) -> None:
    where = f"Orchestration {name!r}"
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,62}[a-z0-9])?", args.environment_name):
        raise ArgsError(f"{where}: environment_name {args.environment_name!r}; use at most 64 of a-z, 0-9, hyphen")
    if not re.fullmatch(r"composer-3-airflow-\d+\.\d+\.\d+-build\.\d+", args.image_version):
        raise ArgsError(
            f"{where}: image_version {args.image_version!r}; write it in full, composer-3-airflow-X.Y.Z-build.N"
        )
    days = given(args.maintenance_days)
    if (
        not 1 <= len(days) <= 3
        or not set(days) <= {"MO", "TU", "WE", "TH", "FR", "SA", "SU"}
        or len(set(days)) < len(days)
    ):
        raise ArgsError(f"{where}: maintenance_days {days}; name one to three days, MO to SU, each once")
    cpu, memory = given(args.worker_cpu), given(args.worker_memory_gb)
    in_range(f"{where}: worker_memory_gb", memory, max(1.0, cpu), 8 * cpu, "1 to 8 GB a vCPU")
    for variable in args.environment or {}:
        if variable.startswith("AIRFLOW__") or variable in _RESERVED:
            raise ArgsError(f"{where}: environment {variable} is Composer's own; use airflow_overrides or another name")
    for package in args.packages or {}:
        if package != package.lower():
            raise ArgsError(f"{where}: package {package!r}; Composer takes lower-case names")


_RESERVED = frozenset(
    [
        "AIRFLOW_HOME",
        "C_FORCE_ROOT",
        "CONTAINER_NAME",
        "DAGS_FOLDER",
        "GCP_PROJECT",
        "GCS_BUCKET",
        "GKE_CLUSTER_NAME",
        "SQL_DATABASE",
        "SQL_INSTANCE",
        "SQL_PASSWORD",
        "SQL_PROJECT",
        "SQL_REGION",
        "SQL_USER",
    ]
)
