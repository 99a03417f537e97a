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


_RESERVED = """
all and any array as asc assert_rows_modified at between by case cast collate contains create cross cube current
default define desc distinct else end enum escape except exclude exists extract false fetch following for from full
graph_table group grouping groups hash having if ignore in inner intersect interval into is join lateral left like
limit lookup merge natural new no not null nulls of on or order outer over partition preceding proto qualify range
recursive respect right rollup rows select set some struct tablesample then to treat true unbounded union unnest
using when where window with within
"""
RESERVED_WORDS = frozenset(_RESERVED.split())
"""Words that a column can be called by in quotes only, which the queries here do without:
https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords"""
