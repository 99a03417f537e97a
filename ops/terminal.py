"""The terminal an operator reads: one console, and one way to say that something failed."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:  # a file or a CI log: tables need not fit a screen
    console = Console(highlight=False, soft_wrap=True, width=160)
aside = Console(stderr=True, highlight=False, soft_wrap=True)
"""For progress beside a report that a program may read from standard output."""


def say_error(error: Exception) -> None:
    """Print an error's words as they are: what looks like markup in them is part of a path or a message."""
    console.print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
