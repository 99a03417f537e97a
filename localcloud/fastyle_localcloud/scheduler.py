"""Cloud Scheduler: cron in a time zone, HTTP targets with an OpenID token, retries, and a record of attempts.

A schedule missed while the local cloud was down is not made up for, as a paused job's is not.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from cronsim import CronSim

from fastyle_localcloud.files import write_atomically
from fastyle_localcloud.foundation import Foundation

_LOG = logging.getLogger(__name__)
_KEPT_ATTEMPTS = 20
_INVOKER = "roles/run.invoker"


@dataclass
class Job:
    """A job as the provider's inputs describe it, and what became of its attempts."""

    name: str
    inputs: dict[str, Any]
    attempts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def paused(self) -> bool:
        return bool(self.inputs.get("paused"))

    def next_run(self, after: datetime) -> datetime:
        """The next time the schedule fires after `after`, in UTC."""
        local = after.astimezone(ZoneInfo(self.inputs.get("timeZone") or "Etc/UTC"))
        return next(CronSim(self.inputs["schedule"], local)).astimezone(UTC)


class Scheduler:
    """The jobs of the local cloud, by name; they survive a restart of the daemon."""

    def __init__(self, cloud: Foundation, path: Path) -> None:
        self._cloud = cloud
        self._path = path
        self._jobs: dict[str, Job] = {}
        self._clocks: dict[str, asyncio.Task[None]] = {}
        self._started = False

    def start(self) -> None:
        if self._path.exists():
            self._jobs = {name: Job(name, **row) for name, row in json.loads(self._path.read_text()).items()}
        self._started = True
        for job in self._jobs.values():
            self._set_clock(job)

    async def stop(self) -> None:
        self._started = False
        for clock in self._clocks.values():
            clock.cancel()
        for clock in self._clocks.values():
            with contextlib.suppress(asyncio.CancelledError):
                await clock
        self._clocks.clear()

    def put(self, name: str, inputs: dict[str, Any]) -> None:
        """Create or change a job that has been checked (`provider/rules/`); its attempts are kept."""
        job = self._jobs.get(name) or Job(name, inputs)
        self._write({**self._jobs, name: replace(job, inputs=inputs)})  # what cannot be written is not taken
        self._jobs[name], job.inputs = job, inputs
        self._set_clock(job)

    def remove(self, name: str) -> None:
        self._write({other: job for other, job in self._jobs.items() if other != name})
        self._jobs.pop(name, None)
        if clock := self._clocks.pop(name, None):
            clock.cancel()

    def get(self, name: str) -> Job | None:
        return self._jobs.get(name)

    def status(self) -> list[dict[str, Any]]:
        now = datetime.now(UTC)
        return [
            {
                "name": job.name,
                "schedule": job.inputs["schedule"],
                "time_zone": job.inputs.get("timeZone") or "Etc/UTC",
                "state": "PAUSED" if job.paused else "ENABLED",
                "next_run": None if job.paused else _stamp(job.next_run(now)),
                "attempts": job.attempts[-3:],
            }
            for job in self._jobs.values()
        ]

    async def run_now(self, name: str) -> dict[str, Any]:
        """One attempt at once, paused or not; returns its record. KeyError for an unknown job."""
        return await self._attempt(self._jobs[name], datetime.now(UTC))

    def _set_clock(self, job: Job) -> None:
        if clock := self._clocks.pop(job.name, None):
            clock.cancel()
        if self._started and not job.paused:
            self._clocks[job.name] = asyncio.create_task(self._tick(job), name=f"schedule-{job.name}")

    async def _tick(self, job: Job) -> None:
        due = job.next_run(datetime.now(UTC))
        while True:
            wait = (due - datetime.now(UTC)).total_seconds()
            if wait > 0:
                # In short steps: a machine that slept, or whose clock was set, is noticed.
                await asyncio.sleep(min(wait, 30))
                continue
            try:
                await self._run(job, due)
            except Exception:
                _LOG.exception("job %s: an attempt failed in the scheduler itself", job.name)
            due = job.next_run(datetime.now(UTC))

    async def _run(self, job: Job, due: datetime) -> None:
        """A scheduled run: the attempt and the retries its configuration allows."""
        retry = job.inputs.get("retryConfig") or {}
        limit = int(retry.get("retryCount") or 0)
        longest = _seconds(retry.get("maxRetryDuration"), 0.0)
        pause, most = _seconds(retry.get("minBackoffDuration"), 5.0), _seconds(retry.get("maxBackoffDuration"), 3600.0)
        doublings = int(retry.get("maxDoublings") or 5)
        began, tries = datetime.now(UTC), 0
        while True:
            attempt = await self._attempt(job, due)
            if attempt["ok"]:
                return
            elapsed = (datetime.now(UTC) - began).total_seconds()
            # Both limits must be reached, as in the cloud; without a longest duration the count alone decides.
            if tries >= limit and (not limit or elapsed >= longest):
                return
            await asyncio.sleep(min(pause, most))
            tries += 1
            if tries <= doublings:
                pause *= 2

    async def _attempt(self, job: Job, due: datetime) -> dict[str, Any]:
        began = datetime.now(UTC)
        outcome = await self._call(job, due)
        seconds = round((datetime.now(UTC) - began).total_seconds(), 3)
        attempt = {"at": _stamp(began), "seconds": seconds, "ok": outcome["status"] in range(200, 300), **outcome}
        job.attempts = [*job.attempts, attempt][-_KEPT_ATTEMPTS:]
        if self._jobs.get(job.name) is job:
            try:
                self._write(self._jobs)
            except OSError as error:  # a full disk: the attempt counts, the next one's record holds it too
                _LOG.warning("job %s: its attempts cannot be recorded: %s", job.name, error)
        return attempt

    async def _call(self, job: Job, due: datetime) -> dict[str, Any]:
        """Send the request: `{status, reason, missing}`, where `missing` is the grant that stood in the way."""
        target = job.inputs["httpTarget"]
        url = target["uri"]
        resource = self._cloud.iam.resource_at(url)
        if resource is None:
            return _outcome(404, f"{url} is no address of the local cloud, and it calls no other")
        headers = {
            **(target.get("headers") or {}),
            "User-Agent": "Google-Cloud-Scheduler",
            "X-CloudScheduler": "true",
            "X-CloudScheduler-JobName": job.name,
            "X-CloudScheduler-ScheduleTime": due.isoformat(),
        }
        member = "allUsers"
        if token := target.get("oidcToken"):
            email = token["serviceAccountEmail"]
            if not self._cloud.metadata.exists(email):
                return _outcome(404, f"the service account {email} does not exist")
            member = f"serviceAccount:{email}"
            audience = token.get("audience") or url
            headers["Authorization"] = f"Bearer {self._cloud.identities.id_token(email, audience)}"
        if not self._cloud.iam.allows(resource, _INVOKER, member):
            missing = {"resource": resource, "role": _INVOKER, "member": member}
            return _outcome(403, f"{member} lacks {_INVOKER} on {resource}", missing)
        body = base64.b64decode(target["body"]) if target.get("body") else None
        deadline = aiohttp.ClientTimeout(total=_seconds(job.inputs.get("attemptDeadline"), 180.0))
        method = target.get("httpMethod") or "POST"
        try:
            async with self._cloud.http.request(method, url, data=body, headers=headers, timeout=deadline) as answer:
                text = await answer.text(errors="replace")
                return _outcome(answer.status, "" if answer.ok else text[:500])
        except TimeoutError:
            return _outcome(504, f"no answer within attemptDeadline ({deadline.total:g} s)")
        except aiohttp.ClientError as error:
            return _outcome(503, f"{type(error).__name__}: {error}")

    def _write(self, jobs: dict[str, Job]) -> None:
        rows = {job.name: {"inputs": job.inputs, "attempts": job.attempts} for job in jobs.values()}
        write_atomically(self._path, json.dumps(rows).encode())


def _outcome(status: int, reason: str, missing: dict[str, str] | None = None) -> dict[str, Any]:
    return {"status": status, "reason": reason, "missing": missing}


def _seconds(duration: str | None, default: float) -> float:
    """`"3.5s"` as seconds."""
    return float(duration.removesuffix("s")) if duration else default


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
