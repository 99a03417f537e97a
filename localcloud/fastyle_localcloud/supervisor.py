"""Keeps processes running: starts, health-checks, restarts what dies and says why, stops.

Every process leads a process group of its own, writes to `logs/<name>.log`, and is recorded by pid and start time.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import aiohttp

from fastyle_localcloud.process import ManagedProcess, ProcessSpec
from fastyle_localcloud.processes import Records, children_by_parent, stop_leftovers

_SAMPLE_SECONDS = 10.0  # the system's whole table of processes is read


class Supervisor:
    """The processes of one local cloud, by name. Use from one event loop; `close` before the loop ends."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.records = Records(state_dir / "processes.json")
        self._processes: dict[str, ManagedProcess] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._session: aiohttp.ClientSession | None = None
        self._sampler: asyncio.Task[None] | None = None

    async def open(self) -> list[str]:
        """Mend what a killed predecessor left (its processes are stopped); the names of those still running then."""
        leftovers = await asyncio.to_thread(stop_leftovers, self.records, self.state_dir)
        self._session = aiohttp.ClientSession(trust_env=False)
        self._sampler = asyncio.create_task(self._sample(), name="memory-sampler")
        return leftovers

    async def close(self) -> None:
        """Stop every process, the last started first of each kind: workloads before what they depend on."""
        for name in reversed(list(self._processes)):
            await self.remove(name)
        if self._sampler:
            self._sampler.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sampler
        if self._session:
            await self._session.close()

    async def ensure(self, spec: ProcessSpec) -> None:
        """Have `spec` running and healthy: start it, or replace the process of that name when its spec differs.

        Raises `StartFailed` with the end of its log. A process that was replaced is then started again, as a
        failed revision leaves the former one serving.
        """
        async with self._lock(spec.name):
            former = self._processes.get(spec.name)
            if former is not None and former.spec == spec:
                await former.healthy()
                return
            if former is not None:
                await former.stop()
            process = self._adopt(spec)
            try:
                await process.first_start()
            except BaseException:
                # Cancelled or failed: either way nothing half-started stays behind.
                await asyncio.shield(asyncio.ensure_future(process.stop()))
                del self._processes[spec.name]
                if former is not None:
                    self._adopt(former.spec).keep_running()
                raise

    async def start_unattended(self, spec: ProcessSpec) -> None:
        """Start `spec` without waiting for its health; it is restarted with back-off for as long as it fails."""
        async with self._lock(spec.name):
            former = self._processes.get(spec.name)
            if former is None or former.spec != spec:
                if former is not None:
                    await former.stop()
                self._adopt(spec).keep_running()

    async def remove(self, name: str) -> None:
        """Stop the process; none of that name is fine."""
        async with self._lock(name):
            process = self._processes.pop(name, None)
            if process is not None:
                await process.stop()

    def status(self) -> list[dict[str, Any]]:
        """Per process: name, pid, state, restarts, last_exit, rss and peak_rss (bytes), port, since."""
        return [process.status() for process in self._processes.values()]

    def spec(self, name: str) -> ProcessSpec | None:
        process = self._processes.get(name)
        return process.spec if process else None

    def _adopt(self, spec: ProcessSpec) -> ManagedProcess:
        assert self._session is not None, "open() comes first"
        process = ManagedProcess(spec, self.state_dir, self.records, self._session)
        self._processes[spec.name] = process
        return process

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def _sample(self) -> None:
        while True:
            children = await asyncio.to_thread(children_by_parent)
            for process in list(self._processes.values()):
                await asyncio.to_thread(process.sample_memory, children)
            await asyncio.sleep(_SAMPLE_SECONDS)
