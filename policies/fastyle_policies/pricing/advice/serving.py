"""Options of Cloud Run and functions: minimum instances, and billing by request or by instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastyle_policies.model import Resource, flag, number
from fastyle_policies.pricing.advice.model import Option, setting
from fastyle_policies.pricing.services.plan import PricedPlan

# The two places of a service, and that of a function.
_MINIMUMS = ("template.scaling.minInstanceCount", "scaling.minInstanceCount", "serviceConfig.minInstanceCount")


def minimum(resource: Resource, plan: PricedPlan) -> Iterator[Option]:
    """No minimum instances of a service or function, whichever place they stand in."""
    none = {path: 0 for path in _MINIMUMS if (number(resource.get(path)) or 0) > 0}
    if none:
        loses = "the first request after a pause waits for an instance to start, seconds"
        yield setting(resource, none, loses=loses, gives_up="no-cold-start", group="minimum")


def billing(service: Resource, plan: PricedPlan) -> Iterator[Option]:
    """The other of the two ways in which a service is billed.

    By instance only where minimum instances keep one running anyway: how long others idle before they are stopped, which
    would be billed as well, is not in the estimate. It is an alternative to having no minimum.
    """
    containers: Any = service.get("template.containers")
    if not isinstance(containers, list) or not all(isinstance(each, dict) for each in containers):
        return
    shapes = [each.get("resources") for each in containers]
    if any(shape is not None and not isinstance(shape, dict) for shape in shapes):
        return
    always = [at for at, shape in enumerate(shapes) if shape is not None and flag(shape.get("cpuIdle")) is not True]
    if not always and not any((number(service.get(path)) or 0) > 0 for path in _MINIMUMS):
        return
    by_request = bool(always)
    idle = {f"template.containers.{at}.resources.cpuIdle": by_request for at in (always or [0])}
    group, gives_up = ("billing", "cpu-always") if by_request else ("minimum", "")
    loses = (
        "instances compute only while a request is served: what works between requests stands still"
        if by_request
        else "an idle instance costs as much as a busy one until it is stopped: right while it is busy most of the time"
    )
    yield setting(service, idle, loses=loses, gives_up=gives_up, group=group, rests_on_usage=True)
