"""Reading a request's body: bounded, strict, and never at the expense of a neighbouring event."""

from __future__ import annotations

import json
import time
from typing import Any

from flask import Request
from werkzeug.exceptions import ClientDisconnected

from workloads.pos_api.connection import reading

MAX_BYTES = 8 * 1024 * 1024
MAX_EVENTS = 1000
# A body arrives within half a minute, and each piece of it within eight seconds: 8 KiB/s at least. The slowest mobile
# connection is faster, and a sender of single bytes keeps no thread.
BODY_SECONDS = 30.0
PIECE_SECONDS = 8.0
_PIECE = 64 * 1024
_MAX_INTEGER_DIGITS = 20


class BodyError(Exception):
    """The body as a whole is refused; `status` is the HTTP status."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


def read_json(request: Request) -> Any:
    """Return the parsed body; None when there is none.

    Raises:
        BodyError: 413 over 8 MiB, known before anything is parsed; 408 when it does not arrive in time; 400 when it
            is not JSON in UTF-8.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BodyError(400, "must not be compressed: send it without Content-Encoding")
    data = b"" if (request.content_length or 0) > MAX_BYTES else _read(request)
    if len(data) > MAX_BYTES or (request.content_length or 0) > MAX_BYTES:
        raise BodyError(413, f"must be at most {MAX_BYTES:,} bytes: send several requests")
    if not data:
        return None
    try:
        # Lone surrogates and NaN pass here and are refused in the event that holds them.
        return json.loads(data.decode("utf-8-sig"), parse_int=_integer)
    except UnicodeDecodeError as error:
        raise BodyError(400, f"must be JSON in UTF-8: byte {error.start:,} is not") from None
    except json.JSONDecodeError as error:
        raise BodyError(400, f"must be JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise BodyError(400, "must be JSON of a few levels: it is nested too deeply") from None


def as_events(body: Any) -> list[Any]:
    """Return a body, one event or an array of them, as a list.

    Raises:
        BodyError: 400 for nothing, 413 for more than 1,000 events.
    """
    events = body if isinstance(body, list) else [body]
    if body is None or not events:
        raise BodyError(400, "must hold an event, or an array of 1 to 1,000 events")
    if len(events) > MAX_EVENTS:
        raise BodyError(413, f"must hold at most {MAX_EVENTS:,} events, has {len(events):,}: send several requests")
    return events


def _read(request: Request) -> bytes:
    """The body, or the first byte too many of it."""
    pieces, size, ends = list[bytes](), 0, time.monotonic() + BODY_SECONDS
    while size <= MAX_BYTES:
        with reading(request, min(PIECE_SECONDS, ends - time.monotonic())) as piece:
            try:
                data = request.stream.read(min(_PIECE, MAX_BYTES + 1 - size))
            except (OSError, ClientDisconnected):  # closed, or its deadline ended it
                data = b""
                if not piece.expired:
                    raise BodyError(400, "ended before it was complete: send it again") from None
        if piece.expired:
            raise BodyError(
                408, f"must arrive within {BODY_SECONDS:g} s, {_PIECE // 1024} KiB of it in {PIECE_SECONDS:g} s"
            )
        if not data:
            break
        pieces.append(data)
        size += len(data)
    if request.content_length is not None and size < min(request.content_length, MAX_BYTES):
        raise BodyError(400, f"ended after {size:,} of {request.content_length:,} bytes: send it again")
    return b"".join(pieces)


def _integer(digits: str) -> int | float:
    # Python refuses integers of thousands of digits with an exception that would lose the whole body;
    # as a number that is no integer only its own event is refused.
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else float("inf")
