"""Which of the bodies that came under one event_id counts: the one that live inventory recorded, in every store.

Live inventory keeps what it recorded (`stream_event`), and every other body under one of these ids (`event_conflict`).
Of bodies that it has not seen yet the one published first counts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from workloads.events import STREAMS
from workloads.events.stream import Json
from workloads.pipeline import statements
from workloads.pipeline.run import Run
from workloads.pipeline.stream_tables import LOADED
from workloads.pipeline.tables import tables

NEWEST = 10_000
"""Event ids with a conflict that a run looks for among its candidates; a producer that makes more of them is broken."""


def settle(run: Run) -> None:
    """Note in `staging.shared_events` the stream in which each event_id counts that several have, and the bodies that
    live inventory has found to be others under a known id, however long ago that one came."""
    warehouse, query = run.warehouse, tables()["staging.shared_events"].query
    assert query is not None
    warehouse.refill("staging.shared_events", query)
    shared = [row["event_id"] for row in warehouse.query("SELECT event_id FROM ${staging}.shared_events ORDER BY 1")]
    for stream, event_ids in _counting(run, shared).items():
        warehouse.query(statements.COUNTS_IN % {"stream": stream}, parameters={"event_ids": event_ids})
    known = run.database.execute(
        "SELECT event_id::text FROM event_conflict GROUP BY event_id ORDER BY max(recorded_at) DESC LIMIT %s", [NEWEST]
    )
    if conflicting := [row["event_id"] for row in known]:
        for stream in LOADED:
            _overrule(run, stream, conflicting)


def _overrule(run: Run, stream: str, conflicting: list[str]) -> None:
    """Note the candidates that are another body than the one that live inventory recorded.

    A body is listed in `event_conflict` also where only the letters of an amount differ, which is the same body here. So
    the recorded one must be known to differ: it is among the candidates as well, or it is of another time or stream. One
    of the same time that is loaded already is found in the history, on the date that both have.
    """
    arrived = run.warehouse.query(statements.CANDIDATES_OF % {"stream": stream}, parameters={"event_ids": conflicting})
    if not arrived:
        return
    ids = sorted({row["event_id"] for row in arrived})
    bodies: defaultdict[str, list[Any]] = defaultdict(list)
    recorded: dict[str, tuple[str, datetime]] = {}
    for row in run.database.execute(
        "SELECT event_id::text, c.body, e.stream, e.event_time FROM event_conflict AS c JOIN stream_event AS e "
        "USING (event_id) WHERE c.stream = %s AND event_id = ANY(%s::uuid[])",
        [stream, ids],
    ):
        bodies[row["event_id"]].append(_said(stream, json.loads(row["body"])))
        recorded[row["event_id"]] = (row["stream"], row["event_time"])
    listed = [_said(stream, row) in bodies[row["event_id"]] for row in arrived]
    beside = {row["event_id"] for row, is_listed in zip(arrived, listed, strict=True) if not is_listed}
    overruled: defaultdict[str, list[str]] = defaultdict(list)
    for row, is_listed in zip(arrived, listed, strict=True):
        event_id = row["event_id"]
        if is_listed and (event_id in beside or recorded[event_id] != (stream, row.get("event_time"))):
            overruled[recorded[event_id][0]].append(f"{event_id} {row['body_hash']}")
    for counts_in, told in overruled.items():
        names = {"stream": stream, "counts_in": counts_in}
        run.warehouse.query(statements.OVERRULE % names, parameters={"bodies": told})


def _counting(run: Run, event_ids: list[str]) -> dict[str, list[str]]:
    """Those of the ids that live inventory has recorded, by the stream whose event it recorded."""
    streams: defaultdict[str, list[str]] = defaultdict(list)
    if event_ids:
        asked = "SELECT event_id::text, stream FROM stream_event WHERE event_id = ANY(%s::uuid[])"
        for row in run.database.execute(asked, [event_ids]):
            streams[row["stream"]].append(row["event_id"])
    return {stream: streams[stream] for stream in LOADED if stream in streams}


def _said(stream: str, event: Mapping[str, Any]) -> tuple[Any, ...]:
    """All that an event says, in the one form of its values: as canonical JSON has it, or a row."""
    return _values(STREAMS[stream].avro["fields"], event)


def _values(fields: Iterable[Json], said: Mapping[str, Any]) -> tuple[Any, ...]:
    # A currency is the stack's in every event: it is not among what a row keeps.
    return tuple(
        _value(field, said.get(field["name"])) for field in fields if field["contract"].get("format") != "currency"
    )


def _value(field: Json, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(field["type"], dict):  # items, told apart by their first field
        return tuple(sorted(_values(field["type"]["items"]["fields"], item) for item in value))
    match field["contract"]["format"]:
        case "time":
            return value if isinstance(value, datetime) else datetime.fromisoformat(value)
        case "amount":
            return Decimal(value)
    return value
