"""What is said when any grant of `linked.py`'s plan is taken away, given to another, or is too much."""

from __future__ import annotations

from dataclasses import replace

from fastyle_policies import gcp
from fastyle_policies.least_privilege.given import CUSTOM_ROLE
from fastyle_policies.least_privilege.needed import OBJECT_VIEWER
from fastyle_policies.model import UNKNOWN, Resource

from policy_rules import resources as r
from policy_rules.cases.linked import ALL, ALSO, BUILD, BUILD_ON, GUARDS, NEEDED, USES
from policy_rules.table import Case, Cases

_JOBS = "guard: lacks a grant. GUARD_JOBS: account 'shop-guard' needs roles/cloudscheduler.admin on project"
_SWITCH = list(GUARDS[-2:])
_DATABASE = "guard: lacks a grant. GUARD_DATABASE: account 'shop-guard' needs roles/cloudsql.editor on project"


def _without(name: str, says: list[str]) -> Case:
    return Case("unset", {name: ...}, says)


def _in_plan_order(says: list[str]) -> list[str]:
    order = [resource.name for resource in ALL]
    return sorted(says, key=lambda line: order.index(line.partition(":")[0]))


_PERSON = r.grant(
    "iap/webCloudRunServiceIamMember",
    "person",
    "roles/iap.httpsResourceAccessor",
    "group:staff@example.com",
    cloudRunServiceName="ledger",
    location="us-central1",
)


def _again(name: str) -> Resource:
    (grant,) = (resource for resource in ALL if resource.name == name)
    return replace(grant, name="again", props=dict(grant.props))


def _twice(name: str, other: str, role: str) -> str:
    return (
        f"{name}: is the grant that '{other}' makes: {role} to the same member on the same resource is one entry, and "
        "whichever goes first takes it from both"
    )


CASES: dict[str, Cases] = {
    "grants-missing": Cases(
        good=ALL,
        parameters={"uses": USES},
        cases=[
            *(
                _without(grant.name, _in_plan_order([f"{needs}: {sentence}", *ALSO.get(grant.name, [])]))
                for grant, needs, sentence in NEEDED
            ),
            *(
                _without(
                    grant.name,
                    [
                        f"{name}: lacks a grant. build: account 'shop-builder' needs {grant.props['role']} on "
                        f"{BUILD_ON[grant.name]}"
                        for name in ("counter", "watcher")
                    ],
                )
                for grant in BUILD
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
            # A role that the plan makes itself counts by its permissions.
            Case("unset", {"guards": ...}, [_JOBS, _DATABASE]),
            Case("wrong", {"guard-role.permissions": list(GUARDS[1:])}, [_JOBS]),
            Case("wrong", {"guard-role.permissions": list(GUARDS[:-1])}, [_DATABASE]),
            Case("wrong", {"guard-role.roleId": "shopGuards"}, [_JOBS, _DATABASE]),
            Case("wrong", {"guards.role": "organizations/1/roles/shopGuard"}, [_JOBS, _DATABASE]),
            Case("unknown", {"guard-role.permissions": UNKNOWN}, [_JOBS, _DATABASE]),
            Case(
                "passes",
                {
                    "guards.role": "roles/cloudscheduler.admin",
                    "stops": r.on_project("stops", "roles/cloudsql.editor", r.member("shop-guard")),
                },
            ),
            Case(
                "passes",
                {
                    "switches.role": f"projects/{r.PROJECT}/roles/shopSwitch",
                    "switch-role": r.resource(CUSTOM_ROLE, "switch-role", roleId="shopSwitch", permissions=_SWITCH),
                },
            ),
            Case(
                "wrong",
                {
                    "switches.role": f"projects/{r.PROJECT}/roles/shopSwitch",
                    "switch-role": r.resource(CUSTOM_ROLE, "switch-role", roleId="shopSwitch", permissions=_SWITCH[:1]),
                },
                [
                    "switch: lacks a grant. database schedule: account 'shop-switch' needs "
                    "roles/cloudsql.editor on project"
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
                {"uses": {key: use for key, use in USES.items() if key != "RAW_DATASET"}},
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
        ],
        cases=[
            Case(
                "wrong",
                {"else": r.schedule("else", "https://dataflow.googleapis.com/v1/x", "shop-ticker", "oauthToken")},
                [
                    "else: has a link whose grant cannot be derived before the update: schedule (what "
                    "dataflow.googleapis.com asks for)"
                ],
            ),
            Case(
                "wrong",
                {
                    "odd": r.grant(
                        "compute/subnetworkIAMMember",
                        "odd",
                        "roles/compute.networkUser",
                        r.member("nobody"),
                        subnetwork="s",
                    )
                },
                [
                    f"odd: grants roles/compute.networkUser to {r.email('nobody')}, for a link that cannot be derived: "
                    "the pack follows no links to what SubnetworkIAMMember grants on"
                ],
            ),
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
    ),
    "grant-once": Cases(
        good=[*ALL, _PERSON],
        cases=[
            Case("wrong", {"again": _again("reads-lake")}, [_twice("reads-lake", "again", OBJECT_VIEWER)]),
            Case(
                "wrong",  # an entry of the access list is the grant that an IAM member makes
                {
                    "again": r.resource(
                        gcp.DATASET_ACCESS,
                        "again",
                        role="READER",
                        userByEmail=r.email("shop-ledger"),
                        datasetId="streams",
                    )
                },
                [_twice("reads-raw", "again", "roles/bigquery.dataViewer")],
            ),
            Case(
                "wrong",  # of a type that no link needs, and in another case
                {"again": replace(_PERSON, name="again", props={**_PERSON.props, "member": "group:Staff@Example.com"})},
                [_twice("person", "again", "roles/iap.httpsResourceAccessor")],
            ),
            Case("passes", {"again": replace(_PERSON, name="again", props={**_PERSON.props, "location": "eu"})}),
            Case("passes", {"again": _again("reads-lake"), "again.member": "group:staff@example.com"}),
            Case("passes", {"again": _again("reads-lake"), "again.role": "roles/storage.objectUser"}),
            Case("unset", {"again": _again("reads-lake"), "again.member": ...}),
            Case("unknown", {"again": _again("reads-lake"), "again.member": UNKNOWN}),
            Case("unknown", {"again": replace(_PERSON, name="again"), "again.cloudRunServiceName": UNKNOWN}),
        ],
    ),
    "grants-surplus": Cases(
        good=ALL,
        parameters={"uses": USES, "expected": ["roles/storage.admin shop-ci", "roles/pubsub.* shop-tools"]},
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
            Case(  # underivable, not left over
                "passes",
                {
                    "stray": r.grant(
                        "compute/subnetworkIAMMember",
                        "stray",
                        "roles/compute.networkUser",
                        r.member("nobody"),
                        subnetwork="s",
                    )
                },
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
                {"guard-role.permissions": ["cloudsql.instances.export", *GUARDS, "cloudsql.instances.delete"]},
                [
                    f"guards: grants projects/{r.PROJECT}/roles/shopGuard to shop-guard, "
                    "of which it needs no cloudsql.instances.delete"
                ],
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
        parameters={"logins": {"DATABASE_AUTH": "iam"}},
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
