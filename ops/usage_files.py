"""Usage files written by the program: those of a stack with other values of some keys."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from fastyle_policies.pricing import UsageFile
from fastyle_policies.pricing.usage import parse

from ops.endpoints import STATE_DIR
from ops.errors import OperatorError

Value = tuple[str, str, Decimal]
"""A resource's logical name, a usage key of its type, and a value a month."""


def changed(usage: UsageFile, values: Iterable[Value], head: str) -> str:
    """A usage file with these values in place of its own, as YAML; `head` are its first lines, as comments.

    Raises:
        PricingError: a value is none that the form allows.
    """
    content: dict[str, Any] = usage.document.model_dump(mode="json", exclude_defaults=True) | {"version": 1}
    entries: dict[str, Any] = content.setdefault("resource_usage", {})
    for resource, key, value in values:
        # Last of all, so that no pattern before it counts for more.
        entries[resource] = {**entries.pop(resource, {}), key: _plain(value)}
    comments = "".join(f"# {line}\n" for line in head.splitlines())
    text = comments + yaml.safe_dump(content, sort_keys=False, width=120)
    parse(text, "the usage file to be written")
    return text


def write(text: str, stack: str, target: Path | None = None) -> Path:
    """Write a usage file to `target`, else beside the local cloud's state; where it is.

    Raises:
        OperatorError: it cannot be written there.
    """
    path = target or STATE_DIR / f"usage-{stack}.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as e:
        raise OperatorError(f"{path}: cannot be written ({e.strerror}); name another with --write") from None
    return path


def _plain(value: Decimal) -> int | str:
    return int(value) if value == value.to_integral_value() else f"{value:f}"
