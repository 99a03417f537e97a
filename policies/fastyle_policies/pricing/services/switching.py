"""Whether the plan itself stops and starts a database: Scheduler jobs that set its activation policy."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from fastyle_policies.model import Resource
from fastyle_policies.schedules import SPAN_END, SPAN_START, Switch, periods, times

JOB = "gcp:cloudscheduler/job:Job"


@dataclass(frozen=True)
class Share:
    """The part of the year a database runs, and why."""

    fraction: Decimal
    why: str


def running_share(instance: Resource, resources: Sequence[Resource]) -> Share | None:
    """The share of time an instance runs under the jobs that switch it; None when none, or only one kind, does.

    Counted over a leap year by the jobs' schedules, whose time zone is the same for both and shifts nothing.
    """
    switches: list[Switch] = []
    names: dict[bool, str] = {}
    for job in resources:
        starts = _starts(job, instance)
        if starts is None or job.get("paused") is True:
            continue
        schedule = str(job.get("schedule"))
        if fires := times(schedule):
            switches += [(time, starts) for time in fires]
            names[starts] = schedule
    if len(names) < 2:
        return None
    total = sum((end - begin for begin, end in periods(switches, on=True)), timedelta())
    fraction = Decimal(int(total.total_seconds())) / int((SPAN_END - SPAN_START).total_seconds())
    return Share(fraction, f"started at '{names[True]}', stopped at '{names[False]}'")


def _starts(job: Resource, instance: Resource) -> bool | None:
    """Whether a resource is a job that starts (True) or stops (False) the instance; None for anything else."""
    target = job.get("httpTarget") if job.type == JOB else None
    if not isinstance(target, dict):
        return None
    name = instance.get("name") or instance.name
    uri = str(target.get("uri"))
    if "sqladmin.googleapis.com" not in uri or not uri.rstrip("/").endswith(f"/instances/{name}"):
        return None
    try:
        body = json.loads(base64.b64decode(str(target.get("body")), validate=True))
        policy = body["settings"]["activationPolicy"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None
    return {"ALWAYS": True, "NEVER": False}.get(policy)
