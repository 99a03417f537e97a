"""Service level objectives, and the alerts on their error budgets."""

from typing import Any

import pulumi
import pulumi_gcp.monitoring as monitoring

from fastyle_components.base import given
from fastyle_components.monitoring_args import Alert, Answers, MonitoringArgs, on_service, threshold

FAST_BURN = 14.4
"""Error budget spent so many times too fast for an hour is 2 % of a 30-day budget:
https://sre.google/workbook/alerting-on-slos/ (multiwindow, multi-burn-rate)."""


def objectives(parent: pulumi.ComponentResource, args: MonitoringArgs, latency: Answers) -> list[Alert]:
    """Declare the objectives under `parent`; returns the alerts on their error budgets."""
    child, name = pulumi.ResourceOptions(parent=parent), parent.pulumi_resource_name
    service = monitoring.CustomService(
        f"{name}-platform",
        service_id=args.service_id or name,
        project=args.project,
        display_name=f"{args.title_prefix}Streaming platform",
        user_labels=args.labels,
        opts=child,
    )
    count = f'{on_service(args.entrance)} AND metric.type = "run.googleapis.com/request_count"'
    ratio = monitoring.SloRequestBasedSliGoodTotalRatioArgs(
        bad_service_filter=f'{count} AND metric.labels.response_code_class = "5xx"', total_service_filter=count
    )
    quick = monitoring.SloRequestBasedSliDistributionCutArgs(
        distribution_filter=latency.filter,
        range=monitoring.SloRequestBasedSliDistributionCutRangeArgs(max=latency.limit),
    )
    objectives: dict[str, tuple[str, float, dict[str, Any]]] = {
        "accepting": (
            "Events are accepted",
            0.999,
            {"request_based_sli": monitoring.SloRequestBasedSliArgs(good_total_ratio=ratio)},
        ),
        "answering": (
            "Answers are quick",
            0.99,
            {"request_based_sli": monitoring.SloRequestBasedSliArgs(distribution_cut=quick)},
        ),
    }
    for key, subscription in (args.delivery_objectives or {}).items():
        objectives[key] = (f"{subscription} keeps up", 0.99, {"windows_based_sli": _delivered(args, subscription)})
    alerts: list[Alert] = []
    for key, (title, goal, indicator) in objectives.items():
        slo = monitoring.Slo(
            f"{name}-{key}",
            service=service.service_id,
            slo_id=key,
            project=args.project,
            display_name=f"{args.title_prefix}{title}: {goal:.1%} of 28 days",
            goal=goal,
            rolling_period_days=28,
            user_labels=args.labels,
            opts=child,
            **indicator,
        )
        alerts.append(
            Alert(
                f"burn-{key}",
                f"{title}: the error budget burns",
                f"At this rate the month's error budget of {1 - goal:.1%} is gone in two days. "
                "See what changed in the last hour; roll back first, explain afterwards.",
                # Both windows: the long one says that it matters, the short one that it still goes on.
                [
                    threshold(
                        f"Over {window}",
                        pulumi.Output.concat('select_slo_burn_rate("', slo.name, f'", "{window}")'),
                        FAST_BURN,
                        aligner=None,
                        minutes=0,
                    )
                    for window in ("3600s", "300s")
                ],
                severity="CRITICAL",
                combiner="AND",
            )
        )
    return alerts


def _delivered(args: MonitoringArgs, subscription: str) -> "monitoring.SloWindowsBasedSliArgs":
    """Five minutes are good when what waited longest had waited no longer than the backlog may: one series, for an
    indicator takes no more."""
    age = monitoring.SloWindowsBasedSliMetricMeanInRangeArgs(
        time_series='resource.type = "pubsub_subscription" AND '
        f'resource.labels.subscription_id = "{subscription}" AND '
        'metric.type = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"',
        range=monitoring.SloWindowsBasedSliMetricMeanInRangeRangeArgs(max=given(args.backlog_minutes) * 60),
    )
    return monitoring.SloWindowsBasedSliArgs(window_period="300s", metric_mean_in_range=age)
