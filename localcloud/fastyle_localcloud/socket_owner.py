"""Whose socket is at the other end of a loopback connection, as Linux says.

The standard library alone: `function_server.py` reads this file without its package.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
NOBODY = -1
"""The owner of a socket that is closed: Linux no longer says whose it was, or says root."""

FOREIGN = "the local cloud belongs to another user of this machine"

_ROOT = 0
_LISTEN = b"0A"  # the state of a listening socket
_LOOPBACK = socket.inet_aton("127.0.0.1")
_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY, as a question and as its answer; sock_diag(7)
_OWNER_OFFSET = 80  # idiag_uid and idiag_inode, behind the header and the connection


def owner(client: int, server: int | None, tables: tuple[Path, ...] = TABLES) -> int | None:
    """The user of the socket on port `client` that is connected to port `server`; None where the system does not say.

    Without `server`, or where the kernel answers no questions, the tables of all connections are searched, which takes
    a thousand times as long on a machine with many of them.
    """
    if server is not None and (user := _asked(client, server)) is not None:
        return user
    return _listed(client, tables)


def _asked(client: int, server: int) -> int | None:
    """The answer to a question about one connection; None where none is given."""
    ends = struct.pack("!HH4s12x4s12x", client, server, _LOOPBACK, _LOOPBACK)
    anywhere = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)  # any interface, any cookie
    question = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + ends + anywhere
    header = struct.pack("=IHHII", 16 + len(question), _BY_FAMILY, 1, 1, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
            kernel.setblocking(False)
            kernel.send(header + question)
            answer = kernel.recv(4096)
    except (AttributeError, OSError):  # not Linux, or not allowed
        return None
    (kind,) = struct.unpack_from("=H", answer, 4)
    if kind != _BY_FAMILY:
        return None
    return _owner(*struct.unpack_from("=II", answer, _OWNER_OFFSET))


def _listed(client: int, tables: tuple[Path, ...]) -> int | None:
    """The first table's line about a port that does not listen."""
    # sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
    port, absent = b":%04X " % client, None
    for table in tables:
        try:
            text = table.read_bytes()
        except OSError:
            continue
        absent = NOBODY
        for match in re.finditer(re.escape(port), text):
            begin = text.rfind(b"\n", 0, match.start()) + 1
            fields = text[begin : text.find(b"\n", begin)].split()
            if fields[1].endswith(port.strip()) and fields[3] != _LISTEN:
                return _owner(int(fields[7]), int(fields[9]))
    return absent


def _owner(user: int, inode: int) -> int:
    return NOBODY if user == 0 and inode == 0 else user


class Users:
    """Whose programs are at the other end of this process's loopback connections.

    Where the system does not say (macOS) every user counts as this one.
    """

    def __init__(self, tables: tuple[Path, ...] = TABLES, own: int | None = None) -> None:
        self._tables = tables
        self._allowed = {_ROOT, os.getuid() if own is None else own, None}

    def allowed(self, port: int, server: int | None = None) -> bool:
        """Whether the socket on loopback `port`, the client's end, belongs to this user or to root.

        `server` is this process's end. One that is closed already is nobody's: a client that does not wait for an
        answer is not told from another user's.
        """
        return owner(port, server, self._tables) in self._allowed
