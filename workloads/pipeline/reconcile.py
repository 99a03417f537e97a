"""What the stores hold, against each other: raw = lake = live inventory, and units on hand in both.

Deliveries to them are under way side by side, so each is asked about what was published a while ago only. What is read
follows what changed: business dates and messages since the last check that passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from workloads.events import STREAMS
from workloads.pipeline.run import Run
from workloads.pipeline.tables import date_array
from workloads.pipeline.warehouse import literal

SETTLED = timedelta(minutes=15)
"""By then a message is everywhere: the lake's files close after 10 minutes at most, and so does a push's back-off."""
_LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class Reconciliation:
    """One comparison: `differing` names the cases that do not agree."""

    check_name: str
    table_name: str
    description: str
    differing: Callable[[Run, datetime], list[str]]


def _units_differ(run: Run, settled: datetime) -> list[str]:
    """Shelves whose units differ, but for those that something published since has moved."""
    live = {
        (row["location_id"], row["sku"]): row["quantity"]
        for row in run.database.execute("SELECT location_id, sku, quantity FROM on_hand")
    }
    stock = run.warehouse.query("SELECT location_id, sku, on_hand FROM ${staging}.stock")
    computed = {(row["location_id"], row["sku"]): row["on_hand"] for row in stock}
    differing = {shelf for shelf in live.keys() | computed.keys() if live.get(shelf) != computed.get(shelf)}
    if not differing:
        return []
    moving = run.database.execute(
        "SELECT DISTINCT m.location_id, m.sku FROM stream_event AS e JOIN movement AS m USING (event_id) "
        "WHERE e.stream IN ('sales', 'inventory') AND e.publish_time >= %s",
        [settled],
    )
    differing -= {(row["location_id"], row["sku"]) for row in moving}
    return [f"{location}/{sku}" for location, sku in differing]


_EVENTS = """
SELECT h.stream, h.business_date, COUNT(DISTINCT h.event_id) AS events
FROM (
  SELECT 'sales' AS stream, business_date, event_id FROM ${staging}.sales_lines
  WHERE business_date IN UNNEST(%(sales)s)
  UNION ALL
  SELECT 'inventory' AS stream, business_date, event_id FROM ${staging}.inventory_changes
  WHERE business_date IN UNNEST(%(inventory)s)
) AS h
WHERE NOT EXISTS (
  SELECT 1 FROM ${staging}.event_log AS recent
  WHERE recent.publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL 2 DAY)
    AND recent.publish_time >= %(settled)s
    AND recent.outcome = 'loaded' AND recent.stream = h.stream AND recent.event_id = h.event_id
)
GROUP BY h.stream, h.business_date
"""
_RECORDED = """
SELECT d.business_date, count(e.event_id) AS events
FROM unnest(%(dates)s::date[]) AS d (business_date) LEFT JOIN stream_event AS e
  ON e.stream = %(stream)s AND e.publish_time < %(settled)s
  AND e.event_time >= d.business_date::timestamp AT TIME ZONE %(zone)s
  AND e.event_time < (d.business_date + 1)::timestamp AT TIME ZONE %(zone)s
GROUP BY d.business_date
"""


def _events_differ(run: Run, settled: datetime) -> list[str]:
    """Business dates of this run whose number of events differs."""
    moved = run.warehouse.query("SELECT DISTINCT business_date FROM ${staging}.new_inventory ORDER BY 1")
    dates = {"sales": run.dates, "inventory": [row["business_date"] for row in moved]}
    arrays = {stream: date_array(days) for stream, days in dates.items()}
    counted = run.warehouse.query(_EVENTS % {**arrays, "settled": literal(settled)})
    loaded = {(row["stream"], row["business_date"]): row["events"] for row in counted}
    differing = []
    for stream, days in dates.items():
        asked = {"dates": days, "stream": stream, "settled": settled, "zone": run.settings.timezone}
        for row in run.database.execute(_RECORDED, asked):
            here, there = loaded.get((stream, row["business_date"]), 0), row["events"]
            if here != there:
                differing.append(f"{stream} of {row['business_date']}: {here} in the warehouse, {there} in inventory")
    return differing


def _messages_differ(run: Run, settled: datetime) -> list[str]:
    """Messages, since the last check that passed, which only one of lake and raw table has."""
    passed = run.database.execute(
        "SELECT max(checked_at) AS at FROM quality_result WHERE check_name = %s AND status = 'pass'", [LAKE]
    ).fetchone()
    start = max(settled - _LONGEST, passed["at"] - SETTLED if passed and passed["at"] else settled - _LONGEST)
    try:
        from workloads.pipeline.lake import BadFile, Lake, messages
    except ImportError as error:  # an Airflow without it
        return [f"the lake cannot be read: {error}; add the package to fastyle:composer.packages"]
    differing = []
    for key, stream in STREAMS.items():
        kept: dict[str, str] = {}
        try:
            lake = Lake(run.settings.google_cloud_project, run.settings.lake_bucket)
            ours = (file for file, is_ours in lake.files(stream, start, settled) if is_ours)
            for _, content in lake.opened(ours):
                kept |= {m.message_id: m.subscription for m in messages(content) if start <= m.publish_time < settled}
        except (GoogleAPIError, GoogleAuthError, BadFile) as error:
            differing.append(f"{key}: the lake cannot be read: {' '.join(str(error).split())[:200]}")
            continue
        raw = run.warehouse.query(
            f"SELECT message_id, subscription_name, publish_time FROM ${{raw}}.{stream.table} "
            f"WHERE publish_time >= {literal(start)}"
        )
        lost = kept.keys() - {row["message_id"] for row in raw}
        # What a replay wrote says the lake's subscription, and its message may be of any time.
        replays = set(kept.values())
        direct = {
            row["message_id"]
            for row in raw
            if row["publish_time"] < settled and row["subscription_name"] not in replays
        }
        differing += [f"{key} message {message} is not in the raw table" for message in lost]
        differing += [f"{key} message {message} is not in the lake" for message in direct - kept.keys()]
    return differing


LAKE = "raw.agrees_with_lake"
RECONCILIATIONS = (
    Reconciliation(
        "stock.agrees_with_live_inventory",
        "staging.stock",
        "Units on hand in Cloud SQL are those that BigQuery computes from the same events.",
        _units_differ,
    ),
    Reconciliation(
        "history.agrees_with_live_inventory",
        "staging.event_log",
        "Each business date that this run touched has as many events in BigQuery as in Cloud SQL.",
        _events_differ,
    ),
    Reconciliation(
        LAKE,
        "raw.sales_transactions",
        "Raw tables and lake hold the same messages of the time since this check last passed.",
        _messages_differ,
    ),
)


def reconcile(run: Run, checked_at: datetime) -> Iterator[dict[str, Any]]:
    """Compare the stores; a result each, of severity `warn`: the marts are right for what has arrived."""
    settled = checked_at.astimezone(UTC) - SETTLED
    for one in RECONCILIATIONS:
        if one.check_name == LAKE and not run.settings.lake_bucket:
            continue
        differing = sorted(one.differing(run, settled))
        yield {
            "check_name": one.check_name,
            "table_name": one.table_name,
            "severity": "warn",
            "failures": len(differing),
            "sample": ", ".join(differing[:5]),
            "description": one.description,
        }
