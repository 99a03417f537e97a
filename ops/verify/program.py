"""What the engine knows of a stack: its resources, and whether the cloud still is what they say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ops import engine, local_cloud, stacks
from ops.checks import Check, failed, passed, unknown
from ops.endpoints import LOCAL
from ops.errors import OperatorError

NAME = "preview"
_MEND = "run `pulumi up` to restore what was changed by hand, or take it over: docs/operations/drift.md"
# What a machine lacks that may ask the stack's services, and is no fault of the stack.
_NOT_HERE = ("passphrase", "could not find default credentials", "no stack named", "not logged in", "encryption key")


@dataclass(frozen=True)
class Resource:
    """One resource of the stack's state."""

    type: str
    name: str  # logical
    id: str
    outputs: dict[str, Any]


def environment(stack: str) -> dict[str, str]:
    if stack == LOCAL:
        return local_cloud.environment()
    return stacks.caller_environment()


def resources(stack: str) -> list[Resource]:
    """Every resource of the state.

    Raises:
        OperatorError: the state cannot be read here.
    """
    text = engine.run(["stack", "export", "--stack", stack], environment(stack), quiet=True)
    listed = (json.loads(text).get("deployment") or {}).get("resources") or []
    return [
        Resource(r["type"], r["urn"].rpartition("::")[2], str(r.get("id", "")), r.get("outputs") or {})
        for r in listed
        if r.get("custom") and not r.get("delete")
    ]


def preview(stack: str) -> Check:
    """The cloud read again: whether `pulumi up` would change anything."""
    arguments = ["preview", "--stack", stack, "--refresh", "--json"]
    try:
        text = engine.run(arguments, environment(stack), quiet=True)
    except OperatorError as error:
        words = " ".join(str(error).split())[-500:]
        if any(lacking in words.lower() for lacking in _NOT_HERE):
            return unknown(NAME, f"not tried: {words}", "run it where `pulumi up` is run")
        return failed(NAME, words, _MEND)
    document = json.loads(text[text.find("{") :])
    changes = [
        f"{step['op']} {step['urn'].split('::')[-2].rpartition('$')[2]} {step['urn'].rpartition('::')[2]}"
        for step in document.get("steps", [])
        if step["op"] not in ("same", "refresh", "read")
    ]
    summary = {op: n for op, n in (document.get("changeSummary") or {}).items() if op not in ("same", "refresh")}
    if changes or summary:
        more = f" and {len(changes) - 5} more" if len(changes) > 5 else ""
        return failed(NAME, f"the cloud is not what the program says: {', '.join(changes[:5]) or summary}{more}", _MEND)
    count = sum((document.get("changeSummary") or {}).values())
    return passed(NAME, f"{count} resources are as the program says, read again from the cloud")
