"""Environment variables of the API beside the common ones, and who may check its callers."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

API_AUTH: Final = "API_AUTH"
LOCALE: Final = "LOCALE"


class ApiAuth(StrEnum):
    """Who checks the caller."""

    PLATFORM = "platform"  # Cloud Run's invoker check or IAP, before the request gets here
    TOKEN = "token"  # noqa: S105  (the API itself: a bearer token of CREDENTIALS_FILE)
