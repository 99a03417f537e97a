"""What costs nothing by itself, and why. A type that is neither here nor priced is listed as not estimated."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

GRANT = "identity and access management is free of charge"
WITH_INSTANCE = "billed with its instance"

FREE: Mapping[str, str] = {
    # Grants and identities of every service.
    "gcp:*IamMember": GRANT,
    "gcp:*IAMMember": GRANT,
    "gcp:*IamBinding": GRANT,
    "gcp:*IAMBinding": GRANT,
    "gcp:*IamPolicy": GRANT,
    "gcp:*IAMPolicy": GRANT,
    "gcp:bigquery/datasetAccess:DatasetAccess": GRANT,
    "gcp:serviceaccount/account:Account": GRANT,
    "gcp:projects/iAMCustomRole:IAMCustomRole": GRANT,
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": GRANT,
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": GRANT,
    "gcp:projects/service:Service": "switching an API on is free; what is used of it is billed where it is used",
    "gcp:projects/serviceIdentity:ServiceIdentity": GRANT,
    "gcp:billing/budget:Budget": "budgets are free; their notices count as Pub/Sub messages of their topic",
    # Parts whose cost is counted on the resource that holds them.
    "gcp:pubsub/schema:Schema": "schemas are free; validation is part of publishing",
    "gcp:sql/database:Database": WITH_INSTANCE,
    "gcp:sql/user:User": WITH_INSTANCE,
    "gcp:storage/bucketObject:BucketObject": "its bytes and writes are counted with its bucket",
    "gcp:bigquery/routine:Routine": "costs only what its queries scan",
    # Networks without gateways.
    "gcp:compute/network:Network": "a network is free; traffic is billed where it leaves",
    "gcp:compute/subnetwork:Subnetwork": "a subnetwork is free; flow logs are off unless asked for",
    "gcp:compute/firewall:Firewall": "firewall rules are free",
    "gcp:compute/router:Router": "a router is free; its NAT is billed",
    "gcp:servicenetworking/connection:Connection": "private services access is free",
    # Monitoring.
    "gcp:monitoring/alertPolicy:AlertPolicy": "free until September 2027; then 0.35 USD a metric reference a month",
    "gcp:monitoring/customService:CustomService": "services and their objectives are free",
    "gcp:monitoring/dashboard:Dashboard": "dashboards are free",
    "gcp:monitoring/notificationChannel:NotificationChannel": "channels are free; a topic's messages are billed there",
    "gcp:monitoring/slo:Slo": "services and their objectives are free",
}


def why_free(type_: str) -> str | None:
    """The reason why a type is free; None for one that is not known to be."""
    return FREE.get(type_) or next((why for pattern, why in FREE.items() if fnmatchcase(type_, pattern)), None)
