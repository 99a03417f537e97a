"""Google's REST APIs with the caller's own credentials, read only; a refusal is an answer, silence is an error."""

from __future__ import annotations

import json
import os
import textwrap
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import google.auth
import google.auth.credentials
import google.auth.exceptions
import requests
from google.auth.transport.requests import AuthorizedSession

from ops.errors import OperatorError

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 20
# As gcloud's property api_endpoint_overrides/<API>, for private access points and for tests.
_OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_{}"
_HOSTS = {"storage": "storage.googleapis.com/storage", "compute": "compute.googleapis.com/compute"}


class NoAnswer(OperatorError):  # noqa: N818
    """Google cannot be asked: no credentials, or no connection; says which."""


@dataclass(frozen=True)
class Answer:
    """A status and its JSON; of an error its message and Google's own reason, such as `SERVICE_DISABLED`."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def message(self) -> str:
        error = self.body.get("error")
        words = error.get("message", "") if isinstance(error, dict) else str(error or "")
        return f"{self.status} {' '.join(words.split())[:200]}".strip()

    @property
    def reason(self) -> str:
        error = self.body.get("error")
        details = error.get("details", []) if isinstance(error, dict) else []
        return next((str(d["reason"]) for d in details if isinstance(d, dict) and d.get("reason")), "")

    @property
    def disabled_api(self) -> str | None:
        """The API that is off in the project, when that is why."""
        error = self.body.get("error")
        details = error.get("details", []) if isinstance(error, dict) else []
        for detail in details:
            if isinstance(detail, dict) and detail.get("reason") == "SERVICE_DISABLED":
                return str((detail.get("metadata") or {}).get("service") or "an API")
        return "an API" if "has not been used in project" in self.message else None


class Google:
    """One caller's view of Google Cloud. Every method reads; `test` asks for permissions and changes nothing either."""

    def __init__(
        self,
        credentials: google.auth.credentials.Credentials | None = None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = os.environ if environment is None else environment
        self.no_credentials: str | None = None
        if credentials is None:
            try:
                credentials, _ = google.auth.default(scopes=[_SCOPE])
            except google.auth.exceptions.GoogleAuthError as error:
                self.no_credentials = f"no Google credentials here ({_line(error)})"
        self.credentials = credentials
        self._local = threading.local()

    def get(self, api: str, path: str, **parameters: Any) -> Answer:
        """`GET https://<api>.googleapis.com/<path>`."""
        return self._ask("GET", api, path, parameters, None)

    def test(self, api: str, path: str, permissions: list[str]) -> Answer:
        """`POST …:testIamPermissions`: which of the permissions the caller has."""
        return self._ask("POST", api, f"{path}:testIamPermissions", {}, {"permissions": permissions})

    def _ask(self, method: str, api: str, path: str, parameters: dict[str, Any], body: Any) -> Answer:
        if self.credentials is None:
            raise NoAnswer(self.no_credentials or "no Google credentials here")
        override = self._environment.get(_OVERRIDE.format(api.upper()))
        base = override or f"https://{_HOSTS.get(api, f'{api}.googleapis.com')}/"
        # gcloud writes the version into some of its overrides, and our paths begin with theirs.
        url = f"{base.rstrip('/').removesuffix('/v1')}/{path}"
        try:
            response = self._session().request(  # type: ignore[no-untyped-call]
                method, url, params=parameters, json=body, timeout=_SECONDS
            )
        except google.auth.exceptions.TransportError as error:
            raise NoAnswer(f"Google cannot be reached from here ({_line(error)})") from None
        except google.auth.exceptions.GoogleAuthError as error:
            raise NoAnswer(f"the Google credentials here are not good ({_line(error)})") from None
        except requests.RequestException as error:
            raise NoAnswer(f"{api}.googleapis.com cannot be reached from here ({type(error).__name__})") from None
        try:
            decoded = response.json()
        except (ValueError, json.JSONDecodeError):
            decoded = {"error": {"message": response.text[:200]}} if response.status_code != 200 else {}
        return Answer(response.status_code, decoded if isinstance(decoded, dict) else {})

    def _session(self) -> AuthorizedSession:
        """The thread's own: a session is not for several."""
        if not hasattr(self._local, "session"):
            self._local.session = AuthorizedSession(self.credentials)  # type: ignore[no-untyped-call]
        session: AuthorizedSession = self._local.session
        return session


def _line(error: BaseException) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return textwrap.shorten(line, 300, placeholder=" …")
