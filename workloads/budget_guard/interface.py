"""Environment variables of the budget guard beside the common ones, its modes, and its log event."""

from __future__ import annotations

from enum import Enum
from typing import Final

MODE: Final = "GUARD_MODE"
BUDGET: Final = "GUARD_BUDGET"
JOBS: Final = "GUARD_JOBS"
DATABASE: Final = "GUARD_DATABASE"
DATABASE_JOB: Final = "GUARD_DATABASE_JOB"
DATABASE_STOP: Final = "GUARD_DATABASE_STOP"
DATABASE_START: Final = "GUARD_DATABASE_START"
EVENT: Final = "budget_guard"
"""The extra `event` of every line about a notice: alerts and people look for it."""


class Mode(Enum):
    """What the guard may do."""

    TELL = "tell"
    ACT = "act"
