"""Warehouse and live inventory rebuilt from the lake: the same figures to the last digit, beside live trade.

What is emptied beforehand is what docs/operations/data.md says, by its own words.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_exact_marts import assert_reports, expected, lake, lake_objects, run_pipeline
from tests.support.checkout import REPOSITORY, Checkout
from tests.support.events import line
from tests.support.on_hand import on_hand
from workloads.marts import MARTS

pytestmark = pytest.mark.slow

DATED_VIEWS = {view: mart.by_date for mart in MARTS.values() for view in mart.views}
DATED = "business_date >= '2010-01-01'"


def hashes(stack: Checkout) -> dict[str, str]:
    """Each view of the marts, and what it adds of later events, as a hash of its rows in order."""
    by_table = {}
    for view, dated in DATED_VIEWS.items():
        where = f"WHERE {DATED}" if dated else ""
        rows = sorted(
            repr(tuple(row)) for row in stack.warehouse().query_and_wait(f"SELECT * FROM marts.{view} {where}")
        )
        assert rows, view
        by_table[view] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return by_table


def empty(stack: Checkout) -> None:
    """As docs/operations/data.md says: everything that a replay rebuilds."""
    page = (REPOSITORY / "docs" / "operations" / "data.md").read_text(encoding="utf-8")
    section = page.partition("## Replay")[2].partition("\n## ")[0]
    warehouse, inventory = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    for statement in filter(None, map(str.strip, warehouse.split(";"))):
        stack.warehouse().query_and_wait(statement)
    with stack.database() as db:
        db.execute(inventory)
    for table in ("raw.sales_transactions", "staging.sales_lines", "marts.gmv_daily_v1"):
        (row,) = stack.warehouse().query_and_wait(f"SELECT COUNT(*) AS n FROM {table}")
        assert row["n"] == 0, table


def replay(stack: Checkout, *options: str) -> dict[str, Any]:
    output = stack.fastyle("replay", *options).stdout
    report: dict[str, Any] = json.loads(output[output.index("{\n") :])
    assert report["state"] == "succeeded", report
    return report


def test_emptied_and_killed_amid_live_trade_they_become_what_they_were(
    stack: Checkout, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    """The live trade is the tills' second sending of sales that the lake holds: new to what was emptied, whichever comes first,
    and in the end counted once. So every view must be as it was before, row by row."""
    now, location = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), f"RP-{uuid.uuid4().hex[:8]}"
    trade = [
        line(sku=f"RP-{n % 5}", quantity=1, discount="0")
        | {
            "event_id": str(uuid.uuid4()),
            "transaction_id": f"RP-{uuid.uuid4()}",
            "event_time": now,
            "location_id": location,
        }
        for n in range(1000)
    ]
    path = tmp_path / "live.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in trade), encoding="utf-8")
    stack.fastyle("trade", "file", str(path), "--batch", "100")
    run_pipeline(stack)
    eventually(lambda: sum(stack.inventory(location).values()) == -1000, "every sale is on the shelf's account", 60)
    before, shelves = hashes(stack), stack.inventory()
    victim = next(int(p["pid"]) for p in stack.processes() if p["name"] == "pipeline")
    empty(stack)

    def half_way() -> bool:
        with stack.database() as db:
            row = db.execute("SELECT count(*) FROM stream_event").fetchone()
        return bool(row and row[0] > 2000)

    fastyle = ["uv", "run", "--quiet", "fastyle"]
    options: dict[str, Any] = {"cwd": stack.root, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with (
        subprocess.Popen([*fastyle, "replay"], **options) as replaying,
        subprocess.Popen([*fastyle, "trade", "file", str(path), "--batch", "10"], **options) as trading,
    ):
        eventually(half_way, "the replay is under way", 60)
        os.kill(victim, signal.SIGKILL)
        output, _ = replaying.communicate(timeout=300)
        traded, _ = trading.communicate(timeout=120)
    assert replaying.returncode == 0, output
    assert trading.returncode == 0, traded
    report = json.loads(output[output.index("{\n") :])
    assert report["counts"]["sales_recorded"] + report["counts"].get("sales_repeated", 0) > 2000
    assert report["damaged"] == {}

    run_pipeline(stack)
    assert hashes(stack) == before
    assert_reports(stack, expected(stack))
    assert stack.inventory() == shelves == on_hand(lake(stack))


def test_over_what_is_there_it_changes_nothing(stack: Checkout) -> None:
    before, shelves, kept = hashes(stack), stack.inventory(), lake_objects(stack).keys()
    report = replay(stack)
    assert report["counts"].get("sales_recorded", 0) + report["counts"].get("inventory_recorded", 0) == 0
    assert report["counts"]["sales_repeated"] > 0
    again = run_pipeline(stack)
    assert again["counts"].get("sales_loaded", 0) == again["counts"]["dates"] == 0, "the next run finds nothing more"
    assert hashes(stack) == before
    assert stack.inventory() == shelves
    assert lake_objects(stack).keys() == kept, "nothing was written into the lake"
