"""How a command ends on a mistake: one line, exit code 1."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from ops.errors import OperatorError

P = ParamSpec("P")
R = TypeVar("R")


def speaks_plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an `OperatorError` into one line and exit code 1."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except OperatorError as e:
            raise click.ClickException(str(e)) from None

    return wrapper
