"""Switching schedules: the times of a line, the periods between switches, and the first time within some."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from fastyle_policies.schedules import SPAN_END, SPAN_START, Switch, first_within, periods, times

MARCH, JUNE, SEPTEMBER = datetime(2024, 3, 1), datetime(2024, 6, 1), datetime(2024, 9, 1)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("cron", "count", "first"),
    [
        ("0 0 * * *", 366, SPAN_START),
        ("59 23 31 12 *", 1, SPAN_END - MINUTE),
        ("0 0 29 2 *", 1, datetime(2024, 2, 29)),
        ("no line of cron", 0, None),
        ("0 0 30 2 *", 0, None),
    ],
)
def test_a_line_fires_within_the_leap_year(cron: str, count: int, first: datetime | None) -> None:
    found = times(cron)
    assert (len(found), next(iter(found), None)) == (count, first)


@pytest.mark.parametrize(
    ("switches", "on", "off"),
    [
        ([], [], []),
        ([(MARCH, True)], [(SPAN_START, SPAN_END)], []),
        ([(MARCH, False)], [], [(SPAN_START, SPAN_END)]),
        ([(SPAN_START, True), (MARCH, False)], [(SPAN_START, MARCH)], [(MARCH, SPAN_END)]),
        # Switched on twice, in no order: the year ends on, so it begins on.
        (
            [(SEPTEMBER, True), (MARCH, True), (JUNE, False)],
            [(SPAN_START, JUNE), (SEPTEMBER, SPAN_END)],
            [(JUNE, SEPTEMBER)],
        ),
        (
            [(MARCH, True), (JUNE, False), (SEPTEMBER, False)],
            [(MARCH, JUNE)],
            [(SPAN_START, MARCH), (JUNE, SPAN_END)],
        ),
    ],
)
def test_the_year_goes_round(
    switches: list[Switch], on: list[tuple[datetime, datetime]], off: list[tuple[datetime, datetime]]
) -> None:
    assert list(periods(switches, on=True)) == on
    assert list(periods(switches, on=False)) == off


@pytest.mark.parametrize(
    ("cron", "first"),
    [
        ("0 0 1 3 *", MARCH),  # the beginning of a span is of it
        ("1 0 1 3 *", MARCH + MINUTE),
        ("0 0 1 9 *", SEPTEMBER),
        ("0 1 1 9 *", None),  # its end is not
        ("no line of cron", None),
        ("0 0 30 2 *", None),
    ],
)
def test_the_first_time_within_some_spans(cron: str, first: datetime | None) -> None:
    spans = [(MARCH, MARCH + timedelta(hours=1)), (SEPTEMBER, SEPTEMBER + timedelta(hours=1))]
    assert first_within(cron, spans) == first
