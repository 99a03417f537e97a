"""Waivers: leave to break a rule in one place until a day, for a reason.

One in force silences the violation; one that has ended silences nothing and is a violation of its own, whether or
not anything still breaks the rule: forgotten exceptions are how a rule dies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from fastyle_policies.model import Parameters, Violation

LONGEST = timedelta(days=366)


def judge(violations: Iterable[Violation], parameters: Parameters, today: date) -> Iterator[Violation]:
    """The violations that no waiver in force covers."""
    in_force = [waiver for waiver in parameters.waivers if today <= waiver.until <= today + LONGEST]
    return (v for v in violations if not any(waiver.covers(v.resource) for waiver in in_force))


def stale(parameters: Parameters, today: date) -> Iterator[str]:
    """What is wrong with the waivers themselves."""
    for waiver in parameters.waivers:
        if waiver.until < today:
            yield f"the waiver for '{waiver.resource}' ended on {waiver.until}: mend what it excused, or renew it"
        elif waiver.until > today + LONGEST:
            yield f"the waiver for '{waiver.resource}' runs until {waiver.until}: a year is the longest"
