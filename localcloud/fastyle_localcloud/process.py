"""One supervised process: its life from start to stop, and what is known of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from fastyle_localcloud.files import volume
from fastyle_localcloud.launch import launcher
from fastyle_localcloud.ports import HOST, is_free
from fastyle_localcloud.process_log import ProcessLog
from fastyle_localcloud.process_memory import ProcessMemory
from fastyle_localcloud.processes import MARK, Identity, Records, group_members, kill

Probe = Callable[[], Awaitable[None]]
"""Returns when healthy, raises when not."""

_BACK_OFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_ROOM_SECONDS = 0.5
_STEADY_SECONDS = 60.0  # healthy this long: the next death is a new story
_POLL_SECONDS = 0.05
_WATCH_SECONDS = 5.0
_PROBE_TIMEOUT_SECONDS = 5.0


class StartFailed(Exception):  # noqa: N818 (an event, named as the seam says)
    """A process did not become healthy. The message names it, why, and the end of its log."""


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """What to run. Two equal specs are the same process: `Supervisor.ensure` then has nothing to do.

    `env` is the whole environment, nothing is inherited. Healthy means: `probe()` returns, else `health_path`
    answers 2xx or 3xx on `port`, else `port` takes a connection.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    port: int
    health_path: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    start_seconds: float = 60.0
    unprivileged: bool = False
    """Not as root, even where we are root."""
    liveness_failures: int = 12
    """Kill after so many failed checks in a row, each of up to five seconds and five apart: after two minutes unless
    said otherwise, which a long statement or a suspended laptop must not reach. `unresponsive` from the first on."""
    probe: Probe | None = field(default=None, compare=False)


class ManagedProcess:
    """Runs `spec` until `stop`. Belongs to the event loop that started it."""

    def __init__(self, spec: ProcessSpec, state_dir: Path, records: Records, session: aiohttp.ClientSession) -> None:
        self.spec = spec
        self._state_dir = state_dir
        self._records = records
        self._session = session
        self._log = ProcessLog(state_dir, spec.name)
        self._process: asyncio.subprocess.Process | None = None
        self._identity: Identity | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._healthy = asyncio.Event()
        self._state = "starting"
        self._since = time.time()
        self._restarts = 0
        self._last_exit: dict[str, Any] | None = None
        self._killed: str | None = None  # why, when it was this class that ended it
        self._memory = ProcessMemory()

    async def first_start(self) -> None:
        """Start and wait for health; `StartFailed` when it exits or stays unhealthy. Then keep it running."""
        await self._spawn()
        await self._become_healthy()
        self._keeper = asyncio.create_task(self._keep(), name=f"keep-{self.spec.name}")

    def keep_running(self) -> None:
        """Start in the background and again after every death."""
        self._set("backing-off")
        self._keeper = asyncio.create_task(self._keep(), name=f"keep-{self.spec.name}")

    async def healthy(self) -> None:
        """Wait until it is healthy; `StartFailed` after `start_seconds`."""
        try:
            await asyncio.wait_for(self._healthy.wait(), self.spec.start_seconds)
        except TimeoutError:
            raise self._failure(f"keeps dying ({self._describe_exit()})") from None

    async def stop(self) -> None:
        while self._keeper and not self._keeper.done():
            # Again until it has ended: Python 3.11's `wait_for` can swallow a cancellation that meets its result.
            self._keeper.cancel()
            await asyncio.wait({self._keeper}, timeout=0.5)
        self._keeper = None
        await self._terminate()
        self._set("stopped")

    def status(self) -> dict[str, Any]:
        return {
            "name": self.spec.name,
            "pid": self._process.pid if self._running() and self._process else None,
            "state": self._state,
            "restarts": self._restarts,
            "last_exit": self._last_exit,
            "rss": self._memory.resident if self._running() else 0,
            "peak_rss": self._memory.peak,
            "port": self.spec.port,
            "since": _timestamp(self._since),
            "log": str(self._log.path),
        }

    def sample_memory(self, children: Mapping[int, list[psutil.Process]]) -> None:
        if self._identity and self._running():
            self._memory.sample(self._identity.pid, children)

    async def _keep(self) -> None:
        """Watch, restart, for ever: ends by cancellation only."""
        failures = 0
        while True:
            if self._running():
                healthy_at = time.monotonic()
                await self._watch()
                await self._note_death()
                if time.monotonic() - healthy_at > _STEADY_SECONDS:
                    failures = 0
                await self._back_off(failures)
            try:
                await self._spawn()
                await self._become_healthy()
            except (StartFailed, OSError) as error:  # OSError: a full disk, say; it is tried again until there is room
                self._log.note(f"start failed: {str(error).splitlines()[0]}")
                await self._terminate()
                failures += 1
                await self._back_off(failures)

    async def _back_off(self, failures: int) -> None:
        self._set("backing-off")
        wait = _BACK_OFF_SECONDS[min(failures, len(_BACK_OFF_SECONDS) - 1)]
        if volume(self._state_dir)["full"]:
            await self._room(wait)
        else:
            await asyncio.sleep(wait)
        self._restarts += 1

    async def _room(self, seconds: float) -> None:
        """Wait so long, or until the volume that was full has room: what failed for want of it then starts at once."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0 and volume(self._state_dir)["full"]:
            await asyncio.sleep(min(left, _ROOM_SECONDS))

    async def _spawn(self) -> None:
        spec = self.spec
        self._set("starting")
        if spec.port and not is_free(spec.port):
            raise StartFailed(f"{spec.name}: port {spec.port} is held by another program: stop it and try again")
        self._log.begin(spec.argv[0])
        argv = launcher(int(spec.stop_signal), unprivileged=spec.unprivileged) + spec.argv
        with self._log.path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=spec.cwd,
                env={**spec.env, MARK: str(self._state_dir)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        with contextlib.suppress(psutil.NoSuchProcess):  # gone already: nothing to record
            self._identity = Identity.of(self._process.pid)
            self._records.put(spec.name, self._identity)

    async def _become_healthy(self) -> None:
        deadline = time.monotonic() + self.spec.start_seconds
        problem = "no answer"
        while time.monotonic() < deadline:
            if not self._running():
                await self._note_death()
                raise self._failure(self._describe_exit())
            try:
                await asyncio.wait_for(self._probe(), _PROBE_TIMEOUT_SECONDS)
            except Exception as error:
                problem = str(error) or type(error).__name__
            else:
                if self._running():
                    self._set("running")
                    self._healthy.set()
                    return
            await asyncio.sleep(_POLL_SECONDS)
        raise self._failure(f"not healthy within {self.spec.start_seconds:g} s ({problem})")

    async def _watch(self) -> None:
        """Return when the process has ended, of itself or because it no longer answered."""
        assert self._process is not None
        ended = asyncio.create_task(self._process.wait())
        failed = 0
        try:
            while True:
                await asyncio.wait({ended}, timeout=_WATCH_SECONDS)
                if ended.done():
                    return
                try:
                    await asyncio.wait_for(self._probe(), _PROBE_TIMEOUT_SECONDS)
                except Exception as error:
                    failed += 1
                    self._set("unresponsive")
                    if failed >= self.spec.liveness_failures:
                        self._killed = f"killed after {failed} failed health checks: {error or type(error).__name__}"
                        self._log.note(self._killed)
                        self._process.kill()
                else:
                    failed = 0
                    self._set("running")
        finally:
            ended.cancel()

    async def _probe(self) -> None:
        spec = self.spec
        if spec.probe is not None:
            await spec.probe()
        elif spec.health_path is not None:
            async with self._session.get(f"http://{HOST}:{spec.port}{spec.health_path}") as response:
                if response.status >= 400:
                    raise ConnectionError(f"{spec.health_path} answers {response.status}")
        else:
            _, writer = await asyncio.open_connection(HOST, spec.port)
            writer.close()

    async def _terminate(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.spec.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), self.spec.stop_seconds)
            except TimeoutError:
                self._log.note(f"did not stop within {self.spec.stop_seconds:g} s: killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        await self._note_death()

    async def _note_death(self) -> None:
        """Once it has ended: clear up behind it, and keep why."""
        if self._process is None:
            return
        code = await self._process.wait()
        self._healthy.clear()
        if self._identity is not None:  # what it started and did not take along
            members = await asyncio.to_thread(group_members, self._identity, self._state_dir)
            await asyncio.to_thread(kill, members)
        with contextlib.suppress(OSError):  # a full disk; what is recorded of a dead process is found to be stale
            self._records.drop(self.spec.name)
        reason, self._killed = self._killed or _reason(code), None
        self._last_exit = {"reason": reason, "at": _timestamp(time.time()), "log": self._log.tail()}
        self._log.note(f"ended: {reason}")
        self._process = None

    def _running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def _set(self, state: str) -> None:
        if state != self._state:
            self._state, self._since = state, time.time()

    def _describe_exit(self) -> str:
        return self._last_exit["reason"] if self._last_exit else "no exit seen"

    def _failure(self, reason: str) -> StartFailed:
        tail = self._log.tail()
        return StartFailed("\n".join([f"{self.spec.name}: {reason}; log: {self._log.path}", *(f"  {x}" for x in tail)]))


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"signal {-code}"


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
