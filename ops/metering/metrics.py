"""Google's metrics by the usage keys that they tell: what is read, and what it means for each resource of a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from fastyle_policies.model import Resource, number
from fastyle_policies.pricing import UsageFile
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.pricing.services import run as cloud_run
from fastyle_policies.pricing.services.bigquery import DATASET, TABLE
from fastyle_policies.pricing.services.composer import ENVIRONMENT
from fastyle_policies.pricing.services.operations import LOG_BUCKET, SECRET
from fastyle_policies.pricing.services.sql import INSTANCE
from fastyle_policies.pricing.services.storage import BUCKET

from ops.usage_files import Value

GIB = Decimal(1024) ** 3
MIB = Decimal(1024) ** 2
TOPIC = "gcp:pubsub/topic:Topic"
ID_AND_TIME = 36
"""Bytes that each message is billed for beside its data and attributes: 16 for its id, 20 for its time."""
_SIX = Decimal("0.000001")

Told = dict[str, dict[str, Mapping[str, Decimal]]]
"""What was read: the id of a reading, the group of a series, `value` or `count` and `mean`."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One metric of one kind of monitored resource, a series each group of labels."""

    id: str
    metric: str
    resource: str
    group_by: tuple[str, ...] = ()
    aligner: str = "ALIGN_DELTA"
    where: str = ""

    @property
    def filter(self) -> str:
        expression = f'metric.type="{self.metric}" AND resource.type="{self.resource}"'
        return f"{expression} AND {self.where}" if self.where else expression


_SERVICE = ("resource.labels.service_name",)
_DATABASE = ("resource.labels.database_id",)
_BUCKET = ("resource.labels.bucket_name",)
_LOGS = "logging.googleapis.com/byte_count"
_ACCESS = "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion"

READINGS: tuple[Reading, ...] = (
    Reading(
        id="messages",
        metric="pubsub.googleapis.com/topic/message_sizes",
        resource="pubsub_topic",
        group_by=("resource.labels.topic_id",),
    ),
    Reading(id="requests", metric="run.googleapis.com/request_count", resource="cloud_run_revision", group_by=_SERVICE),
    Reading(
        id="latencies", metric="run.googleapis.com/request_latencies", resource="cloud_run_revision", group_by=_SERVICE
    ),
    Reading(
        id="instance seconds",
        metric="run.googleapis.com/container/billable_instance_time",
        resource="cloud_run_revision",
        group_by=_SERVICE,
    ),
    Reading(
        id="sent by services",
        metric="run.googleapis.com/container/network/sent_bytes_count",
        resource="cloud_run_revision",
        group_by=_SERVICE,
        where='metric.labels.kind="internet"',
    ),
    Reading(id="logs of services", metric=_LOGS, resource="cloud_run_revision", group_by=_SERVICE),
    Reading(
        id="database cpu",
        metric="cloudsql.googleapis.com/database/cpu/usage_time",
        resource="cloudsql_database",
        group_by=_DATABASE,
    ),
    Reading(
        id="database disk",
        metric="cloudsql.googleapis.com/database/disk/quota",
        resource="cloudsql_database",
        group_by=_DATABASE,
        aligner="ALIGN_MEAN",
    ),
    Reading(id="logs of databases", metric=_LOGS, resource="cloudsql_database", group_by=_DATABASE),
    Reading(
        id="stored",
        metric="storage.googleapis.com/storage/v2/total_bytes",
        resource="gcs_bucket",
        group_by=_BUCKET,
        aligner="ALIGN_MEAN",
    ),
    Reading(
        id="received",
        metric="storage.googleapis.com/network/received_bytes_count",
        resource="gcs_bucket",
        group_by=_BUCKET,
    ),
    Reading(
        id="read", metric="storage.googleapis.com/network/sent_bytes_count", resource="gcs_bucket", group_by=_BUCKET
    ),
    Reading(
        id="bucket requests",
        metric="storage.googleapis.com/api/request_count",
        resource="gcs_bucket",
        group_by=(*_BUCKET, "metric.labels.method"),
    ),
    Reading(
        id="uploaded",
        metric="bigquery.googleapis.com/storage/uploaded_bytes",
        resource="bigquery_dataset",
        group_by=("resource.labels.dataset_id", "metric.labels.table"),
    ),
    Reading(id="scanned", metric="bigquery.googleapis.com/query/scanned_bytes_billed", resource="global"),
    Reading(id="all logs", metric="logging.googleapis.com/billing/bytes_ingested", resource="global"),
    Reading(
        id="accesses",
        metric="serviceruntime.googleapis.com/api/request_count",
        resource="consumed_api",
        where=f'resource.labels.service="secretmanager.googleapis.com" AND resource.labels.method="{_ACCESS}"',
    ),
    Reading(
        id="logs of composer",
        metric=_LOGS,
        resource="cloud_composer_environment",
        group_by=("resource.labels.environment_name",),
    ),
    Reading(
        id="composer database",
        metric="composer.googleapis.com/environment/database/disk/bytes_used",
        resource="cloud_composer_environment",
        group_by=("resource.labels.environment_name",),
        aligner="ALIGN_MEAN",
    ),
)

# Methods of Cloud Storage by class; what is neither (deletes) is free. cloud.google.com/storage/pricing, "Operations".
_CLASS_A = ("Write", "Insert", "Compose", "Copy", "Rewrite", "List", "Update", "Patch", "Create", "StartResumable")
_CLASS_B = ("Read", "Get")


@dataclass(frozen=True)
class _Of:
    """What was counted of one resource, brought to a month."""

    told: Told
    month: Decimal

    def each(self, reading: str, group: str) -> Mapping[str, Decimal] | None:
        return self.told.get(reading, {}).get(group)

    def flow(self, reading: str, group: str = "") -> Decimal | None:
        """A count of the days as one of a month."""
        points = self.each(reading, group)
        return None if points is None else points["value"] * self.month

    def size(self, reading: str, group: str) -> Decimal | None:
        """An average of the days."""
        points = self.each(reading, group)
        return None if points is None else points["value"]


Rule = Callable[[Resource, _Of, UsageFile, str], Iterator[tuple[str, Decimal | None]]]


def entries(
    resources: Sequence[Resource], usage: UsageFile, told: Told, month: Decimal, project: str
) -> Iterator[Value]:
    """The values of a plan's usage keys that were counted; `month` brings a count of the days to a month."""
    of = _Of(told, month)
    for resource in sorted(resources, key=lambda each: each.name):
        rule = _RULES.get(resource.type)
        for key, value in rule(resource, of, usage, project) if rule else ():
            if value is not None:
                yield resource.name, key, value.quantize(_SIX)
    yield from _of_the_project(resources, of, usage)


def names(resource: Resource, path: str) -> str:
    """A physical name where the plan tells it, else one that nothing has."""
    value = resource.get(path)
    return value if isinstance(value, str) else "\0"


def _topic(topic: Resource, of: _Of, usage: UsageFile, project: str) -> Iterator[tuple[str, Decimal | None]]:
    messages = of.each("messages", names(topic, "name"))
    if messages and messages["count"]:
        yield "monthly_messages", messages["count"] * of.month
        yield "message_bytes", messages["mean"] + ID_AND_TIME


def _serving(service: Resource, of: _Of, usage: UsageFile, project: str) -> Iterator[tuple[str, Decimal | None]]:
    """Requests, and how long an instance is busy with them: by billable time where no minimum instance idles in it, else
    by their latency, which is no longer than that: of live streams, one instance serves many at once."""
    name = names(service, "name")
    yield "monthly_requests", of.flow("requests", name)
    kept = ("template.scaling.minInstanceCount", "scaling.minInstanceCount", "serviceConfig.minInstanceCount")
    seconds = of.flow("instance seconds", name)
    latencies = of.each("latencies", name)
    if any((number(service.get(path)) or 0) > 0 for path in kept):
        served = None
        if latencies and latencies["count"]:
            steps = (latencies["mean"] / 100).to_integral_value(ROUND_CEILING)  # of which one is billed at least
            served = latencies["count"] * of.month * steps / 10
        seconds = served if seconds is None or served is None else min(served, seconds)
    yield "monthly_instance_seconds", seconds
    yield "monthly_egress_gib", _in(of.flow("sent by services", name), GIB)
    yield "monthly_log_gib", _in(of.flow("logs of services", name), GIB)


def _database(database: Resource, of: _Of, usage: UsageFile, project: str) -> Iterator[tuple[str, Decimal | None]]:
    name = f"{project}:{names(database, 'name')}"
    yield "monthly_cpu_hours", _in(of.flow("database cpu", name), Decimal(3600))
    yield "disk_gb", _in(of.size("database disk", name), GIB)
    yield "monthly_log_gib", _in(of.flow("logs of databases", name), GIB)


def _bucket(bucket: Resource, of: _Of, usage: UsageFile, project: str) -> Iterator[tuple[str, Decimal | None]]:
    """A bucket whose usage is a flow that ages is told by what it received, another by what lies in it."""
    name = names(bucket, "name")
    written, objects = of.flow("received", name), Decimal(0)
    operations = {"a": Decimal(0), "b": Decimal(0)}
    counted = False
    for group, requests in of.told.get("bucket requests", {}).items():
        owner, _, method = group.partition("/")
        if owner != name:
            continue
        counted = True
        if method.startswith(_CLASS_A):
            operations["a"] += requests["value"] * of.month
            objects += requests["value"] * of.month if method.startswith("Write") else 0
        elif method.startswith(_CLASS_B):
            operations["b"] += requests["value"] * of.month
    ages = _key(usage, bucket, "monthly_written_gib") > 0
    if ages and written is not None:
        yield "monthly_written_gib", written / GIB
        if objects and written:
            yield "object_mib", max(written / MIB / objects, _SIX)
            operations["a"] -= objects
    elif not ages:
        yield "storage_gib", _in(of.size("stored", name), GIB)
    yield "monthly_read_gib", _in(of.flow("read", name), GIB)
    if counted:
        yield "monthly_class_a_operations", max(operations["a"], Decimal(0))
        yield "monthly_class_b_operations", operations["b"]


def _table(table: Resource, of: _Of, usage: UsageFile, project: str) -> Iterator[tuple[str, Decimal | None]]:
    yield "monthly_written_gib", _in(of.flow("uploaded", f"{names(table, 'datasetId')}/{names(table, 'tableId')}"), GIB)


def _environment(
    environment: Resource, of: _Of, usage: UsageFile, project: str
) -> Iterator[tuple[str, Decimal | None]]:
    name = names(environment, "name")
    yield "monthly_log_gib", _in(of.flow("logs of composer", name), GIB)
    yield "database_gib", _in(of.size("composer database", name), GIB)


_RULES: Mapping[str, Rule] = {
    TOPIC: _topic,
    cloud_run.SERVICE: _serving,
    cloud_run.FUNCTION: _serving,
    INSTANCE: _database,
    BUCKET: _bucket,
    TABLE: _table,
    ENVIRONMENT: _environment,
}


def _of_the_project(resources: Sequence[Resource], of: _Of, usage: UsageFile) -> Iterator[Value]:
    """What Google counts of the project as a whole, at the one resource that the usage file has it at."""
    datasets = [resource for resource in resources if resource.type == DATASET]
    scanned = of.flow("scanned")
    if datasets and scanned is not None:
        # All of them, at the dataset that most is scanned of; those of the others are among them.
        chief = max(datasets, key=lambda each: (_key(usage, each, "monthly_scanned_gib"), each.name))
        for dataset in datasets:
            share = scanned / GIB if dataset is chief else Decimal(0)
            if share or _key(usage, dataset, "monthly_scanned_gib"):
                yield dataset.name, "monthly_scanned_gib", share.quantize(_SIX)
    logs = of.flow("all logs")
    buckets = [resource for resource in resources if resource.type == LOG_BUCKET]
    if logs is not None and len(buckets) == 1:
        told = ("logs of services", "logs of databases", "logs of composer")
        own = sum((point["value"] * of.month for id_ in told for point in of.told.get(id_, {}).values()), Decimal(0))
        yield buckets[0].name, "monthly_kept_gib", (logs / GIB).quantize(_SIX)
        yield buckets[0].name, "monthly_ingested_gib", (max(logs - own, Decimal(0)) / GIB).quantize(_SIX)
    secrets = [resource for resource in resources if resource.type == SECRET]
    accesses = of.flow("accesses")
    if accesses is not None and len(secrets) == 1:
        yield secrets[0].name, "monthly_accesses", accesses.quantize(_SIX)


def _key(usage: UsageFile, resource: Resource, key: str) -> Decimal:
    value = getattr(usage.of(resource, PRICERS[resource.type].usage), key, None)
    return value if isinstance(value, Decimal) else Decimal(0)


def _in(amount: Decimal | None, unit: Decimal) -> Decimal | None:
    return None if amount is None else amount / unit
