"""Whether a schedule runs into the hours in which another two keep what it needs asleep."""

from __future__ import annotations

from datetime import datetime

from fastyle_policies.schedules import first_within, periods, times


def clash(cron: str, stop: str, start: str) -> datetime | None:
    """The first time in a leap year at which `cron` runs although `stop` came before and `start` did not yet.

    The three are on one clock, and the same minute counts as asleep for `stop` and as awake for `start`: what the
    estimator reckons the running time with.
    """
    switches = [(time, False) for time in times(stop)] + [(time, True) for time in times(start)]
    return first_within(cron, periods(switches, on=False))
