"""The budget guard as a state machine: every short sequence of notices, every fault at every step, people between.

Billing's notices repeat, come late and in any order; a delivery that did not succeed comes again, at once or last.
What a fault may never cost: something stays off that nobody would turn on again, or is turned on that the guard did
not turn off. What nobody can tell apart counts as the guard's: a person turns off the same thing between a handler's
death and the next delivery, or turns it on and off again between two notices.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.guarded_world import CLOCK, DATABASE, JOB, MONTHS, SWITCHES, Fault, Killed, World, notice
from workloads.budget_guard.guard import LEASE, Load, Observe, Outcome, Turn, tell
from workloads.budget_guard.memory import Hold, Memory, dump
from workloads.budget_guard.notice import Notice

pytestmark = pytest.mark.slow

SHARES = ("0.5", "1.0", "1.2")
NOTICES = [(month, share) for month in (0, 1) for share in SHARES]
KINDS = ("refused", "lost", "killed", "killed after")
OPENING = replace(notice(1, "0.01"), period=MONTHS[1] + timedelta(days=31))
"""Later than any month of the alphabet, so that it always opens a period."""
LONGEST = 11  # effects of one handler at most: load, three observed, save, three turned, save, and a margin


def settle(world: World, waiting: list[Notice]) -> None:
    """Deliver what must come again until nothing does."""
    for _ in range(20):
        if not waiting:
            return
        given = waiting.pop(0)
        outcome = world.deliver(given)
        if outcome is None or outcome.retry:
            waiting.append(given)
    raise AssertionError("a notice comes again for ever")


def expect_at_rest(world: World, told: list[tuple[int, str]]) -> None:
    """What must hold once every notice of the newest month, `told`, is done with."""
    highest = max(float(share) for _, share in told)
    for switch, limit in ((JOB, 1.0), (CLOCK, 1.2), (DATABASE, 1.2)):
        assert world.on(switch) == (highest < limit), f"{switch.name} at {highest}"
    assert world.memory.lease is None
    assert set(world.memory.held.values()) <= {Hold.HELD, Hold.ASLEEP}
    world.check()


def everything_is_on_after_the_next_months_first_notice(world: World) -> None:
    world.now = MONTHS[1] + timedelta(hours=9)
    for switch in [s for s in SWITCHES if world.off_by.get(s.name) == "guard"]:
        assert switch.name in world.memory.held
    outcome = world.deliver(OPENING)
    assert outcome is not None
    assert not outcome.retry
    assert "guard" not in world.off_by.values()
    assert not world.memory.held


def sequences(length: int) -> Iterator[tuple[tuple[int, str], ...]]:
    for n in range(1, length + 1):
        yield from itertools.product(NOTICES, repeat=n)


def test_every_sequence_up_to_four_ends_right_and_is_undone_next_month() -> None:
    for told in sequences(4):
        world = World()
        for month, share in told:
            outcome = world.deliver(notice(month, share))
            assert outcome is not None
            assert not outcome.retry
            # The same again changes nothing and writes nothing.
            before, turns = (world.outcome, world.generation), len(world.turns)
            world.deliver(notice(month, share))
            assert ((world.outcome, world.generation), len(world.turns)) == (before, turns), told
        newest = max(month for month, _ in told)
        # A period that is over by the time its notices come changes nothing more.
        seen = [(month, share) for n, (month, share) in enumerate(told) if month == max(m for m, _ in told[: n + 1])]
        expect_at_rest(world, [(month, share) for month, share in seen if month == newest])
        everything_is_on_after_the_next_months_first_notice(world)


def test_within_a_month_the_order_and_repetition_of_notices_change_nothing() -> None:
    for shares in itertools.combinations_with_replacement(("0", "0.5", "0.99", "1.0", "1.19", "1.2", "7"), 4):
        ends = []
        for order in set(itertools.permutations(shares)):
            world = World()
            for share in order:
                world.deliver(notice(0, share))
            ends.append(world.outcome)
        assert all(end == ends[0] for end in ends), shares


def struck(world: World, given: Notice, at: int, kind: str) -> tuple[list[Notice], bool]:
    """Deliver with a fault; returns what must come again, and whether the handler got as far as that."""
    outcome = world.deliver(given, Fault(at, kind))
    again = outcome is None or outcome.retry
    return [given] if again else [], again


Told = tuple[tuple[int, str], ...]


def struck_once(kind: str, again: str) -> Iterator[tuple[World, list[Notice], Told]]:
    """Every sequence up to three with a fault at every step of every notice: the world after it, what must come again.

    What begins alike is done once and copied. `again`: when a delivery that did not succeed comes again.
    """

    def undisturbed(world: World, pair: tuple[int, str]) -> World:
        world = world.copy()
        outcome = world.deliver(notice(*pair))
        assert outcome is not None
        assert not outcome.retry
        return world

    def after_fault(world: World, waiting: list[Notice], told: Told) -> Iterator[tuple[World, list[Notice], Told]]:
        yield world.copy(), [*waiting], told
        if len(told) < 3:
            for pair in NOTICES:
                yield from after_fault(undisturbed(world, pair), waiting, (*told, pair))

    def before_fault(world: World, told: Told) -> Iterator[tuple[World, list[Notice], Told]]:
        for pair in NOTICES:
            for at in itertools.count():
                faulted = world.copy()
                waiting, reached = struck(faulted, notice(*pair), at, kind)
                if not reached:
                    break  # the handler has fewer steps than that
                if again == "at once":
                    settle(faulted, waiting)
                yield from after_fault(faulted, waiting, (*told, pair))
            if len(told) < 2:
                yield from before_fault(undisturbed(world, pair), (*told, pair))

    return before_fault(World(), ())


@pytest.mark.parametrize("again", ["at once", "last"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_at_any_step_of_any_short_sequence(kind: str, again: str) -> None:
    sequences_struck = set()
    for world, waiting, told in struck_once(kind, again):
        settle(world, waiting)
        newest = max(month for month, _ in told)
        expect_at_rest(world, [pair for pair in told if pair[0] == newest])
        everything_is_on_after_the_next_months_first_notice(world)
        sequences_struck.add(told)
    assert sequences_struck == set(sequences(3))


def test_two_faults_in_one_notice_and_its_next_delivery() -> None:
    """The mend itself may fail."""
    for before, (month, share), kinds in itertools.product(SHARES, NOTICES, itertools.product(KINDS, repeat=2)):
        begun, given = World(), notice(month, share)
        begun.deliver(notice(0, before))
        for first in itertools.count():
            once = begun.copy()
            waiting, reached = struck(once, given, first, kinds[0])
            for second in itertools.count():
                world = once.copy()
                again, further = struck(world, given, second, kinds[1]) if reached else ([], False)
                settle(world, [*waiting] or again)
                everything_is_on_after_the_next_months_first_notice(world)
                if not further:
                    break
            if not reached:
                break


def interleavings(first: int, second: int) -> Iterator[tuple[int, ...]]:
    for places in itertools.combinations(range(first + second), first):
        yield tuple(0 if n in places else 1 for n in range(first + second))


def test_two_handlers_at_once_are_safe_in_every_order_of_their_steps() -> None:
    """One instance handles one notice at a time, but two revisions overlap while a new one is deployed."""
    for before, (one, two) in itertools.product(SHARES, itertools.combinations_with_replacement(NOTICES, 2)):
        begun = World(switches=(JOB,))
        begun.deliver(notice(0, before))
        for order in interleavings(5, 5):  # load, observe, save, turn, save
            world = begun.copy()
            given = [notice(*one), notice(*two)]
            steps = [world.start(n) for n in given]
            effects = [next(s) for s in steps]
            ended: dict[int, Outcome] = {}
            for who in order:
                if who not in ended:
                    try:
                        effects[who] = world.step(steps[who], effects[who])
                    except StopIteration as end:
                        ended[who] = end.value
            assert len(ended) == 2
            world.now += LEASE + timedelta(seconds=1)
            settle(world, [given[who] for who, outcome in ended.items() if outcome.retry])
            newest = max(month for month, _ in (one, two, (0, before)))
            shares = [share for month, share in (one, two, (0, before)) if month == newest]
            assert world.on(JOB) == (max(map(float, shares)) < 1), (before, one, two, order)
            everything_is_on_after_the_next_months_first_notice(world)


# --- people and the night ---


def test_what_a_person_had_paused_stays_paused() -> None:
    for switch in (JOB, CLOCK, DATABASE):
        world = World()
        world.person(switch, on=False)
        for month, share in ((0, "1.0"), (0, "1.2"), (1, "0.1")):
            world.deliver(notice(month, share))
        assert world.off_by == {switch.name: "person"}


def test_what_a_person_takes_back_is_theirs_for_the_month_only() -> None:
    world = World()
    world.deliver(notice(0, "1.2"))
    for switch in (JOB, DATABASE):
        world.person(switch, on=True)
    world.deliver(notice(0, "1.5"))
    assert world.on(JOB)
    assert world.on(DATABASE)
    world.person(JOB, on=False)  # and then pauses it after all: now it is the person's
    world.deliver(notice(0, "2"))
    world.deliver(notice(1, "0.1"))
    assert world.off_by == {JOB.name: "person"}
    world.person(JOB, on=True)
    world.deliver(notice(1, "1.0"))
    assert world.off_by == {JOB.name: "guard"}


def test_the_night_stop_cannot_wake_a_database_that_money_stopped() -> None:
    world = World()
    world.deliver(notice(0, "1.2"))
    world.evening()
    world.morning()
    assert not world.on(DATABASE)
    world.deliver(notice(1, "0.1"))
    assert world.off_by == {}


@pytest.mark.parametrize("stopped_by_night", [True, False])
def test_a_month_that_begins_at_night_leaves_the_waking_to_the_morning(stopped_by_night: bool) -> None:
    world = World()
    if stopped_by_night:
        world.evening()
    world.deliver(notice(0, "1.2"))
    world.evening()
    world.deliver(notice(1, "0.1"))
    assert not world.on(DATABASE)
    assert world.on(CLOCK)
    world.morning()
    assert world.off_by == {}


def test_a_database_asleep_when_money_ran_out_is_awake_on_the_next_months_day() -> None:
    """Its clock was held all the while: without the guard it would have been woken."""
    world = World()
    world.evening()
    world.deliver(notice(0, "1.2"))
    world.morning()
    assert not world.on(DATABASE)
    world.deliver(notice(1, "0.1"))
    assert world.off_by == {}


def test_a_database_whose_clock_a_person_stopped_stays_asleep() -> None:
    world = World()
    world.evening()
    world.person(CLOCK, on=False)
    world.deliver(notice(0, "1.2"))
    world.morning()
    world.deliver(notice(1, "0.1"))
    assert world.off_by == {CLOCK.name: "person", DATABASE.name: "night"}


def test_without_a_night_stop_the_database_is_simply_stopped_and_started() -> None:
    world = World(switches=(JOB, type(DATABASE)(DATABASE.name, level=2, kind="database")), awake=None)
    world.deliver(notice(0, "1.2"))
    assert set(world.off_by) == {JOB.name, DATABASE.name}
    world.deliver(notice(1, "0.1"))
    assert world.off_by == {}


def test_a_database_that_would_be_woken_tomorrow_is_not_stopped_yet() -> None:
    """Stopped beside a running clock it would be on again in the morning, and taken for a person's doing."""
    world = World()
    outcome = world.deliver(notice(0, "1.2"), Fault(6, "refused"))  # the pause of its clock
    assert outcome is not None
    assert outcome.retry
    assert world.on(CLOCK)
    assert world.on(DATABASE)
    world.deliver(notice(0, "1.2"))
    assert set(world.off_by) == {s.name for s in SWITCHES}


def test_a_person_who_is_faster_by_a_moment_keeps_the_pause() -> None:
    world = World()
    steps = world.start(notice(0, "1.0"))
    effect = next(steps)
    while not isinstance(effect, Turn):
        effect = world.step(steps, effect)
    world.person(JOB, on=False)
    with contextlib.suppress(StopIteration):
        while True:
            effect = world.step(steps, effect)
    world.deliver(notice(1, "0.1"))
    assert world.off_by == {JOB.name: "person"}


def test_what_is_gone_is_left_alone() -> None:
    world = World(missing={JOB.name})
    outcome = world.deliver(notice(0, "1.2"))
    assert outcome is not None
    assert outcome.what == "acted"
    world.missing.add(DATABASE.name)
    outcome = world.deliver(notice(1, "0.1"))
    assert outcome is not None
    assert not outcome.retry
    assert world.on(CLOCK)


def test_a_budget_raised_in_mid_month_releases_nothing_before_the_next() -> None:
    world = World()
    world.deliver(notice(0, "1.0"))
    raised = notice(0, "0.5", amount="200")  # the same costs of a larger amount
    world.deliver(raised)
    assert not world.on(JOB)


def test_an_amount_of_nothing_plans_nothing() -> None:
    world = World()
    world.deliver(notice(0, "1.2", amount="0"))
    assert world.turns == []


def test_a_lease_keeps_others_out_until_it_ends() -> None:
    world = World()
    world.document = dump(Memory(lease=world.now + LEASE))
    outcome = world.deliver(notice(0, "1.2"))
    assert outcome is not None
    assert outcome.retry
    assert "another notice is being handled" in outcome.text
    assert world.turns == []
    outcome = world.deliver(notice(0, "1.2"))
    assert outcome is not None
    assert outcome.what == "acted"


def test_in_mode_tell_there_is_nothing_to_carry_out() -> None:
    assert tell(notice(0, "7")) == Outcome(
        "told",
        "700 of 100 USD since 2026-11-01 (700%): nothing is changed here, see the largest lines of the bill",
    )


def test_a_notice_that_changes_nothing_only_looks() -> None:
    world = World()
    world.deliver(notice(0, "1.2"))
    steps, seen = world.start(notice(0, "1.2")), []
    effect = next(steps)
    with contextlib.suppress(StopIteration):
        while True:
            seen.append(type(effect))
            effect = world.step(steps, effect)
    assert set(seen) == {Load, Observe}


EVENTS = st.one_of(
    st.tuples(st.just("notice"), st.sampled_from(NOTICES), st.none()),
    st.tuples(
        st.just("notice"), st.sampled_from(NOTICES), st.builds(Fault, st.integers(0, LONGEST), st.sampled_from(KINDS))
    ),
    st.tuples(st.sampled_from(["evening", "morning"]), st.none(), st.none()),
    st.tuples(st.sampled_from(["resume", "pause"]), st.sampled_from(SWITCHES), st.none()),
)


@given(st.lists(EVENTS, max_size=40))
@settings(max_examples=300, deadline=None)
def test_long_lives_with_faults_nights_and_people(events: list[tuple[str, object, Fault | None]]) -> None:
    """`World` refuses, at every step, that something is forgotten or that a person's pause is undone."""
    world, waiting = World(), []
    for what, subject, fault in events:
        if what == "notice":
            given = notice(*subject)  # type: ignore[misc]
            outcome = world.deliver(given, fault)
            if outcome is None or outcome.retry:
                waiting.append(given)
            continue
        # People and clocks come between deliveries, when every failed one has been made up for.
        settle(world, waiting)
        if what in ("evening", "morning"):
            getattr(world, what)()
        else:
            world.person(subject, on=what == "resume")  # type: ignore[arg-type]
            if world.memory.period is not None:  # Billing tells several times a day, whatever the costs are
                world.deliver(notice(MONTHS.index(world.memory.period), "0"))
    settle(world, waiting)
    world.awake = True
    everything_is_on_after_the_next_months_first_notice(world)


def test_the_tests_own_world_kills() -> None:
    """A fault that never strikes would prove nothing."""
    world = World()
    steps = world.start(notice(0, "1.2"))
    with pytest.raises(Killed):
        world.step(steps, next(steps), "killed")
    assert World().deliver(notice(0, "1.2"), Fault(3, "killed after")) is None
