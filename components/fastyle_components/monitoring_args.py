"""Arguments of Monitoring, and the alert conditions that are built from them."""

import re
from dataclasses import dataclass, field, replace

import pulumi
import pulumi_gcp.monitoring as monitoring

from fastyle_components.base import Args, ArgsError, optional


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs(Args):
    project: str
    """The project's id."""
    emails: list[str]
    """Whom alerts go to; at least one."""
    subscriptions: list[str]
    """Subscriptions that must keep up; any number. Add new ones at the end: six share an alert policy."""
    dead_letter_subscriptions: list[str]
    """Subscriptions that hold dead letters: any message in one is an alert. Add new ones at the end."""
    entrance: str
    """The Cloud Run service that takes events."""
    api: str
    """The Cloud Run service that people and programs ask."""
    freshness_filter: str
    """Log filter of the line that says that new reports are out."""
    late_filter: str | None = None
    """Log filter of the line that says that a run of the pipeline is late. Default: none watched."""
    database_instance: str | None = None
    """A Cloud SQL instance. Default: none watched."""
    composer_environment: str | None = None
    """A Composer environment. Default: none watched."""
    budget_guard: str | None = None
    """The Cloud Run service (or function) that logs `event: budget_guard` for each notice of a budget. Default: none
    watched."""
    services: list[str] | None = None
    """Further Cloud Run services that the dashboard shows. Default: the entrance and the API alone."""
    api_streams: list[str] | None = None
    """Paths of the API whose answers last as long as their reader stays, such as server-sent events. Cloud Run's metric
    of latency has them among the slow ones and no label to tell them by: with some named, latency is that of the
    request log without them. Default: none."""
    metric_name: str | None = None
    """The log metric of publications. Default: `<component's name>-marts-published`."""
    latency_metric_name: str | None = None
    """The log metric of latency, where `api_streams` are named. Default: `<component's name>-api-latency`."""
    service_id: str | None = None
    """What the objectives belong to. Default: the component's name."""
    title_prefix: str | None = optional("")
    """What titles of alerts, channels, objectives and the dashboard begin with, where several stacks share a
    project."""
    backlog_minutes: int | None = optional(15, 1, 1440, "whole minutes of a day")
    """How old an undelivered event may get."""
    freshness_hours: int | None = optional(20, 1, 23, "no condition of Cloud Monitoring lasts longer")
    """How long nothing new may be published."""
    wait_for: list[pulumi.Input[str]] | None = None
    """Outputs of what takes ten minutes to create anyway: a database's instance, a Composer environment. An alert on the
    component's own metric waits for them, because Cloud Monitoring takes so long to know a new metric. Default: none."""
    latency_ms: int | None = optional(1000, 1, 60000, "milliseconds")
    """What 99 of 100 answers of the API take at most."""
    objectives: bool | None = optional(False)
    """Keep three service level objectives with burn-rate alerts."""
    delivery_objectives: dict[str, str] | None = None
    """Subscriptions whose delivery within `backlog_minutes` is an objective, where `objectives` are kept, by the
    objective's id. Default: none."""
    runbook_url: str | None = None
    """Prefix of each alert's runbook; the alert's key follows. Default: none."""
    labels: dict[str, str] | None = None


@dataclass(frozen=True)
class Alert:
    """One alert policy, as data. `key` names its resource."""

    key: str
    title: str
    mend: str
    """What it means and what to do, for whoever is woken."""
    conditions: list["monitoring.AlertPolicyConditionArgs"] = field(repr=False)
    severity: str = "ERROR"
    combiner: str = "OR"
    runbook: str | None = None
    """The key of its runbook where that is another alert's."""
    rate_limit: str | None = None
    """At most one notification in that time: needed for log matches, not allowed for others."""


@dataclass(frozen=True)
class Answers:
    """How long the API's answers take."""

    filter: pulumi.Input[str]
    """Of a metric that is a distribution."""
    limit: float
    """What 99 of 100 take at most, in the metric's unit."""
    slow: "monitoring.AlertPolicyConditionArgs"
    """True while more than one of 100 take longer."""


def latency_metric_name(name: str, args: MonitoringArgs) -> str:
    """The log metric of the latency of the API of the component `name`."""
    return args.latency_metric_name or f"{name}-api-latency"


def metric_name(name: str, args: MonitoringArgs) -> str:
    """The log metric of the component `name`."""
    return args.metric_name or f"{name}-marts-published"


MAX_CONDITIONS = 6
"""Of an alert policy: https://cloud.google.com/monitoring/quotas"""


def split(alert: Alert) -> list[Alert]:
    """The alert, and as many more as its conditions need, each under the number that follows its key."""
    parts = [
        alert.conditions[start : start + MAX_CONDITIONS] for start in range(0, len(alert.conditions), MAX_CONDITIONS)
    ]
    first, *more = parts
    return [replace(alert, conditions=first)] + [
        replace(
            alert,
            key=f"{alert.key}-{number}",
            title=f"{alert.title} ({number})",
            conditions=conditions,
            runbook=alert.key,
        )
        for number, conditions in enumerate(more, 2)
    ]


def on_service(service: str) -> str:
    return f'resource.type = "cloud_run_revision" AND resource.labels.service_name = "{service}"'


def threshold(
    title: str,
    filter_: pulumi.Input[str],
    value: float,
    *,
    comparison: str = "COMPARISON_GT",
    aligner: str | None = "ALIGN_MEAN",
    reducer: str | None = None,
    minutes: int = 5,
    alignment_seconds: int = 60,
) -> "monitoring.AlertPolicyConditionArgs":
    """A threshold over one series; `aligner` None for a burn rate, which brings its own."""
    aggregations = aligner and [
        monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(
            alignment_period=f"{alignment_seconds}s", per_series_aligner=aligner, cross_series_reducer=reducer
        )
    ]
    return monitoring.AlertPolicyConditionArgs(
        display_name=title,
        condition_threshold=monitoring.AlertPolicyConditionConditionThresholdArgs(
            filter=filter_,
            comparison=comparison,
            threshold_value=value,
            duration=f"{minutes * 60}s",
            aggregations=aggregations or None,
            trigger=monitoring.AlertPolicyConditionConditionThresholdTriggerArgs(count=1),
        ),
    )


def promql_name(metric: str) -> str:
    """What PromQL calls a log metric: https://cloud.google.com/monitoring/promql/promql-mapping"""
    return f"logging_googleapis_com:user_{re.sub(r'[^A-Za-z0-9_]', '_', metric)}"


def promql(title: str, query: pulumi.Input[str], seconds: int) -> "monitoring.AlertPolicyConditionArgs":
    """A PromQL query that must be true for so long; the only condition of its policy, as Cloud Monitoring wants it.

    The metric may not be known yet: for up to ten minutes after a log metric was made, a policy whose metric is looked
    up is refused with 404 (https://github.com/hashicorp/terraform-provider-google/issues/11102).
    """
    return monitoring.AlertPolicyConditionArgs(
        display_name=title,
        condition_prometheus_query_language=monitoring.AlertPolicyConditionConditionPrometheusQueryLanguageArgs(
            query=query, duration=f"{seconds}s", evaluation_interval="300s", disable_metric_validation=True
        ),
    )


STREAM_PATH = re.compile(r"/[A-Za-z0-9_./-]*")
RESERVED_OBJECTIVES = ("accepting", "answering")
"""Ids of the objectives that are kept of every platform."""


def check(name: str, args: MonitoringArgs) -> None:
    where = f"Monitoring {name!r}"
    if not args.emails:
        raise ArgsError(f"{where}: emails is empty; alerts would reach nobody; name at least one address")
    for key, subscriptions in (
        ("subscriptions", args.subscriptions),
        ("dead_letter_subscriptions", args.dead_letter_subscriptions),
    ):
        if not subscriptions:
            raise ArgsError(f"{where}: {key} is empty; an alert policy needs a condition; name at least one")
        if len(set(subscriptions)) != len(subscriptions):
            raise ArgsError(f"{where}: {key} names one twice; each would be a condition of its own; name each once")
    for path in args.api_streams or []:
        if not STREAM_PATH.fullmatch(path):
            raise ArgsError(f"{where}: api_streams: {path!r} is no path; write one such as /v1/stream")
    for objective in args.delivery_objectives or {}:
        if objective in RESERVED_OBJECTIVES:
            raise ArgsError(f"{where}: delivery_objectives.{objective} is another objective's id; choose another")
