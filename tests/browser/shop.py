"""A small shop with everything in it that the dashboard shows: 400 days of reports, stock of every status."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from tests.support.api import TEES, at_business_date
from tests.support.push import change, sale

TOKEN = "token-of-a-merchandiser"
LAST_DATE = date(2026, 3, 1)
DAYS = 400
FORMULA = '=HYPERLINK("http://example.test","Bag"), the first'

_CATALOGUE = f"""{TEES}
INSERT INTO report_publication VALUES ('p', 'r', now() - interval '10 minutes', now() - interval '12 minutes');
INSERT INTO pipeline_run (run_id, kind, state, started_at, finished_at)
    VALUES ('r', 'run', 'succeeded', now() - interval '11 minutes', now() - interval '10 minutes');
INSERT INTO quality_result VALUES
    ('r', now(), 'sales.unique', 'staging.sales', 'error', 'pass', 0, NULL, 'A line stands once.'),
    ('r', now(), 'sales.known', 'staging.sales', 'warn', 'fail', 2, 'X-1, X-2', 'The catalogue knows every SKU.');
"""


def events() -> list[tuple[str, dict[str, Any]]]:
    """Stock of every status: M is sold out at S01 and too much at S02; BAG was sold without ever being received."""
    received, sold = at_business_date(40), at_business_date(2)
    stock = [
        ("S01", "TEE-S", 30),
        ("S01", "TEE-M", 28),
        ("S01", "TEE-XL", 100),
        ("S02", "TEE-M", 90),
        ("W01", "TEE-M", 40),
    ]
    sales = [("S01", "TEE-M", 28), ("S01", "TEE-S", 14), ("S02", "TEE-M", 2), ("S02", "BAG", 3)]
    return [
        *(("inventory", change("receipt", n, sku=s, location_id=at, event_time=received)) for at, s, n in stock),
        *(("sales", sale((s, n), location_id=at, event_time=sold)) for at, s, n in sales),
    ]


def fill(url: str, days: int = DAYS) -> None:
    """Write the catalogue and `days` dates of reports up to `LAST_DATE`, whose amounts tell each date apart.

    In one transaction, as a publication does: a page that looks in between would keep what it saw of it.
    """
    with psycopg.connect(url) as db:
        db.execute(_CATALOGUE)
        db.execute(
            "INSERT INTO product (sku, name, category, list_price, reorder_point) VALUES ('BAG', %s, 'accessories', 9, 0)",
            (FORMULA,),
        )
        with db.cursor() as cursor:
            for n in range(days):
                day = LAST_DATE - timedelta(n)
                for position, kind in enumerate(("new", "returning", "guest")):
                    for category in ("tops", "accessories"):
                        gmv = Decimal(1000 + 10 * n + position) + Decimal("0.01")
                        cursor.execute(
                            "INSERT INTO report_gmv_daily VALUES (%s, %s, %s, 'store', 'S01', %s, 50, 10, %s, 9, 20, 'p')",
                            (day, kind, category, gmv, gmv - 10),
                        )
                    cursor.execute(
                        "INSERT INTO report_orders_daily VALUES (%s, %s, 'store', 'S01', 12, 'p')", (day, kind)
                    )
                for category, share in (("tops", "0.55"), ("accessories", "0.7"), ("unknown", None)):
                    net = Decimal(3000 + n)
                    profit = share and net * Decimal(share)
                    cursor.execute(
                        "INSERT INTO report_margin_daily VALUES (%s, %s, %s, 150, %s, %s, %s, 'p')",
                        (day, category, net, profit and net - profit, profit, share),
                    )
