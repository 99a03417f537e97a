"""`fastyle quality` and the service behind it: what is listed, what a waiver needs, and how a mistake is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner
from rich.console import Console

from ops import cli, quality
from ops.endpoints import Endpoints
from ops.errors import OperatorError
from tests.support.jobs import settings
from tests.support.postgres import postgres
from workloads.pipeline import faults, service
from workloads.runtime.database import connect

__all__ = ["postgres"]

FAULT = {
    "id": "7",
    "check": "stock.unique",
    "severity": "error",
    "first_seen": "2026-03-01T00:00:00Z",
    "last_seen": "2026-03-02T00:00:00Z",
    "rows": 3,
    "where": "staging.stock",
    "waived_until": None,
    "waived_reason": None,
    "sample": "S01/A",
    "description": "A location and SKU has one row.",
}


async def waived(url: str, **body: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=service.create_app(settings(url)))
    async with httpx.AsyncClient(transport=transport, base_url="http://pipeline") as client:
        return await client.post("/quality/waive", json=body)


async def test_a_waiver_is_for_an_open_fault_to_a_date_with_a_reason(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as database:
        database.execute(
            "INSERT INTO quality_fault (check_name, place, table_name, severity, description, failures, first_seen, "
            "last_seen, examined_at, ended_at, first_run_id, last_run_id) VALUES "
            "('a.b', '', 't', 'error', 'd', 1, now(), now(), now(), NULL, 'r', 'r'),"
            "('a.b', 'x', 't', 'error', 'd', 1, now(), now(), now(), now(), 'r', 'r')"
        )
    today = faults.today("America/New_York")
    good = {"id": "1", "until": str(today), "reason": "counted by hand"}
    for wrong, status, words in (
        ({"id": "2"}, 404, "no open fault has the id '2'"),
        ({"id": "9" * 30}, 404, "no open fault"),
        ({"id": "1; --"}, 404, "no open fault"),
        ({"id": 1}, 400, "each a text"),
        ({"until": "tomorrow"}, 400, "until is a date such as"),
        ({"until": str(today - timedelta(days=1))}, 400, "within a year from today"),
        ({"until": str(today + timedelta(days=400))}, 400, "within a year from today"),
        ({"reason": "  "}, 400, "reason is a sentence"),
        ({"reason": "a\x00b"}, 400, "reason is a sentence"),
    ):
        answer = await waived(postgres, **{**good, **wrong})
        assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
    with psycopg.connect(postgres) as database:
        assert database.execute("SELECT count(*) FROM quality_waiver").fetchone() == (0,)
        answer = await waived(postgres, **good)
        assert (answer.status_code, answer.json()["waived_until"]) == (200, str(today))
        assert database.execute("SELECT fault_id, reason FROM quality_waiver").fetchall() == [(1, "counted by hand")]


def test_a_fault_of_a_check_that_is_gone_ends(postgres: str) -> None:
    """Renamed or taken away, it would stop the publication for ever."""
    with connect(settings(postgres)) as database:
        database.execute(
            "INSERT INTO quality_fault (check_name, place, table_name, severity, description, failures, first_seen, "
            "last_seen, examined_at, ended_at, first_run_id, last_run_id) VALUES "
            "('gone', '', 't', 'error', 'd', 1, now(), now(), now(), NULL, 'r', 'r'),"
            "('kept', '', 't', 'error', 'd', 1, now(), now(), now(), NULL, 'r', 'r')"
        )
        faults.retire(database, datetime.now(UTC), {"kept"})
        standing = faults.stopping(database, faults.today("America/New_York"))
        assert [fault["check_name"] for fault in standing] == ["kept"]


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "load_endpoints", lambda stack: None)
    monkeypatch.setattr(quality, "open_faults", lambda endpoints: [FAULT])


@pytest.mark.usefixtures("standing")
def test_the_command_lists_what_stands() -> None:
    told = json.loads(CliRunner().invoke(cli.cli, ["quality", "--json"]).output)
    keys = ("id", "check", "severity", "first_seen", "last_seen", "rows", "where", "waived_until")
    assert told == {"faults": [{key: FAULT[key] for key in keys}]}
    shown = CliRunner().invoke(cli.cli, ["quality"])
    assert shown.exit_code == 0


def test_at_eighty_columns_a_rule_is_told_once_and_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row a fault repeated the rule, one word a line, and left of the check's name "sales_lin…"."""
    monkeypatch.setattr(quality, "console", Console(width=80, soft_wrap=True))
    warning = FAULT | {"check": "sales_lines.dated_long_ago", "severity": "warn", "description": "No event is old."}
    where = "a location whose name is longer than any column of it could be"
    quality.show([FAULT, *(warning | {"id": str(n), "where": f"{n} {where}"} for n in range(10, 13))])
    said = capsys.readouterr().out
    assert said.count("rule: No event is old.") == 1
    assert "stock.unique: stops publication" in said
    assert "sales_lines.dated_long_ago: a warning, which stops nothing" in said
    assert "…" not in said
    assert "2026-03-01 00:00" in said
    assert max(len(line) for line in said.splitlines() if "fastyle quality waive" not in line) <= 80


def test_several_faults_are_waived_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An import of last year's sales leaves one a branch."""
    waived: list[str] = []

    def waive(endpoints: Any, fault_id: str, until: Any, reason: str) -> dict[str, Any]:
        waived.append(fault_id)
        return FAULT | {"waived_until": str(until)}

    monkeypatch.setattr(cli, "load_endpoints", lambda stack: None)
    monkeypatch.setattr(quality, "waive", waive)
    given = ["10", "11", "--until", "2026-03-09", "--reason", "import of last year"]
    assert CliRunner().invoke(cli.cli, ["quality", "waive", *given]).exit_code == 0
    assert waived == ["10", "11"]


@pytest.mark.usefixtures("standing")
def test_a_waiver_needs_a_date_and_a_reason() -> None:
    for given in (
        ["7"],
        ["7", "--until", "2026-03-09"],
        ["7", "--reason", "x"],
        ["7", "--until", "soon", "--reason", "x"],
    ):
        assert CliRunner().invoke(cli.cli, ["quality", "waive", *given]).exit_code == 2


def test_a_stack_without_the_service_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoints = Endpoints("p", "", "", "", "UTC", "USD", {}, {}, {}, "", {}, stack="prod")
    with pytest.raises(OperatorError, match="stack prod has no pipeline service"):
        quality.redrive(endpoints)
