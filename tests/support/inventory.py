"""What is in a stack: `tests/plans/<stack>.yaml`, and where something is not what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "plans"
INVENTORIES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))
"""Stacks that have one; any other is planned and judged all the same."""


def inventory(stack: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / f"{stack}.yaml").read_text(encoding="utf-8"))
    return loaded


def differences(expected: Any, got: Any, where: str = "") -> list[str]:
    """Where `got` is not what `expected` says; keys that `expected` lacks do not count."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return [d for key, value in expected.items() for d in differences(value, got.get(key), f"{where}.{key}")]
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [d for n, value in enumerate(expected) for d in differences(value, got[n], f"{where}[{n}]")]
    return [] if expected == got else [f"{where}: expected {expected!r}, planned {got!r}"]
