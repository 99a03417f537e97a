"""What the stores hold, against each other: raw = lake = live inventory, and units on hand in both.

Deliveries to them are under way side by side, so each is asked about what was published a while ago only. What is read
follows what changed: business dates and messages since the last check that passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from requests import RequestException

from workloads.events import STREAMS, Stream, consumed_by
from workloads.events.stream import INVENTORY
from workloads.pipeline import contract, faults
from workloads.pipeline.checks import Case, Check
from workloads.pipeline.faults import Examined
from workloads.pipeline.run import Run, Scopes
from workloads.pipeline.tables import date_array
from workloads.pipeline.warehouse import literal

SETTLED = timedelta(minutes=15)
"""By then a message is everywhere: the lake's files close after 10 minutes at most, and so does a push's back-off."""
_LONGEST = timedelta(days=1)


_AGAIN = 2
"""Days of the lake with an open fault that a run reads again."""

Comparison = tuple[list[Case], Examined]


@dataclass(frozen=True)
class Reconciliation:
    """One comparison: `differing` returns the cases that do not agree, and where it looked."""

    check: Check
    differing: Callable[[Run, datetime, Scopes], Comparison]


class _Unreadable(Exception):  # noqa: N818 - a verdict
    """A file of the lake that is damaged; says where."""


def _everywhere(place: str, day: date | None) -> bool:
    return True


def _units_differ(run: Run, settled: datetime, scopes: Scopes) -> Comparison:
    """Shelves whose units differ, but for those that something published since has moved."""
    live = {
        (row["location_id"], row["sku"]): row["quantity"]
        for row in run.database.execute("SELECT location_id, sku, quantity FROM on_hand")
    }
    stock = run.warehouse.query("SELECT location_id, sku, on_hand FROM ${staging}.stock")
    computed = {(row["location_id"], row["sku"]): row["on_hand"] for row in stock}
    differing = {shelf for shelf in live.keys() | computed.keys() if live.get(shelf) != computed.get(shelf)}
    if not differing:
        return [], _everywhere
    moving = run.database.execute(
        "SELECT DISTINCT m.location_id, m.sku FROM stream_event AS e JOIN movement AS m USING (event_id) "
        "WHERE e.stream = ANY(%s) AND e.publish_time >= %s",
        [list(consumed_by(INVENTORY)), settled],
    )
    differing -= {(row["location_id"], row["sku"]) for row in moving}
    shelves = sorted(f"{location}/{sku}" for location, sku in differing)
    return [Case("", len(shelves), ", ".join(shelves[:5]))] if shelves else [], _everywhere


_OF_HISTORY = """\
  SELECT '%(stream)s' AS stream, business_date, event_id FROM ${staging}.%(history)s
  WHERE business_date IN UNNEST(%(dates)s)"""
_EVENTS = """
SELECT h.stream, h.business_date, COUNT(DISTINCT h.event_id) AS events
FROM (
%(histories)s
) AS h
WHERE NOT EXISTS (
  SELECT 1 FROM ${staging}.event_log AS recent
  WHERE recent.publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL 2 DAY)
    AND recent.publish_time >= %(settled)s
    AND recent.outcome = 'loaded' AND recent.stream = h.stream AND recent.event_id = h.event_id
)
GROUP BY h.stream, h.business_date
"""
# A midnight that the clocks pass twice is two instants, and one that they skip is none: dates are compared, and the times
# around them only find the rows.
_RECORDED = """
SELECT d.business_date, count(e.event_id) AS events
FROM unnest(%(dates)s::date[]) AS d (business_date) LEFT JOIN stream_event AS e
  ON e.stream = %(stream)s AND e.publish_time < %(settled)s
  AND e.event_time >= (d.business_date - 1)::timestamp AT TIME ZONE 'UTC'
  AND e.event_time < (d.business_date + 2)::timestamp AT TIME ZONE 'UTC'
  AND (e.event_time AT TIME ZONE %(zone)s)::date = d.business_date
GROUP BY d.business_date
"""


def _events_differ(run: Run, settled: datetime, scopes: Scopes) -> Comparison:
    """Business dates whose number of events differs: those that changed, and those where it did before."""
    dates = {
        stream: sorted({*days, *faults.days_again(run.database, [HISTORY], f"{stream} ")})
        for stream, days in scopes.histories.items()
        if stream in consumed_by(INVENTORY)
    }
    histories = "\n  UNION ALL\n".join(
        _OF_HISTORY % {"stream": stream, "history": STREAMS[stream].history, "dates": date_array(days)}
        for stream, days in dates.items()
    )
    counted = run.warehouse.query(_EVENTS % {"histories": histories, "settled": literal(settled)})
    loaded = {(row["stream"], row["business_date"]): row["events"] for row in counted}
    cases = []
    for stream, days in dates.items():
        asked = {"dates": days, "stream": stream, "settled": settled, "zone": run.settings.timezone}
        for row in run.database.execute(_RECORDED, asked):
            day, here, there = row["business_date"], loaded.get((stream, row["business_date"]), 0), row["events"]
            if here != there:
                said = f"{stream} of {day}: {here} in the warehouse, {there} in inventory"
                cases.append(Case(f"{stream} {day}", abs(here - there), said, day))
    return cases, lambda place, day: day in dates[place.partition(" ")[0]]


def _messages_differ(run: Run, settled: datetime, scopes: Scopes) -> Comparison:
    """Messages which only one of lake and raw table has: since the last check that passed, and of days with a fault."""
    passed = run.database.execute(
        "SELECT max(checked_at) AS at FROM quality_result WHERE check_name = %s AND status = 'pass'", [LAKE]
    ).fetchone()
    start = max(settled - _LONGEST, passed["at"] - SETTLED if passed and passed["at"] else settled - _LONGEST)
    cases: list[Case] = []
    looked: set[tuple[str, date | None]] = set()
    for key, stream in STREAMS.items():
        days = faults.days_again(run.database, [LAKE], f"{key} ", _AGAIN)
        midnights = [datetime.combine(day, time(), UTC) for day in days]
        windows = [(start, settled), *((at, min(at + timedelta(days=1), settled)) for at in midnights)]
        try:
            said = {words for window in windows for words in _of_window(run, key, stream, *window)}
        except ImportError as error:  # an Airflow without it
            said = {(None, f"{key}: the lake cannot be read: {error}; add the package to fastyle:composer.packages")}
        except (GoogleAPIError, GoogleAuthError, RequestException, _Unreadable) as error:
            said = {(None, f"{key}: the lake cannot be read: {' '.join(str(error).split())[:200]}")}
        else:
            looked |= {(key, None), *((key, day) for day in days)}
        for day, listed in groupby(sorted(said, key=str), key=lambda one: one[0]):
            words = [text for _, text in listed]
            cases.append(Case(f"{key} {day}" if day else key, len(words), ", ".join(words[:5]), day))
    return cases, lambda place, day: (place.partition(" ")[0], day) in looked


def _of_window(run: Run, key: str, stream: Stream, start: datetime, end: datetime) -> Iterator[tuple[date | None, str]]:
    """The UTC date of publication and a word on each message of a time that only one of lake and raw table has."""
    from workloads.pipeline.lake import BadFile, Lake, messages

    kept: dict[str, tuple[str, date]] = {}
    lake = Lake(run.settings.google_cloud_project, run.settings.lake_bucket)
    ours = (file for file, is_ours in lake.files(stream, start, end) if is_ours)
    try:
        for _, content in lake.opened(ours):
            kept |= {
                m.message_id: (m.subscription, m.publish_time.date())
                for m in messages(content)
                if start <= m.publish_time < end
            }
    except BadFile as error:
        raise _Unreadable(str(error)) from None
    raw = run.warehouse.query(
        f"SELECT message_id, subscription_name, publish_time FROM ${{raw}}.{stream.table} AS r "
        f"WHERE publish_time >= {literal(start)} AND {contract.published('r')} < {literal(end)}"
    )
    # What a replay wrote says the lake's subscription, and its message may be of any time.
    replays = {subscription for subscription, _ in kept.values()}
    for message in kept.keys() - {row["message_id"] for row in raw}:
        yield kept[message][1], f"{key} message {message} is not in the raw table"
    for row in raw:
        if row["publish_time"] < end and row["subscription_name"] not in replays and row["message_id"] not in kept:
            yield row["publish_time"].date(), f"{key} message {row['message_id']} is not in the lake"


HISTORY = "history.agrees_with_live_inventory"
LAKE = "raw.agrees_with_lake"


def _check(name: str, table: str, description: str) -> Check:
    return Check(name=name, table=table, severity="warn", description=description, sql="", scope=None)


RECONCILIATIONS = (
    Reconciliation(
        _check(
            "stock.agrees_with_live_inventory",
            "staging.stock",
            "Units on hand in Cloud SQL are those that BigQuery computes from the same events.",
        ),
        _units_differ,
    ),
    Reconciliation(
        _check(
            HISTORY,
            "staging.event_log",
            "Each business date that changed has as many events in BigQuery as in Cloud SQL.",
        ),
        _events_differ,
    ),
    Reconciliation(
        _check(
            LAKE,
            "raw.sales_transactions",
            "Raw tables and lake hold the same messages of the time since this check last passed.",
        ),
        _messages_differ,
    ),
)


def reconcile(run: Run, checked_at: datetime, scopes: Scopes) -> Iterator[tuple[Check, list[Case], Examined]]:
    """Compare the stores; an outcome each, of severity `warn`: the marts are right for what has arrived."""
    settled = checked_at.astimezone(UTC) - SETTLED
    for one in RECONCILIATIONS:
        if one.check.name == LAKE and not run.settings.lake_bucket:
            continue
        cases, examined = one.differing(run, settled, scopes)
        yield one.check, sorted(cases, key=lambda case: case.place), examined
