"""Links beside those of this platform's own kind: keys, bucket notifications, triggers, scheduled queries, SQL users.

Sources: Google Cloud's documentation of each (customer-managed encryption keys of Pub/Sub, Cloud Storage, BigQuery,
Cloud SQL, Secret Manager, Artifact Registry and Cloud Run; Pub/Sub notifications for Cloud Storage; roles and
permissions for Eventarc triggers; scheduled queries' service accounts; IAM authentication of Cloud SQL).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from fastyle_policies import gcp
from fastyle_policies.least_privilege.given import ROLES, principal
from fastyle_policies.least_privilege.needed import STORAGE_AGENT, Need, PlatformNeeds
from fastyle_policies.links import Target
from fastyle_policies.model import UNKNOWN, Resource

NOTIFICATION = "gcp:storage/notification:Notification"
TRIGGER = "gcp:eventarc/trigger:Trigger"
TRANSFER = "gcp:bigquery/dataTransferConfig:DataTransferConfig"
KEY_USER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
TRANSFER_AGENT = "agent:gcp-sa-bigquerydatatransfer"

KEYS: Mapping[str, Sequence[str]] = ROLES["keys"]
"""Where a type names its customer-managed key, and the agents that use it."""
_CHANGES = re.compile(r"\b(insert|merge|update|delete|truncate|create|drop|alter)\b", re.IGNORECASE)


class Needs(PlatformNeeds):
    """Walks all of a plan's links."""

    def of(self, resource: Resource) -> Iterator[Need]:
        yield from super().of(resource)
        yield from _further(self, resource)


def _further(needs: PlatformNeeds, resource: Resource) -> Iterator[Need]:
    """What the links of a resource need, as far as they are of these kinds."""
    if resource.type in KEYS:
        yield from _key(needs, resource, *KEYS[resource.type])
    if resource.type == NOTIFICATION:
        topic = needs.index.resolve(resource, "topic", gcp.TOPIC)
        yield from needs.need(resource, "bucket notifications", "roles/pubsub.publisher", topic, STORAGE_AGENT)
    elif resource.type == TRIGGER:
        yield from _trigger(needs, resource)
    elif resource.type == TRANSFER:
        yield from _transfer(needs, resource)
    elif resource.type == gcp.SQL_USER:
        yield from _sql_user(needs, resource)


def _key(needs: PlatformNeeds, resource: Resource, path: str, agent: str, *others: str) -> Iterator[Need]:
    if _given(resource, path):
        if others:
            needs.cannot_follow(resource, f"customer-managed key of several service agents ({KEY_USER})")
            needs.opaque.update((agent, *others))
        else:
            yield from _uses_key(needs, resource, path, agent)
    if resource.type == gcp.SECRET:
        for replica in resource.blocks("replication.userManaged.replicas"):
            if replica.get("customerManagedEncryption") is not None:
                needs.cannot_follow(resource, f"customer-managed key of a replica ({KEY_USER})", agent)


def _given(resource: Resource, path: str) -> bool:
    """Whether a property is asked for. One that is left out may be unknown, too, where the cloud settles it."""
    value = resource.get(path)
    return bool(value) or (value is UNKNOWN and bool(resource.references.get(path.partition(".")[0])))


def _uses_key(needs: PlatformNeeds, resource: Resource, path: str, agent: str) -> Iterator[Need]:
    key = needs.index.resolve(resource, path, gcp.CRYPTO_KEY)
    # A key of another project is granted by whoever owns it: no grant here says nothing.
    for need in needs.need(resource, "customer-managed key", KEY_USER, key, agent, required=bool(key.resources)):
        yield need
        if not key.resources:
            needs.cannot_follow(resource, f"customer-managed key outside the plan ({KEY_USER})", unless=need)


def _trigger(needs: PlatformNeeds, trigger: Resource) -> Iterator[Need]:
    caller = needs.account(trigger, "serviceAccount")
    criteria = trigger.blocks("matchingCriterias")
    kind = next((str(c.get("value")) for c in criteria if c.get("attribute") == "type"), "")
    yield from needs.events(trigger, kind, caller)
    if trigger.get("destination.cloudRunService") is not None:
        service = needs.index.resolve(trigger, "destination.cloudRunService.service", gcp.RUN_SERVICE)
        yield from needs.need(trigger, "event trigger", "roles/run.invoker", service, caller)
    elif trigger.get("destination.workflow") is not None:
        yield from needs.on_project(trigger, "event trigger", "roles/workflows.invoker", caller)
    else:
        needs.cannot_follow(trigger, "event trigger (a destination other than Cloud Run or Workflows)", caller)


def _transfer(needs: PlatformNeeds, transfer: Resource) -> Iterator[Need]:
    """A scheduled query runs as an account of its own; what it reads and writes stands in its text."""
    account = needs.account(transfer, "serviceAccountName")
    if _given(transfer, "notificationPubsubTopic"):
        topic = needs.index.resolve(transfer, "notificationPubsubTopic", gcp.TOPIC)
        # The service grants it to itself where it may.
        yield from needs.need(transfer, "notices", "roles/pubsub.publisher", topic, TRANSFER_AGENT, required=False)
    if transfer.get("serviceAccountName") is None:
        return  # it runs as the person who made it
    if transfer.get("dataSourceId") != "scheduled_query":
        needs.cannot_follow(transfer, f"data transfer from {transfer.get('dataSourceId')}", account)
        return
    yield from needs.on_project(transfer, "scheduled query", "roles/bigquery.jobUser", account)
    if transfer.get("destinationDatasetId") is not None:
        target = needs.index.resolve(transfer, "destinationDatasetId", gcp.DATASET)
        yield from needs.need(transfer, "scheduled query", "roles/bigquery.dataEditor", target, account)
    query = transfer.get("params.query")
    if not isinstance(query, str):
        needs.cannot_follow(transfer, "scheduled query (its text)", account)
        return
    # Tables of the plan's datasets that it names: to be read, or changed where it says so. Whether all of a name
    # in a text is a table is not certain: these needs explain grants, and demand none.
    roles = ["roles/bigquery.dataViewer", *(["roles/bigquery.dataEditor"] if _CHANGES.search(query) else [])]
    for dataset in needs.index.plan.of(gcp.DATASET):
        name = dataset.get("datasetId")
        if isinstance(name, str) and re.search(rf"(?<![\w-]){re.escape(name)}`?\.`?\w", query):
            for role in roles:
                yield from needs.need(transfer, "scheduled query", role, Target((dataset,)), account, required=False)


def _sql_user(needs: PlatformNeeds, user: Resource) -> Iterator[Need]:
    """Who logs in by IAM needs the right to do so beside the user in the database."""
    if user.get("type") not in ("CLOUD_IAM_SERVICE_ACCOUNT", "CLOUD_IAM_USER", "CLOUD_IAM_GROUP"):
        return
    name = user.get("name")
    if user.get("type") == "CLOUD_IAM_SERVICE_ACCOUNT" and isinstance(name, str):
        name = name if name.endswith(".gserviceaccount.com") else f"{name}.gserviceaccount.com"
    member = principal(needs.index, user, "name", name)
    yield from needs.on_project(user, "Cloud SQL user", "roles/cloudsql.instanceUser", member)
