"""Contract rules of one stream beyond its schema: `rules.py` in the stream's folder, where there is one.

A stream without that file has its formats, bounds and the rules of every event only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.events.googlesql import Fault

Json = dict[str, Any]
Report = Callable[[str, str], None]


@dataclass(frozen=True)
class Rules:
    """One stream's rules in both forms, with the same verdicts."""

    check: Callable[[Json, Report], None]
    """Reports `(field, error)` of an event in plain JSON."""
    faults: Callable[[str], Iterator[Fault]]
    """The conditions that break a row of the raw table, which is called by the name given."""


def rules_of(folder: Path) -> Rules:
    """Return the rules of a stream's folder.

    Raises:
        ValueError: its `rules.py` has one of the two forms only: what one store refuses another would count.
    """
    if not (folder / "rules.py").exists():
        return Rules(lambda body, report: None, lambda row: iter(()))
    module = importlib.import_module(f"workloads.events.streams.{folder.name}.rules")
    try:
        return Rules(module.check, module.faults)
    except AttributeError as error:
        raise ValueError(
            f"workloads/events/streams/{folder.name}/rules.py: {error}; it needs check(body, report) for events and "
            "faults(row) for raw rows"
        ) from None
