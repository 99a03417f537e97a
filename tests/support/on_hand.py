"""On hand by the contract's words, computed from sent events alone: independent of every line of the platform."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any


def on_hand(events: Iterable[tuple[str, dict[str, Any]]]) -> dict[tuple[str, str], int]:
    """Per (location, SKU) that ever had an event: the latest count plus all later movements; without a count, the sum.

    One event id counts once. A movement at a count's instant is within the count; of counts at one instant the
    greatest event id wins.
    """
    movements: dict[tuple[str, str], list[tuple[datetime, int]]] = defaultdict(list)
    counts: dict[tuple[str, str], list[tuple[datetime, str, int]]] = defaultdict(list)
    seen: set[str] = set()
    for stream, event in events:
        if event["event_id"] in seen:
            continue
        seen.add(event["event_id"])
        when = datetime.fromisoformat(event["event_time"].replace("Z", "+00:00"))
        if stream == "sales":
            for line in event["lines"]:
                movements[event["location_id"], line["sku"]].append((when, -line["quantity"]))
        elif event["kind"] == "count":
            counts[event["location_id"], event["sku"]].append((when, event["event_id"], event["quantity"]))
        else:
            movements[event["location_id"], event["sku"]].append((when, event["quantity"]))
    result = {}
    for key in movements.keys() | counts.keys():
        base, since = 0, None
        if counts[key]:
            since, _, base = max(counts[key])
        result[key] = base + sum(q for when, q in movements[key] if since is None or when > since)
    return result
