from __future__ import annotations

from dataclasses import replace

from fastyle_policies.model import UNKNOWN

from policy_rules import resources as r
from policy_rules.table import Case, Cases

_BECOMES = r.grant(
    "serviceaccount/iAMMember",
    "becomes",
    "roles/iam.workloadIdentityUser",
    "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/attribute.environment/prod",
    serviceAccountId=f"projects/{r.PROJECT}/serviceAccounts/{r.email('shop-ci')}",
)
_BECOMES_COMPUTED = replace(
    _BECOMES,
    props={**_BECOMES.props, "serviceAccountId": UNKNOWN},
    references={"serviceAccountId": (r.account("shop-ci").urn,)},
)
_HELD = {
    "sa": "roles/iam.serviceAccountAdmin",
    "acts": "roles/iam.serviceAccountUser",
    "iam": "roles/resourcemanager.projectIamAdmin",
    "run": "roles/run.admin",
    "jobs": "roles/cloudscheduler.admin",
    "functions": "roles/cloudfunctions.admin",
    "events": "roles/eventarc.admin",
    "net": "roles/compute.networkAdmin",
}
_GOOD = [
    r.account("shop-ci"),
    r.account("shop-other"),
    _BECOMES,
    *(r.on_project(name, role, r.member("shop-ci")) for name, role in _HELD.items()),
    r.on_project("other", "roles/bigquery.jobUser", r.member("shop-other")),
    r.service("run-it"),
    r.schedule("tick", "https://shop.example", "shop-other"),
    r.function("listens", eventTrigger={"eventType": "google.cloud.pubsub.topic.v1.messagePublished"}),
    r.resource("gcp:compute/network:Network", "net-work", name="n"),
    r.budget("money"),
    r.resource("fastyle:index:Service", "component"),
]


def _lacks(role: str, what: str) -> str:
    return f"shop-ci: deploys this plan and lacks {role}, which {what} takes"


CASES: dict[str, Cases] = {
    "deployer-roles": Cases(
        good=_GOOD,
        cases=[
            Case("wrong", {"jobs": ...}, [_lacks("roles/cloudscheduler.admin", "Job 'tick'")]),
            Case("unset", {"acts": ...}, [_lacks("roles/iam.serviceAccountUser", "Service 'run-it'")]),
            Case("wrong", {"events": ...}, [_lacks("roles/eventarc.admin", "Function 'listens'")]),
            Case("wrong", {"net": ...}, [_lacks("roles/compute.networkAdmin", "Network 'net-work'")]),
            Case(
                "wrong",
                {"own": r.resource("gcp:projects/iAMCustomRole:IAMCustomRole", "own", roleId="own")},
                [_lacks("roles/iam.roleAdmin", "IAMCustomRole 'own'")],
            ),
            # Somebody deploys by hand, or with a role that holds all of it.
            Case("passes", {"becomes": ..., "jobs": ...}),
            Case("passes", {"jobs": ..., "run.role": f"projects/{r.PROJECT}/roles/deployer"}),
            Case("passes", {"becomes.role": "roles/iam.serviceAccountTokenCreator", "jobs": ...}),
            Case("unknown", {"becomes.serviceAccountId": UNKNOWN, "jobs": ...}),
            Case(
                "wrong",
                {"becomes": _BECOMES_COMPUTED, "jobs": ...},
                [_lacks("roles/cloudscheduler.admin", "Job 'tick'")],
            ),
        ],
    ),
    "deployer-surplus": Cases(
        good=_GOOD,
        cases=[
            Case(
                "wrong",
                {"wide": r.on_project("wide", "roles/composer.admin", r.member("shop-ci"))},
                ["shop-ci: deploys this plan and holds roles/composer.admin, which nothing of it takes"],
            ),
            Case(
                "unset",
                {"tick": ...},
                ["shop-ci: deploys this plan and holds roles/cloudscheduler.admin, which nothing of it takes"],
            ),
            Case(
                "wrong",
                {
                    "cache": r.resource("gcp:redis/instance:Instance", "cache", name="cache"),
                    "cache-2": r.resource("gcp:redis/instance:Instance", "cache-2", name="cache-2"),
                    "folder": r.resource("gcp:organizations/folder:Folder", "folder", displayName="f"),
                },
                [
                    "shop-ci: deploys Instance 'cache', and which role that takes is not known here",
                    "shop-ci: deploys Folder 'folder', and which role that takes is not known here",
                ],
            ),
            Case("passes", {"wide": r.on_project("wide", "roles/composer.admin", r.member("shop-other"))}),
            Case(
                "unknown",
                {
                    "wide": r.on_project("wide", "roles/composer.admin", r.member("shop-ci")),
                    "becomes.serviceAccountId": UNKNOWN,
                },
            ),
        ],
    ),
}
