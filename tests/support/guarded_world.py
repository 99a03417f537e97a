"""A project with a job, a database that sleeps at night, and a budget guard; people meddle, handlers die.

The cloud's side of the guard's state machine: it carries out effects, fails or stops where a test says so, and
remembers who turned what off.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from workloads.budget_guard.guard import (
    LEASE,
    Effect,
    Failed,
    Load,
    Observe,
    Outcome,
    Save,
    State,
    Switch,
    Turn,
    handle,
)
from workloads.budget_guard.memory import Hold, Memory, dump, load
from workloads.budget_guard.notice import Notice

JOB = Switch("projects/p/locations/l/jobs/pipeline-run", level=1)
CLOCK = Switch("projects/p/locations/l/jobs/fastyle-start", level=2)
DATABASE = Switch("projects/p/instances/fastyle", level=2, kind="database", woken_by=CLOCK.name)
SWITCHES = (JOB, CLOCK, DATABASE)

MONTHS = (datetime(2026, 11, 1, 8, tzinfo=UTC), datetime(2026, 12, 1, 8, tzinfo=UTC))


# The same few documents are read and written some hundred thousand times.
read_document = cache(load)


@cache
def _document(period: Any, level: int, held: tuple[tuple[str, Hold], ...], left: frozenset[str], lease: Any) -> bytes:
    return dump(Memory(period, level, dict(held), left, lease))


def written(memory: Memory) -> bytes:
    """The document of a memory."""
    return _document(memory.period, memory.level, tuple(memory.held.items()), memory.left, memory.lease)


@cache
def notice(month: int, share: str, amount: str = "100") -> Notice:
    """Costs of `share` of the amount in one of `MONTHS`."""
    cost = Decimal(amount) * Decimal(share)
    return Notice("b", "fastyle dev", MONTHS[month], cost, Decimal(amount), "USD")


@dataclass(frozen=True)
class Fault:
    """What happens at the handler's effect number `at`."""

    at: int
    kind: str
    """`refused`: not done, and said so; `lost`: done, the answer lost; `killed`: the handler ends before it;
    `killed after`: it ends after it."""


class Killed(Exception):  # noqa: N818 - not a fault
    """The handler's process is gone."""


@dataclass
class World:
    """One project. `off_by` says who turned off what is off: `guard`, `person` or `night`."""

    switches: tuple[Switch, ...] = SWITCHES
    off_by: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    awake: bool | None = True
    document: bytes | None = None
    generation: int = 0
    now: datetime = MONTHS[0] + timedelta(days=3)
    turns: list[Turn] = field(default_factory=list)
    _remembered: frozenset[str] = frozenset()

    def copy(self) -> World:
        """The same at this moment, to go on in another way."""
        return replace(self, off_by=dict(self.off_by), missing=set(self.missing), turns=list(self.turns))

    @property
    def memory(self) -> Memory:
        return read_document(self.document)

    def on(self, switch: Switch) -> bool:
        return switch.name not in self.off_by

    # --- what others do ---

    def person(self, switch: Switch, *, on: bool) -> None:
        if on:
            self.off_by.pop(switch.name, None)
        elif self.on(switch):
            self.off_by[switch.name] = "person"

    def evening(self) -> None:
        """The night stop: whoever had stopped the database by day, the morning's start would wake it."""
        self.awake = False
        if self.off_by.get(DATABASE.name) != "guard":
            self.off_by[DATABASE.name] = "night"

    def morning(self) -> None:
        self.awake = True
        if self.on(CLOCK):
            self.off_by.pop(DATABASE.name, None)

    # --- what the guard does ---

    def start(self, given: Notice) -> Generator[Effect, Any, Outcome]:
        return handle(given, self.now, self.switches, self.awake)

    def deliver(self, given: Notice, fault: Fault | None = None) -> Outcome | None:
        """Handle a notice to its end; None where the handler was killed. Then a lease's time passes."""
        steps = self.start(given)
        try:
            effect, number = next(steps), 0
            while True:
                struck = fault.kind if fault is not None and fault.at == number else ""
                effect = self.step(steps, effect, struck)
                number += 1
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        except Killed:
            return None
        finally:
            self.now += LEASE + timedelta(seconds=1)

    def step(self, steps: Generator[Effect, Any, Outcome], effect: Effect, struck: str = "") -> Effect:
        """Carry out one effect, or what the fault makes of it; returns the next one."""
        if struck == "killed":
            raise Killed
        if struck == "refused":
            return steps.throw(Failed("refused"))
        try:
            result = self._perform(effect)
        except Failed as failure:
            return steps.throw(failure)
        finally:
            self.check()
        if struck == "killed after":
            raise Killed
        return steps.throw(Failed("lost")) if struck == "lost" else steps.send(result)

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case Load():
                return self.memory, self.generation
            case Save(memory, generation):
                if generation != self.generation:
                    raise Failed("another generation")
                self.document, self.generation = written(memory), generation + 1
                self._remembered = frozenset(memory.held)
                self._hand_over(memory)
                return self.generation
            case Observe(switch):
                if switch.name in self.missing:
                    return State.MISSING
                return State.ON if self.on(switch) else State.OFF
            case Turn(switch, on):
                return self._turn(switch, on)

    def _turn(self, switch: Switch, on: bool) -> bool:
        if switch.name in self.missing:
            raise Failed("not found")
        self.turns.append(Turn(switch, on))
        if self.on(switch) == on:
            return switch.kind == "database"  # a job's pause is refused where it is paused; a database's is not
        if on:
            by = self.off_by.pop(switch.name)
            # The night's stop is the guard's to end only by day, when the schedule would have ended it.
            assert by == "guard" or (by == "night" and self.awake), f"{switch.name} was turned off by {by}"
        else:
            self.off_by[switch.name] = "guard"
        return True

    def _hand_over(self, memory: Memory) -> None:
        """By night the guard may leave the database to the clock that wakes it, where that one is or will be on."""
        clock = self.on(CLOCK) or CLOCK.name in memory.held
        if self.awake is False and clock and DATABASE.name in self.off_by and DATABASE.name not in memory.held:
            self.off_by[DATABASE.name] = "night"

    def check(self) -> None:
        """At every moment: what the guard turned off is in its memory, so that no crash forgets it."""
        forgotten = {name for name, by in self.off_by.items() if by == "guard"} - self._remembered - self.missing
        assert not forgotten, f"forgotten: {forgotten}"

    @property
    def outcome(self) -> tuple[Any, ...]:
        """What counts of a state at rest: what is off and by whom, and what is remembered."""
        memory = self.memory
        return dict(self.off_by), memory.period, memory.level, dict(memory.held), memory.left
