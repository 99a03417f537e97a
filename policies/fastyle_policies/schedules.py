"""When something that two schedules switch on and off is on: both are played through a leap year, weekdays included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import takewhile

from cronsim import CronSim, CronSimError

SPAN_START = datetime(2024, 1, 1)
SPAN_END = SPAN_START + timedelta(days=366)
_MINUTE = timedelta(minutes=1)

Switch = tuple[datetime, bool]  # when, and whether on


@lru_cache(maxsize=256)  # a bill is reckoned again for each change that may be advised
def times(cron: str) -> tuple[datetime, ...]:
    """When a schedule fires in the span; never for a line that is no cron."""
    try:
        return tuple(takewhile(lambda time: time < SPAN_END, CronSim(cron, SPAN_START - _MINUTE)))
    except CronSimError:
        return ()


def periods(switches: Iterable[Switch], *, on: bool) -> Iterator[tuple[datetime, datetime]]:
    """When it is on (or off), in order. The year goes round: it begins in the state in which it ends."""
    ordered = sorted(switches)
    if not ordered:
        return
    state, since = ordered[-1][1], SPAN_START
    for time, switched_on in [*ordered, (SPAN_END, not ordered[-1][1])]:
        if switched_on == state:
            continue
        if state is on and time > since:
            yield since, time
        state, since = switched_on, time


def first_within(cron: str, spans: Iterable[tuple[datetime, datetime]]) -> datetime | None:
    """The first time that a schedule fires within one of the spans, their beginnings included."""
    for begin, end in spans:
        try:
            time = next(CronSim(cron, begin - _MINUTE))
        except (CronSimError, StopIteration):
            return None
        if time < end:
            return time
    return None
