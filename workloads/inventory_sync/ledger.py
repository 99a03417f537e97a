"""Records accepted events in PostgreSQL: a batch of events is one transaction, each is in it whole or not at all.

Two instances may record the same or neighbouring events at once. All take their locks in one order (event ids,
then positions, each sorted), so they wait for each other and never in a circle; a position's movements are
written only under its lock, so a re-basing count sees every one of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import DictRow

from workloads.events import verification
from workloads.inventory_sync.delivery import Event
from workloads.inventory_sync.stock import Balance, Movement, Position, daily_units, movements, settle

CHANNEL = "inventory_changed"
_NOTICE_BYTES = 7_900  # PostgreSQL refuses a notification of 8,000 bytes or more

Connection = psycopg.AsyncConnection[DictRow]


class Outcome(StrEnum):
    """What became of one delivery."""

    RECORDED = "recorded"
    REPEATED = "repeated"
    CONFLICT = "conflict"


async def record(connection: Connection, events: Sequence[Event], timezone: ZoneInfo) -> list[Outcome]:
    """Record a batch in one transaction; return each event's outcome, in the order given.

    An event_id counts once. Another body under a known event_id counts nowhere and is kept in `event_conflict`.
    Verification events are recorded by the same statements in tables of their own, and nobody is notified of them.

    Raises:
        psycopg.Error: nothing of the batch was recorded.
    """
    trade = [event for event in events if not event.is_verification]
    probes = [event for event in events if event.is_verification]
    async with connection.transaction():
        outcomes = iter(await _record(connection, trade, timezone, notify=True) if trade else [])
        probe_outcomes = iter(await _record_verification(connection, probes, timezone) if probes else [])
    return [next(probe_outcomes if event.is_verification else outcomes) for event in events]


async def _record_verification(connection: Connection, events: Sequence[Event], timezone: ZoneInfo) -> list[Outcome]:
    # That schema alone: where its tables are missing, nothing may fall through into those of the trade.
    await connection.execute(f"SET LOCAL search_path TO {verification.SCHEMA}")
    outcomes = await _record(connection, events, timezone, notify=False)
    await connection.execute("SET LOCAL search_path TO DEFAULT")
    return outcomes


async def _record(
    connection: Connection, events: Sequence[Event], timezone: ZoneInfo, *, notify: bool
) -> list[Outcome]:
    first: dict[UUID, Event] = {}
    for event in events:
        first.setdefault(event.event_id, event)
    fresh = await _claim(connection, list(first.values()))
    bodies = await _bodies(connection, events, fresh, first)
    outcomes = [_outcome(event, event is first[event.event_id] and event.event_id in fresh, bodies) for event in events]
    await _keep_conflicts(connection, [e for e, o in zip(events, outcomes, strict=True) if o is Outcome.CONFLICT])
    new = [m for id_, e in first.items() if id_ in fresh for m in movements(e.stream, e.fields)]
    if new:
        await _move(connection, new, timezone, notify=notify)
    return outcomes


def _outcome(event: Event, is_recorded: bool, bodies: dict[UUID, bytes]) -> Outcome:
    if is_recorded:
        return Outcome.RECORDED
    return Outcome.REPEATED if event.body_sha256 == bodies[event.event_id] else Outcome.CONFLICT


async def _claim(connection: Connection, events: list[Event]) -> set[UUID]:
    """Insert the events' rows where there are none, and return the ids that are new.

    Waits for a transaction that is recording one of them at this moment.
    """
    cursor = await connection.execute(
        """
        INSERT INTO stream_event (event_id, stream, event_time, publish_time, body_sha256)
        SELECT * FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::bytea[]) AS e (event_id)
        ORDER BY e.event_id
        ON CONFLICT (event_id) DO NOTHING
        RETURNING event_id
        """,
        _columns([(e.event_id, e.stream, e.event_time, e.publish_time, e.body_sha256) for e in events]),
    )
    return {row["event_id"] async for row in cursor}


async def _bodies(
    connection: Connection, events: Sequence[Event], fresh: set[UUID], first: dict[UUID, Event]
) -> dict[UUID, bytes]:
    """The hash of the body that counts, for each event id of the batch that may be a repetition."""
    bodies = {id_: first[id_].body_sha256 for id_ in fresh}
    if missing := [id_ for id_ in first if id_ not in fresh]:
        cursor = await connection.execute(
            "SELECT event_id, body_sha256 FROM stream_event WHERE event_id = ANY(%s)", [missing]
        )
        bodies |= {row["event_id"]: row["body_sha256"] async for row in cursor}
    return bodies


async def _keep_conflicts(connection: Connection, events: list[Event]) -> None:
    if not events:
        return
    await connection.execute(
        """
        INSERT INTO event_conflict (event_id, body_sha256, stream, body, publish_time)
        SELECT * FROM unnest(%s::uuid[], %s::bytea[], %s::text[], %s::text[], %s::timestamptz[])
            AS e (event_id, body_sha256)
        ORDER BY e.event_id, e.body_sha256
        ON CONFLICT DO NOTHING
        """,
        _columns([(e.event_id, e.body_sha256, e.stream, e.body, e.publish_time) for e in events]),
    )


async def _move(connection: Connection, new: list[Movement], timezone: ZoneInfo, *, notify: bool) -> None:
    """Write movements and bring the positions they touch up to date."""
    by_position: defaultdict[Position, list[Movement]] = defaultdict(list)
    for m in new:
        by_position[m.position].append(m)
    before = await _lock(connection, sorted(by_position))
    await _insert_movements(connection, new)
    after, rebased = dict[Position, Balance](), list[Position]()
    for position, moved in by_position.items():
        after[position], is_rebased = settle(before[position], moved)
        if is_rebased:
            rebased.append(position)
    for position, later in (await _later_than_count(connection, rebased, after)).items():
        b = after[position]
        after[position] = Balance(b.quantity + later, b.counted_at, b.count_event_id)
    await _write_balances(connection, after)
    await _add_daily_units(connection, new, timezone)
    for notice in notices(by_position) if notify else ():
        await connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, notice])


async def _lock(connection: Connection, positions: list[Position]) -> dict[Position, Balance]:
    """Make sure that the positions have rows, and lock them in order.

    Two statements and no update of the row: nothing is rewritten only to be locked. Inserting waits for whoever
    is inserting the same position, so that when the rows are locked every one of them is committed or our own.
    """
    keys = _columns(positions)
    await connection.execute(
        """
        INSERT INTO on_hand (location_id, sku)
        SELECT * FROM unnest(%s::text[], %s::text[]) AS p (location_id, sku)
        ORDER BY p.location_id COLLATE "C", p.sku COLLATE "C"
        ON CONFLICT (location_id, sku) DO NOTHING
        """,
        keys,
    )
    cursor = await connection.execute(
        """
        SELECT location_id, sku, quantity, counted_at, count_event_id
        FROM on_hand
        JOIN unnest(%s::text[], %s::text[]) AS p (location_id, sku) USING (location_id, sku)
        ORDER BY location_id, sku
        FOR UPDATE OF on_hand
        """,
        keys,
    )
    return {
        Position(row["location_id"], row["sku"]): Balance(row["quantity"], row["counted_at"], row["count_event_id"])
        async for row in cursor
    }


async def _insert_movements(connection: Connection, new: list[Movement]) -> None:
    await connection.execute(
        """
        INSERT INTO movement (event_id, line_number, location_id, sku, event_time, kind, quantity, reference)
        SELECT * FROM unnest(%s::uuid[], %s::integer[], %s::text[], %s::text[], %s::timestamptz[], %s::text[],
                             %s::bigint[], %s::text[])
        """,
        _columns(
            [(m.event_id, m.line_number, *m.position, m.event_time, m.kind, m.quantity, m.reference) for m in new]
        ),
    )


async def _later_than_count(
    connection: Connection, rebased: list[Position], after: dict[Position, Balance]
) -> dict[Position, int]:
    """Sum the movements, stored and new, that are later than the new latest count of each position."""
    if not rebased:
        return {}
    cursor = await connection.execute(
        """
        SELECT c.location_id, c.sku, sum(m.quantity)::bigint AS later
        FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS c (location_id, sku, counted_at)
        JOIN movement AS m
          ON m.location_id = c.location_id AND m.sku = c.sku AND m.event_time > c.counted_at AND m.kind <> 'count'
        GROUP BY c.location_id, c.sku
        """,
        _columns([(*p, after[p].counted_at) for p in rebased]),
    )
    return {Position(row["location_id"], row["sku"]): row["later"] async for row in cursor}


async def _write_balances(connection: Connection, after: dict[Position, Balance]) -> None:
    await connection.execute(
        """
        UPDATE on_hand AS h
        SET quantity = b.quantity, counted_at = b.counted_at, count_event_id = b.count_event_id,
            updated_at = clock_timestamp()
        FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::timestamptz[], %s::uuid[])
            AS b (location_id, sku, quantity, counted_at, count_event_id)
        WHERE h.location_id = b.location_id AND h.sku = b.sku
        """,
        _columns([(*p, b.quantity, b.counted_at, b.count_event_id) for p, b in after.items()]),
    )


async def _add_daily_units(connection: Connection, new: list[Movement], timezone: ZoneInfo) -> None:
    units = daily_units(new, timezone)
    if not units:
        return
    await connection.execute(
        """
        INSERT INTO daily_units AS d (location_id, sku, business_date, sold, transferred_out)
        SELECT * FROM unnest(%s::text[], %s::text[], %s::date[], %s::bigint[], %s::bigint[])
        ON CONFLICT (location_id, sku, business_date) DO UPDATE
        SET sold = d.sold + excluded.sold, transferred_out = d.transferred_out + excluded.transferred_out
        """,
        _columns([(*key.position, key.business_date, *added) for key, added in units.items()]),
    )


def notices(positions: Sequence[Position] | dict[Position, Any]) -> list[str]:
    """Return JSON arrays of `[location_id, sku]`, each short enough for one notification."""
    texts, current, size = list[str](), list[str](), 2
    for position in positions:
        text = json.dumps(position, ensure_ascii=False, separators=(",", ":"))
        length = len(text.encode()) + 1
        if current and size + length > _NOTICE_BYTES:
            texts.append(f"[{','.join(current)}]")
            current, size = [], 2
        current.append(text)
        size += length
    return [*texts, f"[{','.join(current)}]"] if current else texts


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Turn rows into one array a column, for unnest."""
    return [list(column) for column in zip(*rows, strict=True)]
