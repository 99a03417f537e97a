"""Replay into real stores: PostgreSQL, and the stand-ins of BigQuery and Cloud Storage.

What a run publishes of it is not this file's matter (tests/e2e/test_replay.py): here publication is one row.
"""

from __future__ import annotations

import io
import itertools
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import fastavro
import psycopg
import pytest
from google.cloud import bigquery, storage  # type: ignore[attr-defined]  # no stubs

from tests.support.events import change, sale
from tests.support.lake import MESSAGE_SCHEMA
from tests.support.on_hand import on_hand
from tests.support.postgres import migrated_database
from tests.support.standins import PROJECT, bigquery_client, create_raw_tables, pipeline_settings, standins
from workloads.events import STREAMS, encode
from workloads.pipeline import replay, replay_stores, runner
from workloads.pipeline.attempts import TimeBox
from workloads.pipeline.history import AlreadyRunning, claim, finish
from workloads.pipeline.replay_progress import Progress, ReplayReport
from workloads.pipeline.settings import Settings
from workloads.pipeline.warehouse import WarehouseClient
from workloads.runtime.database import connect

pytestmark = pytest.mark.local

Event = tuple[str, dict[str, Any]]
DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Stores:
    """A lake, empty raw tables and an empty inventory."""

    def __init__(self, settings: Settings, client: bigquery.Client, bucket: Any) -> None:
        self.settings, self.client, self.bucket = settings, client, bucket
        self._numbers = itertools.count(1)

    def replay(self, *arguments: Any, **options: Any) -> ReplayReport:
        return replay.replay(self.settings, *arguments, **options)

    def put(self, events: list[Event], published: datetime = DAY, *, cut: float = 1) -> list[str]:
        """A file for each stream, the first `cut` of it; messages a second apart. Returns the files' names."""
        names = []
        for key, stream in STREAMS.items():
            records = [
                self.record(key, encode(stream, event), published + timedelta(seconds=n))
                for n, (of, event) in enumerate(events)
                if of == key
            ]
            if records:
                names.append(self.put_records(key, records, published, cut=cut))
        return names

    def record(self, key: str, data: bytes, published: datetime) -> dict[str, Any]:
        return {
            "subscription_name": f"projects/p/subscriptions/{STREAMS[key].topic}-to-lake",
            "message_id": str(next(self._numbers)),
            "publish_time": published,
            "attributes": {"stream": key},
            "data": data,
        }

    def put_records(self, key: str, records: list[dict[str, Any]], published: datetime = DAY, *, cut: float = 1) -> str:
        buffer = io.BytesIO()
        fastavro.writer(buffer, MESSAGE_SCHEMA, records, codec="deflate", sync_interval=2000)
        name = f"{STREAMS[key].topic}/{published:%Y-%m-%d/%H_%M_%SZ}_{next(self._numbers):012x}.avro"
        self.bucket.blob(name).upload_from_string(buffer.getvalue()[: int(cut * buffer.tell())])
        return name

    def raw(self, key: str) -> list[dict[str, Any]]:
        rows = self.client.query_and_wait(f"SELECT * FROM raw.{STREAMS[key].table} ORDER BY publish_time, message_id")
        return [dict(row) for row in rows]

    def raw_ids(self) -> list[str]:
        return sorted(row["event_id"] for key in STREAMS for row in self.raw(key))

    def inventory(self) -> dict[tuple[str, str], int]:
        with psycopg.connect(self.settings.database_url) as db:
            rows = db.execute("SELECT location_id, sku, quantity FROM on_hand").fetchall()
        return {(location, sku): quantity for location, sku, quantity in rows}

    def empty(self) -> None:
        for stream in STREAMS.values():
            self.client.query_and_wait(f"DELETE FROM raw.{stream.table} WHERE TRUE")
        with psycopg.connect(self.settings.database_url) as db:
            db.execute("TRUNCATE stream_event, event_conflict, movement, on_hand, daily_units")


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with standins(tmp_path_factory.mktemp("standins")) as running:
        yield running


@pytest.fixture
def stores(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Stores:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(runner, "walk", publish)
    client = bigquery_client(variables)
    create_raw_tables(client)
    name = f"lake-{uuid.uuid4().hex[:8]}"
    bucket = storage.Client(project=PROJECT).create_bucket(name)
    settings = pipeline_settings(variables, migrated_database(), lake_bucket=name)
    return Stores(settings, client, bucket)


def publish(settings: Settings, connection: Any, box: TimeBox, run_id: str, former: Any) -> None:
    """In the place of the pipeline's tasks."""
    finish(connection, run_id, "succeeded", None)


def trade(count: int, seed: int = 1) -> list[Event]:
    """Sales, movements and counts of a few shelves, no two alike."""
    dice = random.Random(seed)
    events: list[Event] = []
    for n in range(count):
        common = {
            "event_id": str(uuid.UUID(int=dice.getrandbits(128))),
            "event_time": f"2026-02-{dice.randint(1, 28):02}T{dice.randint(0, 23):02}:00:{n % 60:02}Z",
            "location_id": f"S{dice.randint(1, 3)}",
        }
        if dice.random() < 0.6:
            lines = [{**sale()["lines"][0], "sku": f"A{dice.randint(1, 5)}", "quantity": dice.randint(1, 3)}]
            lines[0]["discount"] = "0.0001"
            events.append(("sales", sale(**common, transaction_id=f"T{seed}-{n}", lines=lines)))
        else:
            kind, quantity = dice.choice([("receipt", 9), ("transfer_out", -2), ("count", 7), ("adjustment", -1)])
            events.append(("inventory", change(**common, sku=f"A{dice.randint(1, 5)}", kind=kind, quantity=quantity)))
    return events


def ids(events: list[Event]) -> list[str]:
    return sorted(event["event_id"] for _, event in events)


def test_both_stores_have_what_the_lake_has(stores: Stores) -> None:
    events = trade(300)
    for n in range(3):
        stores.put(events[n::3], DAY + timedelta(days=n))
    report = stores.replay()
    assert report.state == "succeeded", report.error
    assert report.counts["messages"] == 300
    assert report.counts["files"] == 6
    assert stores.raw_ids() == ids(events)
    assert stores.inventory() == on_hand(events)


def test_a_row_is_what_the_export_would_have_written_with_a_new_publish_time(stores: Stores) -> None:
    event = sale(customer_id=None)
    stores.put([("sales", event)])
    started = datetime.now(UTC)
    stores.replay()
    (row,) = stores.raw("sales")
    assert (row["event_id"], row["customer_id"]) == (event["event_id"], None)
    assert row["event_time"] == datetime(2026, 3, 1, 11, 59, 59, 123456, tzinfo=UTC)
    assert [line["unit_price"] for line in row["lines"]] == [Decimal("10.00"), Decimal("0.0001")]
    assert row["attributes"] == {"stream": "sales", "first_published": "2026-03-01T12:00:00.000000Z"}
    assert row["subscription_name"].endswith("sales-transactions-to-lake")
    age = (started - DAY) / 1000
    assert started - age - timedelta(seconds=30) < row["publish_time"] < datetime.now(UTC)


def test_the_order_of_publication_is_kept(stores: Stores) -> None:
    events = trade(60)
    stores.put(events[30:], DAY + timedelta(days=200))
    stores.put(events[:30], DAY)
    stores.replay()
    wanted = [event["event_id"] for key, event in events if key == "sales"]
    assert [row["event_id"] for row in stores.raw("sales")] == wanted


def test_again_counts_nothing_twice_and_of_two_bodies_the_first_counts(stores: Stores) -> None:
    events = trade(50)
    contradicted = dict(events[0][1]) | {"location_id": "S9"}
    stores.put(events, DAY)
    stores.put([(events[0][0], contradicted)], DAY + timedelta(days=1))
    stores.replay()
    again = stores.replay()
    assert again.state == "succeeded"
    assert not any(name.endswith("_recorded") for name in again.counts)
    assert again.counts[f"{events[0][0]}_conflict"] == 1
    assert stores.inventory() == on_hand(events)


def test_out_of_time_the_same_call_goes_on(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_stores, "BATCH_BYTES", 4000)  # a few messages
    events = trade(100)
    stores.put(events)
    reports: list[ReplayReport] = []
    while not reports or reports[-1].state == "incomplete":
        reports.append(stores.replay(seconds=0))
        assert len(reports) < 100
    assert reports[-1].state == "succeeded"
    assert len(reports) > 5
    assert {report.run_id for report in reports if report.phase == "read"} == {reports[0].run_id}
    assert stores.raw_ids() == ids(events)
    assert reports[-1].counts["messages"] == 100


@pytest.mark.parametrize("step", ["raw rows", "inventory", "progress"])
def test_killed_at_any_step_the_next_call_ends_right(
    step: str, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process died right after the step, at each of its occurrences in turn."""
    monkeypatch.setattr(replay_stores, "BATCH_BYTES", 3000)
    where = {
        "raw rows": (WarehouseClient, "start_load"),
        "inventory": (replay_stores.Stores, "_record"),
        "progress": (Progress, "save"),
    }[step]
    events = trade(60)
    stores.put(events)
    original: Callable[..., Any] = getattr(*where)
    done = 0
    for survived in range(100):
        steps = itertools.count()

        def dying(*arguments: Any, after: Iterator[int] = steps, limit: int = survived, **options: Any) -> Any:
            result = original(*arguments, **options)
            if next(after) == limit:
                raise KeyboardInterrupt
            return result

        monkeypatch.setattr(*where, dying)
        try:
            report = stores.replay()
        except KeyboardInterrupt:
            done += 1
            continue
        break
    assert done > 2
    assert report.state == "succeeded"
    assert sorted(set(stores.raw_ids())) == ids(events), "a row may stand twice, no event is missing"
    assert stores.inventory() == on_hand(events)


def test_emptied_meanwhile_it_begins_anew(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_stores, "BATCH_BYTES", 4000)
    events = trade(60)
    stores.put(events)
    for _ in range(3):
        assert stores.replay(seconds=0).state == "incomplete"
    stores.empty()
    report = stores.replay()
    assert report.state == "succeeded"
    assert stores.raw_ids() == ids(events)
    assert stores.inventory() == on_hand(events)


def test_a_store_that_is_not_there_is_said_with_its_mend(stores: Stores) -> None:
    events = trade(20)
    stores.put(events)
    stores.client.delete_table("raw.sales_transactions")
    report = stores.replay()
    assert report.state == "failed"
    assert "it goes on" in (report.error or "")
    create_raw_tables(stores.client)
    report = stores.replay()
    assert report.state == "succeeded", report.error
    assert stores.raw_ids() == ids(events)
    stores.settings = stores.settings.model_copy(update={"lake_bucket": "nowhere"})
    assert "`pulumi up` restores" in (stores.replay().error or "")
    stores.settings = stores.settings.model_copy(update={"lake_bucket": ""})
    with pytest.raises(replay.NotReady, match="LAKE_BUCKET is not set"):
        stores.replay()


def test_a_range_is_by_publication(stores: Stores) -> None:
    events = trade(30)
    for n in range(3):
        stores.put(events[10 * n : 10 * n + 10], DAY + timedelta(days=n))
    late = trade(1, seed=9)
    stores.put_records(  # published in the range, written days later
        late[0][0],
        [stores.record(late[0][0], encode(STREAMS[late[0][0]], late[0][1]), DAY + timedelta(days=1))],
        DAY + timedelta(days=6),
    )
    stores.replay(DAY + timedelta(days=1), DAY + timedelta(days=2))
    assert stores.raw_ids() == ids(events[10:20] + late)
    assert stores.inventory() == on_hand(events[10:20] + late)


def test_what_is_no_file_of_ours_is_reported_and_the_rest_is_taken(stores: Stores) -> None:
    events = trade(200)
    stores.put(events[:50])
    sales = [event for event in events[50:] if event[0] == "sales"]
    (half,) = stores.put(sales, DAY + timedelta(hours=1), cut=0.6)
    (nothing,) = stores.put(sales[:5], DAY + timedelta(hours=2), cut=0)
    stores.bucket.blob("sales-transactions/2026-03-01/12_30_00Z_text.avro").upload_from_string("not Avro")
    stores.bucket.blob("sales-transactions/README.txt").upload_from_string("who put this here?")
    stores.put(events[:50], DAY + timedelta(hours=3))
    report = stores.replay()
    assert report.state == "succeeded"
    assert set(report.damaged) == {half, nothing, "sales-transactions/2026-03-01/12_30_00Z_text.avro"}
    assert report.damaged[half].startswith("after ")
    assert report.foreign == ["sales-transactions/README.txt"]
    raw_ids = stores.raw_ids()
    assert set(ids(events[:50])) < set(raw_ids), "and what the broken file has before its break"
    assert len(set(raw_ids)) == report.counts["sales_recorded"] + report.counts["inventory_recorded"]


def test_messages_that_a_store_cannot_take_are_counted_with_the_reason(stores: Stores) -> None:
    good, sterling, yesterday = sale(), sale(event_id=str(uuid.uuid4()), currency="GBP"), sale()
    yesterday |= {"event_id": str(uuid.uuid4()), "event_time": "yesterday"}
    data = [encode(STREAMS["sales"], event) for event in (good, sterling, yesterday)] + [b"nonsense"]
    stores.put_records("sales", [stores.record("sales", d, DAY) for d in data])
    report = stores.replay()
    assert report.state == "succeeded"
    reasons = {entry["reason"]: entry["count"] for entry in report.refused}
    assert len(reasons) == 4
    assert any("inventory: currency" in reason for reason in reasons)
    assert any("raw table: event_time" in reason for reason in reasons)
    assert any("not JSON" in reason for reason in reasons)
    # The export takes what fits its table, as it did when the message was new.
    assert stores.raw_ids() == sorted([good["event_id"], sterling["event_id"]])
    assert stores.inventory() == on_hand([("sales", good)])


def test_it_has_the_pipeline_to_itself(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_stores, "BATCH_BYTES", 4000)
    stores.put(trade(30))
    with connect(stores.settings) as connection:
        connection.autocommit = True
        claim(connection, "run", {})
        with pytest.raises(AlreadyRunning):
            stores.replay()
    assert stores.replay(seconds=0).state == "incomplete"
    with connect(stores.settings) as connection:
        connection.autocommit = True
        with pytest.raises(AlreadyRunning, match="a replay has the pipeline"):
            claim(connection, "run", {})
    assert stores.replay().state == "succeeded"
    with connect(stores.settings) as connection:
        connection.autocommit = True
        claim(connection, "run", {})


def test_live_trade_during_the_replay_counts_once(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of the lake arrive by push as well while they are replayed, and new ones between them."""
    import asyncio
    import threading
    from zoneinfo import ZoneInfo

    from workloads.inventory_sync.delivery import Delivery, event_of
    from workloads.inventory_sync.group_commit import GroupCommit
    from workloads.runtime.database import connect_async

    monkeypatch.setattr(replay_stores, "BATCH_BYTES", 20_000)
    old, new = trade(400), trade(400, seed=2)
    stores.put(old)

    async def push() -> None:
        commits = GroupCommit(lambda: connect_async(stores.settings), ZoneInfo("America/New_York"))
        await commits.start()
        for key, event in (e for pair in zip(new, reversed(old), strict=True) for e in pair):
            delivery = Delivery(encode(STREAMS[key], event), {}, "1", "", datetime.now(UTC), "s")
            await commits.record(event_of(key, delivery, currency="USD"))
        await commits.stop()

    live = threading.Thread(target=asyncio.run, args=(push(),))
    live.start()
    report = stores.replay()
    live.join()
    assert report.state == "succeeded"
    assert stores.inventory() == on_hand(old + new)
