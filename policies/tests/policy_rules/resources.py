"""Resources that no rule finds fault with, complete enough for the provider. URNs as the engine would give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastyle_policies import gcp
from fastyle_policies.model import Resource

PROJECT = "shop-1"
LABELS = {"environment": "prod", "application": "shop", "component": "test"}
AGENT = "serviceAccount:service-123456789012@gcp-sa-{}.iam.gserviceaccount.com"
PUBSUB = AGENT.format("pubsub")


def resource(
    type_: str, name: str, references: Mapping[str, tuple[str, ...]] | None = None, /, **props: Any
) -> Resource:
    return Resource(type_, name, props, urn(type_, name), references or {})


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:scratch-shop::shop::{type_}::{name}"


def bucket(name: str, **props: Any) -> Resource:
    return resource(
        gcp.BUCKET,
        name,
        **{
            "name": f"shop-1-{name}",
            "location": "us-central1",
            "labels": LABELS,
            "publicAccessPrevention": "enforced",
            "uniformBucketLevelAccess": True,
            "lifecycleRules": [{"action": {"type": "Delete"}, "condition": {"age": 400}}],
            **props,
        },
    )


def topic(logical: str, /, **props: Any) -> Resource:
    return resource(gcp.TOPIC, logical, **{"name": logical, "labels": LABELS, **props})


def subscription(name: str, of: str, **props: Any) -> Resource:
    return resource(
        gcp.SUBSCRIPTION,
        name,
        **{
            "name": name,
            "topic": of,
            "labels": LABELS,
            "ackDeadlineSeconds": 600,
            "messageRetentionDuration": "604800s",
            "expirationPolicy": {"ttl": ""},
            **props,
        },
    )


def dead_letters(to: str) -> dict[str, Any]:
    return {
        "deadLetterPolicy": {"deadLetterTopic": f"projects/{PROJECT}/topics/{to}", "maxDeliveryAttempts": 100},
        "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
    }


def push(endpoint: str, caller: str) -> dict[str, Any]:
    token = {"serviceAccountEmail": email(caller), "audience": "https://shop.example"}
    return {"pushConfig": {"pushEndpoint": endpoint, "oidcToken": token}}


def dataset(name: str, **props: Any) -> Resource:
    return resource(gcp.DATASET, name, **{"datasetId": name, "location": "us-central1", "labels": LABELS, **props})


def table(name: str, of: str, **props: Any) -> Resource:
    return resource(
        gcp.TABLE,
        name,
        **{
            "datasetId": of,
            "tableId": name,
            "labels": LABELS,
            "deletionProtection": True,
            "requirePartitionFilter": True,
            "timePartitioning": {"type": "DAY", "expirationMs": 7_776_000_000},
            "schema": '[{"name": "data", "type": "STRING", "mode": "NULLABLE"}]',
            **props,
        },
    )


def account(name: str) -> Resource:
    return resource(gcp.SERVICE_ACCOUNT, name, accountId=name, email=email(name), project=PROJECT)


def email(name: str) -> str:
    return f"{name}@{PROJECT}.iam.gserviceaccount.com"


def member(name: str) -> str:
    return f"serviceAccount:{email(name)}"


def service(name: str, runs_as: str = "shop-runner", env: Mapping[str, Any] | None = None, **props: Any) -> Resource:
    container = {
        "image": "us-docker.pkg.dev/cloudrun/container/hello",
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "cpuIdle": True},
        "envs": [{"name": key, "value": value} for key, value in (env or {}).items()],
    }
    template = {
        "containers": [container],
        "scaling": {"minInstanceCount": 0, "maxInstanceCount": 5},
        "serviceAccount": email(runs_as),
    }
    return resource(
        gcp.RUN_SERVICE,
        name,
        **{"name": name, "location": "us-central1", "labels": LABELS, "template": template, **props},
    )


def run_job(name: str, runs_as: str = "shop-runner", env: Mapping[str, Any] | None = None, **props: Any) -> Resource:
    container = {
        "image": "us-docker.pkg.dev/cloudrun/container/job",
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}},
        "envs": [{"name": key, "value": value} for key, value in (env or {}).items()],
    }
    template = {"template": {"containers": [container], "serviceAccount": email(runs_as)}}
    return resource(
        gcp.RUN_JOB, name, **{"name": name, "location": "us-central1", "labels": LABELS, "template": template, **props}
    )


def function(name: str, runs_as: str = "shop-runner", env: Mapping[str, Any] | None = None, **props: Any) -> Resource:
    return resource(
        gcp.FUNCTION,
        name,
        **{
            "name": name,
            "location": "us-central1",
            "labels": LABELS,
            "buildConfig": {
                "runtime": "python311",
                "entryPoint": "handle",
                "serviceAccount": f"projects/{PROJECT}/serviceAccounts/{email('shop-builder')}",
                "dockerRepository": f"projects/{PROJECT}/locations/us-central1/repositories/functions",
                "source": {"storageSource": {"bucket": "shop-1-archives", "object": "function.zip"}},
            },
            "serviceConfig": {
                "availableCpu": "1",
                "availableMemory": "512M",
                "minInstanceCount": 0,
                "maxInstanceCount": 5,
                "serviceAccountEmail": email(runs_as),
                "environmentVariables": dict(env or {}),
            },
            **props,
        },
    )


def composer(name: str, runs_as: str = "shop-runner", env: Mapping[str, Any] | None = None, **props: Any) -> Resource:
    return resource(
        gcp.COMPOSER,
        name,
        **{
            "name": name,
            "region": "us-central1",
            "labels": LABELS,
            "config": {
                "environmentSize": "ENVIRONMENT_SIZE_SMALL",
                "nodeConfig": {"serviceAccount": email(runs_as)},
                "softwareConfig": {
                    "imageVersion": "composer-3-airflow-3.3.1-build.10",
                    "envVariables": dict(env or {}),
                },
                "workloadsConfig": {"worker": {"cpu": 1, "memoryGb": 4, "storageGb": 1, "minCount": 1, "maxCount": 3}},
            },
            **props,
        },
    )


def database(name: str, **settings: Any) -> Resource:
    return resource(
        gcp.SQL_INSTANCE,
        name,
        name=name,
        region="us-central1",
        databaseVersion="POSTGRES_17",
        deletionProtection=True,
        settings={
            "tier": "db-custom-2-7680",
            "edition": "ENTERPRISE",
            "availabilityType": "ZONAL",
            "deletionProtectionEnabled": True,
            "diskSize": 50,
            "diskAutoresize": True,
            "diskAutoresizeLimit": 200,
            "userLabels": LABELS,
            "backupConfiguration": {
                "enabled": True,
                "pointInTimeRecoveryEnabled": True,
                "backupRetentionSettings": {"retainedBackups": 7, "retentionUnit": "COUNT"},
            },
            "ipConfiguration": {
                "ipv4Enabled": False,
                "privateNetwork": f"projects/{PROJECT}/global/networks/shop",
                "sslMode": "ENCRYPTED_ONLY",
            },
            **settings,
        },
    )


def schedule(name: str, uri: str, caller: str, token: str = "oidcToken", **props: Any) -> Resource:
    target = {"uri": uri, "httpMethod": "POST", token: {"serviceAccountEmail": email(caller)}}
    return resource(
        gcp.JOB,
        name,
        **{"name": name, "region": "us-central1", "schedule": "*/5 * * * *", "httpTarget": target, **props},
    )


def budget(name: str) -> Resource:
    thresholds = [{"thresholdPercent": share, "spendBasis": "CURRENT_SPEND"} for share in (0.5, 0.9, 1.0)]
    return resource(
        gcp.BUDGET,
        name,
        billingAccount="000000-000000-000000",
        displayName="shop",
        amount={"specifiedAmount": {"currencyCode": "USD", "units": "100"}},
        thresholdRules=thresholds,
        allUpdatesRule={"pubsubTopic": f"projects/{PROJECT}/topics/notices", "schemaVersion": "1.0"},
    )


def alert(name: str, filter_: str, **props: Any) -> Resource:
    condition = {
        "displayName": name,
        "conditionThreshold": {
            "filter": filter_,
            "comparison": "COMPARISON_GT",
            "duration": "300s",
            "thresholdValue": 1,
        },
    }
    return resource(
        "gcp:monitoring/alertPolicy:AlertPolicy",
        name,
        **{
            "displayName": name,
            "combiner": "OR",
            "conditions": [condition],
            "notificationChannels": [f"projects/{PROJECT}/notificationChannels/1"],
            "userLabels": LABELS,
            **props,
        },
    )


def grant(kind: str, name: str, role: Any, to: str, /, **on: Any) -> Resource:
    """`kind` as in `pubsub/topicIAMMember`."""
    type_ = kind.rpartition("/")[2]
    return resource(f"gcp:{kind}:{type_[0].upper()}{type_[1:]}", name, role=role, member=to, **on)


def on_project(name: str, role: Any, to: str) -> Resource:
    return grant("projects/iAMMember", name, role, to, project=PROJECT)
