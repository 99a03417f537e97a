from __future__ import annotations

from typing import Any

from fastyle_policies import gcp
from fastyle_policies.model import UNKNOWN, Resource

from policy_rules import resources as r
from policy_rules.table import Case, Cases

_INVOKER = "cloudrunv2/serviceIamMember"
_ACL = "gcp:storage/bucketAccessControl:BucketAccessControl"
_NO_TLS = "db: takes connections without TLS: sslMode is"


def _variable(name: str, value: Any = "x") -> dict[str, Any]:
    return {"run.template.containers.0.envs.0": {"name": name, "value": value}}


def _plain(variable: str) -> list[str]:
    return [f"run: has the environment variable {variable} in plain text: mount it from Secret Manager"]


def _simulating(kind: str, value: Any, says: str = "", **parameters: Any) -> Case:
    """The variable in all four kinds of workload."""
    changes = {
        "run.template.containers.0.envs.0.value": value,
        "job.template.template.containers.0.envs.0.value": value,
        "fn.serviceConfig.environmentVariables.SIMULATOR_ENABLED": value,
        "airflow.config.softwareConfig.envVariables.SIMULATOR_ENABLED": value,
    }
    words = f"has SIMULATOR_ENABLED set to {says} in a protected stack"
    return Case(
        kind, changes, [f"{name}: {words}" for name in ("run", "job", "fn", "airflow")] if says else [], parameters
    )


_OFF = {"SIMULATOR_ENABLED": "false"}
_SECRET = {
    "name": "SIMULATOR_ENABLED",
    "valueSource": {"secretKeyRef": {"secret": "switch", "version": "latest"}},
}


def _list(name: str, **entry: Any) -> Resource:
    return r.resource("gcp:bigquery/datasetAccess:DatasetAccess", name, datasetId="d", **entry)


CASES: dict[str, Cases] = {
    "no-public-grant": Cases(
        good=[
            r.grant(_INVOKER, "call", "roles/run.invoker", r.member("till"), name="api", location="us-central1"),
            r.grant(
                "storage/bucketIAMBinding", "all", "roles/storage.objectViewer", "", members=["group:a@b.c"], bucket="b"
            ),
            r.service("run"),
            r.dataset("reports"),
            _list("entry", role="READER", groupByEmail="a@b.c"),
            r.resource(_ACL, "acl", bucket="b", entity="group-a@b.c", role="READER"),
        ],
        cases=[
            Case("wrong", {"call.member": "allUsers"}, ["call: grants roles/run.invoker to allUsers"]),
            Case(
                "wrong",
                {"call.member": "allAuthenticatedUsers"},
                ["call: grants roles/run.invoker to allAuthenticatedUsers"],
            ),
            Case("passes", {"call.member": "allUsers"}, parameters={"public": {"api": "checks a credential itself"}}),
            Case(
                "passes",
                {"call.member": "allUsers", "call.name": "projects/p/locations/r/services/api"},
                parameters={"public": {"api": "checks a credential itself"}},
            ),
            Case(
                "passes",
                {
                    "old": r.grant("cloudrun/iamMember", "old", "roles/run.invoker", "allUsers", service="api"),
                    "fn": r.grant(
                        "cloudfunctionsv2/functionIamMember",
                        "fn",
                        "roles/cloudfunctions.invoker",
                        "allUsers",
                        cloudFunction="api",
                    ),
                },
                parameters={"public": {"api": "checks a credential itself"}},
            ),
            Case(
                "wrong",
                {"call.member": "allUsers", "call.role": "roles/run.admin"},
                ["call: grants roles/run.admin to allUsers"],
                {"public": {"api": "checks a credential itself"}},
            ),
            Case(
                "wrong",
                {"call.member": "allUsers"},
                ["call: grants roles/run.invoker to allUsers"],
                {"public": {"other": "checks a credential itself"}},
            ),
            Case(
                "wrong",
                {"all.members": ["group:a@b.c", "allUsers"]},
                ["all: grants roles/storage.objectViewer to allUsers"],
            ),
            Case(
                "wrong",
                {"run.invokerIamDisabled": True},
                ["run: has its invoker check switched off: everyone may call it"],
            ),
            Case(
                "wrong",
                {"run.invokerIamDisabled": "true"},
                ["run: has its invoker check switched off: everyone may call it"],
            ),
            Case("passes", {"run.invokerIamDisabled": True}, parameters={"public": {"run": "checks its callers"}}),
            Case(
                "wrong",
                {"reports.accesses": [{"role": "READER", "specialGroup": "allAuthenticatedUsers"}]},
                ["reports: shares its tables with everyone"],
            ),
            Case(
                "wrong",
                {"reports.accesses": [{"role": "READER", "iamMember": "allUsers"}]},
                ["reports: shares its tables with everyone"],
            ),
            Case("passes", {"reports.accesses": [{"role": "READER", "specialGroup": "projectReaders"}]}),
            Case(
                "wrong",
                {"entry": _list("entry", role="READER", specialGroup="allAuthenticatedUsers")},
                ["entry: shares a dataset's tables with everyone"],
            ),
            Case(
                "wrong",
                {"entry": _list("entry", role="READER", iamMember="allUsers")},
                ["entry: shares a dataset's tables with everyone"],
            ),
            Case("wrong", {"acl.entity": "allUsers"}, ["acl: opens objects to everyone: allUsers"]),
            Case(
                "wrong",
                {"acl": r.resource("gcp:storage/bucketACL:BucketACL", "acl", predefinedAcl="publicReadWrite")},
                ["acl: opens objects to everyone: publicReadWrite"],
            ),
            Case(
                "wrong",
                {"acl": r.resource("gcp:storage/bucketACL:BucketACL", "acl", defaultAcl="authenticatedRead")},
                ["acl: opens objects to everyone: authenticatedRead"],
            ),
            Case(
                "wrong",
                {
                    "acl": r.resource(
                        "gcp:storage/objectACL:ObjectACL", "acl", roleEntities=["READER:allAuthenticatedUsers"]
                    )
                },
                ["acl: opens objects to everyone: READER:allAuthenticatedUsers"],
            ),
            Case("unset", {"call.member": ..., "run.invokerIamDisabled": ..., "reports.accesses": ...}),
            Case("unknown", {"call.member": UNKNOWN, "all.members": UNKNOWN, "run.invokerIamDisabled": UNKNOWN}),
            Case("unknown", {"reports.accesses": UNKNOWN, "acl.entity": UNKNOWN}),
        ],
    ),
    "bucket-private": Cases(
        good=[r.bucket("lake")],
        cases=[
            Case("wrong", {"lake.publicAccessPrevention": "inherited"}, ["lake: has publicAccessPrevention inherited"]),
            Case("unset", {"lake.publicAccessPrevention": ...}, ["lake: has publicAccessPrevention unset"]),
            Case(
                "unknown",
                {"lake.publicAccessPrevention": UNKNOWN},
                ["lake: has publicAccessPrevention <known at update>"],
            ),
            Case("wrong", {"lake.uniformBucketLevelAccess": False}, ["lake: has uniformBucketLevelAccess false"]),
            Case("passes", {"lake.uniformBucketLevelAccess": "true"}),
            Case("unset", {"lake.uniformBucketLevelAccess": ...}, ["lake: has uniformBucketLevelAccess unset"]),
            Case(
                "unknown",
                {"lake.uniformBucketLevelAccess": UNKNOWN},
                ["lake: has uniformBucketLevelAccess <known at update>"],
            ),
        ],
    ),
    "no-plain-secret": Cases(
        good=[
            r.service("run", env={"LOG_LEVEL": "INFO", "URL": "https://example.com/a:b@c"}),
            r.run_job("job", env={"LEVEL": "x"}),
            r.function("fn", env={"LEVEL": "x"}),
            r.composer("airflow", env={"LEVEL": "x"}),
            r.resource(gcp.SECRET_VERSION, "version", secret="s", secretDataWo="x", secretDataWoVersion=1),
            r.resource(gcp.SQL_USER, "user", name="u", instance="db", type="CLOUD_IAM_SERVICE_ACCOUNT"),
            r.database("db"),
            r.subscription("push", "tills", **r.push("https://shop.example/push?page=1", "shop-caller")),
            r.subscription("pull", "tills"),
            r.schedule("call", "https://shop.example/", "shop-caller"),
        ],
        cases=[
            Case("wrong", _variable("DB_PASSWORD"), _plain("DB_PASSWORD")),
            Case(
                "wrong",
                {
                    "run.template.containers.0.envs": [
                        {"name": "TOKEN", "valueSource": _SECRET["valueSource"]},
                        {"name": "DB_PASSWORD", "value": "x"},
                    ]
                },
                _plain("DB_PASSWORD"),
            ),
            Case("wrong", _variable("api_key"), _plain("api_key")),
            Case("wrong", _variable("TOKEN"), _plain("TOKEN")),
            Case("wrong", _variable("PGPASSWORD"), _plain("PGPASSWORD")),
            Case("passes", _variable("MONKEY_TOKENIZER")),
            Case("passes", _variable("PASSWORD_FILE", "/secrets/x")),
            Case("wrong", _variable("PASSWORD_FILE"), _plain("PASSWORD_FILE"), {"allowed": []}),
            Case("passes", _variable("DB_PASSWORD"), parameters={"words": ["KENNWORT"]}),
            Case(
                "wrong",
                _variable("DATABASE_URL", "postgresql://u:hush@host/db"),
                ["run: has a password in the URL of the environment variable DATABASE_URL"],
            ),
            Case("passes", _variable("DATABASE_URL", "postgresql://u@host:5432/db")),
            Case(
                "wrong",
                _variable("SIGNER", "-----BEGIN RSA PRIVATE KEY-----\nabc"),
                ["run: has a private key in the environment variable SIGNER"],
            ),
            Case(
                "wrong",
                {
                    "job.template.template.containers.0.envs.0.name": "MY_SECRET",
                    "fn.serviceConfig.environmentVariables.MY_SECRET": "x",
                    "airflow.config.softwareConfig.envVariables.MY_SECRET": "x",
                },
                [
                    f"{name}: has the environment variable MY_SECRET in plain text: mount it from Secret Manager"
                    for name in ("job", "fn", "airflow")
                ],
            ),
            Case(
                "passes",
                {
                    "run.template.containers.0.envs.0": {"name": "TOKEN", "valueSource": _SECRET["valueSource"]},
                    "fn.serviceConfig.secretEnvironmentVariables": [{"key": "TOKEN", "secret": "s", "version": "1"}],
                },
            ),
            Case(
                "wrong",
                {"version.secretData": "hush"},
                ["version: puts its payload into the stack's state: use secretDataWo with secretDataWoVersion"],
            ),
            Case(
                "wrong",
                {"user.password": "hush"},
                ["user: has a password: use an IAM user, or passwordWo with passwordWoVersion"],
            ),
            Case("wrong", {"db.rootPassword": "hush"}, ["db: puts its root password into the stack's state"]),
            Case(
                "wrong",
                {"push.pushConfig.pushEndpoint": "https://shop.example/push?a=1&TOKEN=hush"},
                ["push: has a secret in the URL of its push endpoint: use pushConfig.oidcToken"],
            ),
            Case(
                "wrong",
                {"call.httpTarget.headers": {"authorization": "Bearer hush"}},
                ["call: has the header Authorization in plain text: use httpTarget.oidcToken or oauthToken"],
            ),
            Case("passes", {"call.httpTarget.headers": {"Content-Type": "application/json"}}),
            Case("unset", {"run.template.containers.0.envs": ..., "fn.serviceConfig.environmentVariables": ...}),
            Case("unset", {"run.template.containers.0.envs.0": {"name": "TOKEN"}}),
            Case("unknown", _variable("DB_PASSWORD", UNKNOWN), _plain("DB_PASSWORD")),
            Case("unknown", _variable("LEVEL", UNKNOWN)),
            Case(
                "unknown",
                {"user.password": UNKNOWN},
                ["user: has a password: use an IAM user, or passwordWo with passwordWoVersion"],
            ),
            Case("unknown", {"push.pushConfig.pushEndpoint": UNKNOWN, "call.httpTarget": UNKNOWN}),
        ],
    ),
    "private-database": Cases(
        good=[r.database("db")],
        cases=[
            Case(
                "wrong",
                {"db.settings.ipConfiguration.ipv4Enabled": True},
                ["db: has a public address: ipv4Enabled is not false"],
            ),
            Case(
                "unset",
                {"db.settings.ipConfiguration.ipv4Enabled": ...},
                ["db: has a public address: ipv4Enabled is not false"],
            ),
            Case("passes", {"db.settings.ipConfiguration.ipv4Enabled": "false"}),
            Case(
                "unknown",
                {"db.settings.ipConfiguration.ipv4Enabled": UNKNOWN},
                ["db: has a public address: ipv4Enabled is not false"],
            ),
            Case(
                "wrong",
                {"db.settings.ipConfiguration.sslMode": "ALLOW_UNENCRYPTED_AND_ENCRYPTED"},
                [f"{_NO_TLS} ALLOW_UNENCRYPTED_AND_ENCRYPTED"],
            ),
            Case("unset", {"db.settings.ipConfiguration.sslMode": ...}, [f"{_NO_TLS} unset"]),
            Case("unknown", {"db.settings.ipConfiguration.sslMode": UNKNOWN}, [f"{_NO_TLS} <known at update>"]),
            Case("passes", {"db.settings.ipConfiguration.sslMode": "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"}),
            Case(
                "unset",
                {"db.settings.ipConfiguration": ...},
                ["db: has a public address: ipv4Enabled is not false", f"{_NO_TLS} unset"],
            ),
            Case(
                "unknown",
                {"db.settings.ipConfiguration": UNKNOWN},
                ["db: its ipConfiguration is not known at preview"],
            ),
            Case(
                "wrong",
                {"db.settings.ipConfiguration.authorizedNetworks": [{"value": "0.0.0.0/0"}]},
                ["db: is open to 0.0.0.0/0"],
            ),
        ],
    ),
    "no-simulator": Cases(
        good=[
            r.service("run", env=_OFF),
            r.run_job("job", env=_OFF),
            r.function("fn", env=_OFF),
            r.composer("airflow", env=_OFF),
        ],
        parameters={"switches": ["SIMULATOR_ENABLED"]},
        cases=[
            _simulating("wrong", "true", "true"),
            _simulating("wrong", "yes", "yes"),
            _simulating("wrong", "1", "1"),
            _simulating("passes", "0"),
            _simulating("passes", "FALSE"),
            _simulating("passes", "true", protected=False),
            _simulating("passes", "true", switches=["OTHER"]),
            _simulating("passes", "true", switches=[]),
            _simulating("wrong", "true", "true", switches=["*_ENABLED"]),
            Case(
                "wrong",
                {"run.template.containers.0.envs.0": _SECRET},
                ["run: has SIMULATOR_ENABLED set to a secret's value in a protected stack"],
            ),
            Case(
                "wrong",
                {"run.template.containers.0.envs.0.value": "true"},
                ["run: has SIMULATOR_ENABLED set to true in a protected stack"],
            ),
            Case("unset", {"run.template.containers.0.envs.0.value": ...}),
            Case("unset", {"fn.serviceConfig.environmentVariables": ...}),
            _simulating("unknown", UNKNOWN, "<known at update>"),
            Case(
                "unknown",
                {"fn.serviceConfig.environmentVariables": UNKNOWN},
                ["fn: may have SIMULATOR_ENABLED: its environment is not known at preview"],
            ),
            Case(
                "unknown",
                {"fn.serviceConfig.environmentVariables": UNKNOWN},
                ["fn: may have SIMULATOR_ENABLED, REPLAY_ENABLED: its environment is not known at preview"],
                {"switches": ["SIMULATOR_ENABLED", "REPLAY_ENABLED"]},
            ),
            Case(
                "unknown",
                {"run.template.containers.0.envs": UNKNOWN},
                ["run: may have SIMULATOR_ENABLED: its environment is not known at preview"],
            ),
            Case(
                "unknown",
                {"job.template": UNKNOWN},
                ["job: may have SIMULATOR_ENABLED: its environment is not known at preview"],
            ),
            Case(
                "unknown",
                {"airflow.config.softwareConfig": UNKNOWN},
                ["airflow: may have SIMULATOR_ENABLED: its environment is not known at preview"],
            ),
        ],
    ),
}
