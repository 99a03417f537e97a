"""The table of resource types this provider knows, read from the rules of each service (`rules/`)."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fastyle_localcloud.provider import constraints, rules
from fastyle_localcloud.provider.constraints import Check
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.schema import ResourceSchema, load, token_of
from fastyle_localcloud.provider.vocabulary import Condition, Reference, Rules, Shared, User, grant

_YAML: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def rules_by_token() -> dict[str, Rules]:
    """Every type's rules, by Pulumi type token."""
    table: dict[str, Rules] = {}
    for path in sorted(Path(rules.__path__[0]).glob("*.yaml")):
        for name, entry in entries(path).items():
            token = token_of(name)
            if token in table:
                raise ValueError(f"{name} has two entries")
            try:
                table[token] = _rules(entry)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{path.name}: {name}: {error}") from error
    return table


def entries(path: Path) -> dict[str, Any]:
    """What a service's file says of each type, with the functions of the module beside it in their places."""
    has_code = path.with_suffix(".py").exists()
    code = importlib.import_module(f"{rules.__name__}.{path.stem}") if has_code else None
    loader: Any = type("Loader", (_YAML,), {})
    loader.add_constructor("!code", lambda _, node: getattr(code, node.value))
    return dict(yaml.load(path.read_text(encoding="utf-8"), loader))  # noqa: S506 (a safe one)


def _rules(entry: Mapping[str, Any]) -> Rules:
    fields = {name: _READ[name](value) if name in _READ else value for name, value in entry.items()}
    if "grant" in fields:
        return grant(fields.pop("grant"), *fields.pop("checks", ()), **fields)
    return Rules(**fields)


def _check(written: Any) -> Check:
    """A check that is a function, a name of a constraint, or such a name with its arguments."""
    if callable(written):
        check: Check = written
        return check
    [(name, arguments)] = written.items() if isinstance(written, dict) else [(written, ())]
    made: Check = getattr(constraints, name)(*arguments)
    return made


_READ: dict[str, Callable[[Any], Any]] = {
    "checks": lambda written: tuple(map(_check, written)),
    "replaces": tuple,
    "known_at_preview": tuple,
    "volatile": tuple,
    "references": lambda written: tuple(Reference(**each) for each in written),
    "owner": lambda written: Reference(**written),
    "users": lambda written: tuple(User(**each) for each in written),
    "conditions": lambda written: tuple(
        Condition(Reference(**each["reference"]), each["holds"], each["words"]) for each in written
    ),
    "shared": lambda written: Shared(**{**written, "types": tuple(written["types"])}),
}
"""How the fields that are not plain values are read."""


def lookup(token: str) -> tuple[ResourceSchema, Rules]:
    """The schema and rules of a type token; raises `Refused` for a type that is not in the table."""
    rules = rules_by_token().get(token)
    if rules is None:
        close = difflib.get_close_matches(token, rules_by_token(), 1)
        hint = f" (the nearest is {close[0]})" if close else ""
        raise Refused(
            f"the local cloud does not know {token}{hint}: it would neither check nor serve it; "
            "keep it out of this stack, or add its rules to fastyle_localcloud/provider/rules/"
        )
    return load(token), rules
