"""Pulumi's property values on the wire: protobuf Structs to plain Python and back.

Plain means: dict, list, str, int, float, bool and None, `UNKNOWN` for what a preview cannot know, and assets as
`Asset`. Secrets are unwrapped; `decode` says where they were, `encode` wraps the same places again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

Path = tuple[str | int, ...]
Properties = dict[str, Any]

_SIGNATURE: Final = rpc._special_sig_key
_SECRET: Final = rpc._special_secret_sig
_ASSETS: Final = {rpc._special_asset_sig: "asset", rpc._special_archive_sig: "archive"}
# One sentinel a kind of value; the engine sends, and takes, any of them.
_UNKNOWNS: Final = frozenset(
    {
        rpc.UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)


class _Unknown:
    """A value that only the real operation will bring."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: dict[int, Any]) -> _Unknown:
        return self


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Asset:
    """An asset or archive: where its bytes are, and their hash by Pulumi's rules, by which two are compared."""

    kind: str
    hash: str
    source: tuple[tuple[str, Any], ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Asset) and (self.kind, self.hash) == (other.kind, other.hash)

    def __hash__(self) -> int:
        return hash((self.kind, self.hash))

    def get(self, key: str) -> Any:
        """`path`, `text` or `uri` of an asset, also `assets` of an archive; None when it has no such source."""
        return dict(self.source).get(key)


def decode(struct: struct_pb2.Struct) -> tuple[Properties, frozenset[Path]]:
    """Return the plain value and the paths of its secrets."""
    secrets: set[Path] = set()
    value = {key: _decode(item, (key,), secrets) for key, item in struct.fields.items()}
    return value, frozenset(secrets)


def _decode(value: struct_pb2.Value, path: Path, secrets: set[Path]) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item, (*path, n), secrets) for n, item in enumerate(value.list_value.values)]
    if kind != "struct_value":
        return None
    fields = value.struct_value.fields
    signature = fields[_SIGNATURE].string_value if _SIGNATURE in fields else ""
    if signature == _SECRET:
        secrets.add(path)
        return _decode(fields["value"], path, secrets)
    if signature in _ASSETS:
        rest = {key: _decode(item, (*path, key), secrets) for key, item in fields.items() if key != _SIGNATURE}
        return Asset(_ASSETS[signature], str(rest.pop("hash", "")), tuple(sorted(rest.items())))
    return {key: _decode(item, (*path, key), secrets) for key, item in fields.items()}


def encode(value: Properties, secrets: frozenset[Path] = frozenset()) -> struct_pb2.Struct:
    """The inverse of `decode`; a secret's path that no longer exists is ignored."""
    struct = struct_pb2.Struct()
    for key, item in value.items():
        struct.fields[key].CopyFrom(_encode(item, (key,), secrets))
    return struct


def _encode(value: Any, path: Path, secrets: frozenset[Path]) -> struct_pb2.Value:
    if path in secrets:
        inner = _encode(value, path, secrets - {path})
        return _struct({_SIGNATURE: struct_pb2.Value(string_value=_SECRET), "value": inner})
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=rpc.UNKNOWN)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, (int, float)):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, (list, tuple)):
        items = [_encode(item, (*path, n), secrets) for n, item in enumerate(value)]
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
    if isinstance(value, Asset):
        signature = next(sig for sig, kind in _ASSETS.items() if kind == value.kind)
        rest = {"hash": value.hash, **dict(value.source)}
        fields = {key: _encode(item, (*path, key), secrets) for key, item in rest.items()}
        return _struct({_SIGNATURE: struct_pb2.Value(string_value=signature), **fields})
    if isinstance(value, dict):
        return _struct({str(key): _encode(item, (*path, key), secrets) for key, item in value.items()})
    raise TypeError(f"{type(value).__name__} at {dotted(path)} has no form on the wire")


def _struct(fields: dict[str, struct_pb2.Value]) -> struct_pb2.Value:
    return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))


def has_unknown(value: Any) -> bool:
    """True when `value` is unknown or holds something unknown."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return value is UNKNOWN


def dotted(path: Path) -> str:
    """`("rules", 0, "age")` -> `rules[0].age`, as Pulumi writes property paths."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def walk(value: Any, path: str) -> Iterator[tuple[Path, Any]]:
    """Every known value at a dotted path, through each element of any list on the way; absent ones are skipped."""
    yield from _walk(value, path.split(".") if path else [], ())


def _walk(value: Any, rest: list[str], at: Path) -> Iterator[tuple[Path, Any]]:
    if value is None or value is UNKNOWN:
        return
    if isinstance(value, list) and (rest or at):
        for n, item in enumerate(value):
            yield from _walk(item, rest, (*at, n))
    elif not rest:
        yield at, value
    elif isinstance(value, dict):
        yield from _walk(cast(Properties, value).get(rest[0]), rest[1:], (*at, rest[0]))
