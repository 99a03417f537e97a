"""`make bench`: measure the running stack `local` and write `bench/results.json`.

Every figure stands beside others of the same run, since the machine is noisy: read the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.endpoints import LOCAL, REPOSITORY, load_endpoints
from ops.google import request
from ops.local_cloud import environment
from ops.terminal import console
from tools.bench import dashboard, end_to_end, estimate, history, live_views, marts, stages

RESULTS = REPOSITORY / "bench" / "results.json"
EMPTY_PROGRAM = "import pulumi\n"


def measure(hold_seconds: float, histories: Sequence[int]) -> dict[str, Any]:
    """All figures; about ten minutes with `hold_seconds` = 60 and all three `histories`, six without any."""
    endpoints = load_endpoints(LOCAL)
    console.print("==> each stage alone")
    published, pulled = stages.publish_and_pull(endpoints)
    alone = {
        "pos_accept": asyncio.run(stages.pos_accept(endpoints)),
        "publish": published,
        "pull": pulled,
        "push": asyncio.run(stages.push(endpoints)),
        "postgres_upsert": stages.postgres_upsert(endpoints),
        "bigquery_append": stages.bigquery_append(endpoints),
    }
    _settle(endpoints.pubsub_control)
    console.print("==> 100 events/s, accept to visible")
    steady = asyncio.run(end_to_end.at_rate(endpoints, 100, hold_seconds))
    console.print("==> the highest rate that is held")
    highest, tries = asyncio.run(end_to_end.highest_rate(endpoints, hold_seconds))
    slowest = min(alone, key=lambda name: alone[name])
    console.print("==> from a sale to the marts")
    to_marts = marts.sale_to_marts(endpoints)
    console.print("==> the API beside bare endpoints, and the dashboard")
    latencies = dashboard.api_latencies(endpoints)
    try:
        interactive = dashboard.time_to_interactive(endpoints)
    except FileNotFoundError as missing:
        interactive = {"not_measured": str(missing)}
    console.print("==> a pulumi up that changes nothing, beside an empty program's")
    ours, empty = _no_op_up(), _empty_up()
    started = time.monotonic()
    subprocess.run(["make", "up"], cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    warm = time.monotonic() - started
    console.print("==> make up in a new clone, with engine and packages in the cache")
    cold = _cold_make_up()
    new_day = history.measure(histories) if histories else {"not_measured": "left out by --histories"}
    live = live_views.measure()
    processes = request("GET", f"{endpoints.control}/status")["processes"]
    return {
        "about": "stand-ins on one machine; ratios within this run are the result, not the figures",
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
        "stages_alone_per_second": {name: round(value, 1) for name, value in alone.items()},
        "estimate": estimate.of_200_resources(),
        "at_100_per_second": steady.as_json(),
        "highest_held": highest.as_json(),
        "tries": [run.as_json() for run in tries],
        "sale_to_marts": to_marts,
        "one_new_day_on_a_history": new_day,
        "live_views": live,
        "api": latencies,
        "dashboard": interactive,
        "ratios": {
            "highest_held_to_slowest_stage": round(highest.visible_rate / alone[slowest], 3),
            "slowest_stage": slowest,
            "no_op_up_to_empty_program": round(ours / empty, 2),
        },
        "no_op_pulumi_up_seconds": round(ours, 2),
        "empty_program_up_seconds": round(empty, 2),
        "warm_make_up_seconds": round(warm, 1),
        "cold_make_up_seconds": round(cold, 1),
        "peak_memory_mb": {p["name"]: round((p.get("peak_rss") or 0) / 1e6) for p in processes},
    }


def _settle(control: str) -> None:
    """Wait until nothing is under way, so that one measurement does not pay for another."""
    for _ in range(600):
        stats = request("GET", f"{control}/stats")
        subscriptions = stats.get("subscriptions", stats)
        if not any(s["backlog"] for name, s in subscriptions.items() if name.endswith("-to-inventory")):
            return
        time.sleep(0.2)


def _no_op_up() -> float:
    env = {**os.environ, **environment()}
    return _timed(["pulumi", "up", "--stack", LOCAL, "--yes", "--skip-preview", "--non-interactive"], REPOSITORY, env)


def _empty_up() -> float:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "Pulumi.yaml").write_text("name: empty\nruntime: python\n")
        (work / "__main__.py").write_text(EMPTY_PROGRAM)
        env = {**os.environ, **environment(), "PULUMI_BACKEND_URL": f"file://{folder}"}
        _timed(["pulumi", "stack", "init", "scratch-empty", "--non-interactive"], work, env)
        up = ["pulumi", "up", "--stack", "scratch-empty", "--yes", "--skip-preview", "--non-interactive"]
        _timed(up, work, env)
        return _timed(up, work, env)


def _cold_make_up() -> float:
    """From a clone with nothing in it to the summary; building the engine, once a machine, is not in it."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
        env = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
        try:
            return _timed(["make", "up"], clone, env)
        finally:
            subprocess.run(["make", "down"], cwd=clone, env=env, check=True, capture_output=True)


def _timed(command: list[str], cwd: Path, env: dict[str, str]) -> float:
    started = time.monotonic()
    subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True)
    return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hold", type=float, default=60, help="seconds for which a rate must be held")
    parser.add_argument(
        "--histories", type=int, nargs="*", default=history.HISTORIES, help="days of history for one new day"
    )
    asked = parser.parse_args()
    results = measure(asked.hold, asked.histories)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    console.print_json(data=results)


if __name__ == "__main__":
    main()
