"""The trade of `fastyle verify` arrives, and nothing that people read has it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from ops.catalog_rows import RowFault, parse_location, parse_product
from ops.verify.marked import marked_event, marked_trade
from tests.support.api import client_of, write
from tests.support.postgres import migrated_database, postgres  # noqa: F401
from tests.support.push import change, sale
from workloads.events import STREAMS, consumed_by, validate
from workloads.events.formats import FORMATS
from workloads.events.stream import INVENTORY
from workloads.events.verification import LOCATION_ID, SKU
from workloads.inventory_sync.ledger import CHANNEL
from workloads.pipeline.tables import tables

TABLES = ("stream_event", "event_conflict", "movement", "on_hand", "daily_units")
LISTS = (
    "/v1/inventory",
    f"/v1/inventory?location_id={LOCATION_ID}",
    "/v1/inventory/alerts",
    "/v1/inventory/summary",
    "/v1/inventory/attention",
    "/v1/inventory/size-runs",
    "/v1/inventory/transfers",
    "/v1/freshness",
    "/v1/context",
    "/v1/quality",
)


def marked() -> list[tuple[str, dict[str, Any]]]:
    now = datetime.now(UTC)
    made = marked_trade("USD", now)
    whole = {key: validate(STREAMS[key], event, currency="USD", now=now) for key, event in made.items()}
    assert all(isinstance(event, dict) for event in whole.values()), whole
    return [(key, event) for key, event in whole.items() if key in consumed_by(INVENTORY)]  # type: ignore[misc]


def rows(url: str, table: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=str)


async def answers(url: str) -> dict[str, Any]:
    """What the API says to its lists, but for the time at which it says it."""
    async with client_of(url) as client:
        bodies = {path: (await client.get(path)).text for path in LISTS}
    return {path: re.sub(r'"as_of":"[^"]*"', "", body) for path, body in bodies.items()}


def test_no_table_of_the_trade_and_no_list_of_the_api_has_it(postgres: str) -> None:  # noqa: F811
    trade = [("sales", sale(("TOP-1", 2))), ("inventory", change("receipt", 5))]
    asyncio.run(write(postgres, *trade))
    before, said = {table: rows(postgres, table) for table in TABLES}, asyncio.run(answers(postgres))
    # In the middle of a batch with trade that is known already, killed half-way, and delivered twice.
    first, second = marked(), marked()
    asyncio.run(write(postgres, trade[0], *first, trade[1], second[0]))
    asyncio.run(write(postgres, *first))
    assert {table: rows(postgres, table) for table in TABLES} == before
    assert asyncio.run(answers(postgres)) == said
    assert len(rows(postgres, "verification.stream_event")) == 3


def test_trade_in_one_batch_with_it_counts(postgres: str) -> None:  # noqa: F811
    asyncio.run(write(postgres, *marked(), ("inventory", change("receipt", 5)), *marked()))
    assert [row["quantity"] for row in rows(postgres, "on_hand")] == [5]
    assert len(rows(postgres, "verification.movement")) == 6


def test_its_own_shelf_shows_each_event_and_nothing_left(postgres: str) -> None:  # noqa: F811
    events = marked()
    asyncio.run(write(postgres, *events))

    async def shelf() -> Any:
        async with client_of(postgres) as client:
            return (await client.get(f"/v1/inventory/{LOCATION_ID}/{SKU}")).json()

    verification_shelf = asyncio.run(shelf())
    assert verification_shelf["on_hand"] == 0
    assert {m["event_id"] for m in verification_shelf["movements"]} == {event["event_id"] for _, event in events}
    assert [m["quantity"] for m in verification_shelf["movements"] if m["kind"] in ("sale", "return")] == [-1, 1]


def test_nobody_is_notified_of_it(postgres: str) -> None:  # noqa: F811
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        asyncio.run(write(postgres, *marked(), ("inventory", change("receipt", 5))))
        notices = [notice.payload for notice in connection.notifies(timeout=1, stop_after=2)]
    assert notices == ['[["S01","TOP-1"]]']


def test_its_tables_are_those_of_the_trade(postgres: str) -> None:  # noqa: F811
    """A migration that changes one of them changes both: the ledger writes to either by the same statements."""
    columns = """
        SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
        WHERE table_schema = %s AND table_name = ANY(%s) ORDER BY 1, 2
    """
    with psycopg.connect(postgres) as connection:
        public, verification = (
            connection.execute(columns, [schema, list(TABLES)]).fetchall() for schema in ("public", "verification")
        )
        assert public == verification
        assert len({table for table, *_ in public}) == len(TABLES)


def test_without_its_tables_it_does_not_fall_into_those_of_the_trade(postgres: str) -> None:  # noqa: F811
    with psycopg.connect(postgres) as connection:
        connection.execute("DROP SCHEMA verification CASCADE")
    with pytest.raises(psycopg.errors.UndefinedTable):
        asyncio.run(write(postgres, *marked()))
    assert rows(postgres, "stream_event") == []


MISUSES = [
    ("sales", sale(("TOP-1", 1), location_id=LOCATION_ID), "lines[0].sku"),
    ("sales", sale((SKU, 1), location_id=LOCATION_ID), "lines[0].unit_price"),
    ("sales", sale((SKU, 1)), "lines[0].sku"),
    ("inventory", change(location_id=LOCATION_ID), "sku"),
    ("inventory", change(sku=SKU), "sku"),
]


@pytest.mark.parametrize(("stream", "event", "field"), MISUSES)
def test_trade_cannot_hide_behind_the_reserved_ids(stream: str, event: dict[str, Any], field: str) -> None:
    errors = validate(STREAMS[stream], event, currency="USD", now=datetime(2030, 1, 1, tzinfo=UTC))
    assert isinstance(errors, list)
    assert field in [violation.field for violation in errors]
    assert all("fastyle verify" in v.error or "no report" in v.error for v in errors), errors


def test_nor_a_customer() -> None:
    event = marked()[0][1] | {"customer_id": "C-1"}
    errors = validate(STREAMS["sales"], event, currency="USD", now=datetime.now(UTC))
    assert isinstance(errors, list)
    assert [violation.field for violation in errors] == ["customer_id"]


def test_the_catalogue_takes_no_reserved_id() -> None:
    with pytest.raises(RowFault, match="reserved"):
        parse_location({"location_id": LOCATION_ID, "name": "n", "kind": "branch"})
    with pytest.raises(RowFault, match="reserved"):
        parse_product({"sku": SKU, "name": "n", "category": "c", "list_price": "1", "unit_cost": "1"})


def test_every_query_over_raw_tables_leaves_it_out() -> None:
    """What reads the raw tables itself is where verification events end; a new query has to say so, too."""
    folder = Path(__file__).resolve().parents[3] / "sql" / "bigquery"
    counts_rows_only = folder / "staging" / "changed_partitions" / "each.sql"
    reading = [
        path
        for path in folder.rglob("*.sql")
        if re.search(r"\$\{raw\}\.", path.read_text(encoding="utf-8")) and path != counts_rows_only
    ]
    assert len(reading) >= 2
    assert [path for path in reading if "${verification_location}" not in path.read_text(encoding="utf-8")] == []
    checks = {key: table.checks or "" for key, table in tables().items() if key.startswith("raw.")}
    assert len(checks) == len(STREAMS)
    assert [key for key, text in checks.items() if "${verification_location}" not in text] == []


def test_a_stream_that_has_a_schema_alone_has_its_marked_event() -> None:
    """A value that fits for each field that must be given, whatever its format; sales and changes have their own."""
    fields: dict[str, dict[str, Any]] = {
        "by": {"format": "id"},
        "number": {"format": "uuid"},
        "since": {"format": "time"},
        "price": {"format": "amount"},
        "paid_in": {"format": "currency"},
        "kind": {"format": "symbol", "symbols": ["up", "down"]},
        "n": {"format": "integer", "minimum": 3, "maximum": 9},
    }
    described = [
        {"name": name, "type": "string", "doc": "d", "contract": contract} for name, contract in fields.items()
    ]
    several = {"name": "steps", "type": {"items": {"fields": described}}, "contract": {"min_items": 0, "max_items": 9}}
    note = {"name": "note", "default": None, "contract": {"format": "id"}}
    stream = replace(STREAMS["inventory"], key="prices", avro={"fields": [*described, several, note]})
    event = marked_event(stream, "EUR", datetime.now(UTC))
    assert event["location_id"] == LOCATION_ID
    assert "note" not in event
    for record in (event, *event["steps"]):
        faults = {name: FORMATS[contract["format"]](contract)(record[name]) for name, contract in fields.items()}
        assert {name: fault for name, fault in faults.items() if fault is not None} == {}
    assert event["paid_in"] == "EUR"
