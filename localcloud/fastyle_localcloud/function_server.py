"""Google's functions framework behind a front end: `python -I function_server.py FOLDER LIBRARIES OPTION…`.

A script of its own: it runs with the packages of the deployed archive and with nothing of this one.

In the cloud a container sees a request once its head is complete; who sends a head slowly is Google's front end's to bear.
The framework's server alone would give each such sender a thread for as long as bytes come. Here a head is gathered
without a thread, and its connection is closed when it does not become complete in time.

That front end also refuses what no instance has room for. Here a request that has waited for a thread for too long is
refused with 503: under more load than the function can bear, senders are told so instead of waiting without an end.

Requests of another user of this machine are refused with 403: the cloud has no other user behind its front end.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

HEAD_SECONDS = 5.0
HEAD_BYTES = 64 * 1024
WAIT_SECONDS = 2.0
CONNECTIONS = 10_000  # open ones: further senders would wait where nobody can refuse them
_END = b"\r\n\r\n"


def refusal(status: int, title: str, detail: str, *headers: str) -> bytes:
    """An answer that ends its connection, with a problem document (RFC 9457)."""
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail})
    kind = ["Content-Type: application/problem+json", "Connection: close", f"Content-Length: {len(body)}"]
    return "\r\n".join([f"HTTP/1.1 {status} {title}", *headers, *kind, "", body]).encode()


BUSY = refusal(503, "Service Unavailable", "too many requests: send it again", "Retry-After: 1")


def beside_this_file(name: str) -> Any:
    """A module of this folder, which is on no import path here."""
    module = ModuleType(name)
    SourceFileLoader(name, str(Path(__file__).with_name(f"{name}.py"))).exec_module(module)
    return module


def gather_heads() -> None:
    """Have gunicorn's worker put a connection back to its poller until the head of the request is there."""
    from gunicorn.workers import gthread  # type: ignore[import-untyped]

    callers = beside_this_file("socket_owner")
    users, foreign = callers.Users(), refusal(403, "Forbidden", callers.FOREIGN)

    class Connection(gthread.TConn):  # type: ignore[misc]
        head = b""
        began: float | None = None  # by the monotonic clock: the first byte of the head that is being gathered
        queued = 0.0  # by the monotonic clock: when it began to wait for a thread
        allowed: bool | None = None  # whether its other end may ask; None until the system was asked

        def gather(self) -> bool | None:
            """Whether the head is complete; None when there is nothing to wait for any more."""
            self.sock.setblocking(False)
            if self.initialized:  # what came with the request before
                self.head += self.parser.unreader.take_buffered()
            closed = False
            try:
                while _END not in self.head and len(self.head) < HEAD_BYTES and not closed:
                    piece = self.sock.recv(HEAD_BYTES)
                    self.head, closed = self.head + piece, not piece
            except BlockingIOError:
                pass
            if _END in self.head or len(self.head) >= HEAD_BYTES:  # too long a head is the parser's to refuse
                return True
            now = time.monotonic()
            self.began = self.began or now
            return None if closed or now - self.began > HEAD_SECONDS else False

        def close(self, graceful: bool = False) -> None:
            """Without lingering where no answer was sent: the poller itself would wait for the slow sender's end."""
            super().close(graceful=graceful and self.began is None)

        def hand_over(self) -> None:
            """Give what was gathered to the parser."""
            self.sock.setblocking(True)
            self.init()
            self.parser.unreader.unread(self.head)
            self.head, self.began = b"", None

        def refuse(self, answer: bytes) -> None:
            """Answer without a look at the request; what was sent of it is read, or the answer would be lost."""
            self.sock.sendall(answer)
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while self.sock.recv(HEAD_BYTES):
                    pass
            self.began = time.monotonic()  # closed without lingering

    class Worker(gthread.ThreadWorker):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.worker_connections = CONNECTIONS
            self.max_keepalived = CONNECTIONS - self.cfg.threads

        def enqueue_req(self, conn: Any) -> None:
            conn.queued = time.monotonic()
            super().enqueue_req(conn)

        def handle(self, conn: Any) -> Any:
            waited = time.monotonic() - conn.queued
            try:
                if conn.allowed is None:
                    conn.allowed = users.allowed(conn.client[1], conn.server[1])
                complete = conn.gather()
                if complete and (waited > WAIT_SECONDS or not conn.allowed):
                    conn.refuse(BUSY if conn.allowed else foreign)
                    return False
                if complete:
                    conn.hand_over()
            except OSError:
                complete = None
            if complete is None:
                return False
            return super().handle(conn) if complete else gthread._DEFER

    gthread.TConn, gthread.ThreadWorker = Connection, Worker


def main() -> None:
    folder, libraries, *options = sys.argv[1:]
    sys.path[:0] = [folder, libraries]
    gather_heads()
    from functions_framework._cli import _cli

    sys.argv = ["functions-framework", *options]
    _cli()


if __name__ == "__main__":
    main()
