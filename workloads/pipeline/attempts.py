"""How long a call may take, and what is worth trying again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import requests
from google.api_core import exceptions as api
from google.auth.exceptions import TransportError

_REASONS = frozenset(
    [
        "backendError",
        "internalError",
        "jobBackendError",
        "jobInternalError",
        "jobRateLimitExceeded",
        "rateLimitExceeded",
        "tableUnavailable",
    ]
)
"""https://cloud.google.com/bigquery/docs/error-messages: those whose advice is to try again with back-off."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=1)


class OutOfTime(Exception):  # noqa: N818 - an outcome
    """The call's time is up: what is left is done by the next one."""


@dataclass(frozen=True)
class TimeBox:
    """How long a call may still take; without `seconds` as long as it likes."""

    seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "began", self.clock())

    def left(self) -> float | None:
        """Seconds until the time is up.

        Raises:
            OutOfTime: it is up.
        """
        if self.seconds is None:
            return None
        left = self.began + self.seconds - self.clock()
        if left <= 0:
            raise OutOfTime
        return left


def pause_before(attempt: int) -> timedelta:
    """How long to wait before the attempt of this number, of which the first is 1."""
    return min(FIRST_PAUSE * (1 << max(0, attempt - 2)), LONGEST_PAUSE)


def transient(error: BaseException) -> bool:
    """Whether the same again may well succeed."""
    if isinstance(error, psycopg.Error):
        # A lost connection is not: the lock went with it.
        return isinstance(error, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected)
    if isinstance(error, api.GoogleAPICallError):
        reasons = {fault.get("reason") for fault in error.errors or () if isinstance(fault, dict)}
        # BigQuery ends one of two transactions that change the same table, as an invalid query.
        aborted = "concurrent update" in str(error).lower() or "transaction is aborted" in str(error).lower()
        return isinstance(error, api.ServerError | api.TooManyRequests) or bool(reasons & _REASONS) or aborted
    return isinstance(error, api.RetryError | TransportError | requests.ConnectionError | requests.Timeout)
