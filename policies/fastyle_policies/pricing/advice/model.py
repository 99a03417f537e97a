"""An option: changes of properties, with what is lost by them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastyle_policies.model import Resource, dig, grouped
from fastyle_policies.pricing import regions
from fastyle_policies.pricing.estimator import Estimate

REMOVED = "removed"
"""The value of an edit that takes the whole resource out of the plan."""
Priced = Callable[[Sequence[Resource]], Estimate]
"""The estimate of a plan, with the usage, rates and default region that all plans of one comparison share."""


@dataclass(frozen=True)
class Edit:
    """Another value of one property of the resource of an URN; an empty path with `REMOVED` takes the resource out.

    A value that can be called is given the property as it then is: two options may change one list.
    """

    urn: str
    path: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class Option:
    """One change that may save something.

    Of options with the same `group` one can be taken: they are alternatives. `gives_up` are requirements that the
    changed plan no longer meets. `rests_on_usage` marks what is right only while the usage file is. `refused` says why
    it cannot be taken as things are, for whoever knows more than the plan.
    """

    resource: str
    change: str
    group: str
    loses: str
    edits: tuple[Edit, ...] = ()
    moves: tuple[str, str] | None = None  # everything of the first region into the second
    adds: tuple[Resource, ...] = ()
    instead: tuple[Resource, ...] | None = None  # another plan, to which all other options are then applied
    gives_up: frozenset[str] = frozenset()
    rests_on_usage: bool = False
    refused: str = ""

    def applied(self, resources: Sequence[Resource]) -> list[Resource]:
        """The plan with this option taken. What it changes of resources that the plan lacks is left out."""
        if self.instead is not None:
            return list(self.instead)
        by_urn = grouped((edit.urn, edit) for edit in self.edits)
        changed = []
        for resource in resources:
            edits = by_urn.get(resource.urn, ())
            if any(edit.value == REMOVED and not edit.path for edit in edits):
                continue
            for edit in edits:
                resource = with_property(resource, edit.path, edit.value)
            changed.append(resource)
        changed += self.adds
        if self.moves:
            changed = [moved(resource, *self.moves) for resource in changed]
        return changed


def setting(
    resource: Resource,
    values: Mapping[str, Any],
    words: str = "",
    *,
    loses: str,
    gives_up: str = "",
    group: str = "",
    rests_on_usage: bool = False,
) -> Option:
    """The option of other values of properties, told in `words` or as they are; its `group` is that of the first path
    where it has no name of its own."""
    return Option(
        resource=resource.name,
        change=words or "; ".join(change(resource, path, value) for path, value in values.items()),
        group=f"{resource.urn} {group or next(iter(values))}",
        loses=loses,
        edits=tuple(Edit(resource.urn, path, value) for path, value in values.items()),
        gives_up=frozenset([gives_up] if gives_up else []),
        rests_on_usage=rests_on_usage,
    )


def with_property(resource: Resource, path: str, value: Any) -> Resource:
    """A copy of a resource with another value at a dotted path; numbers in the path are places in a list."""
    props = copy.deepcopy(dict(resource.props))
    *parents, last = path.split(".")
    inner: Any = props
    for key in parents:
        if isinstance(inner, list):
            inner = inner[int(key)]
            continue
        if not isinstance(inner.get(key), dict | list):
            inner[key] = {}
        inner = inner[key]
    inner[last] = value(inner.get(last)) if callable(value) else value
    return replace(resource, props=props)


def change(resource: Resource, path: str, value: Any) -> str:
    """The change of a property in words: what it is, what it would be."""
    before = _walk(resource.props, path)
    return f"{path}: {_shown(before)} -> {_shown(value)}"


def _walk(value: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, Mapping):
            value = dig(value, key)
        else:
            return None
    return value


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, str):
        return value
    return json.dumps(value, default=repr)


def moved(resource: Resource, own: str, to: str) -> Resource:
    """A resource with every mention of its region, or of a zone of it, exchanged."""
    here = resource.region if resource.region not in ("", own) else to
    return replace(resource, props=_exchanged(resource.props, own, to), region=here)


def _exchanged(value: Any, own: str, to: str) -> Any:
    if isinstance(value, dict):
        return {key: _exchanged(each, own, to) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_exchanged(each, own, to) for each in value]
    if isinstance(value, str) and "/" in value:
        return "/".join(_exchanged(part, own, to) for part in value.split("/"))
    if isinstance(value, str) and (place := value.lower()) != to:
        if place == own:
            return to
        if regions.normal(place) == own and place.startswith(f"{own}-"):
            return f"{to}{place.removeprefix(own)}"
    return value
