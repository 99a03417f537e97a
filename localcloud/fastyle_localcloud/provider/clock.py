"""The local cloud's time: this machine's, and ahead of it by what Google would have taken for what was made here.

A database takes Google ten minutes and this machine a second. What Google refuses because too little time has passed
(`admission`) is judged by this clock, so that a program whose order is right passes without anybody waiting.
"""

from __future__ import annotations

import time

from fastyle_localcloud.provider.records import Records

_AHEAD = "clock.ahead_seconds"


class Clock:
    """One cloud's time, kept in its records: a restart does not turn it back."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @property
    def ahead(self) -> float:
        """Seconds between this machine's time and the cloud's."""
        return float(self._records.setting(_AHEAD) or 0)

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.ahead

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: it would run backwards.
        """
        if seconds < 0:
            raise ValueError(f"{seconds:g} seconds: the cloud's time does not run backwards")
        self._records.set(_AHEAD, str(self.ahead + seconds))
