"""What a resource type takes and gives, read from the metadata of the `pulumi_gcp` SDK itself.

The SDK declares every argument with its type, its name on the wire and whether it is required, nested blocks
included; so every type of Google Cloud can be checked without a list of our own. Importing them takes seconds and
hundreds of megabytes: what was read is kept in a file that the processes of one user share.
"""

from __future__ import annotations

import collections.abc
import importlib
import inspect
import pickle
import typing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from pulumi import _types

from fastyle_localcloud.files import cache_dir
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.remembered import Remembered


@dataclass(frozen=True)
class Scalar:
    """`str`, `int`, `float`, `bool`, `asset` or `any`."""

    kind: str


@dataclass(frozen=True)
class ListOf:
    item: Type


@dataclass(frozen=True)
class MapOf:
    item: Type


@dataclass(frozen=True, eq=False)
class Block:
    """A nested block; some contain themselves."""

    fields: dict[str, Field]


Type = Scalar | ListOf | MapOf | Block


@dataclass(frozen=True)
class Field:
    """One argument: its name on the wire, its type, and whether it must be given."""

    name: str
    type: Type
    required: bool


@dataclass(frozen=True)
class ResourceSchema:
    """One resource type.

    `computed`: outputs that cannot be given; `settled`: arguments that may be left out but have a value afterwards,
    because the provider or the cloud chooses one.
    """

    token: str
    inputs: dict[str, Field]
    computed: frozenset[str]
    settled: frozenset[str]


def token_of(name: str) -> str:
    """`pubsub.Topic` -> `gcp:pubsub/topic:Topic`."""
    module, cls = name.split(".")
    return f"gcp:{module}/{cls[0].lower()}{cls[1:]}:{cls}"


@cache
def load(token: str) -> ResourceSchema:
    """The schema of a type token; raises `Refused` for a type the SDK does not have."""
    kept, source = _kept(), (token, Path(__file__).read_text("utf-8"))
    if (text := kept.get(*source)) is None:
        text = pickle.dumps(_read(token), protocol=0).decode("ascii")
        kept.put(text, *source)
    schema: ResourceSchema = pickle.loads(text.encode("ascii"))  # noqa: S301 - this user's own, as compiled modules are
    return schema


@cache
def _kept() -> Remembered:
    return Remembered.of_releases(cache_dir() / "schemas", "pulumi", "pulumi_gcp")


def _read(token: str) -> ResourceSchema:
    try:
        package, module_and_file, name = token.split(":")
        resource = getattr(importlib.import_module(f"pulumi_{package}.{module_and_file.split('/')[0]}"), name)
        module = importlib.import_module(resource.__module__)
    except (ValueError, ImportError, AttributeError) as error:
        raise Refused(f"{token} is not a resource type of the gcp provider") from error
    # `InitArgs` where a nested block of the same module has the plain name already
    args = getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args")
    state = getattr(module, f"_{name}State")
    inputs = _fields(args, {})
    outputs = set(_types.input_type_types(state))
    optional = {field.name for field in inputs.values() if not field.required}
    return ResourceSchema(
        token=token,
        inputs=inputs,
        computed=frozenset(outputs - set(inputs)),
        settled=frozenset(name for name in optional if name in _never_none(resource)),
    )


def _never_none(resource: type) -> set[str]:
    """The outputs that the SDK declares as present whatever was given."""
    present = set()
    for python_name, prop in inspect.getmembers(resource, lambda member: isinstance(member, property)):
        annotation = str((prop.fget.__annotations__ if prop.fget else {}).get("return", ""))
        if annotation and "Optional" not in annotation:
            present.add(getattr(prop.fget, _types._PULUMI_NAME, python_name))
    return present


def _fields(cls: type, blocks: dict[type, Block]) -> dict[str, Field]:
    names = _types.input_type_py_to_pulumi_names(cls)
    types = _types.input_type_types(cls)
    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    fields = {}
    for python_name, name in names.items():
        parameter = parameters.get(python_name)
        required = parameter is not None and parameter.default is inspect.Parameter.empty
        fields[name] = Field(name, _type(types[name], blocks), required)
    return fields


_SCALARS = {str: "str", int: "int", float: "float", bool: "bool", pulumi.Asset: "asset", pulumi.Archive: "asset"}


def _type(declared: Any, blocks: dict[type, Block]) -> Type:
    """The type of an argument, without the wrapping that says it may be an output or a promise."""
    if declared in _SCALARS:
        return Scalar(_SCALARS[declared])
    origin, args = typing.get_origin(declared), typing.get_args(declared)
    if origin is collections.abc.Sequence or origin is list:
        return ListOf(_type(args[0], blocks))
    if origin is collections.abc.Mapping or origin is dict:
        return MapOf(_type(args[1], blocks))
    if origin is typing.Union:
        plain = [arg for arg in args if typing.get_origin(arg) not in (pulumi.Output, collections.abc.Awaitable)]
        plain = [arg for arg in plain if arg is not type(None)]
        if plain:
            return _type(plain[0], blocks)
    if isinstance(declared, type) and _types.is_input_type(declared):
        if declared not in blocks:
            blocks[declared] = Block({})
            blocks[declared].fields.update(_fields(declared, blocks))
        return blocks[declared]
    return Scalar("any")
