"""Environment variables of the API beside the common ones, who may check its callers, and which answers have no end."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

API_AUTH: Final = "API_AUTH"
LOCALE: Final = "LOCALE"
MAX_STREAMS: Final = "MAX_STREAMS"
STREAMED: Final = ("/v1/inventory/stream",)
"""Paths whose answers last as long as their reader stays: no measure of how quick the API is."""


class ApiAuth(StrEnum):
    """Who checks the caller."""

    PLATFORM = "platform"  # Cloud Run's invoker check or IAP, before the request gets here
    TOKEN = "token"  # noqa: S105  (the API itself: a bearer token of CREDENTIALS_FILE)
