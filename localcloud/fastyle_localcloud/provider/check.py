"""Check: does Google Cloud take these inputs? First against the SDK's metadata, then against the rules."""

from __future__ import annotations

import difflib
import hashlib
from contextlib import suppress
from typing import Any

from fastyle_localcloud.provider.constraints import Problem
from fastyle_localcloud.provider.schema import Block, Field, ListOf, MapOf, ResourceSchema, Scalar, Type
from fastyle_localcloud.provider.vocabulary import Rules
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
    problems: list[Problem] = []
    inputs = _block(schema.inputs, inputs, (), problems)
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


def _block(fields: dict[str, Field], value: Properties, path: Path, problems: list[Problem]) -> Properties:
    """The arguments of a block, each as its type has it; what is wrong with them is added to `problems`."""
    checked: Properties = {}
    for key, item in value.items():
        if key in fields:
            if item is not None:
                checked[key] = _value(fields[key].type, item, (*path, key), problems)
            continue
        checked[key] = item
        if key != DEFAULTS:
            close = difflib.get_close_matches(key, fields, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            problems.append(Problem(dotted((*path, key)), f"there is no argument {key!r} here{hint}"))
    for field in fields.values():
        if field.required and value.get(field.name) is None:
            problems.append(Problem(dotted((*path, field.name)), "is required and was not given"))
    return checked


def _value(kind: Type, value: Any, path: Path, problems: list[Problem]) -> Any:
    if value is UNKNOWN:
        return value
    match kind:
        case Block() if isinstance(value, dict):
            return _block(kind.fields, value, path, problems)
        case ListOf() if isinstance(value, list):
            return [_value(kind.item, item, (*path, n), problems) for n, item in enumerate(value)]
        case MapOf() if isinstance(value, dict):
            return {key: _value(kind.item, item, (*path, key), problems) for key, item in value.items()}
        case Scalar():
            with suppress(ValueError):
                return _scalar(kind.kind, value)
    problems.append(Problem(dotted(path), f"must be {_WORDS[getattr(kind, 'kind', type(kind))]}, not {_named(value)}"))
    return value


_WORDS: dict[str | type, str] = {
    Block: "a block of arguments",
    ListOf: "a list",
    MapOf: "a map",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "asset": "an asset",
}


def _scalar(kind: str, value: Any) -> Any:
    """Text, numbers and booleans turn into each other where the real provider does that too; ValueError elsewhere."""
    match kind, value:
        case ("any", _) | ("str", str()) | ("bool", bool()) | ("asset", Asset()):
            return value
        case "str", bool():
            return str(value).lower()
        case "str", int() | float():
            return str(value)
        case "bool", "true" | "false":
            return value == "true"
        case "float", str():
            return float(value)
        case "int", str() if float(value).is_integer():
            return int(value)
        case "float", int() | float() if not isinstance(value, bool):
            return value
        case "int", int() | float() if not isinstance(value, bool) and float(value).is_integer():
            return value
    raise ValueError(value)


def _named(value: Any) -> str:
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    return f"{type(value).__name__} {value!r}"
