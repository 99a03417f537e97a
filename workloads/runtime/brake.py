"""The budget guard's word on whether simulators may trade: a key of the document that is its memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from workloads.runtime.objects import ObjectFile

STATE_OBJECT = "state.json"
SIMULATORS, STOPPED, RUNNING = "simulators", "stopped", "running"
_SECONDS = 60.0


class Brake:
    """Asks the document, once a minute at most."""

    def __init__(self, file: Callable[[], ObjectFile], clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._clock = file, clock
        self._asked: tuple[float, bool] | None = None

    def on(self) -> bool:
        """Whether simulators are stopped. Without a document they are not: the guard has never acted.

        Raises:
            OSError: the document cannot be read; whoever costs money waits.
        """
        if self._asked is None or self._clock() - self._asked[0] >= _SECONDS:
            content, _ = self._file().read()
            self._asked = (self._clock(), content is not None and _stopped(content))
        return self._asked[1]


def _stopped(content: bytes) -> bool:
    try:
        return bool(json.loads(content)[SIMULATORS] == STOPPED)
    except (ValueError, KeyError, TypeError):
        raise OSError("the budget guard's memory is not its own document") from None
