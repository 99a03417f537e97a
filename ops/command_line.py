"""What all commands of `fastyle` share on the command line: how groups list them, and how a date is given."""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import Any

import click


class Commands(click.Group):
    """A group that lists its commands with their first sentence whole; click cuts it where a line would end."""

    group_class = type  # groups within are of this class, too

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with what they do."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, _first_sentence(command)) for name, command in commands if command and not command.hidden]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _first_sentence(command: click.Command) -> str:
    paragraph = " ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split())
    sentence, end, _ = paragraph.partition(". ")
    return sentence + end.strip()


class _Date(click.ParamType[datetime]):
    name = "date"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d")
        except ValueError:
            self.fail(f"{value!r} is not a date; write one such as 2026-01-31", param, ctx)


DATE = _Date()
"""A date, as midnight without a time zone."""
