"""Trade to send: the seeded simulator's, Complete Journey's, or a file's; shuffled and doubled when asked."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ops.errors import OperatorError

Event = dict[str, Any]
SEED = 20260101


def simulated(
    start: datetime,
    end: datetime,
    *,
    seed: int = SEED,
    scale: float = 1.0,
    timezone: str = "America/New_York",
    currency: str = "USD",
    opening: bool = False,
) -> Iterator[tuple[str, Event]]:
    """The simulator's events sent from `start` to `end` (aware), for the sample catalogue.

    `opening`: every shelf receives its opening stock at `start`.
    """
    from workloads.pos_api.catalogue import Catalogue
    from workloads.pos_api.simulator import simulate

    first = start if opening else None
    catalogue = Catalogue.read()
    return simulate(catalogue, start, end, seed=seed, scale=scale, timezone=timezone, currency=currency, opening=first)


def complete_journey(start: datetime, end: datetime) -> Iterator[tuple[str, Event]]:
    """Real sales lines of 2017 (docs/complete-journey.md) from `start` to `end`."""
    from ops.journey import events

    return events(start, end)


def from_file(path: Path) -> Iterator[tuple[str, Event]]:
    """Events of an NDJSON file, one a line; `stream` is told by what an event has: `lines`, or `kind`."""
    try:
        with path.open(encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                try:
                    event = json.loads(line)
                    yield ("sales" if "lines" in event else "inventory"), event
                except (ValueError, TypeError) as e:
                    raise OperatorError(f"{path}:{number}: not a JSON object ({e}); one event a line") from None
    except OSError as e:
        raise OperatorError(f"{path} cannot be read: {e.strerror}") from None


def disturbed(events: Iterable[tuple[str, Event]], *, times: int, shuffle: bool, seed: int) -> list[tuple[str, Event]]:
    """Each event `times` times, in random order if asked: what an at-least-once network may do."""
    result = list(events) * times
    if shuffle:
        random.Random(seed).shuffle(result)  # noqa: S311 - an order to test with, not a secret
    return result


@contextmanager
def progress_bar(console: Console, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields the function that advances it."""
    columns = (TextColumn("    sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("sending", total=total)
        yield lambda n: progress.advance(task, n)
