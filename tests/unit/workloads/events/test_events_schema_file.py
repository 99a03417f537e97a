"""What a field of a `schema.avsc` may be: each way it is written is carried by everything made of it, or refused in words."""

from __future__ import annotations

import json
from typing import Any

import fastavro
import pytest

from workloads.events import Stream, bigquery_fields, decode, encode, pubsub_definition, validation
from workloads.events.schema_file import parse_schema

_EVERY_EVENT = [
    {"name": "event_id", "type": "string", "doc": "d", "contract": {"format": "uuid"}},
    {"name": "event_time", "type": "string", "doc": "d", "contract": {"format": "time"}},
    {"name": "location_id", "type": "string", "doc": "d", "contract": {"format": "id"}},
]
_EVENT = {"event_id": "e", "event_time": "t", "location_id": "S01"}
_ID = {"format": "id"}
_INTEGER = {"format": "integer", "minimum": 0, "maximum": 9}
_SYMBOL = {"format": "symbol", "symbols": ["a"]}
_SIZE = {"min_items": 0, "max_items": 5}


def optional(plain: str) -> dict[str, Any]:
    return {"type": ["null", plain], "default": None}


def items(*fields: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "record", "name": "Item", "fields": list(fields)}}


def field(kind: Any = "string", contract: Any = _ID, **more: Any) -> dict[str, Any]:
    return {"name": "x", **(kind if isinstance(kind, dict) and "default" in kind else {"type": kind})} | {
        "doc": "d",
        "contract": contract,
        **more,
    }


def schema(*fields: Any, **more: Any) -> str:
    return json.dumps({"type": "record", "name": "Visit", "doc": "d", "fields": [*_EVERY_EVENT, *fields], **more})


SOUND: dict[str, tuple[dict[str, Any], Any, str]] = {
    "text": (field(), "a", "STRING required"),
    "time": (field(contract={"format": "time", "bigquery": "TIMESTAMP"}), "a", "TIMESTAMP required"),
    "amount": (field(contract={"format": "amount"}), "1.5", "NUMERIC required"),
    "symbol": (field(contract=_SYMBOL), "a", "STRING required"),
    "integer": (field("int", _INTEGER), 3, "INTEGER required"),
    "currency": (field(contract={"format": "currency"}, name="currency"), "USD", "STRING required"),
    "optional amount": (field(optional("string"), {"format": "amount"}), "1.5", "NUMERIC nullable"),
    "optional integer": (field(optional("int"), _INTEGER), 3, "INTEGER nullable"),
    "optional field without a value": (field(optional("int"), _INTEGER), None, "INTEGER nullable"),
    "items": (
        field(items(field(), field(optional("int"), _INTEGER, name="y")), _SIZE),
        [{"x": "a", "y": 1}],
        "RECORD repeated",
    ),
}


@pytest.mark.parametrize("case", SOUND)
def test_each_kind_of_field_is_carried_by_topic_and_raw_table(case: str) -> None:
    declared, value, column = SOUND[case]
    avro = parse_schema(schema(declared))
    stream = Stream("visits", "visits", "Visit", "visits", avro, "/v1/visits", "Send visits", 9)
    fastavro.parse_schema(json.loads(pubsub_definition(stream)))
    event = {**_EVENT, declared["name"]: value}
    assert decode(stream, encode(stream, event)) == event
    [made] = [one for one in bigquery_fields(stream) if one["name"] == declared["name"]]
    assert f"{made['type']} {made['mode'].lower()}" == column


REFUSED: dict[str, tuple[Any, str]] = {
    "long": (field("long", _INTEGER), r'field x has type "long"; write "string"'),
    "boolean": (field("boolean", _SYMBOL), r'field x has type "boolean"; write'),
    "double": (
        field("double", {"format": "amount"}),
        r'field x has type "double"; write "string" \(amounts and times too',
    ),
    "misspelt type": (field("str"), r'field x has type "str"; write'),
    "no type": ({"name": "x", "doc": "d", "contract": _ID}, "field x has type null; write"),
    "decimal of Avro": (
        field({"type": "bytes", "logicalType": "decimal"}, {"format": "amount"}),
        'field x has type "bytes"',
    ),
    "enum": (field({"type": "enum", "name": "K", "symbols": ["a"]}, _SYMBOL), 'field x has type "enum"; write'),
    "map": (field({"type": "map", "values": "string"}), 'field x has type "map"; write'),
    "record": (field({"type": "record", "name": "I", "fields": []}), 'field x has type "record"; write'),
    "array of texts": (field({"type": "array", "items": "string"}, _SIZE), "an array of records"),
    "array in an array": (
        field(items(field(items(field()), _SIZE)), _SIZE),
        r"field x\[\]\.x has type .* within an array",
    ),
    "optional array": (field(["null", items(field())], _SIZE), "field x needs a contract with a format"),
    "array with a default": (field(items(field()), _SIZE, default=[]), "an array has none: leave it out"),
    "array without bounds": (
        field(items(field()), {"max_items": 5}),
        "field x needs min_items and max_items: integers",
    ),
    "array without a contract": (field(items(field()), None), "field x needs a contract with min_items and max_items"),
    "array without fields": (field(items(), _SIZE), "the items of x needs? fields"),
    "null last": (
        field({"type": ["string", "null"], "default": None}),
        r'field x has type \["string", "null"\]; write',
    ),
    "three types": (field({"type": ["null", "string", "int"], "default": None}), "field x has type .*; write"),
    "optional without default": (field(["null", "string"]), 'field x has no default; write "default": null'),
    "default that is no null": (field(default="abc"), 'field x has default "abc"; remove it'),
    "default null of a text": (field({"type": "string", "default": None}), "field x has default null; remove it"),
    "no contract": (field(contract=None), "field x needs a contract with a format of uuid, id"),
    "format that is no word": (
        field(contract={"format": ["id"]}),
        "field x needs a contract with a format of uuid, id",
    ),
    "integer as text": (field(contract=_INTEGER), 'type "string" and format integer, which is of type "int"'),
    "text as integer": (field("int"), 'type "int" and format id, which is of type "string"'),
    "integer without bounds": (field("int", {"format": "integer"}), "field x needs minimum and maximum: integers from"),
    "bounds that cross": (field("int", _INTEGER | {"minimum": 10}), "the first not over the second"),
    "bounds beyond the type": (field("int", _INTEGER | {"maximum": 2**31}), "from -2,147,483,648 to 2,147,483,647"),
    "symbol without symbols": (field(contract={"format": "symbol"}), "field x needs symbols: distinct words"),
    "symbols twice": (field(contract=_SYMBOL | {"symbols": ["a", "a"]}), "field x needs symbols: distinct words"),
    "misspelt bound": (
        field("int", _INTEGER | {"maximun": 4}),
        "the contract of field x has 'maximun', which is no key",
    ),
    "bound of another format": (field(contract=_ID | {"maximum": 4}), "the contract of field x has 'maximum'"),
    "other BigQuery type": (field(contract=_ID | {"bigquery": "NUMERIC"}), "format id is STRING: leave it out"),
    "amount as text": (
        field(contract={"format": "amount", "bigquery": "STRING"}),
        "format amount is NUMERIC: leave it out",
    ),
    "currency of another name": (field(contract={"format": "currency"}), "an event has one field currency"),
    "currency of an item": (
        field(items(field(contract={"format": "currency"}, name="currency")), _SIZE),
        "one field currency",
    ),
    "unknown key": (field(aliases=["y"]), "field x has 'aliases', which is no key; keys are name, type"),
    "hyphen": (field(name="card-number"), "field card-number must be called by a lower-case word such as unit_price"),
    "capitals": (field(name="CardNumber"), "field CardNumber must be called by a lower-case word"),
    "optional first of an item": (
        field(items(field(optional("string"))), _SIZE),
        r"field x\[\]\.x is the first of an item",
    ),
    "amount first of an item": (
        field(items(field(contract={"format": "amount"})), _SIZE),
        "must be of format id, uuid, symbol",
    ),
    "keyword": (field(name="order"), "field order is called as a keyword of SQL"),
    "keyword of an item": (field(items(field(name="from")), _SIZE), r"field x\[\]\.from is called as a keyword of SQL"),
    "twice": (field(name="location_id"), "field location_id stands twice"),
    "no name": (
        {"type": "string", "doc": "d", "contract": _ID},
        "the record: field 4 must be an object with name, type",
    ),
    "no object": ("x", "the record: field 4 must be an object with name, type"),
    "doc that is no text": (field(doc=3), "field x has no doc"),
    "doc of an item": (field(items(field(doc=" ")), _SIZE), r"field x\[\]\.x has no doc"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_field_that_nothing_could_carry_is_refused_in_words(case: str) -> None:
    declared, words = REFUSED[case]
    with pytest.raises(ValueError, match=words):
        parse_schema(schema(declared))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "price-change"}, "the record has name 'price-change'; write one such as PriceChange"),
        ({"name": "Item"}, "two records are called Item; choose another name"),
        ({"doc": ""}, "the record has no doc"),
        ({"fields": []}, "the record needs fields: a list of objects"),
        ({"fields": {}}, "the record needs fields: a list of objects"),
        ({"aliases": []}, "the record has 'aliases', which is no key"),
        (
            {"fields": [{**one, "type": ["null", "string"], "default": None} for one in _EVERY_EVENT]},
            "not an optional one",
        ),
    ],
)
def test_a_record_that_is_not_right_is_refused_in_words(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_schema(schema(field(items(field()), _SIZE), **more))


@pytest.mark.parametrize(("keys", "faults"), [("ab", []), ("aba", ["x[2].x"]), ("aaa", ["x[1].x", "x[2].x"])])
def test_the_first_field_of_an_item_tells_it_from_the_others_of_its_event(keys: str, faults: list[str]) -> None:
    """Two rows of a history would have one key, and its check stop every publication."""
    reported: list[str] = []
    check = validation._compile(parse_schema(schema(field(items(field()), _SIZE))), {})
    event = _EVENT | {"event_id": "3f0c9e9a-58f4-4d5e-9b57-0a2b6c1d7e8f", "event_time": "2026-03-01T12:30:00Z"}
    check(event | {"x": [{"x": key} for key in keys]}, "", lambda where, error: reported.append(where))
    assert reported == faults
