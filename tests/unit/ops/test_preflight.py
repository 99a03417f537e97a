"""`fastyle preflight` against a simulated project: what Google would refuse is named, and what cannot be seen is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import google.auth
import google.auth.exceptions
import pytest
from fastyle_localcloud.provider.table import rules_by_token
from google.auth.credentials import AnonymousCredentials

from ops.checks import Checklist, State
from ops.plan import StackPlan
from ops.preflight import command, policies, rights
from ops.preflight.command import ask, run
from ops.preflight.google_apis import Google
from ops.preflight.needs import needs
from ops.preflight.permissions import ON_PROJECT, needed, untold
from tests.support.google_project import DENIED, MISSING, Answer, GoogleProject, disabled, policy, refusal

PROJECT, NUMBER, ACCOUNT, REGION = "shop-1", "123456789012", "012345-6789AB-CDEF01", "us-central1"
BUDGETS = "serviceAccount:billing-budget-alert@system.gserviceaccount.com"
IMAGE = "composer-3-airflow-3.1.7-build.12"
PLANNED: list[tuple[str, dict[str, Any]]] = [
    ("projects/service:Service", {"service": "run.googleapis.com"}),
    ("storage/bucket:Bucket", {"name": "shop-1-raw-lake", "location": "US-CENTRAL1", "uniformBucketLevelAccess": True, "publicAccessPrevention": "enforced"}),
    ("sql/databaseInstance:DatabaseInstance", {"name": "fastyle", "region": REGION, "settings": {"ipConfiguration": {"ipv4Enabled": False}}}),
    ("sql/user:User", {"name": "api@shop-1.iam", "instance": "fastyle"}),
    ("iam/workloadIdentityPool:WorkloadIdentityPool", {"workloadIdentityPoolId": "github"}),
    ("compute/network:Network", {"name": "fastyle"}),
    ("serviceaccount/account:Account", {"accountId": "pos-api"}),
    ("billing/budget:Budget", {"billingAccount": ACCOUNT, "amount": {"specifiedAmount": {"currencyCode": "USD"}}}),
    ("composer/environment:Environment", {"config": {"softwareConfig": {"imageVersion": IMAGE}}}),
    ("cloudrunv2/serviceIamMember:ServiceIamMember", {"member": "allUsers"}),
    ("cloudrunv2/service:Service", {"name": "api", "invokerIamDisabled": True, "ingress": "INGRESS_TRAFFIC_ALL"}),
    ("bigquery/datasetIamMember:DatasetIamMember", {"member": "group:analysts@shop.test"}),
]  # fmt: skip


def planned(*more: tuple[str, dict[str, Any]]) -> StackPlan:
    resources = [
        {"type": f"gcp:{type_}", "urn": f"urn:pulumi:dev::fastyle::gcp:{type_}::{n}", "inputs": {"project": PROJECT, **inputs}}
        for n, (type_, inputs) in enumerate([*PLANNED, *more])
    ]  # fmt: skip
    return StackPlan("shop", "p", 0, resources, document={"config": {"gcp:project": PROJECT, "gcp:region": REGION}})


def checks_of(
    answers: dict[str, Answer],
    *more: tuple[str, dict[str, Any]],
    owned: tuple[str, ...] = (),
    quota: str | None = PROJECT,
) -> dict[str, Any]:
    """Every check by name, in a project where all is well but for `answers`."""
    project = GoogleProject(PROJECT, NUMBER, ACCOUNT, IMAGE)
    project.answers = answers
    checklist = Checklist(quiet=True)
    with project.served(quota) as google:
        ask(google, needs(planned(*more)), checklist, project_number=NUMBER, owned=owned)
    assert {method for method, _, path in project.asked if not path.endswith(":testIamPermissions")} <= {"GET"}
    return {check.name: check for check in checklist.checks}


def failures(checks: dict[str, Any]) -> list[str]:
    return sorted(name for name, check in checks.items() if check.state is State.FAILED)


def test_where_all_is_well_nothing_fails_and_nothing_is_unknown() -> None:
    checks = checks_of({})
    assert {name: check.detail for name, check in checks.items() if check.state is not State.PASSED} == {}
    assert {"permissions", "currency", "buckets", "database", "policy gcp.resourceLocations"} <= checks.keys()


def test_an_organisation_with_three_refusals_is_told_of_three(capsys: pytest.CaptureFixture[str]) -> None:
    project = GoogleProject(PROJECT, NUMBER, ACCOUNT, IMAGE)
    at = f"orgpolicy/v2/projects/{PROJECT}/policies"
    project.answers = {
        f"{at}/iam.allowedPolicyMemberDomains": policy(values={"allowedValues": ["C01abc234"]}),
        f"{at}/run.managed.requireInvokerIam": policy(enforce=True),
        f"{at}/gcp.resourceLocations": policy(values={"allowedValues": ["in:eu-locations"]}),
    }
    with project.served(PROJECT) as google:
        assert not run("shop", as_json=True, google=google, plan=planned())
    report = json.loads(capsys.readouterr().out)
    failed = {check["name"]: check for check in report["checks"] if check["state"] == "failed"}
    assert sorted(failed) == [
        "policy gcp.resourceLocations",
        "policy iam.allowedPolicyMemberDomains",
        "policy run.managed.requireInvokerIam",
    ]
    assert all(check["mend"] for check in failed.values())
    assert "allUsers" in failed["policy iam.allowedPolicyMemberDomains"]["detail"]
    assert {frozenset(check) for check in report["checks"]} == {frozenset({"name", "state", "detail", "mend"})}


REFUSALS: list[tuple[str, Answer, str, str]] = [
    (f"cloudresourcemanager/v3/projects/{PROJECT}", (200, {"name": "projects/1", "state": "ACTIVE"}), "project", "strangers"),
    (f"cloudresourcemanager/v3/projects/{PROJECT}", (200, {"name": f"projects/{NUMBER}", "state": "DELETE_REQUESTED"}), "project", "DELETE_REQUESTED"),
    (f"cloudresourcemanager/v3/projects/{PROJECT}:testIamPermissions", (200, {}), "permissions", "are missing"),
    (f"cloudresourcemanager/v3/projects/{PROJECT}:testIamPermissions", DENIED, "permissions", "none can be had"),
    ("cloudbilling/v1/billingAccounts/012345-6789AB-CDEF01:testIamPermissions", (200, {}), "billing-permissions", "billing.budgets.create"),
    ("cloudbilling/v1/billingAccounts/012345-6789AB-CDEF01", (200, {"currencyCode": "EUR"}), "currency", "EUR"),
    ("cloudbilling/v1/billingAccounts/012345-6789AB-CDEF01", (200, {"currencyCode": "USD", "open": False}), "currency", "closed"),
    (f"cloudbilling/v1/projects/{PROJECT}/billingInfo", (200, {"billingEnabled": False}), "billing", "no billing"),
    (f"cloudbilling/v1/projects/{PROJECT}/billingInfo", (200, {"billingEnabled": True, "billingAccountName": "billingAccounts/X"}), "billing", "billed to X"),
    ("serviceusage/v1/", (200, {"services": []}), "apis", "serviceusage.googleapis.com"),
    ("storage/v1/b/shop-1-raw-lake", (200, {"name": "shop-1-raw-lake"}), "buckets", "exists"),
    ("storage/v1/b/shop-1-raw-lake", DENIED, "buckets", "somebody else"),
    ("sqladmin/v1/", (200, {"items": [{"name": "fastyle", "settings": {}}]}), "database", "exists"),
    (f"iam/v1/projects/{PROJECT}/locations/global/workloadIdentityPools/github", (200, {"state": "DELETED", "expireTime": "2026-12-24T00:00:00Z"}), "federation", "2026-12-24"),
    (f"compute/v1/projects/{PROJECT}/global/networks/fastyle", (200, {"peerings": [{"name": "servicenetworking-googleapis-com"}]}), "peering", "servicenetworking"),
    (f"compute/v1/projects/{PROJECT}", (200, {"quotas": [{"metric": "NETWORKS", "limit": 5.0, "usage": 5.0}]}), "quotas", "NETWORKS"),
    (f"iam/v1/projects/{PROJECT}/serviceAccounts", (200, {"accounts": [{}] * 100}), "quotas", "service accounts"),
    ("composer/v1/", (200, {"imageVersions": [{"imageVersionId": "composer-3-airflow-3.1.7-build.20"}]}), "composer-image", "build.20"),
    ("composer/v1/", (200, {"imageVersions": [{"imageVersionId": IMAGE, "creationDisabled": True}]}), "composer-image", "not offered"),
    ("cloudidentity/v1/", MISSING, "member group:analysts@shop.test", "no group"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "answer", "name", "words"), REFUSALS)
def test_each_refusal_is_named_alone_with_its_mend(path: str, answer: Answer, name: str, words: str) -> None:
    checks = checks_of({path: answer})
    assert failures(checks) == [name], {n: c.detail for n, c in checks.items()}
    assert words in checks[name].detail
    assert checks[name].mend


CONSTRAINT_CASES: list[tuple[str, Answer, bool]] = [
    ("iam.allowedPolicyMemberDomains", policy(allowAll=True), False),
    ("iam.allowedPolicyMemberDomains", policy(denyAll=True), True),
    ("iam.managed.allowedPolicyMembers", policy(enforce=True), True),
    ("run.managed.requireInvokerIam", policy(enforce=False), False),
    ("gcp.resourceLocations", policy(values={"allowedValues": ["in:us-locations"]}), False),
    ("gcp.resourceLocations", policy(values={"allowedValues": ["in:us-central1-locations"]}), False),
    ("gcp.resourceLocations", policy(values={"allowedValues": ["us-east1"]}), True),
    ("gcp.resourceLocations", policy(values={"deniedValues": ["us-central1"]}), True),
    ("gcp.restrictServiceUsage", policy(values={"allowedValues": ["storage.googleapis.com"]}), True),
    ("gcp.restrictServiceUsage", policy(values={"deniedValues": ["storage.googleapis.com"]}), False),
    ("iam.disableServiceAccountCreation", policy(enforce=True), True),
    ("storage.publicAccessPrevention", policy(enforce=True), False),
    ("run.allowedIngress", policy(values={"allowedValues": ["internal"]}), True),
    ("run.allowedIngress", policy(values={"allowedValues": ["is:all"]}), False),
    ("storage.softDeletePolicySeconds", policy(values={"allowedValues": ["604800"]}), False),
    ("storage.softDeletePolicySeconds", policy(values={"allowedValues": ["0", "2592000"]}), True),
    ("gcp.restrictNonCmekServices", policy(values={"deniedValues": ["is:bigquery.googleapis.com"]}), False),
    ("gcp.restrictNonCmekServices", policy(values={"deniedValues": ["is:storage.googleapis.com"]}), True),
]


@pytest.mark.parametrize(("constraint", "answer", "is_refused"), CONSTRAINT_CASES)
def test_a_policy_refuses_what_its_rules_say(constraint: str, answer: Answer, is_refused: bool) -> None:
    checks = checks_of({f"orgpolicy/v2/projects/{PROJECT}/policies/{constraint}": answer})
    assert failures(checks) == ([f"policy {constraint}"] if is_refused else [])


@pytest.mark.parametrize(
    ("constraint", "answer", "planned_too", "words"),
    [
        (
            "iam.allowedPolicyMemberDomains",
            policy(values={"allowedValues": ["C01abc234"]}),
            ("pubsub/topicIAMMember:TopicIAMMember", {"member": BUDGETS}),
            BUDGETS,
        ),
        (
            "cloudfunctions.restrictAllowedGenerations",
            policy(values={"allowedValues": ["1stGen"]}),
            ("cloudfunctionsv2/function:Function", {"name": "pos-api"}),
            "2ndGen",
        ),
        (
            "storage.softDeletePolicySeconds",
            policy(values={"allowedValues": ["604800"]}),
            (
                "storage/bucket:Bucket",
                {**PLANNED[1][1], "name": "b", "softDeletePolicy": {"retentionDurationSeconds": 0}},
            ),
            "refuses 0",
        ),
    ],
)
def test_a_policy_refuses_what_a_plan_has_besides(
    constraint: str, answer: Answer, planned_too: tuple[str, dict[str, Any]], words: str
) -> None:
    checks = checks_of({f"orgpolicy/v2/projects/{PROJECT}/policies/{constraint}": answer}, planned_too)
    assert failures(checks) == [f"policy {constraint}"]
    assert words in checks[f"policy {constraint}"].detail


OPEN = (
    ("storage/bucket:Bucket", {"name": "open"}),
    ("sql/databaseInstance:DatabaseInstance", {"name": "open", "settings": {}}),
)


@pytest.mark.parametrize(
    "constraint", ["storage.publicAccessPrevention", "storage.uniformBucketLevelAccess", "sql.restrictPublicIp"]
)
def test_a_policy_refuses_what_is_open(constraint: str) -> None:
    checks = checks_of({f"orgpolicy/v2/projects/{PROJECT}/policies/{constraint}": policy(enforce=True)}, *OPEN)
    assert failures(checks) == [f"policy {constraint}"]
    assert "open" in checks[f"policy {constraint}"].detail


@pytest.mark.parametrize("answer", [DENIED, disabled("orgpolicy.googleapis.com"), refusal(500, "Internal"), (200, {})])
def test_a_policy_that_is_not_seen_is_not_passed(answer: Answer) -> None:
    checks = checks_of({"orgpolicy/v2/": answer})
    policies_ = [check for name, check in checks.items() if name.startswith("policy ")]
    assert failures(checks) == []
    wanted = State.PASSED if answer[0] == 200 else State.UNKNOWN
    assert {check.state for check in policies_} == {wanted}


APIS = (
    "cloudresourcemanager",
    "cloudbilling",
    "serviceusage",
    "sqladmin",
    "iam",
    "compute",
    "composer",
    "cloudidentity",
)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("answer", [disabled("x.googleapis.com"), refusal(500, "Internal error"), (200, {"items": 7})])
def test_whatever_an_api_answers_there_is_no_traceback(api: str, answer: Answer) -> None:
    for check in checks_of({f"{api}/": answer}).values():
        assert "Traceback" not in check.detail
        assert "\n" not in check.detail


@pytest.mark.parametrize("api", [a for a in APIS if a not in ("sqladmin", "compute", "cloudidentity")])
def test_an_api_that_is_off_is_unknown_with_the_command_that_switches_it_on(api: str) -> None:
    checks = checks_of({f"{api}/": disabled(f"{api}.googleapis.com")})
    off = [check for check in checks.values() if f"{api}.googleapis.com is off" in check.detail]
    assert off
    assert {check.state for check in off} == {State.UNKNOWN}
    assert all(f"gcloud services enable {api}.googleapis.com" in check.mend for check in off)


def test_what_the_stack_has_already_is_no_obstacle() -> None:
    pool = f"projects/{PROJECT}/locations/global/workloadIdentityPools/github"
    network = f"projects/{PROJECT}/global/networks/fastyle"
    answers: dict[str, Answer] = {
        "storage/v1/b/": (200, {"name": "shop-1-raw-lake"}),
        "sqladmin/v1/": (200, {"items": [{"name": "fastyle", "settings": {"activationPolicy": "ALWAYS"}}]}),
        f"iam/v1/{pool}": (200, {"state": "ACTIVE"}),
        f"compute/v1/{network}": (200, {"peerings": [{"name": "servicenetworking-googleapis-com"}]}),
    }
    ids = ("shop-1-raw-lake", "fastyle", pool, network)
    assert failures(checks_of(answers, owned=ids)) == []
    assert failures(checks_of(answers)) == ["buckets", "database", "federation", "peering"]


def test_a_user_is_not_added_to_a_database_that_sleeps() -> None:
    asleep: Answer = (200, {"items": [{"name": "fastyle", "settings": {"activationPolicy": "NEVER"}}]})
    checks = checks_of({"sqladmin/v1/": asleep}, owned=("fastyle",))
    assert failures(checks) == ["database"]
    assert "api@shop-1.iam" in checks["database"].detail
    assert "activation-policy ALWAYS" in checks["database"].mend
    assert failures(checks_of({"sqladmin/v1/": asleep}, owned=("fastyle", "fastyle/api@shop-1.iam"))) == []


def test_people_of_an_example_are_refused_and_persons_are_not_known() -> None:
    grants = [("iap/webCloudRunServiceIamMember:WebCloudRunServiceIamMember", {"member": m}) for m in ("group:staff@example.com", "user:a@shop.test")]  # fmt: skip
    checks = checks_of({"cloudidentity/v1/": DENIED}, *grants)
    assert failures(checks) == ["member group:staff@example.com"]
    assert checks["member user:a@shop.test"].state is State.UNKNOWN
    assert checks["member group:analysts@shop.test"].state is State.UNKNOWN


def test_a_person_without_a_quota_project_is_told() -> None:
    assert failures(checks_of({}, quota=None)) == ["quota-project"]


def test_without_credentials_everything_is_unknown_in_one_sentence_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def default(**_: Any) -> Any:
        raise google.auth.exceptions.DefaultCredentialsError("none were found")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(google.auth, "default", default)
    checklist = Checklist(quiet=True)
    ask(Google(), needs(planned()), checklist, project_number=NUMBER, owned=())
    states = {check.name: check.state for check in checklist.checks}
    assert states.pop("provider") is State.PASSED
    assert set(states.values()) == {State.UNKNOWN}
    assert all("no Google credentials here" in c.detail for c in checklist.checks if c.name != "provider")


def test_without_a_network_everything_is_unknown_in_one_sentence_each() -> None:
    nowhere = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}": "http://127.0.0.1:9/" for api in (*APIS, "orgpolicy", "storage")}  # fmt: skip
    checklist = Checklist(quiet=True)
    google_ = Google(AnonymousCredentials(), environment=nowhere)  # type: ignore[no-untyped-call]
    ask(google_, needs(planned()), checklist, project_number=NUMBER, owned=())
    assert not checklist.failures
    unseen = [check for check in checklist.checks if "cannot be reached from here" in check.detail]
    assert len(unseen) > 15


def test_an_old_provider_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for installed, state in (("9.36.0", State.FAILED), ("9.36.1", State.PASSED), ("10.2.0", State.PASSED)):
        monkeypatch.setattr(rights, "version", lambda _, v=installed: v)
        assert rights.provider().state is state


def test_permissions_are_those_of_the_plans_types() -> None:
    assert needed(["gcp:pubsub/schema:Schema"], ON_PROJECT) == [
        f"pubsub.schemas.{verb}" for verb in ("attach", "commit", "create", "delete", "get")
    ]
    assert untold(["gcp:kms/cryptoKey:CryptoKey", "gcp:pubsub/topic:Topic"]) == ["gcp:kms/cryptoKey:CryptoKey"]
    checks = checks_of({}, ("kms/cryptoKey:CryptoKey", {}))
    assert checks["permissions"].state is State.UNKNOWN
    assert "cryptoKey" in checks["permissions"].detail


def test_every_type_that_the_components_use_has_its_permissions() -> None:
    assert untold(token for token in rules_by_token() if token.startswith("gcp:")) == []


def test_every_constraint_is_explained() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "operations" / "first-deployment.md").read_text(
        encoding="utf-8"
    )
    assert [c.name for c in policies.CONSTRAINTS if f"`{c.name}`" not in page] == []


CONFIG = {"fastyle:currency": "USD", "fastyle:timezone": "America/New_York"}


@pytest.mark.parametrize(
    ("changed", "deployed", "words"),
    [
        ({}, {}, None),
        ({}, {"currency": "USD", "timezone": "America/New_York"}, None),
        ({"fastyle:currency": "EUR"}, {}, None),
        ({"fastyle:currency": "EUR"}, {"currency": "USD", "timezone": "America/New_York"}, "set fastyle:currency back to USD"),
        ({"fastyle:timezone": "Asia/Tokyo"}, {"currency": "USD", "timezone": "America/New_York"}, "set fastyle:timezone back to America/New_York"),
    ],
)  # fmt: skip
def test_a_deployed_stack_keeps_its_currency_and_time_zone(
    changed: dict[str, str],
    deployed: dict[str, str],
    words: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new stack is free to choose; one that is deployed is refused with the key, the consequence and the mend."""
    monkeypatch.setattr(command, "deployed", lambda stack: deployed)
    plan = planned()
    plan.document["config"].update(CONFIG | changed)
    with GoogleProject(PROJECT, NUMBER, ACCOUNT, IMAGE).served(PROJECT) as google:
        passed = run("shop", as_json=True, google=google, plan=plan)
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert (checks["figures-basis"]["state"] if deployed else "figures-basis" not in checks) == (
        ("failed" if words else "passed") if deployed else True
    )
    if words:
        assert not passed
        assert words in checks["figures-basis"]["mend"]
        assert next(iter(changed)) in checks["figures-basis"]["detail"]
        assert "its history" in checks["figures-basis"]["detail"]
