"""Loopback ports by name: a name keeps its port over restarts, and two local clouds do not meet."""

from __future__ import annotations

import hashlib
import json
import socket
from pathlib import Path

from fastyle_localcloud.files import write_atomically

HOST = "127.0.0.1"
# Below the range (32768-60999 on Linux) from which outgoing connections take theirs: a port that a stopped
# process will want again is not given away meanwhile.
_FIRST, _LAST = 20_000, 32_000


class NoFreePortError(Exception):
    """Every port of the range is taken."""


class Ports:
    """`ports.get("bigquery")`: the recorded port, or a free one, recorded from now on.

    The search starts at a place derived from the folder and the name, so that two local clouds on one
    machine are unlikely to want the same one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def get(self, name: str) -> int:
        return self._ports[name] if name in self._ports else self.renew(name)

    def renew(self, name: str) -> int:
        """A free port instead of the recorded one, which a stranger has taken; one that cannot be written is not taken."""
        ports = {**self._ports, name: self._free(name)}
        write_atomically(self._path, json.dumps(ports, indent=2, sort_keys=True).encode())
        self._ports = ports
        return ports[name]

    def _free(self, name: str) -> int:
        seed = int.from_bytes(hashlib.sha256(f"{self._path}\0{name}".encode()).digest()[:4], "big")
        taken = set(self._ports.values())
        size = _LAST - _FIRST
        for offset in range(size):
            port = _FIRST + (seed + offset) % size
            if port not in taken and is_free(port):
                return port
        raise NoFreePortError(f"no free port from {_FIRST} to {_LAST} on {HOST}: stop a program that listens there")


def is_free(port: int) -> bool:
    """True when a server could listen on `port` of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
