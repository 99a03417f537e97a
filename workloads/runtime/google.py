"""Google's REST APIs without a client library: a session of the workload's own account, and one call."""

from __future__ import annotations

from typing import Any

import google.auth
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT = 10.0  # seconds: to connect, and for each part of an answer


def session() -> requests.Session:
    """Return a session whose calls carry an access token of the account that this runs as.

    Raises:
        OSError: there is no account.
    """
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except GoogleAuthError as error:
        raise OSError(f"no credentials: {error}") from None
    made: requests.Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return made


def call(
    made: requests.Session, method: str, url: str, body: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    """Send one request; returns the status and the JSON object of the answer (empty where it is none).

    Raises:
        OSError: no answer came, or no token for the request could be had.
    """
    try:
        answer = made.request(method, url, json=body, timeout=TIMEOUT)
    except (requests.RequestException, GoogleAuthError) as error:
        raise OSError(f"{method} {url}: {type(error).__name__}: {error}") from None
    try:
        content = answer.json()
    except ValueError:
        content = {}
    return answer.status_code, content if isinstance(content, dict) else {}
