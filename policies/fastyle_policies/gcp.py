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


# Where services and jobs keep containers and volumes, and other workloads their environment and the account they run as.
_TEMPLATES = {RUN_SERVICE: "template", RUN_JOB: "template.template"}
_ENVIRONMENTS = {FUNCTION: "serviceConfig.environmentVariables", COMPOSER: "config.softwareConfig.envVariables"}
_ACCOUNTS = {FUNCTION: "serviceConfig.serviceAccountEmail", COMPOSER: "config.nodeConfig.serviceAccount"}


def variables(workload: Resource) -> Iterator[Variable]:
    """The environment of a Cloud Run service or job, a function or a Composer environment."""
    for container in containers(workload):
        for env in blocks(container, "envs"):
            secret = dig(env, "valueSource.secretKeyRef.secret")
            yield Variable(str(env.get("name")), None if secret else env.get("value"), secret, "template")
    if path := _ENVIRONMENTS.get(workload.type):
        values = workload.get(path)
        for name, value in values.items() if isinstance(values, Mapping) else ():
            yield Variable(name, value, None, path.partition(".")[0])
    if workload.type == FUNCTION:
        for env in workload.blocks("serviceConfig.secretEnvironmentVariables"):
            yield Variable(str(env.get("key")), None, env.get("secret"), "serviceConfig")


def environment_unknown(workload: Resource) -> bool:
    """Whether some of the workload's variables are known only at update, name and all."""
    if template := _TEMPLATES.get(workload.type):
        environments = [dig(container, "envs") for container in containers(workload)]
        return workload.get(f"{template}.containers") is UNKNOWN or UNKNOWN in environments
    return workload.get(_ENVIRONMENTS[workload.type]) is UNKNOWN


def containers(workload: Resource) -> list[Mapping[str, Any]]:
    """The containers of a Cloud Run service or job; none of anything else."""
    template = _TEMPLATES.get(workload.type)
    return workload.blocks(f"{template}.containers") if template else []


def mounted_secrets(workload: Resource) -> Iterator[Variable]:
    """Secrets that the workload sees as files."""
    if template := _TEMPLATES.get(workload.type):
        for volume in workload.blocks(f"{template}.volumes"):
            secret = dig(volume, "secret.secret")
            if secret or secret is UNKNOWN:
                yield Variable(str(volume.get("name")), None, secret, "template")
    elif workload.type == FUNCTION:
        for volume in workload.blocks("serviceConfig.secretVolumes"):
            yield Variable(str(volume.get("mountPath")), None, volume.get("secret"), "serviceConfig")


def account_path(workload: Resource) -> str:
    """The property that names the account a workload runs as."""
    template = _TEMPLATES.get(workload.type)
    return f"{template}.serviceAccount" if template else _ACCOUNTS[workload.type]
