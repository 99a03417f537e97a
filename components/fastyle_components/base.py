"""What every component shares: arguments that accept a dataclass or a dict, and outputs that wait for grants.

No `from __future__ import annotations` in this package: Pulumi's analyser, which derives the package's schema,
reads annotations as objects. Annotations of functions that name the provider's classes are quoted: evaluated, they
would load those modules, a megabyte of declarations each, in every process that imports a component.
"""

import dataclasses
import types
from collections.abc import Awaitable, Iterable, Mapping
from copy import copy
from enum import Enum
from typing import Any, Self, TypeVar, Union, get_args, get_origin

import pulumi

T = TypeVar("T")

PACKAGE = "fastyle"
"""The Pulumi package's name; with the class name it makes each type token, which state files hold for ever."""


class ArgsError(pulumi.RunError):
    """A component was given arguments that the cloud would refuse, or that would lose money or data."""


@dataclasses.dataclass(frozen=True)
class Default:
    """What an argument is when nothing is given, and the bounds of a plain value."""

    value: Any
    least: float | None = None
    most: float | None = None
    why: str = ""


def optional(value: Any, least: float | None = None, most: float | None = None, why: str = "") -> Any:
    """A field of arguments that need not be given. Its annotation is `T | None`: the package's schema knows only
    optional and required. The default stands in the field's metadata; `Args.complete` fills it in and checks the bounds, and
    the schema's descriptions tell it.

    Args:
        why: whose bounds they are, or what they are good for.
    """
    return dataclasses.field(default=None, metadata={DEFAULT: Default(value, least, most, why)})


DEFAULT = "default"
"""Key of a field's metadata under which its `Default` stands."""


class Args:
    """Base of all arguments. A component host hands them over as a dict, a program as a dataclass: `of` takes both."""

    @classmethod
    def complete(cls, args: "Self | Mapping[str, Any]", name: str) -> Self:
        """The arguments of component `name` with every default filled in and every plain value within its bounds.

        Raises:
            ArgsError: as of `of`, or a value out of its bounds.
        """
        completed: Self = _completed(cls.of(args), f"{cls.__name__.removesuffix('Args')} {name!r}: ")
        return completed

    @classmethod
    def of(cls, args: "Self | Mapping[str, Any]") -> Self:
        """Return `args` as this class, nested arguments and enums included.

        Raises:
            ArgsError: an unknown or missing key, or a value that is not one of an enum's.
        """
        if isinstance(args, cls):
            return args
        fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        given: Mapping[str, Any] = args  # type: ignore[assignment]
        for key in given:
            if key not in fields:
                raise ArgsError(f"{cls.__name__}: unknown key {key!r}; use one of {', '.join(sorted(fields))}")
        for key, field in fields.items():
            if key not in given and field.default is dataclasses.MISSING:
                raise ArgsError(f"{cls.__name__}: {key} is missing; give it a value")
        where = cls.__name__
        return cls(**{key: _coerce(value, fields[key].type, f"{where}.{key}") for key, value in given.items()})


def _coerce(value: Any, annotation: Any, where: str) -> Any:
    """Turn plain data into what `annotation` says; outputs, and what already fits, pass unchanged."""
    if value is None or isinstance(value, pulumi.Output | Awaitable | Args | Enum):
        return value
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        # Optional[T] and Input[T]: the plain member decides; None, awaitables and outputs have passed above.
        for member in get_args(annotation):
            if member is not type(None) and get_origin(member) in (None, list, dict) and not _is_forward(member):
                return _coerce(value, member, where)
        return value
    if origin is list and isinstance(value, list):
        return [_coerce(v, get_args(annotation)[0], f"{where}[{i}]") for i, v in enumerate(value)]
    if origin is dict and isinstance(value, Mapping):
        return {k: _coerce(v, get_args(annotation)[1], f"{where}.{k}") for k, v in value.items()}
    if isinstance(annotation, type):
        return _coerce_class(value, annotation, where)
    return value


def _coerce_class(value: Any, cls: type, where: str) -> Any:
    if issubclass(cls, Args):
        if not isinstance(value, Mapping):
            raise ArgsError(f"{where}: {value!r} is not a {cls.__name__}; give its keys and values")
        return cls.of(value)
    if issubclass(cls, Enum):
        try:
            return cls(value)
        except ValueError:
            raise ArgsError(f"{where}: {value!r}; use one of {', '.join(str(m.value) for m in cls)}") from None
    # Numbers cross the component protocol as floats.
    return int(value) if cls is int and isinstance(value, float) and value.is_integer() else value


def _completed(value: Any, where: str) -> Any:
    """`value` with the defaults of all arguments in it; `where` is what an error begins with."""
    if isinstance(value, list):
        return [_completed(member, f"{where.rstrip('.')}[{i}].") for i, member in enumerate(value)]
    if isinstance(value, dict):
        return {key: _completed(member, f"{where}{key}.") for key, member in value.items()}
    if not isinstance(value, Args):
        return value
    values = {}
    for field in dataclasses.fields(value):  # type: ignore[arg-type]
        current = _completed(getattr(value, field.name), f"{where}{field.name}.")
        default: Default | None = field.metadata.get(DEFAULT)
        if default is not None:
            current = copy(default.value) if current is None else current
            if default.least is not None and default.most is not None and isinstance(current, int | float):
                in_range(f"{where}{field.name}", current, default.least, default.most, default.why)
        values[field.name] = current
    return type(value)(**values)


def _is_forward(annotation: Any) -> bool:
    return not isinstance(annotation, type) and get_origin(annotation) is None


def given(value: T | None) -> T:
    """An argument that has a default, once `Args.complete` has filled it in."""
    assert value is not None
    return value


def after(value: pulumi.Input[T], *resources: pulumi.Resource | None) -> pulumi.Output[T]:
    """`value`, for whoever may use it only once `resources` (usually grants) exist.

    A URN is known at preview and carries its resource as a dependency: the value stays known there.
    """
    urns = [r.urn for r in resources if r is not None]
    return pulumi.Output.all(value, *urns).apply(lambda parts: parts[0])


def held(parent: pulumi.Resource, protected: bool) -> pulumi.ResourceOptions:
    """Options of a child that holds data or delivers it: while `protected`, Pulumi itself refuses, at preview already,
    to delete or to replace it."""
    return pulumi.ResourceOptions(parent=parent, protect=True if protected else None)


def days(count: int) -> str:
    """A duration as Google Cloud returns it, so that state and program never differ: 7 -> "604800s"."""
    return f"{count * 86400}s"


def in_range(where: str, value: int | float, low: int | float, high: int | float, why: str) -> None:
    """Refuse a plain value out of Google Cloud's bounds, which no preview checks.

    Raises:
        ArgsError: always one line: what, its bounds, why.
    """
    if not low <= value <= high:
        raise ArgsError(f"{where} is {value}; use {low} to {high} ({why})")


def ascending(where: str, values: Iterable[tuple[str, int | None]]) -> None:
    """Refuse steps (name, days) that do not grow; unset ones are skipped."""
    last: tuple[str, int] | None = None
    for name, value in values:
        if value is None:
            continue
        if last is not None and value <= last[1]:
            raise ArgsError(f"{where}: {name} ({value}) must be larger than {last[0]} ({last[1]})")
        last = (name, value)


def token(component: type) -> str:
    """The type token of a component class."""
    return f"{PACKAGE}:index:{component.__name__}"
