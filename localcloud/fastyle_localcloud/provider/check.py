"""Check: does Google Cloud take these inputs? First against the SDK's metadata, then against the rules."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from typing import Any

from fastyle_localcloud.provider.schema import Block, Field, ListOf, MapOf, ResourceSchema, Scalar, Type
from fastyle_localcloud.provider.vocabulary import Problem, Rules
from fastyle_localcloud.provider.wire import UNKNOWN, Asset, Path, Properties, dotted

DEFAULTS = "__defaults"  # in inputs: names of arguments that the provider filled in, as Pulumi's own providers record


def check(
    schema: ResourceSchema, rules: Rules, news: Properties, olds: Properties, *, name: str, seed: bytes
) -> tuple[Properties, list[Problem]]:
    """Return the inputs with defaults filled in, and everything wrong with them.

    `olds`: the inputs of the resource as it is, whose automatic name is kept; `name`: its logical name.
    """
    inputs = {key: value for key, value in news.items() if value is not None and key != DEFAULTS}
    filled = []
    for key, default in rules.defaults.items():
        if (inputs := _with_default(inputs, key.split("."), default)).get(key) is default:
            filled.append(key)
    auto = schema.inputs.get(rules.autoname)
    if auto is not None and not auto.required and auto.name not in inputs:
        if auto.name in olds.get(DEFAULTS, []) and isinstance(olds.get(auto.name), str):
            inputs[auto.name] = olds[auto.name]
        else:
            inputs[auto.name] = f"{name.lower()}-{hashlib.sha256(seed or name.encode()).hexdigest()[:7]}"
        filled.append(auto.name)
    problems = list(_check_fields(schema.inputs, inputs, ()))
    inputs = {
        key: _coerce(schema.inputs[key].type, value) if key in schema.inputs else value for key, value in inputs.items()
    }
    if not problems:  # rules may rely on the types
        problems = [problem for rule in rules.checks for problem in rule(inputs)]
    inputs[DEFAULTS] = sorted(filled)
    return inputs, problems


def _with_default(inputs: Properties, path: list[str], default: Any) -> Properties:
    """`inputs` with the argument at `path` filled in where it is absent and its block is there."""
    key, *rest = path
    if not rest:
        return inputs if inputs.get(key) is not None else {**inputs, key: default}
    inside = inputs.get(key)
    return {**inputs, key: _with_default(inside, rest, default)} if isinstance(inside, dict) else inputs


def _check_fields(fields: dict[str, Field], value: Properties, path: Path) -> Iterator[Problem]:
    for key, item in value.items():
        if key == DEFAULTS:
            continue
        if key not in fields:
            close = difflib.get_close_matches(key, fields, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            yield Problem(dotted((*path, key)), f"there is no argument {key!r} here{hint}")
        elif item is not None:
            yield from _check_value(fields[key].type, item, (*path, key))
    for field in fields.values():
        if field.required and value.get(field.name) is None:
            yield Problem(dotted((*path, field.name)), "is required and was not given")


def _check_value(kind: Type, value: Any, path: Path) -> Iterator[Problem]:
    if value is UNKNOWN:
        return
    match kind:
        case Block():
            if isinstance(value, dict):
                yield from _check_fields(kind.fields, value, path)
            else:
                yield Problem(dotted(path), f"must be a block of arguments, not {_named(value)}")
        case ListOf():
            if isinstance(value, list):
                for n, item in enumerate(value):
                    yield from _check_value(kind.item, item, (*path, n))
            else:
                yield Problem(dotted(path), f"must be a list, not {_named(value)}")
        case MapOf():
            if isinstance(value, dict):
                for key, item in value.items():
                    yield from _check_value(kind.item, item, (*path, key))
            else:
                yield Problem(dotted(path), f"must be a map, not {_named(value)}")
        case Scalar():
            if value is None or not _fits(kind.kind, value):
                yield Problem(dotted(path), f"must be {_WORDS[kind.kind]}, not {_named(value)}")


_WORDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "asset": "an asset"}


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "str":
            return isinstance(value, (str, int, float, bool))
        case "bool":
            return isinstance(value, bool) or value in ("true", "false")
        case "asset":
            return isinstance(value, Asset)
        case "int" | "float":
            if isinstance(value, bool):
                return False
            try:
                number = float(value)
            except (TypeError, ValueError):
                return False
            return kind == "float" or number.is_integer()
    return True


def _coerce(kind: Type, value: Any) -> Any:
    """Text, numbers and booleans turn into each other where the real provider does that too."""
    if value is UNKNOWN or value is None:
        return value
    match kind:
        case Block() if isinstance(value, dict):
            fields = kind.fields
            return {
                key: _coerce(fields[key].type, item) if key in fields else item
                for key, item in value.items()
                if item is not None
            }
        case ListOf() if isinstance(value, list):
            return [_coerce(kind.item, item) for item in value]
        case MapOf() if isinstance(value, dict):
            return {key: _coerce(kind.item, item) for key, item in value.items()}
        case Scalar() if _fits(kind.kind, value):
            if kind.kind == "str" and not isinstance(value, str):
                return str(value).lower() if isinstance(value, bool) else str(value)
            if kind.kind == "bool" and isinstance(value, str):
                return value == "true"
            if kind.kind in ("int", "float") and isinstance(value, str):
                return int(value) if kind.kind == "int" else float(value)
    return value


def _named(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return f"{type(value).__name__} {value!r}"
