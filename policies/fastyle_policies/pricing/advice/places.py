"""A resource in another region: every mention of its own exchanged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastyle_policies.model import Resource
from fastyle_policies.pricing import regions


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
