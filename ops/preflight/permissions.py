"""The permissions that making, changing and removing each type of resource takes.

Names as in https://docs.cloud.google.com/iam/docs/permissions-reference. What a plan needs is the union over its types;
a type that is not here is said to be unknown, never passed over.
"""

from __future__ import annotations

from collections.abc import Iterable

_LIFE = ("create", "get", "update", "delete")
_POLICY = ("getIamPolicy", "setIamPolicy")


def _of(resource: str, verbs: Iterable[str] = _LIFE, *more: str) -> tuple[str, ...]:
    return (*(f"{resource}.{verb}" for verb in verbs), *more)


ON_PROJECT: dict[str, tuple[str, ...]] = {
    "artifactregistry/repository:Repository": _of("artifactregistry.repositories"),
    "artifactregistry/repositoryIamMember:RepositoryIamMember": _of("artifactregistry.repositories", _POLICY),
    "bigquery/dataset:Dataset": _of("bigquery.datasets"),
    "bigquery/datasetAccess:DatasetAccess": _of("bigquery.datasets", ("get", "update")),
    "bigquery/datasetIamMember:DatasetIamMember": _of("bigquery.datasets", ("get", "update")),
    "bigquery/iamMember:IamMember": _of("bigquery.tables", _POLICY),
    "bigquery/routine:Routine": _of("bigquery.routines"),
    "bigquery/table:Table": _of("bigquery.tables"),
    "cloudfunctionsv2/function:Function": _of("cloudfunctions.functions", _LIFE, "iam.serviceAccounts.actAs"),
    "cloudfunctionsv2/functionIamMember:FunctionIamMember": _of("cloudfunctions.functions", _POLICY),
    "cloudrunv2/service:Service": _of("run.services", _LIFE, "iam.serviceAccounts.actAs"),
    "cloudrunv2/serviceIamMember:ServiceIamMember": _of("run.services", _POLICY),
    "cloudscheduler/job:Job": _of("cloudscheduler.jobs", _LIFE, "iam.serviceAccounts.actAs"),
    "composer/environment:Environment": _of("composer.environments", _LIFE, "iam.serviceAccounts.actAs"),
    "compute/globalAddress:GlobalAddress": _of("compute.globalAddresses", ("createInternal", "get", "deleteInternal")),
    "compute/network:Network": _of("compute.networks", ("create", "get", "delete", "updatePolicy")),
    "compute/router:Router": _of("compute.routers"),
    "compute/routerNat:RouterNat": _of("compute.routers", ("get", "update")),
    "compute/subnetwork:Subnetwork": _of("compute.subnetworks"),
    "iam/workloadIdentityPool:WorkloadIdentityPool": _of("iam.workloadIdentityPools"),
    "iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": _of("iam.workloadIdentityPoolProviders"),
    "iap/webCloudRunServiceIamMember:WebCloudRunServiceIamMember": _of("iap.webServices", _POLICY),
    "logging/metric:Metric": _of("logging.logMetrics"),
    "logging/projectBucketConfig:ProjectBucketConfig": _of("logging.buckets", ("get", "update")),
    "logging/projectSink:ProjectSink": _of("logging.sinks"),
    "monitoring/alertPolicy:AlertPolicy": _of("monitoring.alertPolicies"),
    "monitoring/customService:CustomService": _of("monitoring.services"),
    "monitoring/dashboard:Dashboard": _of("monitoring.dashboards"),
    "monitoring/notificationChannel:NotificationChannel": _of("monitoring.notificationChannels"),
    "monitoring/slo:Slo": _of("monitoring.slos"),
    "monitoring/uptimeCheckConfig:UptimeCheckConfig": _of("monitoring.uptimeCheckConfigs"),
    "projects/iAMCustomRole:IAMCustomRole": _of("iam.roles"),
    "projects/iAMMember:IAMMember": _of("resourcemanager.projects", _POLICY),
    "projects/service:Service": _of("serviceusage.services", ("enable", "get", "list")),
    "projects/serviceIdentity:ServiceIdentity": _of("serviceusage.services", ("enable",)),
    "pubsub/schema:Schema": _of("pubsub.schemas", ("create", "get", "commit", "attach", "delete")),
    "pubsub/subscription:Subscription": _of("pubsub.subscriptions", _LIFE, "pubsub.topics.attachSubscription"),
    "pubsub/subscriptionIAMMember:SubscriptionIAMMember": _of("pubsub.subscriptions", _POLICY),
    "pubsub/topic:Topic": _of("pubsub.topics"),
    "pubsub/topicIAMMember:TopicIAMMember": _of("pubsub.topics", _POLICY),
    "secretmanager/secret:Secret": _of("secretmanager.secrets"),
    "secretmanager/secretIamMember:SecretIamMember": _of("secretmanager.secrets", _POLICY),
    "secretmanager/secretVersion:SecretVersion": _of("secretmanager.versions", ("add", "get", "access", "destroy")),
    "serviceaccount/account:Account": _of("iam.serviceAccounts"),
    "serviceaccount/iAMMember:IAMMember": _of("iam.serviceAccounts", _POLICY),
    "servicenetworking/connection:Connection": (
        *_of("servicenetworking.services", ("addPeering", "get", "deleteConnection")),
        *_of("compute.networks", ("addPeering", "removePeering")),
    ),
    "sql/database:Database": _of("cloudsql.databases"),
    "sql/databaseInstance:DatabaseInstance": _of("cloudsql.instances"),
    "sql/user:User": _of("cloudsql.users", ("create", "list", "update", "delete")),
    "storage/bucket:Bucket": _of("storage.buckets"),
    "storage/bucketIAMMember:BucketIAMMember": _of("storage.buckets", _POLICY),
    "storage/bucketObject:BucketObject": _of("storage.objects", ("create", "get", "delete")),
}
ON_BILLING_ACCOUNT: dict[str, tuple[str, ...]] = {
    "billing/accountIamMember:AccountIamMember": _of("billing.accounts", _POLICY),
    "billing/budget:Budget": _of("billing.budgets"),
}


def needed(types: Iterable[str], table: dict[str, tuple[str, ...]]) -> list[str]:
    """The permissions that the types take."""
    return sorted({p for type_ in types for p in table.get(type_.removeprefix("gcp:"), ())})


def untold(types: Iterable[str]) -> list[str]:
    """Types of which neither table says anything."""
    return sorted({t for t in types if t.removeprefix("gcp:") not in ON_PROJECT | ON_BILLING_ACCOUNT})
