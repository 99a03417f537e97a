"""The stand-in provider refuses what Google Cloud refuses, and replaces what cannot change in place.

Every case is one mistake, or one change, in an otherwise good resource; the words of the answer are asserted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastyle_localcloud.provider import rules
from fastyle_localcloud.provider.check import check
from fastyle_localcloud.provider.diff import diff
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.schema import Block, ListOf, token_of
from fastyle_localcloud.provider.settle import ProviderConfig, settle
from fastyle_localcloud.provider.table import entries, lookup, rules_by_token
from fastyle_localcloud.provider.wire import UNKNOWN, Properties, decode, encode

TABLE = json.dumps([{"name": "id", "type": "STRING", "mode": "REQUIRED"}, {"name": "at", "type": "TIMESTAMP"}])
GOOD: dict[str, Properties] = {
    "pubsub.Topic": {"name": "sales", "labels": {"a": "b"}, "messageRetentionDuration": "86400s"},
    "pubsub.Subscription": {
        "name": "to-shelf",
        "topic": "projects/p/topics/sales",
        "ackDeadlineSeconds": 60,
        "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
        "deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/dead", "maxDeliveryAttempts": 100},
        "expirationPolicy": {"ttl": ""},
    },
    "storage.Bucket": {
        "name": "p-raw-lake",
        "location": "US-CENTRAL1",
        "lifecycleRules": [{"action": {"type": "Delete"}, "condition": {"age": 90}}],
    },
    "bigquery.Dataset": {"datasetId": "raw", "location": "US"},
    "bigquery.Table": {
        "datasetId": "raw",
        "tableId": "sales",
        "schema": TABLE,
        "timePartitioning": {"type": "DAY", "field": "at"},
    },
    "sql.DatabaseInstance": {
        "name": "fastyle",
        "region": "us-central1",
        "databaseVersion": "POSTGRES_17",
        "settings": {
            "tier": "db-custom-2-7680",
            "edition": "ENTERPRISE",
            "ipConfiguration": {"ipv4Enabled": False, "privateNetwork": "n", "sslMode": "ENCRYPTED_ONLY"},
        },
    },
    "cloudrunv2.Service": {
        "name": "api",
        "location": "us-central1",
        "template": {
            "containers": [
                {"image": "scratch", "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "cpuIdle": True}}
            ],
            "scaling": {"maxInstanceCount": 4},
            "maxInstanceRequestConcurrency": 80,
        },
    },
    "cloudscheduler.Job": {
        "name": "nightly",
        "region": "us-central1",
        "schedule": "0 7 * * *",
        "timeZone": "America/New_York",
        "attemptDeadline": "1800s",
        "httpTarget": {"uri": "https://x.run.app/run"},
    },
    "serviceaccount.Account": {"accountId": "pos-api", "displayName": "POS API"},
    "compute.Subnetwork": {
        "name": "entrance",
        "network": "shop",
        "region": "us-central1",
        "ipCidrRange": "100.64.0.0/24",
    },
    "secretmanager.Secret": {"secretId": "till-keys", "replication": {"auto": {}}},
    "billing.Budget": {
        "displayName": "month",
        "billingAccount": "0A1B2C-0A1B2C-0A1B2C",
        "amount": {"specifiedAmount": {"units": "100"}},
        "budgetFilter": {"projects": ["projects/123"]},
        "thresholdRules": [{"thresholdPercent": 0.5}],
        "allUpdatesRule": {"pubsubTopic": "projects/p/topics/budget"},
    },
    "bigquery.DatasetAccess": {"datasetId": "raw", "role": "READER", "groupByEmail": "a@example.com"},
    "projects.IAMCustomRole": {"roleId": "guard", "title": "Guard", "permissions": ["cloudsql.instances.get"]},
    "monitoring.AlertPolicy": {
        "displayName": "budget",
        "combiner": "OR",
        "conditions": [{"displayName": "notice", "conditionMatchedLog": {"filter": "severity >= WARNING"}}],
        "alertStrategy": {"notificationRateLimit": {"period": "86400s"}},
    },
    "iam.WorkloadIdentityPoolProvider": {
        "workloadIdentityPoolId": "ci-pool",
        "workloadIdentityPoolProviderId": "github",
        "attributeMapping": {"google.subject": "assertion.sub"},
        "attributeCondition": "assertion.repository_owner_id == '1'",
        "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
    },
}


def problems(kind: str, inputs: Properties) -> str:
    schema, rules = lookup(token_of(kind))
    return "; ".join(f"{p.path} {p.reason}" for p in check(schema, rules, inputs, {}, name="x", seed=b"s")[1])


def changed(kind: str, **changes: Any) -> Properties:
    """The good inputs with some changed, at dotted paths; None takes one out."""
    inputs: Properties = json.loads(json.dumps(GOOD[kind]))
    for path, value in changes.items():
        at: Any = inputs
        *parents, last = path.split(".")
        for part in parents:
            at = at[int(part)] if part.isdigit() else at.setdefault(part, {})
        if value is None:
            at.pop(last, None)
        else:
            at[last] = value
    return inputs


@pytest.mark.parametrize("kind", GOOD)
def test_good_resources_pass(kind: str) -> None:
    assert problems(kind, GOOD[kind]) == ""


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("pubsub.Topic", {"name": "googly"}, "not starting with goog"),
    ("pubsub.Topic", {"name": "ab"}, "3 to 255"),
    ("pubsub.Topic", {"messageRetentionDuration": "10m"}, "written in seconds"),
    ("pubsub.Topic", {"messageRetentionDuration": "5s"}, "600s to 2.6784e+06s"),
    ("pubsub.Topic", {"labels": {"Team": "x"}}, "lower-case"),
    ("sql.DatabaseInstance", {"settings.userLabels": {"Team": "x"}}, "lower-case"),
    ("pubsub.Topic", {"nane": "x"}, "did you mean name"),
    ("pubsub.Subscription", {"topic": None}, "topic is required"),
    ("pubsub.Subscription", {"ackDeadlineSeconds": 5}, "10 to 600"),
    ("pubsub.Subscription", {"deadLetterPolicy.maxDeliveryAttempts": 101}, "5 to 100"),
    ("pubsub.Subscription", {"retryPolicy.maximumBackoff": "700s"}, "0s to 600s"),
    ("pubsub.Subscription", {"retryPolicy.maxBackoff": "10s"}, "no argument 'maxBackoff'"),
    ("pubsub.Subscription", {"expirationPolicy.ttl": "60s"}, "a day or more"),
    (
        "pubsub.Subscription",
        {"pushConfig": {"pushEndpoint": "https://x"}, "bigqueryConfig": {"table": "p.d.t"}},
        "exclude each other",
    ),
    ("pubsub.Subscription", {"bigqueryConfig": {"table": "p:d.t"}}, "project.dataset.table"),
    ("pubsub.Subscription", {"cloudStorageConfig": {"bucket": "gs://b"}}, "bare bucket name"),
    ("pubsub.Subscription", {"cloudStorageConfig": {"bucket": "b-c", "maxDuration": "30s"}}, "60s to 600s"),
    ("compute.Subnetwork", {"ipCidrRange": "127.0.0.0/24"}, "no range of a subnet"),
    ("compute.Subnetwork", {"ipCidrRange": "169.254.0.0/16"}, "no range of a subnet"),
    ("compute.Subnetwork", {"ipCidrRange": "0.0.0.0/8"}, "no range of a subnet"),
    ("compute.Subnetwork", {"ipCidrRange": "10.0.0.1/24"}, "host bits set"),
    ("storage.Bucket", {"name": "my-google-bucket"}, "not a bucket name"),
    ("storage.Bucket", {"name": "10.0.0.1"}, "not a bucket name"),
    ("storage.Bucket", {"location": None}, "location is required"),
    ("storage.Bucket", {"storageClass": "COLD"}, "not one of STANDARD"),
    ("storage.Bucket", {"lifecycleRules.0.condition": {}}, "match every object"),
    ("storage.Bucket", {"lifecycleRules.0.action.type": "Remove"}, "not an action"),
    (
        "storage.Bucket",
        {"lifecycleRules.0.action": {"type": "SetStorageClass", "storageClass": "WARM"}},
        "not a storage class",
    ),
    ("storage.Bucket", {"softDeletePolicy": {"retentionDurationSeconds": 3600}}, "7 days"),
    ("bigquery.Dataset", {"datasetId": "raw-data"}, "letters, digits and _"),
    ("bigquery.Dataset", {"defaultTableExpirationMs": 1000}, "under an hour"),
    ("bigquery.Table", {"schema": "{}"}, "not a JSON array"),
    ("bigquery.Table", {"schema": '[{"name": "a b", "type": "STRING"}]'}, "not a column name"),
    ("bigquery.Table", {"schema": '[{"name": "at", "type": "TEXT"}]'}, "not a column type"),
    ("bigquery.Table", {"timePartitioning.field": "nowhere"}, "not a column of the schema"),
    ("bigquery.Table", {"clusterings": list("abcde")}, "at most 4"),
    ("sql.DatabaseInstance", {"settings.tier": "db-custom-3-7680"}, "even number of vCPUs"),
    ("sql.DatabaseInstance", {"settings.tier": "db-custom-2-7700"}, "steps of 256 MB"),
    ("sql.DatabaseInstance", {"settings.tier": "n1-standard-1"}, "not a tier of edition ENTERPRISE"),
    ("sql.DatabaseInstance", {"settings.edition": "ENTERPRISE_PLUS"}, "not a tier of edition ENTERPRISE_PLUS"),
    ("sql.DatabaseInstance", {"settings.availabilityType": "REGIONAL"}, "needs backupConfiguration"),
    ("sql.DatabaseInstance", {"settings.ipConfiguration.privateNetwork": None}, "neither a public address"),
    ("cloudrunv2.Service", {"name": "Api"}, "not a service id"),
    ("cloudrunv2.Service", {"template.containers.0.resources.limits.memory": "8Gi"}, "over 4096 MiB"),
    ("cloudrunv2.Service", {"template.containers.0.resources.limits.cpu": "0.5"}, "needs a whole CPU"),
    ("cloudrunv2.Service", {"template.containers.0.resources.cpuIdle": None}, "CPU is always on"),
    ("cloudrunv2.Service", {"template.maxInstanceRequestConcurrency": 2000}, "1 to 1000"),
    ("cloudrunv2.Service", {"template.scaling.minInstanceCount": 9}, "over maxInstanceCount"),
    ("cloudrunv2.Service", {"template.containers.0.volumeMounts": [{"name": "v", "mountPath": "/v"}]}, "no volume 'v'"),
    ("cloudrunv2.Service", {"ingress": "ALL"}, "not one of INGRESS"),
    ("cloudscheduler.Job", {"schedule": "every day"}, "unix-cron"),
    ("cloudscheduler.Job", {"timeZone": "EST5"}, "tz database"),
    ("cloudscheduler.Job", {"attemptDeadline": "3600s"}, "15s to 1800s"),
    ("cloudscheduler.Job", {"retryConfig": {"retryCount": 9}}, "0 to 5"),
    ("cloudscheduler.Job", {"httpTarget": None}, "exactly one of"),
    ("serviceaccount.Account", {"accountId": "api"}, "6 to 30"),
    ("secretmanager.Secret", {"replication": {}}, "exactly one of auto"),
    ("secretmanager.Secret", {"secretId": "a/b"}, "not a secret id"),
    ("billing.Budget", {"budgetFilter": {"projects": ["projects/my-project"]}}, "projects/NUMBER"),
    ("billing.Budget", {"thresholdRules": [{"thresholdPercent": 50}]}, "0.5 for 50 %"),
    ("billing.Budget", {"allUpdatesRule": {}}, "needs a topic"),
    ("bigquery.DatasetAccess", {"role": "roles/bigquery.dataEditor"}, "would be replaced at every update"),
    ("projects.IAMCustomRole", {"roleId": "a-b"}, "not a role id"),
    ("projects.IAMCustomRole", {"permissions": ["sql.get"]}, "not a permission"),
    ("monitoring.AlertPolicy", {"alertStrategy": None}, "which need it"),
    (
        "monitoring.AlertPolicy",
        {"conditions": [{"displayName": "x", "conditionThreshold": {"comparison": "COMPARISON_GT", "duration": "0s"}}]},
        "is for conditions on log entries",
    ),
    (
        "monitoring.AlertPolicy",
        {"conditions": [{"displayName": n, "conditionMatchedLog": {"filter": "severity >= ERROR"}} for n in "ab"]},
        "must be the only one",
    ),
    ("iam.WorkloadIdentityPoolProvider", {"attributeCondition": None}, "would be let in"),
    ("iam.WorkloadIdentityPoolProvider", {"attributeMapping": {}}, "google.subject"),
]


@pytest.mark.parametrize(
    ("kind", "changes", "words"), BAD, ids=[f"{k}-{next(iter(c))}-{n}" for n, (k, c, _) in enumerate(BAD)]
)
def test_what_the_cloud_refuses_is_refused_in_words(kind: str, changes: dict[str, Any], words: str) -> None:
    assert words in problems(kind, changed(kind, **changes))


def test_what_a_preview_cannot_know_is_not_judged() -> None:
    inputs = changed("pubsub.Subscription", topic="t")
    inputs["topic"] = inputs["ackDeadlineSeconds"] = UNKNOWN
    assert problems("pubsub.Subscription", inputs) == ""


COLUMN_ADDED = json.dumps([*json.loads(TABLE), {"name": "more", "type": "STRING"}])
COLUMN_RELAXED = TABLE.replace("REQUIRED", "NULLABLE")
COLUMN_RETYPED = TABLE.replace("TIMESTAMP", "DATE")
CHANGES: list[tuple[str, dict[str, Any], bool]] = [
    ("pubsub.Topic", {"labels": {"a": "c"}}, False),
    ("pubsub.Topic", {"name": "other"}, True),
    ("pubsub.Subscription", {"ackDeadlineSeconds": 30}, False),
    ("pubsub.Subscription", {"topic": "projects/p/topics/other"}, True),
    ("pubsub.Subscription", {"filter": "attributes:x"}, True),
    ("pubsub.Subscription", {"enableMessageOrdering": True}, True),
    ("storage.Bucket", {"lifecycleRules.0.condition.age": 91}, False),
    ("storage.Bucket", {"location": "EU"}, True),
    ("bigquery.Dataset", {"description": "new"}, False),
    ("bigquery.Dataset", {"location": "EU"}, True),
    ("bigquery.Table", {"schema": COLUMN_ADDED}, False),
    ("bigquery.Table", {"schema": COLUMN_RELAXED}, False),
    ("bigquery.Table", {"schema": COLUMN_RETYPED}, True),
    ("bigquery.Table", {"timePartitioning.type": "MONTH"}, True),
    ("sql.DatabaseInstance", {"settings.tier": "db-custom-4-15360"}, False),
    ("sql.DatabaseInstance", {"databaseVersion": "POSTGRES_18"}, False),
    ("sql.DatabaseInstance", {"region": "us-east1"}, True),
    ("cloudrunv2.Service", {"template.maxInstanceRequestConcurrency": 10}, False),
    ("cloudrunv2.Service", {"location": "us-east1"}, True),
    ("cloudscheduler.Job", {"schedule": "0 8 * * *"}, False),
    ("serviceaccount.Account", {"displayName": "other"}, False),
    ("serviceaccount.Account", {"accountId": "pos-api-2"}, True),
    ("secretmanager.Secret", {"labels": {"a": "b"}}, False),
    ("secretmanager.Secret", {"replication": {"userManaged": {"replicas": [{"location": "us-east1"}]}}}, True),
]


@pytest.mark.parametrize(
    ("kind", "changes", "replaces"), CHANGES, ids=[f"{k}-{next(iter(c))}-{n}" for n, (k, c, _) in enumerate(CHANGES)]
)
def test_a_change_is_made_in_place_or_replaces(kind: str, changes: dict[str, Any], replaces: bool) -> None:
    schema, rules = lookup(token_of(kind))
    old = check(schema, rules, GOOD[kind], {}, name="x", seed=b"s")[0]
    new = check(schema, rules, changed(kind, **changes), old, name="x", seed=b"s")[0]
    assert diff(schema, rules, old, old) == []
    differences = diff(schema, rules, old, new)
    assert differences, "the change is seen"
    assert any(change.replaces for change in differences) is replaces


def test_schemas_that_differ_in_white_space_only_are_the_same() -> None:
    schema, rules = lookup(token_of("bigquery.Table"))
    spaced = {**GOOD["bigquery.Table"], "schema": json.dumps(json.loads(TABLE), indent=4)}
    assert diff(schema, rules, GOOD["bigquery.Table"], spaced) == []


def test_every_listed_type_is_one_of_the_sdk() -> None:
    assert len(rules_by_token()) > 45
    for token in rules_by_token():
        assert lookup(token)[0].inputs


OF_A_BLOCK = {"exactly_one", "at_most_one", "needs", "ordered"}
"""Checks whose first argument is a block, and whose others are arguments in it."""


def named(entry: dict[str, Any]) -> Iterator[str]:
    """The paths of arguments in an entry of the table."""
    yield from (*entry.get("replaces", ()), *entry.get("defaults", ()), *entry.get("equal", ()))
    yield from (reference["path"] for reference in entry.get("references", ()))
    for written in entry.get("checks", ()):
        if isinstance(written, dict):
            [(name, arguments)] = written.items()
            block = f"{arguments[0]}." if arguments[0] else ""
            yield from (f"{block}{each}" for each in arguments[1:]) if name in OF_A_BLOCK else arguments[:1]
        elif written == "labels":
            yield written


@pytest.mark.parametrize("path", sorted(Path(rules.__path__[0]).glob("*.yaml")), ids=lambda path: path.stem)
def test_every_argument_that_the_table_names_is_one_of_the_sdk(path: Path) -> None:
    for kind, entry in entries(path).items():
        for argument in named(entry):
            fields = lookup(token_of(kind))[0].inputs
            for part in argument.split("."):
                assert part in fields, f"{kind}: {argument}"
                inner = fields[part].type
                while isinstance(inner, ListOf):
                    inner = inner.item
                fields = inner.fields if isinstance(inner, Block) else {}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{id: '{name}', replace: [name]}", "unexpected keyword argument 'replace'"),
        ("{id: '{name}', checks: [{matchs: [name, a, b]}]}", "no attribute 'matchs'"),
        ("{id: '{name}', checks: [{between: [name, 1]}]}", "missing 1 required positional argument"),
    ],
)
def test_a_mistake_in_the_table_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, words: str
) -> None:
    (tmp_path / "shop.yaml").write_text(f"shop.Order: {entry}\n", encoding="utf-8")
    monkeypatch.setattr(rules, "__path__", [str(tmp_path)])
    with pytest.raises(ValueError, match=rf"shop\.yaml: shop\.Order: .*{words}"):
        rules_by_token.__wrapped__()


def test_an_unlisted_type_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        Refused, match=r"does not know gcp:pubsub/topix:Topix \(the nearest is gcp:pubsub/topic:Topic\)"
    ):
        lookup("gcp:pubsub/topix:Topix")


def test_previews_know_what_the_real_provider_knows() -> None:
    config = ProviderConfig("p", "us-central1")
    schema, rules = lookup(token_of("serviceaccount.Account"))
    account = settle(schema, rules, {"accountId": "pos-api"}, config, preview=True)
    assert account["email"] == "pos-api@p.iam.gserviceaccount.com"
    assert account["member"] == "serviceAccount:pos-api@p.iam.gserviceaccount.com"
    assert account["name"] is UNKNOWN
    schema, rules = lookup(token_of("cloudrunv2.Service"))
    assert settle(schema, rules, GOOD["cloudrunv2.Service"], config, preview=True)["uri"] is UNKNOWN


# As observed of the real provider's Check, of the inputs of two stacks with 296 resources.
DEFAULTS: list[tuple[str, Properties, dict[str, Any]]] = [
    ("storage.BucketObject", {"bucket": "lake", "content": "x"}, {"detectMd5hash": "different hash"}),
    ("monitoring.AlertPolicy", GOOD["monitoring.AlertPolicy"], {"enabled": True}),
    ("monitoring.NotificationChannel", {"type": "email"}, {"enabled": True}),
    ("secretmanager.SecretVersion", {"secret": "s", "secretData": "x"}, {"enabled": True}),
    ("artifactregistry.Repository", {"repositoryId": "code", "format": "DOCKER"}, {"mode": "STANDARD_REPOSITORY"}),
    ("compute.Network", {"name": "net"}, {"networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL"}),
    ("sql.DatabaseInstance", GOOD["sql.DatabaseInstance"], {"settings.pricingPlan": "PER_USE"}),
]


@pytest.mark.parametrize(("kind", "given", "defaults"), DEFAULTS, ids=[kind for kind, _, _ in DEFAULTS])
def test_defaults_are_filled_in_as_the_real_provider_does(
    kind: str, given: Properties, defaults: dict[str, Any]
) -> None:
    def at(inputs: Properties, path: str) -> Any:
        value: Any = inputs
        for part in path.split("."):
            value = value[part]
        return value

    schema, rules = lookup(token_of(kind))
    before = json.dumps(given)
    inputs, failures = check(schema, rules, given, {}, name="x", seed=b"s")
    assert failures == []
    assert {path: at(inputs, path) for path in defaults} == defaults
    assert json.dumps(given) == before
    again, _ = check(schema, rules, inputs, inputs, name="x", seed=b"s")
    assert diff(schema, rules, inputs, again) == []


def test_a_default_in_a_block_needs_the_block_and_gives_way_to_what_is_said() -> None:
    schema, rules = lookup(token_of("sql.DatabaseInstance"))
    clone = {"databaseVersion": "POSTGRES_17", "region": "us-central1"}
    assert "settings" not in check(schema, rules, clone, {}, name="x", seed=b"s")[0]
    said = changed("sql.DatabaseInstance", **{"settings.pricingPlan": "PACKAGE"})
    assert check(schema, rules, said, {}, name="x", seed=b"s")[0]["settings"]["pricingPlan"] == "PACKAGE"


def test_a_plan_shows_a_map_with_an_unknown_value_as_unknown_and_other_lists_and_blocks_by_element() -> None:
    schema, rules = lookup(token_of("cloudfunctionsv2.Function"))
    inputs = {
        "name": "counter",
        "location": "us-central1",
        "labels": {"a": "b"},
        "serviceConfig": {
            "environmentVariables": {"TOPIC": "trades", "URL": UNKNOWN},
            "serviceAccountEmail": "a@b",
            "secretEnvironmentVariables": [{"key": "K", "secret": UNKNOWN, "version": "1", "projectId": "p"}],
        },
    }
    outputs = settle(schema, rules, inputs, ProviderConfig("p", "us-central1"), preview=True)
    config = outputs["serviceConfig"]
    assert config["environmentVariables"] is UNKNOWN
    assert config["serviceAccountEmail"] == "a@b"
    assert config["secretEnvironmentVariables"][0]["key"] == "K"
    assert outputs["labels"] == {"a": "b"}
    assert inputs["serviceConfig"]["environmentVariables"]["TOPIC"] == "trades"  # type: ignore[index]


def test_write_only_values_are_in_no_output() -> None:
    schema, rules = lookup(token_of("secretmanager.SecretVersion"))
    given = {"secret": "projects/p/secrets/s", "secretDataWo": "hush", "secretDataWoVersion": "1"}
    outputs = settle(schema, rules, given, ProviderConfig("p", None), preview=False)
    assert "hush" not in repr(outputs)


def test_secrets_stay_secret_on_the_wire() -> None:
    value = {"plain": 1, "nested": {"password": "hush", "list": [1, {"deep": True}]}}
    paths = frozenset({("nested", "password"), ("nested", "list", 1)})
    assert decode(encode(value, paths)) == (value, paths)
