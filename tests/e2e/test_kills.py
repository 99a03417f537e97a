"""`kill -9` of each process in mid-stream: the stream goes on by itself, nothing is lost, nothing counts twice."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastyle_localcloud.ports import is_free

from tests.support.checkout import Checkout
from tests.support.on_hand import on_hand

VICTIMS = ("pubsub", "inventory-sync", "postgres", "api", "pos-api", "bigquery", "storage")


def process_of(stack: Checkout, name: str) -> dict[str, Any]:
    return next(p for p in stack.processes() if p["name"] == name)


def sales(victim: str, currency: str, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Sales of one unit each at a location of the victim's own."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = {"line_number": 1, "quantity": 1, "unit_price": "10.00", "discount": "0"}
    return [
        (
            "sales",
            {
                "event_id": str(uuid.uuid4()),
                "transaction_id": f"kill-{victim}-{uuid.uuid4()}",
                "event_time": now,
                "location_id": f"K-{victim}",
                "channel": "store",
                "currency": currency,
                "lines": [{**line, "sku": f"K-{n % 7}"}],
            },
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("victim", VICTIMS)
def test_stream_survives_the_death_of(
    victim: str, grown: Checkout, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    events = sales(victim, grown.endpoints["currency"], 600)
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(e) + "\n" for _, e in events), encoding="utf-8")
    former = int(process_of(grown, victim)["pid"])

    def here() -> dict[tuple[str, str], int]:
        with grown.database() as db:
            rows = db.execute(
                "SELECT location_id, sku, quantity FROM on_hand WHERE location_id = %s", (f"K-{victim}",)
            ).fetchall()
        return {(location, sku): quantity for location, sku, quantity in rows}

    def runs_again() -> bool:
        process = process_of(grown, victim)
        return bool(process["pid"] != former and process["state"] == "running")

    command = ["uv", "run", "--quiet", "fastyle", "trade", "file", str(path), "--batch", "5", "--concurrency", "2"]
    with subprocess.Popen(
        command, cwd=grown.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as sender:
        eventually(here, "the first events have arrived", seconds=60)
        assert sender.poll() is None, "everything was sent before it could be killed"
        os.kill(former, signal.SIGKILL)
        output, _ = sender.communicate(timeout=240)
    assert sender.returncode == 0, output

    expected = on_hand(events)
    eventually(runs_again, f"{victim} runs again", seconds=60)

    def settled() -> bool:
        try:
            return here() == expected == grown.inventory(f"K-{victim}")
        except Exception:  # PostgreSQL may be the victim: until it is back there is no answer, of the API neither
            return False

    try:
        eventually(settled, "every sale counted once", seconds=180)
    except AssertionError:
        raise AssertionError(f"wanted {expected}, found {here()}, {grown.inventory(f'K-{victim}')}") from None


def test_up_interrupted_says_so_in_a_line_and_takes_the_lock_of_a_pulumi_that_was_killed(
    grown: Checkout, eventually: Callable[..., None]
) -> None:
    """A terminal's Ctrl-C reaches every process of the command; pulumi records how far it got before it ends. The next
    test calls it again."""
    locks = grown.root / ".localcloud" / "pulumi" / ".pulumi" / "locks"

    def locked() -> list[Path]:
        return list(locks.rglob("*.json"))

    script = 'eval "$(uv run --quiet fastyle env)" && exec pulumi up --stack local --yes --skip-preview'
    with subprocess.Popen(
        ["bash", "-c", script], cwd=grown.root, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    ) as killed:
        eventually(locked, "the stack is locked", 60)
        killed.kill()
    left = locked()
    assert left, "the update ended before it could be killed"

    with subprocess.Popen(
        ["make", "up"],
        cwd=grown.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as up:
        eventually(lambda: set(locked()) - set(left), "the stack is locked anew", 60)
        os.killpg(up.pid, signal.SIGINT)
        output, _ = up.communicate(timeout=120)
    assert "1 stack lock" in output, output[-3000:]
    assert up.returncode != 0
    assert "Traceback" not in output, output[-3000:]
    assert output.count("stopped; run the same command again to go on") == 1, output[-3000:]


def test_up_goes_on_after_the_daemon_was_killed(grown: Checkout, eventually: Callable[..., None]) -> None:
    """Its processes go with it; the next `make up` starts them on the same data, nothing is counted anew, what was
    edited stays, and a port that a stranger has taken meanwhile is another one everywhere."""
    daemon = json.loads((grown.root / ".localcloud" / "daemon.json").read_text(encoding="utf-8"))
    before, addresses = grown.inventory(), grown.endpoints
    with grown.database() as db:
        db.execute("UPDATE location SET name = 'Renamed' WHERE location_id = 'S01'")
    os.kill(int(daemon["pid"]), signal.SIGKILL)
    taken = ("api", "pos_api", "storage", "control")
    with ExitStack() as strangers:
        for name in taken:
            port = urlsplit(addresses[name]).port
            eventually(lambda port=port: is_free(port), f"port {port} is given up", 30)
            strangers.enter_context(socket.create_server(("127.0.0.1", port)))
        up = grown.make("up").stdout
    assert "stack lock" not in up, "the interrupted one left none"
    assert "pending operation" not in up, up[-3000:]
    moved = grown.endpoints
    assert [name for name in taken if moved[name] == addresses[name]] == []
    for name in ("api", "pos-api", "storage", "control"):
        assert re.search(rf"port \S*\s?(\d+ )?of {name} is taken|port of {name} is taken", up), up[-4000:]
    assert moved["api"] in up
    assert json.loads((grown.root / ".localcloud" / "daemon.json").read_text(encoding="utf-8"))["pid"] != daemon["pid"]
    assert grown.inventory() == before
    with grown.database() as db:
        assert db.execute("SELECT name FROM location WHERE location_id = 'S01'").fetchall() == [("Renamed",)]
    names = [p["name"] for p in grown.processes()]
    assert len(names) == len(set(names))


def test_no_listener_answers_a_web_page(grown: Checkout) -> None:
    """Every port of the local cloud and of the workloads, by either sign that a browser cannot leave out."""
    ports = json.loads((grown.root / ".localcloud" / "ports.json").read_text(encoding="utf-8"))
    answered = {}
    for name, port in ports.items():
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            try:
                response = httpx.post(f"http://127.0.0.1:{port}/", headers=headers, timeout=60, trust_env=False)
            except httpx.HTTPError:
                continue  # not HTTP/1.1: nothing that a browser could speak
            answered[name, next(iter(headers))] = response.status_code
    assert len(answered) > 12, answered
    # A function has no middleware of ours before its own check of credentials.
    functions = {"run/pos-api"}
    # 400: a listener that wants TLS, with a certificate that no browser trusts.
    wrong = {key: s for key, s in answered.items() if s not in (400, 403, 421) and key[0] not in functions}
    assert wrong == {}


def test_without_an_identity_token_nobody_starts_a_run(grown: Checkout) -> None:
    """Another user of the machine reaches the port, and the issuer signs for programs of its own user alone."""
    pipeline = grown.endpoints["pipeline"]
    for headers in ({}, {"authorization": f"Bearer {grown.endpoints['api_token']}"}):
        answer = httpx.post(f"{pipeline}/run", headers=headers, timeout=60, trust_env=False)
        assert (answer.status_code, answer.json()["status"]) == (401, "refused")
