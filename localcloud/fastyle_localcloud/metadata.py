"""The metadata server, one loopback port a service account: `google.auth.default()` works against it unchanged."""

from __future__ import annotations

import json
from pathlib import Path

from aiohttp import web

from fastyle_localcloud.callers import only_programs
from fastyle_localcloud.files import write_atomically
from fastyle_localcloud.identity import TOKEN_SECONDS, Identities
from fastyle_localcloud.ports import HOST, Ports, is_free
from fastyle_localcloud.settings import Settings

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class MetadataServers:
    """Serves the accounts of this local cloud; an account's port stays the same over restarts."""

    def __init__(self, state_dir: Path, ports: Ports, identities: Identities, settings: Settings) -> None:
        self._path = state_dir / "identity" / "accounts.json"
        self._ports = ports
        self._identities = identities
        self._settings = settings
        self._accounts: set[str] = set(json.loads(self._path.read_text())) if self._path.exists() else set()
        self._runner: web.AppRunner | None = None
        self._sites: dict[str, web.TCPSite] = {}
        self._by_port: dict[int, str] = {}

    def exists(self, email: str) -> bool:
        """Is there a service account of that e-mail?"""
        return email in self._accounts

    async def add(self, email: str) -> None:
        self._save(self._accounts | {email})
        await self.port(email)

    async def remove(self, email: str) -> None:
        self._save(self._accounts - {email})
        if site := self._sites.pop(email, None):
            await site.stop()

    async def start(self) -> None:
        app = web.Application(middlewares=[only_programs])
        app.router.add_get("/", self._root)
        app.router.add_get("/computeMetadata/v1/{path:.*}", self._metadata)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        for email in sorted(self._accounts):
            await self.port(email)

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
            self._sites.clear()

    async def port(self, email: str) -> int:
        """The port that answers for `email`; opened on first use."""
        assert self._runner is not None, "start() comes first"
        name = f"metadata/{email}"
        if email not in self._sites:
            port = self._ports.get(name)
            if not is_free(port):
                port = self._ports.renew(name)
            site = web.TCPSite(self._runner, HOST, port)
            await site.start()
            self._sites[email] = site
            self._by_port[port] = email
        return self._ports.get(name)

    async def _root(self, request: web.Request) -> web.Response:
        return _answer("computeMetadata/\n")

    async def _metadata(self, request: web.Request) -> web.Response:
        if request.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=403, text="the header Metadata-Flavor: Google is missing\n")
        if "X-Forwarded-For" in request.headers:
            return web.Response(status=403, text="requests through a proxy are refused\n")
        transport = request.transport
        assert transport is not None
        email = self._by_port[transport.get_extra_info("sockname")[1]]
        path = request.match_info["path"].rstrip("/")
        settings = self._settings
        plain = {
            "project/project-id": settings.project,
            "project/numeric-project-id": settings.project_number,
            "universe/universe-domain": "googleapis.com",
            "instance/id": "0",
            "instance/region": f"projects/{settings.project_number}/regions/{settings.region}",
        }
        if path in plain:
            return _answer(plain[path])
        return self._account(request, email, path)

    def _account(self, request: web.Request, email: str, path: str) -> web.Response:
        prefix = next((p for p in ("default", email) if path.startswith(f"instance/service-accounts/{p}")), None)
        if prefix is None:
            return web.Response(status=404, text=f"no metadata at {path}\n", headers={"Metadata-Flavor": "Google"})
        leaf = path.removeprefix(f"instance/service-accounts/{prefix}").lstrip("/")
        if leaf == "":
            if request.query.get("recursive") == "true":
                return _answer({"aliases": ["default"], "email": email, "scopes": [_SCOPE]})
            return _answer("aliases\nemail\nidentity\nscopes\ntoken\n")
        if leaf in ("email", "scopes"):
            return _answer(email if leaf == "email" else f"{_SCOPE}\n")
        if leaf == "token":
            token = self._identities.access_token(email)
            return _answer({"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})
        if leaf == "identity":
            audience = request.query.get("audience")
            if not audience:
                return web.Response(status=400, text="non-empty audience parameter required\n")
            return _answer(self._identities.id_token(email, audience))
        return web.Response(status=404, text=f"no metadata at {path}\n", headers={"Metadata-Flavor": "Google"})

    def _save(self, accounts: set[str]) -> None:
        """Have `accounts`, once they are written: what cannot be is not taken."""
        write_atomically(self._path, json.dumps(sorted(accounts)).encode())
        self._accounts = accounts


def _answer(body: str | dict[str, object]) -> web.Response:
    headers = {"Metadata-Flavor": "Google"}
    if isinstance(body, str):
        return web.Response(text=body, headers=headers, content_type="application/text")
    return web.json_response(body, headers=headers)
