"""The operator's credentials: what services would skip is never written, and two operators lose nothing to each other.

Against the local cloud's own secret store, behind the calls that the command sends.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastyle_localcloud.secret_store import SecretError, SecretStore

from ops import cli, credentials
from ops.endpoints import Endpoints, from_outputs
from ops.errors import OperatorError
from workloads.runtime.credentials import parse

SECRET = "pos_credentials"


class Cloud:
    """The two calls of Secret Manager; `between` is run once, between a reading and the writing after it."""

    def __init__(self, folder: Path) -> None:
        self.store = SecretStore(folder)
        self.store.create("pos-credentials")
        self.add({"credentials": []})
        self.between: Callable[[], None] | None = None
        self.lags = False

    def add(self, document: Any) -> int:
        return self.store.add_version("pos-credentials", json.dumps(document).encode()).number

    def ids(self) -> list[Any]:
        return [entry["id"] for entry in json.loads(self.store.access("pos-credentials"))["credentials"]]

    def call(self, endpoints: Endpoints, method: str, api: str, path: str, body: Any = None) -> dict[str, Any]:
        assert api == "secretmanager"
        try:
            if method == "POST":
                assert path == "projects/p/secrets/pos-credentials:addVersion"
                if self.between:
                    between, self.between = self.between, None
                    between()
                number = self.store.add_version("pos-credentials", base64.b64decode(body["payload"]["data"])).number
                return {"name": f"projects/1/secrets/pos-credentials/versions/{number}"}
            asked = path.removeprefix("projects/p/secrets/pos-credentials/versions/").removesuffix(":access")
            version = self.store.version("pos-credentials", asked)
            data = base64.b64encode(self.store.access("pos-credentials", asked)).decode()
            return {"name": f"projects/1/secrets/pos-credentials/versions/{version.number}", "payload": {"data": data}}
        except SecretError as error:
            raise OperatorError(str(error)) from None


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    cloud = Cloud(tmp_path)
    monkeypatch.setattr(credentials, "call", cloud.call)
    return cloud


@pytest.fixture
def endpoints() -> Endpoints:
    outputs: dict[str, Any] = dict.fromkeys(
        ("pos_api_url", "api_url", "pipeline_url", "timezone", "currency", "bucket"), "https://x.example"
    )
    outputs |= {key: {} for key in ("topics", "dead_letter_topics", "datasets")}
    return from_outputs("dev", outputs | {"project": "p", "secrets": {SECRET: "pos-credentials"}})


@pytest.mark.parametrize(
    ("credential_id", "locations"), [("", ["S01"]), (" ", ["S01"]), ("a\nb", ["S01"]), ("a", []), ("a", [""])]
)
def test_what_services_would_skip_is_not_written(
    cloud: Cloud, endpoints: Endpoints, credential_id: str, locations: list[str]
) -> None:
    with pytest.raises(OperatorError, match="not issued"):
        credentials.issue(endpoints, SECRET, credential_id, locations)
    assert len(cloud.store.versions("pos-credentials")) == 1


def test_issue_replace_and_revoke(cloud: Cloud, endpoints: Endpoints) -> None:
    first = credentials.issue(endpoints, SECRET, "till-1", ["S01"])
    second = credentials.issue(endpoints, SECRET, "till-1", ["S01", "S02"])
    credentials.issue(endpoints, SECRET, "till-2", ["*"])
    assert [credentials.holds(endpoints, SECRET, "till-1", token) for token in (first, second)] == [False, True]
    assert not parse(cloud.store.access("pos-credentials"))[1]
    credentials.revoke(endpoints, SECRET, "till-1")
    assert cloud.ids() == ["till-2"]
    with pytest.raises(OperatorError, match="it holds: till-2"):
        credentials.revoke(endpoints, SECRET, "till-1")


def test_two_operators_at_once_lose_nothing(cloud: Cloud, endpoints: Endpoints) -> None:
    """A revocation was lost between another operator's reading and writing: the revoked till went on trading."""
    for name in ("lost", "stays"):
        credentials.issue(endpoints, SECRET, name, ["*"])
    token = "of-the-first"

    def other() -> None:
        credentials.revoke(endpoints, SECRET, "lost")
        credentials.issue(endpoints, SECRET, "new-2", ["S02"])

    cloud.between = other
    credentials.issue(endpoints, SECRET, "new-1", ["S01"], token=token)
    assert sorted(cloud.ids()) == ["new-1", "new-2", "stays"]
    assert credentials.holds(endpoints, SECRET, "new-1", token)

    cloud.between = partial(credentials.revoke, endpoints, SECRET, "new-2")
    credentials.revoke(endpoints, SECRET, "new-1")
    assert cloud.ids() == ["stays"]

    credentials.issue(endpoints, SECRET, "both", ["*"])
    cloud.between = partial(credentials.revoke, endpoints, SECRET, "both")
    credentials.revoke(endpoints, SECRET, "both")
    assert cloud.ids() == ["stays"]


def test_a_bad_entry_written_by_hand_is_listed_and_can_be_revoked(
    cloud: Cloud, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials.issue(endpoints, SECRET, "good", ["S01", "S02"])
    entries = json.loads(cloud.store.access("pos-credentials"))["credentials"]
    cloud.add({"credentials": [*entries, entries[0] | {"id": ""}]})
    monkeypatch.setattr(cli, "load_endpoints", lambda stack: endpoints)
    listed = CliRunner().invoke(cli.cli, ["credentials", "list"])
    assert listed.exit_code == 1
    assert "good\tS01, S02" in listed.output
    assert "skipped by services: id is not" in listed.output
    assert entries[0]["sha256"] not in listed.output
    as_json = CliRunner().invoke(cli.cli, ["credentials", "list", "--json"])
    assert [row["id"] for row in json.loads(as_json.output)["credentials"]] == ["", "good"]
    assert CliRunner().invoke(cli.cli, ["credentials", "revoke", ""]).exit_code == 0
    assert CliRunner().invoke(cli.cli, ["credentials", "list"]).exit_code == 0


def test_a_location_must_be_one_of_the_catalogue(
    cloud: Cloud, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = {"locations": [{"location_id": "S01", "name": "Fifth Avenue"}, {"location_id": "S0l", "name": None}]}
    monkeypatch.setattr(cli, "load_endpoints", lambda stack: endpoints)
    monkeypatch.setattr(credentials, "service_headers", lambda endpoints, url: {})
    monkeypatch.setattr(credentials, "request", lambda *arguments, **options: context)

    def issue(*arguments: str) -> Any:
        return CliRunner().invoke(cli.cli, ["credentials", "issue", "till", *arguments])

    refused = issue("--location", "S01", "--location", "S0l")
    assert refused.exit_code == 1
    assert "no location 'S0l'; it has S01" in refused.output
    assert "--force" in refused.output
    assert cloud.ids() == []
    for arguments in (["--location", "S01"], ["--location", "*"], ["--location", "S0l", "--force"]):
        assert issue(*arguments).exit_code == 0

    def away(*arguments: Any, **options: Any) -> Any:
        raise OperatorError("cannot be reached")

    monkeypatch.setattr(credentials, "request", away)
    assert "--force" in issue("--location", "S01").output


def test_a_document_of_another_form_is_left_alone(cloud: Cloud, endpoints: Endpoints) -> None:
    cloud.add([])
    with pytest.raises(OperatorError, match="not of the form"):
        credentials.issue(endpoints, SECRET, "till", ["*"])
    assert len(cloud.store.versions("pos-credentials")) == 2
