"""From a Pub/Sub event to what the guard does about it, and to the line in the log that says so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests
from cronsim import CronSim

from workloads.budget_guard.google_apis import GoogleCloud
from workloads.budget_guard.guard import Outcome, Switch, handle, level_of, tell
from workloads.budget_guard.interface import EVENT, Mode
from workloads.budget_guard.memory import Unreadable
from workloads.budget_guard.notice import Notice, Unusable, read
from workloads.budget_guard.settings import Settings
from workloads.runtime.brake import STATE_OBJECT
from workloads.runtime.google import session as google_session
from workloads.runtime.objects import ObjectFile

log = logging.getLogger(__name__)

_SEVERITY = {0: logging.INFO, 1: logging.WARNING, 2: logging.ERROR}


class Guard:
    """Handles notices one after the other; call it with an event's data."""

    def __init__(
        self,
        settings: Settings,
        *,
        session: Callable[[], requests.Session] = google_session,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._session, self._now = settings, session, now
        self._budget = settings.guard_budget.rpartition("/")[2]
        self.switches = switches(settings)

    def __call__(self, data: Any) -> bool:
        """Whether the notice is done with; if not, it must be delivered again.

        What no delivery would make better (no notice, an unreadable memory) is done with: the log says what to mend.
        """
        now = self._now()
        try:
            notice = read(data, now)
        except Unusable as unusable:
            log.warning("notice ignored: %s", unusable, extra={"event": EVENT, "outcome": "ignored"})
            return True
        if notice.budget and notice.budget != self._budget:
            log.info("notice ignored: it is of budget %s", notice.budget, extra={"event": EVENT, "outcome": "foreign"})
            return True
        try:
            outcome = self._act(notice, now)
        except Unreadable as unreadable:
            log.error(
                "nothing is done: gs://%s/%s is not the guard's memory (%s); restore an earlier generation of it, "
                "or delete it and resume by hand what is paused",
                self._settings.guard_bucket,
                STATE_OBJECT,
                unreadable,
                extra={"event": EVENT, "outcome": "unreadable"},
            )
            return True
        _tell(notice, outcome)
        return not outcome.retry

    def _act(self, notice: Notice, now: datetime) -> Outcome:
        settings = self._settings
        if settings.guard_mode is Mode.TELL:
            return tell(notice)
        session = self._session()
        cloud = GoogleCloud(
            session,
            ObjectFile(session, settings.guard_bucket, STATE_OBJECT),
            scheduler=settings.cloud_scheduler_url,
            sql_admin=settings.cloud_sql_admin_url,
        )
        return cloud.drive(handle(notice, now, self.switches, awake(settings, now)))


def switches(settings: Settings) -> tuple[Switch, ...]:
    """What may be turned off, in the order in which it goes off: the database's alarm clock before the database."""
    switch_list = [Switch(job, level=1) for job in settings.guard_jobs]
    job = settings.guard_database_job or None
    if job is not None:
        switch_list.append(Switch(job, level=2))
    if settings.guard_database:
        name = f"projects/{settings.google_cloud_project}/instances/{settings.guard_database}"
        switch_list.append(Switch(name, level=2, kind="database", woken_by=job))
    return tuple(switch_list)


def awake(settings: Settings, now: datetime) -> bool | None:
    """Whether the night stop's schedule has the database running at `now`; None without a night stop.

    Decided by which of the two crons fired last: exact for any cron, weekends included.
    """
    if not settings.guard_database_job:
        return None
    local = now.astimezone(ZoneInfo(settings.timezone))
    stopped = next(CronSim(settings.guard_database_stop, local, reverse=True))
    started = next(CronSim(settings.guard_database_start, local, reverse=True))
    return started >= stopped


def _tell(notice: Notice, outcome: Outcome) -> None:
    """One line a notice. Its severity is that of the costs, or of what went wrong."""
    level = level_of(notice)
    severity = logging.INFO if outcome.what == "stale" else _SEVERITY[level]
    if outcome.retry:
        severity = max(severity, logging.WARNING)
    fields = {
        "event": EVENT,
        "outcome": outcome.what,
        "budget": notice.name,
        "period": notice.period.isoformat(),
        "cost": str(notice.cost),
        "amount": str(notice.amount),
        "currency": notice.currency,
        "level": level,
        "changed": list(outcome.changed),
    }
    log.log(severity, "%s: %s", outcome.what, outcome.text, extra=fields)
