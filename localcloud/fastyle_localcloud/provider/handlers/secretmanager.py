"""Secrets and their versions, in files that only their owner reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastyle_localcloud.provider.live import Live, Properties, live
from fastyle_localcloud.secret_store import SecretError

if TYPE_CHECKING:
    from fastyle_localcloud.cloud import LocalCloud


@live("gcp:secretmanager/secret:Secret")
class Secret(Live):
    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        cloud.secrets.create(inputs["secretId"])
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        return {} if cloud.secrets.exists(state["secretId"]) else None

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        cloud.secrets.delete(state["secretId"])


@live("gcp:secretmanager/secretVersion:SecretVersion")
class SecretVersion(Live):
    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        payload = inputs.get("secretData") or inputs.get("secretDataWo") or ""
        version = cloud.secrets.add_version(_secret(inputs), str(payload).encode())
        id = f"{inputs['secret']}/versions/{version.number}"
        return id, {"version": str(version.number), "name": id, "createTime": version.created}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        try:
            version = cloud.secrets.version(_secret(state), id.rsplit("/", 1)[-1])
        except SecretError:
            return None
        return None if version.state == "DESTROYED" else {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        if cloud.secrets.exists(_secret(state)):
            cloud.secrets.set_state(_secret(state), id.rsplit("/", 1)[-1], "DESTROYED")


def _secret(values: Properties) -> str:
    return str(values["secret"]).rsplit("/", 1)[-1]
