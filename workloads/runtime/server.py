"""Runs an ASGI application as a service: uvicorn on `$PORT`, one structured log line a request."""

from __future__ import annotations

import logging
import os
import threading
import time
from types import FrameType

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workloads.runtime.origins import SameOrigin

log = logging.getLogger("access")

# Cloud Run gives ten seconds between SIGTERM and SIGKILL.
GRACE_SECONDS = 8

# Set when the service is told to end: what streams without end looks at it, or the server would wait in vain.
stopping = threading.Event()


def serve(app: ASGIApp) -> None:
    """Serve until SIGTERM or SIGINT; then finish the requests under way and end.

    Listens on `$PORT` (8080). On Cloud Run, which sets K_SERVICE, on every interface, elsewhere on loopback;
    `$HOST` overrides both.
    """
    host = os.environ.get("HOST") or ("0.0.0.0" if os.environ.get("K_SERVICE") else "127.0.0.1")  # noqa: S104
    port = os.environ.get("PORT") or "8080"
    if not port.isdecimal() or int(port) > 65535:
        raise SystemExit(f"environment variable PORT: {port!r} is not a port; set it to a number up to 65535")
    config = uvicorn.Config(
        SameOrigin(app, os.environ.get("TRUSTED_HOSTS", "")),
        host=host,
        port=int(port),
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=620,  # longer than the platform's front end keeps its connections: it closes first
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _Server(config).run()


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        stopping.set()
        super().handle_exit(sig, frame)


class TypeAsSaid:
    """Middleware: no browser takes an answer for another type than the one it names."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def name_type(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, name_type)


class AccessLog:
    """Middleware: logs method, path, status and duration. Query strings and headers stay out of the logs.

    What succeeds is logged at `level`: a service that is called a thousand times a second says DEBUG, since the
    platform keeps a request log already. Server errors are warnings.
    """

    def __init__(self, app: ASGIApp, level: int = logging.INFO) -> None:
        self._app = app
        self._level = level

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            level = logging.WARNING if status >= 500 else self._level
            if log.isEnabledFor(level):
                fields = {
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "milliseconds": round((time.perf_counter() - started) * 1000, 1),
                }
                log.log(level, "%s %s %d", scope["method"], scope["path"], status, extra=fields)
