"""Currency and time zone of a stack that is deployed, held against its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ops.checks import Check, failed, passed

NAME = "figures-basis"
_CONSEQUENCE = {
    "currency": "every amount of its history would be relabelled",
    "timezone": "its history would be of other business dates than the new trade",
}


def basis(wanted: Mapping[str, Any], deployed: Mapping[str, Any]) -> Check | None:
    """Whether an update would change what the figures of a deployed stack are in.

    Args:
        wanted: the stack's configuration, by full key.
        deployed: the outputs of the stack's last update; empty for a stack that is not deployed.

    Returns:
        The check; None where there is nothing to compare.
    """
    changes = [
        (key, deployed[key], wanted[f"fastyle:{key}"])
        for key in _CONSEQUENCE
        if deployed.get(key) and wanted.get(f"fastyle:{key}")
    ]
    if not changes:
        return None
    changed = [(key, old, new) for key, old, new in changes if old != new]
    if not changed:
        return passed(NAME, f"{' and '.join(str(old) for _, old, _ in changes)}, as deployed")
    return failed(
        NAME,
        "; ".join(
            f"fastyle:{key} is {new}, and the deployed stack's figures are in {old}: {_CONSEQUENCE[key]}, "
            "and its services would refuse to work"
            for key, old, new in changed
        ),
        " and ".join(f"set fastyle:{key} back to {old}" for key, old, _ in changed)
        + "; before the first sale it may be changed, and later in a stack of its own "
        "(docs/operations/changes.md, Currency and time zone)",
    )
