"""Resident memory of a process with its descendants: now, and at its greatest."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import psutil


class ProcessMemory:
    """Samples in bytes; pages that descendants share with it count once (PSS)."""

    def __init__(self) -> None:
        self.resident = 0
        self.peak = 0

    def sample(self, pid: int, children: Mapping[int, list[psutil.Process]]) -> None:
        """Look at a process and its descendants, by `processes.children_by_parent`; one that has ended keeps its figures."""
        with contextlib.suppress(psutil.Error):
            family = [psutil.Process(pid)]
            for member in family:  # which grows meanwhile
                family += children.get(member.pid, [])
            if len(family) == 1:
                self.resident = family[0].memory_info().rss
                self.peak = max(self.peak, self.resident, _high_water_mark(pid))
                return
            total = 0
            for member in family:
                with contextlib.suppress(psutil.Error):
                    usage = member.memory_full_info()
                    total += getattr(usage, "pss", usage.rss)
            self.resident, self.peak = total, max(self.peak, total)


def _high_water_mark(pid: int) -> int:
    """Linux's own record of the greatest resident size, which a sample may miss; 0 where there is none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
