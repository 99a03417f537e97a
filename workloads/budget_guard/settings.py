"""Settings of the budget guard."""

from __future__ import annotations

from typing import Self

from cronsim import CronSim, CronSimError
from pydantic import Field, field_validator, model_validator

from workloads.budget_guard.google_apis import SCHEDULER, SQL_ADMIN
from workloads.budget_guard.interface import Mode
from workloads.runtime.settings import WorkloadSettings

_JOB = r"^projects/[^/]+/locations/[^/]+/jobs/[^/]+$"


class Settings(WorkloadSettings):
    """What the guard reads from its environment."""

    guard_mode: Mode = Field(description="tell (it changes nothing) or act")
    guard_budget: str = Field(min_length=1, description="the budget's full name or id; others' notices are ignored")
    guard_bucket: str = Field(default="", description="the bucket that holds its memory, needed to act")
    guard_jobs: tuple[str, ...] = Field(
        default=(), description="a JSON list of the Scheduler jobs (full names) that it may pause"
    )
    guard_database: str = Field(default="", description="the Cloud SQL instance that it may stop, or nothing")
    guard_database_job: str = Field(
        default="", pattern=rf"{_JOB}|^$", description="the Scheduler job that starts the database each morning"
    )
    guard_database_stop: str = Field(default="", description="the night stop's cron, such as 0 22 * * *")
    guard_database_start: str = Field(default="", description="the cron of the morning's start, such as 0 6 * * *")
    cloud_scheduler_url: str = Field(default=SCHEDULER, description="the base URL of Cloud Scheduler's API")
    cloud_sql_admin_url: str = Field(default=SQL_ADMIN, description="the base URL of Cloud SQL's admin API")

    @field_validator("guard_database_stop", "guard_database_start")
    @classmethod
    def _cron(cls, value: str) -> str:
        if value:
            from datetime import UTC, datetime

            try:
                CronSim(value, datetime.now(UTC))
            except CronSimError:
                raise ValueError(f"{value!r} is no cron line") from None
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.guard_mode is Mode.ACT and not self.guard_bucket:
            raise ValueError("GUARD_MODE is act without GUARD_BUCKET: it would forget what it paused")
        night = (self.guard_database_job, self.guard_database_stop, self.guard_database_start)
        if any(night) != all(night):
            raise ValueError("GUARD_DATABASE_JOB, GUARD_DATABASE_STOP and GUARD_DATABASE_START belong together")
        return self
