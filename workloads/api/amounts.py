"""Amounts and ratios of reports as decimal strings: exact, never a float."""

from __future__ import annotations

from decimal import Decimal

from workloads.api.measures import ratio

_SCALE = 9  # NUMERIC's: no amount of the marts has more decimals


def amount(value: Decimal | None) -> str | None:
    """`12.3` -> `"12.30"`: at least two decimals, as many as the value has."""
    if value is None:
        return None
    whole, _, fraction = f"{value:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"


def share(part: Decimal | None, whole: Decimal | None) -> str | None:
    """part / whole to nine places; None without either, or when the whole is 0."""
    if part is None or whole is None:
        return None
    return ratio(int(part.scaleb(_SCALE)), int(whole.scaleb(_SCALE)))
