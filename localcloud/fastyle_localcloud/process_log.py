"""The log of one process: what it printed, with a line for every start and end."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

_TAIL_LINES, _TAIL_BYTES = 20, 64 * 1024
_MAX_BYTES = 20 * 1024 * 1024


class ProcessLog:
    """`logs/<name>.log` of the state folder, and one older file once it has grown."""

    def __init__(self, state_dir: Path, name: str) -> None:
        self.path = state_dir / "logs" / f"{name}.log"
        self._name = name
        self._start = 0  # where the last start's lines begin

    def begin(self, program: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size > _MAX_BYTES:
            self.path.replace(self.path.with_suffix(".log.1"))
        self.note(f"start: {program}")
        self._start = self.path.stat().st_size

    def note(self, text: str) -> None:
        """Add a line of ours, unless the disk is full: that must not end whoever keeps the process."""
        with contextlib.suppress(OSError), self.path.open("a") as log:
            log.write(f"--- {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {self._name} {text}\n")

    def tail(self) -> list[str]:
        """The last lines written since the last start."""
        try:
            with self.path.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(self._start, size - _TAIL_BYTES))
                return log.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
        except FileNotFoundError:
            return []
