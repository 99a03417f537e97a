"""Which published business dates a later publication changed: the table `report_day` in Cloud SQL.

A business date that still runs is published with every run, and its figures move: that is no revision. A date is first
published as complete by a run that began after the date was over; what changes its figures from then on is late data.
Figures by category are compared as their total: a SKU's category is its current one, so moving a SKU to another
category rewrites its history without any late data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import DictRow

Digests = dict[date, str]
"""What the figures of each business date are, as one text."""

_DIGESTS = """
SELECT business_date, string_agg(figures, ' ' ORDER BY figures COLLATE "C") AS digest FROM (
    SELECT business_date, ROW(
        customer_type, channel, location_id, trim_scale(sum(gmv)), trim_scale(sum(discounts)), trim_scale(sum(returns)),
        sum(units)
    )::text AS figures
    FROM report_gmv_daily WHERE business_date BETWEEN %(first)s AND %(last)s
    GROUP BY business_date, customer_type, channel, location_id
    UNION ALL
    SELECT business_date, ROW(customer_type, channel, location_id, orders)::text
    FROM report_orders_daily WHERE business_date BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT business_date, ROW(trim_scale(sum(net_sales)), trim_scale(sum(cogs)))::text
    FROM report_margin_daily WHERE business_date BETWEEN %(first)s AND %(last)s
    GROUP BY business_date
) AS daily GROUP BY business_date
"""
# Until the date before the one on which the run began; a run of which nothing is recorded began when it published.
# Dates without sales among them are published too, as such: trade that arrives for them later changes them.
_COMPLETE = """
INSERT INTO report_day (business_date, first_published_at)
SELECT day::date, %(published_at)s
FROM generate_series(
    (SELECT min(business_date) FROM report_gmv_daily),
    (coalesce(
        (SELECT started_at FROM pipeline_run WHERE run_id = %(run_id)s), %(published_at)s
    ) AT TIME ZONE %(timezone)s)::date - 1,
    interval '1 day'
) AS day
ON CONFLICT (business_date) DO NOTHING
"""


def digests(connection: psycopg.Connection[DictRow], first: date, last: date) -> Digests:
    """The figures of the dates from `first` to `last` as they are published; a date without any is not in it."""
    rows = connection.execute(_DIGESTS, {"first": first, "last": last})
    return {row["business_date"]: row["digest"] for row in rows}


def mark(
    connection: psycopg.Connection[DictRow], before: Digests, after: Digests, publication: Mapping[str, Any], zone: str
) -> None:
    """Mark the complete dates whose figures a publication changed, then note those that it completes.

    Args:
        connection: the transaction that writes the reports.
        before: the figures of the rewritten dates until now.
        after: the same dates' figures as they are now.
        publication: its `run_id` and `published_at`.
        zone: the time zone of business dates.
    """
    changed = [day for day in before.keys() | after.keys() if before.get(day) != after.get(day)]
    connection.execute(
        "UPDATE report_day SET revised_at = %s WHERE business_date = ANY(%s)", [publication["published_at"], changed]
    )
    connection.execute(
        _COMPLETE,
        {"published_at": publication["published_at"], "run_id": publication["run_id"], "timezone": zone},
    )
