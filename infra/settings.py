"""The sections of a stack's configuration: what each key means, its bounds, and what a mistake would do.

Every model is frozen and refuses unknown keys. A field's description ends up in the error when it is missing or
wrong, so it says what depends on it; its first example is the mend.
"""

from __future__ import annotations

import itertools
from enum import Enum
from typing import Annotated, Any, Self, get_args

from fastyle_components import (
    ArgsError,
    Availability,
    Ingress,
    check_size,
    check_subnet,
    check_tier,
    early_deletion,
)
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from infra.fields import Cron, Days, Email, Flag, Key, Member, Role, Weekday, accepted, distinct, setting
from workloads.api.interface import ApiAuth
from workloads.budget_guard.interface import Mode
from workloads.pos_api.catalogue import SAMPLE, SAMPLES


class Section(BaseModel):
    """Base of all sections."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        """Python would take `true` for 1."""
        kind = cls.model_fields[str(info.field_name)].annotation
        kinds = {kind, *get_args(kind)}
        if isinstance(value, bool) and kinds & {int, float}:
            raise PydanticCustomError("int_type" if int in kinds else "float_type", "no number")
        return value


class Orchestrator(Enum):
    SCHEDULER = "scheduler"
    COMPOSER = "composer"


class Entrance(Enum):
    FUNCTION = "function"
    SERVICE = "service"


class Inventory(Section):
    reorder_point: int = setting(20, means="a SKU with at most so many on hand is low", ge=0, le=1_000_000)
    max_days_of_cover: int = setting(60, means="stock that lasts longer is overstock", ge=1, le=3650)


class Simulator(Section):
    enabled: bool = setting(False, means="whether POST /v1/simulate trades invented sales")
    seed: int = setting(1, means="the same seed trades the same day", ge=0)
    catalogue: str = setting(
        SAMPLE,
        means="the folder of ops/data with the products and locations that are traded; `make up` loads it",
        pattern=r"^[a-z][a-z0-9-]{0,62}$",
    )

    @field_validator("catalogue")
    @classmethod
    def _kept_here(cls, value: str) -> str:
        if not (SAMPLES / value / "products.csv").is_file():
            kept = ", ".join(sorted(path.parent.name for path in SAMPLES.glob("*/products.csv")))
            raise ValueError(f"ops/data has no catalogue {value!r}; the POS API would not start; write one of {kept}")
        return value


class Streams(Section):
    retention_days: int = setting(7, means="how long a stopped consumer loses nothing", ge=1, le=31)
    dead_letter_retention_days: int = setting(31, means="how long a dead letter waits for its mend", ge=1, le=31)
    lake_batch_seconds: int = setting(300, means="how long an event waits for its lake file", ge=60, le=600)
    max_delivery_attempts: int = setting(100, means="deliveries before an event is a dead letter", ge=5, le=100)


class Lake(Section):
    """Days since an object was written at which it moves to a colder class, and ends."""

    delete_after_days: Days = setting(means="without it the lake grows for ever", example=400)
    replay_days: Days = setting(means="the history that a replay is promised to rebuild", example=365)
    nearline_after_days: Days | None = setting(None, means="half the price, billed for 30 days", example=30)
    coldline_after_days: Days | None = setting(None, means="a fifth of the price, billed for 90 days", example=90)
    archive_after_days: Days | None = setting(None, means="a 17th of the price, billed for 365 days", example=365)
    soft_delete_days: int = setting(7, means="how long a deleted object can be restored; it is billed", ge=0, le=90)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        steps = {
            "nearline_after_days": self.nearline_after_days,
            "coldline_after_days": self.coldline_after_days,
            "archive_after_days": self.archive_after_days,
            "delete_after_days": self.delete_after_days,
        }
        given = [(name, days) for name, days in steps.items() if days is not None]
        for (earlier, low), (later, high) in itertools.pairwise(given):
            if high <= low:
                raise ValueError(
                    f"{later} ({high}) is not after {earlier} ({low}); objects would skip a class that you pay the "
                    f"move to; write {later}: {low + 30} or more"
                )
        if self.delete_after_days < self.replay_days:
            raise ValueError(
                f"delete_after_days ({self.delete_after_days}) is under replay_days ({self.replay_days}); a replay "
                f"would miss what was deleted; write delete_after_days: {self.replay_days} or promise less"
            )
        moves = [(name.partition("_")[0].upper(), days) for name, days in given[:-1]]
        if lost := early_deletion(moves, self.delete_after_days):
            raise ValueError(lost)
        if 0 < self.soft_delete_days < 7:
            raise ValueError("soft_delete_days is under 7; Cloud Storage refuses it; write 7 or more, or 0 for off")
        return self


class WarehouseSettings(Section):
    raw_retention_days: Days = setting(means="without it raw tables grow for ever", example=60)
    maximum_bytes_billed: int = setting(
        means="without it one query may bill a whole history; at least 10485760, BigQuery's smallest bill",
        example=10_737_418_240,
        ge=10_485_760,
    )
    analysts: dict[Key, Member] = setting({}, means="who reads the marts", example={"analysts": "group:a@example.com"})
    max_time_travel_hours: int = setting(168, means="how far back a table can be read", ge=48, le=168)


class Backups(Section):
    kept: int = setting(7, means="daily backups that can be restored", ge=1, le=365)
    point_in_time_recovery: bool = setting(True, means="whether any second of the last days can be restored")
    log_days: int = setting(7, means="how far back that second may be", ge=1, le=7)
    hour: int = setting(3, means="when the daily backup is made, UTC", ge=0, le=23)


class NightStop(Section):
    """When the database sleeps, on the clock of `timezone`."""

    stop_cron: Cron = setting("0 22 * * *", means="when the database stops")
    start_cron: Cron = setting("0 6 * * *", means="when it starts again; deliveries wait until then")


class Database(Section):
    tier: str = setting(means="the size that Cloud SQL bills by the hour", example="db-f1-micro")
    availability: Availability = setting(
        Availability.ZONAL, means="REGIONAL survives a zone's outage, at twice the price"
    )
    disk_gb: int = setting(
        10, means="the disk at the start; it grows by itself, a later change does nothing", ge=10, le=65536
    )
    disk_limit_gb: int = setting(100, means="how far it may grow, 0 for no limit", ge=0, le=65536)
    backups: Backups = setting(Backups(), means="what can be restored", example={"kept": 7})
    maintenance_day: int = setting(7, means="when Google may restart it, 1 is Monday", ge=1, le=7)
    maintenance_hour: int = setting(4, means="when Google may restart it, UTC", ge=0, le=23)
    flags: dict[Flag, str] = setting({}, means="PostgreSQL settings", example={"log_min_duration_statement": "1000"})
    client_sslmode: str = setting(
        "require", means="whether clients refuse a server without TLS", pattern="^(require|prefer)$"
    )
    night_stop: NightStop | None = setting(
        None, means="whether it sleeps at night", example={"stop_cron": "0 22 * * *"}
    )

    @field_validator("tier")
    @classmethod
    def _known_tier(cls, value: str) -> str:
        return accepted(value, check_tier, "Cloud SQL has no tier")

    @model_validator(mode="after")
    def _restorable(self) -> Self:
        if self.disk_limit_gb and self.disk_limit_gb < self.disk_gb:
            raise ValueError(
                f"disk_limit_gb ({self.disk_limit_gb}) is under disk_gb ({self.disk_gb}); the disk could never grow; "
                f"write disk_limit_gb: {self.disk_gb * 2}, or 0 for no limit"
            )
        backups = self.backups
        if backups.point_in_time_recovery and backups.kept < backups.log_days:
            raise ValueError(
                f"backups.kept ({backups.kept}) is under backups.log_days ({backups.log_days}); a restore to a second "
                f"starts from a backup that would be gone; write backups.kept: {backups.log_days} or more"
            )
        if self.availability is Availability.REGIONAL and not self.tier.startswith("db-custom-"):
            raise ValueError(
                f"availability is REGIONAL with tier {self.tier}; shared cores are outside the SLA, a standby would "
                "cost and buy nothing; write tier: db-custom-2-7680"
            )
        return self


class Network(Section):
    subnet_cidr: str = setting("10.10.0.0/24", means="where Cloud Run enters the network: a private /26 or larger")
    services_prefix_length: int = setting(20, means="the size of the range for Cloud SQL", ge=16, le=24)
    nat: bool = setting(False, means="whether private addresses reach the Internet; it is billed by the hour")

    @field_validator("subnet_cidr")
    @classmethod
    def _enterable(cls, value: str) -> str:
        return accepted(value, check_subnet, "Cloud Run cannot enter by")


class Workload(Section):
    """Shape of one service or function."""

    cpu: str = setting("1", means="vCPUs of an instance", pattern=r"^(0\.\d+|[1-8])$")
    memory: str = setting("512Mi", means="memory of an instance", pattern=r"^\d+(Mi|Gi|M|G)$")
    minimum_instances: int = setting(0, means="instances paid for when idle", ge=0, le=100)
    maximum_instances: int = setting(5, means="what bounds the cost of a flood", ge=1, le=1000)
    concurrency: int = setting(80, means="requests at a time in one instance", ge=1, le=1000)
    timeout_seconds: int = setting(300, means="the longest request", ge=1, le=3600)
    ingress: Ingress = setting(Ingress.INTERNAL, means="from where requests may come")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.minimum_instances > self.maximum_instances:
            raise ValueError(
                f"minimum_instances ({self.minimum_instances}) is over maximum_instances ({self.maximum_instances}); "
                f"Cloud Run would refuse the revision; write maximum_instances: {self.minimum_instances} or more"
            )
        try:
            check_size("", self.cpu, self.memory, self.concurrency)
        except ArgsError as refusal:
            raise ValueError(f"Cloud Run would refuse the revision; {refusal}") from None
        return self


class Workloads(Section):
    """Shapes by workload; keys are those of `workloads/`."""

    pos_api: Workload = setting(Workload(), means="the tills' entrance", example={"cpu": "1"})
    inventory_sync: Workload = setting(Workload(), means="what keeps stock live", example={"cpu": "1"})
    api: Workload = setting(Workload(), means="the API and dashboard", example={"cpu": "1"})
    pipeline: Workload = setting(Workload(), means="what builds the marts", example={"cpu": "1"})


class Pipeline(Section):
    cron: Cron = setting("0 7 * * *", means="when the marts are built, on the clock of `timezone`")
    paused: bool = setting(False, means="whether the schedule waits")


class Access(Section):
    api_auth: ApiAuth = setting(
        ApiAuth.PLATFORM, means="who checks callers of the API: the platform, or its own tokens"
    )
    entrance: Entrance = setting(
        Entrance.FUNCTION,
        means="how tills get in: a function granted to allUsers, or, where the organisation refuses that, a service "
        "whose invoker check is off; another one has another URL",
    )
    people: dict[Key, Member] = setting({}, means="who opens the dashboard", example={"staff": "group:s@example.com"})
    programs: dict[Key, Member] = setting(
        {}, means="programs that call the API", example={"erp": "serviceAccount:erp@p.iam.gserviceaccount.com"}
    )
    operators: dict[Key, Member] = setting(
        {}, means="who runs pipelines, replays and redrives", example={"ops": "group:ops@example.com"}
    )


class Budget(Section):
    monthly_amount: int = setting(means="without it nobody hears of an overspend", example=50, ge=1)
    currency: str | None = setting(
        None, means="the billing account's, where it is not `currency`", example="USD", pattern=r"^[A-Z]{3}$"
    )
    thresholds: list[float] = setting([0.5, 0.9, 1.0, 1.2], means="shares of the amount at which people are told")
    emails: Annotated[list[Email], AfterValidator(distinct)] = setting(
        [], means="who is told beside the billing administrators", example=["finance@example.com"], max_length=5
    )
    notices: bool = setting(
        True,
        means="whether notices go to a topic as well; Google's own sender is granted it, which an organisation may refuse",
    )
    guard: Mode | None = setting(None, means="whether a function acts on notices", example="tell")

    @model_validator(mode="after")
    def _heard(self) -> Self:
        if self.guard is not None and not self.notices:
            raise ValueError(
                f"guard is {self.guard.value} while notices is false; it would never hear of an overspend; "
                "leave guard out, or write notices: true"
            )
        if not self.notices and not self.emails:
            raise ValueError(
                "notices is false and emails is empty; an overspend would wait for the billing administrators; "
                "write emails: [finance@example.com]"
            )
        return self

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.thresholds or sorted(set(self.thresholds)) != self.thresholds or self.thresholds[0] <= 0:
            raise ValueError(
                f"thresholds {self.thresholds} do not ascend from above 0; Pulumi would see a difference for ever; "
                "write thresholds: [0.5, 0.9, 1.0, 1.2]"
            )
        if self.thresholds[-1] > 10:
            raise ValueError(
                f"thresholds {self.thresholds} are shares, not per cent; nobody would ever be told; write 0.5 for half"
            )
        return self


class Monitoring(Section):
    emails: Annotated[list[Email], AfterValidator(distinct)] = setting(
        means="whom alerts wake", example=["oncall@example.com"], min_length=1
    )
    backlog_minutes: int = setting(15, means="how old an undelivered event may get", ge=1, le=1440)
    freshness_hours: int = setting(20, means="how long no new marts may come out", ge=1, le=23)
    latency_ms: int = setting(1000, means="the API's slowest answer of a hundred", ge=1, le=60000)
    slos: bool = setting(False, means="whether objectives with burn-rate alerts are kept")


class RunsAs(Enum):
    COMPOSER = "composer"
    PIPELINE = "pipeline"


class Composer(Section):
    runs_as: RunsAs = setting(
        RunsAs.COMPOSER,
        means="the account of Airflow's tasks: its own, or the one of the service `pipeline`, as environments made before "
        "0.2 have it; a change replaces the environment",
    )
    image_version: str = setting(
        means="a moving version would upgrade by itself",
        example="composer-3-airflow-3.3.1-build.10",
        pattern=r"^composer-3-airflow-\d+\.\d+\.\d+-build\.\d+$",
    )
    environment_size: str = setting("SMALL", means="the size of its database", pattern="^(SMALL|MEDIUM|LARGE)$")
    snapshot_cron: Cron = setting("0 4 * * *", means="when the environment is saved, UTC")
    maintenance_days: list[Weekday] = setting(
        ["SA", "SU"], means="12 hours a week are Google's", min_length=1, max_length=3
    )
    maintenance_hour: int = setting(0, means="when a maintenance day's window begins, UTC", ge=0, le=23)
    worker_cpu: float = setting(0.5, means="vCPUs of a worker", ge=0.5, le=32)
    worker_memory_gb: float = setting(2, means="memory of a worker, 1 to 8 GB a vCPU", ge=1, le=256)
    maximum_workers: int = setting(3, means="what bounds the cost of a busy day", ge=1, le=100)
    standby: bool = setting(
        False, means="whether the environment stays, its schedule paused, while orchestrator is scheduler"
    )
    deletion_protection: bool | None = setting(
        None, means="false lets it and its bucket go while the stack's deletion_protection is on", example=False
    )
    packages: dict[str, str] = setting(
        {}, means="PyPI packages beside those that the pipeline's tasks need", example={"fastavro": "==1.12.1"}
    )

    @model_validator(mode="after")
    def _sized(self) -> Self:
        if not max(1.0, self.worker_cpu) <= self.worker_memory_gb <= 8 * self.worker_cpu:
            raise ValueError(
                f"worker_memory_gb ({self.worker_memory_gb:g}) does not go with worker_cpu ({self.worker_cpu:g}); "
                f"Composer would refuse the environment; write 1 to 8 GB a vCPU, at most {8 * self.worker_cpu:g} here"
            )
        return self


class Ci(Section):
    """Deployment from GitHub without keys."""

    repository: str = setting(
        means="any repository could deploy", example="fastyle/platform", pattern=r"^[\w.-]+/[\w.-]+$"
    )
    repository_id: str = setting(
        means="a renamed repository's successor could deploy", example="123456789", pattern=r"^\d+$"
    )
    branch: str = setting("main", means="the branch that may deploy", pattern=r"^[\w.-]+(/[\w.-]+)*$")
    environment: str | None = setting(
        None,
        means="GitHub's environment whose approved jobs deploy, where it is not called as fastyle:environment",
        example="prod",
        pattern=r"^[\w.-]+$",
    )
    reader: Email | None = setting(
        None,
        means="the account that jobs of environment `<environment>-drift` become, which only looks; without it none do",
        example="drift@my-project.iam.gserviceaccount.com",
    )
    previewer: Email | None = setting(
        None,
        means="the account that jobs of environment `<environment>-preview` become, which bring up stacks of pull requests "
        "beside this one; without it none do",
        example="preview@my-project.iam.gserviceaccount.com",
    )
    roles: list[Role] = setting(
        means="what it may do in the project: administer each service that the stack uses, nothing wider",
        example=["roles/pubsub.admin"],
        min_length=1,
    )
