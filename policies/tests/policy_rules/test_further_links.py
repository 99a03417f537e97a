"""Keys, notifications, triggers, scheduled queries, sinks and SQL users: missing, enough, left over, or underivable."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fastyle_policies import gcp
from fastyle_policies.least_privilege.further import KEY_USER, KEYS, NOTIFICATION, TRANSFER, TRIGGER
from fastyle_policies.least_privilege.given import SERVICE_IDENTITY
from fastyle_policies.least_privilege.uses import Use
from fastyle_policies.model import UNKNOWN, Parameters, Plan, Resource, Violation
from fastyle_policies.rules.deployer import ACTS_AS, deployer_roles, needed
from fastyle_policies.rules.grants import Wiring, grants_missing, grants_surplus, grants_underivable

from policy_rules import resources as r

KEY = r.resource(
    gcp.CRYPTO_KEY, "vault", {"keyRing": (r.urn("gcp:kms/keyRing:KeyRing", "ring"),)}, name="vault", keyRing=UNKNOWN
)
RING = r.resource("gcp:kms/keyRing:KeyRing", "ring", name="ring")
PATH = "projects/shop-1/locations/us-central1/keyRings/ring/cryptoKeys/vault"
RUNNER, TRADES, LAKE, RAW, MARTS = (
    r.account("shop-runner"),
    r.topic("trades"),
    r.bucket("lake"),
    r.dataset("raw"),
    r.dataset("marts"),
)
NUMBER = "123456789012"
STORAGE = f"serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
BIGQUERY = f"serviceAccount:bq-{NUMBER}@bigquery-encryption.iam.gserviceaccount.com"
OUTSIDE = Plan((RUNNER, TRADES, LAKE, RAW, MARTS, KEY, RING))


def of(type_: str, **props: Any) -> Resource:
    return r.resource(type_, "link", **props)


def nested(path: str, value: Any) -> dict[str, Any]:
    for part in reversed(path.split(".")):
        value = {part: value}
    return dict(value)


def key_grant(member: str, **on: Any) -> Resource:
    return r.grant("kms/cryptoKeyIAMMember", "it", KEY_USER, member, **(on or {"cryptoKeyId": PATH}))


def sink(kind: str, **props: Any) -> Resource:
    type_ = next(token for token in gcp.SINKS if token.endswith(f":{kind}"))
    return of(type_, destination="storage.googleapis.com/shop-1-lake", name="link", **props)


def sink_grant(kind: str) -> Resource:
    type_ = next(token for token in gcp.SINKS if token.endswith(f":{kind}"))
    token = "gcp:storage/bucketIAMMember:BucketIAMMember"
    references = {"member": (r.urn(type_, "link"),)}
    return r.resource(token, "it", references, role="roles/storage.objectCreator", member=UNKNOWN, bucket="shop-1-lake")


def trigger(kind: str, **props: Any) -> Resource:
    return of(
        TRIGGER,
        serviceAccount=r.email("shop-runner"),
        matchingCriterias=[{"attribute": "type", "value": kind}],
        **({"destination": {"cloudRunService": {"service": "shop"}}} | props),
    )


def transfer(query: Any, **props: Any) -> Resource:
    return of(
        TRANSFER,
        **{
            "dataSourceId": "scheduled_query",
            "serviceAccountName": r.email("shop-runner"),
            "params": {"query": query},
            **props,
        },
    )


RUNS_JOBS = r.on_project("jobs", "roles/bigquery.jobUser", r.member("shop-runner"))
RECEIVES = r.on_project("receives", "roles/eventarc.eventReceiver", r.member("shop-runner"))
INVOKES = r.grant("cloudrunv2/serviceIamMember", "invokes", "roles/run.invoker", r.member("shop-runner"), name="shop")
SHOP = r.service("shop", "shop-runner")
WRITES = r.grant(
    "bigquery/datasetIamMember", "it", "roles/bigquery.dataEditor", r.member("shop-runner"), datasetId="marts"
)
READS = r.grant(
    "bigquery/datasetIamMember", "it", "roles/bigquery.dataViewer", r.member("shop-runner"), datasetId="raw"
)
IAM_USER = {"name": "shop-runner@shop-1.iam", "instance": "db"}
LOGS_IN = "roles/cloudsql.instanceUser"


@dataclass
class Link:
    """A link, the grant it needs, and the words when that lacks. `beside`: what else the plan has, other grants too."""

    resource: Resource
    grant: Resource
    lacks: str
    beside: tuple[Resource, ...] = field(default_factory=tuple)

    def plan(self, *grants: Resource, link: bool = True) -> Plan:
        return Plan((*OUTSIDE.resources, *self.beside, *([self.resource] if link else []), *grants))


LINKS: dict[str, Link] = {
    "notification": Link(
        of(NOTIFICATION, bucket="shop-1-lake", topic="projects/shop-1/topics/trades", payloadFormat="JSON_API_V1"),
        r.grant("pubsub/topicIAMMember", "it", "roles/pubsub.publisher", STORAGE, topic="trades"),
        "bucket notifications: the service agent of gs-project-accounts needs roles/pubsub.publisher on Topic 'trades'",
    ),
    "key of a topic": Link(
        of(gcp.TOPIC, kmsKeyName=PATH),
        key_grant(r.PUBSUB),
        f"customer-managed key: the service agent of pubsub needs {KEY_USER} on CryptoKey 'vault'",
    ),
    "key of a topic, unknown": Link(
        replace(of(gcp.TOPIC, kmsKeyName=UNKNOWN), references={"kmsKeyName": (KEY.urn,)}),
        key_grant(r.PUBSUB),
        f"customer-managed key: the service agent of pubsub needs {KEY_USER} on CryptoKey 'vault'",
    ),
    "key of a bucket": Link(
        of(gcp.BUCKET, encryption={"defaultKmsKeyName": PATH}),
        key_grant(STORAGE),
        f"customer-managed key: the service agent of gs-project-accounts needs {KEY_USER} on CryptoKey 'vault'",
    ),
    "key of a dataset": Link(
        of(gcp.DATASET, defaultEncryptionConfiguration={"kmsKeyName": PATH}),
        key_grant(BIGQUERY),
        f"customer-managed key: the service agent of bigquery-encryption needs {KEY_USER} on CryptoKey 'vault'",
    ),
    "key of a database": Link(
        of(gcp.SQL_INSTANCE, encryptionKeyName=PATH),
        key_grant(r.AGENT.format("cloud-sql")),
        f"customer-managed key: the service agent of cloud-sql needs {KEY_USER} on CryptoKey 'vault'",
    ),
    "key, granted on its ring": Link(
        of(gcp.TOPIC, kmsKeyName=PATH),
        r.grant(
            "kms/keyRingIAMMember", "it", KEY_USER, r.PUBSUB, keyRingId="projects/shop-1/locations/us/keyRings/ring"
        ),
        f"customer-managed key: the service agent of pubsub needs {KEY_USER} on CryptoKey 'vault'",
    ),
    "key, granted to an agent that is asked for": Link(
        of(gcp.SQL_INSTANCE, encryptionKeyName=PATH),
        replace(
            key_grant(""),
            props={"role": KEY_USER, "member": UNKNOWN, "cryptoKeyId": PATH},
            references={"member": (r.urn(SERVICE_IDENTITY, "sql"),)},
        ),
        f"customer-managed key: the service agent of cloud-sql needs {KEY_USER} on CryptoKey 'vault'",
        beside=(r.resource(SERVICE_IDENTITY, "sql", service="sqladmin.googleapis.com"),),
    ),
    "trigger's receiver": Link(
        trigger("google.cloud.audit.log.v1.written"),
        RECEIVES,
        "event trigger: account 'shop-runner' needs roles/eventarc.eventReceiver on project",
        beside=(SHOP, INVOKES),
    ),
    "trigger's invoker": Link(
        trigger("google.cloud.pubsub.topic.v1.messagePublished"),
        INVOKES,
        "event trigger: account 'shop-runner' needs roles/run.invoker on Service 'shop'",
        beside=(SHOP,),
    ),
    "trigger's bucket": Link(
        trigger("google.cloud.storage.object.v1.finalized"),
        r.on_project("it", "roles/pubsub.publisher", STORAGE),
        "events of a bucket: the service agent of gs-project-accounts needs roles/pubsub.publisher on project",
        beside=(SHOP, INVOKES, RECEIVES),
    ),
    "trigger's workflow": Link(
        trigger("google.cloud.pubsub.topic.v1.messagePublished", destination={"workflow": "w"}),
        r.on_project("it", "roles/workflows.invoker", r.member("shop-runner")),
        "event trigger: account 'shop-runner' needs roles/workflows.invoker on project",
    ),
    "scheduled query": Link(
        transfer("SELECT 1"),
        RUNS_JOBS,
        "scheduled query: account 'shop-runner' needs roles/bigquery.jobUser on project",
    ),
    "scheduled query's destination": Link(
        transfer("SELECT 1", destinationDatasetId="marts"),
        WRITES,
        "scheduled query: account 'shop-runner' needs roles/bigquery.dataEditor on Dataset 'marts'",
        beside=(RUNS_JOBS,),
    ),
    "folder's sink": Link(
        sink("FolderSink", folder="folders/1"),
        sink_grant("FolderSink"),
        "log sink: the sink's writer needs roles/storage.objectCreator on Bucket 'lake'",
    ),
    "billing account's sink": Link(
        sink("BillingAccountSink", billingAccount="0"),
        sink_grant("BillingAccountSink"),
        "log sink: the sink's writer needs roles/storage.objectCreator on Bucket 'lake'",
    ),
    "organisation's sink": Link(
        sink("OrganizationSink", orgId="1"),
        sink_grant("OrganizationSink"),
        "log sink: the sink's writer needs roles/storage.objectCreator on Bucket 'lake'",
    ),
    "SQL user that is an account": Link(
        of(gcp.SQL_USER, type="CLOUD_IAM_SERVICE_ACCOUNT", **IAM_USER),
        r.on_project("it", LOGS_IN, r.member("shop-runner")),
        f"Cloud SQL user: account 'shop-runner' needs {LOGS_IN} on project",
    ),
    "SQL user by the whole address": Link(
        of(gcp.SQL_USER, type="CLOUD_IAM_SERVICE_ACCOUNT", name=r.email("shop-runner"), instance="db"),
        r.on_project("it", LOGS_IN, r.member("shop-runner")),
        f"Cloud SQL user: account 'shop-runner' needs {LOGS_IN} on project",
    ),
    "SQL user whose name is unknown": Link(
        replace(of(gcp.SQL_USER, type="CLOUD_IAM_SERVICE_ACCOUNT", name=UNKNOWN), references={"name": (RUNNER.urn,)}),
        r.on_project("it", LOGS_IN, r.member("shop-runner")),
        f"Cloud SQL user: account 'shop-runner' needs {LOGS_IN} on project",
    ),
}


def deployer(name: str, role: str) -> tuple[Resource, ...]:
    """An account that a federated identity becomes, and its role of the project."""
    becomes = r.grant(
        "serviceaccount/iAMMember",
        f"becomes-{name}",
        "roles/iam.workloadIdentityUser",
        "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*",
        serviceAccountId=f"projects/{r.PROJECT}/serviceAccounts/{r.email(name)}",
    )
    return r.account(name), becomes, r.on_project(f"deploys-{name}", role, r.member(name))


def said(violations: Any) -> list[str]:
    return [v.message for v in violations]


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_a_link_without_its_grant_is_named(link: Link) -> None:
    assert said(grants_missing(link.plan(), Wiring())) == [f"lacks a grant. {link.lacks}"]
    assert [v.resource for v in grants_missing(link.plan(), Wiring())] == [link.resource]


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_with_it_nothing_lacks_and_nothing_is_left_over(link: Link) -> None:
    for rule in (grants_missing, grants_surplus, grants_underivable):
        assert said(rule(link.plan(link.grant), Wiring())) == [], rule.__name__


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_without_the_link_the_grant_is_left_over(link: Link) -> None:
    surplus: list[Violation] = list(grants_surplus(link.plan(link.grant, link=False), Wiring()))
    assert link.grant in [v.resource for v in surplus]


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_a_grant_to_somebody_else_does_not_help(link: Link) -> None:
    other = replace(link.grant, props={**link.grant.props, "member": r.member("stranger")}, references={})
    assert said(grants_missing(link.plan(other), Wiring())) == [f"lacks a grant. {link.lacks}"]


@pytest.mark.parametrize(
    ("query", "grant", "surplus"),
    [
        ("SELECT * FROM raw.sales", READS, []),
        ("SELECT * FROM `shop-1.raw.sales`", READS, []),
        ("SELECT * FROM shop-1.raw.sales", READS, []),
        ("SELECT * FROM braw.sales", READS, ["grants roles/bigquery.dataViewer to shop-runner, which no link of the plan needs"]),
        ("INSERT INTO marts.daily SELECT 1", WRITES, []),
        ("SELECT * FROM marts.daily", WRITES, ["grants roles/bigquery.dataEditor to shop-runner, where roles/bigquery.dataViewer would do"]),
    ],
)  # fmt: skip
def test_what_a_scheduled_query_names_explains_its_grants(query: str, grant: Resource, surplus: list[str]) -> None:
    plan = Plan((*OUTSIDE.resources, transfer(query), RUNS_JOBS, grant))
    assert said(grants_surplus(plan, Wiring())) == surplus
    assert said(grants_missing(Plan((*OUTSIDE.resources, transfer(query), RUNS_JOBS)), Wiring())) == []


def test_the_role_of_the_programs_own_of_one_deployer_says_nothing_of_another() -> None:
    plan = Plan((*deployer("shop-ci", "projects/shop-1/roles/deploys"), *deployer("shop-cd", "roles/viewer")))
    lacking = list(deployer_roles(plan, Parameters()))
    assert lacking
    assert {v.resource.name for v in lacking if v.resource} == {"shop-cd"}


EVENTS = "google.cloud.pubsub.topic.v1.messagePublished"
BLIND: dict[str, tuple[tuple[Resource, ...], Resource, str]] = {
    "a key outside the plan": (
        (of(gcp.TOPIC, kmsKeyName="projects/keys/locations/us/keyRings/k/cryptoKeys/theirs"),),
        key_grant(r.AGENT.format("dataplex")),
        f"customer-managed key outside the plan ({KEY_USER})",
    ),
    "a query that only the update knows": ((transfer(UNKNOWN), RUNS_JOBS), READS, "scheduled query (its text)"),
    "another source of data": (
        (transfer("", dataSourceId="google_ads"),),
        WRITES,
        "data transfer from google_ads",
    ),
    "a trigger's other destination": (
        (trigger(EVENTS, destination={"gke": {"cluster": "c"}}),),
        r.on_project("it", "roles/container.developer", r.member("shop-runner")),
        "event trigger (a destination other than Cloud Run or Workflows)",
    ),
    "an API that a schedule calls": (
        (r.schedule("link", "https://dataflow.googleapis.com/v1b3/x", "shop-runner", "oauthToken"),),
        r.on_project("it", "roles/dataflow.developer", r.member("shop-runner")),
        "schedule (what dataflow.googleapis.com asks for)",
    ),
    "a key of several agents": (
        (r.composer("link", "shop-runner"),),
        key_grant(r.AGENT.format("artifactregistry")),
        f"customer-managed key of several service agents ({KEY_USER})",
    ),
}
BLIND["a key of a replica"] = (
    (
        of(
            gcp.SECRET,
            **nested("replication.userManaged.replicas", [{"customerManagedEncryption": {"kmsKeyName": PATH}}]),
        ),
    ),
    key_grant(r.AGENT.format("secretmanager")),
    f"customer-managed key of a replica ({KEY_USER})",
)
BLIND["a key of several agents"][0][0].props["config"]["encryptionConfig"] = {"kmsKeyName": PATH}


_BLIND_ACCOUNT = re.compile(
    r", for a link that cannot be derived: "
    r"(not all links of that account can be followed|the pack follows no links of that service)$"
)


@pytest.mark.parametrize(("plan", "grant", "link"), BLIND.values(), ids=BLIND)
def test_what_cannot_be_followed_is_underivable_and_its_grant_not_left_over(
    plan: tuple[Resource, ...], grant: Resource, link: str
) -> None:
    everything = Plan((*OUTSIDE.resources, *plan, grant))
    underivable = list(grants_underivable(everything, Wiring()))
    words = f"has a link whose grant cannot be derived before the update: {link}"
    assert [v.resource for v in underivable if v.message == words] == [plan[0]]
    assert [v.resource for v in underivable if _BLIND_ACCOUNT.search(v.message)] == [grant]
    assert [v for v in grants_surplus(everything, Wiring()) if v.resource == grant] == []


def test_a_key_outside_the_plan_needs_no_grant_and_one_that_is_made_leaves_nothing_to_tell() -> None:
    theirs = "projects/keys/locations/us/keyRings/k/cryptoKeys/theirs"
    link = of(gcp.TOPIC, kmsKeyName=theirs)
    assert said(grants_missing(Plan((link,)), Wiring())) == []
    assert len(said(grants_underivable(Plan((link,)), Wiring()))) == 1
    with_grant = Plan((link, key_grant(r.PUBSUB, cryptoKeyId=theirs)))
    for rule in (grants_missing, grants_surplus, grants_underivable):
        assert said(rule(with_grant, Wiring())) == [], rule.__name__


def test_a_link_of_a_scheduled_query_without_an_end_is_named_with_its_role() -> None:
    unknown = {"serviceAccountName": UNKNOWN, "notificationPubsubTopic": UNKNOWN}
    references = {"notificationPubsubTopic": (LAKE.urn,)}
    link = replace(transfer("INSERT INTO marts.daily SELECT 1", **unknown), references=references)
    underivable = list(grants_underivable(Plan((*OUTSIDE.resources, link)), Wiring()))
    words = "has a link whose grant cannot be derived before the update: "
    assert sorted(v.message.removeprefix(words) for v in underivable) == [
        "notices (roles/pubsub.publisher)",
        "scheduled query (roles/bigquery.dataEditor)",
        "scheduled query (roles/bigquery.dataViewer)",
        "scheduled query (roles/bigquery.jobUser)",
    ]
    assert all(v.resource == link for v in underivable)


WRITER = {"member": (r.urn("gcp:logging/folderSink:FolderSink", "link"),)}
NOTIFIES = r.grant(
    "pubsub/topicIAMMember",
    "it",
    "roles/pubsub.publisher",
    r.AGENT.format("bigquerydatatransfer"),
    topic="trades",
)
EXPLAINED: dict[str, tuple[tuple[Resource, ...], Resource]] = {
    "notices of a scheduled query, to a topic that is made with it": (
        (
            replace(
                transfer("SELECT 1", notificationPubsubTopic=UNKNOWN),
                references={"notificationPubsubTopic": (TRADES.urn,)},
            ),
            RUNS_JOBS,
        ),
        NOTIFIES,
    ),
    "notices of a scheduled query": (
        (transfer("SELECT 1", notificationPubsubTopic="projects/shop-1/topics/trades"), RUNS_JOBS),
        NOTIFIES,
    ),
    "a sink into a log bucket": (
        (
            replace(
                sink("FolderSink"), props={"destination": "logging.googleapis.com/projects/p/locations/eu/buckets/b"}
            ),
        ),
        replace(
            r.on_project("it", "roles/logging.bucketWriter", ""),
            props={"role": "roles/logging.bucketWriter", "member": UNKNOWN, "project": "shop-1"},
            references=WRITER,
        ),
    ),
}


@pytest.mark.parametrize(("plan", "grant"), EXPLAINED.values(), ids=EXPLAINED)
def test_a_link_that_may_do_without_its_grant_explains_it(plan: tuple[Resource, ...], grant: Resource) -> None:
    assert said(grants_missing(Plan((*OUTSIDE.resources, *plan)), Wiring())) == []
    for rule in (grants_missing, grants_surplus, grants_underivable):
        assert said(rule(Plan((*OUTSIDE.resources, *plan, grant)), Wiring())) == [], rule.__name__
    assert grant in [v.resource for v in grants_surplus(Plan((*OUTSIDE.resources, grant)), Wiring())]


@pytest.mark.parametrize(
    ("type_", "name", "member"),
    [
        ("CLOUD_IAM_USER", "ann@shop.example", "user:ann@shop.example"),
        ("CLOUD_IAM_GROUP", "analysts@shop.example", "group:analysts@shop.example"),
        ("BUILT_IN", "reader", None),
        (None, "reader", None),
    ],
)
def test_people_who_log_in_by_iam_need_the_right_to(type_: str | None, name: str, member: str | None) -> None:
    user = of(gcp.SQL_USER, type=type_, name=name, instance="db")
    lacks = [f"lacks a grant. Cloud SQL user: {name} needs {LOGS_IN} on project"] if member else []
    assert said(grants_missing(Plan((user,)), Wiring())) == lacks
    if member:
        assert said(grants_missing(Plan((user, r.on_project("it", LOGS_IN, member))), Wiring())) == []


@pytest.mark.parametrize(
    ("resource", "acts"),
    [
        (r.schedule("s", "https://shop.run.app", "shop-runner", "oidcToken"), True),
        (r.schedule("s", "https://sqladmin.googleapis.com", "shop-runner", "oauthToken"), True),
        (of(gcp.SUBSCRIPTION, pushConfig={"oidcToken": {"serviceAccountEmail": "a"}}), True),
        (of(gcp.SUBSCRIPTION, pushConfig={"pushEndpoint": "https://shop.run.app"}), False),
        (of(gcp.JOB, httpTarget={"uri": "https://shop.run.app"}), False),
        (SHOP, True),
        (r.function("counts"), True),
        (LAKE, False),
    ],
)
def test_whoever_makes_what_calls_as_an_account_acts_as_it(resource: Resource, acts: bool) -> None:
    roles, _ = needed(Plan((resource,)))
    assert (ACTS_AS in roles) is acts
    assert "roles/eventarc.admin" not in roles


RUNS_PIPELINES = r.on_project("it", "roles/dataflow.worker", r.member("shop-runner"))
DATAFLOW = "gcp:dataflow/flexTemplateJob:FlexTemplateJob"


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (of(DATAFLOW, serviceAccountEmail=r.email("shop-runner")), "FlexTemplateJob 'link' uses the account, and"),
        (of(DATAFLOW, parameters={"account": r.member("shop-runner")}), "FlexTemplateJob 'link' uses the account, and"),
        (
            of(DATAFLOW, account=f"projects/-/serviceAccounts/{r.email('shop-runner')}"),
            "FlexTemplateJob 'link' uses the account, and",
        ),
        (
            replace(of(DATAFLOW, environment=UNKNOWN), references={"environment": (RUNNER.urn,)}),
            "FlexTemplateJob 'link' uses the account, and",
        ),
        (of(DATAFLOW, serviceAccountEmail=r.email("shop-other")), ""),
        (of(DATAFLOW, description=f"not {r.email('shop-runner')}"), ""),
        (replace(of(DATAFLOW, name="x"), references={"name": (RUNNER.urn,)}), ""),
        (of("shop:index:Job", account=r.email("shop-runner")), ""),
        (r.service("link", "shop-runner"), ""),
    ],
)
def test_an_account_of_a_type_that_the_pack_does_not_follow_is_not_judged(user: Resource, reason: str) -> None:
    plan = Plan((*OUTSIDE.resources, user, RUNS_PIPELINES))
    surplus, underivable = said(grants_surplus(plan, Wiring())), said(grants_underivable(plan, Wiring()))
    words = "grants roles/dataflow.worker to shop-runner"
    assert (f"{words}, which no link of the plan needs" in surplus) is (reason == "")
    assert bool(
        [m for m in underivable if m.startswith(f"{words}, for a link that cannot be derived: {reason}")]
    ) is bool(reason)


def test_a_variable_of_the_programs_own_whose_value_has_no_known_end_is_underivable() -> None:
    service = r.service("link", "shop-runner", env={"LEDGER": UNKNOWN})
    given = Wiring(uses={"LEDGER": Use(on="topic", role="roles/pubsub.publisher")})
    words = "has a link whose grant cannot be derived before the update: LEDGER (roles/pubsub.publisher)"
    assert words in said(grants_underivable(Plan((RUNNER, service)), given))
    assert said(grants_underivable(Plan((RUNNER, service)), Wiring())) == []


def test_a_deployers_roles_of_the_project_are_another_rules_matter_and_grants_after_them_are_judged() -> None:
    plan = Plan((*deployer("shop-ci", "roles/run.admin"), RUNNER, RUNS_JOBS))
    assert [v.resource for v in grants_surplus(plan, Wiring())] == [RUNS_JOBS]


def test_what_is_expected_is_not_reported_as_underivable_either() -> None:
    plan = Plan((*OUTSIDE.resources, of(DATAFLOW, serviceAccountEmail=r.email("shop-runner")), RUNS_PIPELINES))
    assert said(grants_underivable(plan, Wiring(expected=["roles/dataflow.* shop-runner"]))) == []


@pytest.mark.parametrize("type_", [type_ for type_, (_, *agents) in KEYS.items() if len(agents) == 1])
def test_a_key_that_the_cloud_settles_by_itself_is_none(type_: str) -> None:
    """Planned outputs show what is left out, and has a value afterwards, as unknown: nothing it was computed from."""
    top = KEYS[type_][0].partition(".")[0]
    settled = Plan((*OUTSIDE.resources, of(type_, **{top: UNKNOWN})))
    for rule in (grants_missing, grants_underivable):
        assert [m for m in said(rule(settled, Wiring())) if "customer-managed key" in m] == []
    computed = replace(of(type_, **{top: UNKNOWN}), references={top: (LAKE.urn,)})
    underivable = said(grants_underivable(Plan((*OUTSIDE.resources, computed)), Wiring()))
    assert [m for m in underivable if "customer-managed key" in m]


@pytest.mark.parametrize("type_", [type_ for type_, (_, *agents) in KEYS.items() if len(agents) == 1])
def test_every_type_with_a_key_is_followed_and_without_one_needs_nothing(type_: str) -> None:
    path, _ = KEYS[type_]
    with_key = Plan((*OUTSIDE.resources, of(type_, **nested(path, PATH))))
    assert [m for m in said(grants_missing(with_key, Wiring())) if "customer-managed key" in m]
    without = Plan((*OUTSIDE.resources, of(type_)))
    assert [m for m in said(grants_missing(without, Wiring())) if "customer-managed key" in m] == []
