"""What keeps the platform going and watches it: the schedule, the budget."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp
from fastyle_components import Budget, BudgetArgs, Schedule, ScheduleArgs

from infra.foundation import Foundation
from infra.parts import Parts
from infra.settings import Orchestrator


class Operations:
    """The schedule and the budget of a platform."""

    def __init__(self, foundation: Foundation, parts: Parts) -> None:
        self._base, self._config, self._parts = foundation, foundation.config, parts
        if self._config.orchestrator is Orchestrator.SCHEDULER:
            self._schedule()
        self._budget()

    def _schedule(self) -> None:
        config, base = self._config, self._base
        Schedule(
            "pipeline-run",
            ScheduleArgs(
                job_name="pipeline-run",
                project=config.project,
                location=config.region,
                description="Builds the marts",
                cron=config.pipeline.cron,
                time_zone=config.timezone,
                url=pulumi.Output.concat(self._parts.pipeline.url, "/run"),
                audience=base.names.audience("pipeline"),
                service_account_email=base.identities["scheduler-invoker"].email,
                body="{}",
                # Scheduler waits no longer; a run that needs more answers 202 and resumes at the retry.
                deadline_seconds=1800,
                retries=5,
                paused=config.pipeline.paused,
            ),
            base.opts,
        )

    def _budget(self) -> None:
        config, base = self._config, self._base
        # The Budget API bills its calls to a project of the caller's choice; nothing else should be billed so.
        provider = gcp.Provider(
            "billing", project=config.project, billing_project=config.project, user_project_override=True
        )
        Budget(
            "budget",
            BudgetArgs(
                display_name=f"fastyle {config.environment.value}",
                billing_account=config.billing_account,
                project=config.project,
                project_number=config.project_number,
                monthly_amount=config.budget.monthly_amount,
                currency=config.budget.currency or config.currency,
                thresholds=config.budget.thresholds,
                emails=list(config.budget.emails),
                topic_name="budget-notices",
                labels=base.labels("budget"),
            ),
            pulumi.ResourceOptions.merge(base.opts, pulumi.ResourceOptions(providers=[provider])),
        )
