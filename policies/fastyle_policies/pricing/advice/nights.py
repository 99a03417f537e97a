"""The option of a Cloud SQL instance that sleeps while nobody works: two Scheduler jobs that stop and start it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from fastyle_policies.model import Resource
from fastyle_policies.pricing.advice.model import Option
from fastyle_policies.pricing.services.plan import PricedPlan
from fastyle_policies.pricing.services.sql import INSTANCE, InstanceUsage, switches
from fastyle_policies.pricing.services.switching import JOB, running_share
from fastyle_policies.pricing.usage import UsageFile

STOP_CRON, START_CRON = "0 20 * * *", "0 8 * * 1-5"
"""Awake on weekdays from 08:00 to 20:00."""


def night_stop(database: Resource, plan: PricedPlan, usage: UsageFile) -> Iterator[Option]:
    """Nights and weekends off for a database that is always on. One with read replicas cannot be stopped, nor can they."""
    if (
        database.get("settings.activationPolicy") == "NEVER"
        or database.get("masterInstanceName") is not None
        or usage.of(database, InstanceUsage).monthly_running_hours is not None
        or running_share(database, switches(database, plan)) is not None
        or any(_replicates(other, database, plan) for other in plan.of(INSTANCE))
    ):
        return
    yield Option(
        resource=database.name,
        change=f"two Cloud Scheduler jobs that set settings.activationPolicy: NEVER at '{STOP_CRON}', "
        f"ALWAYS at '{START_CRON}'",
        group=f"{database.urn} nights",
        loses="nothing answers at night and at weekends; what writes then has to wait or to be queued, and backups, "
        "maintenance and pipelines have to fall into the hours that are left",
        adds=(_job(database, "stop", "NEVER", STOP_CRON), _job(database, "start", "ALWAYS", START_CRON)),
        gives_up=frozenset({"nights"}),
    )


def _replicates(other: Resource, database: Resource, plan: PricedPlan) -> bool:
    return plan.linked(other, "masterInstanceName", INSTANCE, "name", "id") is database


def _job(database: Resource, does: str, policy: str, schedule: str) -> Resource:
    body = base64.b64encode(json.dumps({"settings": {"activationPolicy": policy}}).encode()).decode()
    name = str(database.get("name") or database.name)
    uri = f"https://sqladmin.googleapis.com/v1/projects/{database.project or '-'}/instances/{name}"
    props = {"schedule": schedule, "httpTarget": {"uri": uri, "body": body}}
    label = f"{database.name}-{does}"
    return Resource(JOB, label, props, f"{database.urn}::{label}", project=database.project)
