"""The supervisor on real processes: what dies comes back, and it says why; what is stopped is gone, port and all."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from fastyle_localcloud import process as process_module
from fastyle_localcloud import processes
from fastyle_localcloud.ports import HOST, Ports, is_free
from fastyle_localcloud.process import ProcessSpec, StartFailed
from fastyle_localcloud.supervisor import Supervisor

pytestmark = pytest.mark.local

SERVER = """
import http.server, os, sys
print("serving", os.environ.get("COLOUR"), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            print("the server's last words", flush=True)
            os._exit(7)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ.get("COLOUR", "").encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
PARENT = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
exec(open(sys.argv[2]).read())
"""


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    made = Supervisor(tmp_path / "state")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def port(tmp_path: Path) -> int:
    return Ports(tmp_path / "ports.json").get("server")


@pytest.fixture
def spec(tmp_path: Path, port: int) -> ProcessSpec:
    script = tmp_path / "server.py"
    script.write_text(SERVER, encoding="utf-8")
    argv = (sys.executable, "-I", str(script), str(port))
    return ProcessSpec(name="server", argv=argv, env={"COLOUR": "red"}, cwd=tmp_path, port=port, health_path="/")


async def get(port: int, path: str = "/") -> str:
    """The body of an answer; raises ConnectionError when there is none."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        answer = (await reader.read()).decode()
    finally:
        writer.close()
    if not answer:
        raise ConnectionError("no answer")
    return answer.partition("\r\n\r\n")[2]


def commands_of_children() -> list[str]:
    """Command lines of all that runs below this process: others' children, which end when they like, are among it."""
    commands = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # also of one that has ended and was not waited for yet
            commands.append(" ".join(process.cmdline()))
    return commands


def alive(process: psutil.Process) -> bool:
    """Not ended: one that waits for its adoptive parent to take note has."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def crash(port: int) -> None:
    with pytest.raises(ConnectionError):
        await get(port, "/crash")


async def until(supervisor: Supervisor, name: str, **wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            process = next(s for s in supervisor.status() if s["name"] == name)
            if all(process[key] == value for key, value in wanted.items()):
                return process
            await asyncio.sleep(0.02)


async def test_what_crashes_is_started_again_with_its_exit_code_and_last_words(
    supervisor: Supervisor, spec: ProcessSpec, port: int
) -> None:
    await supervisor.ensure(spec)
    first = supervisor.status()[0]
    assert first["state"] == "running"
    assert first["last_exit"] is None
    await crash(port)
    again = await until(supervisor, "server", restarts=1, state="running")
    assert again["pid"] != first["pid"]
    assert again["last_exit"]["reason"] == "exit code 7"
    assert again["last_exit"]["log"][-1] == "the server's last words"
    assert await get(port) == "red"


async def test_what_is_killed_is_started_again_with_the_signals_name(supervisor: Supervisor, spec: ProcessSpec) -> None:
    await supervisor.ensure(spec)
    os.kill(supervisor.status()[0]["pid"], signal.SIGKILL)
    again = await until(supervisor, "server", restarts=1, state="running")
    assert again["last_exit"]["reason"] == "signal 9 (SIGKILL)"


async def test_what_never_starts_is_an_error_with_its_reason_and_its_words(
    supervisor: Supervisor, spec: ProcessSpec, tmp_path: Path, port: int
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no configuration: set COLOUR')", encoding="utf-8")
    with pytest.raises(StartFailed) as failure:
        await supervisor.ensure(replace(spec, argv=(sys.executable, "-I", str(broken))))
    words = str(failure.value)
    assert words.startswith("server: exit code 1; log: ")
    assert "no configuration: set COLOUR" in words
    assert supervisor.status() == []
    assert is_free(port)


async def test_what_starts_and_never_answers_is_given_up_and_stopped(
    supervisor: Supervisor, spec: ProcessSpec, port: int
) -> None:
    deaf = replace(spec, argv=(sys.executable, "-c", "import time; time.sleep(600)"), start_seconds=1.0)
    with pytest.raises(StartFailed, match=r"server: not healthy within 1 s \("):
        await supervisor.ensure(deaf)
    assert [command for command in commands_of_children() if "sleep(600)" in command] == []


async def test_it_waits_longer_after_each_failed_start(
    supervisor: Supervisor, spec: ProcessSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    ladder = process_module._BACK_OFF_SECONDS
    assert list(ladder) == sorted(ladder), "each wait is at least as long as the one before"
    assert ladder[-1] == 30.0
    original = asyncio.sleep

    async def noted(seconds: float) -> None:
        task = asyncio.current_task()
        if seconds in ladder and task and task.get_name().startswith("keep-"):  # not the sampler's
            waits.append(seconds)
            seconds = 0
        await original(seconds)

    monkeypatch.setattr(asyncio, "sleep", noted)
    await supervisor.start_unattended(replace(spec, argv=(sys.executable, "-I", "-c", "raise SystemExit(3)")))
    async with asyncio.timeout(30):
        while len(waits) < 4:
            await original(0.02)
    assert waits[:4] == list(ladder[1:5])
    process = supervisor.status()[0]
    assert process["last_exit"]["reason"] == "exit code 3"
    assert process["restarts"] >= 3


async def test_while_the_disk_is_full_it_is_tried_again_until_there_is_room(
    supervisor: Supervisor, spec: ProcessSpec, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of processes cannot be written meanwhile; the keeper must outlive that."""
    await supervisor.ensure(spec)

    def no_room(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(processes, "write_atomically", no_room)
        await crash(port)
        async with asyncio.timeout(30):
            while supervisor.status()[0]["restarts"] < 2:
                await asyncio.sleep(0.02)
    await until(supervisor, "server", state="running")


async def test_whoever_waits_for_a_process_that_keeps_dying_is_told(supervisor: Supervisor, spec: ProcessSpec) -> None:
    hopeless = replace(spec, argv=(sys.executable, "-I", "-c", "raise SystemExit(3)"), start_seconds=1.0)
    await supervisor.start_unattended(hopeless)
    with pytest.raises(StartFailed, match=r"server: keeps dying \(exit code 3\)"):
        await supervisor.ensure(hopeless)


async def test_the_same_spec_is_left_alone_and_another_replaces_it(
    supervisor: Supervisor, spec: ProcessSpec, port: int
) -> None:
    await supervisor.ensure(spec)
    pid = supervisor.status()[0]["pid"]
    await supervisor.ensure(replace(spec, env={"COLOUR": "red"}))
    assert supervisor.status()[0]["pid"] == pid
    await supervisor.ensure(replace(spec, env={"COLOUR": "blue"}))
    assert supervisor.status()[0]["pid"] != pid
    assert not psutil.pid_exists(pid)
    assert await get(port) == "blue"


async def test_a_replacement_that_fails_leaves_the_former_serving(
    supervisor: Supervisor, spec: ProcessSpec, port: int
) -> None:
    """As a failed revision does in the cloud."""
    await supervisor.ensure(spec)
    with pytest.raises(StartFailed):
        await supervisor.ensure(replace(spec, argv=(sys.executable, "-I", "-c", "raise SystemExit(1)")))
    await until(supervisor, "server", state="running")
    assert await get(port) == "red"


async def test_a_port_that_a_stranger_holds_is_named(supervisor: Supervisor, spec: ProcessSpec, port: int) -> None:
    words = rf"server: port {port} is held by another program: stop it"
    with socket.create_server((HOST, port)), pytest.raises(StartFailed, match=words):
        await supervisor.ensure(spec)
    await supervisor.ensure(spec)


async def test_what_it_starts_it_takes_along(
    supervisor: Supervisor, spec: ProcessSpec, tmp_path: Path, port: int
) -> None:
    """A server's own children end with it, by `remove` and by a crash alike."""
    parent = tmp_path / "parent.py"
    parent.write_text(PARENT, encoding="utf-8")
    family = replace(spec, argv=(sys.executable, "-I", str(parent), str(port), spec.argv[2]))
    await supervisor.ensure(family)
    children = psutil.Process(supervisor.status()[0]["pid"]).children()
    assert len(children) == 1
    await crash(port)
    again = await until(supervisor, "server", restarts=1, state="running")
    assert not alive(children[0])
    leader = psutil.Process(again["pid"])
    whole = [leader, *leader.children()]
    assert len(whole) == 2
    await supervisor.remove("server")
    assert [p for p in whole if alive(p)] == []
    assert is_free(port)


async def test_only_the_loopback_interface_is_listened_on(supervisor: Supervisor, spec: ProcessSpec) -> None:
    await supervisor.ensure(spec)
    listening = [
        c.laddr.ip
        for c in psutil.Process(supervisor.status()[0]["pid"]).net_connections()
        if c.status == psutil.CONN_LISTEN
    ]
    assert listening == [HOST]
