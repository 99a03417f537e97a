"""The local cloud that runs for this checkout: its daemon, its files, the environment for `pulumi`, and its deliveries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import yaml
from fastyle_localcloud.engine.environment import engine_environment
from fastyle_localcloud.engine.environment import export_lines as as_export_lines

from ops.endpoints import REPOSITORY, STATE_DIR, Endpoints
from ops.errors import OperatorError
from ops.google import flush, request

BACKEND = STATE_DIR / "pulumi"  # where `engine_environment` keeps Pulumi's state
ENDPOINTS = STATE_DIR / "endpoints.json"
LEDGER = STATE_DIR / "ledger.sqlite"
FIRST_DAY = STATE_DIR / "first-day.json"
PASSPHRASE = "fastyle-local"  # noqa: S105 - public: the salt in Pulumi.local.yaml was made with it
SETTLE_SECONDS = 120.0
RUNNING_SECONDS = 60.0


def environment() -> dict[str, str]:
    """The variables with which plain `pulumi` reaches the local cloud and nothing else.

    Raises:
        OperatorError: the local cloud is not running.
    """
    port = int(running_daemon()["provider_port"])
    return engine_environment(STATE_DIR, port, passphrase=PASSPHRASE, program_dir=REPOSITORY)


def export_lines() -> str:
    """Shell lines for `eval "$(fastyle env)"`."""
    return as_export_lines(environment())


def status() -> dict[str, Any]:
    """What the local cloud says of itself (docs/internals.md, "The local cloud")."""
    return request("GET", f"{running_daemon()['control']}/status", timeout=10)


def wait_until_all_run() -> None:
    """Wait until every process runs: one that fails again and again is no stack that is up.

    Raises:
        OperatorError: names each that does not, and why it ended last.
    """
    deadline = time.monotonic() + RUNNING_SECONDS
    while troubled := [process for process in status()["processes"] if process["state"] != "running"]:
        if time.monotonic() > deadline:
            words = "; ".join(
                f"{p['name']} is {p['state']} ({(p['last_exit'] or {}).get('reason', 'it never ran')})"
                for p in troubled
            )
            raise OperatorError(f"{words}; see `python -m fastyle_localcloud logs {troubled[0]['name']}`")
        time.sleep(0.2)


def settle(endpoints: Endpoints) -> None:
    """Wait until everything published has arrived: exports are hurried, pushes take the time they take.

    Raises:
        OperatorError: a subscription holds messages, and nothing was delivered for two minutes; names it and why.
    """
    flush(endpoints)
    deadline = time.monotonic() + SETTLE_SECONDS
    fewest: int | None = None
    while waiting := _waiting(endpoints):
        count = sum(s["backlog"] for s in waiting.values())
        if fewest is None or count < fewest:
            deadline, fewest = time.monotonic() + SETTLE_SECONDS, count
        if time.monotonic() > deadline:
            words = (
                f"{s['backlog']} in {name} ({(s['last_refusal'] or {}).get('reason', 'on their way')})"
                for name, s in waiting.items()
            )
            raise OperatorError(f"still undelivered: {'; '.join(words)}; see `fastyle status`")
        time.sleep(0.2)


def _waiting(endpoints: Endpoints) -> dict[str, Any]:
    """Subscriptions that deliver by themselves and hold messages, as `/stats` has them."""
    stats = request("GET", f"{endpoints.pubsub_control}/stats")
    return {name: s for name, s in stats.items() if s["backlog"] and not name.endswith("-hold")}


def run_verb(verb: str) -> None:
    """Have the local cloud `up` or `down`."""
    command = [sys.executable, "-m", "fastyle_localcloud", "--state-dir", str(STATE_DIR), verb]
    command += _place() if verb == "up" else []
    if subprocess.run(command, check=False).returncode:
        raise OperatorError(
            f"the local cloud did not come {verb}; its words are above, its logs in {STATE_DIR / 'logs'}"
        )


def _place() -> list[str]:
    """The project and the region that stack `local` is configured for, as options of `up`."""
    config = yaml.safe_load((REPOSITORY / "Pulumi.local.yaml").read_text(encoding="utf-8"))["config"]
    keys = {"--project": "gcp:project", "--project-number": "fastyle:project_number", "--region": "gcp:region"}
    return [text for option, key in keys.items() for text in (option, str(config[key]))]


def daemon_if_any() -> dict[str, Any] | None:
    """What the running daemon says of itself; None when there is none (its file may outlive a killed one)."""
    try:
        daemon = dict(json.loads((STATE_DIR / "daemon.json").read_text(encoding="utf-8")))
        os.kill(int(daemon["pid"]), 0)
    except (FileNotFoundError, json.JSONDecodeError, KeyError, ProcessLookupError):
        return None
    return daemon


def running_daemon() -> dict[str, Any]:
    if (daemon := daemon_if_any()) is None:
        raise OperatorError("the local cloud is not running; run `make up`")
    return daemon
