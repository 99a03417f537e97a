"""What a rule about a resource type can say: what Google Cloud refuses, replaces and computes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from fastyle_localcloud.iam import canonical_member
from fastyle_localcloud.provider.constraints import Check, member, role
from fastyle_localcloud.provider.wire import UNKNOWN, Properties

Output = str | int | bool | Callable[[Properties], Any]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is known of one resource type beyond the SDK's metadata.

    `id`: a template over inputs and `project`; two resources with equal ids cannot exist together. What it names is
    the identity, and a change of it replaces. `replaces`: further dotted paths whose change replaces, with all below;
    `replaces_when`: the same for what depends on the values. `autoname`: the argument that gets a name derived from
    the logical one when it is left out. `defaults`: inputs that the provider fills in, by dotted path; those of a
    block only where the block is there. `outputs`: templates or
    functions for what the cloud adds; the templates in `known_at_preview` are known then already. `volatile`: outputs that any update
    changes. `references`: other resources that must exist when this one is made. `exclusive`: False where the cloud
    lets several declarations stand for one thing, as it does with grants; `adopts`: the argument with which a creation
    takes over what exists already. `owner`: what this one is deleted with, whatever became of its own declaration.
    `users`: arguments of other resources that name this one: while one of them exists, this one cannot be deleted.
    `conditions`: what must hold for another resource before this one can be made, changed or deleted.
    `refuses_update`: why the cloud would refuse a change, from what the resource is and what it should be.
    `seconds`: what Google takes to make one, where that is many minutes; the cloud's clock goes ahead by it. `shared`:
    where declarations of several types stand for one thing. `grants_on`: of a grant, what IAM calls the resource.

    Templates and functions of `outputs` see the settled properties with `id`, `_number` (of the project)
    and `_unique` (21 digits, the same for the same id).
    """

    id: str
    autoname: str = "name"
    checks: tuple[Check, ...] = ()
    replaces: tuple[str, ...] = ()
    replaces_when: Callable[[Properties, Properties], list[str]] | None = None
    replaces_always: bool = False
    equal: Mapping[str, Callable[[Any, Any], bool]] = field(default_factory=lambda: _NOTHING)
    defaults: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    outputs: Mapping[str, Output] = field(default_factory=lambda: _NOTHING)
    known_at_preview: tuple[str, ...] = ()
    volatile: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    exclusive: bool = True
    adopts: str | None = None
    owner: Reference | None = None
    users: tuple[User, ...] = ()
    conditions: tuple[Condition, ...] = ()
    refuses_update: Callable[[Properties, Properties], str | None] | None = None
    seconds: int = 0
    shared: Shared | None = None
    grants_on: str = ""


class Shared(NamedTuple):
    """One thing in the cloud that declarations of several `types` (such as `bigquery.DatasetAccess`) stand for.

    `key` says which thing a declaration stands for, None for none; the first that is deleted takes it from all.
    `refuses`: a second declaration is refused. `drops`: whether writing this one (first argument) takes away another
    (second argument), which stands for something else.
    """

    types: tuple[str, ...]
    key: Callable[[Properties], str | None]
    refuses: bool = False
    drops: Callable[[Properties, Properties], bool] | None = None


class Reference(NamedTuple):
    """The value at `path` names a resource of type `target` (such as `pubsub.Topic`); its id is `id` filled in.

    `{value}` in `id` is the value; a value that is a full id already stands for itself. References at one path are
    alternatives.
    """

    path: str
    target: str
    id: str = "{value}"


class User(NamedTuple):
    """A resource of type `type` uses the one whose id its argument at `path` holds, or `id`, filled in, makes of it.

    `despite`: a deletion policy with which the user is no obstacle.
    """

    type: str
    path: str
    id: str = "{value}"
    despite: str | None = None


class Condition(NamedTuple):
    """`holds` must be true of the outputs of the resource that `reference` leads to; else `words` say what is wrong."""

    reference: Reference
    holds: Callable[[Properties], bool]
    words: str


def fill(template: str, values: Mapping[str, Any]) -> str | None:
    """Fill `{name}` and `{block.name}` in; None when a value is unknown or absent, unless marked: `{name?}`."""

    def one(match: re.Match[str]) -> str:
        value: Any = values
        for part in match[1].split("."):
            if match[2] and value.get(part) is None:
                return ""
            value = value[part]
        if value is UNKNOWN or value is None:
            raise KeyError(match[1])
        return str(value)

    try:
        return re.sub(r"\{([\w.]+)(\??)\}", one, template)
    except (KeyError, TypeError):
        return None


def blanks(template: str) -> set[str]:
    """The top-level names in a template."""
    return {name.split(".")[0] for name in re.findall(r"\{([\w.]+)\??\}", template)}


def same_member(a: Any, b: Any) -> bool:
    return isinstance(a, str) and isinstance(b, str) and canonical_member(a) == canonical_member(b)


def grant(
    on: str, *checks: Check, id: str = "", references: tuple[Reference, ...] = (), shared: Shared | None = None
) -> Rules:
    """Rules of a type that adds one member to one role: several may stand for one grant, which is one entry.

    `on` is what IAM calls the resource that it is made on, and the beginning of the `id` that is not given.
    """
    return Rules(
        id=id or f"{on}/{{role}}/{{member}}",
        grants_on=on,
        replaces_always=True,
        exclusive=False,
        equal={"member": same_member},
        checks=(role(), member(), *checks),
        references=references,
        shared=shared,
    )
