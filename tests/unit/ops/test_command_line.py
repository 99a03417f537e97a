"""What a newcomer reads of `fastyle`: nothing is cut, and a mistake says what to write instead."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from ops.checks import Checklist, unknown
from ops.cli import cli
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
