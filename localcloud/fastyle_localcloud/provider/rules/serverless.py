"""Cloud Run, Cloud Functions, Cloud Scheduler, Artifact Registry."""

import re
from collections.abc import Iterator
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError

from fastyle_localcloud.provider.vocabulary import (
    Problem,
    Reference,
    Rules,
    between,
    blocks,
    check,
    duration,
    exactly_one,
    given,
    grant,
    labels,
    length,
    matches,
    one_of,
    ordered,
)
from fastyle_localcloud.provider.wire import UNKNOWN, Properties, dotted

_INGRESS = ("INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER")
_CPUS = frozenset({"1", "2", "4", "6", "8"})
_CONCURRENCY = "maxInstanceRequestConcurrency"
_MOST_MIB = {1: 4096, 2: 8192, 4: 16384, 6: 24576, 8: 32768}  # memory that so many CPUs take at most


def _memory(inputs: Properties) -> Iterator[Problem]:
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


def _concurrency(inputs: Properties) -> Iterator[Problem]:
    """An instance of less than a CPU takes one request at a time."""
    concurrency = next((block.get(_CONCURRENCY) for _, block in blocks(inputs, "template")), None)
    for _, limits in blocks(inputs, "template.containers.resources.limits"):
        cores = _cores(limits["cpu"]) if isinstance(limits.get("cpu"), str) else None
        if cores is not None and cores < 1 and isinstance(concurrency, int) and concurrency > 1:
            yield Problem(f"template.{_CONCURRENCY}", f"{concurrency} needs a whole CPU: under one it is 1")


def _mounts(inputs: Properties) -> Iterator[Problem]:
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


def _cron(line: str) -> bool:
    from datetime import UTC, datetime

    try:
        CronSim(line, datetime.now(UTC))
    except CronSimError:
        return False
    return True


_RUN_NAME = matches(
    "name", r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", "is not a service id: 49 at most, a-z, 0-9, -, a letter first"
)

RULES = {
    "cloudrunv2.Service": Rules(
        id="projects/{project}/locations/{location}/services/{name}",
        replaces=("project",),
        defaults={"deletionProtection": True},
        checks=(
            _RUN_NAME,
            labels(),
            one_of("ingress", *_INGRESS),
            between("template.maxInstanceRequestConcurrency", 1, 1000),
            duration("template.timeout", 1, 3600),
            between("template.containers.startupProbe.periodSeconds", 1, 240, "seconds"),
            between("template.containers.startupProbe.initialDelaySeconds", 0, 240, "seconds"),
            _memory,
            ordered("template.scaling", "minInstanceCount", "maxInstanceCount"),
            _concurrency,
            _mounts,
        ),
        outputs={
            "uri": lambda v: f"https://{v['name']}-{v['_number']}.{v['location']}.run.app",
            "latestReadyRevision": lambda v: f"{v['id']}/revisions/{v['name']}-00001",
            "uid": "{_unique}",
        },
        volatile=("latestReadyRevision", "latestCreatedRevision", "etag", "generation", "updateTime"),
    ),
    "cloudrunv2.ServiceIamMember": grant(
        "projects/{project}/locations/{location}/services/{name}",
        references=(
            Reference("name", "cloudrunv2.Service", "projects/{project}/locations/{location}/services/{value}"),
            # a function of the second generation has a service of its name
            Reference("name", "cloudfunctionsv2.Function", "projects/{project}/locations/{location}/functions/{value}"),
        ),
    ),
    "cloudfunctionsv2.Function": Rules(
        id="projects/{project}/locations/{location}/functions/{name}",
        replaces=("project",),
        checks=(
            matches(
                "name", r"[a-z][a-z0-9-]{2,61}[a-z0-9]", "is not a function id: 4 to 63 of a-z, 0-9, -, a letter first"
            ),
            labels(),
            matches(
                "buildConfig.runtime",
                r"(python|nodejs|go|java|dotnet|ruby|php)\d+",
                "is not a runtime such as python311",
            ),
            one_of("serviceConfig.ingressSettings", "ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"),
            between("serviceConfig.maxInstanceRequestConcurrency", 1, 1000),
            between("serviceConfig.timeoutSeconds", 1, 3600, "seconds"),
            matches("serviceConfig.availableMemory", r"\d+(M|G|Mi|Gi)", "is not an amount such as 512M"),
        ),
        outputs={
            "url": lambda v: f"https://{v['location']}-{v['project']}.cloudfunctions.net/{v['name']}",
            "state": "ACTIVE",
            "environment": "GEN_2",
        },
    ),
    "cloudfunctionsv2.FunctionIamMember": grant(
        # A function of the second generation is invoked through the service behind it.
        "projects/{project}/locations/{location}/services/{cloudFunction}",
        id="projects/{project}/locations/{location}/functions/{cloudFunction}/{role}/{member}",
    ),
    "cloudscheduler.Job": Rules(
        id="projects/{project}/locations/{region}/jobs/{name}",
        checks=(
            matches("name", r"[A-Za-z0-9_-]{1,500}", "is not a job id: letters, digits, _ and -"),
            exactly_one("", "httpTarget", "pubsubTarget", "appEngineHttpTarget"),
            check("schedule", _cron, "is not a unix-cron line"),
            check(
                "timeZone", lambda v: v in available_timezones() or v == "Etc/UTC", "is not a name of the tz database"
            ),
            duration("attemptDeadline", 15, 1800),
            between("retryConfig.retryCount", 0, 5),
            one_of("httpTarget.httpMethod", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
            matches("httpTarget.uri", r"https?://.+", "is not a URL"),
        ),
        outputs={"state": lambda v: "PAUSED" if v.get("paused") else "ENABLED"},
    ),
    "artifactregistry.Repository": Rules(
        id="projects/{project}/locations/{location}/repositories/{repositoryId}",
        replaces=("format", "location"),
        checks=(
            matches(
                "repositoryId",
                r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
                "is not a repository id: a-z, 0-9, -, a letter first",
            ),
            labels(),
            one_of("cleanupPolicies.action", "KEEP", "DELETE"),
            length("description", 0, 1024),
        ),
        defaults={"mode": "STANDARD_REPOSITORY"},
        outputs={"name": "{repositoryId}"},
    ),
    "artifactregistry.RepositoryIamMember": grant("projects/{project}/locations/{location}/repositories/{repository}"),
}
