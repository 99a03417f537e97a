"""The local cloud's daemon as an operator has it: up, killed, up again, down; and what a killed run left is mended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from fastyle_localcloud.ports import HOST, is_free
from fastyle_localcloud.processes import MARK, Identity, Records

from cloud_processes.other_user import another_users_socket

STAND_INS = {"pubsub", "storage", "bigquery", "postgres"}
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def localcloud(state_dir: Path, *arguments: str, check: bool = True) -> str:
    command = [sys.executable, "-m", "fastyle_localcloud", "--state-dir", str(state_dir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    output = done.stdout + done.stderr
    assert "Traceback" not in output, output
    assert not check or done.returncode == 0, output
    return output


def status(state_dir: Path) -> dict[str, Any]:
    return dict(json.loads(localcloud(state_dir, "status", "--json")))


def daemon(state_dir: Path) -> dict[str, Any]:
    return dict(json.loads((state_dir / "daemon.json").read_text(encoding="utf-8")))


def family(state_dir: Path) -> list[psutil.Process]:
    """Every living process that names the state folder on its command line or carries it as its mark."""
    pids = []
    for process in psutil.process_iter():
        try:
            ours = str(state_dir) in process.cmdline() or process.environ().get(MARK) == str(state_dir)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                pids.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return pids


def asked_by_another_user(port: int) -> bytes:
    """What nobody's socket is told by a listener; nothing where it ends the connection."""
    with another_users_socket() as client, suppress(OSError):
        client.settimeout(60)
        client.connect((HOST, port))
        client.sendall(f"GET /health HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        return client.makefile("rb").read()
    return b""


def wait_for(condition: Any, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    folder = (tmp_path / "state").resolve()
    folder.mkdir()
    yield folder
    localcloud(folder, "down", check=False)


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """Somebody else's process, whose pid a killed run's files happen to name."""
    with subprocess.Popen(SLEEP, start_new_session=True) as process:
        yield process
        process.kill()


@pytest.mark.local
@pytest.mark.slow
def test_from_the_remains_of_a_killed_run_to_nothing_left(state_dir: Path, stranger: subprocess.Popen[bytes]) -> None:
    # What a machine that lost its power leaves: files that name pids which are others' by now …
    stale = {"pid": stranger.pid, "started": 1.0, "control": "http://127.0.0.1:9"}
    (state_dir / "daemon.json").write_text(json.dumps(stale), encoding="utf-8")
    records = Records(state_dir / "processes.json")
    records.put("postgres", Identity(stranger.pid, 1.0))
    # … and what a killed daemon leaves where the kernel does not end its children: a process that is ours.
    orphan = subprocess.Popen(SLEEP, start_new_session=True, env={MARK: str(state_dir)})
    records.put("api", Identity.of(orphan.pid))

    assert "the local cloud is not running; start it with `python -m fastyle_localcloud up`" in localcloud(
        state_dir, "status", check=False
    )
    said = localcloud(state_dir, "up")
    assert "stopped api, left over from a killed run" in said
    assert orphan.wait(10) is not None
    assert stranger.poll() is None, "a pid alone does not make a process ours"

    processes = status(state_dir)
    assert {p["name"]: p["state"] for p in processes["processes"]} == dict.fromkeys(STAND_INS, "running")
    listening = {
        (c.laddr.ip.removeprefix("::ffff:"), c.laddr.port)  # gRPC's sockets write IPv4 so
        for process in family(state_dir)
        for c in process.net_connections()
        if c.status == psutil.CONN_LISTEN
    }
    assert {ip for ip, _ in listening} == {HOST}, "nothing is open to the network"
    assert {p["port"] for p in processes["processes"]} <= {port for _, port in listening}
    if os.geteuid() == 0:  # only root can be somebody else
        answers = {port: asked_by_another_user(port) for _, port in listening}
        assert {port: said for port, said in answers.items() if b" 200 " in said.partition(b"\r\n")[0]} == {}
        refusing = [said for said in answers.values() if said.startswith(b"HTTP/1.1 403 ")]
        assert len(refusing) >= 4, "control, storage, BigQuery and Pub/Sub's control speak HTTP"
    first = daemon(state_dir)
    assert first["pid"] == processes["pid"]
    assert "the local cloud is running" in localcloud(state_dir, "up")
    assert daemon(state_dir)["pid"] == first["pid"], "a second `up` starts nothing"

    # One stand-in dies: it comes back by itself, and `status` says why it went.
    pid = next(p["pid"] for p in processes["processes"] if p["name"] == "storage")
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        storage = next(p for p in status(state_dir)["processes"] if p["name"] == "storage")
        return bool(storage["state"] == "running" and storage["restarts"] == 1)

    wait_for(back, "storage is not started again")
    assert "last ended: signal 9 (SIGKILL)" in localcloud(state_dir, "status")
    assert "ended: signal 9 (SIGKILL)" in localcloud(state_dir, "logs", "storage")
    assert "there are: " in localcloud(state_dir, "logs", "nonsense", check=False)

    # The daemon dies: nothing outlives it, and the next one is where the first was.
    os.kill(first["pid"], signal.SIGKILL)
    wait_for(lambda: family(state_dir) == [], "the daemon's children outlive it")
    assert "not running" in localcloud(state_dir, "status", check=False)
    localcloud(state_dir, "up")
    second = daemon(state_dir)
    assert second["pid"] != first["pid"]
    addresses = ("control", "pubsub", "storage", "bigquery", "postgres", "provider_port")
    assert {key: second[key] for key in addresses} == {key: first[key] for key in addresses}

    ports = json.loads((state_dir / "ports.json").read_text(encoding="utf-8"))
    assert "the local cloud is stopped" in localcloud(state_dir, "down")
    assert family(state_dir) == []
    assert {name: port for name, port in ports.items() if not is_free(port)} == {}
    assert not (state_dir / "daemon.json").exists()
    assert localcloud(state_dir, "down").strip() == "the local cloud is stopped", "down twice is no failure"
    assert stranger.poll() is None
