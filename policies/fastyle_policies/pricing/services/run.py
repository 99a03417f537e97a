"""Cloud Run services of both APIs and jobs, and functions of the second generation, which are Cloud Run services with a build."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from pydantic import Field

from fastyle_policies.model import UNKNOWN, dig, flag
from fastyle_policies.pricing.lines import SECONDS, amount, total
from fastyle_policies.pricing.services.base import (
    Bill,
    NotPricedError,
    Usage,
    holds_unknown,
    prices,
    size_of,
    text,
    usage_key,
)
from fastyle_policies.pricing.services.machines import NUMBERS

SERVICE = "gcp:cloudrunv2/service:Service"
JOB = "gcp:cloudrunv2/job:Job"
FUNCTION = "gcp:cloudfunctionsv2/function:Function"
SERVICE_V1 = "gcp:cloudrun/service:Service"
# Rates of vCPUs and memory while an instance waits, serves requests, or is billed for as long as it is there.
_IDLE = ("run.idle-cpu", "run.idle-memory")
_REQUEST = ("run.request-cpu", "run.request-memory")
_INSTANCE = ("run.instance-cpu", "run.instance-memory")
Size = tuple[Decimal, Decimal]  # vCPUs, GiB of memory
JOB_MINIMUM_SECONDS = Decimal(60)
_UNITS = {"": Decimal(1), "K": Decimal(10) ** 3, "M": Decimal(10) ** 6, "G": Decimal(10) ** 9}
_UNITS |= {"Ki": Decimal(1024), "Mi": Decimal(1024) ** 2, "Gi": Decimal(1024) ** 3, "k": Decimal(10) ** 3}


class TrafficUsage(Usage):
    monthly_requests: Decimal = usage_key("requests")
    request_ms: Decimal = usage_key(
        "milliseconds an instance is busy with a request; billed in steps of 100", default=100
    )
    requests_at_once: Decimal = Field(
        default=Decimal(1), ge=1, description="requests that an instance serves at once, on average while it serves any"
    )
    monthly_instance_seconds: Decimal | None = usage_key(
        "seconds in which an instance serves something; instead of the three above", default=None
    )
    monthly_log_gib: Decimal = usage_key("GiB of logs written")
    monthly_egress_gib: Decimal = usage_key("GiB sent to the internet")


class FunctionUsage(TrafficUsage):
    monthly_builds: Decimal = usage_key("deployments: each is a build")
    build_minutes: Decimal = usage_key("minutes of a build", default=3)


class JobUsage(Usage):
    monthly_executions: Decimal = usage_key("executions")
    task_seconds: Decimal = usage_key("seconds of a task; 60 at least are billed", default=60)
    monthly_log_gib: Decimal = usage_key("GiB of logs written")


def cpus(value: Any) -> Decimal:
    """vCPUs of `2`, `"0.5"` or `"500m"`."""
    text_ = str(value)
    return amount(text_[:-1]) / 1000 if text_.endswith("m") else amount(text_)


def gibibytes(value: Any) -> Decimal:
    """GiB of `512Mi`, `1G` or a number of bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(Ki|Mi|Gi|k|K|M|G)?", str(value))
    if not match:
        raise NotPricedError(f"memory is {str(value)[:40]!r}, which is no quantity")
    return amount(match[1]) * _UNITS[match[2] or ""] / _UNITS["Gi"]


@prices(SERVICE)
def service(bill: Bill, usage: TrafficUsage) -> None:
    template = bill.resource.get("template")
    _no_accelerator(bill.get("template.nodeSelector") if template is not UNKNOWN else None)
    containers = _containers(bill, template)
    size = _limits(bill, containers)
    always = any(_cpu_always(bill, container) for container in containers)
    if bill.value("scaling.scalingMode", "AUTOMATIC") == "MANUAL":
        fixed = bill.number("scaling.manualInstanceCount", 1)
        _traffic(bill, usage, size, fixed, always, most=fixed)
        return
    minimum = max(
        bill.number("template.scaling.minInstanceCount", 0),
        bill.number("scaling.minInstanceCount", 0),
    )
    _traffic(bill, usage, size, minimum, always)


def _cpu_always(bill: Bill, container: Any) -> bool:
    """Whether a container has its CPU at all times, which is instance-based billing.

    The provider's `cpuIdle` is true only where `resources` is not set at all; where it is set, the CPU stays on unless
    `cpuIdle` is true (cloudrunv2 Service, "resources.cpuIdle").
    """
    resources = dig(container, "resources")
    if resources is UNKNOWN or dig(resources, "cpuIdle") is UNKNOWN:
        bill.note("whether its CPU is always on is secret or known only at update; reckoned with always")
        return True
    return isinstance(resources, dict) and flag(resources.get("cpuIdle")) is not True


@prices(FUNCTION)
def function(bill: Bill, usage: FunctionUsage) -> None:
    memory = _memory(bill, bill.value("serviceConfig.availableMemory", "256M"))
    asked = bill.get("serviceConfig.availableCpu")
    vcpu = cpu_of_memory(memory) if asked is None else _cpu(bill, asked)
    _traffic(bill, usage, (vcpu, memory), bill.number("serviceConfig.minInstanceCount", 0), always=False)
    if usage.monthly_builds:
        minutes = usage.monthly_builds * usage.build_minutes
        words = f"{text(usage.monthly_builds)} builds x {text(usage.build_minutes)} minutes"
        bill.add("build.minute", minutes, words, name="Builds", usage=True)


def cpu_of_memory(gib: Decimal) -> Decimal:
    """vCPUs that a function gets with its memory where it asks for none."""
    return next(Decimal(vcpus) for most, vcpus in NUMBERS["function_vcpus"].items() if gib <= Decimal(most))


@prices(JOB)
def job(bill: Bill, usage: JobUsage) -> None:
    _no_accelerator(bill.get("template.template.nodeSelector"))
    size = _limits(bill, _containers(bill, bill.resource.get("template.template")))
    tasks = bill.number("template.taskCount", 1)
    seconds = usage.monthly_executions * tasks * max(usage.task_seconds, JOB_MINIMUM_SECONDS)
    words = f"{text(usage.monthly_executions)} executions x {text(tasks)} tasks x max({text(usage.task_seconds)}, 60) s"
    _compute(bill, _INSTANCE, seconds, words, size, usage=True)
    bill.logs(usage.monthly_log_gib)


def _traffic(
    bill: Bill, usage: TrafficUsage, size: Size, minimum: Decimal, always: bool, most: Decimal | None = None
) -> None:
    """Lines of a service: what runs always, what requests add; `most` instances at any time where that is fixed.

    A minimum instance costs the idle rate while it waits and the active rate while it serves, never both: the idle
    seconds are what is left of the month, as on the bill.
    """
    if usage.monthly_instance_seconds is None:
        busy = (usage.request_ms / 100).to_integral_value(ROUND_CEILING) / 10
        seconds = usage.monthly_requests * busy / usage.requests_at_once
        words = f"{text(usage.monthly_requests)} requests x {text(busy)} s / {text(usage.requests_at_once)} at once"
    else:
        seconds = usage.monthly_instance_seconds
        words = f"{text(seconds)} instance-seconds"
    warm = minimum * SECONDS
    if most is not None and seconds > most * SECONDS:
        seconds = most * SECONDS
        words = f"{text(seconds)} s, all that {text(most)} instances have"
    if always:
        extra = max(seconds - warm, Decimal(0))
        kept = f"{text(minimum)} minimum instances x {text(SECONDS)} s"
        if minimum:
            _compute(bill, _INSTANCE, warm, kept, size, ", always on")
        beyond = f"({words}) beyond {text(warm)} s of minimum instances"
        _compute(bill, _INSTANCE, extra, beyond, size, usage=True)
    else:
        if minimum:
            idle = max(warm - seconds, Decimal(0))
            left = f"({text(minimum)} minimum instances x {text(SECONDS)} s - {text(min(seconds, warm))} s serving)"
            _compute(bill, _IDLE, idle, left, size, ", idle minimum instances")
        _compute(bill, _REQUEST, seconds, words, size, usage=True)
        bill.used_if_any("run.requests", usage.monthly_requests, "requests", name="Requests")
    bill.logs(usage.monthly_log_gib)
    bill.egress(usage.monthly_egress_gib)


def _compute(
    bill: Bill, rates: tuple[str, str], seconds: Decimal, words: str, size: Size, kind: str = "", usage: bool = False
) -> None:
    """A line of vCPUs and one of memory, for as many seconds of instances."""
    vcpu, memory = size
    bill.add(rates[0], seconds * vcpu, f"{words} x {text(vcpu)} vCPU", name=f"CPU{kind}", usage=usage)
    bill.add(rates[1], seconds * memory, f"{words} x {text(memory)} GiB", name=f"Memory{kind}", usage=usage)


def _containers(bill: Bill, template: Any) -> list[Any]:
    declared = dig(template, "containers")
    if template is UNKNOWN or declared is UNKNOWN:
        bill.note("its containers are secret or known only at update; reckoned with one of 1 vCPU and 512 MiB")
        return [{}]
    if not isinstance(declared, list | None):
        raise NotPricedError("its containers are no list")
    return declared or [{}]


def _limits(bill: Bill, containers: list[Any]) -> Size:
    """vCPUs and GiB that containers are limited to together."""
    cpus = total(_cpu(bill, _limit(container, "cpu", "1")) for container in containers)
    return cpus, total(_memory(bill, _limit(container, "memory", "512Mi")) for container in containers)


def _limit(container: Any, key: str, default: str) -> Any:
    value = dig(container, f"resources.limits.{key}")
    return default if value is None else value


def _no_accelerator(selector: Any) -> None:
    if selector:
        raise NotPricedError("the price book has no rates for GPUs")


def _cpu(bill: Bill, value: Any) -> Decimal:
    if value is UNKNOWN:
        bill.note("its CPU is secret or known only at update; reckoned with 1 vCPU")
        return Decimal(1)
    return size_of(value, "CPU", "quantity", read=cpus)


def _memory(bill: Bill, value: Any) -> Decimal:
    if value is UNKNOWN:
        bill.note("its memory is secret or known only at update; reckoned with 512 MiB")
        return Decimal("0.5")
    return gibibytes(value)


_MINIMUM_V1 = ("autoscaling.knative.dev/minScale", "run.googleapis.com/minScale")
_THROTTLING_V1 = "run.googleapis.com/cpu-throttling"


@prices(SERVICE_V1)
def service_v1(bill: Bill, usage: TrafficUsage) -> None:
    """A service of the first API, in Knative's form: as of the second, with its scaling in annotations.

    Requests are billed unless CPU throttling is switched off.
    """
    template = bill.resource.get("template")
    spec = _one(dig(template, "spec"))
    notes: Any = dig(_one(dig(template, "metadata")), "annotations")
    if template is UNKNOWN or holds_unknown(notes):
        bill.note("its template or annotations are secret or known only at update; reckoned as if those were unset")
    size = _limits(bill, _containers(bill, spec))
    own = _one(bill.resource.get("metadata"))
    minimum = max(_number(notes, _MINIMUM_V1[0]), _number(dig(own, "annotations"), _MINIMUM_V1[1]))
    throttled = notes.get(_THROTTLING_V1) if isinstance(notes, Mapping) else None
    _traffic(bill, usage, size, minimum, always=str(throttled).lower() == "false")


def _one(value: Any) -> Any:
    """A block that some versions of the provider write as a list of one."""
    return value[0] if isinstance(value, list | tuple) and value else value


def _number(notes: Any, key: str) -> Decimal:
    value = notes.get(key) if isinstance(notes, Mapping) else None
    return Decimal(0) if value is None or value is UNKNOWN else size_of(value, key)
