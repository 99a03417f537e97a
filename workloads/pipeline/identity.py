"""What tells a repetition of an event from another event under its id, in BigQuery: derived from the stream's schema.

Live inventory does the same with an event's canonical JSON (`inventory_sync.delivery.Event.body_sha256`): every field of
the schema counts but `event_id`, and a field that is absent counts as one that was never there, so that an event sent again
after the schema grew is the same event. Here amounts, times and lines count by their value; there as they were written:
`1.50` in place of `1.5`, or lines in another order, is listed as a conflict by live inventory alone, and changes no figure.

The hashes of what was loaded are kept (`staging.event_log`): for a field that is there already, the form here is for good.
"""

from __future__ import annotations

from workloads.events.formats import AMOUNT_DECIMALS
from workloads.events.googlesql import clamped
from workloads.events.schema import STREAMS
from workloads.events.stream import Json

_HASHED_AS_NULL = {("sales", "customer_id"), ("inventory", "reference")}
"""Optional fields of the first schemas: where they are absent, the hashes that are kept hold a null."""


def body_hash(stream: str, row: str = "r") -> str:
    """An expression over a row of the stream's raw table: the hash of all that an event says but its id."""
    first: list[Json] = []
    later: list[Json] = []
    for field in STREAMS[stream].avro["fields"]:
        if field["name"] == "event_id":
            continue
        optional = isinstance(field["type"], list) and (stream, field["name"]) not in _HASHED_AS_NULL
        (later if optional else first).append(field)
    body = f"TO_JSON_STRING(STRUCT(\n      {_struct(first, row)}\n    ))"
    if later:
        body = f"CONCAT({body}, {', '.join(_if_said(field, row) for field in later)})"
    return f"FARM_FINGERPRINT({body})"


def _struct(fields: list[Json], row: str) -> str:
    return ",\n      ".join(_named(field, row) for field in fields)


def _named(field: Json, row: str) -> str:
    name, column = field["name"], f"{row}.{field['name']}"
    if isinstance(field["type"], dict):
        return f"{_lines(field, column)} AS {name}"
    value = _value(field, column)
    return column if value == column else f"{value} AS {name}"


def _lines(field: Json, column: str) -> str:
    """A text a line, in the order of their first field: the number of the line."""
    inner = field["type"]["items"]["fields"]
    said = [part for part in inner if not isinstance(part["type"], list)]
    parts = ", '|', ".join(_text(part, f"l.{part['name']}") for part in said)
    later = "".join(f", {_if_said(part, 'l')}" for part in inner if isinstance(part["type"], list))
    return f"ARRAY(SELECT CONCAT({parts}{later}) FROM UNNEST({column}) AS l ORDER BY l.{inner[0]['name']})"


def _if_said(field: Json, row: str) -> str:
    name, column = field["name"], f"{row}.{field['name']}"
    return f"IF({column} IS NULL, '', CONCAT('|{name}=', {_text(field, column)}))"


def _value(field: Json, column: str) -> str:
    """The field in the one form of its value."""
    form = field["contract"]["format"]
    if form == "time":
        return f"FORMAT_TIMESTAMP('%F %H:%M:%E6S', {column})"
    if form == "amount":
        return f"CAST(CAST({clamped(column)} * {10**AMOUNT_DECIMALS} AS INT64) AS STRING)"
    return column


def _text(field: Json, column: str) -> str:
    value = _value(field, column)
    return f"CAST({value} AS STRING)" if field["contract"]["format"] == "integer" else value
