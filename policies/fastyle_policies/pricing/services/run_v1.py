"""Cloud Run services of the first API (Knative's form): as of the second, with their scaling in annotations."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fastyle_policies.model import UNKNOWN, dig
from fastyle_policies.pricing.services.base import Bill, holds_unknown, prices, size_of
from fastyle_policies.pricing.services.run import TrafficUsage, limit_cpu, limit_memory, traffic

SERVICE = "gcp:cloudrun/service:Service"
MINIMUM = ("autoscaling.knative.dev/minScale", "run.googleapis.com/minScale")
THROTTLING = "run.googleapis.com/cpu-throttling"


@prices(SERVICE)
def service(bill: Bill, usage: TrafficUsage) -> None:
    """Requests are billed unless CPU throttling is switched off."""
    template = bill.resource.get("template")
    spec = _one(dig(template, "spec"))
    notes: Any = dig(_one(dig(template, "metadata")), "annotations")
    if template is UNKNOWN or holds_unknown(notes):
        bill.note("its template or annotations are secret or known only at update; reckoned as if those were unset")
    containers = dig(spec, "containers")
    if spec is UNKNOWN or containers is UNKNOWN:
        bill.note("its containers are secret or known only at update; reckoned with one of 1 vCPU and 512 MiB")
    vcpus = memory = Decimal(0)
    for container in containers if isinstance(containers, list) and containers else [{}]:
        vcpus += limit_cpu(bill, container)
        memory += limit_memory(bill, container)
    own = _one(bill.resource.get("metadata"))
    minimum = max(_number(notes, MINIMUM[0]), _number(dig(own, "annotations"), MINIMUM[1]))
    throttled = notes.get(THROTTLING) if isinstance(notes, Mapping) else None
    traffic(bill, usage, vcpus, memory, minimum, always=str(throttled).lower() == "false")


def _one(value: Any) -> Any:
    """A block that some versions of the provider write as a list of one."""
    return value[0] if isinstance(value, list | tuple) and value else value


def _number(notes: Any, key: str) -> Decimal:
    value = notes.get(key) if isinstance(notes, Mapping) else None
    return Decimal(0) if value is None or value is UNKNOWN else size_of(value, key)
