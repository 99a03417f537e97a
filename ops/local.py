"""The life of stack `local`: `make up`, `make down`, `make clean`."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from fastyle_localcloud.files import write_atomically
from rich.markup import escape

from ops import credentials, engine
from ops.catalog import load_catalogue
from ops.endpoints import LOCAL, REPOSITORY, STATE_DIR, Endpoints, from_outputs, load_endpoints
from ops.errors import OperatorError
from ops.google import until_done
from ops.ledger import Ledger
from ops.local_cloud import (
    BACKEND,
    ENDPOINTS,
    FIRST_DAY,
    LEDGER,
    daemon_if_any,
    environment,
    run_verb,
    running_daemon,
    settle,
    status,
    wait_until_all_run,
)
from ops.sender import Sender
from ops.summary import print_summary
from ops.terminal import console, say_error
from ops.trade import progress_bar, simulated
from ops.verify.command import quick
from workloads.pos_api.catalogue import SAMPLES

POLICIES = REPOSITORY / "policies"
UNASKED = ("--yes", "--skip-preview", "--refresh=false")
"""Flags of `pulumi` here: nothing but Pulumi changes this cloud, so that reading all of it first would only take time."""
OPERATOR = "operator"  # the credential that may speak for every location


@contextmanager
def step(words: str) -> Iterator[None]:
    """Announce a step, then say how long it took."""
    console.print(f"[bold]==>[/] {words}")
    started = time.monotonic()
    yield
    console.print(f"    [dim]{time.monotonic() - started:.1f} s[/]")


def up() -> None:
    """Bring everything up, trade a first day, run the pipeline, print the summary. Again: only what is missing."""
    with step("Local cloud"):
        run_verb("up")
    env = environment()
    with step("pulumi up --stack local --policy-pack policies"):
        _release_locks()
        engine.ensure_stack(LOCAL, env)
        engine.forget_pending_operations(LOCAL, env, BACKEND)
        # But for addresses that another program took: they are new ones since, and the state has to hear of them.
        refresh = ["--refresh=true"] if status()["moved"] else []
        engine.run(["up", "--stack", LOCAL, *UNASKED, *refresh, "--policy-pack", str(POLICIES)], env)
    wait_until_all_run()
    endpoints = _connect(engine.outputs(LOCAL, env))
    if not _has_catalogue(endpoints):
        with step("Catalogue"):
            folder = SAMPLES / endpoints.catalogue
            products, locations = folder / "products.csv", folder / "locations.csv"
            console.print(f"    {load_catalogue(endpoints.postgres, products, locations)}")
    if not FIRST_DAY.exists():
        _first_day(endpoints)
    elif _traded_since(endpoints):
        _publish(endpoints)
    print_summary(endpoints, LEDGER, console)
    _verify(endpoints)


def down() -> None:
    """Destroy stack `local` and stop every process. What is already gone is no failure."""
    if engine.has_resources(LOCAL, BACKEND):
        if not daemon_if_any():  # it was killed: what it holds can only be destroyed by one that runs
            with step("Local cloud"):
                run_verb("up")
        env = environment()
        _release_locks()
        with step("pulumi destroy --stack local"):
            engine.ensure_stack(LOCAL, env)
            engine.run(["destroy", "--stack", LOCAL, *UNASKED], env)
    for path in (ENDPOINTS, FIRST_DAY, *STATE_DIR.glob(f"{LEDGER.name}*")):
        path.unlink(missing_ok=True)
    with step("Local cloud"):
        run_verb("down")


def _has_catalogue(endpoints: Endpoints) -> bool:
    """Whether products were loaded already: the sample ones must not undo what was edited since."""
    with psycopg.connect(endpoints.postgres) as db:
        row = db.execute("SELECT EXISTS (SELECT FROM product)").fetchone()
    return bool(row and row[0])


def _release_locks() -> None:
    if count := engine.release_stale_locks(BACKEND):
        console.print(f"    removed {count} stack lock(s) of a `pulumi` that was killed")


def _connect(outputs: dict[str, Any]) -> Endpoints:
    """Issue the operator's credential where it is missing, and write `endpoints.json`."""
    daemon = running_daemon()
    server, _, _ = str(daemon["postgres"]).rpartition("/")
    token = _former_token() or secrets.token_urlsafe(32)
    endpoints = from_outputs(
        LOCAL,
        outputs,
        **{name: daemon[name] for name in ("pubsub", "pubsub_control", "storage", "bigquery", "control")},
        postgres=f"{server}/{outputs['database']['name']}",
        api_token=token,
    )
    for secret in endpoints.secrets:
        if not credentials.holds(endpoints, secret, OPERATOR, token):
            credentials.issue(endpoints, secret, OPERATOR, ["*"], token)
    endpoints.write(ENDPOINTS)
    return endpoints


def _first_day(endpoints: Endpoints) -> None:
    """Yesterday's trade, from opening stock to closing time, then one run of the pipeline."""
    zone = ZoneInfo(endpoints.timezone)
    midnight = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = (midnight - timedelta(days=1)).astimezone(UTC), midnight.astimezone(UTC)
    with step(f"A first day of trade ({start.astimezone(zone):%A %d %B %Y}) through the POS API"):
        asyncio.run(_trade(endpoints, start, end))
    _publish(endpoints)
    write_atomically(FIRST_DAY, json.dumps({"from": start.isoformat(), "to": end.isoformat()}).encode())


def _publish(endpoints: Endpoints) -> None:
    """Have what was traded arrive everywhere, and one run of the pipeline publish it."""
    with step("Deliveries to inventory, warehouse and lake"):
        settle(endpoints)
    with step("Pipeline"):
        report = until_done(endpoints, endpoints.pipeline, "/run", {})
        counts = dict(report["counts"])
        failed = counts.pop("checks_failed", 0)
        words = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in counts.items())
        console.print(f"    {report['state']}: {words}")
        if failed:
            words = "1 quality check" if failed == 1 else f"{failed:,} quality checks"
            console.print(f"    {words} found faults, which stop nothing: uv run fastyle quality lists them")


def _verify(endpoints: Endpoints) -> None:
    """Say in a line that deliveries, API and dashboard answer; what does not is listed, with its mend."""
    checks = quick(endpoints)
    bad = [check for check in checks if check.state != "passed"]
    for check in bad:
        console.print(f"  [red]![/] {escape(f'{check.name}: {check.detail}; {check.mend}')}", soft_wrap=True)
    console.print(
        f"  Verified   {len(checks) - len(bad)} of {len(checks)} quick checks passed; end to end, with trade of its own "
        "that nothing counts: uv run fastyle verify",
        soft_wrap=True,
    )


def _traded_since(endpoints: Endpoints) -> bool:
    """Whether events were recorded after the last publication began."""
    with psycopg.connect(endpoints.postgres) as db:
        row = db.execute(
            """
            SELECT coalesce((SELECT max(recorded_at) FROM stream_event)
                > (SELECT max(started_at) FROM pipeline_run WHERE state = 'succeeded'), true)
            """
        ).fetchone()
    return row is None or bool(row[0])


async def _trade(endpoints: Endpoints, start: datetime, end: datetime) -> None:
    zone, currency = endpoints.timezone, endpoints.currency
    events = list(simulated(start, end, timezone=zone, currency=currency, catalogue=endpoints.catalogue, opening=True))
    ledger = Ledger(LEDGER)
    async with Sender(endpoints, endpoints.api_token, ledger=ledger) as sender:
        with progress_bar(console, len(events)) as advance:
            report = await sender.send(events, advance)
    ledger.close()
    if report.rejected:
        raise OperatorError(f"the POS API rejected {report.rejected} simulated events: {'; '.join(report.examples)}")
    again = len(events) - len({event["event_id"] for _, event in events})
    console.print(
        f"    {report.accepted:,} events accepted in {report.seconds:.1f} s; tills sent {again:,} of them twice"
    )


def _former_token() -> str | None:
    try:
        return load_endpoints(LOCAL).api_token or None
    except OperatorError:
        return None


def main(arguments: list[str]) -> int:
    """Bring stack local up, or down; returns the exit code."""
    verbs = {"up": up, "down": down}
    if len(arguments) != 1 or arguments[0] not in verbs:
        print(f"usage: python -m ops {'|'.join(verbs)}", file=sys.stderr)
        return 2
    try:
        verbs[arguments[0]]()
    except OperatorError as e:
        say_error(e)
        return 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # `uv run` passes on what the terminal has sent already
        engine.release_stale_locks(BACKEND)  # pulumi leaves its own when stopped before it listens, or twice
        console.print("stopped; run the same command again to go on")
        return 130
    return 0
