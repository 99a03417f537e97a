"""The front of the Cloud Storage stand-in: lets this user's programs through to fake-gcs-server, nobody else.

fake-gcs-server answers every origin that asks, and cannot be told not to. It listens with TLS and a certificate that
only this gate trusts, so that a web page cannot read from its port either.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from fastyle_localcloud.callers import only_programs
from fastyle_localcloud.files import volume
from fastyle_localcloud.ports import HOST

# What belongs to one connection, not to the message (RFC 9110, 7.6.1), and what aiohttp writes itself.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-connection", "content-length"}
)
_CHUNK_BYTES = 1 << 20
_MAX_BODY_BYTES = 5 * 1024**4  # Cloud Storage's own limit of an object, 5 TiB


class StorageGate:
    """Serves `port` with what the stand-in behind it answers; bodies are streamed both ways."""

    def __init__(self, port: int, behind: int, certificate: Path) -> None:
        self._port = port
        self._behind = f"https://{HOST}:{behind}"
        self._certificate = certificate
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Listen; what is behind may come later."""
        trusted = ssl.create_default_context(cafile=str(self._certificate))
        # As the stand-in closes idle connections by itself, each request has one of its own.
        connector = aiohttp.TCPConnector(ssl=trusted, force_close=True)
        self._session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, trust_env=False, timeout=aiohttp.ClientTimeout(total=None)
        )
        app = web.Application(middlewares=[only_programs], client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._forward)
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._port).start()

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
        if self._session:
            await self._session.close()
            self._session = None

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None, "start() comes first"
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        headers["X-Forwarded-Proto"] = "http"  # links in its answers lead through this gate
        if request.content_length is not None:
            headers["Content-Length"] = str(request.content_length)
        body = request.content.iter_chunked(_CHUNK_BYTES) if request.body_exists else None
        url = URL(f"{self._behind}{request.raw_path}", encoded=True)
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=body, allow_redirects=False
            ) as answer:
                response = web.StreamResponse(status=answer.status, reason=answer.reason)
                for name, value in answer.headers.items():
                    if name.lower() not in _HOP_BY_HOP and not name.lower().startswith("access-control-"):
                        response.headers.add(name, value)
                if answer.content_length is not None:
                    response.content_length = answer.content_length
                await response.prepare(request)
                if request.method != "HEAD":
                    async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                        await response.write(chunk)
                await response.write_eof()
                return response
        except aiohttp.ClientConnectionError as error:
            message = "the Cloud Storage stand-in is not running; it is being started again"
            if not isinstance(error, aiohttp.ClientConnectorError):
                message = f"the Cloud Storage stand-in ended the connection before its answer: {error}"
            if volume(self._certificate.parent)["full"]:
                message = "the volume of the Cloud Storage stand-in is full"
            return web.json_response({"error": {"code": 503, "message": message}}, status=503)
