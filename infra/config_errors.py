"""Errors of a configuration, one line for each mistake: which key, what happens otherwise, what to write."""

from __future__ import annotations

import difflib
import json
import types
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

NAMESPACE = "fastyle"
PROVIDERS_OWN = ("project", "region")
"""Keys that the provider reads too: they are `gcp:…`, and nowhere else."""

_COMPLAINTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "int_parsing": lambda c: "no whole number",
    "int_type": lambda c: "no whole number",
    "int_from_float": lambda c: "no whole number",
    "float_parsing": lambda c: "no number",
    "float_type": lambda c: "no number",
    "bool_parsing": lambda c: "neither true nor false",
    "bool_type": lambda c: "neither true nor false",
    "string_type": lambda c: "no text",
    "list_type": lambda c: "no list",
    "dict_type": lambda c: "no keys with values",
    "model_type": lambda c: "no keys with values",
    "model_attributes_type": lambda c: "no keys with values",
    "enum": lambda c: f"none of {c['expected']}",
    "greater_than_equal": lambda c: f"under {c['ge']}",
    "less_than_equal": lambda c: f"over {c['le']}",
    "too_long": lambda c: f"more than {c['max_length']}",
    "too_short": lambda c: f"fewer than {c['min_length']}",
    "string_pattern_mismatch": lambda c: "not of that form",
}


def explain(error: ValidationError, root: type[BaseModel]) -> list[str]:
    """A line for each mistake of a configuration of class `root`."""
    lines = []
    for problem in error.errors(include_url=False):
        path = [str(part) for part in problem["loc"] if part != "[key]"]  # a map's key is its own last part
        key = _key(path)
        if problem["type"] == "value_error":
            message = problem["msg"].removeprefix("Value error, ")
            # A check over several keys names them itself.
            lines += [f"{NAMESPACE}:{m}" if not path else f"{key}: {m}" for m in message.split("\n")]
        elif problem["type"] == "extra_forbidden":
            lines.append(f"{key}: unknown key, it would change nothing; {_nearest(root, path)}")
        else:
            lines.append(f"{key} {_complaint(problem)}; {_mend(root, path, key)}")
    return lines


def _key(path: list[str]) -> str:
    return f"gcp:{path[0]}" if path and path[0] in PROVIDERS_OWN else f"{NAMESPACE}:{'.'.join(path)}"


def _complaint(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "missing":
        return "is missing"
    say = _COMPLAINTS.get(problem["type"])
    return f"is {problem['input']!r}, {say(problem.get('ctx', {})) if say else problem['msg']}"


def field_at(root: type[BaseModel], path: list[str]) -> FieldInfo | None:
    """The field at a path of keys, None inside a list or map, and where there is none of that name."""
    owner = _model(root, path[:-1])
    return owner.model_fields.get(path[-1]) if owner else None


def _mend(root: type[BaseModel], path: list[str], key: str) -> str:
    field = field_at(root, path)
    if field is None:  # inside a list or map: the key above it has the description
        return _mend(root, path[:-1], _key(path[:-1])) if len(path) > 1 else "see docs/configuration.md"
    example: Any = field.examples[0] if field.examples else None
    text = str(example.value) if isinstance(example, Enum) else json.dumps(example, default=str)
    return f"{field.description}; write for instance {key}: {text}"


def _nearest(root: type[BaseModel], path: list[str]) -> str:
    owner = _model(root, path[:-1])
    field_names = sorted(owner.model_fields) if owner else []
    near = difflib.get_close_matches(path[-1], field_names, n=1)
    return f"did you mean {near[0]}?" if near else f"use one of {', '.join(field_names)}"


def _model(root: type[BaseModel], path: list[str]) -> type[BaseModel] | None:
    """The model at a path of keys, None inside a list or map."""
    model = root
    for part in path:
        field = model.model_fields.get(part)
        annotation: Any = field.annotation if field else None
        if get_origin(annotation) in (Union, types.UnionType):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return None
        model = annotation
    return model
