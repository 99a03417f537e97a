"""A fault stands until it is mended or waived, and what breaks the contract waits in quarantine and stops nothing."""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest

from tests.support.push import change, rfc3339, sale
from tests.support.world import Event, World
from tests.unit.workloads.events.test_event_identity import BODIES, LOADED, varied
from workloads.events import STREAMS, consumed_by, validate
from workloads.events.stream import HISTORY
from workloads.events.validation import CLOCKS_DIFFER
from workloads.events.verification import LOCATION_ID
from workloads.pipeline import contract, faults, operating, quality
from workloads.pipeline.tables import render
from workloads.pipeline.warehouse import WarehouseClient
from workloads.runtime.database import connect

NOW = datetime.now(UTC).replace(microsecond=0)
YESTERDAY = rfc3339(NOW - timedelta(days=1))
SHELF = {"location_id": "S01", "sku": "TOP-1"}


def event_id(number: int) -> str:
    return str(uuid.UUID(int=number))


def receipt(number: int, quantity: int = 10, **fields: Any) -> Event:
    told = {"event_id": event_id(number), "event_time": YESTERDAY, **SHELF, **fields}
    return "inventory", {**change("receipt", quantity), **told}


def sold(number: int, quantity: int = 1, **fields: Any) -> Event:
    told = {"event_id": event_id(number), "transaction_id": f"T{number}", "event_time": YESTERDAY, "location_id": "S01"}
    return "sales", {**sale(("TOP-1", quantity)), **told, **fields}


@pytest.fixture(scope="module")
def traded(world_of_file: World) -> World:
    """A receipt and a sale, and a run over them."""
    world_of_file.deliver([receipt(1), sold(2)])
    assert world_of_file.run().state == "succeeded"
    world_of_file.keep("traded")
    return world_of_file


@pytest.fixture
def world(traded: World) -> World:
    traded.restore("traded")
    return traded


def open_faults(world: World) -> dict[str, dict[str, Any]]:
    rows = world.postgres("SELECT * FROM quality_fault WHERE ended_at IS NULL")
    return {row["check_name"]: row for row in rows}


@pytest.fixture
def without_rule() -> Iterator[None]:
    """As if the rule of the contract had a hole: what it lets through is the checks' to find."""
    with mock.patch.object(contract, "broken", return_value="CAST(NULL AS STRING)"):
        yield


@pytest.mark.usefixtures("without_rule")
def test_a_fault_stops_every_run_until_it_is_waived_or_mended(world: World) -> None:
    world.deliver([receipt(3, -5)], live=False)
    before = world.published()
    for _ in range(2):  # the second has nothing new to load
        report = world.run()
        assert report.state == "stopped"
        assert "inventory_changes.ranges" in (report.error or "")
        assert world.published() == before, "the last good figures stay"
    fault = open_faults(world)["inventory_changes.ranges"]
    assert (fault["failures"], fault["severity"], fault["first_seen"] < fault["last_seen"]) == (1, "error", True)
    assert event_id(3) in fault["sample"]

    today = faults.today(world.settings.timezone)
    with pytest.raises(faults.NoSuchFault):
        operating.waive(world.settings, "999999", today, "a mistake")
    operating.waive(world.settings, str(fault["id"]), today, "counted by hand")
    assert world.run().state == "succeeded"
    assert "inventory_changes.ranges" in open_faults(world), "waived, it still stands"
    world.postgres("UPDATE quality_fault SET waived_until = waived_until - 1 WHERE id = %s", [fault["id"]])
    assert world.run().state == "stopped", "a waiver ends by itself"
    assert [row["reason"] for row in world.postgres("SELECT reason FROM quality_waiver")] == ["counted by hand"]

    world.sql(
        "UPDATE ${staging}.inventory_changes SET quantity = 5 WHERE quantity = -5 AND business_date > '2010-01-01'"
    )
    assert world.run().state == "succeeded"
    assert "inventory_changes.ranges" not in open_faults(world)
    [ended] = world.postgres("SELECT ended_at FROM quality_fault WHERE id = %s", [fault["id"]])
    assert ended["ended_at"] is not None


def test_a_fault_of_a_check_that_is_gone_stops_no_run(world: World) -> None:
    world.postgres(
        "INSERT INTO quality_fault (check_name, place, table_name, severity, description, failures, first_seen, "
        "last_seen, examined_at, first_run_id, last_run_id) "
        "VALUES ('sales_lines.renamed', '', 't', 'error', 'd', 1, now(), now(), now(), 'r', 'r') RETURNING id"
    )
    assert world.run().state == "succeeded"
    assert "sales_lines.renamed" not in open_faults(world)


@pytest.mark.usefixtures("without_rule")
def test_what_a_run_loaded_and_did_not_check_the_next_one_checks(world: World) -> None:
    world.deliver([receipt(3, -5)], live=False)
    with mock.patch.object(quality, "check", side_effect=RuntimeError("killed")):
        assert world.run().state == "failed"
    assert world.run().state == "stopped"
    assert world.run().state == "stopped"


def test_a_warning_stands_while_nobody_mends_it(world: World) -> None:
    world.deliver([sold(3, lines=sale(("unheard-of", 2))["lines"], location_id="nowhere")])
    for _ in range(3):
        assert world.run().state == "succeeded"
        standing = open_faults(world)
        assert standing["sales_lines.sku_known"]["place"] == "unheard-of"
        assert standing["sales_lines.location_known"]["place"] == "nowhere"
    world.postgres("INSERT INTO location (location_id, name, kind) VALUES ('nowhere', 'Now here', 'branch')")
    assert world.run().state == "succeeded"
    assert "sales_lines.location_known" not in open_faults(world)
    assert "sales_lines.sku_known" in open_faults(world)


def test_days_of_open_faults_are_read_again_in_turn_and_never_all(world: World) -> None:
    with connect(world.settings) as connection:
        connection.execute(
            "INSERT INTO quality_fault (check_name, place, table_name, severity, description, day, failures, first_seen, "
            "last_seen, examined_at, first_run_id, last_run_id) SELECT 'sales_lines.ranges', d::text, 't', 'warn', 'd', d, "
            "1, now(), now(), now() - n * interval '1 hour', 'r', 'r' FROM (SELECT n, date '2020-01-01' + n AS d "
            "FROM generate_series(1, 700) AS n) AS days"
        )
        first = faults.days_again(connection, ["sales_lines.ranges"])
    assert len(first) == faults.DAYS_AGAIN
    assert world.run().counts["dates"] == 0
    left = world.postgres("SELECT count(*) AS n FROM quality_fault WHERE ended_at IS NULL AND table_name = 't'")
    assert left == [{"n": 700 - faults.DAYS_AGAIN}], (
        "those that were read again are mended; the others wait for their turn"
    )


HUGE = "9" * 27
POISON: list[tuple[str, Event]] = [
    ("event_time", sold(10, event_time="0001-01-01T00:00:00Z")),
    ("event_time", receipt(11, event_time="9999-12-31T23:59:59Z")),
    ("sku", receipt(12, sku="TOP\x00-1")),
    ("quantity", receipt(13, -5)),
    ("lines[].unit_price", sold(14, lines=[{**sale()["lines"][0], "unit_price": HUGE}])),
    ("lines[].quantity", sold(15, lines=[{**sale()["lines"][0], "quantity": 0}])),
    ("currency", sold(16, currency="EUR")),
    ("location_id", receipt(17, location_id="'); DROP TABLE x; --\n")),
    ("lines", sold(18, lines=[])),
]


def test_poison_stops_no_report_and_is_listed_with_its_reason(world: World) -> None:
    world.deliver([event for _, event in POISON], live=False)
    world.deliver([receipt(20, 7), sold(21, 2)])
    report = world.run()
    assert report.state == "succeeded", report.error
    assert report.counts["sales_quarantined"] + report.counts["inventory_quarantined"] == len(POISON)
    assert (report.counts["sales_loaded"], report.counts["inventory_loaded"]) == (1, 1)
    rows = world.sql("SELECT event_id, reason, body FROM ${staging}.quarantine WHERE publish_date >= '2020-01-01'")
    reasons = {row["event_id"]: row["reason"] for row in rows}
    for field, (_, event) in POISON:
        assert reasons[event["event_id"]].startswith(f"{field}: "), (field, reasons[event["event_id"]])
    [shelf] = [row for row in world.published()["inventory_status"] if row["location_id"] == "S01"]
    assert shelf["on_hand"] == 10 + 7 - 1 - 2
    live = world.sql("SELECT SUM(on_hand) AS n FROM ${marts}.inventory_status_live")
    assert live == [{"n": shelf["on_hand"]}]
    standing = world.postgres("SELECT place, failures FROM quality_fault WHERE check_name = 'quarantine.empty'")
    assert {row["place"]: row["failures"] for row in standing} == {"sales": 5, "inventory": 4}

    again = world.run()
    assert again.state == "succeeded"
    assert "sales_quarantined" not in again.counts, "what is known is not judged twice"
    assert "quarantine.empty" in open_faults(world)

    assert operating.redrive(world.settings) == len(POISON)
    with (
        mock.patch.object(contract, "_currency", None),
        mock.patch.dict(contract._FORMATS, {"currency": lambda column, *_: (f"LENGTH({column}) != 3", "is none")}),
    ):
        mended = world.run()
    assert mended.counts["sales_loaded"] == 1, "under the mended rule one of them is a sale"
    assert mended.counts["sales_quarantined"] == 4
    left = world.sql("SELECT event_id FROM ${staging}.quarantine WHERE publish_date >= '2020-01-01'")
    assert {row["event_id"] for row in left} == reasons.keys() - {event_id(16)}


@dataclass(frozen=True)
class Twice:
    """One event id on both streams, 3 sold and 8 received, on a shelf of its own: which came first, and in which run."""

    first: str
    apart: bool
    number: int
    location_id: str
    sku: str

    @property
    def events(self) -> list[Event]:
        lines = sale((self.sku, 3))["lines"]
        both = [
            sold(self.number, location_id=self.location_id, lines=lines),
            receipt(self.number, 8, location_id=self.location_id, sku=self.sku),
        ]
        return both if self.first == "sales" else both[::-1]


TWICE = (
    Twice("sales", True, 31, "S01", "TOP-2"),
    Twice("inventory", True, 32, "S01", "SHOE-1"),
    Twice("sales", False, 33, "S02", "TOP-1"),
    Twice("inventory", False, 34, "S02", "TOP-2"),
)
AT_ONCE = Twice("inventory", False, 35, "S02", "SHOE-1")
FORGOTTEN = Twice("sales", True, 36, "W01", "TOP-1")
"""The raw tables no longer have the first event when the second comes."""
TWO_BODIES: dict[int, tuple[Event, Event]] = {
    37: (receipt(37, 8, location_id="W01", sku="TOP-2"), receipt(37, 5, location_id="W01", sku="TOP-2")),
    38: (
        sold(38, location_id="W01", lines=sale(("SHOE-1", 3))["lines"], event_time=rfc3339(NOW - timedelta(days=9))),
        sold(38, location_id="W01", lines=sale(("SHOE-1", 4))["lines"]),
    ),
}
"""The second body of 37 was published first; that of 38 is of another date, and comes when the raw table has no first."""


SPELT = [
    sold(39, location_id="W01", lines=[{**sale(("cap", 2))["lines"][0], "unit_price": p}]) for p in ("1.50", "1.5")
]
"""One event, which live inventory takes for two by the letters of an amount."""


@pytest.fixture(scope="module")
def told_twice(traded: World) -> dict[str, list[dict[str, Any]]]:
    """Live inventory, published stock and the faults after two runs, with the second event of `apart` before the second."""
    traded.restore("traded")
    for twice in TWICE:
        if twice.apart:
            traded.deliver(twice.events[:1])
    traded.deliver([FORGOTTEN.events[0], TWO_BODIES[38][0]], NOW - timedelta(hours=12))
    assert traded.run().state == "succeeded"
    traded.forget(event_id(FORGOTTEN.number), event_id(38))
    for twice in TWICE:
        for event in twice.events[twice.apart :]:
            traded.deliver([event])
    traded.deliver(AT_ONCE.events[:1], NOW - timedelta(minutes=1))
    traded.deliver(AT_ONCE.events[1:], NOW - timedelta(minutes=2))
    traded.deliver(TWO_BODIES[37][:1], NOW - timedelta(minutes=1))
    traded.deliver(TWO_BODIES[37][1:], NOW - timedelta(minutes=2))
    traded.deliver([FORGOTTEN.events[1], TWO_BODIES[38][1], *SPELT])
    assert traded.run().state == "succeeded"
    query = "SELECT place, sample FROM quality_fault WHERE check_name = 'event_log.conflicting_bodies'"
    return {
        "live": traded.postgres("SELECT location_id, sku, quantity FROM on_hand"),
        "published": traded.published()["inventory_status"],
        "faults": traded.postgres(query),
    }


@pytest.mark.parametrize(
    "twice", TWICE, ids=lambda twice: f"{'two runs' if twice.apart else 'one run'}-{twice.first} first"
)
def test_an_event_id_on_both_streams_counts_where_it_counted_first_in_every_store(
    told_twice: dict[str, list[dict[str, Any]]], twice: Twice
) -> None:
    expect_first_counts(told_twice, twice)


def test_live_inventory_says_which_counts_when_both_were_published_at_once(
    told_twice: dict[str, list[dict[str, Any]]],
) -> None:
    """The order of arrival is live inventory's, whatever the messages' times say."""
    expect_first_counts(told_twice, AT_ONCE)


def test_an_amount_in_other_letters_is_the_same_amount(told_twice: dict[str, list[dict[str, Any]]]) -> None:
    [live], [shelf] = shelves(told_twice, "W01", "cap")
    assert live["quantity"] == shelf["on_hand"] == -2


def test_an_event_id_that_the_raw_tables_forgot_counts_where_it_did(
    told_twice: dict[str, list[dict[str, Any]]],
) -> None:
    expect_first_counts(told_twice, FORGOTTEN)


@pytest.mark.parametrize("number", TWO_BODIES)
def test_of_two_bodies_the_one_counts_that_live_inventory_recorded(
    told_twice: dict[str, list[dict[str, Any]]], number: int
) -> None:
    sku = {37: "TOP-2", 38: "SHOE-1"}[number]
    [live], [shelf] = shelves(told_twice, "W01", sku)
    assert live["quantity"] == shelf["on_hand"] == {37: 8, 38: -3}[number]
    assert any(event_id(number) in fault["sample"] for fault in told_twice["faults"])


def expect_first_counts(stores: dict[str, list[dict[str, Any]]], twice: Twice) -> None:
    """In every store; the other is told of under its stream."""
    [live], [shelf] = shelves(stores, twice.location_id, twice.sku)
    assert live["quantity"] == shelf["on_hand"] == (8 if twice.first == "inventory" else -3)
    [place] = [fault["place"] for fault in stores["faults"] if event_id(twice.number) in fault["sample"]]
    assert place == twice.events[1][0]
    listed = [one for fault in stores["faults"] for one in fault["sample"].split(", ")]
    assert sorted(listed) == [event_id(number) for number in range(31, 39)], "and nothing else"


def shelves(stores: dict[str, list[dict[str, Any]]], location_id: str, sku: str) -> list[list[dict[str, Any]]]:
    """Of live inventory and of what was published, the rows of a shelf."""
    return [
        [row for row in stores[store] if (row["location_id"], row["sku"]) == (location_id, sku)]
        for store in ("live", "published")
    ]


# --- one rule: validate and its form in GoogleSQL ---

ODD_TEXTS: tuple[str, ...] = (
    "",
    "a" * 128,
    "a" * 129,
    "é" * 128,
    "Größe 5",
    "名",
    "a\tb",
    "a\x00",
    "\x7f",
    "a\u00a0b",
    "\u200b",
    "👗",
    "™",
    "№ 5",
)
ODD_TEXTS += ("\ue000", "\u2028", "e\u0301", "A" * 200, "fastyle-verify", " ", "'; --", "a\nb", "½", "\u2702")
ODD_TIMES = ("0001-01-01T00:00:00Z", "2009-12-31T23:59:59.999999Z", "2010-01-01T00:00:00Z", "9999-12-31T23:59:59Z")
ODD_AMOUNTS = ("0", "-0.0001", "0.00001", "0.0001", "999999999999.9999", "1000000000000", HUGE, "-1", "19.99")
ODD_NUMBERS = (0, 1, -1, 1_000_000, 1_000_001, -1_000_000, -1_000_001, 2**31 - 1, -(2**31))


def mutants(stream: str, published: datetime) -> Iterator[dict[str, Any]]:
    """Events with one or two odd values each, all of which the topic's schema takes."""
    dice = random.Random(5)
    late = [rfc3339(published + timedelta(minutes=10, seconds=s)) for s in (-5, 30, 59, 61, 600)]
    odd: dict[str, tuple[Any, ...]] = {
        **dict.fromkeys(("location_id", "sku", "transaction_id", "customer_id", "reference"), ODD_TEXTS),
        "event_time": (*ODD_TIMES, *late),
        "event_id": ("x", event_id(5).upper().replace("0", "A"), event_id(77) + "\n", event_id(78)[:-1]),
        "currency": ("EUR", "usd", "", "USDX"),
        "channel": ("phone", "Store", ""),
        "kind": ("receipt", "count", "adjustment", "transfer_out", "transfer_in", "loss", ""),
        "quantity": ODD_NUMBERS,
        "unit_price": ODD_AMOUNTS,
        "discount": ODD_AMOUNTS,
        "line_number": (0, 1, 2, -1),
    }
    sound = sold(1)[1] if stream == "sales" else receipt(1)[1]
    line = {"line_number": 1, "sku": "A", "quantity": 2, "unit_price": "10.00", "discount": "0"}
    for number in range(350):
        made = {**sound, "event_id": event_id(10_000 + number)}
        if stream == "sales":
            made["lines"] = [{**line, "line_number": n} for n in range(dice.choice((1, 1, 2, 3)))]
        for _ in range(dice.choice((0, 1, 1, 2))):
            target = dice.choice([made, *made.get("lines", [])])
            field = dice.choice([name for name in target if name in odd])
            target[field] = dice.choice(odd[field])
        yield made
    if stream == "sales":
        yield {**sound, "event_id": event_id(20_001), "lines": []}
        yield {**sound, "event_id": event_id(20_002), "lines": [{**line, "line_number": n} for n in range(1001)]}


@pytest.mark.parametrize("stream", consumed_by(HISTORY))
def test_the_rule_in_sql_is_validate(empty_world: World, stream: str) -> None:
    world = empty_world
    events = [
        {**event, "customer_id": event.get("customer_id")} if stream == "sales" else event
        for event in mutants(stream, NOW)
    ]
    table = STREAMS[stream].table
    rows = [
        {
            **event,
            "message_id": str(n),
            "subscription_name": "s",
            "publish_time": NOW.isoformat(),
            "attributes": json.dumps({}),
        }
        for n, event in enumerate(events)
    ]
    for start in range(0, len(rows), 100):
        name = f"recorded.{world.datasets['raw']}.{table}"
        assert not world.client.insert_rows_json(name, rows[start : start + 100], retry=None)  # type: ignore[arg-type]
    query = f"SELECT r.message_id, ${{broken:{stream}}} AS reason FROM ${{raw}}.{table} AS r"
    reasons = {int(row["message_id"]): row["reason"] for row in WarehouseClient(world.settings).query(query)}
    assert render(query, WarehouseClient(world.settings).values()), "it is what the pipeline asks"
    refused = 0
    for number, event in enumerate(events):
        if event["location_id"] == LOCATION_ID:  # no trade: the pipeline never asks about it
            continue
        verdict = validate(STREAMS[stream], event, currency="USD", now=NOW + CLOCKS_DIFFER)
        fields = {re.sub(r"\[\d+\]", "[]", v.field) for v in verdict} if isinstance(verdict, list) else set()
        told = {part.partition(": ")[0] for part in (reasons[number] or "").split("; ") if ": " in part}
        assert told == fields, (event, verdict, reasons[number])
        refused += bool(fields)
    assert len(events) * 0.3 < refused < len(events) * 0.9


def test_samples_are_fit_to_be_kept_and_shown() -> None:
    assert faults.printable("a\x00b\x1b[31m\ud800") == "a\\x00b\\x1b[31m\\ud800"
    assert Decimal(len(faults.printable("x" * 5000))) == 1000


def test_both_stores_tell_the_same_conflicts(empty_world: World) -> None:
    """Under one id each: an event, and the same with another value of one field; and one that is sent twice unchanged."""
    world = empty_world
    first: list[Event] = []
    second: list[Event] = []
    named: dict[str, str] = {}
    for stream in LOADED:
        for path, body in (*varied(stream), ("repeated", BODIES[stream])):
            same = event_id(1000 + len(named))
            named[same] = f"{stream}.{path}"
            own = {"transaction_id": f"T{len(named)}"} if stream == "sales" else {}
            first.append((stream, {**BODIES[stream], **own, "event_id": same}))
            kept = {} if path == "transaction_id" else own
            second.append((stream, {**body, **kept, "event_id": same}))
    world.deliver(first, NOW - timedelta(minutes=40))
    world.deliver(second, NOW - timedelta(minutes=30))
    world.run()
    log = world.sql("SELECT event_id, outcome FROM ${staging}.event_log WHERE publish_date >= '2020-01-01'")
    conflicts = {named[row["event_id"]] for row in log if row["outcome"] == "conflict"}
    listed = world.postgres("SELECT event_id::text FROM event_conflict")
    changed = {name for name in named.values() if not name.endswith(".repeated")}
    assert conflicts == {named[row["event_id"]] for row in listed} == changed
    assert {named[row["event_id"]] for row in log if row["outcome"] == "loaded"} == {*named.values()}
    assert {row["outcome"] for row in log} == {"loaded", "conflict"}
