"""The trade of `fastyle verify`: which events are its own, and what every store does with them.

A verification event goes the way of every event (POS API, topic, raw table, lake, push, database), and no figure that
people read counts it. It is known by the location alone, so that Python and SQL ask one question:

| place | what happens with it |
|---|---|
| `validate` | the reserved location takes the reserved SKU at price 0 only, and no other location takes that SKU |
| live inventory | recorded by the same statements in tables of their own, PostgreSQL's schema `verification` |
| pipeline | its rows are no candidates (`${verification_location}`): history, checks and marts never see them |
| live views | the same |

Since its price is 0 and it names no customer, nothing of value can be hidden behind the reserved location.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LOCATION_ID = "fastyle-verify"
SKU = "fastyle-verify"
SCHEMA = "verification"
"""The schema in PostgreSQL with the tables of live inventory for verification events (migration 0004)."""
RESERVED = f"is reserved for `fastyle verify` at location {LOCATION_ID}; choose another id"

Json = dict[str, Any]
Report = Callable[[str, str], None]


def is_verification(event: Json) -> bool:
    """Whether a valid event of either stream is a verification event."""
    return bool(event["location_id"] == LOCATION_ID)


def check_reserved(body: Json, report: Report) -> None:
    """Report each field with which an event of either stream misuses the reserved ids."""
    is_reserved = body.get("location_id") == LOCATION_ID
    if is_reserved and body.get("customer_id") is not None:
        report("customer_id", f"must be absent at location {LOCATION_ID}, which is reserved for `fastyle verify`")
    lines = body.get("lines")
    if not isinstance(lines, list):
        _check_sku(body.get("sku"), "sku", is_reserved, report)
        return
    for index, line in enumerate(lines):
        if isinstance(line, dict):
            _check_sku(line.get("sku"), f"lines[{index}].sku", is_reserved, report)
            price = line.get("unit_price")
            if is_reserved and isinstance(price, str) and price.strip("0.") != "":
                report(f"lines[{index}].unit_price", f"must be 0 at location {LOCATION_ID}, which no report counts")


def _check_sku(sku: Any, field: str, is_reserved: bool, report: Report) -> None:
    if is_reserved and isinstance(sku, str) and sku != SKU:
        report(field, f"must be {SKU} at location {LOCATION_ID}, which is reserved for `fastyle verify`")
    elif not is_reserved and sku == SKU:
        report(field, RESERVED)
