"""Several stacks in one project: no name of one is a name of another, and one of them keeps what the project has once.

Composed with everything on that has a name: both orchestrators, night stop, budget guard, objectives, people, analysts.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fastyle_policies.configuration import stack_config, validated
from fastyle_policies.rules import RULES

from component_resources.recorder import Recorder
from infra.codes import FIRST_WORDS
from infra.config import ConfigError, load_config
from policy_rules.table import recorded, said, violations
from tests.support.configuration import REPOSITORY, as_the_engine_gives_it, changed, configuration, put
from tests.support.program import composed
from tests.support.provider_names import identity_of
from workloads.events import STREAMS

# What tells a resource from others of its type within one project is what the provider imports it by
# (tests/support/provider_names.py). These have a name that Google assigns, for which their title stands, or no format in
# the provider's documentation.
IDENTITY: Mapping[str, tuple[str, ...]] = {
    "gcp:bigquery/table:Table": ("datasetId", "tableId"),
    "gcp:billing/budget:Budget": ("displayName",),
    "gcp:monitoring/alertPolicy:AlertPolicy": ("displayName",),
    "gcp:monitoring/customService:CustomService": ("serviceId",),
    "gcp:monitoring/dashboard:Dashboard": ("dashboardJson",),
    "gcp:monitoring/notificationChannel:NotificationChannel": ("displayName",),
    "gcp:monitoring/slo:Slo": ("service", "displayName"),
    "gcp:projects/iAMCustomRole:IAMCustomRole": ("roleId",),
    "gcp:projects/serviceIdentity:ServiceIdentity": ("service",),
    "gcp:serviceaccount/account:Account": ("accountId",),
    "gcp:servicenetworking/connection:Connection": ("network", "service"),
    "gcp:sql/user:User": ("instance", "name"),
    "gcp:storage/bucket:Bucket": ("name",),
    "gcp:storage/bucketObject:BucketObject": ("bucket", "name"),
}
GRANTS = re.compile(r"gcp:.*(IamMember|IAMMember|DatasetAccess)$")
"""A grant is its resource, role and member: all that it is given."""


def told_by(kind: str, inputs: Mapping[str, Any]) -> list[str]:
    """The properties that a resource is told from others of its type by.

    A type whose names nobody can derive fails here: it needs a line in `IDENTITY`.
    """
    if GRANTS.match(kind):
        return [field for field in sorted(inputs) if field not in LABELS]
    fields = IDENTITY.get(kind) or identity_of(kind)
    assert fields, f"{kind}: the provider documents no import format; say in IDENTITY what its names are"
    assert set(fields) <= set(inputs), f"{kind} is told by {fields}, of which it is given {sorted(inputs)}"
    return list(fields)


# A version belongs to its secret, which the mocks name alike; a provider is Pulumi's own.
NOT_IN_THE_PROJECT = ("gcp:secretmanager/secretVersion:SecretVersion", "pulumi:providers:gcp", "fastyle:")
LABELS = ("labels", "userLabels", "effectiveLabels", "pulumiLabels")


def everything(prefix: str | None, **more: Any) -> dict[str, Any]:
    """A stack with all that has a name, of one project whatever its prefix."""
    config = copy.deepcopy(configuration("dev"))
    prod = configuration("prod")
    put(config, "services", [*config["fastyle:services"], "composer.googleapis.com"])
    put(config, "composer", {**prod["fastyle:composer"], "standby": True})
    put(config, "monitoring", {**prod["fastyle:monitoring"], "slos": True})
    put(config, "network.nat", True)
    put(config, "access", {"people": {"all": "group:all@example.com"}, "operators": {"on": "group:on@example.com"}})
    put(config, "warehouse.analysts", {"ada": "user:ada@example.com"})
    put(config, "budget.emails", ["money@example.com"])
    if prefix is not None:
        put(config, "name_prefix", prefix)
        del config["fastyle:services"]
    for key, value in more.items():
        put(config, key, value)
    return config


def prefixed(prefix: str | None) -> Recorder:
    return composed(everything(prefix))


def identities(recorder: Recorder) -> dict[str, str]:
    """What each resource is in its project, to its key in the program."""
    names: dict[str, str] = {}
    for key, inputs in recorder.resources.items():
        kind = key.partition("::")[0]
        if kind.startswith(NOT_IN_THE_PROJECT):
            continue
        identity = json.dumps([kind, [inputs[field] for field in told_by(kind, inputs)]], default=str)
        assert identity not in names, f"{key} and {names[identity]} are one"
        names[identity] = key
    return names


def physical_names(recorder: Recorder) -> dict[str, str]:
    """Names that resources are given, by their keys in the program, without titles and what is named elsewhere."""
    return {
        f"{key} {field}": inputs[field]
        for key, inputs in recorder.resources.items()
        if not (kind := key.partition("::")[0]).startswith(NOT_IN_THE_PROJECT) and not GRANTS.match(kind)
        for field in told_by(kind, inputs)
        if field not in ("displayName", "dashboardJson", "service", "bucketId", "network")
    }


@pytest.mark.parametrize(("one", "other"), [("anna", "ben"), (None, "anna")])
def test_stacks_of_one_project_have_nothing_in_common(one: str | None, other: str) -> None:
    shared = identities(prefixed(one)).keys() & identities(prefixed(other)).keys()
    assert sorted(shared) == []


def test_what_a_project_has_once_one_stack_keeps() -> None:
    """The others have everything else: their own resources are those of a stack without a prefix."""
    keeper, guest = set(prefixed(None).resources), set(prefixed("anna").resources)
    assert guest - keeper == set()
    once = {re.sub(r"::services-.*", "::services-…", key) for key in keeper - guest}
    assert once == {
        "fastyle:index:LogRetention::logs",
        "fastyle:index:ProjectServices::services",
        "gcp:logging/projectBucketConfig:ProjectBucketConfig::logs-default",
        "gcp:projects/iAMMember:IAMMember::services-…",
        "gcp:projects/iAMMember:IAMMember::warehouse-job-user-user:ada@example.com",
        "gcp:projects/service:Service::services-…",
        "gcp:projects/serviceIdentity:ServiceIdentity::services-…",
    }


def test_a_prefix_reaches_every_name() -> None:
    names = physical_names(prefixed("anna"))
    assert len(names) > 50
    scoped = ("gcp:sql/database:Database::database-database name", "gcp:storage/bucketObject", "gcp:bigquery/table")
    assert {key: name for key, name in names.items() if "anna" not in name and not key.startswith(scoped)} == {}


def test_a_stack_that_keeps_the_project_counts_all_of_it_and_another_what_is_labelled_its() -> None:
    for prefix, label in ((None, None), ("anna", {"name-prefix": "anna"})):
        budget = prefixed(prefix).one("budget-budget")["budgetFilter"]
        assert budget["projects"] == ["projects/123456789012"]
        assert budget.get("labels") == label
    unlabelled = [
        key
        for key, inputs in prefixed("anna").resources.items()
        for field in LABELS
        if field in inputs and "application" in inputs[field] and inputs[field].get("name-prefix") != "anna"
    ]
    assert unlabelled == []


@pytest.mark.parametrize("prefix", [None, "anna"])
def test_what_names_another_resource_names_one_of_its_own_stack(prefix: str | None) -> None:
    """Variables, alerts and the guard's list name resources by text: nothing but this holds them to those that exist."""
    recorder = prefixed(prefix)
    of_kind: Callable[[str, str], set[str]] = lambda kind, field: {  # noqa: E731
        inputs[field] for key, inputs in recorder.resources.items() if key.partition("::")[0] == kind
    }
    jobs, datasets = of_kind("gcp:cloudscheduler/job:Job", "name"), of_kind("gcp:bigquery/dataset:Dataset", "datasetId")
    topics = of_kind("gcp:pubsub/topic:Topic", "name")
    subscriptions = of_kind("gcp:pubsub/subscription:Subscription", "name")
    services = of_kind("gcp:cloudrunv2/service:Service", "name") | of_kind(
        "gcp:cloudfunctionsv2/function:Function", "name"
    )
    guard = recorder.one("budget-guard-function")["serviceConfig"]["environmentVariables"]
    named_jobs = [*json.loads(guard["GUARD_JOBS"]), guard["GUARD_DATABASE_JOB"]]
    assert {job.rpartition("/")[2] for job in named_jobs} <= jobs
    assert guard["GUARD_DATABASE"] in of_kind("gcp:sql/databaseInstance:DatabaseInstance", "name")
    variables = [
        (env["name"], env["value"])
        for name in ("inventory-sync", "pipeline")
        for env in recorder.one(f"{name}-service")["template"]["containers"][0]["envs"]
    ]
    variables += recorder.one("pos-api-function")["serviceConfig"]["environmentVariables"].items()
    for stream in STREAMS.values():  # the lake is a bucket of the stack's own: who reads it knows the stream's folder
        export = recorder.one(f"{stream.key}-to-lake")["cloudStorageConfig"]
        assert export["filenamePrefix"] == f"{stream.topic}/"
    named_topics = {value.rpartition("/")[2] for name, value in variables if name.endswith("_TOPIC")}
    assert named_topics
    assert named_topics <= topics
    assert {value for name, value in variables if name.endswith("_DATASET")} == datasets
    watched = json.dumps(
        [v for k, v in recorder.resources.items() if "alertPolicy" in k or "dashboard:" in k or "slo:" in k]
    )
    watched = watched.replace("\\", "")
    for label, existing in (
        ("subscription_id", subscriptions),
        ("service_name", services),
        (
            "database_id",
            {f"fastyle-dev-example:{n}" for n in of_kind("gcp:sql/databaseInstance:DatabaseInstance", "name")},
        ),
    ):
        named = set(re.findall(rf'{label} = "([^"]+)"', watched))
        for several in re.findall(rf"{label} = one_of\(([^)]*)\)", watched):
            named |= set(re.findall(r'"([^"]+)"', several))
        assert named, label
        assert named <= existing, label


def test_no_policy_objects_to_a_prefixed_stack() -> None:
    given = stack_config(REPOSITORY / "policies", RULES)("dev")
    public = given["no-public-grant"]["public"]
    given["log-retention-present"] = {"required": False}  # the stack that keeps the project does
    given["no-public-grant"]["public"] = {f"anna-{name}": why for name, why in public.items()}
    resources = recorded(prefixed("anna").resources, "anna")
    for rule in RULES:
        # Nobody wakes for dev, and NAT is not in its estimate: what the stack switches on for its names' sake only.
        if rule.id.startswith(("spend-", "component-ceiling", "budget-covers")):
            continue
        parameters = validated(rule, given.get(rule.id, {}), REPOSITORY / "policies")
        assert said(violations(rule, resources, parameters)) == [], rule.id


def test_words_that_names_begin_with_are_no_prefix() -> None:
    project = configuration("dev")["gcp:project"]
    first = {re.split(r"[-_]", name.removeprefix(f"{project}-"))[0] for name in physical_names(prefixed(None)).values()}
    first = {re.match(r"[a-z]*", word)[0] for word in first if not word.endswith(".googleapis.com")}  # type: ignore[index]
    streams = {stream.topic.partition("-")[0] for stream in STREAMS.values()}
    files = {"sql", "dags", "plugins"}
    assert first - FIRST_WORDS - streams - files == set()
    for word in ("pos", "sales"):
        with pytest.raises(ConfigError, match=rf"fastyle:name_prefix: '{word}' begins names .* my{word}"):
            load_config(changed("dev", "name_prefix", word))


@pytest.mark.parametrize("prefix", ["", "Anna", "an-na", "1anna", "annaannaannaa", "an_na"])
def test_a_prefix_is_one_short_word(prefix: str) -> None:
    with pytest.raises(ConfigError, match=r"fastyle:name_prefix .* write for instance fastyle:name_prefix: \"anna\""):
        load_config(changed("dev", "name_prefix", prefix))


@pytest.mark.parametrize(
    ("key", "value"),
    [("services", ["run.googleapis.com"]), ("log_retention_days", 30), ("ci", configuration("prod")["fastyle:ci"])],
)
def test_what_a_project_has_once_is_refused_where_another_stack_keeps_it(key: str, value: Any) -> None:
    config = everything("anna")
    put(config, key, value)
    with pytest.raises(ConfigError, match=rf"fastyle:{key} is given .* leave it out, or write owns_project: true"):
        load_config(as_the_engine_gives_it(config))


def test_a_prefixed_stack_may_keep_its_project() -> None:
    ci = configuration("prod")["fastyle:ci"]
    config = everything("anna", owns_project=True, services=[], ci=ci, log_retention_days=40)
    recorder = composed(config)
    assert recorder.one("logs-default")["retentionDays"] == 40
    assert recorder.one("ci-pool")["workloadIdentityPoolId"] == "anna-github"
    assert recorder.one("ci-account")["accountId"] == "anna-deploy-ci"
    assert recorder.one("budget-budget")["budgetFilter"].get("labels") is None


def test_a_stack_that_nothing_tells_from_another_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"fastyle:owns_project is false without name_prefix; .* write name_prefix"):
        load_config(changed("dev", "owns_project", False))
