"""How long a sale takes to the marts: to the `_live` view, which needs no run, and to the mart through a run."""

from __future__ import annotations

import time
import uuid
from typing import Any

from google.cloud import bigquery

from ops.endpoints import Endpoints
from ops.google import flush, request, until_done
from ops.summary import warehouse_client
from tools.bench.end_to_end import sale

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 120.0
SALES = 3  # each by itself


def sale_to_marts(endpoints: Endpoints) -> dict[str, Any]:
    """Seconds from the POS API's answer until `gmv_daily_live` has a sale, and until `gmv_daily` has it.

    To the mart it is a run of the pipeline that starts at once; on a schedule the wait for that comes on top.
    """
    warehouse = warehouse_client(endpoints)
    live, mart = [], []
    for _ in range(SALES):
        location = f"B-{uuid.uuid4().hex[:8]}"
        headers = {"authorization": f"Bearer {endpoints.api_token}"}
        request("POST", f"{endpoints.pos_api}/v1/transactions", headers=headers, body=sale(location))
        accepted = time.monotonic()
        live.append(_seen(warehouse, endpoints, "gmv_daily_live", location) - accepted)
        flush(endpoints)
        until_done(endpoints, endpoints.pipeline, "/run", {})
        mart.append(_seen(warehouse, endpoints, "gmv_daily", location) - accepted)
    return {"live_seconds": round(sorted(live)[SALES // 2], 2), "mart_seconds": round(sorted(mart)[SALES // 2], 2)}


def _seen(warehouse: bigquery.Client, endpoints: Endpoints, view: str, location: str) -> float:
    """The moment at which `view` has sales of `location`."""
    table = f"{endpoints.datasets['marts']}.{view}"
    statement = (
        f"SELECT COUNT(*) FROM `{table}` WHERE business_date >= DATE '2026-01-01' AND location_id = '{location}'"
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not next(iter(warehouse.query_and_wait(statement)))[0]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{table} has no sale of {location} after {PATIENCE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return time.monotonic()
