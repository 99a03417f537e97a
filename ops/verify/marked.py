"""The marked trade of one `fastyle verify`: an event a stream, which takes back what it does.

The sale sells one unit at price 0 and takes it back on its second line; the change is a count of 0. So nothing has to
be undone afterwards: a `verify` that is killed, runs twice at once, or is replayed from the lake leaves the reserved
shelf at 0 all the same (docs/decisions/0013-verification-trade.md). Of another stream it is the smallest event that its
schema lets pass: no shelf moves by it, and its location is the reserved one.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from workloads.events import STREAMS, Stream, validate
from workloads.events.verification import LOCATION_ID, SKU

Json = dict[str, Any]


def marked_trade(currency: str, now: datetime) -> dict[str, Json]:
    """New events of this moment by stream, each known everywhere by its `event_id`; no two calls make the same.

    A stream is left out whose rules ask for more than its schema says.
    """
    made = {key: marked_event(stream, currency, now) for key, stream in STREAMS.items()}
    judged = {key: validate(STREAMS[key], event, currency=currency, now=now) for key, event in made.items()}
    return {key: event for key, event in made.items() if isinstance(judged[key], dict)}


def marked_event(stream: Stream, currency: str, now: datetime) -> Json:
    """A new event of one stream."""
    own = {"sales": _sale, "inventory": _count}.get(stream.key)
    event = _smallest(stream.avro, currency) | {
        "event_id": str(uuid.uuid4()),
        "event_time": now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z",
        "location_id": LOCATION_ID,
    }
    return event | (own(event["event_id"]) if own else {})


def _sale(event_id: str) -> Json:
    line = {"sku": SKU, "unit_price": "0", "discount": "0"}
    return {
        "transaction_id": f"{LOCATION_ID}-{event_id}",
        "lines": [line | {"line_number": 1, "quantity": 1}, line | {"line_number": 2, "quantity": -1}],
    }


def _count(event_id: str) -> Json:
    return {"sku": SKU, "kind": "count", "quantity": 0, "reference": f"{LOCATION_ID}-{event_id}"}


def _smallest(record: Json, currency: str) -> Json:
    """A value for each field of a record that has no default."""
    return {field["name"]: _value(field, currency) for field in record["fields"] if "default" not in field}


def _value(field: Json, currency: str) -> Any:
    contract = field["contract"]
    if "max_items" in contract:
        items = field["type"]["items"]
        return [_smallest(items, currency) for _ in range(max(1, contract["min_items"]))]
    match contract["format"]:
        case "uuid":
            return str(uuid.uuid4())
        case "time":
            return "2026-01-01T00:00:00Z"
        case "amount":
            return "0"
        case "currency":
            return currency
        case "symbol":
            return contract["symbols"][0]
        case "integer":
            return max(contract["minimum"], min(contract["maximum"], 0))
        case _:
            return SKU
