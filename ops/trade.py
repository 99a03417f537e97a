"""Trade to send: the seeded simulator's or Complete Journey's; shuffled and doubled when asked. That of files is
`ops.trade_files`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Event = dict[str, Any]
SEED = 20260101


def simulated(
    start: datetime,
    end: datetime,
    *,
    seed: int = SEED,
    scale: float = 1.0,
    timezone: str,
    currency: str,
    catalogue: str,
    opening: bool = False,
) -> Iterator[tuple[str, Event]]:
    """The simulator's events sent from `start` to `end` (aware), for a sample catalogue.

    `opening`: every shelf receives its opening stock at `start`.
    """
    from workloads.pos_api.catalogue import Catalogue
    from workloads.pos_api.simulator import simulate

    first = start if opening else None
    traded = Catalogue.read(catalogue)
    return simulate(traded, start, end, seed=seed, scale=scale, timezone=timezone, currency=currency, opening=first)


def complete_journey(start: datetime, end: datetime, *, currency: str) -> Iterator[tuple[str, Event]]:
    """Real sales lines of 2017 (docs/complete-journey.md) from `start` to `end`, their amounts in `currency`."""
    from ops.journey import events

    return events(start, end, currency=currency)


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
