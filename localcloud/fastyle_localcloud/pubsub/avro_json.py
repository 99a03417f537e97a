"""Avro's JSON encoding, read against a schema, with errors that name the field.

fastavro reads this encoding too, but says of a wrong message only that some value did not fit; a publisher
needs the path. A schema is compiled once into nested functions, so that a message costs one walk of its JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

Reader = Callable[[Any, str], Any]


class Mismatch(ValueError):  # noqa: N818 - of a value and its schema
    """A value that the schema does not allow; `path` is the dotted field, empty for the whole message."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"field {path}: {reason}" if path else reason)
        self.path = path
        self.reason = reason


def compile_reader(parsed: Any) -> Callable[[bytes], Any]:
    """A function from message data to the value it encodes (bytes as `bytes`, unions untagged).

    `parsed` is a schema that fastavro has parsed: names in it are full names.
    """
    read = _compile(parsed, {})

    def decode(data: bytes) -> Any:
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise Mismatch("", f"the message is not JSON: {error}") from None
        return read(value, "")

    return decode


def _compile(schema: Any, named: dict[str, Reader]) -> Reader:
    if isinstance(schema, list):
        return _union(schema, named)
    if isinstance(schema, str):
        return named[schema] if schema in named else _PRIMITIVES[schema]
    match schema["type"]:
        case "record":
            return _record(schema, named)
        case "enum" | "fixed" as kind:
            named[schema["name"]] = _enum(schema["symbols"]) if kind == "enum" else _bytes(schema["size"])
            return named[schema["name"]]
        case "array":
            item = _compile(schema["items"], named)
            return _of_type(
                list, "an array", lambda value, path: [item(each, f"{path}[{n}]") for n, each in enumerate(value)]
            )
        case "map":
            item = _compile(schema["values"], named)
            return _of_type(dict, "an object", lambda value, path: {k: item(v, _in(path, k)) for k, v in value.items()})
        case kind:
            return _compile(kind, named)


def _in(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _of_type(kind: type, words: str, then: Reader | None = None) -> Reader:
    """A reader of values of that very type (a boolean is no number), which `then` reads further."""

    def read(value: Any, path: str) -> Any:
        if type(value) is not kind:
            raise Mismatch(path, f"expected {words}, got {_shown(value)}")
        return then(value, path) if then else value

    return read


def _number(value: Any, path: str) -> Any:
    if type(value) not in (int, float):
        raise Mismatch(path, f"expected a number, got {_shown(value)}")
    return float(value)


def _integer(kind: str, limit: int) -> Reader:
    def read(value: Any, path: str) -> Any:
        if type(value) is not int or not -limit <= value < limit:
            raise Mismatch(path, f"expected {kind} (a whole number within its range), got {_shown(value)}")
        return value

    return read


def _bytes(size: int | None) -> Reader:
    def read(value: Any, path: str) -> Any:
        try:
            data = value.encode("latin-1")
        except (AttributeError, UnicodeEncodeError):
            raise Mismatch(path, f"expected bytes as a string of code points 0-255, got {_shown(value)}") from None
        if size is not None and len(data) != size:
            raise Mismatch(path, f"expected {size} bytes, got {len(data)}")
        return data

    return read


def _enum(symbols: list[str]) -> Reader:
    wanted, allowed = ", ".join(symbols), frozenset(symbols)

    def read(value: Any, path: str) -> Any:
        if type(value) is not str or value not in allowed:
            raise Mismatch(path, f"expected one of {wanted}, got {_shown(value)}")
        return value

    return read


_PRIMITIVES: dict[str, Reader] = {
    "string": _of_type(str, "a string"),
    "boolean": _of_type(bool, "true or false"),
    "null": _of_type(type(None), "null"),
    "int": _integer("int", 2**31),
    "long": _integer("long", 2**63),
    "float": _number,
    "double": _number,
    "bytes": _bytes(None),
}


def _record(schema: Any, named: dict[str, Reader]) -> Reader:
    fields: list[tuple[str, Reader]] = []

    def read(value: Any, path: str) -> Any:
        prefix = f"{path}." if path else ""
        result = {}
        for name, reader in fields:
            try:
                given = value[name]
            except KeyError:
                # A default is for readers of another version: the encoding itself carries every field.
                raise Mismatch(prefix + name, "missing") from None
            result[name] = reader(given, prefix + name)
        if len(value) != len(fields):
            raise Mismatch(prefix + min(set(value) - set(result)), "not in the schema")
        return result

    named[schema["name"]] = _of_type(dict, "an object", read)  # Before the fields: a record may hold itself.
    fields.extend((field["name"], _compile(field["type"], named)) for field in schema["fields"])
    return named[schema["name"]]


def _union(branches: list[Any], named: dict[str, Reader]) -> Reader:
    readers = {_branch_name(branch): _compile(branch, named) for branch in branches}
    nullable = readers.pop("null", None) is not None
    wanted = " or ".join([*(["null"] if nullable else []), *(f'{{"{name}": …}}' for name in readers)])

    def read(value: Any, path: str) -> Any:
        if value is None and nullable:
            return None
        if type(value) is dict and len(value) == 1:
            name, inner = next(iter(value.items()))
            reader = readers.get(name)
            if reader is not None:
                return reader(inner, path)
        raise Mismatch(path, f"expected {wanted}, got {_shown(value)}")

    return read


def _branch_name(branch: Any) -> str:
    if isinstance(branch, str):
        return branch
    return str(branch["name"] if branch["type"] in ("record", "enum", "fixed") else branch["type"])


def _shown(value: Any) -> str:
    """The value, short enough for an error: messages may hold a customer's data, and logs last."""
    text = orjson.dumps(value).decode() if value is None or isinstance(value, bool | int | float) else ""
    if isinstance(value, str):
        text = f'"{value}"'
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return text if len(text) <= 40 else f"{text[:40]}…"
