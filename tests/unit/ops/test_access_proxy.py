"""The API behind Identity-Aware Proxy: who gets through, and the token that the command brings."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from ops import google
from ops.endpoints import Endpoints, from_outputs
from ops.errors import OperatorError
from tests.support.configuration import configuration, put
from tests.support.program import composed

ERP, TEAM = "serviceAccount:erp@p.iam.gserviceaccount.com", "group:platform@example.com"


def who_gets_in(stack: str) -> tuple[set[str], set[str]]:
    """Members that IAP lets through to the API, and those that Cloud Run lets invoke it."""
    config = copy.deepcopy(configuration(stack))
    put(config, "access.programs", {"erp": ERP})
    put(config, "access.operators", {"platform": TEAM})
    resources = composed(config).resources
    through = {inputs["member"] for key, inputs in resources.items() if "webCloudRunServiceIamMember" in key}
    invokers = {
        inputs["member"]
        for key, inputs in resources.items()
        if "cloudrunv2/serviceIamMember" in key and inputs["name"] == "api"
    }
    return through, invokers


def test_with_people_everybody_passes_the_proxy_which_alone_asks_cloud_run() -> None:
    """IAP is asked first: the invoker role alone would let a program get as far as its refusal."""
    through, invokers = who_gets_in("prod")
    assert through == {"group:staff@example.com", ERP, TEAM}
    assert invokers == {"serviceAccount:service-210987654321@gcp-sa-iap.iam.gserviceaccount.com"}


def test_without_people_programs_and_operators_invoke_the_service() -> None:
    """An operator's browser comes by `gcloud run services proxy`, which needs the invoker role."""
    assert who_gets_in("dev") == (set(), {ERP, TEAM})


ACCOUNT = "erp@p.iam.gserviceaccount.com"


class Signer(ThreadingHTTPServer):
    """The IAM Credentials API as far as it signs: the payload, or a refusal."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[tuple[str, str | None, Any]] = []
        self.refuses = False


class Answers(BaseHTTPRequestHandler):
    server: Signer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, self.headers["authorization"], json.loads(body["payload"])))
        answer = (
            {"error": "Permission iam.serviceAccounts.signJwt denied"}
            if self.server.refuses
            else {"signedJwt": "a.b.c"}
        )
        content = json.dumps(answer).encode()
        self.send_response(403 if self.server.refuses else 200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def signer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signer]:
    with Signer() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(google, "IAM_CREDENTIALS", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(google, "access_token", lambda: "mine")
        monkeypatch.delenv(google.SIGNER, raising=False)
        yield server
        server.shutdown()


def endpoints(api_iap: bool) -> Endpoints:
    outputs: dict[str, Any] = {
        **dict.fromkeys(("project", "pos_api_url", "timezone", "currency", "bucket"), ""),
        **{key: {} for key in ("topics", "dead_letter_topics", "datasets", "secrets")},
        "api_url": "https://api.run.app",
        "pipeline_url": "https://pipeline.run.app",
    }
    return from_outputs("prod", outputs | ({"api_iap": True} if api_iap else {}))


def run_as(monkeypatch: pytest.MonkeyPatch, **credentials: Any) -> None:
    monkeypatch.setattr("google.auth.default", lambda scopes: (SimpleNamespace(**credentials), None))


@pytest.mark.parametrize("named", [True, False], ids=["as the account that is named", "as itself"])
def test_the_command_signs_for_every_path_of_the_api(
    signer: Signer, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    if named:
        monkeypatch.setenv(google.SIGNER, ACCOUNT)
        run_as(monkeypatch)  # a person
    else:
        run_as(monkeypatch, service_account_email=ACCOUNT)
    assert google.service_headers(endpoints(True), "https://api.run.app") == {"authorization": "Bearer a.b.c"}
    ((path, token, claims),) = signer.asked
    assert path == f"/v1/projects/-/serviceAccounts/{ACCOUNT}:signJwt"
    assert token == "Bearer mine"
    assert (claims["iss"], claims["sub"], claims["aud"]) == (ACCOUNT, ACCOUNT, "https://api.run.app/*")
    assert claims["exp"] - claims["iat"] == 3600, "the longest that it takes"


def test_a_person_is_told_which_account_to_name(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    run_as(monkeypatch)
    with pytest.raises(OperatorError, match=rf"takes a person from a browser only; .*{google.SIGNER}=…"):
        google.service_headers(endpoints(True), "https://api.run.app")
    monkeypatch.setenv(google.SIGNER, ACCOUNT)
    signer.refuses = True
    with pytest.raises(OperatorError, match=r"answers 403: .*signJwt denied"):
        google.service_headers(endpoints(True), "https://api.run.app")


@pytest.mark.parametrize(("iap", "url"), [(False, "https://api.run.app"), (True, "https://pipeline.run.app")])
def test_where_there_is_no_proxy_an_identity_token_does(
    signer: Signer, monkeypatch: pytest.MonkeyPatch, iap: bool, url: str
) -> None:
    monkeypatch.setattr(google, "_identity_token", lambda audience: f"id-of-{audience}")
    assert google.service_headers(endpoints(iap), url) == {"authorization": f"Bearer id-of-{url}"}
    assert signer.asked == []
