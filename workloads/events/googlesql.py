"""Expressions of GoogleSQL that the rules of raw rows are made of.

Each is total: whatever a column of a raw table can hold, none fails or overflows, for BigQuery may evaluate any part of a
condition for any row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from workloads.events.formats import AMOUNT_DECIMALS, AMOUNT_DIGITS


class Fault(NamedTuple):
    """A field, the condition that breaks it, and what to say then.

    With an `array` the condition is an aggregate over its items, each of which is `l`: `LOGICAL_OR(l.quantity = 0)`. All such
    conditions are asked in one reading of the array; a subquery each takes as many, each with a copy of the row.
    """

    field: str
    condition: str
    error: str
    array: str = ""


MOST_UNITS = 2**31 - 1
"""The largest integer that a topic's schema takes."""
_TOO_MUCH = 10**AMOUNT_DIGITS  # the least amount that has a digit too many


def text(value: Any) -> str:
    """A GoogleSQL literal of a text of ours: of the contract, or the stack's currency."""
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def bad_amount(column: str) -> str:
    """The condition that a column is no amount of the contract."""
    return f"{column} < 0 OR {column} >= {_TOO_MUCH} OR {column} != TRUNC({column}, {AMOUNT_DECIMALS})"


def clamped(amount: str) -> str:
    """An amount within what can be multiplied; one beyond the contract's bounds stays beyond them."""
    return f"LEAST(GREATEST({amount}, -1), {_TOO_MUCH})"
