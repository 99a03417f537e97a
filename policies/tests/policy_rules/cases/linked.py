"""One plan with every kind of link, and of each grant what stands still without it."""

from __future__ import annotations

from typing import Any

from fastyle_policies import gcp
from fastyle_policies.least_privilege.given import CUSTOM_ROLE, SERVICE_IDENTITY
from fastyle_policies.model import UNKNOWN, Resource

from policy_rules import resources as r

_LEDGER = "https://ledger-abc123-uc.a.run.app"
_COMPOSER2, _STORAGE = (
    f"serviceAccount:service-1@{name}.iam.gserviceaccount.com"
    for name in ("cloudcomposer-accounts", "gs-project-accounts")
)
_SINK = "gcp:logging/projectSink:ProjectSink"
_CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"


def _trigger(kind: str) -> dict[str, Any]:
    return {"eventTrigger": {"eventType": kind, "serviceAccountEmail": r.email("shop-trigger")}}


def _sink(name: str, destination: str) -> Resource:
    return r.resource(_SINK, name, name=name, destination=destination)


def _written(name: str, kind: str, role: str, sink: str, /, **on: Any) -> Resource:
    """A grant to a sink's writer, whose address only the update knows."""
    type_ = kind.rpartition("/")[2]
    token = f"gcp:{kind}:{type_[0].upper()}{type_[1:]}"
    return r.resource(token, name, {"member": (r.urn(_SINK, sink),)}, role=role, member=UNKNOWN, **on)


_SERVICE = r.service(
    "ledger",
    "shop-ledger",
    env={
        "UNSET_TOPIC": "",  # the others count all the same
        "TRADES_TOPIC": f"projects/{r.PROJECT}/topics/trades",
        "RAW_DATASET": "streams",
        "MARTS_DATASET": "marts",
        "LAKE_BUCKET": "shop-1-trades-lake",
        "DATABASE_AUTH": "iam",
    },
    iapEnabled=True,
)
_SERVICE.props["template"]["volumes"] = [
    {"name": "db", "cloudSqlInstance": {"instances": ["shop-1:us-central1:db"]}},
    {"name": "keys", "secret": {"secret": "ledger-keys"}},
]
_SERVICE.props["template"]["containers"][0]["envs"].append(
    {"name": "PEPPER", "valueSource": {"secretKeyRef": {"secret": "ledger-pepper", "version": "latest"}}}
)
_BATCH = r.run_job("batch", "shop-batch")
_BATCH.props["template"]["template"]["volumes"] = [
    {"name": "db", "cloudSqlInstance": {"instances": ["shop-1:us-central1:db"]}}
]
_FUNCTION = r.function("counter", "shop-counter", **_trigger("google.cloud.pubsub.topic.v1.messagePublished"))
_FUNCTION.props["serviceConfig"]["secretVolumes"] = [{"mountPath": "/keys", "secret": "ledger-keys"}]
_FUNCTION.props["serviceConfig"]["secretEnvironmentVariables"] = [{"key": "PEPPER", "secret": "ledger-pepper"}]
_AIRFLOW = r.composer("flow", "shop-flow", env={"MARTS_DATASET": "marts"})
_AIRFLOW.props["config"]["softwareConfig"]["imageVersion"] = "composer-2.9.1-airflow-2.9.3"

GUARDS = (
    *("cloudscheduler.jobs.get", "cloudscheduler.jobs.pause", "cloudscheduler.jobs.enable"),
    *("cloudsql.instances.get", "cloudsql.instances.update"),
)
_PLAN = [
    *map(r.account, ("shop-ledger", "shop-caller", "shop-builder", "shop-trigger", "shop-batch", "shop-counter")),
    *map(r.account, ("shop-flow", "shop-exporter", "shop-switch")),
    *map(r.topic, ("trades", "trades-given-up", "logged", "told", "notices")),
    *map(r.dataset, ("streams", "marts", "log_tables")),
    *map(r.bucket, ("trades-lake", "archives", "log-files")),
    r.table("trades_raw", "streams"),
    r.resource(gcp.SECRET, "keys", secretId="ledger-keys"),
    r.resource(gcp.SECRET, "pepper", secretId="ledger-pepper"),
    r.resource("gcp:artifactregistry/repository:Repository", "functions", repositoryId="functions"),
    _SERVICE,
    _BATCH,
    _FUNCTION,
    _AIRFLOW,
    r.function("watcher", "shop-counter", **_trigger("google.cloud.storage.object.v1.finalized")),
    r.subscription("to-table", "trades", bigqueryConfig={"table": f"{r.PROJECT}.streams.trades_raw"}),
    r.subscription("to-lake", "trades", cloudStorageConfig={"bucket": "shop-1-trades-lake"}),
    r.subscription(
        "own-lake",
        "trades",
        cloudStorageConfig={"bucket": "shop-1-archives", "serviceAccountEmail": r.email("shop-exporter")},
    ),
    r.subscription(
        "to-ledger", "trades", **r.push(f"{_LEDGER}/push", "shop-caller"), **r.dead_letters("trades-given-up")
    ),
    r.schedule("nightly", f"{_LEDGER}/run", "shop-caller"),
    r.schedule(
        "switch", "https://sqladmin.googleapis.com/v1/projects/shop-1/instances/db", "shop-switch", "oauthToken"
    ),
    r.schedule(
        "start-batch",
        "https://run.googleapis.com/v2/projects/shop-1/locations/us-central1/jobs/batch:run",
        "shop-switch",
        "oauthToken",
    ),
    _sink("files", "storage.googleapis.com/shop-1-log-files"),
    _sink("tables", "bigquery.googleapis.com/projects/shop-1/datasets/log_tables"),
    _sink("messages", "pubsub.googleapis.com/projects/shop-1/topics/logged"),
    r.resource(_CHANNEL, "channel", type="pubsub", labels={"topic": "projects/shop-1/topics/told"}),
    r.resource(_CHANNEL, "mail", type="email", labels={"email_address": "a@b.c"}),
    r.resource(SERVICE_IDENTITY, "iap-agent", service="iap.googleapis.com"),  # has its role by itself
    r.resource(SERVICE_IDENTITY, "pubsub-agent", service="pubsub.googleapis.com"),
    r.account("shop-guard"),
    r.service(
        "guard",
        "shop-guard",
        env={
            "GUARD_MODE": "act",
            "GUARD_JOBS": '["nightly"]',
            "GUARD_DATABASE": "db",
            "GUARD_BUCKET": "shop-1-archives",
        },
    ),
    r.service("idle-guard", "shop-guard", env={"GUARD_JOBS": "[]"}),
    r.resource(CUSTOM_ROLE, "other-role", roleId="shopOther", permissions=["cloudsql.instances.export"]),
    r.resource(CUSTOM_ROLE, "guard-role", roleId="shopGuard", permissions=list(GUARDS)),
    r.on_project("guards", f"projects/{r.PROJECT}/roles/shopGuard", r.member("shop-guard")),
]


USES: dict[str, dict[str, object]] = {
    "RAW_DATASET": {"on": "dataset", "role": "roles/bigquery.dataViewer"},
    "DATABASE_AUTH": {"on": "project", "role": "roles/cloudsql.instanceUser", "values": ["iam"]},
    "GUARD_BUCKET": {"on": "bucket", "role": "roles/storage.objectUser", "beside": "GUARD_MODE"},
    "GUARD_JOBS": {"on": "project", "role": "roles/cloudscheduler.admin", "permissions": list(GUARDS[:3])},
    "GUARD_DATABASE": {"on": "project", "role": "roles/cloudsql.editor", "permissions": list(GUARDS[3:])},
}
"""What the variables of this program's workloads mean, beside the conventions."""


def _grants() -> list[tuple[Resource, str, str]]:
    """Each grant, the resource whose link needs it, and the sentence about it; one line a grant."""
    grants: list[tuple[Resource, str, str]] = []

    def on(kind: str, name: str, role: str, to: str, /, **where: Any) -> Resource:
        return r.grant(kind, name, role, to, **where)

    def add(grant: Resource, needs: str, link: str, on_shown: str, to_shown: str) -> None:
        role = grant.props["role"]
        grants.append((grant, needs, f"lacks a grant. {link}: {to_shown} needs {role} on {on_shown}"))

    pubsub, ledger, caller = ("the service agent of pubsub", "account 'shop-ledger'", "account 'shop-caller'")
    bucket_kind, topic_kind, run_kind = (
        "storage/bucketIAMMember",
        "pubsub/topicIAMMember",
        "cloudrunv2/serviceIamMember",
    )
    secret_kind, dataset_kind = ("secretmanager/secretIamMember", "bigquery/datasetIamMember")
    # fmt: off
    add(on("bigquery/iamMember", "writes-table", "roles/bigquery.dataEditor", r.PUBSUB, datasetId="streams", tableId="trades_raw"), "to-table", "BigQuery export", "Table 'trades_raw'", pubsub)
    for name, role in (("writes-lake", "roles/storage.objectCreator"), ("looks-lake", "roles/storage.legacyBucketReader")):
        add(on(bucket_kind, name, role, r.PUBSUB, bucket="shop-1-trades-lake"), "to-lake", "Cloud Storage export", "Bucket 'trades-lake'", pubsub)
        add(on(bucket_kind, f"own-{name}", role, r.member("shop-exporter"), bucket="shop-1-archives"), "own-lake", "Cloud Storage export", "Bucket 'archives'", "account 'shop-exporter'")
    add(on("serviceaccount/iAMMember", "borrows", "roles/iam.serviceAccountTokenCreator", r.PUBSUB, serviceAccountId=f"projects/{r.PROJECT}/serviceAccounts/{r.email('shop-exporter')}"), "own-lake", "export account", "Account 'shop-exporter'", pubsub)
    add(on(topic_kind, "gives-up", "roles/pubsub.publisher", r.PUBSUB, topic="trades-given-up"), "to-ledger", "dead lettering", "Topic 'trades-given-up'", pubsub)
    add(on("pubsub/subscriptionIAMMember", "takes", "roles/pubsub.subscriber", r.PUBSUB, subscription="to-ledger"), "to-ledger", "dead lettering", "Subscription 'to-ledger'", pubsub)
    add(on(run_kind, "pushes", "roles/run.invoker", r.member("shop-caller"), name="ledger"), "to-ledger", "push", "Service 'ledger'", caller)
    add(on("projects/iAMMember", "switches", "roles/cloudsql.editor", r.member("shop-switch")), "switch", "database schedule", "project", "account 'shop-switch'")
    add(on("cloudrunv2/jobIamMember", "starts", "roles/run.invoker", r.member("shop-switch"), name="batch"), "start-batch", "schedule", "Job 'batch'", "account 'shop-switch'")
    add(_written("w-files", bucket_kind, "roles/storage.objectCreator", "files", bucket="shop-1-log-files"), "files", "log sink", "Bucket 'log-files'", "the sink's writer")
    add(_written("w-tables", dataset_kind, "roles/bigquery.dataEditor", "tables", datasetId="log_tables"), "tables", "log sink", "Dataset 'log_tables'", "the sink's writer")
    add(_written("w-messages", topic_kind, "roles/pubsub.publisher", "messages", topic="logged"), "messages", "log sink", "Topic 'logged'", "the sink's writer")
    add(on(topic_kind, "tells", "roles/pubsub.publisher", r.AGENT.format("monitoring-notification"), topic="told"), "channel", "notices", "Topic 'told'", "the service agent of monitoring-notification")
    add(on(secret_kind, "reads-keys", "roles/secretmanager.secretAccessor", r.member("shop-ledger"), secretId="ledger-keys"), "ledger", "secret", "Secret 'keys'", ledger)
    add(on(secret_kind, "reads-pepper", "roles/secretmanager.secretAccessor", r.member("shop-ledger"), secretId="ledger-pepper"), "ledger", "secret", "Secret 'pepper'", ledger)
    add(on(topic_kind, "publishes", "roles/pubsub.publisher", r.member("shop-ledger"), topic="trades"), "ledger", "TRADES_TOPIC", "Topic 'trades'", ledger)
    add(on(dataset_kind, "reads-raw", "roles/bigquery.dataViewer", r.member("shop-ledger"), datasetId="streams"), "ledger", "RAW_DATASET", "Dataset 'streams'", ledger)
    add(on(dataset_kind, "writes-marts", "roles/bigquery.dataEditor", r.member("shop-ledger"), datasetId="marts"), "ledger", "MARTS_DATASET", "Dataset 'marts'", ledger)
    add(on(bucket_kind, "reads-lake", "roles/storage.objectViewer", r.member("shop-ledger"), bucket="shop-1-trades-lake"), "ledger", "LAKE_BUCKET", "Bucket 'trades-lake'", ledger)
    add(on("projects/iAMMember", "logs-in", "roles/cloudsql.instanceUser", r.member("shop-ledger")), "ledger", "DATABASE_AUTH", "project", ledger)
    add(on("projects/iAMMember", "queries", "roles/bigquery.jobUser", r.member("shop-ledger")), "ledger", "BigQuery jobs", "project", ledger)
    add(on(run_kind, "enters", "roles/run.invoker", r.AGENT.format("iap"), name="ledger"), "ledger", "IAP", "Service 'ledger'", "the service agent of iap")
    add(on("projects/iAMMember", "connects", "roles/cloudsql.client", r.member("shop-ledger")), "ledger", "Cloud SQL connection", "project", ledger)
    add(on("projects/iAMMember", "batch-connects", "roles/cloudsql.client", r.member("shop-batch")), "batch", "Cloud SQL connection", "project", "account 'shop-batch'")
    add(on("projects/iAMMember", "works", "roles/composer.worker", r.member("shop-flow")), "flow", "Composer workers", "project", "account 'shop-flow'")
    add(on("projects/iAMMember", "extends", "roles/composer.ServiceAgentV2Ext", _COMPOSER2), "flow", "Composer 2", "project", "the service agent of cloudcomposer-accounts")
    add(on("projects/iAMMember", "flow-queries", "roles/bigquery.jobUser", r.member("shop-flow")), "flow", "BigQuery jobs", "project", "account 'shop-flow'")
    add(on(dataset_kind, "flow-marts", "roles/bigquery.dataEditor", r.member("shop-flow"), datasetId="marts"), "flow", "MARTS_DATASET", "Dataset 'marts'", "account 'shop-flow'")
    add(on(run_kind, "triggers", "roles/run.invoker", r.member("shop-trigger"), name="counter"), "counter", "event trigger", "Function 'counter'", "account 'shop-trigger'")
    add(on(run_kind, "watches", "roles/run.invoker", r.member("shop-trigger"), name="watcher"), "watcher", "event trigger", "Function 'watcher'", "account 'shop-trigger'")
    add(on("projects/iAMMember", "receives", "roles/eventarc.eventReceiver", r.member("shop-trigger")), "watcher", "event trigger", "project", "account 'shop-trigger'")
    add(on("projects/iAMMember", "reports", "roles/pubsub.publisher", _STORAGE), "watcher", "events of a bucket", "project", "the service agent of gs-project-accounts")
    add(on(secret_kind, "counts-keys", "roles/secretmanager.secretAccessor", r.member("shop-counter"), secretId="ledger-keys"), "counter", "secret", "Secret 'keys'", "account 'shop-counter'")
    add(on(secret_kind, "counts-pepper", "roles/secretmanager.secretAccessor", r.member("shop-counter"), secretId="ledger-pepper"), "counter", "secret", "Secret 'pepper'", "account 'shop-counter'")
    add(on("projects/iAMMember", "serves", "roles/pubsub.serviceAgent", r.PUBSUB), "pubsub-agent", "service agent", "project", pubsub)
    add(on(bucket_kind, "remembers", "roles/storage.objectUser", r.member("shop-guard"), bucket="shop-1-archives"), "guard", "GUARD_BUCKET", "Bucket 'archives'", "account 'shop-guard'")
    # fmt: on
    return grants


ALSO = {  # further links that one grant serves
    "pushes": ["nightly: lacks a grant. schedule: account 'shop-caller' needs roles/run.invoker on Service 'ledger'"],
}
BUILD = [
    r.grant(
        "storage/bucketIAMMember",
        "b-reads",
        "roles/storage.objectViewer",
        r.member("shop-builder"),
        bucket="shop-1-archives",
    ),
    r.grant(
        "artifactregistry/repositoryIamMember",
        "b-writes",
        "roles/artifactregistry.writer",
        r.member("shop-builder"),
        repository="functions",
    ),
    r.on_project("b-logs", "roles/logging.logWriter", r.member("shop-builder")),
    r.grant(
        "projects/iAMMember",
        "b-copies",
        "roles/storage.objectViewer",
        r.member("shop-builder"),
        project=r.PROJECT,
        condition={
            "title": "copies",
            "expression": "resource.name.startsWith('projects/_/buckets/gcf-v2-sources-1-us-central1')",
        },
    ),
]
BUILD_ON = {"b-reads": "Bucket 'archives'", "b-writes": "Repository 'functions'", "b-logs": "project"}
BUILD_ON["b-copies"] = "project where gcf-v2-sources"
NEEDED = _grants()
ALL = [*_PLAN, *(grant for grant, _, _ in NEEDED), *BUILD]
