"""Rules of a sale that span several fields, for an event in Python and for its raw row in GoogleSQL.

A test holds the two to the same verdicts (tests/engine/test_pipeline_faults.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from workloads.events.formats import parse_amount
from workloads.events.googlesql import MOST_UNITS, Fault, bad_amount, clamped
from workloads.events.rules import Json, Report

MAX_LINES = 1000  # more of them are refused unread
_ZERO = "must not be 0"
_LARGER = "must not be larger than |quantity| x unit_price"


def check(body: Json, report: Report) -> None:
    """Report what is wrong with the lines of a sale, besides their own formats and bounds."""
    lines = body.get("lines")
    if not isinstance(lines, list) or len(lines) > MAX_LINES:
        return
    for index, line in enumerate(lines):
        if not isinstance(line, dict):
            continue
        quantity = line.get("quantity")
        if type(quantity) is not int:
            continue
        if quantity == 0:
            report(f"lines[{index}].quantity", _ZERO)
            continue
        price, discount = parse_amount(line.get("unit_price")), parse_amount(line.get("discount"))
        if price is not None and discount is not None and discount > abs(quantity) * price:
            report(f"lines[{index}].discount", _LARGER)


def faults(row: str) -> Iterator[Fault]:
    """The same rules as conditions over a row of the raw table."""
    yield Fault("lines[].quantity", "LOGICAL_OR(l.quantity = 0)", _ZERO, "lines")
    units = f"ABS(LEAST(GREATEST(l.quantity, -{MOST_UNITS}), {MOST_UNITS}))"
    # What is wrong with quantity or amounts by themselves has been said already.
    sound = " AND ".join(f"NOT ({bad_amount(f'l.{name}')})" for name in ("unit_price", "discount"))
    larger = f"l.quantity != 0 AND {sound} AND l.discount > {units} * {clamped('l.unit_price')}"
    yield Fault("lines[].discount", f"LOGICAL_OR({larger})", _LARGER, "lines")
