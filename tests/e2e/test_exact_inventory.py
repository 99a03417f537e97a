"""On hand in the API equals an independent computation from the sent events, whatever the network did to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.journey import events as journey_events
from ops.trade import disturbed
from tests.support.checkout import Checkout
from tests.support.on_hand import on_hand
from tests.support.trade import dense_catalogue
from workloads.pos_api.simulator import simulate

Events = list[tuple[str, dict[str, Any]]]


def send(stack: Checkout, events: Events, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for _, event in events), encoding="utf-8")
    stack.fastyle("trade", "file", str(path), "--batch", "500")


def unsettled(stack: Checkout, expected: dict[tuple[str, str], int]) -> dict[tuple[str, str], tuple[int, int | None]]:
    inventory = stack.inventory()
    return {key: (want, inventory.get(key)) for key, want in expected.items() if inventory.get(key) != want}


def assert_settles(stack: Checkout, expected: dict[tuple[str, str], int], eventually: Callable[..., None]) -> None:
    try:
        eventually(lambda: not unsettled(stack, expected), "on hand equals the computation", seconds=240)
    except AssertionError:
        wrong = unsettled(stack, expected)
        raise AssertionError(
            f"{len(wrong)} of {len(expected)} differ, (wanted, found): {list(wrong.items())[:5]}"
        ) from None


@pytest.mark.slow
def test_a_week_of_real_sales_each_sent_twice_shuffled(
    grown: Checkout, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    events = list(
        journey_events(
            datetime(2017, 3, 1, tzinfo=UTC), datetime(2017, 3, 8, tzinfo=UTC), currency=grown.endpoints["currency"]
        )
    )
    assert len(events) > 3_000
    assert sum(len(event["lines"]) for stream, event in events if stream == "sales") > 30_000
    send(grown, disturbed(events, times=2, shuffle=True, seed=7), tmp_path)
    assert_settles(grown, on_hand(events), eventually)


@pytest.mark.slow
def test_ten_simulated_days_with_counts_transfers_and_late_events_shuffled(
    grown: Checkout, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    start, end = datetime(2025, 1, 5, tzinfo=UTC), datetime(2025, 1, 15, tzinfo=UTC)
    company: dict[str, Any] = {name: grown.endpoints[name] for name in ("timezone", "currency")}
    traded = simulate(dense_catalogue(), start, end, seed=11, scale=0.05, **company)
    events = [(s, at_other_locations(e)) for s, e in traded]
    kinds = {e["kind"] for s, e in events if s == "inventory"}
    assert {"receipt", "transfer_in", "transfer_out", "count", "adjustment"} <= kinds
    send(grown, disturbed(events, times=2, shuffle=True, seed=13), tmp_path)
    assert_settles(grown, on_hand(events), eventually)


def at_other_locations(event: dict[str, Any]) -> dict[str, Any]:
    """The same event at a location of this test's own, so that nothing else moves its shelves."""
    return {**event, "location_id": f"T-{event['location_id']}"}
