"""One plan with every kind of link, and what is said when the grant of each is taken away."""

from __future__ import annotations

from typing import Any

from policies import gcp
from policies.model import UNKNOWN, Resource
from tests.policies import resources as r
from tests.policies.table import Case, Cases

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
        "TRADES_TOPIC": f"projects/{r.PROJECT}/topics/trades",
        "RAW_DATASET": "streams",
        "MARTS_DATASET": "marts",
        "LAKE_BUCKET": "shop-1-trades-lake",
        "DATABASE_AUTH": "iam",
        "UNSET_TOPIC": "",
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
]


def _grants() -> list[tuple[Resource, str, str]]:
    """Each grant, the resource whose link needs it, and the sentence about it."""
    found: list[tuple[Resource, str, str]] = []

    def on(kind: str, name: str, role: str, to: str, /, **where: Any) -> Resource:
        return r.grant(kind, name, role, to, **where)

    def add(grant: Resource, needs: str, link: str, on_shown: str, to_shown: str) -> None:
        role = grant.props["role"]
        found.append((grant, needs, f"lacks a grant. {link}: {to_shown} needs {role} on {on_shown}"))

    pubsub, ledger, caller = "the service agent of pubsub", "account 'shop-ledger'", "account 'shop-caller'"
    bucket_kind, topic_kind, run_kind = (
        "storage/bucketIAMMember",
        "pubsub/topicIAMMember",
        "cloudrunv2/serviceIamMember",
    )
    secret_kind, dataset_kind = "secretmanager/secretIamMember", "bigquery/datasetIamMember"

    add(
        on("bigquery/iamMember", "writes-table", "roles/bigquery.dataEditor", r.PUBSUB, datasetId="streams", tableId="trades_raw"),
        "to-table", "BigQuery export", "Table 'trades_raw'", pubsub,
    )  # fmt: skip
    for name, role in (
        ("writes-lake", "roles/storage.objectCreator"),
        ("looks-lake", "roles/storage.legacyBucketReader"),
    ):
        add(
            on(bucket_kind, name, role, r.PUBSUB, bucket="shop-1-trades-lake"),
            "to-lake",
            "Cloud Storage export",
            "Bucket 'trades-lake'",
            pubsub,
        )
        add(
            on(bucket_kind, f"own-{name}", role, r.member("shop-exporter"), bucket="shop-1-archives"),
            "own-lake",
            "Cloud Storage export",
            "Bucket 'archives'",
            "account 'shop-exporter'",
        )
    add(
        on("serviceaccount/iAMMember", "borrows", "roles/iam.serviceAccountTokenCreator", r.PUBSUB,
           serviceAccountId=f"projects/{r.PROJECT}/serviceAccounts/{r.email('shop-exporter')}"),
        "own-lake", "export account", "Account 'shop-exporter'", pubsub,
    )  # fmt: skip
    add(
        on(topic_kind, "gives-up", "roles/pubsub.publisher", r.PUBSUB, topic="trades-given-up"),
        "to-ledger",
        "dead lettering",
        "Topic 'trades-given-up'",
        pubsub,
    )
    add(
        on("pubsub/subscriptionIAMMember", "takes", "roles/pubsub.subscriber", r.PUBSUB, subscription="to-ledger"),
        "to-ledger",
        "dead lettering",
        "Subscription 'to-ledger'",
        pubsub,
    )
    add(
        on(run_kind, "pushes", "roles/run.invoker", r.member("shop-caller"), name="ledger"),
        "to-ledger",
        "push",
        "Service 'ledger'",
        caller,
    )
    add(
        on("projects/iAMMember", "switches", "roles/cloudsql.editor", r.member("shop-switch")),
        "switch",
        "database schedule",
        "project",
        "account 'shop-switch'",
    )
    add(
        on("cloudrunv2/jobIamMember", "starts", "roles/run.invoker", r.member("shop-switch"), name="batch"),
        "start-batch",
        "schedule",
        "Job 'batch'",
        "account 'shop-switch'",
    )
    add(
        _written("w-files", bucket_kind, "roles/storage.objectCreator", "files", bucket="shop-1-log-files"),
        "files",
        "log sink",
        "Bucket 'log-files'",
        "the sink's writer",
    )
    add(
        _written("w-tables", dataset_kind, "roles/bigquery.dataEditor", "tables", datasetId="log_tables"),
        "tables",
        "log sink",
        "Dataset 'log_tables'",
        "the sink's writer",
    )
    add(
        _written("w-messages", topic_kind, "roles/pubsub.publisher", "messages", topic="logged"),
        "messages",
        "log sink",
        "Topic 'logged'",
        "the sink's writer",
    )
    add(
        on(topic_kind, "tells", "roles/pubsub.publisher", r.AGENT.format("monitoring-notification"), topic="told"),
        "channel",
        "notices",
        "Topic 'told'",
        "the service agent of monitoring-notification",
    )
    add(
        on(
            secret_kind,
            "reads-keys",
            "roles/secretmanager.secretAccessor",
            r.member("shop-ledger"),
            secretId="ledger-keys",
        ),
        "ledger",
        "secret",
        "Secret 'keys'",
        ledger,
    )
    add(
        on(
            secret_kind,
            "reads-pepper",
            "roles/secretmanager.secretAccessor",
            r.member("shop-ledger"),
            secretId="ledger-pepper",
        ),
        "ledger",
        "secret",
        "Secret 'pepper'",
        ledger,
    )
    add(
        on(topic_kind, "publishes", "roles/pubsub.publisher", r.member("shop-ledger"), topic="trades"),
        "ledger",
        "TRADES_TOPIC",
        "Topic 'trades'",
        ledger,
    )
    add(
        on(dataset_kind, "reads-raw", "roles/bigquery.dataViewer", r.member("shop-ledger"), datasetId="streams"),
        "ledger",
        "RAW_DATASET",
        "Dataset 'streams'",
        ledger,
    )
    add(
        on(dataset_kind, "writes-marts", "roles/bigquery.dataEditor", r.member("shop-ledger"), datasetId="marts"),
        "ledger",
        "MARTS_DATASET",
        "Dataset 'marts'",
        ledger,
    )
    add(
        on(
            bucket_kind,
            "reads-lake",
            "roles/storage.objectViewer",
            r.member("shop-ledger"),
            bucket="shop-1-trades-lake",
        ),
        "ledger",
        "LAKE_BUCKET",
        "Bucket 'trades-lake'",
        ledger,
    )
    add(
        on("projects/iAMMember", "logs-in", "roles/cloudsql.instanceUser", r.member("shop-ledger")),
        "ledger",
        "Cloud SQL login",
        "project",
        ledger,
    )
    add(
        on("projects/iAMMember", "queries", "roles/bigquery.jobUser", r.member("shop-ledger")),
        "ledger",
        "BigQuery jobs",
        "project",
        ledger,
    )
    add(
        on(run_kind, "enters", "roles/run.invoker", r.AGENT.format("iap"), name="ledger"),
        "ledger",
        "IAP",
        "Service 'ledger'",
        "the service agent of iap",
    )
    add(
        on("projects/iAMMember", "connects", "roles/cloudsql.client", r.member("shop-ledger")),
        "ledger",
        "Cloud SQL connection",
        "project",
        ledger,
    )
    add(
        on("projects/iAMMember", "batch-connects", "roles/cloudsql.client", r.member("shop-batch")),
        "batch",
        "Cloud SQL connection",
        "project",
        "account 'shop-batch'",
    )
    add(
        on("projects/iAMMember", "works", "roles/composer.worker", r.member("shop-flow")),
        "flow",
        "Composer workers",
        "project",
        "account 'shop-flow'",
    )
    add(
        on("projects/iAMMember", "extends", "roles/composer.ServiceAgentV2Ext", _COMPOSER2),
        "flow",
        "Composer 2",
        "project",
        "the service agent of cloudcomposer-accounts",
    )
    add(
        on("projects/iAMMember", "flow-queries", "roles/bigquery.jobUser", r.member("shop-flow")),
        "flow",
        "BigQuery jobs",
        "project",
        "account 'shop-flow'",
    )
    add(
        on(dataset_kind, "flow-marts", "roles/bigquery.dataEditor", r.member("shop-flow"), datasetId="marts"),
        "flow",
        "MARTS_DATASET",
        "Dataset 'marts'",
        "account 'shop-flow'",
    )
    add(
        on(run_kind, "triggers", "roles/run.invoker", r.member("shop-trigger"), name="counter"),
        "counter",
        "event trigger",
        "Function 'counter'",
        "account 'shop-trigger'",
    )
    add(
        on(run_kind, "watches", "roles/run.invoker", r.member("shop-trigger"), name="watcher"),
        "watcher",
        "event trigger",
        "Function 'watcher'",
        "account 'shop-trigger'",
    )
    add(
        on("projects/iAMMember", "receives", "roles/eventarc.eventReceiver", r.member("shop-trigger")),
        "watcher",
        "event trigger",
        "project",
        "account 'shop-trigger'",
    )
    add(
        on("projects/iAMMember", "reports", "roles/pubsub.publisher", _STORAGE),
        "watcher",
        "events of a bucket",
        "project",
        "the service agent of gs-project-accounts",
    )
    add(
        on(
            secret_kind,
            "counts-keys",
            "roles/secretmanager.secretAccessor",
            r.member("shop-counter"),
            secretId="ledger-keys",
        ),
        "counter",
        "secret",
        "Secret 'keys'",
        "account 'shop-counter'",
    )
    add(
        on(
            secret_kind,
            "counts-pepper",
            "roles/secretmanager.secretAccessor",
            r.member("shop-counter"),
            secretId="ledger-pepper",
        ),
        "counter",
        "secret",
        "Secret 'pepper'",
        "account 'shop-counter'",
    )
    return found


_ALSO = {  # further links that one grant serves
    "pushes": ["nightly: lacks a grant. schedule: account 'shop-caller' needs roles/run.invoker on Service 'ledger'"],
}
_BUILD = [
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
        condition={"title": "sources-of-functions", "expression": "resource.name.startsWith('…')"},
    ),
]
_BUILD_ON = {"b-reads": "Bucket 'archives'", "b-writes": "Repository 'functions'", "b-logs": "project"}
_BUILD_ON["b-copies"] = "project where sources-of-functions"
_ALL = [*_PLAN, *(grant for grant, _, _ in _grants()), *_BUILD]


def _without(name: str, says: list[str]) -> Case:
    return Case("unset", {name: ...}, says)


def _in_plan_order(says: list[str]) -> list[str]:
    order = [resource.name for resource in _ALL]
    return sorted(says, key=lambda line: order.index(line.partition(":")[0]))


CASES: dict[str, Cases] = {
    "grants-missing": Cases(
        good=_ALL,
        cases=[
            *(
                _without(grant.name, _in_plan_order([f"{needs}: {sentence}", *_ALSO.get(grant.name, [])]))
                for grant, needs, sentence in _grants()
            ),
            *(
                _without(
                    grant.name,
                    [
                        f"{name}: lacks a grant. build: account 'shop-builder' needs {grant.props['role']} on "
                        f"{_BUILD_ON[grant.name]}"
                        for name in ("counter", "watcher")
                    ],
                )
                for grant in _BUILD
            ),
            Case(
                "wrong",
                {"reads-lake.member": r.member("shop-batch")},
                [
                    "ledger: lacks a grant. LAKE_BUCKET: account 'shop-ledger' needs roles/storage.objectViewer on Bucket 'trades-lake'"
                ],
            ),
            Case(
                "wrong",
                {"reads-lake.bucket": "shop-1-archives"},
                [
                    "ledger: lacks a grant. LAKE_BUCKET: account 'shop-ledger' needs roles/storage.objectViewer on Bucket 'trades-lake'"
                ],
            ),
            Case(
                "wrong",
                {"reads-lake.role": "roles/storage.objectCreator"},
                [
                    "ledger: lacks a grant. LAKE_BUCKET: account 'shop-ledger' needs roles/storage.objectViewer on Bucket 'trades-lake'"
                ],
            ),
            Case("passes", {"reads-lake.role": "roles/storage.objectAdmin"}),
            Case(
                "passes",
                {"reads-lake": r.on_project("reads-lake", "roles/storage.objectViewer", r.member("shop-ledger"))},
            ),
            Case(
                "wrong",
                {"to-table.bigqueryConfig.serviceAccountEmail": r.email("shop-exporter")},
                [
                    "to-table: lacks a grant. BigQuery export: account 'shop-exporter' needs "
                    "roles/bigquery.dataEditor on Table 'trades_raw'"
                ],
            ),
            Case(
                "unset",
                {"counter.buildConfig.dockerRepository": ...},  # then Google keeps the images in one of its own
                [
                    "counter: lacks a grant. build: account 'shop-builder' needs "
                    "roles/artifactregistry.writer on project"
                ],
            ),
            # A function of the second generation is called through its service.
            Case(
                "wrong",
                {
                    "triggers": r.grant(
                        "cloudfunctionsv2/functionIamMember",
                        "triggers",
                        "roles/cloudfunctions.invoker",
                        r.member("shop-trigger"),
                        cloudFunction="counter",
                    )
                },
                [
                    "counter: lacks a grant. event trigger: account 'shop-trigger' needs roles/run.invoker on Function 'counter'"
                ],
            ),
            # On the dataset instead of the table, and as an entry of its access list.
            Case(
                "passes",
                {
                    "writes-table": r.grant(
                        "bigquery/datasetIamMember",
                        "writes-table",
                        "roles/bigquery.dataEditor",
                        r.PUBSUB,
                        datasetId="streams",
                    )
                },
            ),
            Case(
                "passes",
                {
                    "reads-raw": r.resource(
                        gcp.DATASET_ACCESS,
                        "reads-raw",
                        role="READER",
                        userByEmail=r.email("shop-ledger"),
                        datasetId="streams",
                    )
                },
            ),
            Case(
                "wrong",
                {"reads-raw": r.resource(gcp.DATASET_ACCESS, "reads-raw", datasetId="streams", view={"tableId": "v"})},
                [
                    "ledger: lacks a grant. RAW_DATASET: account 'shop-ledger' needs roles/bigquery.dataViewer on Dataset 'streams'"
                ],
            ),
            Case(
                "wrong",
                {"writes-table.datasetId": "marts"},
                [
                    "to-table: lacks a grant. BigQuery export: the service agent of pubsub needs roles/bigquery.dataEditor on Table 'trades_raw'"
                ],
            ),
            Case(
                "wrong",
                {"reads-raw.role": "roles/bigquery.metadataViewer"},
                [
                    "ledger: lacks a grant. RAW_DATASET: account 'shop-ledger' needs roles/bigquery.dataEditor on Dataset 'streams'"
                ],
                {"dataset_roles": {}},
            ),
            # Ends of links that only the update knows are found by what they were computed from.
            Case(
                "unknown",
                {
                    "nightly": r.resource(
                        gcp.JOB,
                        "nightly",
                        {"httpTarget": (r.urn(gcp.RUN_SERVICE, "ledger"), r.urn(gcp.SERVICE_ACCOUNT, "shop-batch"))},
                        httpTarget={"uri": UNKNOWN, "oidcToken": {"serviceAccountEmail": UNKNOWN}},
                    )
                },
                ["nightly: lacks a grant. schedule: account 'shop-batch' needs roles/run.invoker on Service 'ledger'"],
            ),
            Case(
                "unknown",
                {
                    "to-table": r.resource(
                        gcp.SUBSCRIPTION,
                        "to-table",
                        {"bigqueryConfig": (r.urn(gcp.TABLE, "trades_raw"),)},
                        topic="trades",
                        bigqueryConfig={"table": UNKNOWN},
                    ),
                    "writes-table": ...,
                },
                [
                    "to-table: lacks a grant. BigQuery export: the service agent of pubsub needs roles/bigquery.dataEditor on Table 'trades_raw'"
                ],
            ),
            Case(
                "unknown",
                {
                    "enters": r.resource(
                        "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
                        "enters",
                        {
                            "name": (r.urn(gcp.RUN_SERVICE, "ledger"),),
                            "member": (r.urn("gcp:projects/serviceIdentity:ServiceIdentity", "agent"),),
                        },
                        name=UNKNOWN,
                        member=UNKNOWN,
                        role="roles/run.invoker",
                    ),
                    "agent": r.resource(
                        "gcp:projects/serviceIdentity:ServiceIdentity", "agent", service="iap.googleapis.com"
                    ),
                },
            ),
            Case("passes", {"budget": r.budget("budget")}),  # Google grants itself the right to publish notices
            Case("unknown", {"to-ledger.pushConfig.pushEndpoint": UNKNOWN}),  # grants-underivable's matter
        ],
    ),
    "grants-underivable": Cases(
        good=[
            r.service("stock", "shop-stock", env={"STOCK_TOPIC": "stock", "STOCK_DATASET": "stock"}),
            r.schedule("tick", "https://stock-abc123-uc.a.run.app/tick", "shop-ticker"),
            r.schedule("db", "https://sqladmin.googleapis.com/v1/x", "shop-ticker", "oauthToken"),
            r.schedule("else", "https://dataflow.googleapis.com/v1/x", "shop-ticker", "oauthToken"),
        ],
        cases=[
            Case(
                "unknown",
                {"tick.httpTarget.uri": UNKNOWN},
                ["tick: has a link whose grant cannot be derived before the update: schedule (roles/run.invoker)"],
            ),
            Case(
                "unknown",
                {"db.httpTarget.uri": UNKNOWN},
                ["db: has a link whose grant cannot be derived before the update: schedule (the API that it calls)"],
            ),
            Case(
                "unknown",
                {"stock.template.containers.0.envs.0.value": UNKNOWN},
                [
                    "stock: has a link whose grant cannot be derived before the update: STOCK_TOPIC (roles/pubsub.publisher)"
                ],
            ),
            Case(
                "unset",
                {"stock.template.serviceAccount": ...},
                [
                    f"stock: has a link whose grant cannot be derived before the update: {link}"
                    for link in (
                        "STOCK_TOPIC (roles/pubsub.publisher)",
                        "STOCK_DATASET (roles/bigquery.dataEditor)",
                        "BigQuery jobs (roles/bigquery.jobUser)",
                    )
                ],
            ),
            Case("unset", {"stock.template.containers.0.envs.0.value": ...}),
        ],
        without={"wrong": "a value that is known can be followed"},
    ),
    "grants-surplus": Cases(
        good=_ALL,
        parameters={"expected": ["roles/storage.admin shop-ci", "roles/pubsub.* shop-tools"]},
        cases=[
            Case(
                "wrong",
                {
                    "stray": r.grant(
                        "pubsub/topicIAMMember",
                        "stray",
                        "roles/pubsub.publisher",
                        r.member("shop-batch"),
                        topic="notices",
                    )
                },
                ["stray: grants roles/pubsub.publisher to shop-batch, which no link of the plan needs"],
            ),
            Case(
                "wrong",
                {
                    "stray": r.grant(
                        "compute/subnetworkIAMMember",
                        "stray",
                        "roles/compute.networkUser",
                        r.member("nobody"),
                        subnetwork="s",
                    )
                },
                [f"stray: grants roles/compute.networkUser to {r.email('nobody')}, which no link of the plan needs"],
            ),
            Case(
                "wrong",
                {"reads-lake.role": "roles/storage.objectAdmin"},
                [
                    "reads-lake: grants roles/storage.objectAdmin to shop-ledger, where roles/storage.objectViewer would do"
                ],
            ),
            Case(
                "wrong",
                {
                    "stray": r.resource(
                        gcp.DATASET_ACCESS, "stray", role="OWNER", userByEmail=r.email("shop-batch"), datasetId="marts"
                    )
                },
                ["stray: grants roles/bigquery.dataOwner to shop-batch, which no link of the plan needs"],
            ),
            Case(
                "passes",
                {
                    "stray": r.on_project("stray", "roles/storage.admin", r.member("shop-ci")),
                    "ci": r.account("shop-ci"),
                },
            ),
            Case(
                "passes",
                {
                    "stray": r.on_project("stray", "roles/pubsub.editor", r.member("shop-tools")),
                    "t": r.account("shop-tools"),
                },
            ),
            Case(
                "wrong",
                {"wide": r.on_project("wide", "roles/bigquery.admin", r.member("shop-ledger"))},
                [
                    "wide: grants roles/bigquery.admin to shop-ledger, where roles/bigquery.dataEditor, "
                    "roles/bigquery.dataViewer, roles/bigquery.jobUser would do"
                ],
            ),
            Case(
                "wrong",
                {
                    "person": r.on_project("person", "roles/pubsub.editor", "user:a@b.c"),
                    "ci": r.account("shop-ci"),
                    "deploys": r.on_project("deploys", "roles/storage.admin", r.member("shop-ci")),
                    "stray": r.on_project("stray", "roles/storage.admin", r.member("shop-batch")),
                },
                ["stray: grants roles/storage.admin to shop-batch, which no link of the plan needs"],
            ),
            *(
                Case("passes", {"stray": r.on_project("stray", "roles/pubsub.editor", who)})
                for who in (
                    "group:a@b.c",
                    "user:a@b.c",
                    "domain:b.c",
                    "principalSet://x/*",
                    "principal://x",
                    "allUsers",
                )
            ),
            Case(
                "passes",
                {
                    "person": r.resource(
                        gcp.DATASET_ACCESS, "person", role="READER", userByEmail="a@b.c", datasetId="marts"
                    ),
                    "group": r.resource(
                        gcp.DATASET_ACCESS, "group", role="READER", groupByEmail="g@b.c", datasetId="marts"
                    ),
                    "view": r.resource(gcp.DATASET_ACCESS, "view", view={"tableId": "v"}, datasetId="marts"),
                },
            ),
            Case(
                "unknown",
                {
                    "stray": r.on_project("stray", UNKNOWN, r.member("shop-batch")),
                    "nobody": r.resource("gcp:projects/iAMMember:IAMMember", "nobody", role="roles/pubsub.editor"),
                },
                [
                    "stray: grants a role unknown at preview to shop-batch, which no link of the plan needs",
                    "nobody: grants roles/pubsub.editor to an account unknown at preview, "
                    "which no link of the plan needs",
                ],
            ),
            Case(
                "unknown",
                {"stray": r.on_project("stray", "roles/pubsub.editor", "")},
                ["stray: grants roles/pubsub.editor to an account unknown at preview, which no link of the plan needs"],
            ),
        ],
        without={"unset": "a grant that is not made is grants-missing's matter"},
    ),
    "database-user": Cases(
        good=[
            r.account("shop-teller"),
            r.service("plain", "shop-plain", env={"DATABASE_AUTH": "none"}),
            r.service("teller", "shop-teller", env={"DATABASE_AUTH": "iam"}),
            r.resource(
                gcp.SQL_USER,
                "teller-user",
                name=f"shop-teller@{r.PROJECT}.iam",
                instance="db",
                type="CLOUD_IAM_SERVICE_ACCOUNT",
            ),
        ],
        cases=[
            Case(
                "wrong",
                {"teller-user.name": r.email("shop-teller")},
                [
                    f"teller: logs in to Cloud SQL as {r.email('shop-teller')}, and there is no database user 'shop-teller@{r.PROJECT}.iam'"
                ],
            ),
            Case(
                "unset",
                {"teller-user": ...},
                [
                    f"teller: logs in to Cloud SQL as {r.email('shop-teller')}, and there is no database user 'shop-teller@{r.PROJECT}.iam'"
                ],
            ),
            Case(
                "unset",
                {"teller-user": ..., "shop-teller": ...},  # an account of another stack
                [
                    f"teller: logs in to Cloud SQL as {r.email('shop-teller')}, "
                    f"and there is no database user 'shop-teller@{r.PROJECT}.iam'"
                ],
            ),
            Case("unknown", {"teller-user.name": UNKNOWN}),
            Case("unknown", {"teller-user": ..., "teller.template.serviceAccount": UNKNOWN}),
            Case(
                "unknown",
                {
                    "teller-user": ...,
                    "teller": r.resource(
                        gcp.RUN_SERVICE,
                        "teller",
                        {"template": (r.urn(gcp.SERVICE_ACCOUNT, "shop-teller"),)},
                        template={
                            "serviceAccount": UNKNOWN,
                            "containers": [{"envs": [{"name": "DATABASE_AUTH", "value": "iam"}]}],
                        },
                    ),
                },
                [
                    f"teller: logs in to Cloud SQL as {r.email('shop-teller')}, and there is no database user 'shop-teller@{r.PROJECT}.iam'"
                ],
            ),
        ],
    ),
}
