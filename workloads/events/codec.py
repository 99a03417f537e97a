"""Between the contract's plain JSON and Avro's JSON encoding, which the topics carry.

The two differ in one point: Avro names the branch of a union (`{"string": "C1"}`), null excepted.
"""

from __future__ import annotations

import json
from typing import Any

from workloads.events.stream import Json, Stream


class DecodeError(ValueError):
    """The data is not an event of the stream in Avro's JSON encoding; says where."""


def encode(stream: Stream, event: Json) -> bytes:
    """Return a valid event as a message's data; an optional field that is absent has its default."""
    return json.dumps(_tag(stream.avro, event), ensure_ascii=False, separators=(",", ":")).encode()


def decode(stream: Stream, data: bytes) -> Json:
    """Return a message's data as the contract's plain JSON, every optional field present.

    Structure and Avro types are checked, the contract's bounds are not: that is `validate`. The schema may have grown
    since the message was written, or after this program: as in Avro's schema resolution, a field that the writer did
    not know has its default, and one that the reader does not know is let go.

    Raises:
        DecodeError: the data is not JSON, or not a record of the stream's schema.
    """
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON in UTF-8: {error}") from None
    event: Json = _untag(stream.avro, value, stream.record)
    return event


def _tag(avro_type: Any, value: Any) -> Any:
    if isinstance(avro_type, list):
        branch = avro_type[1]
        return None if value is None else {branch: _tag(branch, value)}
    if isinstance(avro_type, str):
        return value
    if avro_type["type"] == "array":
        return [_tag(avro_type["items"], item) for item in value]
    given = {field["name"]: field["default"] for field in avro_type["fields"] if "default" in field} | value
    return {field["name"]: _tag(field["type"], given[field["name"]]) for field in avro_type["fields"]}


def _untag(avro_type: Any, value: Any, path: str) -> Any:
    if isinstance(avro_type, list):
        if value is None:
            return None
        branch = avro_type[1]
        if not isinstance(value, dict) or list(value) != [branch]:
            raise DecodeError(f'{path}: must be null or {{"{branch}": ...}}')
        return _untag(branch, value[branch], path)
    if isinstance(avro_type, str):
        return _primitive(avro_type, value, path)
    if avro_type["type"] == "array":
        if not isinstance(value, list):
            raise DecodeError(f"{path}: must be an array")
        return [_untag(avro_type["items"], item, f"{path}[{index}]") for index, item in enumerate(value)]
    return _record(avro_type, value, path)


def _record(avro_type: Json, value: Any, path: str) -> Json:
    if not isinstance(value, dict):
        raise DecodeError(f"{path}: must be an object")
    fields = avro_type["fields"]
    if missing := [field["name"] for field in fields if field["name"] not in value and "default" not in field]:
        raise DecodeError(f"{path}: missing fields {missing}")
    return {
        field["name"]: _untag(field["type"], value[field["name"]], f"{path}.{field['name']}")
        if field["name"] in value
        else field["default"]
        for field in fields
    }


def _primitive(avro_type: str, value: Any, path: str) -> Any:
    if avro_type == "string" and isinstance(value, str):
        return value
    if avro_type == "int" and type(value) is int and -(2**31) <= value < 2**31:
        return value
    raise DecodeError(f"{path}: must be of Avro type {avro_type}")
