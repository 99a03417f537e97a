"""Credentials of tills and programs: the token is shown once, the stack keeps its SHA-256 in Secret Manager."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any

from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.google import call, request, service_headers
from workloads.runtime.credentials import EVERY_LOCATION, fault_of

Entry = dict[str, Any]
# The credentials before, to those after.
Change = Callable[[list[Entry]], list[Entry]]
_ATTEMPTS = 5  # operators at the same secret at once are two, not ten


def issue(endpoints: Endpoints, secret: str, credential_id: str, locations: list[str], token: str | None = None) -> str:
    """Add or replace one credential in `secret` (`pos_credentials` or `api_credentials`) and return its token.

    A new version of the secret holds all credentials; those of other ids are kept. Services read it within a minute.

    Raises:
        OperatorError: services would not take the credential; or what the API says.
    """
    token = token or secrets.token_urlsafe(32)
    entry = {"id": credential_id, "sha256": hashlib.sha256(token.encode()).hexdigest(), "locations": locations}
    if fault := fault_of(entry):
        raise OperatorError(f"not issued: {fault}")
    _change(endpoints, secret, lambda current: [*(c for c in current if _id(c) != credential_id), entry])
    return token


def revoke(endpoints: Endpoints, secret: str, credential_id: str) -> None:
    """Take one credential away; `OperatorError` when there is none of that id."""

    def take_away(current: list[Entry]) -> list[Entry]:
        left = [c for c in current if _id(c) != credential_id]
        if len(left) == len(current):
            ids = ", ".join(sorted(str(_id(c)) for c in current)) or "none"
            raise OperatorError(f"{secret} holds no credential {credential_id!r}; it holds: {ids}")
        return left

    _change(endpoints, secret, take_away)


def listed(endpoints: Endpoints, secret: str) -> list[dict[str, Any]]:
    """Every credential of `secret` by id: its locations, and what is wrong with it where services skip it."""
    _, current = _latest(endpoints, secret)
    rows = [{"id": _id(c), "locations": _locations(c), "fault": fault_of(c)} for c in current]
    return sorted(rows, key=lambda row: str(row["id"]))


def ids(endpoints: Endpoints, secret: str) -> list[str]:
    """The ids of the credentials in `secret`."""
    return sorted(str(_id(credential)) for credential in _latest(endpoints, secret)[1])


def holds(endpoints: Endpoints, secret: str, credential_id: str, token: str) -> bool:
    """Whether the stack accepts `token` as that credential."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    _, current = _latest(endpoints, secret)
    return any(_id(c) == credential_id and c.get("sha256") == digest for c in current if isinstance(c, dict))


def check_locations(endpoints: Endpoints, locations: list[str]) -> None:
    """Refuse locations that the catalogue does not have: a misspelt one would lock its till out.

    Raises:
        OperatorError: names them, or says that the API could not be asked.
    """
    asked = [location for location in locations if location != EVERY_LOCATION]
    if not asked:
        return
    try:
        context = request("GET", f"{endpoints.api}/v1/context", headers=service_headers(endpoints, endpoints.api))
    except OperatorError as e:
        raise OperatorError(f"the catalogue's locations cannot be read ({e}); --force issues without looking") from None
    ids = sorted(row["location_id"] for row in context["locations"] if row["name"] is not None)
    if unknown := [location for location in asked if location not in ids]:
        raise OperatorError(
            f"the catalogue has no location {', '.join(map(repr, unknown))}; it has {', '.join(ids) or 'none yet'}. "
            "Load the catalogue first, correct the id, or issue it all the same with --force"
        )


def _change(endpoints: Endpoints, secret: str, change: Change) -> None:
    """Add a version with the change, and see to it that nobody else's change is lost.

    Secret Manager adds a version whatever the last one is: there is no precondition. But versions are numbered one by
    one: a number beyond the next tells that another operator was between the reading and the writing, and that the new
    version hides what he did. Then his changes and this one are applied to what is there now.
    """
    number, current = _latest(endpoints, secret)
    for _ in range(_ATTEMPTS):
        written = _add(endpoints, secret, change(current))
        if written == number + 1:
            return
        theirs = _access(endpoints, secret, str(written - 1))[1]
        hidden = _difference(current, theirs)
        number, current = _latest(endpoints, secret)
        if number < written:  # the alias `latest` may lag behind what was just written
            number, current = _access(endpoints, secret, str(written))
        current = hidden(current)
        try:
            change(current)
        except OperatorError:  # the other one has revoked the same: what is left is to bring his changes back
            change = list
    raise OperatorError(f"others keep changing {secret} at the same time; look at it with `fastyle credentials list`")


def _difference(before: list[Entry], after: list[Entry]) -> Change:
    """What leads from one list to the other, by id, for any third list."""
    olds, news = ({json.dumps(_id(c)): c for c in entries} for entries in (before, after))
    gone = olds.keys() - news.keys()
    put = {key: entry for key, entry in news.items() if olds.get(key) != entry}
    return lambda current: [
        *(c for c in current if json.dumps(_id(c)) not in gone | put.keys()),
        *put.values(),
    ]


def _id(entry: Any) -> Any:
    return entry.get("id") if isinstance(entry, dict) else None


def _locations(entry: Any) -> Any:
    return entry.get("locations") if isinstance(entry, dict) else None


def _latest(endpoints: Endpoints, secret: str) -> tuple[int, list[Entry]]:
    return _access(endpoints, secret, "latest")


def _access(endpoints: Endpoints, secret: str, version: str) -> tuple[int, list[Entry]]:
    """A version's number and its credentials."""
    answer = call(endpoints, "GET", "secretmanager", f"{_name(endpoints, secret)}/versions/{version}:access")
    try:
        document = json.loads(base64.b64decode(answer["payload"]["data"]))
        return _number(answer["name"]), list(document["credentials"])
    except (ValueError, TypeError, KeyError):
        raise OperatorError(
            f'version {version} of {secret} is not of the form {{"credentials": [...]}}; services keep what they read '
            "before it: add a correct version by hand"
        ) from None


def _add(endpoints: Endpoints, secret: str, credentials: list[Entry]) -> int:
    data = base64.b64encode(json.dumps({"credentials": credentials}).encode()).decode()
    body = {"payload": {"data": data}}
    return _number(call(endpoints, "POST", "secretmanager", f"{_name(endpoints, secret)}:addVersion", body)["name"])


def _number(version: str) -> int:
    return int(version.rpartition("/")[2])


def _name(endpoints: Endpoints, secret: str) -> str:
    try:
        return f"projects/{endpoints.project}/secrets/{endpoints.secrets[secret]}"
    except KeyError:
        raise OperatorError(f"no secret {secret!r}; use one of {', '.join(endpoints.secrets)}") from None
