"""What the guard remembers of what it did: one small JSON document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from workloads.runtime.brake import RUNNING, SIMULATORS, STOPPED


class Hold(Enum):
    """What the guard did to something that it holds."""

    STOPPING = "stopping"
    """It was on, and is about to be turned off: written down before, so that a crash forgets nothing."""
    HELD = "held"
    """It was on, and the guard turned it off."""
    STARTING = "starting"
    """The guard turned it off, and is about to turn it on again."""
    ASLEEP = "asleep"
    """Its own schedule had it off, and the guard keeps that schedule from turning it on."""


@dataclass(frozen=True)
class Memory:
    """The state of one guard. Nothing in it is data: a lost document costs that somebody resumes by hand."""

    period: datetime | None = None
    """Start of the newest period that a notice told of."""
    level: int = 0
    """How far that period's costs have come: see `guard.LEVELS`. It never falls within a period."""
    held: Mapping[str, Hold] = field(default_factory=dict)
    """What the guard turned off, by name."""
    left: frozenset[str] = frozenset()
    """What somebody else had turned off before, or has turned on since: not the guard's in this period."""
    lease: datetime | None = None
    """Until when one handler alone may act."""


class Unreadable(Exception):  # noqa: N818 - an answer
    """The document is not one that the guard wrote."""


def dump(memory: Memory) -> bytes:
    """Return the document; simulators ask it whether they may trade."""
    document = {
        "version": 1,
        SIMULATORS: STOPPED if memory.level else RUNNING,
        "period": memory.period and memory.period.isoformat(),
        "level": memory.level,
        "held": {name: hold.value for name, hold in sorted(memory.held.items())},
        "left": sorted(memory.left),
        "lease": memory.lease and memory.lease.isoformat(),
    }
    return json.dumps(document, indent=1).encode()


def load(document: bytes | None) -> Memory:
    """Return the memory in a document, an empty one where there is none.

    Raises:
        Unreadable: it is not a document of the guard's.
    """
    if document is None:
        return Memory()
    try:
        given: dict[str, Any] = json.loads(document)
        if given["version"] != 1:
            raise Unreadable(f"its version is {given['version']!r}, not 1")
        return Memory(
            period=_time(given["period"]),
            level=int(given["level"]),
            held={str(name): Hold(hold) for name, hold in given["held"].items()},
            left=frozenset(str(name) for name in given["left"]),
            lease=_time(given["lease"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
