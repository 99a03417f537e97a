"""Environment variables of several workloads. The program sets them by these names; settings declare a field for each.

Standard library alone, as every `interface.py`: the program imports it without a workload's dependencies.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

PROJECT: Final = "GOOGLE_CLOUD_PROJECT"
TIMEZONE: Final = "TIMEZONE"
CURRENCY: Final = "CURRENCY"
LOG_LEVEL: Final = "LOG_LEVEL"
DATABASE_URL: Final = "DATABASE_URL"
DATABASE_AUTH: Final = "DATABASE_AUTH"
CREDENTIALS_FILE: Final = "CREDENTIALS_FILE"
BRAND: Final = "BRAND"
REORDER_POINT: Final = "REORDER_POINT"
MAX_DAYS_OF_COVER: Final = "MAX_DAYS_OF_COVER"
INVOKER_CHECK: Final = "INVOKER_CHECK"
GUARD_BUCKET: Final = "GUARD_BUCKET"
"""The memory of the budget guard: its own, and what a simulator asks before it trades."""


def topic(stream: str) -> str:
    """The variable with the full name of a stream's topic."""
    return f"{stream.upper()}_TOPIC"


def dead_letter_topic(stream: str) -> str:
    """The variable with the full name of a stream's dead-letter topic."""
    return f"{stream.upper()}_DEAD_LETTER_TOPIC"


class InvokerCheck(StrEnum):
    """Who verifies a request's identity token before the service sees it."""

    PLATFORM = "platform"
    NONE = "none"


class DatabaseAuth(StrEnum):
    """Where the password of a database user comes from."""

    IAM = "iam"
    NONE = "none"


class Role(StrEnum):
    """What a database user may do with the tables."""

    READER = "reader"
    WRITER = "writer"
