"""A simulated Google Cloud project behind the documented REST shapes of the APIs that `fastyle preflight` reads.

Everything is well until a test says otherwise: `answers["api/path"]` replaces one answer, or all below a path
that ends in a slash.
The shapes are those of Google's reference: Cloud Resource Manager v3, Organization Policy v2, Cloud Billing v1, Service
Usage v1, Cloud Storage v1, Compute v1, Cloud SQL Admin v1, IAM v1, Composer v1 and Cloud Identity v1.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.oauth2.credentials import Credentials

from ops.preflight.google_apis import Google

APIS = (
    "cloudresourcemanager", "orgpolicy", "cloudbilling", "serviceusage", "storage", "compute", "sqladmin", "iam",
    "composer", "cloudidentity",
)  # fmt: skip
Answer = tuple[int, dict[str, Any]]


def refusal(status: int, message: str, reason: str | None = None, **metadata: str) -> Answer:
    """An error as Google's APIs write it (https://cloud.google.com/apis/design/errors)."""
    words = {403: "PERMISSION_DENIED", 404: "NOT_FOUND", 400: "INVALID_ARGUMENT", 429: "RESOURCE_EXHAUSTED"}
    error: dict[str, Any] = {"code": status, "message": message, "status": words.get(status, "UNKNOWN")}
    if reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": metadata}]
    return status, {"error": error}


def disabled(service: str) -> Answer:
    message = f"{service} has not been used in project 1 before or it is disabled. Enable it by visiting …"
    return refusal(403, message, "SERVICE_DISABLED", service=service)


DENIED = refusal(403, "The caller does not have permission")
MISSING = refusal(404, "Requested entity was not found.")


def policy(**rule: Any) -> Answer:
    """An effective policy of one rule."""
    return 200, {"name": "projects/1/policies/c", "spec": {"rules": [rule]}}


def _covers(path: str, key: str, *, exactly: bool) -> bool:
    """A path that ends in a slash covers what is below it; another one itself, and its custom methods but the test."""
    return key == path or (key.startswith(path) if path.endswith("/") else not exactly and key.startswith(f"{path}:"))


class GoogleProject:
    """The simulated project; `asked` holds every request's method, API and path."""

    def __init__(self, project: str, number: str, billing_account: str, image: str) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, str]] = []
        self._well: dict[str, Answer] = {
            f"cloudresourcemanager/v3/projects/{project}": (200, {"name": f"projects/{number}", "state": "ACTIVE"}),
            "orgpolicy/v2/": policy(allowAll=True),
            f"cloudbilling/v1/projects/{project}/billingInfo": (
                200,
                {"billingAccountName": f"billingAccounts/{billing_account}", "billingEnabled": True},
            ),
            "cloudbilling/v1/billingAccounts/": (200, {"open": True, "currencyCode": "USD"}),
            "sqladmin/v1/": (200, {}),
            "composer/v1/": (200, {"imageVersions": [{"imageVersionId": image}, {"imageVersionId": f"{image}9"}]}),
            f"compute/v1/projects/{project}/global/networks/": MISSING,
            f"compute/v1/projects/{project}": (200, {"quotas": [{"metric": "NETWORKS", "limit": 5.0, "usage": 1.0}]}),
            f"iam/v1/projects/{project}/serviceAccounts": (200, {"accounts": []}),
            "cloudidentity/v1/": (200, {"name": "groups/abc"}),
        }

    def answer(self, method: str, api: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        self.asked.append((method, api, path))
        key = f"{api}/{path}"
        asks_for_rights = key.endswith(":testIamPermissions")
        for table in (self.answers, {} if asks_for_rights else self._well):
            matching = [prefix for prefix in table if _covers(prefix, key, exactly=asks_for_rights)]
            if matching:
                return table[max(matching, key=len)]
        if asks_for_rights:
            return 200, {"permissions": body["permissions"]}
        if api == "serviceusage":
            return 200, {"services": [{"name": name, "state": "ENABLED"} for name in query["names"]]}
        return MISSING

    @contextmanager
    def served(self, quota_project: str | None = "p") -> Iterator[Google]:
        """A client of it, with a person's credentials."""
        world = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length) or b"null")
                url = urlsplit(self.path)
                api, _, path = url.path.strip("/").partition("/")
                status, answer = world.answer(self.command, api, path, parse_qs(url.query), body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 64  # more than are asked at once: a connection beyond it is tried again after a second

        server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}"
        environment = {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}": f"{base}/{api}/" for api in APIS}
        credentials = Credentials("token", quota_project_id=quota_project)  # type: ignore[no-untyped-call]
        try:
            yield Google(credentials, environment=environment)
        finally:
            server.shutdown()
            server.server_close()
