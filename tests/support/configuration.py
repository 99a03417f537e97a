"""The committed stacks' configurations, and variations of them."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ops.stack_files import as_the_engine_gives_it as as_the_engine_gives_it
from ops.stack_files import plain_stack_file

REPOSITORY = Path(__file__).resolve().parents[2]


def configuration(stack: str) -> dict[str, Any]:
    """The values of a committed stack file, to be changed; whoever has made the stack may have put secrets into it."""
    return copy.deepcopy(_read(stack))


@cache
def _read(stack: str) -> dict[str, Any]:
    text = plain_stack_file(REPOSITORY / f"Pulumi.{stack}.yaml").text
    loaded: dict[str, Any] = yaml.safe_load(text)["config"]
    return loaded


def _section(config: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """What holds the key at `path` (`a.b.c`; `fastyle:` is understood), made where it is missing, and its name there."""
    first, *rest = path.split(".")
    *sections, last = [first if ":" in first else f"fastyle:{first}", *rest]
    for name in sections:
        config = config.setdefault(name, {})
    return config, last


def put(config: dict[str, Any], path: str, value: Any) -> None:
    """Set the key at `path` (`a.b.c`)."""
    section, name = _section(config, path)
    section[name] = value


def changed(stack: str, path: str, value: Any) -> dict[str, str]:
    """`stack`'s configuration with the key at `path` (`a.b.c`) set, or taken out where `value` is `...`."""
    config = copy.deepcopy(configuration(stack))
    section, name = _section(config, path)
    if value is ...:
        del section[name]
    else:
        section[name] = value
    return as_the_engine_gives_it(config)
