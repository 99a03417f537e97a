"""Buckets and objects in the Cloud Storage stand-in; what a bucket has beside its name stays in the records."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from fastyle_localcloud.provider.live import Live, Properties, Refused, live
from fastyle_localcloud.provider.wire import Asset
from fastyle_localcloud.storage.protocol import pieces


class _InStorage(Live):
    @abstractmethod
    def _path(self, values: Properties) -> str:
        """Under which path of the API it is."""

    def _url(self, values: Properties) -> str:
        return f"{self.cloud.storage_url}/storage/v1/b/{self._path(values)}"

    async def read(self, state: Properties) -> Properties | None:
        async with self.cloud.http.get(self._url(state)) as answer:
            return None if answer.status == 404 else {}

    async def _remove(self, url: str) -> None:
        async with self.cloud.http.delete(url):
            pass


@live("gcp:storage/bucket:Bucket")
class Bucket(_InStorage):
    def _path(self, values: Properties) -> str:
        return str(values["name"])

    async def create(self, inputs: Properties) -> Properties:
        url = f"{self.cloud.storage_url}/storage/v1/b?project={self.cloud.project}"
        async with self.cloud.http.post(url, json={"name": inputs["name"]}) as answer:
            if answer.status not in (200, 409):  # 409: an interrupted run made it
                raise Refused(f"bucket {inputs['name']}: {answer.status} {(await answer.text())[:200]}")
        return {}

    async def delete(self, state: Properties) -> None:
        names, base = await self._names(state), self._url(state)
        if names and not state.get("forceDestroy"):
            raise Refused(f"bucket {state['id']} holds {len(names)} objects; set force_destroy, or empty it first")
        while names:
            for name in names:
                await self._remove(f"{base}/o/{quote(name, safe='')}")
            names = await self._names(state)
        await self._remove(base)

    async def _names(self, state: Properties) -> list[str]:
        """A page of its objects' names; none of a bucket that is gone."""
        async with self.cloud.http.get(f"{self._url(state)}/o") as answer:
            return [item["name"] for item in (await answer.json()).get("items", [])]


@live("gcp:storage/bucketObject:BucketObject")
class BucketObject(_InStorage):
    """The generation changes with the content, which is how a service notices new code."""

    def _path(self, values: Properties) -> str:
        return f"{values['bucket']}/o/{quote(values['name'], safe='')}"

    async def create(self, inputs: Properties) -> Properties:
        url = f"{self.cloud.storage_url}/upload/storage/v1/b/{inputs['bucket']}/o"
        parameters = {"uploadType": "media", "name": inputs["name"]}
        headers = {"Content-Type": inputs.get("contentType") or "application/octet-stream"}
        content = _content(inputs, self.cloud.state_dir.parent)
        request = self.cloud.http.post(url, params=parameters, data=content, headers=headers)
        async with request as answer:
            if answer.status != 200:
                raise Refused(f"object {inputs['name']}: {answer.status} {(await answer.text())[:200]}")
            told = await answer.json()
        sums = {"md5hash": told.get("md5Hash", ""), "crc32c": told.get("crc32c", "")}
        return {"generation": int(told["generation"]), **sums, "mediaLink": told.get("mediaLink", "")}

    async def update(self, old: Properties, new: Properties) -> Properties:
        return await self.create(new)

    async def delete(self, state: Properties) -> None:
        await self._remove(self._url(state))


def _content(inputs: Properties, folder: Path) -> bytes | AsyncIterator[bytes]:
    """A file's in pieces, since one of a hundred megabytes would be copied whole; relative paths are of the program's folder."""
    if not isinstance(source := inputs.get("source"), Asset):
        return str(inputs.get("content") or "").encode()
    if path := source.get("path"):
        if not (file := folder / path).is_file():
            raise Refused(f"object {inputs['name']}: there is no file {file}")
        return _pieces(file)
    if (text := source.get("text")) is not None:
        return str(text).encode()
    raise Refused(f"object {inputs['name']}: only files and text are taken as a source here")


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        for piece in pieces(file):
            yield piece
