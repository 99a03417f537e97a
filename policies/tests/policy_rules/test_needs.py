"""What a link needs, derived from small plans: where its ends are unknown, unset, outside, or written in other words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from fastyle_policies import gcp
from fastyle_policies.least_privilege.further import TRANSFER, TRIGGER, Needs
from fastyle_policies.least_privilege.needed import Need
from fastyle_policies.least_privilege.uses import Use
from fastyle_policies.links import Index
from fastyle_policies.model import UNKNOWN, Plan, Resource
from fastyle_policies.rules.grants import Wiring, grants_missing, grants_surplus

from policy_rules import resources as r
from policy_rules.cases.linked import USES

RUNNER = r.account("shop-runner")
TRADES, MARTS, LAKE = r.topic("trades"), r.dataset("marts"), r.bucket("lake")
KEYS = r.resource(gcp.SECRET, "keys", secretId="shop-keys")


OWN = {name: Use.model_validate(use) for name, use in USES.items()}


def needs(of: Resource, *others: Resource, unresolved: int = 0) -> list[Need]:
    """What the links of one resource need, beside the others."""
    walked = Needs(Index(Plan((RUNNER, TRADES, MARTS, LAKE, KEYS, *others, of))), OWN)
    needed = [need for need in walked.all() if need.resource == of]
    assert len([u for u in walked.unresolved if u.resource == of]) == unresolved
    return needed


def sentences(of: Resource, *others: Resource, unresolved: int = 0) -> list[str]:
    return [need.sentence for need in needs(of, *others, unresolved=unresolved)]


def service(env: Mapping[str, Any], computed_from: tuple[Resource, ...] = ()) -> Resource:
    """A service whose variables, where unknown, come from these."""
    return replace(
        r.service("shop", "shop-runner", env=env), references={"template": tuple(o.urn for o in computed_from)}
    )


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://shop-abc123-uc.a.run.app/tick", "shop"),
        ("https://shop-abc123-uc.a.run.app", "shop"),
        ("http://shop-123456789012.us-central1.run.app/tick", "shop"),
        ("https://shop-api-abc123-uc.a.run.app/tick", "shop-api"),
        ("https://answers.example/v1/tick", "addressed"),
        ("https://us-central1-shop-1.cloudfunctions.example/counter", "counter"),
        ("https://shopkeeper-abc123-uc.a.run.app/tick", None),
        ("https://my.shop-abc123-uc.a.run.app/tick", None),
        ("https://elsewhere.example/shop-abc123-uc.a.run.app", None),
    ],
)
def test_a_url_leads_to_the_service_behind_it(url: str, service: str | None) -> None:
    services = (
        r.service("shop", "shop-runner"),
        r.service("shop-api", "shop-runner"),
        r.service("addressed", "shop-runner", uri="https://answers.example/"),
        r.function("counter", url="https://us-central1-shop-1.cloudfunctions.example/counter"),
        r.resource(gcp.RUN_SERVICE, "nameless", name=UNKNOWN, uri=UNKNOWN),
    )
    tick = r.schedule("tick", url, "shop-runner")
    [need] = needs(tick, *services)
    assert need.role == "roles/run.invoker"
    named = {s.name: s.urn for s in services}
    assert need.on == {named[service] if service else url.partition("//")[2].partition("/")[0]}


def test_a_url_that_only_the_update_knows_leads_to_what_it_was_computed_from() -> None:
    for called in (r.service("shop", "shop-runner"), r.function("counter"), r.run_job("batch", "shop-runner")):
        tick = r.resource(
            gcp.JOB,
            "tick",
            {"httpTarget": (called.urn,)},
            httpTarget={"uri": UNKNOWN, "oidcToken": {"serviceAccountEmail": r.email("shop-runner")}},
        )
        job = called.type == gcp.RUN_JOB
        assert [n.on for n in needs(tick, called, unresolved=int(job))] == ([] if job else [{called.urn}])


@pytest.mark.parametrize(("job", "on"), [("batch", "Job 'batch'"), ("elsewhere", "elsewhere")])
def test_a_run_of_a_job_is_needed_on_it_wherever_it_was_made(job: str, on: str) -> None:
    uri = f"https://run.googleapis.com/v2/projects/shop-1/locations/us-central1/jobs/{job}:run"
    tick = r.schedule("tick", uri, "shop-runner", "oauthToken")
    assert sentences(tick, r.run_job("batch", "shop-runner")) == [
        f"schedule: account 'shop-runner' needs roles/run.invoker on {on}"
    ]


VARIABLES = {
    "TRADES_TOPIC": (TRADES, "roles/pubsub.publisher"),
    "MARTS_DATASET": (MARTS, "roles/bigquery.dataEditor"),
    "LAKE_BUCKET": (LAKE, "roles/storage.objectViewer"),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_only_the_update_knows_names_what_it_was_computed_from(name: str) -> None:
    named, role = VARIABLES[name]
    needed = needs(service({name: UNKNOWN}, (RUNNER, named)))
    assert (needed[0].link, needed[0].role, needed[0].on) == (name, role, frozenset([named.urn]))
    assert name not in [need.link for need in needs(service({name: UNKNOWN}), unresolved=1)]


def test_a_secret_that_only_the_update_knows_is_what_it_was_computed_from_and_needed_once() -> None:
    def reads(*values: Any) -> Resource:
        of = service({}, (KEYS,))
        of.props["template"]["containers"][0]["envs"] += [
            {"name": f"KEY_{n}", "valueSource": {"secretKeyRef": {"secret": value}}} for n, value in enumerate(values)
        ]
        return of

    sentence = "secret: account 'shop-runner' needs roles/secretmanager.secretAccessor on Secret 'keys'"
    assert sentences(reads(UNKNOWN)) == [sentence]
    assert sentences(reads("shop-keys", UNKNOWN, "projects/shop-1/secrets/shop-keys")) == [sentence]


@pytest.mark.parametrize("name", ["TRADES_TOPIC", "MARTS_DATASET", "LAKE_BUCKET", "GUARD_JOBS", "GUARD_DATABASE"])
@pytest.mark.parametrize("value", ["", None])
def test_a_variable_without_a_value_names_nothing(name: str, value: Any) -> None:
    assert needs(service({name: value})) == []


@pytest.mark.parametrize(
    ("env", "link"),
    [
        ({"DATABASE_AUTH": "iam"}, ["DATABASE_AUTH"]),
        ({"DATABASE_AUTH": "password"}, []),
        ({"SIGN_IN": "iam"}, []),
        ({"GUARD_JOBS": "[]"}, []),
        ({"GUARD_JOBS": '["nightly"]'}, ["GUARD_JOBS"]),
        ({"MARTS_DATASET": "marts"}, ["MARTS_DATASET", "BigQuery jobs"]),
        ({"TRADES_TOPIC": "trades", "MARTS_DATASET": ""}, ["TRADES_TOPIC"]),
    ],
)
def test_what_a_workload_is_given_the_name_of_it_uses(env: dict[str, str], link: list[str]) -> None:
    assert [need.link for need in needs(service(env))] == link


@pytest.mark.parametrize(
    ("env", "roles"),
    [
        ({"GUARD_BUCKET": "shop-1-lake", "GUARD_MODE": "tell"}, ["roles/storage.objectUser"]),
        ({"GUARD_BUCKET": "shop-1-lake"}, ["roles/storage.objectViewer"]),
        ({"LAKE_BUCKET": "shop-1-lake", "GUARD_MODE": "tell"}, ["roles/storage.objectViewer"]),
    ],
)
def test_only_a_guard_writes_and_only_its_memory(env: dict[str, str], roles: list[str]) -> None:
    assert [need.role for need in needs(service(env))] == roles


def test_a_function_that_nothing_triggers_needs_no_invoker() -> None:
    assert {need.link for need in needs(r.function("counter"))} == {"build"}


def test_an_account_is_shown_by_its_id_else_by_its_name_in_the_program_and_a_strangers_by_its_address() -> None:
    def shown(runs_as: str, *accounts: Resource) -> str:
        return needs(r.service("of", runs_as, env={"TRADES_TOPIC": "trades"}), *accounts)[0].member_shown

    named = replace(r.account("shop-clerk"), name="clerk")
    assert shown("shop-clerk", named) == "account 'shop-clerk'"
    idless = replace(named, props={**named.props, "accountId": UNKNOWN})
    assert shown("shop-clerk", idless) == "account 'clerk'"
    assert shown("shop-stranger") == r.email("shop-stranger")
    sink = r.resource(
        gcp.SINKS[0], "sink", name="sink", destination="pubsub.googleapis.com/projects/shop-1/topics/trades"
    )
    assert [need.member_shown for need in needs(sink)] == ["the sink's writer"]


def surplus(*plan: Resource) -> Iterator[str]:
    return (v.message for v in grants_surplus(Plan((RUNNER, TRADES, MARTS, LAKE, *plan)), Wiring()))


def test_the_grant_that_a_budget_makes_itself_is_explained_by_the_budget_and_missed_by_nobody() -> None:
    notices = r.topic("notices")
    publisher = r.grant(
        "pubsub/topicIAMMember",
        "publisher",
        "roles/pubsub.publisher",
        "serviceAccount:billing-budget-alert@system.gserviceaccount.com",
        topic="notices",
    )
    assert list(surplus(notices, publisher, r.budget("budget"))) == []
    assert list(grants_missing(Plan((notices, r.budget("budget"))), Wiring())) == []
    assert list(surplus(notices, publisher)) == [
        "grants roles/pubsub.publisher to billing-budget-alert@system.gserviceaccount.com, which no link of the plan needs"
    ]


@pytest.mark.parametrize(
    ("dataset", "table", "fits"),
    [("raw", "sales", True), ("other", "sales", False), ("raw", "elsewhere", False), (UNKNOWN, "sales", True)],
)
def test_a_grant_on_a_table_is_on_the_one_of_its_dataset(dataset: Any, table: str, fits: bool) -> None:
    export = r.subscription("export", "trades", bigqueryConfig={"table": "shop-1.raw.sales"})
    writes = r.grant(
        "bigquery/iamMember", "writes", "roles/bigquery.dataEditor", r.PUBSUB, datasetId=dataset, tableId=table
    )
    twin = replace(r.table("sales", "other"), name="twin", urn=r.urn(gcp.TABLE, "twin"))
    plan = Plan((TRADES, r.dataset("raw"), r.dataset("other"), r.table("sales", "raw"), twin, export, writes))
    assert (list(grants_missing(plan, Wiring())) == []) is fits


@pytest.mark.parametrize(
    ("grant", "fits"),
    [
        (r.grant("bigquery/iamMember", "it", "roles/bigquery.dataEditor", r.PUBSUB, datasetId="old", tableId="sales"), True),
        (r.grant("bigquery/iamMember", "it", "roles/bigquery.dataEditor", r.PUBSUB, datasetId="new", tableId="sales"), False),
        (r.grant("bigquery/iamMember", "it", "roles/bigquery.dataEditor", r.PUBSUB, datasetId="old", tableId="stock"), False),
        (r.grant("bigquery/datasetIamMember", "it", "roles/bigquery.dataEditor", r.PUBSUB, datasetId="old"), True),
        (r.grant("bigquery/datasetIamMember", "it", "roles/bigquery.dataEditor", r.PUBSUB, datasetId="new"), False),
        (r.on_project("it", "roles/bigquery.dataEditor", r.PUBSUB), True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("made_here", [False, True])
def test_an_export_to_a_table_outside_the_plan_needs_its_grant_too(
    grant: Resource, fits: bool, made_here: bool
) -> None:
    """Whether its dataset is one of the plan's or not."""
    export = r.subscription("export", "trades", bigqueryConfig={"table": "shop-1.old.sales"})
    plan = Plan((TRADES, *([r.dataset("old")] if made_here else []), export, grant))
    assert [v.message for v in grants_missing(plan, Wiring())] == (
        []
        if fits
        else [
            "lacks a grant. BigQuery export: the service agent of pubsub needs roles/bigquery.dataEditor on old.sales"
        ]
    )


SINK = r.resource("gcp:logging/projectSink:ProjectSink", "sink", destination="elsewhere.example/logs")
TICK = "https://storage.googleapis.com/storage/v1/b"


@pytest.mark.parametrize(
    ("of", "link", "opaque"),
    [
        (service({"TRADES_TOPIC": UNKNOWN}), "TRADES_TOPIC (roles/pubsub.publisher)", RUNNER.urn),
        (SINK, "log sink (its destination)", f"writer:{SINK.urn}"),
        (
            r.resource(TRANSFER, "load", serviceAccountName=r.email("shop-runner"), dataSourceId="amazon_s3"),
            "data transfer from amazon_s3",
            RUNNER.urn,
        ),
        (
            r.schedule("tick", TICK, "shop-runner", token="oauthToken"),
            "schedule (what storage.googleapis.com asks for)",
            RUNNER.urn,
        ),
        (
            r.resource(TRIGGER, "trigger", serviceAccount=r.email("shop-runner"), destination={"gke": {}}),
            "event trigger (a destination other than Cloud Run or Workflows)",
            RUNNER.urn,
        ),
        (
            r.composer("airflow", config={"encryptionConfig": {"kmsKeyName": "projects/p/key"}}),
            "customer-managed key of several service agents (roles/cloudkms.cryptoKeyEncrypterDecrypter)",
            "agent:cloudcomposer-accounts",
        ),
        (
            r.resource(
                gcp.SECRET,
                "kept",
                replication={"userManaged": {"replicas": [{"customerManagedEncryption": {"kmsKeyName": "key"}}]}},
            ),
            "customer-managed key of a replica (roles/cloudkms.cryptoKeyEncrypterDecrypter)",
            "agent:gcp-sa-secretmanager",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Resource) else "",
)
def test_a_link_that_cannot_be_followed_is_told_where_it_is_and_leaves_its_members_grants_in_doubt(
    of: Resource, link: str, opaque: str
) -> None:
    walked = Needs(Index(Plan((RUNNER, of))), OWN)
    assert link not in [need.link for need in walked.all()]
    assert (link, of) in [(each.link, each.resource) for each in walked.unresolved]
    assert opaque in walked.opaque


def test_an_account_known_only_at_update_that_nothing_tells_of_explains_no_grant() -> None:
    """A machine runs as some account; no dependency says that it is this one."""
    machine = r.resource("gcp:compute/instance:Instance", "machine", serviceAccount=UNKNOWN)
    spare = r.on_project("spare", "roles/pubsub.publisher", r.member("shop-runner"))
    [surplus] = grants_surplus(Plan((RUNNER, machine, spare)), Wiring())
    assert surplus.message == "grants roles/pubsub.publisher to shop-runner, which no link of the plan needs"
    told = replace(machine, references={"serviceAccount": (RUNNER.urn,)})
    assert list(grants_surplus(Plan((RUNNER, told, spare)), Wiring())) == []
