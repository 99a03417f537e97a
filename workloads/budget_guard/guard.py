"""The guard's decisions, without any I/O: a notice becomes effects, and their results what happens next.

`handle` is a generator: it yields an `Effect` and is sent its result, or thrown a `Failed`. Whoever drives it may
fail, stop or be killed at any effect; the tests do so at each of them. The order is what makes that harmless:

1. what is going to be turned off is written down (with a lease, so that two handlers never act at once),
2. then turned off,
3. then written down as turned off.

So a thing that is off because of the guard is always in its memory, and what is not there was never the guard's.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from workloads.budget_guard.memory import Hold, Memory
from workloads.budget_guard.notice import Notice

LEVELS = {1: Decimal("1.0"), 2: Decimal("1.2")}
"""Shares of the budget's amount: at the first simulators and schedules pause, at the second what is billed by the
hour stops."""

LEASE = timedelta(minutes=3)
"""How long one handler may act. Longer than a function may take: see `infra/operations.py`."""


@dataclass(frozen=True)
class Switch:
    """Something that can be turned off without losing data."""

    name: str
    level: int
    """From which level on it is off."""
    kind: str = "job"
    """`job` (of Cloud Scheduler) or `database` (an instance of Cloud SQL)."""
    woken_by: str | None = None
    """The switch that would turn this one on again by schedule: it goes off first."""


class State(Enum):
    ON = "on"
    OFF = "off"
    MISSING = "missing"


@dataclass(frozen=True)
class Load:
    """Result: `(Memory, generation)`."""


@dataclass(frozen=True)
class Save:
    """Result: the new generation. Fails unless the document is still at `generation`."""

    memory: Memory
    generation: int


@dataclass(frozen=True)
class Observe:
    """Result: a `State`."""

    switch: Switch


@dataclass(frozen=True)
class Turn:
    """Result: whether this call changed anything; not where it was so already."""

    switch: Switch
    on: bool


Effect = Load | Save | Observe | Turn


class Failed(Exception):  # noqa: N818 - a result
    """An effect did not happen, or nobody knows whether it did. The message is for the log."""


@dataclass(frozen=True)
class Outcome:
    """What became of a notice."""

    what: str
    """One word: stale, foreign, nothing, told, acted, retry."""
    text: str
    changed: tuple[str, ...] = ()
    """What was turned off or on, in words."""

    @property
    def retry(self) -> bool:
        """Whether the same notice must come again."""
        return self.what == "retry"


def level_of(notice: Notice) -> int:
    return max((level for level, share in LEVELS.items() if notice.reaches(share)), default=0)


def tell(notice: Notice) -> Outcome:
    """What a guard says that may change nothing."""
    return Outcome("told", f"{notice.text}: nothing is changed here, see the largest lines of the bill")


def handle(
    notice: Notice, now: datetime, switches: Sequence[Switch], awake: bool | None
) -> Generator[Effect, Any, Outcome]:
    """Act on one notice.

    `switches` in the order in which they go off; `awake` is what the night stop's schedule says of this hour, None
    where nothing sleeps at night.
    """
    try:
        before, generation = yield Load()
        memory = before
        if memory.lease is not None and memory.lease > now:
            return Outcome("retry", f"another notice is being handled, until {memory.lease.isoformat()} at most")
        if memory.period is not None and notice.period < memory.period:
            return Outcome("stale", f"{notice.text}: that period is over")
        memory = _advanced(memory, notice)
        states, failures = yield from _observe(memory, switches)
        plan = _plan(replace(memory, lease=None), switches, states, awake)
        if plan.memory == before and not plan.off and not plan.on and not failures:
            return Outcome("nothing", f"{notice.text}: nothing to change")
        return (yield from _carry_out(notice, now, plan, generation, failures))
    except Failed as failure:
        return Outcome("retry", f"{notice.text}: {failure}")


def _advanced(memory: Memory, notice: Notice) -> Memory:
    """The memory with the notice's period and level. The level of a period only grows, whatever the order."""
    level = level_of(notice)
    if memory.period is None or notice.period > memory.period:
        return replace(memory, period=notice.period, level=level, left=frozenset())
    return replace(memory, level=max(memory.level, level))


def _observe(
    memory: Memory, switches: Sequence[Switch]
) -> Generator[Effect, Any, tuple[dict[str, State], dict[str, str]]]:
    """The states that the plan needs; those that cannot be had now are failures, and wait for the next delivery."""
    needed = {s.name for s in switches if s.name in memory.held or (memory.level >= s.level)} - memory.left
    needed |= {s.woken_by for s in switches if s.name in needed and s.woken_by}
    states: dict[str, State] = {}
    failures: dict[str, str] = {}
    for switch in switches:
        if switch.woken_by in failures:
            failures[switch.name] = f"waits for {switch.woken_by}"
        elif switch.name in needed:
            try:
                states[switch.name] = yield Observe(switch)
            except Failed as failure:
                failures[switch.name] = str(failure)
    return states, failures


@dataclass(frozen=True)
class _Plan:
    memory: Memory
    """As it is before the first action: with what is going to be turned off."""
    off: tuple[Switch, ...]
    on: tuple[Switch, ...]


def _plan(memory: Memory, switches: Sequence[Switch], states: Mapping[str, State], awake: bool | None) -> _Plan:
    held, left = dict(memory.held), set(memory.left)
    off: list[Switch] = []
    on: list[Switch] = []
    for switch in switches:
        state, hold = states.get(switch.name), held.get(switch.name)
        if state is None or switch.name in left:
            continue
        scheduled = switch.woken_by is not None and (
            switch.woken_by in memory.held or states.get(switch.woken_by) is State.ON
        )
        if memory.level < switch.level:
            if hold is None:
                continue
            # By night the schedule keeps it asleep, and wakes it in the morning.
            wanted = bool(awake) if scheduled else hold is not Hold.ASLEEP
            if state is State.OFF and wanted:
                held[switch.name] = Hold.STARTING
                on.append(switch)
            else:
                del held[switch.name]
        elif state is State.MISSING or (state is State.ON and hold in (Hold.HELD, Hold.ASLEEP)):
            # Gone, or somebody took it back: a person's decision stands for the rest of the period.
            held.pop(switch.name, None)
            left.add(switch.name)
        elif state is State.ON:
            held[switch.name] = Hold.STOPPING
            off.append(switch)
        elif hold in (Hold.STOPPING, Hold.STARTING):
            held[switch.name] = Hold.HELD  # the handler ended after turning it off, or before turning it on
        elif hold is None:
            if scheduled and awake is False:
                held[switch.name] = Hold.ASLEEP
            else:
                left.add(switch.name)
    return _Plan(replace(memory, held=held, left=frozenset(left)), tuple(off), tuple(on))


def _carry_out(
    notice: Notice, now: datetime, plan: _Plan, generation: int, failures: dict[str, str]
) -> Generator[Effect, Any, Outcome]:
    lease = now + LEASE if plan.off or plan.on else None
    generation = yield Save(replace(plan.memory, lease=lease), generation)
    held, left = dict(plan.memory.held), set(plan.memory.left)
    changed: list[str] = []
    for switch in plan.off:
        if switch.woken_by in failures:
            continue  # its schedule would wake it again
        try:
            ours = yield Turn(switch, on=False)
        except Failed as failure:
            failures[switch.name] = str(failure)
            continue
        if ours:
            held[switch.name] = Hold.HELD
            changed.append(f"{switch.name} off")
        else:  # somebody was faster: it is theirs
            del held[switch.name]
            left.add(switch.name)
    for switch in plan.on:
        try:
            yield Turn(switch, on=True)
        except Failed as failure:
            failures[switch.name] = str(failure)
            continue
        del held[switch.name]
        changed.append(f"{switch.name} on")
    if lease is not None:
        yield Save(replace(plan.memory, held=held, left=frozenset(left), lease=None), generation)
    if failures:
        told = "; ".join(f"{name}: {why}" for name, why in failures.items())
        return Outcome("retry", f"{notice.text}: {told}", tuple(changed))
    if changed:
        return Outcome("acted", f"{notice.text}: {', '.join(changed)}", tuple(changed))
    return Outcome("nothing", f"{notice.text}: nothing to change")
