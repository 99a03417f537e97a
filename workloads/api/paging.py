"""Lists: `{"items", "next_page_token", "as_of"}`, pages by key, answers that a client need not fetch twice."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from fastapi import Request, Response
from pydantic import PlainSerializer

from workloads.api.arguments import is_text
from workloads.api.errors import ApiError

MAX_PAGE_SIZE = 1000


def utc(moment: datetime) -> str:
    """RFC 3339 in UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Instant = Annotated[datetime, PlainSerializer(utc, return_type=str)]


def encode_token(*key: str) -> str:
    """Return an opaque token for the page after the row with this key."""
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).rstrip(b"=").decode()


def decode_token(token: str | None, parts: int) -> tuple[str, ...] | None:
    """Return the key in a page token, None without one.

    Raises:
        ApiError: 400, the token is not one of ours.
    """
    if token is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(p, str) and is_text(p) for p in key):
        raise foreign_token()
    return tuple(key)


def foreign_token() -> ApiError:
    """The refusal of a token that no page of the list has given out."""
    return ApiError(400, "page_token: is not a token of this list; leave it out to start again", "page_token")


def respond(request: Request, body: dict[str, Any]) -> Response:
    """Answer with JSON and an ETag of everything in the body but `as_of`; 304 when the client has it already."""
    stable = {name: value for name, value in body.items() if name != "as_of"}
    tag = f'W/"{hashlib.sha256(orjson.dumps(stable)).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    tags = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    if tag.removeprefix("W/") in tags or "*" in tags:
        return Response(status_code=304, headers=headers)
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)
