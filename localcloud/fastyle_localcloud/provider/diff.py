"""Diff: what changes between two sets of inputs, and whether it can change in place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastyle_localcloud.provider.check import DEFAULTS
from fastyle_localcloud.provider.schema import ResourceSchema
from fastyle_localcloud.provider.vocabulary import Rules, blanks, fill
from fastyle_localcloud.provider.wire import UNKNOWN, Path, Properties, dotted

ADD, DELETE, UPDATE = "ADD", "DELETE", "UPDATE"

# Only the provider itself reads these; changing them never touches the resource in the cloud.
OWN_ARGUMENTS = ("deletionPolicy", "deletionProtection", "forceDestroy")


@dataclass(frozen=True)
class Change:
    """One difference: its path as Pulumi writes it, `ADD`, `DELETE` or `UPDATE`, and whether it replaces."""

    path: str
    kind: str
    replaces: bool


def diff(schema: ResourceSchema, rules: Rules, old: Properties, new: Properties) -> list[Change]:
    """Differences of two checked sets of inputs; empty when nothing would be done."""
    differences: list[tuple[Path, str]] = []
    for key in sorted({*old, *new} - {DEFAULTS}):
        if key.endswith("Wo"):  # write-only: only its version, an argument of its own, says that it changed
            continue
        before, after = old.get(key), new.get(key)
        same = rules.equal.get(key)
        if same is not None and before is not None and after not in (None, UNKNOWN) and same(before, after):
            continue
        differences.extend(_compare(before, after, (key,)))
    conditional = rules.replaces_when(old, new) if differences and rules.replaces_when else []
    identity = {name for name in blanks(rules.id) if name in schema.inputs}
    fixed = {*rules.replaces, *identity, *conditional}
    changes = []
    for path, kind in differences:
        plain = re.sub(r"\[\d+\]", "", dotted(path))
        replaces = (rules.replaces_always and path[0] not in OWN_ARGUMENTS) or any(
            plain == one or plain.startswith(f"{one}.") for one in fixed
        )
        changes.append(Change(dotted(path), kind, replaces))
    return changes


def must_delete_first(rules: Rules, old: Properties, new: Properties) -> bool:
    """True when the replacement would have the very name of what it replaces."""
    before = fill(rules.id, {"project": "-", **old})
    after = fill(rules.id, {"project": old.get("project", "-"), **new})
    return before is not None and before == after


def _compare(old: Any, new: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if old is None and new is None:
        return
    if old is None:
        yield path, ADD
    elif new is None:
        yield path, DELETE
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _compare(old.get(key), new.get(key), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for n in range(max(len(old), len(new))):
            before = old[n] if n < len(old) else None
            after = new[n] if n < len(new) else None
            yield from _compare(before, after, (*path, n))
    elif new is UNKNOWN or old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, UPDATE
