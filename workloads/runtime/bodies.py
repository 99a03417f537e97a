"""Reading an ASGI request's body: bounded in size and in time."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

SECONDS = 30.0


class BodyRefused(Exception):  # noqa: N818
    """The body is too large or too slow; `status` is the HTTP status."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status


async def read_body(request: Request, most: int, seconds: float = SECONDS) -> bytes:
    """Return the body of at most `most` bytes that arrives within so many seconds.

    Raises:
        BodyRefused: 413 or 408.
        ClientDisconnect: the sender hung up.
    """
    pieces, size = list[bytes](), 0
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                size += len(piece)
                if size > most:
                    raise BodyRefused(413, f"the body has more than {most:,} bytes")
                pieces.append(piece)
    except TimeoutError:
        raise BodyRefused(408, f"the body did not arrive within {seconds:g} s") from None
    return b"".join(pieces)
