"""Callers that a loopback listener answers: programs of this machine's user, never a web page or another user.

A page in a browser reaches loopback ports. It cannot leave out `Origin` on a request that changes something, nor
`Sec-Fetch-Site`, and after DNS rebinding it still sends its own name as `Host`. Another user of the machine reaches
them too: Linux says in `/proc/net/tcp` whose socket is at the other end. Where there is no such file (macOS) every
user counts as this one.
"""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from aiohttp import web

from fastyle_localcloud.ports import HOST

_NAMES = frozenset({HOST, "localhost"})
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTEN = "0A"  # the state of a listening socket there
_ROOT = 0
_REMEMBERED_SECONDS = 5.0
_REMEMBERED = 4096

_FOREIGN = "the local cloud belongs to another user of this machine"
_WEB_PAGE = "a web page may not call the local cloud"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def refusal(headers: Mapping[str, str]) -> str | None:
    """Why a request with these headers comes from a web page; None when it does not. Names are compared as given:
    pass a mapping that ignores their case."""
    host = headers.get("Host", "")
    if host.rpartition(":")[0] not in _NAMES and host not in _NAMES:
        return f"the local cloud is {HOST} or localhost, not {host[:100]!r}"
    if "Origin" in headers:
        return _WEB_PAGE
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return _WEB_PAGE
    return None


class Users:
    """Whose programs are at the other end of this process's loopback connections."""

    def __init__(self, tables: tuple[Path, ...] = _TABLES, own: int | None = None) -> None:
        self._tables = tables
        self._allowed = {_ROOT, os.getuid() if own is None else own}
        self._remembered: dict[int, tuple[float, bool]] = {}

    def allowed(self, port: int) -> bool:
        """Whether the socket on loopback `port`, the client's end, belongs to this user or to root."""
        now = time.monotonic()
        until, answer = self._remembered.get(port, (0.0, False))
        if now < until:
            return answer
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        owner = self._owner(port)
        answer = owner is None or owner in self._allowed
        self._remembered[port] = now + _REMEMBERED_SECONDS, answer
        return answer

    def _owner(self, port: int) -> int | None:
        """The user's number; None where the system does not say."""
        wanted = f":{port:04X}"
        for table in self._tables:
            try:
                lines = table.read_text().splitlines()[1:]
            except OSError:
                continue
            for line in lines:
                # sl local_address rem_address st tx:rx tr:when retrnsmt uid …
                fields = line.split()
                if fields[1].endswith(wanted) and fields[3] != _LISTEN:
                    return int(fields[7])
        return None


USERS = Users()


def _reason(headers: Mapping[str, str], port: int | None) -> str | None:
    """Why a request from the client's `port` is refused; None when it is answered."""
    if (reason := refusal(headers)) is not None:
        return reason
    return _FOREIGN if port is not None and not USERS.allowed(port) else None


@web.middleware
async def only_programs(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse web pages and other users, for aiohttp's servers."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    reason = _reason(request.headers, peer[1] if peer else None)
    if reason is not None:
        return web.json_response({"error": {"code": 403, "message": reason}}, status=403)
    return await handler(request)


class OnlyPrograms:
    """The same for an ASGI application."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (reason := self._refusal(scope)) is not None:
            body = json.dumps({"error": {"code": 403, "message": reason}}).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Any) -> str | None:
        given = {name.decode("latin-1").title(): value.decode("latin-1") for name, value in scope["headers"]}
        client = scope.get("client")
        return _reason(given, client[1] if client else None)


class OnlyThisUser(grpc.aio.ServerInterceptor):
    """The same for a gRPC server. A browser cannot speak HTTP/2 without TLS, so that only the user matters."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Wrap the handler of one method: the peer is known only when it is called."""
        handler = await continuation(details)
        if handler is None:
            return None
        kind = f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        guarded = _guarded(getattr(handler, kind))
        return make(guarded, handler.request_deserializer, handler.response_serializer)


def _guarded(method: Any) -> Any:
    """The method behind the check, of the same colour: grpc runs plain functions in threads, with a plain context."""

    def plain(request: Any, context: Any) -> Any:
        if _foreign(context):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, _FOREIGN)
        return method(request, context)

    async def coroutine(request: Any, context: Any) -> Any:
        if _foreign(context):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, _FOREIGN)
        return await method(request, context)

    async def generator(request: Any, context: Any) -> Any:
        if _foreign(context):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, _FOREIGN)
        async for response in method(request, context):
            yield response

    if inspect.isasyncgenfunction(method):
        return generator
    return coroutine if inspect.iscoroutinefunction(method) else plain


def _foreign(context: Any) -> bool:
    port = context.peer().rpartition(":")[2]
    return port.isdigit() and not USERS.allowed(int(port))
