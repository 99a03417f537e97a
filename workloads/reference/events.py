"""The page docs/events.md, made of the schemas; `make documents` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workloads.events.schema import STREAMS, bigquery_fields
from workloads.events.stream import HISTORY, INVENTORY, Json, Stream

PAGE = Path(__file__).resolve().parents[2] / "docs" / "events.md"

_INTRODUCTION = """\
# Events

<!-- Written by `make documents` from workloads/events/streams; do not edit. -->

The POS API takes these events as plain JSON; an optional field may be omitted, other fields are refused.
The topics carry them in Avro's JSON encoding, in which an optional field that is not null names its type:
`{"string": "C1"}`. Each message is one event, with the attributes `event_id` and `stream` and the ordering
key `location_id`.

| format | means |
|---|---|
| uuid | a UUID in lower case |
| id | 1 to 128 printable characters; control characters and pictographs such as emoji are refused |
| time | RFC 3339 in UTC, ending in `Z`, at most 6 fraction digits; from 2010-01-01 to 10 minutes after now |
| amount | a decimal string of 0 or more, at most 12 digits before and 4 after the point |
| currency | an ISO 4217 code, the stack's own |

`fastyle-verify` is reserved, as a location and as a SKU, for the trade of `fastyle verify`, which no figure counts: that
location takes that SKU only, at price 0 and without a customer, and no other location takes it.

Every event reaches the raw table and the lake of its stream. Live inventory takes some streams by push, and the pipeline
loads some into the history behind the marts; each stream below says which.

**One `event_id` counts once, over all streams that inventory and history take.** Of two bodies under one id, and of a sale
and an inventory change under one id, the first that live inventory records counts, in every store; the other is a conflict,
which data quality lists. Where live inventory has neither yet, the one published first counts.

What a topic's schema takes and this contract does not counts in no store: live inventory makes a dead letter of it with the
reason, the warehouse keeps it in `staging.quarantine` with the same reason.
"""


_TAKEN = {
    (): "Taken by raw table and lake alone.",
    (INVENTORY,): "Taken by live inventory.",
    (HISTORY,): "Taken by the history.",
    (INVENTORY, HISTORY): "Taken by live inventory and the history.",
}


def render() -> str:
    """Return the page."""
    return "\n".join([_INTRODUCTION, *(line for stream in STREAMS.values() for line in _stream(stream))])


def _stream(stream: Stream) -> Iterator[str]:
    yield f"## {stream.record}\n"
    yield f"{stream.description}\n"
    yield (
        f"`POST {stream.path}`. Topic `{stream.topic}`, raw table `{stream.table}`, stream key `{stream.key}`. "
        f"{_TAKEN[stream.consumers]}\n"
    )
    yield "| field | format | BigQuery | meaning |"
    yield "|---|---|---|---|"
    yield from _rows(stream.avro["fields"], bigquery_fields(stream), "")
    yield ""


def _rows(fields: list[Json], columns: list[Json], prefix: str) -> Iterator[str]:
    by_name = {column["name"]: column for column in columns}
    for field in fields:
        meaning = field["doc"].replace("|", "\\|")  # a bar would end the table's cell
        column = by_name[field["name"]]
        yield (
            f"| `{prefix}{field['name']}` | {_format(field)} | {column['type']} {column['mode'].lower()} | {meaning} |"
        )
        if "fields" in column:
            yield from _rows(field["type"]["items"]["fields"], column["fields"], f"{prefix}{field['name']}[].")


def _format(field: Json) -> str:
    contract = field["contract"]
    if "max_items" in contract:
        return f"array of {contract['min_items']:,} to {contract['max_items']:,}"
    form = contract["format"]
    if form == "symbol":
        form = ", ".join(f"`{symbol}`" for symbol in contract["symbols"])
    elif form == "integer":
        form = f"integer from {contract['minimum']:,} to {contract['maximum']:,}"
    return f"{form}{', optional' if 'default' in field else ''}"
