"""The committed stacks' configurations, and variations of them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]


def configuration(stack: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"]
    return loaded


def as_the_engine_gives_it(config: dict[str, Any]) -> dict[str, str]:
    """The engine hands a program text: structured values as JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def changed(stack: str, path: str, value: Any) -> dict[str, str]:
    """`stack`'s configuration with the key at `path` (`a.b.c`) set, or taken out where `value` is `...`."""
    config = copy.deepcopy(configuration(stack))
    first, *rest = path.split(".")
    first = first if ":" in first else f"fastyle:{first}"
    if not rest:
        if value is ...:
            del config[first]
        else:
            config[first] = value
    else:
        section = config.setdefault(first, {})
        for part in rest[:-1]:
            section = section.setdefault(part, {})
        if value is ...:
            del section[rest[-1]]
        else:
            section[rest[-1]] = value
    return as_the_engine_gives_it(config)
