"""Downloads from the Cloud Storage stand-in, whole or a range."""

from __future__ import annotations

from aiohttp import hdrs, web

from fastyle_localcloud.storage.objects import Object
from fastyle_localcloud.storage.protocol import CHUNK
from fastyle_localcloud.storage.resources import headers


async def download(request: web.Request, found: Object) -> web.StreamResponse:
    """Send the content of `found`, which nobody can replace before it is opened here."""
    with found.path.open("rb") as file:
        response, size = web.StreamResponse(headers=headers(found)), found.size
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
