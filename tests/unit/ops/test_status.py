"""`fastyle status` over a served API: what stops the figures is said with its key and its mend."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvicorn
from fastyle_localcloud.files import volume

from ops import google, schema_revisions
from ops.endpoints import from_outputs
from ops.status import _problems, show_status
from tests.support.api import configuration
from tests.support.postgres import postgres
from workloads.api.app import create_app

__all__ = ["postgres"]


@pytest.fixture
def api(postgres: str) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(configuration(postgres)), port=0, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.mark.parametrize(
    ("basis", "mend"),
    [
        (("USD", "America/New_York"), None),
        (("CHF", "America/New_York"), "set fastyle:currency back to CHF, or begin a stack of its own"),
        (
            ("USD", "Europe/Zurich"),
            "set fastyle:timezone back to Europe/Zurich, or empty the figures and replay the lake",
        ),
    ],
)
def test_another_currency_or_time_zone_than_the_figures_is_a_problem(
    api: str,
    postgres: str,
    basis: tuple[str, str],
    mend: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with psycopg.connect(postgres, autocommit=True) as db:
        db.execute("INSERT INTO figures_basis (currency, timezone) VALUES (%s, %s)", basis)
        db.execute(
            "INSERT INTO stream_event (event_id, stream, event_time, publish_time, body_sha256)"
            " VALUES (gen_random_uuid(), 'sales', now(), now(), '')"
        )
    # The API is on this machine and asks for no token; the topics' schemas are Google's to tell.
    monkeypatch.setattr(google, "_identity_token", lambda url: "none")
    monkeypatch.setattr(schema_revisions, "revisions", lambda endpoints: {})
    outputs = {
        **dict.fromkeys(("project", "pos_api_url", "pipeline_url", "bucket"), "x"),
        **{key: {} for key in ("topics", "dead_letter_topics", "datasets", "secrets")},
        "api_url": api,
        "timezone": "America/New_York",
        "currency": "USD",
    }
    well = show_status(from_outputs("shop", outputs), as_json=True)
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert well is (mend is None)
    assert len(problems) == (mend is not None)
    if mend:
        assert mend in problems[0]


def test_a_full_volume_is_a_problem_with_its_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filling a disk of the machine that runs the tests is not for a test: `make soak` does it on a small volume."""
    usage = shutil.disk_usage(tmp_path)
    status: dict[str, Any] = {"processes": [], "missing_grants": [], "subscriptions": {}, "freshness": {}}
    assert _problems(status | {"volume": volume(tmp_path)}) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(total=4 * 2**30, free=3 * 2**20))
    [problem] = _problems(status | {"volume": volume(tmp_path)})
    assert problem == (
        f"the volume of {tmp_path} is full: 3 MiB of 4,096 are free; make room, what was accepted waits until there is some"
    )
