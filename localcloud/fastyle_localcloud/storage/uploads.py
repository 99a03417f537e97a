"""Uploads to the Cloud Storage stand-in: in one request, in multipart form, or resumed in many."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import BodyPartReader, hdrs, web

from fastyle_localcloud.storage.drafts import Draft
from fastyle_localcloud.storage.objects import Conditions, Object, Objects
from fastyle_localcloud.storage.protocol import CHUNK, Attributes, Refused, parsed, whole_number
from fastyle_localcloud.storage.resources import given, of_object

_MOST = 1000
"""Resumable uploads that are remembered, finished ones included: who missed the last answer asks again."""
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII)


@dataclass
class Upload:
    """One object's upload."""

    bucket: str
    name: str
    attributes: Attributes
    conditions: Conditions
    draft: Draft
    done: Object | None = None
    requests: int = 0


class Uploads:
    """The requests that bring objects."""

    def __init__(self, objects: Objects, url: str) -> None:
        self._objects, self._url = objects, url
        self._resumable: dict[str, Upload] = {}

    async def upload(self, request: web.Request) -> web.Response:
        """A whole object, or the begin of a resumable upload."""
        kind = request.query.get("uploadType")
        if kind == "media":
            attributes = {"contentType": request.headers.get(hdrs.CONTENT_TYPE)}
            if encoding := request.headers.get(hdrs.CONTENT_ENCODING):
                attributes["contentEncoding"] = encoding
            return await self._whole(self._begun(request, attributes), request.content.iter_chunked(CHUNK))
        if kind == "multipart":
            return await self._multipart(request)
        if kind == "resumable":
            attributes = parsed(await request.read())
            attributes.setdefault("contentType", request.headers.get("X-Upload-Content-Type"))
            upload = self._begun(request, attributes)
            parameters = {"uploadType": "resumable", "name": upload.name, "upload_id": self._keep(upload)}
            address = f"{self._url}{request.path}?{urlencode(parameters)}"
            return web.json_response({}, headers={hdrs.LOCATION: address})
        raise Refused(400, "invalid", f"uploadType is media, multipart or resumable, not {str(kind)[:40]!r}")

    async def resume(self, request: web.Request) -> web.Response:
        """The next piece of a resumable upload, or the question how far it is."""
        upload = self._resumed(request)
        if upload.done is None and await _received(request, upload):
            upload.done = self._put(upload)
        if upload.done is not None:
            return web.json_response(of_object(self._url, upload.done))
        headers = {"Range": f"bytes=0-{upload.draft.size - 1}"} if upload.draft.size else {}
        if request.headers.get("X-GUploader-No-308") == "yes":  # the Go client
            return web.Response(headers={**headers, "X-HTTP-Status-Code-Override": "308"})
        return web.Response(status=308, headers=headers)

    async def cancel(self, request: web.Request) -> web.Response:
        """Give a resumable upload up."""
        self._resumed(request).draft.discard()
        del self._resumable[request.query["upload_id"]]
        return web.Response(status=499)

    def _begun(self, request: web.Request, attributes: Attributes) -> Upload:
        bucket, name = request.match_info["bucket"], request.query.get("name") or attributes.get("name")
        if not isinstance(name, str):
            raise Refused(400, "required", "the upload does not say its object's name")
        conditions = Conditions(request.query)
        conditions.hold(self._objects.find(bucket, name))  # before the content is sent
        return Upload(bucket, name, attributes, conditions, self._objects.draft())

    async def _multipart(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            raise Refused(400, "invalid", "a multipart upload has a body in multipart form")
        body_parts = await request.multipart()
        attributes = parsed(await _part(await body_parts.next()).read())
        content = _part(await body_parts.next())
        attributes.setdefault("contentType", content.headers.get(hdrs.CONTENT_TYPE))
        return await self._whole(self._begun(request, attributes), _chunks(content))

    async def _whole(self, upload: Upload, content: AsyncIterator[bytes]) -> web.Response:
        try:
            async for chunk in content:
                upload.draft.write(chunk)
            return web.json_response(of_object(self._url, self._put(upload)))
        finally:
            upload.draft.discard()

    def _put(self, upload: Upload) -> Object:
        checksums = upload.draft.checksums.attributes()
        for name, value in checksums.items():
            if upload.attributes.get(name, value) != value:
                raise Refused(400, "invalid", f"{name} is {upload.attributes[name]!r}, but the content's is {value!r}")
        attributes = {**given(upload.attributes), **checksums}
        return self._objects.put(upload.bucket, upload.name, upload.draft, attributes, upload.conditions)

    def _keep(self, upload: Upload) -> str:
        while len(self._resumable) >= _MOST:
            oldest = next(iter(self._resumable))
            self._resumable.pop(oldest).draft.discard()
        identifier = secrets.token_urlsafe(24)
        self._resumable[identifier] = upload
        return identifier

    def _resumed(self, request: web.Request) -> Upload:
        upload = self._resumable.get(request.query.get("upload_id", ""))
        if upload is None:
            raise Refused(404, "notFound", "no such upload: begin it anew")
        return upload


async def _received(request: web.Request, upload: Upload) -> bool:
    """Append what the request brings; whether the object is whole then."""
    upload.requests += 1
    turn, draft = upload.requests, upload.draft
    start, total = _range(request)
    if start is not None:
        if start > draft.size:
            raise Refused(400, "invalid", f"the piece begins at {start}, but {draft.size} bytes have come")
        repeated = draft.size - start  # bytes that come once more
        async for chunk in request.content.iter_chunked(CHUNK):
            if turn != upload.requests:
                raise Refused(409, "conflict", "the upload goes on in a later request")
            draft.write(chunk[repeated:])
            repeated = max(0, repeated - len(chunk))
    if total is not None and draft.size > total:
        raise Refused(400, "invalid", f"{draft.size} bytes have come, of {total}")
    return draft.size == total


def _range(request: web.Request) -> tuple[int | None, int | None]:
    """Where the body begins (None: it brings nothing), and the object's size (None: not known yet)."""
    if (told := request.headers.get(hdrs.CONTENT_RANGE)) is None:
        return 0, whole_number(request.headers, hdrs.CONTENT_LENGTH)
    if (match := _CONTENT_RANGE.fullmatch(told)) is None:
        raise Refused(400, "invalid", f"Content-Range is {told[:80]!r}")
    first, _, total = match.groups()
    return None if first is None else int(first), None if total == "*" else int(total)


def _part(read: object) -> BodyPartReader:
    if not isinstance(read, BodyPartReader):
        raise Refused(400, "invalid", "a multipart upload has two parts: attributes and content")
    return read


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK):
        yield bytes(chunk)
