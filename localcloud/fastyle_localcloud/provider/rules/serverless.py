"""Cloud Run, Cloud Functions, Cloud Scheduler, Artifact Registry."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError

from fastyle_localcloud.provider.constraints import Problem, blocks, given
from fastyle_localcloud.provider.wire import UNKNOWN, Properties, dotted

_CPUS = frozenset({"1", "2", "4", "6", "8"})
_CONCURRENCY = "maxInstanceRequestConcurrency"
_MOST_MIB = {1: 4096, 2: 8192, 4: 16384, 6: 24576, 8: 32768}  # memory that so many CPUs take at most


def memory(inputs: Properties) -> Iterator[Problem]:
    """CPU and memory of a service go together."""
    for at, resources in blocks(inputs, "template.containers.resources"):
        limits = resources.get("limits")
        if not isinstance(limits, dict):
            continue
        cpu, memory = limits.get("cpu"), limits.get("memory")
        where = dotted((*at, "limits"))
        cores = _cores(cpu) if isinstance(cpu, str) else None
        mib = _mib(memory) if isinstance(memory, str) else None
        if isinstance(cpu, str) and (cores is None or (cores >= 1 and cpu not in _CPUS)):
            yield Problem(f"{where}.cpu", f"{cpu!r} is not a number of CPUs: 0.08 to 1, 1, 2, 4, 6 or 8")
        if isinstance(memory, str) and mib is None:
            yield Problem(f"{where}.memory", f"{memory!r} is not an amount such as 512Mi or 1Gi")
        if cores is not None and mib is not None:
            most = _MOST_MIB.get(int(cores), 4096) if cores >= 1 else (512 if cores < 0.5 else 1024)
            if mib > most:
                yield Problem(f"{where}.memory", f"{memory} is over {most} MiB, the most that {cpu} CPU takes")
        if "cpuIdle" not in resources:
            yield Problem(dotted((*at, "cpuIdle")), "must be said once resources are: else CPU is always on")


def _cores(cpu: str) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", cpu)
    return float(match[1]) / (1000 if match[2] else 1) if match else None


def _mib(memory: str) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(Mi|Gi|M|G)", memory)
    return float(match[1]) * {"Mi": 1, "Gi": 1024, "M": 10**6 / 2**20, "G": 10**9 / 2**20}[match[2]] if match else None


def concurrency(inputs: Properties) -> Iterator[Problem]:
    """An instance of less than a CPU takes one request at a time."""
    concurrency = next((block.get(_CONCURRENCY) for _, block in blocks(inputs, "template")), None)
    for _, limits in blocks(inputs, "template.containers.resources.limits"):
        cores = _cores(limits["cpu"]) if isinstance(limits.get("cpu"), str) else None
        if cores is not None and cores < 1 and isinstance(concurrency, int) and concurrency > 1:
            yield Problem(f"template.{_CONCURRENCY}", f"{concurrency} needs a whole CPU: under one it is 1")


def mounts(inputs: Properties) -> Iterator[Problem]:
    volumes = {volume.get("name") for _, volume in blocks(inputs, "template.volumes")}
    for at, mount in blocks(inputs, "template.containers.volumeMounts"):
        if mount.get("name") not in volumes and mount.get("name") is not UNKNOWN:
            yield Problem(dotted(at), f"there is no volume {mount.get('name')!r}")
    for at, env in blocks(inputs, "template.containers.envs"):
        if given(env, "value") and given(env, "valueSource"):
            yield Problem(dotted(at), "has a value and a source: one of them")
    for at, container in blocks(inputs, "template.containers"):
        if given(container, "sourceCode") and not given(container, "baseImageUri"):
            yield Problem(dotted((*at, "sourceCode")), "needs baseImageUri, the runtime it runs on")


def is_cron(line: str) -> bool:
    try:
        CronSim(line, datetime.now(UTC))
    except CronSimError:
        return False
    return True


def is_time_zone(name: Any) -> bool:
    return name in available_timezones() or name == "Etc/UTC"


def state_of_job(values: Properties) -> str:
    return "PAUSED" if values.get("paused") else "ENABLED"
