"""The counters of stack `local`, read before and after: messages by the stand-in, processes by the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.google import request

COUNTERS = ("messages", "requests", "bytes", "billed_bytes")


@dataclass(frozen=True)
class Process:
    """What a process has used since its start: CPU with its children's, and what it has logged."""

    started: str  # another start is another count
    cpu_seconds: float
    log_bytes: int


@dataclass(frozen=True)
class Reading:
    """Counters at one moment, by topic, subscription and process."""

    topics: Mapping[str, Mapping[str, int]]
    subscriptions: Mapping[str, Mapping[str, int]]
    processes: Mapping[str, Process]

    @classmethod
    def take(cls, endpoints: Endpoints) -> Reading:
        traffic = request("GET", f"{endpoints.pubsub_control}/traffic")
        running = request("GET", f"{endpoints.control}/status", timeout=10)["processes"]
        processes = {p["name"]: _process(p) for p in running if p["pid"]}
        return cls(traffic["topics"], traffic["subscriptions"], processes)

    def since(self, before: Reading) -> Reading:
        """What was counted between two readings.

        Raises:
            OperatorError: a process was started again meanwhile, and with it its counters.
        """
        for name, process in self.processes.items():
            if name not in before.processes or before.processes[name].started != process.started:
                raise OperatorError(f"{name} was started again while metering; see `fastyle status`, and meter again")
        return Reading(
            _less(self.topics, before.topics),
            _less(self.subscriptions, before.subscriptions),
            {
                name: Process(
                    after.started,
                    after.cpu_seconds - before.processes[name].cpu_seconds,
                    after.log_bytes - before.processes[name].log_bytes,
                )
                for name, after in self.processes.items()
            },
        )


def _less(after: Mapping[str, Mapping[str, int]], before: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    return {
        name: {counter: counts[counter] - before.get(name, {}).get(counter, 0) for counter in COUNTERS}
        for name, counts in after.items()
    }


def _process(status: Mapping[str, Any]) -> Process:
    try:
        leader = psutil.Process(int(status["pid"]))
        cpu = 0.0
        for member in (leader, *leader.children(recursive=True)):
            times = member.cpu_times()
            cpu += times.user + times.system
        ended = leader.cpu_times()  # and of children that have ended
        cpu += getattr(ended, "children_user", 0.0) + getattr(ended, "children_system", 0.0)
        started = f"{leader.pid} {leader.create_time()}"
    except psutil.NoSuchProcess:
        raise OperatorError(f"{status['name']} has just ended; see `fastyle status`, and meter again") from None
    log = Path(status["log"])
    return Process(started, cpu, log.stat().st_size if log.exists() else 0)
