"""What a resource gets beside its own inputs: from the provider that makes it, and from its planned outputs.

A provider's default labels, project, region and zone hold for each resource of a type that takes them, and appear in
no input. And a stack rule is given planned outputs, in which the provider shows a map with one unknown value as
unknown as a whole: the inputs that resource rules were given before tell its elements apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from fastyle_policies.model import UNKNOWN

TYPES = Path(__file__).parent / "provider_arguments.json"
"""Types by what they take from their provider; written by `python -m fastyle_policies.provider_arguments`."""
PLACES = ("project", "region", "zone")


@cache
def _takers() -> Mapping[str, frozenset[str]]:
    content: dict[str, list[str]] = json.loads(TYPES.read_text(encoding="utf-8"))
    return {argument: frozenset(types) for argument, types in content.items()}


def takes(type_: str, argument: str) -> bool:
    """Whether a type gets `labels`, `project`, `region` or `zone` from its provider where it does not say it itself."""
    return type_ in _takers()[argument]


def provider_settings(props: Mapping[str, Any]) -> dict[str, Any]:
    """What a provider gives to its resources; maps of a provider's configuration are JSON on the wire."""
    settings: dict[str, Any] = {key: props[key] for key in PLACES if props.get(key) not in (None, "")}
    labels = props.get("defaultLabels")
    if isinstance(labels, str):
        with suppress(ValueError):  # then it is no map, and gives nothing
            labels = json.loads(labels)
    if labels is UNKNOWN or isinstance(labels, Mapping):
        settings["labels"] = labels
    return settings


def with_provider(type_: str, props: Mapping[str, Any], settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """`props` with what the resource does not say itself and its provider does."""
    filled: dict[str, Any] = {}
    for key in PLACES:
        if key in settings and takes(type_, key) and props.get(key) in (None, ""):
            filled[key] = settings[key]
    if "labels" in settings and takes(type_, "labels"):
        filled["labels"] = _labels(props.get("labels"), settings["labels"])
    return {**props, **filled}


def _labels(own: Any, default: Any) -> Any:
    """Both together, the resource's own first; whatever of them is unknown leaves the other's to be read."""
    if own is UNKNOWN or not isinstance(default, Mapping):
        return own if own is not None else default
    return {**default, **own} if isinstance(own, Mapping) else dict(default)


def with_inputs(output: Any, given: Any) -> Any:
    """A planned output, with what is unknown in it as the input had it."""
    if output is UNKNOWN:
        return UNKNOWN if given is None else given
    if isinstance(output, Mapping) and isinstance(given, Mapping):
        return {key: with_inputs(output.get(key), given.get(key)) for key in {**output, **given}}
    if isinstance(output, list) and isinstance(given, list) and len(output) == len(given):
        return list(map(with_inputs, output, given))
    return output


class Inputs:
    """The inputs of each resource as the rules about single resources were given them, for those about the stack."""

    def __init__(self) -> None:
        self._by_urn: dict[str, Mapping[str, Any]] = {}
        self._of_former_run: set[str] = set()

    def needs(self, urn: str) -> bool:
        """Whether a resource has not been seen in this run: `pulumi up` judges a preview first, then the update."""
        return urn not in self._by_urn or urn in self._of_former_run

    def note(self, urn: str, props: Mapping[str, Any]) -> None:
        self._by_urn[urn] = props
        self._of_former_run.discard(urn)

    def beside(self, urn: str, outputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """The outputs of a resource, each unknown value as its input had it."""
        merged: Mapping[str, Any] = with_inputs(outputs, self._by_urn.get(urn))
        return merged

    def run_ended(self) -> None:
        self._of_former_run = set(self._by_urn)
