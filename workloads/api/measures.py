"""Ratios as the contract writes them: exact, nine places, half away from zero."""

from __future__ import annotations

PLACES = 9


def ratio(numerator: int, denominator: int) -> str | None:
    """Return numerator / denominator as a decimal string of nine places, None when the denominator is 0.

    Computed in integers: a quotient rounded twice is not always the quotient rounded once.
    """
    if denominator == 0:
        return None
    negative = (numerator < 0) != (denominator < 0)
    scaled = abs(numerator) * 10**PLACES
    whole, rest = divmod(scaled, abs(denominator))
    rounded = whole + (2 * rest >= abs(denominator))
    sign = "-" if negative and rounded else ""
    units, fraction = divmod(rounded, 10**PLACES)
    return f"{sign}{units}.{fraction:0{PLACES}d}"
