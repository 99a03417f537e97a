"""Grants: every IAM member becomes a row that the stand-ins ask for, under the resource's full name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from localcloud.provider.live import Live, Properties, live

if TYPE_CHECKING:
    from localcloud.cloud import LocalCloud


def _in_project(kind: str, key: str) -> Callable[[Properties], str]:
    """`projects/<project>/<kind>/<last part of key>`: the argument may be a short name or a full one."""
    return lambda v: f"projects/{v['project']}/{kind}/{v[key].rsplit('/', 1)[-1]}"


def _in_location(kind: str, key: str) -> Callable[[Properties], str]:
    return lambda v: f"projects/{v['project']}/locations/{v['location']}/{kind}/{v[key].rsplit('/', 1)[-1]}"


def _table(v: Properties) -> str:
    dataset, table = (v[key].rsplit("/", 1)[-1] for key in ("datasetId", "tableId"))
    return f"projects/{v['project']}/datasets/{dataset}/tables/{table}"


RESOURCES: dict[str, Callable[[Properties], str]] = {
    "gcp:pubsub/topicIAMMember:TopicIAMMember": _in_project("topics", "topic"),
    "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember": _in_project("subscriptions", "subscription"),
    "gcp:storage/bucketIAMMember:BucketIAMMember": lambda v: f"buckets/{v['bucket'].removeprefix('b/')}",
    "gcp:bigquery/datasetIamMember:DatasetIamMember": _in_project("datasets", "datasetId"),
    "gcp:bigquery/iamMember:IamMember": _table,
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": _in_location("services", "name"),
    # A function of the second generation is invoked through the service behind it.
    "gcp:cloudfunctionsv2/functionIamMember:FunctionIamMember": _in_location("services", "cloudFunction"),
    "gcp:secretmanager/secretIamMember:SecretIamMember": _in_project("secrets", "secretId"),
    "gcp:serviceaccount/iAMMember:IAMMember": lambda v: str(v["serviceAccountId"]),
    "gcp:projects/iAMMember:IAMMember": lambda v: f"projects/{v['project'].removeprefix('projects/')}",
}


def resource_of(token: str, values: Properties) -> str:
    return RESOURCES[token](values)


class _Grant(Live):
    def __init__(self, token: str) -> None:
        self._token = token

    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        cloud.iam.grant(resource_of(self._token, inputs), inputs["role"], inputs["member"])
        return inputs["id"], {"etag": "BwX"}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        there = (resource_of(self._token, state), state["role"], state["member"]) in cloud.iam.grants()
        return {} if there else None

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        raise AssertionError("every change of a grant replaces it")

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        cloud.iam.revoke(resource_of(self._token, state), state["role"], state["member"])


for _token in RESOURCES:
    live(_token)(type("Grant", (_Grant,), {"__init__": lambda self, token=_token: _Grant.__init__(self, token)}))


@live("gcp:bigquery/datasetAccess:DatasetAccess")
class DatasetAccess(Live):
    """An entry of a dataset's access list: a principal's role becomes a grant; an authorised view is recorded."""

    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        if grant := _entry(inputs):
            cloud.iam.grant(*grant)
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        grant = _entry(state)
        return None if grant and grant not in cloud.iam.grants() else {}

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        raise AssertionError("every change of an access entry replaces it")

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        if grant := _entry(state):
            cloud.iam.revoke(*grant)


_LEGACY_ROLES = {
    "READER": "roles/bigquery.dataViewer",
    "WRITER": "roles/bigquery.dataEditor",
    "OWNER": "roles/bigquery.dataOwner",
}


def _entry(values: Properties) -> tuple[str, str, str] | None:
    member = str(values.get("iamMember") or "")
    if email := values.get("userByEmail"):
        member = f"{'serviceAccount' if email.endswith('.gserviceaccount.com') else 'user'}:{email}"
    if group := values.get("groupByEmail"):
        member = f"group:{group}"
    role = str(values.get("role") or "")
    if not member or not role:
        return None
    return f"projects/{values['project']}/datasets/{values['datasetId']}", _LEGACY_ROLES.get(role, role), member


@live("gcp:serviceaccount/account:Account")
class Account(Live):
    """A service account: its own metadata server, tokens, and port of the Pub/Sub stand-in."""

    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        await cloud.metadata.add(inputs["email"])
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        return {} if cloud.metadata.exists(state["email"]) else None

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        return {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        await cloud.metadata.remove(state["email"])
