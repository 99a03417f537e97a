"""What the requests of Cloud Storage's API have in common: parameters, bodies, errors."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import IO, Any

from aiohttp import web

CHUNK = 1 << 20
"""Bytes of a content that are in memory at once."""

Attributes = dict[str, Any]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_IN_THE_WAY = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY)


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """The rest of `file`, `CHUNK` bytes at a time."""
    return iter(lambda: file.read(CHUNK), b"")


class Refused(Exception):  # noqa: N818 - an answer
    """An answer that is an error."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@web.middleware
async def answered(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Errors, written as Cloud Storage does."""
    try:
        return await handler(request)
    except Refused as refused:
        error = refused
    except ConnectionError:  # the client has gone: nobody reads the answer
        return web.Response(status=499)
    except OSError as failed:
        error = _explained(failed)
    if error.status == 304:
        return web.Response(status=304)
    described = {"message": str(error), "domain": "global", "reason": error.reason}
    told = {"error": {"code": error.status, "message": str(error), "errors": [described]}}
    return web.json_response(told, status=error.status)


def _explained(error: OSError) -> Refused:
    if error.errno in _FULL:
        return Refused(503, "backendError", "the volume of the Cloud Storage stand-in is full")
    if error.errno in _IN_THE_WAY:
        return Refused(400, "invalid", "an object cannot have a name that is a folder of another one's, here")
    return Refused(503, "backendError", f"the Cloud Storage stand-in cannot use its files: {error.strerror}")


async def not_served(request: web.Request) -> web.Response:
    """The answer to what this server does not know."""
    raise Refused(501, "notImplemented", f"the Cloud Storage stand-in does not serve {request.method} {request.path}")


def whole_number(parameters: Mapping[str, Any], name: str) -> int | None:
    """The parameter as a number; None without it."""
    if (text := parameters.get(name)) is None:
        return None
    if not re.fullmatch(r"\d{1,18}", str(text), re.ASCII):
        raise Refused(400, "invalid", f"{name} is {str(text)[:40]!r}, which is no whole number")
    return int(text)


def parsed(text: bytes | bytearray) -> Attributes:
    """The JSON object of a body; an empty one where there is none."""
    try:
        decoded = json.loads(text or b"{}")
    except ValueError as error:
        raise Refused(400, "parseError", f"Parse Error: {error}") from None
    if not isinstance(decoded, dict):
        raise Refused(400, "parseError", "Parse Error: not an object")
    return decoded


def merged(former: Attributes, change: Attributes) -> Attributes:
    """What a patch makes of `former`: null removes, and an object is patched itself."""
    result = dict(former)
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, dict) else {}, value)
        else:
            result[name] = value
    return result
