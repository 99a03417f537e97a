"""Reading of usage files: strict, each mistake one line with file, line and the nearest name."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from fastyle_policies.pricing.lines import PricingError, nearest
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.pricing.usage.file import Days, Document, UsageFile, keys


def read(path: Path) -> UsageFile:
    """Read and check a usage file, as far as that goes without a plan.

    Raises:
        PricingError: it cannot be read, or is not of the form; one line with file, line and the nearest name.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise PricingError(f"{path}: {e.strerror}; give a usage file with --usage") from None
    return parse(text, str(path))


def parse(text: str, name: str = "usage") -> UsageFile:
    """As `read`, of a text; `name` is what messages call it."""
    lines: dict[tuple[str, ...], int] = {}
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        repeated = _lines_of(node, (), lines)  # before merges of mappings are resolved, in the nodes themselves
        content = loader.construct_document(node) if node else None
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        raise PricingError(f"{name}{where}: no YAML: {getattr(e, 'problem', None) or 'cannot be read'}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, a date that there is not
        raise PricingError(f"{name}: holds a number or date that cannot be read, or is nested too deeply") from None
    if repeated:
        raise PricingError(f"{name}:{lines[repeated]}: '{repeated[-1]}' is there twice; take one out")
    usage = UsageFile(name, lines=lines)
    try:
        document = Document.model_validate(content)
    except ValidationError as e:
        wrong = e.errors()[0]
        path = tuple(str(part) for part in wrong["loc"] if part not in ("bool", "int", "float", "str", "dict[str,any]"))
        if wrong["type"] == "extra_forbidden":
            fields = Days.model_fields if path[:1] == ("calendar",) else Document.model_fields
            raise usage.error(path, f"unknown key '{path[-1]}'{nearest(path[-1], fields)}") from None
        raise usage.error(path, f"{'.'.join(path) or 'the file'}: {wrong['msg']}") from None
    usage = UsageFile(name, document, lines=lines)
    for type_, entry in document.resource_type_default_usage.items():
        path = ("resource_type_default_usage", type_)
        if type_ not in PRICERS:
            raise usage.error(path, f"'{type_}' is no type with usage{nearest(type_, PRICERS)}")
        for key in entry:
            if key not in keys([type_]):
                raise usage.error((*path, key), f"{type_} has no key '{key}'{nearest(key, keys([type_]))}")
    for pattern, entry in document.resource_usage.items():
        for key in entry:
            if key not in keys(PRICERS):
                path = ("resource_usage", pattern, key)
                raise usage.error(path, f"no type has a key '{key}'{nearest(key, keys(PRICERS))}")
    return usage


def _lines_of(
    node: yaml.Node | None, path: tuple[str, ...], lines: dict[tuple[str, ...], int]
) -> tuple[str, ...] | None:
    """Fill `lines`; the path of a key that is there twice, if one is: YAML would silently take the last."""
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        inner = (*path, str(key.value))
        if inner in lines:
            return inner
        lines[inner] = key.start_mark.line + 1
        if repeated := _lines_of(value, inner, lines):
            return repeated
    return None
