"""Names that usage files may have, and the nearest to a wrong one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from fastyle_policies.pricing.services import PRICERS


def keys(types: Iterable[str]) -> list[str]:
    """The usage keys of these types together."""
    return sorted({key for type_ in types for key in PRICERS[type_].usage.model_fields})


def nearest(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""
