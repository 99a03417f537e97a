"""The contract's formats of single values: ids, times, amounts, integers.

A format is a factory: from a field's `contract` to a function that returns what is wrong with a value,
or None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

Json = dict[str, Any]
Fault = Callable[[Any], str | None]

MAX_ID_LENGTH = 128
AMOUNT_DIGITS, AMOUNT_DECIMALS = 12, 4  # before and after the point
UUID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

# fullmatch with ASCII classes: Python's \d takes the digits of every script, and $ a trailing newline.
_UUID = re.compile(UUID_PATTERN).fullmatch
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z").fullmatch
# Blocks of technical and other pictographs, and the marks that turn a plain character into an emoji. Signs of
# ordinary text, such as the numero and degree signs, are in none of them.
_PICTOGRAPH = re.compile("[\u20e3\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]").search
_AMOUNT = re.compile(rf"[0-9]{{1,{AMOUNT_DIGITS}}}(?:\.[0-9]{{1,{AMOUNT_DECIMALS}}})?").fullmatch


def parse_time(value: Any) -> datetime | None:
    """Return an RFC 3339 time of the contract as an aware datetime, None when it is not one."""
    if not isinstance(value, str) or not _TIME(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:  # the 30th of February, hour 25
        return None


def parse_amount(value: Any) -> int | None:
    """Return a decimal string of the contract in ten-thousandths, exactly; None when it is not one."""
    if not isinstance(value, str) or not _AMOUNT(value):
        return None
    whole, _, fraction = value.partition(".")
    return int(whole + fraction.ljust(AMOUNT_DECIMALS, "0"))


def is_printable(text: str) -> bool:
    """Tell whether every character is a letter, mark, digit, punctuation, sign or space.

    Control characters, lone surrogates, unassigned code points and pictographs (emoji among them) are not:
    an id is read aloud, typed into a search field and printed on a label.
    """
    return text.isprintable() and (text.isascii() or not _PICTOGRAPH(text))


def _uuid(_: Json) -> Fault:
    def fault(value: Any) -> str | None:
        if isinstance(value, str) and _UUID(value):
            return None
        return "must be a UUID in lower case, such as 3f0c9e9a-58f4-4d5e-9b57-0a2b6c1d7e8f"

    return fault


def _id(_: Json) -> Fault:
    def fault(value: Any) -> str | None:
        if not isinstance(value, str):
            return "must be a string"
        if not 1 <= len(value) <= MAX_ID_LENGTH:
            return f"must have 1 to {MAX_ID_LENGTH} characters, has {len(value):,}"
        if not is_printable(value):
            return "must have printable characters only: no control characters, no emoji"
        return None

    return fault


def _time(_: Json) -> Fault:
    def fault(value: Any) -> str | None:
        if parse_time(value) is not None:
            return None
        return "must be an RFC 3339 time in UTC such as 2026-03-01T12:30:00.25Z, at most 6 fraction digits"

    return fault


def _amount(_: Json) -> Fault:
    def fault(value: Any) -> str | None:
        if isinstance(value, str) and _AMOUNT(value):
            return None
        return 'must be a decimal string of 0 or more such as "19.99", at most 12 digits before and 4 after the point'

    return fault


def _integer(contract: Json) -> Fault:
    minimum, maximum = contract["minimum"], contract["maximum"]

    def fault(value: Any) -> str | None:
        if type(value) is not int:  # a bool is an int to Python, not to JSON
            return "must be an integer"
        if not minimum <= value <= maximum:
            return f"must be from {minimum:,} to {maximum:,}"
        return None

    return fault


def _symbol(contract: Json) -> Fault:
    symbols = contract["symbols"]

    def fault(value: Any) -> str | None:
        return None if isinstance(value, str) and value in symbols else f"must be one of {', '.join(symbols)}"

    return fault


def _currency(_: Json) -> Fault:
    def fault(value: Any) -> str | None:
        return None if isinstance(value, str) and len(value) == 3 else "must be an ISO 4217 code such as USD"

    return fault


FORMATS: dict[str, Callable[[Json], Fault]] = {
    "uuid": _uuid,
    "id": _id,
    "time": _time,
    "amount": _amount,
    "integer": _integer,
    "symbol": _symbol,
    "currency": _currency,
}
