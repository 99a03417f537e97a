"""What is derived from the Avro schemas: topic definitions, raw tables, the wire encoding, the docs."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest

from tests.support.events import change, sale
from workloads.events import (
    STREAMS,
    DecodeError,
    bigquery_fields,
    consumed_by,
    decode,
    encode,
    pubsub_definition,
    validate,
    validation,
)
from workloads.events.stream import INVENTORY, Stream
from workloads.inventory_sync.stock import MOVED_BY
from workloads.reference.events import PAGE, render

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STREAM_LIST = list(STREAMS.values())
EVENTS = [(STREAMS["sales"], sale()), (STREAMS["sales"], sale(customer_id=None)), (STREAMS["inventory"], change())]


def test_streams_have_the_contracts_names() -> None:
    promised = {
        "sales": ("sales-transactions", "sales_transactions", "SalesTransaction", "/v1/transactions"),
        "inventory": ("inventory-changes", "inventory_changes", "InventoryChange", "/v1/inventory-changes"),
    }
    assert list(STREAMS)[: len(promised)] == list(promised), "what is deployed keeps its place in lists"
    named = {key: (s.topic, s.table, s.record, s.path) for key, s in STREAMS.items()}
    assert {key: named[key] for key in promised} == promised


def test_live_inventory_takes_only_streams_that_move_stock() -> None:
    """Pushed there, an event that moves nothing would be refused for ever."""
    assert set(consumed_by(INVENTORY)) <= MOVED_BY.keys(), "add its movements to workloads/inventory_sync/stock.py"


@pytest.mark.parametrize("stream", STREAM_LIST, ids=lambda s: s.key)
def test_the_topic_definition_is_plain_canonical_avro(stream: Any) -> None:
    definition = pubsub_definition(stream)
    assert definition == pubsub_definition(stream)
    assert "contract" not in definition
    assert '"doc"' not in definition
    assert len(definition) < 50_000
    parsed: Any = fastavro.parse_schema(json.loads(definition))
    assert parsed["name"] == f"fastyle.events.{stream.record}"


@pytest.mark.parametrize(("stream", "event"), EVENTS)
def test_the_encoding_is_avros_own_json(stream: Any, event: dict[str, Any]) -> None:
    """fastavro reads what we write, and we read what it writes."""
    schema = fastavro.parse_schema(json.loads(pubsub_definition(stream)))
    assert list(fastavro.json_reader(io.StringIO(encode(stream, event).decode()), schema)) == [event]
    out = io.StringIO()
    fastavro.json_writer(out, schema, [event])
    assert decode(stream, out.getvalue().encode()) == event


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "InventoryChange: must be an object"),
        (b"{}", "missing fields ['event_id'"),
        (encode(STREAMS["inventory"], change()).replace(b'{"string":"DN-1"}', b'"DN-1"'), "InventoryChange.reference"),
        (encode(STREAMS["inventory"], change()).replace(b'{"string":"DN-1"}', b"{}"), "InventoryChange.reference"),
        (encode(STREAMS["inventory"], change()).replace(b'"DN-1"', b'"DN-1","int":1'), "InventoryChange.reference"),
        (encode(STREAMS["inventory"], change()).replace(b":5", b":5.5"), "InventoryChange.quantity"),
        (encode(STREAMS["inventory"], change()).replace(b":5", b":true"), "InventoryChange.quantity"),
        (encode(STREAMS["inventory"], change()).replace(b'"kind"', b'"kin\xc3\xa9"'), "missing fields ['kind']"),
    ],
)
def test_undecodable_data_says_where(data: bytes, where: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(STREAMS["inventory"], data)
    assert where in str(caught.value)


@pytest.mark.parametrize(("stream", "event"), EVENTS)
def test_a_schema_that_grew_reads_what_was_written_before_and_is_read_by_what_was_deployed_before(
    stream: Any, event: dict[str, Any]
) -> None:
    message = json.loads(encode(stream, event))
    assert decode(stream, json.dumps(message | {"promotion": {"string": "SALE"}}).encode()) == event
    optional = [field["name"] for field in stream.avro["fields"] if "default" in field]
    assert optional
    older = {name: value for name, value in message.items() if name not in optional}
    assert decode(stream, json.dumps(older).encode()) == event | dict.fromkeys(optional)


def walk(columns: list[dict[str, Any]], prefix: str = "") -> Any:
    for column in columns:
        yield prefix + column["name"], column
        yield from walk(column.get("fields", []), f"{prefix}{column['name']}.")


@pytest.mark.parametrize("stream", STREAM_LIST, ids=lambda s: s.key)
def test_every_column_is_described_and_ends_with_the_metadata(stream: Any) -> None:
    columns = bigquery_fields(stream)
    assert all(0 < len(column["description"]) <= 1024 for _, column in walk(columns))
    assert [column["name"] for column in columns[-4:]] == [
        "subscription_name",
        "message_id",
        "publish_time",
        "attributes",
    ]
    assert all(column["mode"] == "NULLABLE" for column in columns[-4:])


def test_raw_sales_have_the_types_that_pubsub_can_write() -> None:
    types = {path: (column["type"], column["mode"]) for path, column in walk(bigquery_fields(STREAMS["sales"]))}
    promised = {
        "event_id": ("STRING", "REQUIRED"),
        "transaction_id": ("STRING", "REQUIRED"),
        "event_time": ("TIMESTAMP", "REQUIRED"),
        "location_id": ("STRING", "REQUIRED"),
        "channel": ("STRING", "REQUIRED"),
        "customer_id": ("STRING", "NULLABLE"),
        "currency": ("STRING", "REQUIRED"),
        "lines": ("RECORD", "REPEATED"),
        "lines.line_number": ("INTEGER", "REQUIRED"),
        "lines.sku": ("STRING", "REQUIRED"),
        "lines.quantity": ("INTEGER", "REQUIRED"),
        "lines.unit_price": ("NUMERIC", "REQUIRED"),
        "lines.discount": ("NUMERIC", "REQUIRED"),
        "subscription_name": ("STRING", "NULLABLE"),
        "message_id": ("STRING", "NULLABLE"),
        "publish_time": ("TIMESTAMP", "NULLABLE"),
        "attributes": ("JSON", "NULLABLE"),
    }
    assert {path: types.get(path) for path in promised} == promised
    assert {mode for path, (_, mode) in types.items() if path not in promised} <= {"NULLABLE"}, "else no table takes it"


@pytest.mark.parametrize(("stream", "event"), EVENTS)
def test_an_optional_field_more_needs_the_schema_alone(
    stream: Stream, event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Producers that do not know it, the topic's schema, the raw table and its reader go on."""
    more = {
        "name": "joined_later",
        "type": ["null", "string"],
        "default": None,
        "doc": "d",
        "contract": {"format": "id"},
    }
    grown = dataclasses.replace(stream, avro=stream.avro | {"fields": [*stream.avro["fields"], more]})
    monkeypatch.setitem(validation._CHECKS, stream.key, validation._compile(grown.avro, {}))
    for given, said in ((event, None), (event | {"joined_later": "T-1"}, "T-1")):
        body = copy.deepcopy(given)
        assert validate(grown, body, currency="USD", now=NOW) == event | {"joined_later": said}
        assert decode(grown, encode(grown, given)) == event | {"joined_later": said}
        assert decode(stream, encode(grown, given)) == event
    schema = fastavro.parse_schema(json.loads(pubsub_definition(grown)))
    assert list(fastavro.json_reader(io.StringIO(encode(grown, event).decode()), schema)) == [
        event | {"joined_later": None}
    ]
    before, after = ({column["name"]: column for column in bigquery_fields(each)} for each in (stream, grown))
    assert {name: after.pop(name)["mode"] for name in after.keys() - before.keys()} == {"joined_later": "NULLABLE"}
    assert after == before


def test_the_documentation_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make documents`"
