"""What runs a platform: schedules, queues, secrets, logs, metrics, images."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.model import UNKNOWN, dig, flag, seconds
from fastyle_policies.pricing.lines import DAYS, SECONDS, amount
from fastyle_policies.pricing.services.base import Bill, NoUsage, Usage, prices, text, usage_key

JOB = "gcp:cloudscheduler/job:Job"
QUEUE = "gcp:cloudtasks/queue:Queue"
SECRET = "gcp:secretmanager/secret:Secret"  # noqa: S105 (a type token)
SECRET_VERSION = "gcp:secretmanager/secretVersion:SecretVersion"  # noqa: S105
LOG_BUCKET = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
LOG_METRIC = "gcp:logging/metric:Metric"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
FREE_LOG_DAYS = Decimal(30)
SAMPLE_BYTES = {"INT64": Decimal(8), "DOUBLE": Decimal(8), "BOOL": Decimal(8), "DISTRIBUTION": Decimal(80)}


class SecretUsage(Usage):
    monthly_accesses: Decimal = usage_key("times a version is read")
    further_versions: Decimal = usage_key("active versions that the plan does not hold")
    monthly_rotations: Decimal | None = usage_key(
        "rotation notices; by the secret's rotationPeriod when absent", default=None
    )


class LogBucketUsage(Usage):
    monthly_ingested_gib: Decimal = usage_key("GiB written by what has no monthly_log_gib of its own")
    monthly_kept_gib: Decimal = usage_key("GiB written in all, which are kept for the bucket's retention")


class MetricUsage(Usage):
    monthly_samples: Decimal = usage_key("points written, over all time series")


class RepositoryUsage(Usage):
    storage_gb: Decimal = usage_key("GB of images kept")


@prices(JOB)
def job(bill: Bill, usage: NoUsage) -> None:
    paused = " (paused jobs too)" if flag(bill.get("paused")) is True else ""
    bill.add("scheduler.job", Decimal(1), f"1 job{paused}", name="Job")


@prices(SECRET)
def secret(bill: Bill, usage: SecretUsage) -> None:
    locations = _locations(bill)
    if usage.further_versions:
        words = f"{text(usage.further_versions)} versions x {text(locations)} locations"
        bill.add("secret.version", usage.further_versions * locations, words, name="Further versions")
    _rotations(bill, usage)
    bill.used("secret.access", usage.monthly_accesses, "accesses", name="Accesses")


def _rotations(bill: Bill, usage: SecretUsage) -> None:
    """A notice each rotation: Google tells its topic, and bills for that."""
    count, words = usage.monthly_rotations, "as given"
    if count is None:
        period = amount(seconds(bill.get("rotation.rotationPeriod")) or 0)
        count = SECONDS / period if period >= 3600 else Decimal(0)
        words = f"{text(SECONDS)} s / {text(period)} s"
    if count:
        bill.add("secret.rotation", count, words, name="Rotations")


@prices(SECRET_VERSION)
def version(bill: Bill, usage: NoUsage) -> None:
    held = bill.plan.linked(bill.resource, "secret", SECRET, "id", "secretId")
    if held is None and bill.resource.get("secret") is UNKNOWN:
        bill.note("which secret it is of is known only at update; reckoned with one location")
    locations = _locations(bill, held.get("replication") if held else None)
    bill.add("secret.version", locations, f"1 version x {text(locations)} locations", name="Active version")


def _locations(bill: Bill, replication: object = None) -> Decimal:
    """Places where a version is kept: one when Google chooses them."""
    given = bill.resource.get("replication") if replication is None else replication
    replicas = dig(given, "userManaged.replicas")
    if replicas is UNKNOWN:
        bill.note("its replicas are secret or known only at update; reckoned with one")
    return Decimal(len(replicas)) if isinstance(replicas, list) and replicas else Decimal(1)


@prices(LOG_BUCKET)
def log_bucket(bill: Bill, usage: LogBucketUsage) -> None:
    bill.used("logging.ingestion", usage.monthly_ingested_gib, "GiB", name="Other logs")
    longer = bill.number("retentionDays", 30) - FREE_LOG_DAYS
    if longer > 0:
        kept = usage.monthly_kept_gib
        words = f"{text(kept)} GiB a month x {text(longer)} days beyond 30 / {text(DAYS)}"
        bill.add("logging.retention", kept * longer / DAYS, words, name="Kept beyond 30 days", usage=True)


@prices(LOG_METRIC)
def log_metric(bill: Bill, usage: MetricUsage) -> None:
    size = SAMPLE_BYTES.get(str(bill.value("metricDescriptor.valueType", "INT64")), Decimal(80))
    mib = usage.monthly_samples * size / 1024**2
    words = f"{text(usage.monthly_samples)} points x {text(size)} bytes"
    bill.add("monitoring.samples", mib, words, name="Points", usage=True)


@prices(REPOSITORY)
def repository(bill: Bill, usage: RepositoryUsage) -> None:
    bill.used("artifacts.storage", usage.storage_gb, "GB", name="Images")


class QueueUsage(Usage):
    monthly_operations: Decimal = usage_key("calls of the API and attempts to deliver: two a task at least")


@prices(QUEUE)
def queue(bill: Bill, usage: QueueUsage) -> None:
    bill.used("tasks.operations", usage.monthly_operations, "operations", name="Operations")
