from __future__ import annotations

from fastyle_policies.model import UNKNOWN

from policy_rules import resources as r
from policy_rules.table import Case, Cases

_DEFAULT = "123456789012-compute@developer.gserviceaccount.com"
_POOL = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
_CONDITION = "ci: has no attributeCondition: every token of its issuer is let in"
_PUSHED = "pushConfig.oidcToken"


def _unset(name: str, path: str) -> list[str]:
    return [f"{name}: sets no {path}: it would run as the project's default account"]


CASES: dict[str, Cases] = {
    "no-primitive-role": Cases(
        good=[
            r.on_project("grant", "roles/pubsub.viewer", r.member("till")),
            r.on_project("custom", f"projects/{r.PROJECT}/roles/till", r.member("till")),
            r.on_project("company", "organizations/1/roles/till", r.member("till")),
        ],
        cases=[
            Case(
                "wrong",
                {"grant.role": "roles/editor"},
                ["grant: grants roles/editor, which reaches every service of the project"],
            ),
            Case(
                "wrong",
                {"grant.role": "roles/owner"},
                ["grant: grants roles/owner, which reaches every service of the project"],
            ),
            Case(
                "wrong",
                {"grant.role": "roles/viewer"},
                ["grant: grants roles/viewer, which reaches every service of the project"],
            ),
            Case(
                "wrong",
                {"grant.role": "pubsub.viewer"},
                ["grant: grants 'pubsub.viewer', which is no role: predefined ones begin with roles/"],
            ),
            Case("unset", {"grant.role": ...}),  # the provider refuses it
            Case("unknown", {"grant.role": UNKNOWN}),
        ],
    ),
    "no-default-account": Cases(
        good=[
            r.service("run"),
            r.run_job("job"),
            r.function("fn"),
            r.composer("airflow"),
            r.subscription("push", "tills", **r.push("https://shop.example", "shop-caller")),
            r.subscription("pull", "tills"),
            r.schedule("call", "https://shop.example", "shop-caller"),
            r.schedule("api", "https://sqladmin.googleapis.com/x", "shop-caller", "oauthToken"),
            r.on_project("grant", "roles/pubsub.viewer", r.member("till")),
        ],
        cases=[
            Case("wrong", {"run.template.serviceAccount": _DEFAULT}, [f"run: runs as the default account {_DEFAULT}"]),
            Case(
                "wrong",
                {"fn.serviceConfig.serviceAccountEmail": "shop-1@appspot.gserviceaccount.com"},
                ["fn: runs as the default account shop-1@appspot.gserviceaccount.com"],
            ),
            Case(
                "wrong",
                {"fn.buildConfig.serviceAccount": "projects/p/serviceAccounts/1@cloudbuild.gserviceaccount.com"},
                ["fn: runs as the default account projects/p/serviceAccounts/1@cloudbuild.gserviceaccount.com"],
            ),
            Case(
                "wrong",
                {"fn.buildConfig.serviceAccount": f"projects/p/serviceAccounts/{_DEFAULT}"},
                [f"fn: runs as the default account projects/p/serviceAccounts/{_DEFAULT}"],
            ),
            Case("unset", {"run.template.serviceAccount": ...}, _unset("run", "template.serviceAccount")),
            Case(
                "unset",
                {"job.template.template.serviceAccount": ""},
                _unset("job", "template.template.serviceAccount"),
            ),
            Case(
                "unset",
                {"fn.serviceConfig.serviceAccountEmail": ..., "fn.buildConfig.serviceAccount": ...},
                _unset("fn", "serviceConfig.serviceAccountEmail") + _unset("fn", "buildConfig.serviceAccount"),
            ),
            Case(
                "unset",
                {"fn.eventTrigger": {"eventType": "google.cloud.pubsub.topic.v1.messagePublished"}},
                _unset("fn", "eventTrigger.serviceAccountEmail"),
            ),
            Case("passes", {"fn.eventTrigger": {"serviceAccountEmail": r.email("shop-trigger")}}),
            Case(
                "unset",
                {"airflow.config.nodeConfig.serviceAccount": ...},
                _unset("airflow", "config.nodeConfig.serviceAccount"),
            ),
            Case(
                "wrong",
                {f"push.{_PUSHED}.serviceAccountEmail": _DEFAULT},
                [f"push: calls as the default account {_DEFAULT}"],
            ),
            Case(
                "wrong",
                {"call.httpTarget.oidcToken.serviceAccountEmail": _DEFAULT},
                [f"call: calls as the default account {_DEFAULT}"],
            ),
            Case(
                "wrong",
                {"api.httpTarget.oauthToken.serviceAccountEmail": _DEFAULT},
                [f"api: calls as the default account {_DEFAULT}"],
            ),
            Case(
                "wrong",
                {"grant.member": f"serviceAccount:{_DEFAULT}"},
                [f"grant: grants roles/pubsub.viewer to the default account serviceAccount:{_DEFAULT}"],
            ),
            Case(
                "unknown",
                {"run.template.serviceAccount": UNKNOWN, "grant.member": UNKNOWN, f"push.{_PUSHED}": UNKNOWN},
            ),
        ],
    ),
    "no-account-key": Cases(
        good=[r.account("till")],
        cases=[
            Case(
                "wrong",
                {"key": r.resource("gcp:serviceaccount/key:Key", "key", serviceAccountId=r.email("till"))},
                ["key: creates a long-lived key, which is kept in the stack's state"],
            ),
            Case(
                "wrong",
                {"key": r.resource("gcp:storage/hmacKey:HmacKey", "key", serviceAccountEmail=r.email("till"))},
                ["key: creates a long-lived key, which is kept in the stack's state"],
            ),
            Case(
                "wrong",
                {"key": r.resource("gcp:projects/apiKey:ApiKey", "key")},
                ["key: creates a long-lived key, which is kept in the stack's state"],
            ),
        ],
        without={"unset": "the type is all it asks", "unknown": "a type is always known"},
    ),
    "no-authoritative-grant": Cases(
        good=[r.on_project("grant", "roles/pubsub.viewer", r.member("till")), r.dataset("reports")],
        cases=[
            Case(
                "wrong",
                {
                    "binding": r.grant(
                        "pubsub/topicIAMBinding",
                        "binding",
                        "roles/pubsub.publisher",
                        "",
                        members=[r.member("till")],
                        topic="tills",
                    )
                },
                ["binding: replaces the grants that others made on the same resource"],
            ),
            *(
                Case(
                    "wrong",
                    {"other": r.resource(type_, "other")},
                    ["other: replaces the grants that others made on the same resource"],
                )
                for type_ in (
                    "gcp:pubsub/topicIAMPolicy:TopicIAMPolicy",
                    "gcp:bigquery/datasetIamPolicy:DatasetIamPolicy",
                    "gcp:bigquery/datasetIamBinding:DatasetIamBinding",
                )
            ),
            Case(
                "wrong",
                {"reports.accesses": [{"role": "READER", "groupByEmail": "a@b.c"}]},
                ["reports: lists its accesses itself, which takes away those that others made"],
            ),
            Case("unset", {"reports.accesses": ...}),
            Case(
                "unknown",
                {"reports.accesses": UNKNOWN},
                ["reports: lists its accesses itself, which takes away those that others made"],
            ),
        ],
    ),
    "federation-condition": Cases(
        good=[
            r.resource(
                _POOL,
                "ci",
                workloadIdentityPoolId="github",
                workloadIdentityPoolProviderId="github",
                attributeCondition="assertion.repository_id == '1' && assertion.environment == 'prod'",
                attributeMapping={"google.subject": "assertion.sub"},
                oidc={"issuerUri": "https://token.actions.githubusercontent.com"},
            )
        ],
        cases=[
            Case(
                "wrong",
                {"ci.attributeCondition": "true"},
                ["ci: has the attributeCondition 'true', which looks at no claim: every token of its issuer is let in"],
            ),
            Case("wrong", {"ci.attributeCondition": ""}, [_CONDITION]),
            Case("unset", {"ci.attributeCondition": ...}, [_CONDITION]),
            Case(
                "wrong",
                {"ci.attributeCondition": "assertion.repository_id == '1'"},
                [
                    "ci: has the attributeCondition \"assertion.repository_id == '1'\", which binds no environment: a job "
                    "that nobody approved is let in"
                ],
            ),
            Case("passes", {"ci.attributeCondition": "attribute.owner == '7' && attribute.environment == 'prod'"}),
            Case("passes", {"ci.attributeCondition": "google.subject == 'repo:shop/x:environment:prod'"}),
            Case(
                "passes",
                {"ci.oidc": {"issuerUri": "https://id.example"}, "ci.attributeCondition": "google.subject == 'a'"},
            ),
            Case("wrong", {"ci.attributeMapping": {"attribute.a": "assertion.a"}}, ["ci: does not map google.subject"]),
            Case("unset", {"ci.attributeMapping": ...}, ["ci: does not map google.subject"]),
            Case("unknown", {"ci.attributeCondition": UNKNOWN, "ci.attributeMapping": UNKNOWN}),
        ],
    ),
    "caller-identified": Cases(
        good=[
            r.subscription("push", "tills", **r.push("https://shop.example", "shop-caller")),
            r.subscription("pull", "tills"),
            r.schedule("call", "https://shop.example", "shop-caller"),
            r.schedule("api", "https://sqladmin.googleapis.com/x", "shop-caller", "oauthToken"),
            r.resource("gcp:cloudscheduler/job:Job", "message", name="m", pubsubTarget={"topicName": "t"}),
        ],
        cases=[
            Case(
                "wrong",
                {f"push.{_PUSHED}.serviceAccountEmail": ""},
                ["push: pushes without an identity token: set pushConfig.oidcToken.serviceAccountEmail"],
            ),
            Case(
                "unset",
                {f"push.{_PUSHED}": ...},
                ["push: pushes without an identity token: set pushConfig.oidcToken.serviceAccountEmail"],
            ),
            Case(
                "unset",
                {f"push.{_PUSHED}.audience": ...},
                ["push: pushes without an audience of its own: set pushConfig.oidcToken.audience"],
            ),
            Case(
                "unset",
                {"call.httpTarget.oidcToken": ...},
                ["call: calls without a token: set httpTarget.oidcToken or, for Google's own APIs, oauthToken"],
            ),
            Case(
                "wrong",
                {"api.httpTarget.oauthToken.serviceAccountEmail": ""},
                ["api: calls without a token: set httpTarget.oidcToken or, for Google's own APIs, oauthToken"],
            ),
            Case("unknown", {f"push.{_PUSHED}": UNKNOWN, "call.httpTarget.oidcToken": UNKNOWN}),
            Case("unknown", {f"push.{_PUSHED}.audience": UNKNOWN, "api.httpTarget": UNKNOWN}),
            Case("unknown", {"push.pushConfig": UNKNOWN}),
        ],
    ),
}
