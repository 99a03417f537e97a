"""Cloud Storage's JSON API, as far as the official clients use it.

Buckets; objects, their uploads, ranges, preconditions, listings, copies and compositions. Anything else is answered
with 501, never as if it had been done. No web pages and no other users: `fastyle_localcloud.callers`.
"""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import ExitStack

from aiohttp import hdrs, web

from fastyle_localcloud.callers import only_programs
from fastyle_localcloud.storage.objects import Conditions, Object, Objects
from fastyle_localcloud.storage.protocol import (
    CHUNK,
    Attributes,
    Refused,
    answered,
    merged,
    not_served,
    parsed,
    whole_number,
)
from fastyle_localcloud.storage.resources import GIVEN, given, headers, of_bucket, of_object
from fastyle_localcloud.storage.uploads import Uploads

_PAGE = 1000
_SOURCES = 32  # of a composition, as in the cloud
_NOT_SERVED = {"includeFoldersAsPrefixes", "matchGlob", "softDeleted"}


class StorageServer:
    """The API over `objects`, reached at `url`."""

    def __init__(self, objects: Objects, url: str, location: str) -> None:
        self._objects, self._url, self._location = objects, url, location

    def application(self) -> web.Application:
        """The routes. Their order counts, as an object's name may hold slashes."""
        buckets, uploads = "/storage/v1/b", Uploads(self._objects, self._url)
        bucket = f"{buckets}/{{bucket}}"
        one, to, upload = f"{bucket}/o/{{name:.+}}", "/b/{to_bucket}/o/{to_name:.+}", f"/upload{bucket}/o"
        app = web.Application(middlewares=[only_programs, answered])
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get(buckets, self._list_buckets),
                web.post(buckets, self._create_bucket),
                web.get(bucket, self._get_bucket),
                web.patch(bucket, self._patch_bucket),
                web.delete(bucket, self._delete_bucket),
                web.get(f"{bucket}/o", self._list),
                web.post(f"{one}/compose", self._compose),
                web.post(f"{one}/rewriteTo{to}", self._rewrite),
                web.post(f"{one}/copyTo{to}", self._copy),
                web.get(one, self._get),
                web.patch(one, self._change),
                web.put(one, self._change),
                web.delete(one, self._delete),
                web.get(f"/download{one}", self._download),
                web.post(upload, uploads.upload),
                web.put(upload, uploads.resume),
                web.delete(upload, uploads.cancel),
                web.route("*", "/{api:storage|upload|download|batch}/{path:.*}", not_served),
                web.get("/{bucket}/{name:.+}", self._download),  # the XML API, by which the Go and Java clients read
                web.route("*", "/{path:.*}", not_served),
            ]
        )
        return app

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"ready": True})

    async def _list_buckets(self, request: web.Request) -> web.Response:
        prefix = request.query.get("prefix", "")
        items = [self._bucket(name) for name in self._objects.buckets() if name.startswith(prefix)]
        return web.json_response({"kind": "storage#buckets", "items": items})

    async def _create_bucket(self, request: web.Request) -> web.Response:
        settings = parsed(await request.read())
        name = str(settings.pop("name", ""))
        self._objects.create_bucket(name, {**settings, "timeCreated": time.time()})
        return web.json_response(self._bucket(name))

    async def _get_bucket(self, request: web.Request) -> web.Response:
        return web.json_response(self._bucket(request.match_info["bucket"]))

    async def _patch_bucket(self, request: web.Request) -> web.Response:
        change, name = parsed(await request.read()), request.match_info["bucket"]
        self._objects.change_bucket(name, merged(self._objects.bucket(name), change))
        return web.json_response(self._bucket(name))

    async def _delete_bucket(self, request: web.Request) -> web.Response:
        self._objects.delete_bucket(request.match_info["bucket"])
        return web.Response(status=204)

    def _bucket(self, name: str) -> Attributes:
        return of_bucket(self._url, self._location, name, self._objects.bucket(name))

    async def _list(self, request: web.Request) -> web.Response:
        """A page: names in order, or with a delimiter what they have in common up to it."""
        query, bucket = request.query, request.match_info["bucket"]
        if unknown := _NOT_SERVED & query.keys():
            raise Refused(
                501, "notImplemented", f"the Cloud Storage stand-in does not know {', '.join(sorted(unknown))}"
            )
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        start, end = query.get("startOffset", ""), query.get("endOffset")
        entries: dict[str, bool] = {}  # whether it is what several have in common
        for name in self._objects.names(bucket, prefix):
            if name >= start and (end is None or name < end):
                cut = name.find(delimiter, len(prefix)) if delimiter else -1
                entries[name if cut < 0 else name[: cut + len(delimiter)]] = cut >= 0
        try:
            after = urlsafe_b64decode(query.get("pageToken", "")).decode()
        except ValueError:
            raise Refused(400, "invalid", "the page token is none of this server's") from None
        left = sorted(entry for entry in entries if entry > after)
        size = min(whole_number(query, "maxResults") or _PAGE, _PAGE)
        page = left[:size]
        stored = (self._objects.find(bucket, entry) for entry in page if not entries[entry])
        answer: Attributes = {
            "kind": "storage#objects",
            "items": [of_object(self._url, each) for each in stored if each],
        }
        if delimiter:
            answer["prefixes"] = [entry for entry in page if entries[entry]]
        if len(left) > size:
            answer["nextPageToken"] = urlsafe_b64encode(page[-1].encode()).decode()
        return web.json_response(answer)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("alt") == "media":
            return await self._download(request)
        return self._described(self._found(request, reading=True))

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """The content, whole or a range: nobody can replace it between here and its opening."""
        stored = self._found(request, reading=True)
        with stored.path.open("rb") as file:
            response, size = web.StreamResponse(headers=headers(stored)), stored.size
            first, end = 0, size
            if hdrs.RANGE in request.headers:
                try:
                    first, end, _ = request.http_range.indices(size)
                except ValueError:
                    first = end
                if first >= end:
                    return web.Response(status=416, headers={hdrs.CONTENT_RANGE: f"bytes */{size}"})
                response.set_status(206)
                response.headers[hdrs.CONTENT_RANGE] = f"bytes {first}-{end - 1}/{size}"
            response.content_length = end - first
            await response.prepare(request)
            file.seek(first)
            while first < end and request.method != hdrs.METH_HEAD:
                chunk = file.read(min(CHUNK, end - first))
                await response.write(chunk)
                first += len(chunk)
            await response.write_eof()
            return response

    async def _change(self, request: web.Request) -> web.Response:
        told = given(parsed(await request.read()))
        stored = self._found(request)
        former = stored.attributes
        if request.method == "PUT":
            former = {name: value for name, value in former.items() if name not in GIVEN}
        changed = {**merged(former, told), "updated": time.time()}
        return self._described(self._objects.describe(stored, changed))

    async def _delete(self, request: web.Request) -> web.Response:
        self._objects.delete(self._found(request))
        return web.Response(status=204)

    async def _compose(self, request: web.Request) -> web.Response:
        told, match = parsed(await request.read()), request.match_info
        named = told.get("sourceObjects") or []
        if not 0 < len(named) <= _SOURCES:
            raise Refused(400, "invalid", f"a composition has 1 to {_SOURCES} source objects, not {len(named)}")
        sources = []
        for each in named:
            source = self._objects.get(match["bucket"], str(each.get("name")), whole_number(each, "generation"))
            Conditions(each.get("objectPreconditions") or {}).hold(source)
            sources.append(source)
        attributes = given(told.get("destination") or {})
        attributes.setdefault("contentType", sources[0].attributes.get("contentType"))
        attributes["componentCount"] = sum(source.attributes.get("componentCount", 1) for source in sources)
        return self._described(await self._made(request, sources, match["bucket"], match["name"], attributes))

    async def _copy(self, request: web.Request) -> web.Response:
        return self._described(await self._copied(request))

    async def _rewrite(self, request: web.Request) -> web.Response:
        resource = of_object(self._url, await self._copied(request))
        done = {"done": True, "objectSize": resource["size"], "totalBytesRewritten": resource["size"]}
        return web.json_response({"kind": "storage#rewriteResponse", **done, "resource": resource})

    async def _copied(self, request: web.Request) -> Object:
        told, match = given(parsed(await request.read())), request.match_info
        source = self._objects.get(match["bucket"], match["name"], whole_number(request.query, "sourceGeneration"))
        attributes = told or given(source.attributes)
        return await self._made(request, [source], match["to_bucket"], match["to_name"], attributes)

    async def _made(
        self, request: web.Request, sources: list[Object], bucket: str, name: str, attributes: Attributes
    ) -> Object:
        """Put an object that has the content of others."""
        draft = self._objects.draft()
        with ExitStack() as opened:
            opened.callback(draft.discard)
            files = [opened.enter_context(source.path.open("rb")) for source in sources]
            await asyncio.to_thread(draft.fill, files)
            checksums = draft.checksums.attributes()
            if "componentCount" in attributes:  # a composition has no MD5
                del checksums["md5Hash"]
            return self._objects.put(bucket, name, draft, {**attributes, **checksums}, Conditions(request.query))

    def _found(self, request: web.Request, *, reading: bool = False) -> Object:
        """The object that the request names, if it meets the conditions."""
        match, query = request.match_info, request.query
        stored = self._objects.get(match["bucket"], match["name"], whole_number(query, "generation"))
        Conditions(query).hold(stored, reading=reading)
        return stored

    def _described(self, stored: Object) -> web.Response:
        return web.json_response(of_object(self._url, stored))
