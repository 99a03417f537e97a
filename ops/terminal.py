"""The terminal an operator reads: one console, and one way to say that something failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rich.table
from rich.console import Console
from rich.markup import escape
from rich.text import Text

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:  # a file or a CI log: tables need not fit a screen
    console = Console(highlight=False, soft_wrap=True, width=160)
_aside = Console(stderr=True, highlight=False, soft_wrap=True)


class Table(rich.table.Table):
    """A table that folds what has no room and cuts nothing: names, addresses and commands are copied from it."""

    def add_column(self, *args: Any, **options: Any) -> None:
        super().add_column(*args, **{"overflow": "fold", **options})


@contextmanager
def progress(words: str) -> Iterator[Callable[[str], None]]:
    """Show how far something is: a line that changes on a terminal, a line each elsewhere. Yields what says it.

    On standard error: a report that a program may read goes to standard output.
    """
    if not _aside.is_terminal:
        yield lambda now: _aside.print(now, markup=False)
        return
    with _aside.status(escape(words)) as status:
        yield lambda now: status.update(escape(now))


def say_error(error: Exception) -> None:
    """Print an error's words as they are: what looks like markup in them is part of a path or a message."""
    console.print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
