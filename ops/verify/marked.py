"""The marked trade of one `fastyle verify`: two events, each of which takes back what it does.

The sale sells one unit at price 0 and takes it back on its second line; the change is a count of 0. So nothing has to
be undone afterwards: a `verify` that is killed, runs twice at once, or is replayed from the lake leaves the reserved
shelf at 0 all the same (docs/decisions/0013-verification-trade.md).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workloads.events.verification import LOCATION_ID, SKU

Json = dict[str, Any]


@dataclass(frozen=True)
class Marked:
    """The two events, by stream; each is known everywhere by its `event_id`."""

    sales: Json
    inventory: Json

    def by_stream(self) -> dict[str, Json]:
        return {"sales": self.sales, "inventory": self.inventory}


def marked_trade(currency: str, now: datetime) -> Marked:
    """New events of this moment; no two calls make the same."""
    event_time = now.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    sale_id, change_id = str(uuid.uuid4()), str(uuid.uuid4())
    line = {"sku": SKU, "unit_price": "0", "discount": "0"}
    return Marked(
        sales={
            "event_id": sale_id,
            "transaction_id": f"{LOCATION_ID}-{sale_id}",
            "event_time": event_time,
            "location_id": LOCATION_ID,
            "channel": "store",
            "currency": currency,
            "lines": [line | {"line_number": 1, "quantity": 1}, line | {"line_number": 2, "quantity": -1}],
        },
        inventory={
            "event_id": change_id,
            "event_time": event_time,
            "location_id": LOCATION_ID,
            "sku": SKU,
            "kind": "count",
            "quantity": 0,
            "reference": f"{LOCATION_ID}-{change_id}",
        },
    )
