"""The Cloud Function's entry point: `handle(event)`, once for each notice."""

from __future__ import annotations

import functions_framework
from cloudevents.http import CloudEvent
from werkzeug.exceptions import ServiceUnavailable

from workloads.budget_guard.service import Guard
from workloads.budget_guard.settings import Settings
from workloads.runtime import logs
from workloads.runtime.settings import load

_settings = load(Settings)
logs.configure(_settings.log_level)
_guard = Guard(_settings)


@functions_framework.cloud_event
def handle(event: CloudEvent) -> None:
    """Act on one notice; an answer other than 2xx makes Pub/Sub deliver it again, later."""
    if not _guard(event.data):
        raise ServiceUnavailable("not done: deliver the notice again")
