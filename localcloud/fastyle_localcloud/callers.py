"""Callers that a loopback listener answers: programs of this machine's user, never a web page or another user.

A page in a browser reaches loopback ports. It cannot leave out `Origin` on a request that changes something, nor
`Sec-Fetch-Site`, and after DNS rebinding it still sends its own name as `Host`. Another user of the machine reaches
them too: Linux says whose socket is at the other end.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from fastyle_localcloud.ports import HOST
from fastyle_localcloud.socket_owner import FOREIGN, Users

_NAMES = frozenset({HOST, "localhost"})

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


USERS = Users()


def _reason(headers: Mapping[str, str], client: Any, server: Any) -> str | None:
    """Why a request from the address `client` to `server` is refused; None when it is answered."""
    if (reason := refusal(headers)) is not None:
        return reason
    return FOREIGN if client and not USERS.allowed(client[1], server[1] if server else None) else None


@web.middleware
async def only_programs(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse web pages and other users, for aiohttp's servers."""
    ends = [request.transport.get_extra_info(end) if request.transport else None for end in ("peername", "sockname")]
    reason = _reason(request.headers, *ends)
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
        return _reason(given, scope.get("client"), scope.get("server"))
