"""Requests of web pages of other sites, refused before an application sees them.

A browser sends a page's requests to any address that it can reach, with the credentials that it holds for it. It names
the page's site in `Origin` when the request changes something, and in `Sec-Fetch-Site` always; after DNS rebinding the
name in `Host` is the page's own. `TRUSTED_HOSTS` (names, by commas) limits `Host` where the service's names are known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class SameOrigin:
    """Middleware: 403 for what another site's page sends, 421 for a host name that is not the service's."""

    def __init__(self, app: ASGIApp, trusted_hosts: str = "") -> None:
        self._app = app
        self._trusted = frozenset(name.strip().lower() for name in trusted_hosts.split(",") if name.strip())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        answer = self._refusal(scope) if scope["type"] == "http" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        status, message = answer
        body = json.dumps({"error": {"code": status, "message": message}}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "").lower()
        if self._trusted and host not in self._trusted and host.rpartition(":")[0] not in self._trusted:
            return 421, "this service does not have that name; check the address"
        if _crosses_sites(scope["method"], headers, host):
            return 403, "a page of another site may not call this service"
        return None


def _crosses_sites(method: str, headers: Mapping[str, str], host: str) -> bool:
    origin = headers.get("origin")
    if origin is not None and origin.lower().partition("://")[2] != host:
        return True
    if headers.get("sec-fetch-site") not in ("cross-site", "same-site"):
        return False
    # Following a link to the dashboard from another site is no call of that site.
    return not (method == "GET" and headers.get("sec-fetch-mode") == "navigate")
