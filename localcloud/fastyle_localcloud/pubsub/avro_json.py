"""Avro's JSON encoding, read against a schema, with errors that name the field.

fastavro reads this encoding too, but says of a wrong message only that some value did not fit; a publisher
needs the path. A schema is compiled once into nested functions, so that a message costs one walk of its JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

Reader = Callable[[Any, str], Any]

_INTEGERS = {"int": 2**31, "long": 2**63}
_OF_TYPE: dict[str, tuple[type, str]] = {
    "string": (str, "a string"),
    "boolean": (bool, "true or false"),
    "null": (type(None), "null"),
}


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
        return named[schema] if schema in named else _primitive(schema)
    kind = schema["type"]
    if kind == "record":
        return _record(schema, named)
    if kind == "enum":
        return _remember(schema, named, _enum(schema))
    if kind == "fixed":
        return _remember(schema, named, _bytes(schema["size"]))
    if kind == "array":
        return _array(_compile(schema["items"], named))
    if kind == "map":
        return _map(_compile(schema["values"], named))
    return _compile(kind, named)


def _remember(schema: Any, named: dict[str, Reader], reader: Reader) -> Reader:
    named[schema["name"]] = reader
    return reader


def _primitive(kind: str) -> Reader:
    if kind in _INTEGERS:
        return _integer(kind)
    if kind in ("float", "double"):
        return _number
    if kind == "bytes":
        return _bytes(None)
    return _of_type(*_OF_TYPE[kind])


def _of_type(kind: type, words: str) -> Reader:
    def read(value: Any, path: str) -> Any:
        if type(value) is not kind:
            raise Mismatch(path, f"expected {words}, got {_shown(value)}")
        return value

    return read


def _number(value: Any, path: str) -> Any:
    if type(value) not in (int, float):
        raise Mismatch(path, f"expected a number, got {_shown(value)}")
    return float(value)


def _integer(kind: str) -> Reader:
    limit = _INTEGERS[kind]

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


def _enum(schema: Any) -> Reader:
    symbols = frozenset(schema["symbols"])
    wanted = ", ".join(schema["symbols"])

    def read(value: Any, path: str) -> Any:
        if type(value) is not str or value not in symbols:
            raise Mismatch(path, f"expected one of {wanted}, got {_shown(value)}")
        return value

    return read


def _array(item: Reader) -> Reader:
    def read(value: Any, path: str) -> Any:
        if type(value) is not list:
            raise Mismatch(path, f"expected an array, got {_shown(value)}")
        return [item(each, f"{path}[{index}]") for index, each in enumerate(value)]

    return read


def _map(item: Reader) -> Reader:
    def read(value: Any, path: str) -> Any:
        if type(value) is not dict:
            raise Mismatch(path, f"expected an object, got {_shown(value)}")
        return {key: item(each, f"{path}.{key}" if path else key) for key, each in value.items()}

    return read


def _record(schema: Any, named: dict[str, Reader]) -> Reader:
    fields: list[tuple[str, Reader]] = []
    names: set[str] = set()

    def read(value: Any, path: str) -> Any:
        if type(value) is not dict:
            raise Mismatch(path, f"expected an object, got {_shown(value)}")
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
            raise Mismatch(prefix + min(set(value) - names), "not in the schema")
        return result

    named[schema["name"]] = read  # Before the fields: a record may hold itself.
    fields.extend((field["name"], _compile(field["type"], named)) for field in schema["fields"])
    names.update(name for name, _ in fields)
    return read


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
