"""What costs nothing by itself, and why: `free.yaml`. A type that is neither there nor priced is listed as not estimated."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import yaml

_REASONS: Mapping[str, list[str]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
FREE: Mapping[str, str] = {type_: why for why, types in _REASONS.items() for type_ in types}


@cache
def why_free(type_: str) -> str | None:
    """The reason why a type is free; None for one that is not known to be."""
    return FREE.get(type_) or next((why for pattern, why in FREE.items() if fnmatchcase(type_, pattern)), None)
