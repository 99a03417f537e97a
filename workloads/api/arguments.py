"""Types of arguments that several routes take."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from workloads.runtime.dates import parse_date


def is_text(value: str) -> bool:
    """Tell whether PostgreSQL takes it as text: no NUL, and no half of a surrogate pair, which is no UTF-8."""
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def _text(value: str) -> str:
    if not is_text(value):
        raise ValueError("must hold characters only: no NUL, no half of a surrogate pair")
    return value


# Anything else that an id may be is simply not found.
Text = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]+$"), AfterValidator(_text)]

BusinessDate = Annotated[date, BeforeValidator(parse_date)]
