"""Dates and times in requests: written out in full, and far enough from the ends of the calendar to be computed with."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

FIRST, LAST = date(2000, 1, 1), date(2999, 12, 31)
# Python also reads weeks (2026-W05-1), digits without hyphens, and times to the hour: a typing error is none of these.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:]{5,8}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
).fullmatch


def parse_date(value: object) -> date:
    """Return the date in a text such as 2026-01-31.

    Raises:
        ValueError: it is none; a sentence without its subject.
    """
    try:
        parsed = date.fromisoformat(value) if isinstance(value, str) and _DATE(value) else None
    except ValueError:  # the 30th of February
        parsed = None
    if parsed is None or not FIRST <= parsed <= LAST:
        raise ValueError(f"must be a date such as 2026-01-31, from {FIRST} to {LAST}")
    return parsed


def parse_instant(value: object) -> datetime:
    """Return the time, aware, in a text such as 2026-01-31T00:00:00Z.

    Raises:
        ValueError: it is none; a sentence without its subject.
    """
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) and _INSTANT(value) else None
    except ValueError:
        parsed = None
    if parsed is None or not FIRST <= parsed.date() <= LAST:
        raise ValueError(f"must be a time with its zone such as 2026-01-31T00:00:00Z, from {FIRST} to {LAST}")
    return parsed.astimezone(UTC)
