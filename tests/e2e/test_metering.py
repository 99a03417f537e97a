"""A short metering run on the stack, held against counts that are computed without it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastyle_policies.pricing import read_usage

from ops.metering.usage import BLOCK
from ops.trade import simulated
from tests.support.checkout import Checkout
from workloads.events import STREAMS, encode

DAY = date(2026, 4, 14)
SCALE, SEED = 0.02, 7
EXPORTS = ("bigquery", "lake")


@pytest.fixture(scope="module")
def metered(stack: Checkout) -> dict[str, Any]:
    arguments = ["--days", "1", "--from", str(DAY), "--scale", str(SCALE), "--seed", str(SEED)]
    output = stack.fastyle("meter", *arguments, "--json").stdout
    return dict(json.loads(output[output.index("{") :]))


@pytest.fixture(scope="module")
def events(stack: Checkout) -> dict[str, list[dict[str, Any]]]:
    """What the simulator sends that day, by stream: no part of the stack is asked."""
    zone, currency, catalogue = (stack.endpoints[name] for name in ("timezone", "currency", "catalogue"))
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    end = datetime(DAY.year, DAY.month, DAY.day + 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    by_stream: dict[str, list[dict[str, Any]]] = {key: [] for key in STREAMS}
    traded = {"timezone": zone, "currency": currency, "catalogue": catalogue}
    for stream, event in simulated(start, end, seed=SEED, scale=SCALE, **traded):
        by_stream[stream].append(event)
    assert all(by_stream.values())
    return by_stream


@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_messages_are_the_events_once_a_topic_and_once_a_subscription(
    metered: dict[str, Any], events: dict[str, list[dict[str, Any]]], stream: str
) -> None:
    topic, sent = STREAMS[stream].topic, len(events[stream])
    assert metered["sent"][stream] == sent
    assert metered["topics"][topic]["messages"] == metered["topics"][topic]["requests"] == sent
    for to in (*EXPORTS, "inventory"):
        assert metered["subscriptions"][f"{topic}-to-{to}"]["messages"] == sent


@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_bytes_are_those_of_the_bodies_and_of_what_goes_with_them(
    stack: Checkout, metered: dict[str, Any], events: dict[str, list[dict[str, Any]]], stream: str
) -> None:
    """Data and attributes as the POS API and Pub/Sub write them, the ordering key, 16 of an id and 20 of a time."""
    topic = STREAMS[stream].topic
    schema = f"projects/{stack.endpoints['project']}/schemas/"
    sizes = []
    for event in events[stream]:
        attributes = {"event_id": event["event_id"], "stream": stream}
        own = sum(len(key) + len(value) for key, value in attributes.items())
        sizes.append(len(encode(STREAMS[stream], event)) + own + len(event["location_id"]) + 16 + 20)
    counted = metered["topics"][topic]
    # Pub/Sub notes encoding, schema and revision in three attributes, of the same length on every message.
    with_schema, left = divmod(counted["bytes"] - sum(sizes), len(sizes))
    assert left == 0
    least = len("googclient_schemaencoding" + "JSON" + "googclient_schemaname" + schema + "googclient_schemarevisionid")
    assert least < with_schema < least + 60
    assert counted["billed_bytes"] == sum(max(size + with_schema, 1000) for size in sizes)
    for to in EXPORTS:
        exported = metered["subscriptions"][f"{topic}-to-{to}"]
        assert exported["bytes"] == exported["billed_bytes"] == counted["bytes"]
    assert metered["subscriptions"][f"{topic}-to-inventory"]["billed_bytes"] == counted["billed_bytes"]


def test_rows_and_their_logical_bytes(metered: dict[str, Any], events: dict[str, list[dict[str, Any]]]) -> None:
    """By Google's sizes: a text is 2 and its bytes, a number, time or date 8, NUMERIC 16, null nothing.

    Of a line in the history: event_id, transaction_id, location_id, channel, customer_id, sku and run_id (32) are
    texts; line_number, quantity, event_time, business_date, body_hash and published_at 8 each; unit_price and discount 16 each.
    """
    zone = ZoneInfo("America/New_York")
    rows, size, seen = 0, 0, set()
    for event in events["sales"]:
        day = datetime.fromisoformat(event["event_time"]).astimezone(zone).date()
        if day != DAY or event["event_id"] in seen:
            continue
        seen.add(event["event_id"])
        texts = [event[key] for key in ("event_id", "transaction_id", "location_id", "channel", "customer_id")]
        for line in event["lines"]:
            rows += 1
            size += sum(2 + len(text.encode()) for text in [*texts, line["sku"], "r" * 32] if text is not None)
            size += 6 * 8 + 2 * 16
    assert metered["stored"]["sales_lines"] == {"rows": rows, "bytes": size}
    for key, sent in events.items():
        assert metered["raw"][key]["rows"] == len(sent)
    [run] = metered["scans"]
    assert run["billed"] >= run["tables"] * 10_000_000 > 0


def test_the_written_file_is_accepted_and_priced(stack: Checkout, metered: dict[str, Any]) -> None:
    path = stack.root / ".localcloud" / "usage.yaml"
    usage = read_usage(path)
    sales = metered["topics"][STREAMS["sales"].topic]
    assert usage.variable("sale_bytes") == round(Decimal(sales["bytes"]) / sales["messages"], 3)
    kept = BLOCK.findall((stack.root / "policies" / "usage" / "local.yaml").read_text(encoding="utf-8"))
    assert kept != BLOCK.findall(path.read_text(encoding="utf-8"))  # without --keep
    output = stack.fastyle("cost", "--stack", "local", "--usage", str(path), "--format", "json").stdout
    priced = json.loads(output[output.index("{") :])
    assert Decimal(priced["monthly"]["usage"]) > 0


def test_the_same_dates_are_not_metered_twice(stack: Checkout, metered: dict[str, Any]) -> None:
    again = stack.fastyle("meter", "--days", "1", "--from", str(DAY), "--scale", str(SCALE), check=False)
    assert again.returncode == 1
    assert "were traded before; choose others with --from" in again.stdout
