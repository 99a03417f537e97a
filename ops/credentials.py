"""Credentials of tills and programs: the token is shown once, the stack keeps its SHA-256 in Secret Manager."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.google import call


def issue(endpoints: Endpoints, secret: str, credential_id: str, locations: list[str], token: str | None = None) -> str:
    """Add or replace one credential in `secret` (`pos_credentials` or `api_credentials`) and return its token.

    A new version of the secret holds all credentials; those of other ids are kept. Services read it within a minute.
    """
    token = token or secrets.token_urlsafe(32)
    entry = {"id": credential_id, "sha256": hashlib.sha256(token.encode()).hexdigest(), "locations": locations}
    _store(endpoints, secret, [*(c for c in _current(endpoints, secret) if c["id"] != credential_id), entry])
    return token


def revoke(endpoints: Endpoints, secret: str, credential_id: str) -> None:
    """Take one credential away; `OperatorError` when there is none of that id."""
    current = _current(endpoints, secret)
    left = [c for c in current if c["id"] != credential_id]
    if len(left) == len(current):
        known = ", ".join(sorted(str(c["id"]) for c in current)) or "none"
        raise OperatorError(f"{secret} holds no credential {credential_id!r}; it holds: {known}")
    _store(endpoints, secret, left)


def ids(endpoints: Endpoints, secret: str) -> list[str]:
    """The ids of the credentials in `secret`."""
    return sorted(str(credential["id"]) for credential in _current(endpoints, secret))


def holds(endpoints: Endpoints, secret: str, credential_id: str, token: str) -> bool:
    """Whether the stack accepts `token` as that credential."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    return any(c["id"] == credential_id and c["sha256"] == digest for c in _current(endpoints, secret))


def _current(endpoints: Endpoints, secret: str) -> list[dict[str, Any]]:
    answer = call(endpoints, "GET", "secretmanager", f"{_name(endpoints, secret)}/versions/latest:access")
    document = json.loads(base64.b64decode(answer["payload"]["data"]))
    return list(document["credentials"])


def _store(endpoints: Endpoints, secret: str, credentials: list[dict[str, Any]]) -> None:
    data = base64.b64encode(json.dumps({"credentials": credentials}).encode()).decode()
    call(endpoints, "POST", "secretmanager", f"{_name(endpoints, secret)}:addVersion", {"payload": {"data": data}})


def _name(endpoints: Endpoints, secret: str) -> str:
    try:
        return f"projects/{endpoints.project}/secrets/{endpoints.secrets[secret]}"
    except KeyError:
        raise OperatorError(f"no secret {secret!r}; use one of {', '.join(endpoints.secrets)}") from None
