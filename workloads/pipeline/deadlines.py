"""Deadlines of the calls to Google Cloud and Cloud SQL: none may hold a run for longer than the run has.

The client libraries retry for ten to forty minutes and wait for a socket without any limit. Here every request has a
limit of its own, no retry begins once the call's time is up, and a database that went silent (a stopped process keeps
its connections open, and its statements' limits are its own) loses its connection when the time is up.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from workloads.pipeline.attempts import TimeBox

log = logging.getLogger(__name__)

REQUEST_SECONDS = 60.0
"""BigQuery answers a wait for a job within 10 seconds, done or not: a request that takes this long is lost."""
GRACE_SECONDS = 60.0
"""After the end of the call: time for what is under way to end by itself."""


def bound(client: Any, box: TimeBox) -> None:
    """Limit every request that one of Google's clients sends from now on: to `REQUEST_SECONDS`, and to the time left.

    Once the time is up a request, a retry among them, raises `OutOfTime` in place of being sent; but for the one that
    cancels a job, which is how a call ends.
    """
    session = client._http
    send = session.request

    def limited(*arguments: Any, **options: Any) -> Any:
        url = str(options.get("url") or arguments[1])
        left = None if url.partition("?")[0].endswith("/cancel") else box.left()
        limit = REQUEST_SECONDS if left is None else min(REQUEST_SECONDS, left)
        asked = options.get("timeout")
        if isinstance(asked, tuple):
            options["timeout"] = tuple(min(part or limit, limit) for part in asked)
        else:
            options["timeout"] = min(asked or limit, limit)
        return send(*arguments, **options)

    session.request = limited


@contextmanager
def ended_by(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Cut the connection's socket after `seconds`: whoever waits for an answer gets an `OperationalError`."""
    handle = socket.socket(fileno=os.dup(connection.fileno()))

    def cut() -> None:
        log.error("the database does not answer: its connection is cut after %.0f s", seconds)
        with suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        handle.close()
