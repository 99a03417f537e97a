"""The operational database: private PostgreSQL on Cloud SQL, entered by identities instead of passwords."""

import json
from dataclasses import dataclass
from enum import Enum

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, after, given, held, in_range, optional, token
from fastyle_components.custom_role import CHANGE_DATABASES, grant_custom_role
from fastyle_components.schedule import Schedule, ScheduleArgs

SHARED_CORE = ("db-f1-micro", "db-g1-small")


class Availability(Enum):
    """What the database survives: nothing but a restart, or the outage of a zone."""

    ZONAL = "ZONAL"
    REGIONAL = "REGIONAL"
    """A standby in another zone takes over; costs twice."""


@dataclass(frozen=True, kw_only=True)
class DatabaseUserArgs(Args):
    """An identity that may log in to the database."""

    email: pulumi.Input[str]
    """A service account's, or a group's."""
    group: bool | None = optional(False)
    """The e-mail is a group's."""
    roles: list[str] | None = None
    """Database roles, such as cloudsqlsuperuser for whoever migrates. Default: none; migrations grant the rest."""


@dataclass(frozen=True, kw_only=True)
class NightStopArgs(Args):
    """Stop the instance overnight: compute is not billed then, storage is."""

    stop_cron: str
    start_cron: str
    time_zone: str
    service_account_email: pulumi.Input[str]
    """Calls the Cloud SQL API."""
    role_id: str | None = optional("databaseSwitch")
    """Of the custom role by which it may change the instance. A deleted id is blocked for weeks."""


@dataclass(frozen=True, kw_only=True)
class OperationalDatabaseArgs(Args):
    instance_name: str
    """Lower-case letters, digits, hyphens; with the project's id at most 98."""
    database_name: str
    project: str
    """The project's id."""
    location: str
    """Region. Changing it replaces the instance."""
    tier: str
    """db-f1-micro, db-g1-small (no SLA), or db-custom-<vCPU>-<MB>."""
    network: pulumi.Input[str]
    """`projects/<project>/global/networks/<network>` with private service access."""
    users: dict[str, DatabaseUserArgs] | None = None
    """IAM users by a stable key. There are no passwords."""
    database_version: str | None = optional("POSTGRES_17")
    availability: Availability | None = optional(Availability.ZONAL)
    disk_gb: int | None = optional(10, 10, 65536, "Cloud SQL's bounds")
    """At the start; it only ever grows, by itself. A later change here does nothing."""
    disk_limit_gb: int | None = optional(100)
    """How far it may grow by itself; 0 is no limit."""
    backups_kept: int | None = optional(7, 1, 365, "Cloud SQL's bounds")
    """Daily backups."""
    point_in_time_recovery: bool | None = optional(True)
    """Restore to any second of the last `log_days`."""
    log_days: int | None = optional(7, 1, 7, "Enterprise edition's bounds")
    """With point-in-time recovery."""
    backup_hour: int | None = optional(3, 0, 23, "UTC")
    maintenance_day: int | None = optional(7, 1, 7, "1 is Monday")
    maintenance_hour: int | None = optional(4, 0, 23, "UTC")
    flags: dict[str, str] | None = None
    """Further database flags; IAM log-in is always on."""
    client_sslmode: str | None = optional("require")
    """What `url_template` asks of clients: require, or prefer. The server refuses the clear either way."""
    night_stop: NightStopArgs | None = None
    """Default: it always runs."""
    stopped_elsewhere: bool | None = None
    """Something else stops and starts it too (a budget guard, which keeps a night stop from waking it): updates leave
    that alone. Default: no."""
    labels: dict[str, str] | None = None
    deletion_protection: bool | None = optional(True)
    """By Pulumi and by Cloud SQL itself."""


class OperationalDatabase(pulumi.ComponentResource):
    """PostgreSQL that only the private network reaches and only IAM identities enter.

    Owns the instance, one database, its IAM users, and the schedules of a night stop with a custom role for their caller
    (the predefined one, cloudsql.editor, may also export the data). It deliberately owns no table and no grant on one
    (migrations do), no network, and not the project-level log-in role (roles/cloudsql.instanceUser), which belongs to
    each `WorkloadIdentity`.
    Defaults: Enterprise edition (newer versions would default to Enterprise Plus, which refuses small tiers), no
    public address, TLS only, daily backups, seven days of point-in-time recovery, query insights, protected.
    """

    instance: pulumi.Output[str]
    """The instance's name."""
    connection_name: pulumi.Output[str]
    """`<project>:<region>:<instance>`."""
    host: pulumi.Output[str]
    """Private address; waits for the database and its users."""
    port: pulumi.Output[int]
    """Always 5432."""
    database: pulumi.Output[str]
    """The database's name."""
    user_names: pulumi.Output[dict[str, str]]
    """The database's name of each user, by key, such as `orders@my-project.iam`."""
    url_template: pulumi.Output[str]
    """`postgresql://{user}@<host>:5432/<database>?sslmode=…`, for `str.replace("{user}", …)` with a name of `user_names` as a
    URL takes it (`urllib.parse.quote`: its `@` is `%40`); no password in it."""

    def __init__(self, name: str, args: OperationalDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = OperationalDatabaseArgs.complete(args, name)
        _check(name, args)
        child = pulumi.ResourceOptions(parent=self)
        protected = given(args.deletion_protection)
        instance = gcp.sql.DatabaseInstance(
            f"{name}-instance",
            name=args.instance_name,
            project=args.project,
            region=args.location,
            database_version=args.database_version,
            settings=_settings(args, protected),
            deletion_protection=protected,
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=True if protected else None,
                ignore_changes=[
                    # It has grown by itself: the provider would replace the instance to make it small again.
                    "settings.diskSize",
                    # Changed from outside; an update by day or night must not start or stop anything.
                    *(["settings.activationPolicy"] if args.night_stop or args.stopped_elsewhere else []),
                ],
            ),
        )
        database = gcp.sql.Database(
            f"{name}-database",
            name=args.database_name,
            project=args.project,
            instance=instance.name,
            # It goes with the instance. Deleting it by itself is refused while the instance is stopped.
            deletion_policy="ABANDON",
            opts=held(self, protected),
        )
        users = {
            key: gcp.sql.User(
                f"{name}-user-{key}",
                name=_user_name(user),
                project=args.project,
                instance=instance.name,
                type="CLOUD_IAM_GROUP" if user.group else "CLOUD_IAM_SERVICE_ACCOUNT",
                database_roles=user.roles,
                # It goes with the instance. PostgreSQL refuses to drop a role that owns or holds anything, and Cloud SQL
                # to delete one of a stopped instance.
                deletion_policy="ABANDON",
                opts=child,
            )
            for key, user in (args.users or {}).items()
        }
        if args.night_stop:
            _night_stop(self, args, args.night_stop, instance)
        self.instance = instance.name
        self.connection_name = instance.connection_name
        self.host = after(instance.private_ip_address, database, *users.values())
        self.port = pulumi.Output.from_input(5432)
        self.database = database.name
        self.user_names = pulumi.Output.all(**{key: user.name for key, user in users.items()})
        mode = args.client_sslmode
        self.url_template = pulumi.Output.concat(
            "postgresql://{user}@", self.host, f":5432/{args.database_name}?sslmode={mode}"
        )
        self.register_outputs(
            {
                "instance": self.instance,
                "connection_name": self.connection_name,
                "host": self.host,
                "port": self.port,
                "database": self.database,
                "user_names": self.user_names,
                "url_template": self.url_template,
            }
        )


def _user_name(user: DatabaseUserArgs) -> pulumi.Output[str]:
    """A service account's e-mail without its last two labels: the full one would differ, and replace, for ever."""
    return pulumi.Output.from_input(user.email).apply(lambda email: email.removesuffix(".gserviceaccount.com"))


def _settings(args: OperationalDatabaseArgs, protected: bool) -> "gcp.sql.DatabaseInstanceSettingsArgs":
    recovery = given(args.point_in_time_recovery)
    flags = {"cloudsql.iam_authentication": "on", **(args.flags or {})}
    return gcp.sql.DatabaseInstanceSettingsArgs(
        tier=args.tier,
        edition="ENTERPRISE",
        availability_type=given(args.availability).value,
        activation_policy="ALWAYS",
        disk_type="PD_SSD",
        disk_size=args.disk_gb,
        disk_autoresize=True,
        disk_autoresize_limit=args.disk_limit_gb,
        deletion_protection_enabled=protected,
        ip_configuration=gcp.sql.DatabaseInstanceSettingsIpConfigurationArgs(
            ipv4_enabled=False,
            private_network=args.network,
            ssl_mode="ENCRYPTED_ONLY",
        ),
        backup_configuration=gcp.sql.DatabaseInstanceSettingsBackupConfigurationArgs(
            enabled=True,
            start_time=f"{args.backup_hour:02d}:00",
            point_in_time_recovery_enabled=recovery,
            transaction_log_retention_days=args.log_days if recovery else None,
            backup_retention_settings=gcp.sql.DatabaseInstanceSettingsBackupConfigurationBackupRetentionSettingsArgs(
                retained_backups=given(args.backups_kept), retention_unit="COUNT"
            ),
        ),
        maintenance_window=gcp.sql.DatabaseInstanceSettingsMaintenanceWindowArgs(
            day=args.maintenance_day, hour=args.maintenance_hour, update_track="stable"
        ),
        insights_config=gcp.sql.DatabaseInstanceSettingsInsightsConfigArgs(
            query_insights_enabled=True,
            query_string_length=1024,
            query_plans_per_minute=5,
            record_application_tags=True,
            record_client_address=False,
        ),
        database_flags=[
            gcp.sql.DatabaseInstanceSettingsDatabaseFlagArgs(name=key, value=value)
            for key, value in sorted(flags.items())
        ],
        user_labels=args.labels,
    )


def _night_stop(
    parent: OperationalDatabase,
    args: OperationalDatabaseArgs,
    night: NightStopArgs,
    instance: "gcp.sql.DatabaseInstance",
) -> None:
    name, child = parent.pulumi_resource_name, pulumi.ResourceOptions(parent=parent)
    grant_custom_role(
        f"{name}-switch-role",
        f"{name}-switch",
        role_id=given(night.role_id),
        project=args.project,
        title="Database switch",
        description="Stops Cloud SQL instances and starts them again",
        permissions=CHANGE_DATABASES,
        member=pulumi.Output.concat("serviceAccount:", night.service_account_email),
        opts=child,
    )
    for key, cron, policy in (("stop", night.stop_cron, "NEVER"), ("start", night.start_cron, "ALWAYS")):
        Schedule(
            f"{name}-{key}",
            ScheduleArgs(
                job_name=f"{args.instance_name}-{key}",
                project=args.project,
                location=args.location,
                cron=cron,
                time_zone=night.time_zone,
                url=pulumi.Output.concat(
                    f"https://sqladmin.googleapis.com/v1/projects/{args.project}/instances/", instance.name
                ),
                method="PATCH",
                body=json.dumps({"settings": {"activationPolicy": policy}}),
                google_api=True,
                service_account_email=night.service_account_email,
                paused_elsewhere=args.stopped_elsewhere,
                description=f"{key.capitalize()}s the database {args.instance_name}",
            ),
            opts=child,
        )


def _check(name: str, args: OperationalDatabaseArgs) -> None:
    where = f"OperationalDatabase {name!r}"
    if len(f"{args.project}:{args.instance_name}") > 98:
        raise ArgsError(f"{where}: {args.project}:{args.instance_name} is over 98 characters; shorten instance_name")
    check_tier(f"{where}: tier", args.tier)
    if args.tier in SHARED_CORE and args.availability == Availability.REGIONAL:
        raise ArgsError(f"{where}: {args.tier} is outside Cloud SQL's SLA, a standby buys nothing; use db-custom-…")
    if args.client_sslmode not in ("require", "prefer"):
        raise ArgsError(f"{where}: client_sslmode {args.client_sslmode!r}; use require, or prefer")
    kept, log_days = given(args.backups_kept), given(args.log_days)
    least = log_days if args.point_in_time_recovery else 1
    in_range(f"{where}: backups_kept", kept, least, 365, "recovery starts from a backup: at least log_days of them")


def check_tier(where: str, tier: str) -> None:
    """Refuse what is no size of Cloud SQL: https://cloud.google.com/sql/docs/postgres/create-instance#machine-types

    Raises:
        ArgsError: one line that begins with `where`.
    """
    if tier in SHARED_CORE:
        return
    parts = tier.split("-")
    if len(parts) != 4 or parts[:2] != ["db", "custom"] or not (parts[2].isdigit() and parts[3].isdigit()):
        raise ArgsError(f"{where} {tier!r}; use {', '.join(SHARED_CORE)} or db-custom-<vCPU>-<MB>")
    cpu, memory = int(parts[2]), int(parts[3])
    if cpu != 1 and (cpu % 2 or not 2 <= cpu <= 96):
        raise ArgsError(f"{where} {tier!r}: {cpu} vCPU; use 1 or an even number up to 96")
    if memory % 256 or memory < 3840 or not 0.9 * 1024 * cpu <= memory <= 6.5 * 1024 * cpu:
        raise ArgsError(f"{where} {tier!r}: {memory} MB; use a multiple of 256, at least 3840, 0.9 to 6.5 GB a vCPU")
