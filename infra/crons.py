"""Just enough of cron to see that two schedules contradict each other."""

from __future__ import annotations


def clash(cron: str, stop: str, start: str) -> int | None:
    """The first hour at which `cron` runs although `stop` came before and `start` did not; None when there is none.

    Looks at hours and minutes alone, as for schedules that are the same every day.
    """
    begin, end = _minutes(stop), _minutes(start)
    if len(begin) != 1 or len(end) != 1:
        return None
    asleep, awake = begin[0], end[0]
    for minute in _minutes(cron):
        inside = asleep <= minute < awake if asleep < awake else minute >= asleep or minute < awake
        if inside:
            return minute // 60
    return None


def _minutes(cron: str) -> list[int]:
    """The minutes of a day at which a cron expression fires; none when it is not understood."""
    minute, hour = cron.split()[:2]
    try:
        return [h * 60 + m for h in _values(hour, 24) for m in _values(minute, 60)]
    except ValueError:
        return []


def _values(field: str, count: int) -> list[int]:
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            low, high = 0, count - 1
        else:
            first, _, last = span.partition("-")
            low = int(first)
            high = int(last) if last else (count - 1 if step else low)
        values.update(range(low, high + 1, int(step or 1)))
    return sorted(value for value in values if 0 <= value < count)
