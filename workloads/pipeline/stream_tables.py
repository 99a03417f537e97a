"""What each stream that is loaded into a history has in dataset `staging`: the tables of `sql/bigquery/streams`, for it.

A folder there is one table of every such stream: its files hold `%(name)s` where the streams differ. The columns are the
fields of the stream's schema, so that a new field arrives in the history, and in what live views add to it, by itself.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from workloads.events import Stream, bigquery_fields, consumed_by
from workloads.events.schema_file import key_of_items
from workloads.events.stream import HISTORY
from workloads.marts.columns import SQL, included

FOLDER = SQL / "streams"
LOADED = consumed_by(HISTORY)
"""The streams that are loaded into a history, by their keys; the others end in their raw tables and the lake."""

_KINDS = {"INTEGER": "INT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
_LIST = re.compile(r"^( +)%\((\w*fields:\w+)\)s", re.MULTILINE)  # indented as it stands
_ITEM = "l"  # the alias of an item in a query
_NEEDS = re.compile(r"^-- needs: (\w+)\n", re.MULTILINE)
Column = dict[str, Any]


def declared(stream: Stream, folder: Path = FOLDER) -> Iterator[dict[str, Any]]:
    """The arguments of each `Table` that the stream has in dataset `staging`."""
    for path in sorted(folder.glob("*/table.yaml")):
        words = yaml.safe_load(filled(path.read_text(encoding="utf-8"), stream))
        query = filled((path.parent / "query.sql").read_text(encoding="utf-8"), stream)
        yield {
            "dataset": "staging",
            "name": words["name"],
            "kind": words["kind"],
            "description": " ".join(str(words["description"]).split()),
            "columns": tuple(_columns(stream, words["columns"], modes=words["kind"] != "view")),
            "partition_by": words.get("partition_by"),
            "cluster_by": tuple(words.get("cluster_by") or ()),
            "require_partition_filter": bool(words.get("require_partition_filter")),
            "query": query.strip(),
            "checks": _checks(stream) if words["name"] == stream.history else None,
        }


def of_each(text: str) -> str:
    """A query that has rows of every stream of a history: `text` once for each of them."""
    return textwrap.indent(
        "\nUNION ALL\n".join(filled(text, stream).strip() for stream in LOADED.values()), "  "
    ).strip()


def filled(text: str, stream: Stream) -> str:
    """A text of `sql/bigquery/streams`, or an `each.sql`, for one stream.

    `%(stream)s` is its key, `%(order)s` its place among the streams, `%(record)s` the name of its events, `%(table)s` its
    raw table, `%(history)s` the table of its history; `%(key)s` are the columns that tell rows of the history apart, in
    words `%(grain)s`. Of a row `r`, `%(raw_fields:r)s` are the event's fields as they arrive, `%(fields:r)s` those that are
    kept, `%(item_fields:r)s` those of one item, with the row's own, after `%(items:r)s` has joined the items, and
    `%(kept_fields:r)s` the same of a row of the history.
    """
    words = _Words(stream)
    listed = _LIST.sub(lambda match: textwrap.indent(words[match[2]], match[1]), text)
    return listed % words


class _Words(dict[str, str]):
    def __init__(self, stream: Stream) -> None:
        key = ["event_id", *([] if stream.items is None else [key_of_items(stream.items)])]
        assert stream.history is not None, stream.key
        super().__init__(
            stream=stream.key,
            order=str(stream.order),
            record=stream.record,
            table=stream.table,
            history=stream.history,
            cluster_by=", ".join(stream.cluster_by),
            key=", ".join(key),
            grain=" and ".join(key),
        )
        self._stream = stream

    def __missing__(self, key: str) -> str:
        what, _, row = key.partition(":")
        stream = self._stream
        if what == "items":
            return "" if stream.items is None else f"\nCROSS JOIN UNNEST({row}.{stream.items['name']}) AS {_ITEM}"
        if what == "item_fields":
            items = {column["name"] for column in _item_fields(stream)}
            return _listed((_ITEM if column["name"] in items else row, column) for column in _history_fields(stream))
        listed = {"raw_fields": _raw_fields, "fields": _fields, "kept_fields": _history_fields}[what](stream)
        return _listed((row, column) for column in listed)


def _listed(columns: Any) -> str:
    return ",\n".join(f"{row}.{column['name']}" for row, column in columns)


def _raw_fields(stream: Stream) -> list[Column]:
    """The columns of the event's own fields in the raw table."""
    names = {field["name"] for field in stream.avro["fields"]}
    return [_column(column) for column in bigquery_fields(stream) if column["name"] in names]


def _fields(stream: Stream) -> list[Column]:
    """Those that are kept: a currency is the stack's in every event, the contract has asked for that."""
    same = {field["name"] for field in stream.avro["fields"] if field["contract"].get("format") == "currency"}
    return [column for column in _raw_fields(stream) if column["name"] not in same]


def _item_fields(stream: Stream) -> list[Column]:
    return [] if stream.items is None else next(c["fields"] for c in _raw_fields(stream) if "fields" in c)


def _history_fields(stream: Stream) -> list[Column]:
    return [column for column in _fields(stream) if "fields" not in column] + _item_fields(stream)


def _column(column: Column) -> Column:
    """A column of a raw table in the form of a `table.yaml`."""
    mode = column["mode"].lower()
    made = {"name": column["name"], "type": _KINDS.get(column["type"], column["type"])}
    made |= {} if mode == "nullable" else {"mode": mode}
    made["description"] = column["description"]
    return made | ({"fields": [_column(inner) for inner in column["fields"]]} if "fields" in column else {})


def _columns(stream: Stream, columns: list[Column], *, modes: bool) -> Iterator[Column]:
    """The declared columns, with those of the fields in their place; a view has no modes but `repeated`."""
    for entry in columns:
        if "fields" in entry and "name" not in entry:
            made = {"event": _fields, "item": _history_fields}[entry["fields"]](stream)
        else:
            made = included([entry])
        for column in made:
            yield _of_struct(column if modes else _without_mode(column))


def _without_mode(column: Column) -> Column:
    return column if column.get("mode") == "repeated" else {k: v for k, v in column.items() if k != "mode"}


def _of_struct(column: Column) -> Column:
    """Without modes within: a field that is added to items that are there already can only be nullable."""
    return {**column, "fields": [_without_mode(inner) for inner in column["fields"]]} if "fields" in column else column


def _checks(stream: Stream) -> str:
    """The checks of every history that has the columns they need, and the stream's own."""
    names = {column["name"] for column in _history_fields(stream)}
    shared = filled((FOLDER / "history" / "checks.sql").read_text(encoding="utf-8"), stream).strip()
    kept = [check for check in shared.split("\n\n") if {match[1] for match in _NEEDS.finditer(check)} <= names]
    return "\n\n".join(text for text in (*(_NEEDS.sub("", check) for check in kept), stream.history_checks) if text)
