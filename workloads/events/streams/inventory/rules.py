"""Rules of a stock change that span several fields, for an event in Python and for its raw row in GoogleSQL.

A test holds the two to the same verdicts (tests/engine/test_pipeline_faults.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator

from workloads.events.googlesql import Fault, text
from workloads.events.rules import Json, Report

MAX_QUANTITY = 1_000_000  # beyond it the schema's bounds have reported the quantity already
QUANTITY_RULES: dict[str, tuple[str, str]] = {
    "receipt": (">", "must be above 0 for a receipt"),
    "transfer_in": (">", "must be above 0 for a transfer_in"),
    "transfer_out": ("<", "must be below 0 for a transfer_out"),
    "adjustment": ("!=", "must not be 0 for an adjustment"),
    "count": (">=", "must be 0 or more for a count"),
}
"""By the kind of a change: how its quantity compares with 0, and what to say when it does not."""

_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "!=": operator.ne,
}


def check(body: Json, report: Report) -> None:
    """Report a quantity that the kind of change does not have."""
    kind, quantity = body.get("kind"), body.get("quantity")
    if type(quantity) is not int or not isinstance(kind, str) or kind not in QUANTITY_RULES:
        return
    sign, error = QUANTITY_RULES[kind]
    if abs(quantity) <= MAX_QUANTITY and not _COMPARISONS[sign](quantity, 0):
        report("quantity", error)


def faults(row: str) -> Iterator[Fault]:
    """The same rules as conditions over a row of the raw table."""
    for kind, (sign, error) in QUANTITY_RULES.items():
        yield Fault("quantity", f"{row}.kind = {text(kind)} AND NOT ({row}.quantity {sign} 0)", error)
