"""What the provider tells a resource by within its project, read from the import formats that each class documents."""

from __future__ import annotations

import inspect
import re
from functools import cache
from importlib import import_module
from pathlib import Path

_PLACES = {"project", "project_id", "location", "region", "zone", "billing_account"}
"""Parts of an import format that say where a resource is, not which one."""


@cache
def identity_of(type_: str) -> tuple[str, ...]:
    """The properties, in the engine's spelling, that the first import format of a type, its fullest, names beside its place; none
    where the provider documents no format."""
    _, module, name = type_.split(":")
    resource = getattr(import_module(f"pulumi_gcp.{module.partition('/')[0]}"), name)
    source = inspect.getsourcefile(resource)
    assert source is not None
    _, heading, documented = Path(source).read_text(encoding="utf-8").partition("## Import")
    formats = re.findall(r"^\s*\* `([^`]+)`", documented.partition('"""')[0], re.MULTILINE) if heading else []
    placeholders = re.findall(r"{{([\w-]+)}}", formats[0] if formats else "")
    return tuple(_camel(each) for each in placeholders if each not in _PLACES)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
