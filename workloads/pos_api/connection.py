"""The connection under a request: how long a body may take to arrive, and what follows an answer to an unread one.

The function's server reads a body in a thread, as long as bytes come: a sender of one byte a second would keep that
thread. Here a watch stops the reading at a deadline; the answer can still be sent.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Request

_LOOK_SECONDS = 0.1
# A rest of the body that is under way with the request is read away after the answer, so that the connection serves
# the next request; of a longer or slower one the connection is closed.
_REST_SECONDS = 1.0
_CHUNK = 64 * 1024


class Reading:
    """One reading under a deadline. `expired` tells whether the deadline ended it."""

    def __init__(self, connection: Any, deadline: float) -> None:
        self.connection = connection
        self.deadline = deadline
        self.expired = False


class _Watch:
    """One thread that ends the readings whose deadline has passed. It runs only while there are some."""

    def __init__(self) -> None:
        self._readings: set[Reading] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, reading: Reading) -> None:
        with self._changed:
            self._readings.add(reading)
            if self._thread is None or not self._thread.is_alive():  # the server forks: a thread stays behind
                self._thread = threading.Thread(target=self._run, name="body-deadlines", daemon=True)
                self._thread.start()
            self._changed.notify()

    def remove(self, reading: Reading) -> None:
        with self._changed:
            self._readings.discard(reading)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._readings:
                    self._changed.wait()
                now = time.monotonic()
                for reading in [r for r in self._readings if r.deadline <= now]:
                    self._readings.discard(reading)
                    reading.expired = True
                    with contextlib.suppress(OSError):
                        reading.connection.shutdown(socket.SHUT_RD)  # a blocked read returns now
            time.sleep(_LOOK_SECONDS)


_watch = _Watch()


@contextlib.contextmanager
def reading(request: Request, seconds: float) -> Iterator[Reading]:
    """Read of the request's body within so many seconds; after them reads return nothing and `expired` is set."""
    current = Reading(connection_of(request), time.monotonic() + seconds)
    if current.connection is None:  # nothing to wait for
        yield current
        return
    _watch.add(current)
    try:
        yield current
    finally:
        _watch.remove(current)


def connection_of(request: Request) -> Any:
    """The request's socket, as gunicorn and Flask's own server tell it; None under a test client."""
    return request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")


def leave_rest(request: Request) -> Callable[[], None]:
    """Answer without the rest of the body; call what is returned when the answer has been sent.

    That reads away what the sender has sent already, or ends the connection: left unread, the bytes would make the
    system reset the connection, and the sender might lose the answer.
    """
    body = request.stream
    # The functions framework reads what is left of every body before it sends an answer: it finds nothing.
    request.stream = io.BytesIO()
    has_body = bool(request.content_length) or "chunked" in request.headers.get("Transfer-Encoding", "").lower()

    def finish() -> None:
        if connection_of(request) is None or not has_body:
            return
        with contextlib.suppress(OSError, ValueError), reading(request, _REST_SECONDS):
            while body.read(_CHUNK):
                pass

    return finish
