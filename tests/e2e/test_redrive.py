"""Dead letters say why, and come back once the cause is mended: counted, and counted once."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.checkout import Checkout
from tests.support.events import line

pytestmark = pytest.mark.slow

COUNT = 20


def redrive(stack: Checkout, *options: str) -> dict[str, Any]:
    output = stack.fastyle("redrive", "sales-transactions-dead-letter", "--json", *options).stdout
    return dict(json.loads(output[output.index("{\n") :]))


def died(report: dict[str, Any], words: str) -> int:
    return sum(entry["letters"] for entry in report["reasons"] if words in entry["error"])


def test_what_a_broken_migration_killed_counts_once_after_the_mend(
    grown: Checkout, eventually: Callable[..., None]
) -> None:
    """A constraint that refuses good sales: every such sale dies with its name; dropped, they are redriven."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    location = f"RD-{uuid.uuid4().hex[:8]}"
    events = [
        line(sku="RD-1", quantity=1, discount="0")
        | {
            "event_id": str(uuid.uuid4()),
            "transaction_id": f"{location}-{n}",
            "event_time": now,
            "location_id": location,
            "currency": grown.endpoints["currency"],
        }
        for n in range(COUNT)
    ]

    def held() -> int:
        with grown.http("pubsub_control") as client:
            stats = client.get("/stats").json()
        return int(stats["sales-transactions-dead-letter-hold"]["backlog"])

    def on_hand() -> int | None:
        return grown.inventory(location).get((location, "RD-1"))

    with grown.database() as db:
        before = held()
        db.execute("ALTER TABLE movement ADD CONSTRAINT no_such_shop CHECK (location_id NOT LIKE 'RD-%') NOT VALID")
        try:
            with grown.http("pos_api") as client:
                assert client.post("/v1/transactions", json=events).json()["accepted"] == COUNT
            eventually(lambda: held() == before + COUNT, "the sales are dead letters", 60)
            listed = redrive(grown, "--dry-run")
            assert died(listed, 'violates check constraint "no_such_shop"') == COUNT
            assert listed["redriven"] == 0
            assert on_hand() is None
        finally:
            db.execute("ALTER TABLE movement DROP CONSTRAINT no_such_shop")

    assert died(redrive(grown), "no_such_shop") == COUNT
    eventually(lambda: on_hand() == -COUNT, "every sale is on the shelf's account", 60)
    assert died(redrive(grown, "--dry-run"), "no_such_shop") == 0

    # The export had written them when they first came, and writes them again: the same event_id counts once.
    report = json.loads(grown.fastyle("pipeline", "run").stdout)
    assert report["state"] == "succeeded", report["error"]
    (row,) = grown.warehouse().query_and_wait(
        f"""
        SELECT (SELECT COUNT(*) FROM raw.sales_transactions WHERE location_id = '{location}') AS deliveries,
          (SELECT SUM(units) FROM marts.gmv_daily
           WHERE business_date >= '2010-01-01' AND location_id = '{location}') AS units
        """
    )
    assert (row["deliveries"], row["units"]) == (2 * COUNT, COUNT)
