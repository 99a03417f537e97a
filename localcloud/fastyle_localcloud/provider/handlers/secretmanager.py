"""Secrets and their versions, in files that only their owner reads."""

from __future__ import annotations

from fastyle_localcloud.provider.live import Live, Properties, live
from fastyle_localcloud.secret_store import SecretError


@live("gcp:secretmanager/secret:Secret")
class Secret(Live):
    async def create(self, inputs: Properties) -> Properties:
        self.cloud.secrets.create(inputs["secretId"])
        return {}

    async def read(self, state: Properties) -> Properties | None:
        return {} if self.cloud.secrets.exists(state["secretId"]) else None

    async def delete(self, state: Properties) -> None:
        self.cloud.secrets.delete(state["secretId"])


@live("gcp:secretmanager/secretVersion:SecretVersion")
class SecretVersion(Live):
    async def create(self, inputs: Properties) -> Properties:
        payload = inputs.get("secretData") or inputs.get("secretDataWo") or ""
        version = self.cloud.secrets.add_version(_secret(inputs), str(payload).encode())
        id = f"{inputs['secret']}/versions/{version.number}"
        return {"id": id, "version": str(version.number), "name": id, "createTime": version.created}

    async def read(self, state: Properties) -> Properties | None:
        try:
            version = self.cloud.secrets.version(_secret(state), state["id"].rsplit("/", 1)[-1])
        except SecretError:
            return None
        return None if version.state == "DESTROYED" else {}

    async def delete(self, state: Properties) -> None:
        if self.cloud.secrets.exists(_secret(state)):
            self.cloud.secrets.set_state(_secret(state), state["id"].rsplit("/", 1)[-1], "DESTROYED")


def _secret(values: Properties) -> str:
    return str(values["secret"]).rsplit("/", 1)[-1]
