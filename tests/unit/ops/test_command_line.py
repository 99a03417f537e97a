"""What a newcomer reads of `fastyle`: nothing is cut, and a mistake says what to write instead."""

from __future__ import annotations

from collections.abc import Iterator

import click
import httpx
import pytest
from click.testing import CliRunner
from rich.console import Console

from ops import cli as commands
from ops import google, status
from ops.checks import Checklist, unknown
from ops.cli import cli
from ops.endpoints import Endpoints
from ops.terminal import Table


def groups(command: click.Group, name: str = "fastyle") -> Iterator[tuple[str, click.Group]]:
    yield name, command
    for each, nested in command.commands.items():
        if isinstance(nested, click.Group):
            yield from groups(nested, f"{name} {each}")


@pytest.mark.parametrize(("name", "group"), list(groups(cli)))
def test_a_group_lists_its_commands_with_their_first_sentence_whole(name: str, group: click.Group) -> None:
    """Ten of seventeen ended in three dots."""
    said = CliRunner().invoke(group, ["--help"], terminal_width=80, prog_name=name).output
    listed = said.partition("Commands:")[2]
    assert "..." not in listed
    words = " ".join(listed.split())
    for command in group.commands.values():
        first = " ".join((command.help or "").split("\n\n")[0].split()).split(". ")[0]
        assert first in words


@pytest.mark.parametrize("date", ["5.1.2026", "2026-13-01", "yesterday", "2026-01-05T00:00"])
def test_a_date_that_is_none_is_told_how_one_is_written(date: str) -> None:
    told = CliRunner().invoke(cli, ["trade", "simulate", "--from", date])
    assert told.exit_code == 2
    assert f"{date!r} is not a date; write one such as 2026-01-31" in told.output


def test_a_table_cuts_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    """At 80 columns `fastyle status` wrote "sales-transactions-to-bigqu…", which no command takes."""
    table = Table("subscription", "last refusal")
    table.add_row("sales-transactions-to-bigquery" * 3, "x" * 40)
    Console(width=80).print(table)
    said = capsys.readouterr().out
    assert "…" not in said
    assert said.count("x") == 40


def test_checks_that_all_say_the_same_say_it_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Google credentials `fastyle preflight` said so 46 times."""
    monkeypatch.setattr("ops.checks.console", Console(width=80))
    checklist = Checklist(quiet=False)
    for name in ("billing", "apis", "quotas"):
        checklist.add(unknown(name, "no Google credentials here", "gcloud auth login"))
    assert checklist.show("Before", [], as_json=False)
    said = capsys.readouterr()
    assert said.out.count("no Google credentials here") == said.err.count("no Google credentials here") == 1
    assert all(name in said.out for name in ("billing", "apis", "quotas", "3 unknown"))


def test_at_eighty_columns_status_has_each_subscription_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    name = "inventory-changes-dead-letter-hold"
    healthy = {"backlog": 1234, "oldest_unacked_seconds": 60, "delivered": 1_234_567, "last_refusal": None}
    refused = {**healthy, "last_refusal": {"status": 403, "reason": "no grant"}}
    for subscription, said in ((healthy, f"│ {name} │ 1,234"), (refused, "403 no grant")):
        for table in status._tables({"processes": [], "subscriptions": {name: subscription}}):
            Console(width=80 if subscription is healthy else 160).print(table)
        assert said in capsys.readouterr().out


def test_a_service_s_own_sentence_is_told_without_its_json() -> None:
    assert google._said(httpx.Response(400, json={"status": "refused", "error": "to is before from"})) == (
        "to is before from"
    )
    assert google._said(httpx.Response(404, json={"error": {"message": "not found"}})) == "not found"


def test_dates_without_real_sales_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended with "0 accepted, 0 rejected" and exit code 0."""
    nowhere = Endpoints("p", "http://127.0.0.1:9", "", "", "UTC", "USD", {}, {}, {}, "", {}, api_token="x")
    monkeypatch.setattr(commands, "load_endpoints", lambda stack: nowhere)
    told = CliRunner().invoke(cli, ["trade", "complete-journey", "--from", "2019-01-01", "--to", "2019-01-02"])
    assert (told.exit_code, "the data have no sale from 2019-01-01 to 2019-01-02" in told.output) == (1, True)
