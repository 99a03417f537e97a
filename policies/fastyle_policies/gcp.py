"""What the rules know of Google Cloud's resource types: tokens, where labels live, what a workload runs with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastyle_policies.model import UNKNOWN, Resource, blocks, dig

BUCKET = "gcp:storage/bucket:Bucket"
BUDGET = "gcp:billing/budget:Budget"
COMPOSER = "gcp:composer/environment:Environment"
DATASET = "gcp:bigquery/dataset:Dataset"
FUNCTION = "gcp:cloudfunctionsv2/function:Function"
BIGQUERY_JOB = "gcp:bigquery/job:Job"
CRYPTO_KEY = "gcp:kms/cryptoKey:CryptoKey"
DATASET_ACCESS = "gcp:bigquery/datasetAccess:DatasetAccess"
JOB = "gcp:cloudscheduler/job:Job"
RUN_JOB = "gcp:cloudrunv2/job:Job"
RUN_SERVICE = "gcp:cloudrunv2/service:Service"
SECRET = "gcp:secretmanager/secret:Secret"  # noqa: S105 (a type token)
SECRET_VERSION = "gcp:secretmanager/secretVersion:SecretVersion"  # noqa: S105
SERVICE_ACCOUNT = "gcp:serviceaccount/account:Account"
SINKS = (
    "gcp:logging/projectSink:ProjectSink",
    "gcp:logging/folderSink:FolderSink",
    "gcp:logging/organizationSink:OrganizationSink",
    "gcp:logging/billingAccountSink:BillingAccountSink",
)
SQL_INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"
SQL_USER = "gcp:sql/user:User"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
TABLE = "gcp:bigquery/table:Table"
TOPIC = "gcp:pubsub/topic:Topic"

# Types that grant a role, by pattern: to one member, or (`members`) to all of a role's.
MEMBER_GRANTS = ("gcp:*IAMMember", "gcp:*IamMember")
GRANTS = (*MEMBER_GRANTS, "gcp:*IAMBinding", "gcp:*IamBinding")

WORKLOADS = (RUN_SERVICE, RUN_JOB, FUNCTION, COMPOSER)

# Where each type keeps the labels that a bill is split by. Types that cannot be labelled are absent.
LABELS: Mapping[str, str] = {
    **dict.fromkeys(
        [BUCKET, COMPOSER, DATASET, FUNCTION, RUN_JOB, RUN_SERVICE, SECRET, SUBSCRIPTION, TABLE, TOPIC], "labels"
    ),
    "gcp:artifactregistry/repository:Repository": "labels",
    "gcp:compute/address:Address": "labels",
    "gcp:compute/globalAddress:GlobalAddress": "labels",
    "gcp:compute/instance:Instance": "labels",
    "gcp:compute/disk:Disk": "labels",
    SQL_INSTANCE: "settings.userLabels",
    "gcp:monitoring/alertPolicy:AlertPolicy": "userLabels",
    "gcp:monitoring/notificationChannel:NotificationChannel": "userLabels",
}


def members(grant: Resource) -> list[Any]:
    """Whom a grant is for, as far as it is known."""
    several = grant.get("members")
    return [*(several if isinstance(several, list | tuple) else []), grant.get("member")]


@dataclass(frozen=True)
class Variable:
    """An environment variable of a workload: a literal `value` (possibly UNKNOWN), or a secret by reference."""

    name: str
    value: Any = None
    secret: Any = None
    source: str = ""  # the top-level property it came from, for Resource.references


def variables(workload: Resource) -> Iterator[Variable]:
    """The environment of a Cloud Run service or job, a function or a Composer environment."""
    if workload.type in (RUN_SERVICE, RUN_JOB):
        for container in containers(workload):
            for env in blocks(container, "envs"):
                secret = dig(env, "valueSource.secretKeyRef.secret")
                yield Variable(str(env.get("name")), None if secret else env.get("value"), secret, "template")
    elif workload.type == FUNCTION:
        yield from _map(workload, "serviceConfig.environmentVariables")
        for env in workload.blocks("serviceConfig.secretEnvironmentVariables"):
            yield Variable(str(env.get("key")), None, env.get("secret"), "serviceConfig")
    elif workload.type == COMPOSER:
        yield from _map(workload, "config.softwareConfig.envVariables")


def environment_unknown(workload: Resource) -> bool:
    """Whether some of the workload's variables are known only at update, name and all."""
    if workload.type in (RUN_SERVICE, RUN_JOB):
        environments = [dig(container, "envs") for container in containers(workload)]
        return workload.get(_containers(workload)) is UNKNOWN or UNKNOWN in environments
    path = "serviceConfig.environmentVariables" if workload.type == FUNCTION else "config.softwareConfig.envVariables"
    return workload.get(path) is UNKNOWN


def _map(workload: Resource, path: str) -> Iterator[Variable]:
    values = workload.get(path)
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield Variable(name, value, None, path.partition(".")[0])


def containers(workload: Resource) -> list[Mapping[str, Any]]:
    return workload.blocks(_containers(workload))


def _containers(workload: Resource) -> str:
    return "template.template.containers" if workload.type == RUN_JOB else "template.containers"


def mounted_secrets(workload: Resource) -> Iterator[Variable]:
    """Secrets that the workload sees as files."""
    if workload.type in (RUN_SERVICE, RUN_JOB):
        path = "template.template.volumes" if workload.type == RUN_JOB else "template.volumes"
        for volume in workload.blocks(path):
            secret = dig(volume, "secret.secret")
            if secret or secret is UNKNOWN:
                yield Variable(str(volume.get("name")), None, secret, "template")
    elif workload.type == FUNCTION:
        for volume in workload.blocks("serviceConfig.secretVolumes"):
            yield Variable(str(volume.get("mountPath")), None, volume.get("secret"), "serviceConfig")


def account_path(workload: Resource) -> str:
    """The property that names the account a workload runs as."""
    return {
        RUN_SERVICE: "template.serviceAccount",
        RUN_JOB: "template.template.serviceAccount",
        FUNCTION: "serviceConfig.serviceAccountEmail",
        COMPOSER: "config.nodeConfig.serviceAccount",
    }[workload.type]
