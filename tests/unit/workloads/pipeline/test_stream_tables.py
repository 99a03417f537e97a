"""The tables that each stream has on its way to the history, derived from its schema."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from workloads.events import STREAMS, Stream
from workloads.pipeline.stream_tables import FOLDER, LOADED, declared

MORE = {
    "name": "joined_later",
    "type": ["null", "string"],
    "default": None,
    "doc": "A field more.",
    "contract": {"format": "id"},
}


def tables(stream: Stream) -> dict[str, dict[str, Any]]:
    return {table["name"]: table for table in declared(stream)}


def grown(stream: Stream, *, item: bool) -> Stream:
    """The stream with an optional field more, of the event or of each of its items."""
    avro = copy.deepcopy(stream.avro)
    fields = avro["fields"]
    if item:
        fields = next(field for field in fields if isinstance(field["type"], dict))["type"]["items"]["fields"]
    fields.append(MORE)
    return dataclasses.replace(stream, avro=avro)


CASES = [
    pytest.param(stream, item, id=f"{stream.key} {'item' if item else 'event'}")
    for stream in LOADED.values()
    for item in ((False, True) if stream.items else (False,))
]


@pytest.mark.parametrize(("stream", "item"), CASES)
def test_an_optional_field_more_arrives_in_the_history_and_its_live_view_by_the_schema_alone(
    stream: Stream, item: bool
) -> None:
    before, after = tables(stream), tables(grown(stream, item=item))
    assert before.keys() == after.keys()
    column = {"name": "joined_later", "type": "STRING", "description": "A field more."}
    for name, table in after.items():
        columns = list(table["columns"])
        if item and name not in (stream.history, f"live_{stream.history}"):
            [items] = [one for one in columns if one.get("fields")]
            assert items["fields"].pop() == column, f"{name}: last, as the raw table has it"
        else:
            assert column in columns, f"{name}: nullable, for rows that are there do not have it"
            columns.remove(column)
            assert "joined_later" in table["query"], name
        assert columns == list(before[name]["columns"]), name


def test_every_field_of_the_contract_is_kept_but_the_stack_s_currency() -> None:
    for stream in LOADED.values():
        kept = {column["name"] for column in tables(stream)[stream.history or ""]["columns"]}
        items = [] if stream.items is None else [field["name"] for field in stream.items["type"]["items"]["fields"]]
        fields = {field["name"] for field in stream.avro["fields"] if field is not stream.items} | {*items}
        assert fields - kept == ({"currency"} if stream.key == "sales" else set())


def test_no_file_of_the_templates_knows_a_stream() -> None:
    """A stream more takes none of them."""
    for path in FOLDER.glob("*/*"):
        text = path.read_text(encoding="utf-8")
        names = [name for stream in STREAMS.values() for name in (stream.table, stream.history, stream.record) if name]
        assert [name for name in names if name in text] == [], path


def test_a_stream_that_nobody_loads_has_no_tables_there() -> None:
    assert {key for key, stream in STREAMS.items() if stream.history} == LOADED.keys()
