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
from ops.sender import Refusal
from ops.texts import read_text
from workloads.events import STREAMS

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


class FileEvent(dict[str, Any]):
    """An event that was read from a file, and the line it was on."""

    def __init__(self, event: Event, line: int) -> None:
        super().__init__(event)
        self.line = line


def from_file(path: Path, encoding: str | None = None) -> tuple[list[tuple[str, Event]], list[Refusal]]:
    """Events of an NDJSON file, one a line, and the lines that are none.

    An event is of the stream whose fields it fits best.

    Raises:
        OperatorError: the file cannot be read or decoded.
    """
    events: list[tuple[str, Event]] = []
    refusals: list[Refusal] = []
    for number, line in enumerate(read_text(path, encoding).split("\n"), 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as e:
            refusals.append(Refusal(line.rstrip("\r"), "", f"is not JSON: {e}", number))
            continue
        if isinstance(event, dict):
            events.append((_stream_of(event), FileEvent(event, number)))
        else:
            refusals.append(Refusal(event, "", "is not a JSON object; one event a line", number))
    return events, refusals


def _stream_of(event: Event) -> str:
    """The stream that has most of the event's fields and lacks fewest: an event that no stream takes is some stream's all
    the same, whose contract says what is wrong with it."""

    def fits(key: str) -> int:
        fields = {field["name"] for field in STREAMS[key].avro["fields"]}
        return len(event.keys() & fields) - len(event.keys() - fields)

    return max(reversed(STREAMS), key=fits)


def write_refusals(refusals: Iterable[Refusal], path: Path) -> None:
    """Write what was refused, a line each: where it stood, which event, which field, why, and the event itself.

    Raises:
        OperatorError: the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8") as f:
            for refusal in sorted(refusals, key=lambda r: r.line or 0):
                f.write(json.dumps(refusal.as_json()) + "\n")
    except OSError as e:
        raise OperatorError(f"{path} cannot be written: {e.strerror}; name another file with --rejects") from None


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
