"""What keeps the platform going and watches it: orchestration, budget, monitoring, deployment."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pulumi
import pulumi_gcp as gcp
from fastyle_components import (
    Budget,
    BudgetArgs,
    Function,
    FunctionArgs,
    LogRetention,
    LogRetentionArgs,
    Monitoring,
    MonitoringArgs,
    Orchestration,
    OrchestrationArgs,
    Schedule,
    ScheduleArgs,
    WorkloadIdentityFederation,
    WorkloadIdentityFederationArgs,
)

from infra.foundation import Foundation
from infra.labels import prefix_label
from infra.naming import Names
from infra.settings import Ci, Composer, Orchestrator
from infra.settings import Monitoring as MonitoringSettings
from infra.streaming import Streaming
from workloads.api import interface as api
from workloads.budget_guard import interface as guard
from workloads.events import STREAMS, Stream
from workloads.events.stream import INVENTORY
from workloads.packaging.airflow import added_packages, delivered_files, delivered_plugins
from workloads.pipeline import interface as pipeline
from workloads.runtime import interface as common

SCHEDULED = "pipeline-run"
"""The Cloud Scheduler job that the budget guard may pause."""


def logged(word: str) -> str:
    """A filter for log entries with `word`, however they were written: a service logs JSON with it as a field or as its
    message, Airflow text, or JSON of its own, as its version and the component have it."""
    return (
        "("
        + " OR ".join(f'{field}:"{word}"' for field in ("textPayload", "jsonPayload.message", "jsonPayload.event"))
        + ")"
    )


def late_run(environment: str) -> str:
    """A filter for what workloads/plugins/fastyle_deadline.py logs in one Composer environment of a run that missed its
    deadline."""
    where = f'resource.type = "cloud_composer_environment" AND resource.labels.environment_name = "{environment}"'
    return f"{where} AND {logged(pipeline.LATE)}"


def publication(service: str, environment: str | None) -> str:
    """A filter for publications of one stack: by its service, and by its Composer environment where it has one. Another
    stack of the project publishes too, and would hide that this one does not."""
    sources = [f'resource.labels.service_name = "{service}"']
    if environment is not None:
        sources.append(f'resource.labels.environment_name = "{environment}"')
    return f"({' OR '.join(sources)}) AND {logged(pipeline.PUBLISHED)}"


def monitored_subscriptions(names: Names, streams: Sequence[Stream]) -> list[str]:
    """Each stream's subscriptions, two streams after two: with three subscriptions each, two streams fill an alert policy,
    and a stream that is added leaves the conditions of deployed policies in their places."""
    pairs = (streams[start : start + 2] for start in range(0, len(streams), 2))
    return [
        names.subscription(stream.topic, consumer)
        for pair in pairs
        for consumer in (INVENTORY, "bigquery", "lake")
        for stream in pair
        if consumer in stream.subscriptions
    ]


class Operations:
    """Schedules, budget, monitoring and deployment around a `Streaming`; no event passes through them."""

    def __init__(self, foundation: Foundation, streaming: Streaming) -> None:
        self._base, self._config, self._streaming = foundation, foundation.config, streaming
        config = self._config
        self.orchestration: Orchestration | None = None
        if config.orchestrator is Orchestrator.SCHEDULER:
            self._schedule()
        if config.airflow is not None:
            self.orchestration = self._composer(config.airflow)
        elif config.composer is not None and config.deletion_protection:
            pulumi.log.info(
                "orchestrator is scheduler and composer.standby is off: a Composer environment that exists is protected, "
                'and this update is refused before its first step; docs/operations/changes.md, "The orchestrator"'
            )
        budget = self._budget()
        if config.budget.guard is not None:
            self._guard(config.budget.guard, budget)
        if config.keeps_project:
            LogRetention(
                "logs",
                LogRetentionArgs(project=config.project, retention_days=config.log_retention_days),
                foundation.opts,
            )
        if config.monitoring is not None:
            self._monitoring(config.monitoring)
        if config.ci is not None:
            self._ci(config.ci)

    def _schedule(self) -> None:
        config, base = self._config, self._base
        Schedule(
            "pipeline-run",
            ScheduleArgs(
                job_name=base.names.job(SCHEDULED),
                project=config.project,
                location=config.region,
                description="Builds the marts",
                cron=config.pipeline.cron,
                time_zone=config.timezone,
                url=pulumi.Output.concat(self._streaming.pipeline.url, "/run"),
                audience=base.names.audience("pipeline"),
                service_account_email=base.identities["scheduler-invoker"].email,
                body="{}",
                # Scheduler waits no longer. A run that needs more ends with 503 before that; the retry goes on there.
                deadline_seconds=1800,
                retries=5,
                paused=config.pipeline.paused,
                paused_elsewhere=base.acts,
            ),
            base.opts,
        )

    def _composer(self, settings: Composer) -> Orchestration:
        config, base = self._config, self._base
        # Without a cron the DAG runs when it is told to, and never by itself.
        waits = config.pipeline.paused or config.orchestrator is not Orchestrator.COMPOSER
        schedule: dict[str, pulumi.Input[str]] = {} if waits else {pipeline.CRON: config.pipeline.cron}
        stays = config.deletion_protection if settings.deletion_protection is None else settings.deletion_protection
        return Orchestration(
            "orchestration",
            OrchestrationArgs(
                environment_name=base.names.composer_environment(),
                project=config.project,
                location=config.region,
                bucket_name=base.names.bucket("composer"),
                service_account_email=base.identities[base.airflow_identity].email,
                network=base.network.network,
                subnetwork=base.network.subnetwork,
                image_version=settings.image_version,
                files=delivered_files(),
                plugins=delivered_plugins(),
                packages=added_packages() | settings.packages,
                environment=self._streaming.environment(
                    self._streaming.pipeline_environment(base.airflow_identity) | schedule
                ),
                size=settings.environment_size,
                worker_cpu=settings.worker_cpu,
                worker_memory_gb=settings.worker_memory_gb,
                maximum_workers=settings.maximum_workers,
                maintenance_days=list(settings.maintenance_days),
                maintenance_hour=settings.maintenance_hour,
                snapshot_cron=settings.snapshot_cron,
                labels=base.labels("orchestration"),
                deletion_protection=stays,
                # Its bucket has logs and snapshots of Composer's own.
                force_destroy=config.force_destroy or settings.deletion_protection is False,
            ),
            base.opts,
        )

    def _budget(self) -> Budget:
        config, base = self._config, self._base
        # The Budget API bills its calls to a project of the caller's choice; nothing else should be billed so.
        provider = gcp.Provider(
            "billing", project=config.project, billing_project=config.project, user_project_override=True
        )
        return Budget(
            "budget",
            BudgetArgs(
                display_name=base.names.budget(config.environment),
                billing_account=config.billing_account,
                project=config.project,
                project_number=config.project_number,
                monthly_amount=config.budget.monthly_amount,
                currency=config.budget.currency or config.currency,
                thresholds=config.budget.thresholds,
                emails=list(config.budget.emails),
                topic_name=base.names.topic_id("budget-notices") if config.budget.notices else None,
                # Beside other stacks it counts what is labelled as this one's.
                counted_label=None if config.keeps_project else prefix_label(config) or None,
                title_prefix=base.names.title_prefix,
                labels=base.labels("budget"),
            ),
            pulumi.ResourceOptions.merge(base.opts, pulumi.ResourceOptions(providers=[provider])),
        )

    def _guard(self, mode: guard.Mode, budget: Budget) -> None:
        """A function that hears every notice; in mode `tell` it has no right to change anything."""
        config, base, streaming = self._config, self._base, self._streaming
        environment: dict[str, pulumi.Input[str]] = {guard.MODE: mode.value, guard.BUDGET: budget.budget}
        if base.guard is not None:
            environment |= self._may_stop() | {common.GUARD_BUCKET: base.guard.bucket}
        Function(
            "budget-guard",
            FunctionArgs(
                function_name=base.names.function("budget_guard"),
                project=config.project,
                location=config.region,
                service_account_email=base.identities["budget-guard"].email,
                build_service_account=streaming.build.service_account,
                repository=streaming.build.repository,
                source=streaming.source("budget_guard"),
                environment=streaming.environment(environment),
                topic=budget.topic,
                trigger_service_account_email=base.identities["budget-guard"].email,
                maximum_instances=1,  # notices one after the other
                memory="256M",
                timeout_seconds=120,  # under the lease that a handler takes: workloads/budget_guard/guard.py
                labels=base.labels("budget-guard"),
                deletion_protection=config.deletion_protection,
            ),
            base.opts,
        )

    def _may_stop(self) -> dict[str, pulumi.Input[str]]:
        """What the guard pauses and stops. A job that the configuration pauses is nobody's to resume."""
        config, base = self._config, self._base
        jobs = f"projects/{config.project}/locations/{config.region}/jobs"
        scheduled = config.orchestrator is Orchestrator.SCHEDULER and not config.pipeline.paused
        stops: dict[str, pulumi.Input[str]] = {
            guard.JOBS: json.dumps([f"{jobs}/{base.names.job(SCHEDULED)}"] if scheduled else []),
            guard.DATABASE: base.database.instance,
        }
        night = config.database.night_stop
        if night is not None:
            # Else the morning's schedule would start what the guard stopped.
            stops[guard.DATABASE_JOB] = f"{jobs}/{base.names.database_job('start')}"
            stops[guard.DATABASE_STOP], stops[guard.DATABASE_START] = night.stop_cron, night.start_cron
        return stops

    def _monitoring(self, settings: MonitoringSettings) -> None:
        config, base = self._config, self._base
        slow: list[pulumi.Input[str]] = [base.database.instance]
        if self.orchestration is not None:
            slow.append(self.orchestration.environment_name)
        names, streams = base.names, list(STREAMS.values())
        environment = None if config.airflow is None else names.composer_environment()
        environment_name = environment if config.orchestrator is Orchestrator.COMPOSER else None
        Monitoring(
            "monitoring",
            MonitoringArgs(
                project=config.project,
                emails=list(settings.emails),
                subscriptions=monitored_subscriptions(names, streams),
                dead_letter_subscriptions=[names.dead_letter_subscription(stream.topic) for stream in streams],
                delivery_objectives={
                    stream.objective: names.subscription(stream.topic, INVENTORY)
                    for stream in streams
                    if stream.objective is not None
                },
                entrance=self._streaming.entrance,
                api=names.service("api"),
                services=[names.service("inventory_sync"), names.service("pipeline")],
                api_streams=list(api.STREAMED),
                metric_name=names.log_metric("monitoring-marts-published"),
                latency_metric_name=names.log_metric("monitoring-api-latency"),
                service_id=names.monitored_service(),
                title_prefix=names.title_prefix,
                freshness_filter=publication(names.service("pipeline"), environment),
                late_filter=None if environment_name is None else late_run(environment_name),
                database_instance=names.database_instance(),
                composer_environment=environment_name,
                backlog_minutes=settings.backlog_minutes,
                freshness_hours=settings.freshness_hours,
                wait_for=slow,
                latency_ms=settings.latency_ms,
                objectives=settings.slos,
                budget_guard=names.function("budget_guard") if config.budget.guard is not None else None,
                runbook_url=_runbooks(config.ci),
                labels=base.labels("monitoring"),
            ),
            base.opts,
        )

    def _ci(self, settings: Ci) -> None:
        environment = settings.environment or self._config.environment
        readers = {} if settings.reader is None else {f"{environment}-drift": settings.reader}
        if settings.previewer is not None:
            readers[f"{environment}-sweep"] = settings.previewer  # by the clock it takes away what it brought up
        WorkloadIdentityFederation(
            "ci",
            WorkloadIdentityFederationArgs(
                project=self._config.project,
                project_number=self._config.project_number,
                repository=settings.repository,
                repository_id=settings.repository_id,
                branch=settings.branch,
                environment=environment,
                readers=readers,
                previews={} if settings.previewer is None else {f"{environment}-preview": settings.previewer},
                project_roles=list(settings.roles),
                pool_id=self._base.names.identity_pool(),
                account_id=self._base.names.account("deploy-ci"),
            ),
            self._base.opts,
        )


def _runbooks(ci: Ci | None) -> str | None:
    """Where each alert's runbook is: its key is a heading of that page. Without a repository, nowhere."""
    return None if ci is None else f"https://github.com/{ci.repository}/blob/{ci.branch}/docs/operations/alerts.md#"
