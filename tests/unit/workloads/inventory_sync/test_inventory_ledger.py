"""On hand against an independent computation, in any order of arrival, and by any number of writers at once."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row

from tests.support.postgres import fresh_database, migrated_database, postgres  # noqa: F401
from tests.support.push import NOW, change, rfc3339, sale, wrap
from workloads.inventory_sync.delivery import Event, event_of, unwrap
from workloads.inventory_sync.group_commit import GroupCommit, Unrecordable
from workloads.inventory_sync.ledger import Connection, Outcome, notices, record
from workloads.inventory_sync.stock import Position
from workloads.runtime.database import DatabaseSettings, connect_async
from workloads.runtime.interface import Role
from workloads.runtime.migrate import migrate

TIMEZONE = ZoneInfo("America/New_York")
LOCATIONS, SKUS = ("S01", "W01"), ("A", "B")


def event(stream: str, fields: dict[str, Any]) -> Event:

    return event_of(stream, unwrap(json.dumps(wrap(stream, fields)).encode()), currency="USD")


# --- the independent computation: from the contract's words, over the set of events ---


def expected_on_hand(events: list[tuple[str, dict[str, Any]]]) -> dict[tuple[str, str], int]:
    unique = {e["event_id"]: (stream, e) for stream, e in events}
    counts: defaultdict[tuple[str, str], list[tuple[str, str, int]]] = defaultdict(list)
    moves: defaultdict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for stream, e in unique.values():
        if stream == "sales":
            for line in e["lines"]:
                moves[e["location_id"], line["sku"]].append((e["event_time"], -line["quantity"]))
        elif e["kind"] == "count":
            counts[e["location_id"], e["sku"]].append((e["event_time"], e["event_id"], e["quantity"]))
        else:
            moves[e["location_id"], e["sku"]].append((e["event_time"], e["quantity"]))
    result = {}
    for key in counts.keys() | moves.keys():
        at, _, base = max(counts[key], default=("", "", 0))
        result[key] = base + sum(quantity for when, quantity in moves[key] if when > at)
    return result


def expected_daily_units(events: list[tuple[str, dict[str, Any]]]) -> dict[tuple[str, str, str], tuple[int, int]]:
    result: defaultdict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for stream, e in {e["event_id"]: (stream, e) for stream, e in events}.values():
        day = datetime.fromisoformat(e["event_time"]).astimezone(TIMEZONE).date().isoformat()
        if stream == "sales":
            for line in e["lines"]:
                if line["quantity"] > 0:
                    result[e["location_id"], line["sku"], day][0] += line["quantity"]
        elif e["kind"] == "transfer_out":
            result[e["location_id"], e["sku"], day][1] += -e["quantity"]
    return {key: (sold, out) for key, (sold, out) in result.items()}


# Few instants, locations and SKUs, so that counts and movements meet at one instant and ids decide.
INSTANTS = st.integers(0, 5).map(lambda n: f"2026-03-0{n % 3 + 1}T0{n + 2}:00:00Z")
IDS = st.uuids().map(str)
QUANTITIES = st.integers(1, 50)
CHANGES = st.builds(
    lambda kind, quantity, **fields: change(kind, -quantity if kind == "transfer_out" else quantity, **fields),
    st.sampled_from(["receipt", "transfer_in", "transfer_out", "adjustment", "count", "count"]),
    QUANTITIES,
    event_id=IDS,
    event_time=INSTANTS,
    location_id=st.sampled_from(LOCATIONS),
    sku=st.sampled_from(SKUS),
)
SALES = st.builds(
    lambda lines, **fields: sale(*lines, **fields),
    st.lists(st.tuples(st.sampled_from(SKUS), st.integers(-9, 9).filter(bool)), min_size=1, max_size=4),
    event_id=IDS,
    event_time=INSTANTS,
    location_id=st.sampled_from(LOCATIONS),
)
EVENTS = st.lists(
    st.one_of(st.tuples(st.just("inventory"), CHANGES), st.tuples(st.just("sales"), SALES)),
    min_size=1,
    max_size=25,
    unique_by=lambda pair: pair[1]["event_id"],
)


@contextmanager
def reading(url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(url, row_factory=dict_row, autocommit=True) as connection:
        yield connection


def on_hand(connection: psycopg.Connection[dict[str, Any]]) -> dict[tuple[str, str], int]:
    return {(r["location_id"], r["sku"]): r["quantity"] for r in connection.execute("SELECT * FROM on_hand")}


@dataclass(frozen=True)
class Ledger:
    """A database with a connection of the ledger's and one that reads, for examples by the hundred."""

    runner: asyncio.Runner
    connection: Connection
    reader: psycopg.Connection[dict[str, Any]]

    def empty(self) -> None:
        for table in ("movement", "event_conflict", "stream_event", "on_hand", "daily_units"):
            self.reader.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))

    def record(self, batches: Iterable[list[Event]]) -> list[Outcome]:
        async def run() -> list[Outcome]:
            return [outcome for batch in batches for outcome in await record(self.connection, batch, TIMEZONE)]

        return self.runner.run(run())


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ledger]:
    url = migrated_database()
    with asyncio.Runner() as runner, reading(url) as reader:
        connection = runner.run(connect_async(DatabaseSettings(database_url=url)))
        yield Ledger(runner, connection, reader)
        runner.run(connection.close())


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, order=st.randoms(use_true_random=False), batch=st.integers(1, 8))
def test_on_hand_is_the_contract_s_whatever_comes_when_and_how_often(
    ledger: Ledger, events: list[tuple[str, dict[str, Any]]], order: random.Random, batch: int
) -> None:
    arrivals = events + order.sample(events, k=len(events) // 2)
    order.shuffle(arrivals)
    prepared = [event(stream, e) for stream, e in arrivals]

    ledger.empty()
    outcomes = ledger.record(prepared[start : start + batch] for start in range(0, len(prepared), batch))
    assert outcomes.count(Outcome.RECORDED) == len(events)
    assert outcomes.count(Outcome.REPEATED) == len(arrivals) - len(events)
    assert on_hand(ledger.reader) == expected_on_hand(events)
    units = {
        (r["location_id"], r["sku"], r["business_date"].isoformat()): (r["sold"], r["transferred_out"])
        for r in ledger.reader.execute("SELECT * FROM daily_units")
    }
    assert units == expected_daily_units(events)


def simulated(seed: int, size: int) -> list[tuple[str, dict[str, Any]]]:
    """Events over few positions, counts among them, made without hypothesis for sheer number."""
    chance = random.Random(seed)
    events: list[tuple[str, dict[str, Any]]] = []
    for _ in range(size):
        at = rfc3339(NOW - timedelta(seconds=chance.randrange(3600)))
        common = {"event_time": at, "location_id": chance.choice(LOCATIONS)}
        if chance.random() < 0.6:
            lines = [(chance.choice("ABCDE"), chance.choice((-1, 1, 2))) for _ in range(3)]
            events.append(("sales", sale(*lines, **common)))
        else:
            kind = chance.choice(("receipt", "count", "transfer_out"))
            quantity = chance.randrange(1, 40) * (-1 if kind == "transfer_out" else 1)
            events.append(("inventory", change(kind, quantity, sku=chance.choice("ABCDE"), **common)))
    return events


@pytest.mark.slow
async def test_two_instances_of_several_writers_record_the_same_events_once(postgres: str) -> None:  # noqa: F811
    """Every event goes to both instances, in different orders: locks in a circle would show as retries and time."""
    events = simulated(7, 600)
    prepared = [event(stream, e) for stream, e in events]

    async def connect() -> Any:
        return await connect_async(DatabaseSettings(database_url=postgres))

    instances = [GroupCommit(connect, TIMEZONE, writers=3) for _ in range(2)]
    outcomes: list[Outcome] = []
    for instance in instances:
        await instance.start()

    async def deliver(instance: GroupCommit, order: list[Event]) -> None:
        outcomes.extend(await asyncio.gather(*(instance.record(e) for e in order)))

    orders = [random.Random(n).sample(prepared, len(prepared)) for n in range(2)]
    await asyncio.gather(*(deliver(i, o) for i, o in zip(instances, orders, strict=True)))
    for instance in instances:
        await instance.stop()
    assert outcomes.count(Outcome.RECORDED) == 600
    assert outcomes.count(Outcome.REPEATED) == 600
    with reading(postgres) as connection:
        assert on_hand(connection) == expected_on_hand(events)
        deadlocks = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        assert deadlocks.fetchall() == [{"deadlocks": 0}]


async def test_an_event_that_the_database_refuses_takes_no_neighbour_with_it(postgres: str) -> None:  # noqa: F811
    with reading(postgres) as connection:
        connection.execute("ALTER TABLE movement ADD CHECK (sku <> 'BAD')")

    async def connect() -> Any:
        return await connect_async(DatabaseSettings(database_url=postgres))

    commits = GroupCommit(connect, TIMEZONE, writers=1)
    good = [event("sales", sale(("A", 1))) for _ in range(10)]
    bad = event("sales", sale(("A", 1), ("BAD", 1)))
    await commits.start()
    results = await asyncio.gather(*(commits.record(e) for e in [*good[:5], bad, *good[5:]]), return_exceptions=True)
    await commits.stop()
    assert isinstance(results.pop(5), Unrecordable)
    assert results == [Outcome.RECORDED] * 10
    with reading(postgres) as connection:
        assert on_hand(connection) == {("S01", "A"): -10}
        assert connection.execute("SELECT count(*) AS n FROM stream_event").fetchall() == [{"n": 10}]


def test_notices_are_complete_and_short_enough_for_postgresql() -> None:

    positions = [Position("S01", f"{n}-" + "ü" * 100) for n in range(300)]
    texts = notices(positions)
    assert len(texts) > 1
    assert all(len(text.encode()) < 8000 for text in texts)
    assert [Position(*p) for text in texts for p in json.loads(text)] == positions


# --- migrations ---


def test_two_migrators_at_once_take_turns() -> None:
    url = fresh_database()
    revisions: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: revisions.append(migrate(DatabaseSettings(database_url=url)))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(revisions) == 3
    assert len(set(revisions)) == 1
    assert (revisions[0] or "") >= "0001"


def test_a_migrator_that_dies_leaves_whole_migrations_behind_and_the_next_goes_on_there() -> None:
    """An instance that ends in the middle would else begin anew for ever, once they take longer than it lives."""
    url = fresh_database()
    # A table of ours in the way of a step of the second migration.
    with reading(url) as connection:
        connection.execute("CREATE TABLE pipeline_run (x int)")
    with pytest.raises(Exception, match="pipeline_run"):
        migrate(DatabaseSettings(database_url=url))
    with reading(url) as connection:
        tables = {row["tablename"] for row in connection.execute("SELECT tablename FROM pg_tables").fetchall()}
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [{"version_num": "0001"}]
        assert "on_hand" in tables, "the first one is whole"
        assert not {"report_gmv_daily", "quality_result"} & tables, "of the second one nothing stays"
        connection.execute("DROP TABLE pipeline_run")
    assert (migrate(DatabaseSettings(database_url=url)) or "") > "0001"


def test_a_schema_of_a_later_version_is_left_alone() -> None:
    """A roll-back deploys the code before: it must start, on the schema that the later one left."""
    url = migrated_database()
    with reading(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert migrate(DatabaseSettings(database_url=url)) == "9999"


def test_users_have_the_rights_of_their_role_and_no_more() -> None:
    url = fresh_database()
    names = {role: f"{role}_{uuid.uuid4().hex[:8]}@fastyle.iam" for role in Role}
    with reading(url) as connection:
        for name in names.values():
            connection.execute(psycopg.sql.SQL("CREATE ROLE {}").format(psycopg.sql.Identifier(name)))
    settings_ = DatabaseSettings(database_url=url)
    migrate(settings_, {names[role]: role for role in Role} | {"nobody@fastyle.iam": Role.READER})

    def may(name: str, privilege: str, table: str = "on_hand") -> bool:
        with reading(url) as connection:
            query = "SELECT has_table_privilege(%s, %s, %s) AS may"
            row = connection.execute(query, [name, table, privilege]).fetchone()
            return bool(row and row["may"])

    reader, writer = names[Role.READER], names[Role.WRITER]
    assert may(reader, "SELECT")
    assert not may(reader, "INSERT")
    assert all(may(writer, privilege) for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"))
    assert not may(writer, "TRUNCATE")
    migrate(settings_, {writer: Role.READER})
    assert not may(writer, "INSERT"), "a writer that became a reader may no longer write"


def test_a_user_without_rights_is_told_what_to_grant() -> None:
    url = fresh_database()
    name = f"weak_{uuid.uuid4().hex[:8]}"
    with reading(url) as connection:
        connection.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN").format(psycopg.sql.Identifier(name)))
    weak = url.replace("postgres:@", f"{name}@")
    with pytest.raises(Exception, match="databaseRoles"):
        migrate(DatabaseSettings(database_url=weak))


def test_a_password_in_the_url_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="holds a password"):
        DatabaseSettings(database_url="postgresql://u:hunter2@h/d")
