"""Which processes are ours: pid and start time on disk, so that a killed daemon's children are found again.

A pid alone may by now be somebody else's. A process is ours when its start time is the recorded one too;
a member of its process group when the leader is ours, or when it carries our mark in its environment.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import psutil

from fastyle_localcloud.files import write_atomically

MARK = "LOCALCLOUD_STATE"
"""Environment variable of every process we start: the state folder."""
PROGRESS = "==> "  # lines of the daemon's log that `up` shows

# psutil derives the start time from the boot time, which a corrected clock moves a little.
_CLOCK_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same pid."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity:
        return cls(pid, psutil.Process(pid).create_time())

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _CLOCK_TOLERANCE_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def lock(state_dir: Path) -> IO[str] | None:
    """The daemon's lock, held by this process from now on; None when another holds it."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = (state_dir / "daemon.lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


class Records:
    """The running processes by name, in one small file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Identity]:
        try:
            return {name: Identity(**record) for name, record in json.loads(self._path.read_text()).items()}
        except FileNotFoundError:
            return {}

    def put(self, name: str, identity: Identity) -> None:
        self._write({**self.read(), name: identity})

    def drop(self, name: str) -> None:
        records = self.read()
        if records.pop(name, None):
            self._write(records)

    def _write(self, records: dict[str, Identity]) -> None:
        content = {name: asdict(identity) for name, identity in records.items()}
        write_atomically(self._path, json.dumps(content, indent=2).encode())


def children_by_parent() -> dict[int, list[psutil.Process]]:
    """Every process of the system by its parent's pid, from one look at the table of all."""
    children: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["ppid"]):
        children.setdefault(process.info["ppid"], []).append(process)
    return children


def group_members(leader: Identity, state_dir: Path) -> list[psutil.Process]:
    """The living members of the process group that `leader` started, itself included."""
    leader_alive = leader.alive()
    if not leader_alive and psutil.pid_exists(leader.pid):
        with contextlib.suppress(psutil.Error):
            if psutil.Process(leader.pid).status() != psutil.STATUS_ZOMBIE:
                return []  # the pid, and with it the group's number, is a stranger's now
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) != leader.pid or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if leader_alive or process.environ().get(MARK) == str(state_dir):
                members.append(process)
    return members


def stop_group(leader: Identity, state_dir: Path, *, stop_signal: int = signal.SIGTERM, grace: float = 10.0) -> bool:
    """Stop a group that is not (or no longer) our child: politely, then for good. True when there was one."""
    members = group_members(leader, state_dir)
    if not members:
        return False
    first = next((m for m in members if m.pid == leader.pid), None)
    for process in [first] if first else members:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(stop_signal)
    _, stubborn = psutil.wait_procs(members, timeout=grace)
    kill(stubborn)
    return True


def kill(processes: Sequence[psutil.Process], *, patience: float = 5.0) -> None:
    """Kill, and return when they have ended: until then a killed process still holds its port."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + patience
    while any(map(_runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    """Not ended: one that only waits for its adoptive parent to take note has."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop_leftovers(records: Records, state_dir: Path) -> list[str]:
    """Stop what a killed daemon left behind; the names that were still running."""
    leftovers = []
    for name, identity in records.read().items():
        if stop_group(identity, state_dir):
            leftovers.append(name)
        with contextlib.suppress(OSError):  # a full disk; the record of what has ended is found to be stale
            records.drop(name)
    return leftovers


def wait_gone(identity: Identity, timeout: float) -> bool:
    """True once the process has ended, False after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while identity.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
