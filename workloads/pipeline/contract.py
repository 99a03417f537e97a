"""The events' contract as GoogleSQL: what is wrong with a row of a raw table, in the words of `workloads.events`.

Whoever may publish on a topic may send what the topic's schema takes and the contract does not: an event of the year 1, a
receipt of -5 units, a control character in a SKU. Live inventory refuses it by `validate`; this is the same rule for the
warehouse, compiled from the same schema files, bounds and formats. A test holds the two to the same verdicts.

What BigQuery's own types have made equal is not told apart here: an amount `1e1` is 10 to a raw table, and a time with
another offset is the same instant. Live inventory refuses those two spellings, and reconciliation reports the difference.

Each expression is total: whatever a column of the raw table can hold, none fails or overflows, for BigQuery may evaluate
any part of it for any row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from workloads.events.formats import AMOUNT_DECIMALS, AMOUNT_DIGITS, MAX_ID_LENGTH, UUID_PATTERN
from workloads.events.googlesql import Fault, bad_amount, text
from workloads.events.schema import STREAMS
from workloads.events.schema_file import key_of_items
from workloads.events.stream import Json, Stream
from workloads.events.validation import CLOCK_SKEW, CLOCKS_DIFFER, EARLIEST, NOT_UNIQUE, RULES, WINDOW_ERRORS
from workloads.events.verification import LOCATION_ID, RESERVED, SKU

PUBLISHED = "first_published"
"""The attribute in which a replayed row keeps when its message was first published; publishers cannot set it, for it
counts only in rows of the lake's subscription."""

_PRINTABLE = r"r'^[ \p{L}\p{M}\p{N}\p{P}\p{S}]*$'"
_PICTOGRAPH = r"r'[\x{20e3}\x{2300}-\x{23ff}\x{2600}-\x{27bf}\x{2b00}-\x{2bff}\x{fe0f}\x{1f000}-\x{1faff}]'"


def replayed(row: str) -> str:
    """Whether a replay has written a row: it says the lake's subscription."""
    return f"ENDS_WITH({row}.subscription_name, '-to-lake')"


def published(row: str) -> str:
    """When a row's message was first published, which a replay's row keeps beside its new time."""
    kept = f"SAFE_CAST(JSON_VALUE({row}.attributes, '$.{PUBLISHED}') AS TIMESTAMP)"
    return f"COALESCE(IF({replayed(row)}, {kept}, NULL), {row}.publish_time)"


def instant(row: str) -> str:
    """A row's event_time, moved to where a date can be made of it: the first or last of the calendar have none in some
    time zones. Of a row within the contract it is the time itself."""
    return (
        f"LEAST(GREATEST({row}.event_time, TIMESTAMP '{EARLIEST:%Y-%m-%d %H:%M:%S}+00'), "
        "TIMESTAMP '9999-12-30 00:00:00+00')"
    )


def broken(stream: str, row: str, currency: str) -> str:
    """An expression over a row of the stream's raw table: the faults as `field: error; …`, NULL when there are none."""
    listed = list[str]()
    for array, faults in groupby(_faults(STREAMS[stream], row, currency), key=lambda fault: fault.array):
        if array:
            # Of an empty array an aggregate is null: nothing is wrong with an item.
            said = _listed(f"IF({fault.condition}, {_words(fault)}, NULL)" for fault in faults)
            listed.append(f"(SELECT {said} FROM UNNEST({row}.{array}) AS l)")
        else:
            listed += (f"IF(COALESCE({fault.condition}, TRUE), {_words(fault)}, NULL)" for fault in faults)
    return _listed(listed)


def _listed(texts: Iterable[str]) -> str:
    """An expression: those of the texts that are not null, NULL when there are none."""
    items = ",\n    ".join(texts)
    return f"NULLIF(ARRAY_TO_STRING([\n    {items}\n  ], '; '), '')"


def _words(fault: Fault) -> str:
    return text(f"{fault.field}: {fault.error}")


def rule(stream: str, currency: str) -> str:
    """What identifies the rule: rows that another one refused are judged again."""
    return hashlib.sha256(broken(stream, "r", currency).encode()).hexdigest()[:16]


def breaks(stream: str, row: str) -> str:
    """The condition that a row of the stream's history breaks its `rules.py`, or names a symbol that the schema does not
    have; the rules of items are not asked."""
    rules = [fault.condition for fault in RULES[stream].faults(row) if not fault.array]
    symbols = [
        f"{row}.{field['name']} NOT IN ({', '.join(map(text, field['contract']['symbols']))})"
        for field in STREAMS[stream].avro["fields"]
        if field["contract"].get("format") == "symbol"
    ]
    return " OR ".join(f"({condition})" for condition in (*symbols, *rules))


def _faults(stream: Stream, row: str, currency: str) -> Iterator[Fault]:
    for field in stream.avro["fields"]:
        yield from _field(field, row, "", currency)
    time, at = f"{row}.event_time", published(row)
    yield Fault("event_time", f"{time} < TIMESTAMP '{EARLIEST:%Y-%m-%d %H:%M:%S}+00'", WINDOW_ERRORS[0])
    minutes = int((CLOCK_SKEW + CLOCKS_DIFFER).total_seconds() // 60)
    yield Fault("event_time", f"{time} > TIMESTAMP_ADD({at}, INTERVAL {minutes} MINUTE)", WINDOW_ERRORS[1])
    yield from RULES[stream.key].faults(row)
    # Rows of the reserved location are never asked about: they are no trade.
    reserved = f"{row}.location_id != {text(LOCATION_ID)}"
    fields = {field["name"]: field for field in stream.avro["fields"]}
    lines = fields.get("lines", {}).get("type")
    if isinstance(lines, dict) and any(inner["name"] == "sku" for inner in lines["items"]["fields"]):
        yield Fault("lines[].sku", f"LOGICAL_OR({reserved} AND l.sku = {text(SKU)})", RESERVED, "lines")
    elif "sku" in fields:
        yield Fault("sku", f"{reserved} AND {row}.sku = {text(SKU)}", RESERVED)


def _field(field: Json, row: str, path: str, currency: str) -> Iterator[Fault]:
    kind, contract, name = field["type"], field.get("contract", {}), f"{path}{field['name']}"
    column = f"{row}.{field['name']}"
    if isinstance(kind, dict) and kind["type"] == "array":
        least, most = contract["min_items"], contract["max_items"]
        yield Fault(
            name,
            f"COALESCE(ARRAY_LENGTH({column}), 0) NOT BETWEEN {least} AND {most}",
            f"must have {least} to {most:,} items",
        )
        for inner in kind["items"]["fields"]:
            for fault in _field(inner, "l", f"{name}[].", currency):
                yield fault._replace(condition=f"LOGICAL_OR(COALESCE({fault.condition}, TRUE))", array=name)
        key = key_of_items(field)
        yield Fault(f"{name}[].{key}", f"COUNT(DISTINCT l.{key}) != COUNT(*)", NOT_UNIQUE, name)
        return
    condition, error = _FORMATS[contract["format"]](column, contract, currency)
    if condition:
        yield Fault(name, f"{column} IS NOT NULL AND ({condition})" if isinstance(kind, list) else condition, error)


def _uuid(column: str, _: Json, __: str) -> tuple[str, str]:
    return f"NOT REGEXP_CONTAINS({column}, r'^{UUID_PATTERN}$')", "must be a UUID in lower case"


def _id(column: str, _: Json, __: str) -> tuple[str, str]:
    return (
        f"CHAR_LENGTH({column}) NOT BETWEEN 1 AND {MAX_ID_LENGTH} "
        f"OR NOT REGEXP_CONTAINS({column}, {_PRINTABLE}) OR REGEXP_CONTAINS({column}, {_PICTOGRAPH})",
        f"must have 1 to {MAX_ID_LENGTH} printable characters",
    )


def _time(column: str, _: Json, __: str) -> tuple[str, str]:
    return f"{column} IS NULL", "is missing"


def _amount(column: str, _: Json, __: str) -> tuple[str, str]:
    return (
        bad_amount(column),
        f"must be 0 or more, with at most {AMOUNT_DIGITS} digits before and {AMOUNT_DECIMALS} after the point",
    )


def _integer(column: str, contract: Json, _: str) -> tuple[str, str]:
    least, most = contract["minimum"], contract["maximum"]
    return f"{column} NOT BETWEEN {least} AND {most}", f"must be from {least:,} to {most:,}"


def _symbol(column: str, contract: Json, _: str) -> tuple[str, str]:
    symbols = contract["symbols"]
    return f"{column} NOT IN ({', '.join(map(text, symbols))})", f"must be one of {', '.join(symbols)}"


def _currency(column: str, _: Json, currency: str) -> tuple[str, str]:
    return f"{column} != {text(currency)}", f"must be {currency}, the currency of this stack"


_FORMATS: dict[str, Callable[[str, Json, str], tuple[str, str]]] = {
    "uuid": _uuid,
    "id": _id,
    "time": _time,
    "amount": _amount,
    "integer": _integer,
    "symbol": _symbol,
    "currency": _currency,
}
