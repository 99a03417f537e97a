"""Buckets and objects in the Cloud Storage stand-in; what a bucket has beside its name stays in the records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastyle_localcloud.provider.live import Live, Properties, Refused, live
from fastyle_localcloud.provider.wire import Asset
from fastyle_localcloud.storage.protocol import pieces

if TYPE_CHECKING:
    from fastyle_localcloud.cloud import LocalCloud


@live("gcp:storage/bucket:Bucket")
class Bucket(Live):
    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        url = f"{cloud.storage_url}/storage/v1/b?project={cloud.project}"
        async with cloud.http.post(url, json={"name": inputs["name"]}) as answer:
            if answer.status not in (200, 409):  # 409: an interrupted run made it
                raise Refused(f"bucket {inputs['name']}: {answer.status} {(await answer.text())[:200]}")
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        async with cloud.http.get(f"{cloud.storage_url}/storage/v1/b/{id}") as answer:
            return None if answer.status == 404 else {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        base = f"{cloud.storage_url}/storage/v1/b/{id}"
        async with cloud.http.get(f"{base}/o") as answer:
            if answer.status == 404:
                return
            names = [item["name"] for item in (await answer.json()).get("items", [])]
        if names and not state.get("forceDestroy"):
            raise Refused(f"bucket {id} holds {len(names)} objects; set force_destroy, or empty it first")
        while names:
            for name in names:
                async with cloud.http.delete(f"{base}/o/{quote(name, safe='')}"):
                    pass
            async with cloud.http.get(f"{base}/o") as answer:
                names = [item["name"] for item in (await answer.json()).get("items", [])]
        async with cloud.http.delete(base):
            pass


@live("gcp:storage/bucketObject:BucketObject")
class BucketObject(Live):
    """The generation changes with the content, which is how a service notices new code."""

    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        data = _content(inputs)
        url = f"{cloud.storage_url}/upload/storage/v1/b/{inputs['bucket']}/o"
        parameters = {"uploadType": "media", "name": inputs["name"]}
        kind = inputs.get("contentType") or "application/octet-stream"
        async with cloud.http.post(url, params=parameters, data=data, headers={"Content-Type": kind}) as answer:
            if answer.status != 200:
                raise Refused(f"object {inputs['name']}: {answer.status} {(await answer.text())[:200]}")
            metadata = await answer.json()
        return inputs["id"], _outputs(metadata)

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        url = f"{cloud.storage_url}/storage/v1/b/{state['bucket']}/o/{quote(state['name'], safe='')}"
        async with cloud.http.get(url) as answer:
            return None if answer.status == 404 else {}

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        return (await self.create(cloud, new))[1]

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        url = f"{cloud.storage_url}/storage/v1/b/{state['bucket']}/o/{quote(state['name'], safe='')}"
        async with cloud.http.delete(url):
            pass


def _outputs(metadata: Properties) -> Properties:
    return {
        "generation": int(metadata["generation"]),
        "md5hash": metadata.get("md5Hash", ""),
        "crc32c": metadata.get("crc32c", ""),
        "mediaLink": metadata.get("mediaLink", ""),
    }


def _content(inputs: Properties) -> bytes | AsyncIterator[bytes]:
    """A file's in pieces: as a whole, one of a hundred megabytes is copied several times on its way."""
    source = inputs.get("source")
    if not isinstance(source, Asset):
        return str(inputs.get("content") or "").encode()
    if path := source.get("path"):
        if not (file := Path(path)).is_file():
            raise Refused(f"object {inputs['name']}: there is no file {file}")
        return _pieces(file)
    if (text := source.get("text")) is not None:
        return str(text).encode()
    raise Refused(f"object {inputs['name']}: only files and text are taken as a source here")


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        for piece in pieces(file):
            yield piece
