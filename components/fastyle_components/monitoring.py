"""What is watched, who is woken, and which objectives are kept."""

import json

import pulumi
import pulumi_gcp as gcp
import pulumi_gcp.monitoring as monitoring

from fastyle_components.alerts import flow, freshness, interfaces, late, money, stores
from fastyle_components.base import token
from fastyle_components.dashboard import dashboard
from fastyle_components.latency import latency
from fastyle_components.monitoring_args import Alert, MonitoringArgs, check, metric_name
from fastyle_components.objectives import objectives

__all__ = ["Monitoring", "MonitoringArgs"]


class Monitoring(pulumi.ComponentResource):
    """Alerts that name what to do, a dashboard, and service level objectives.

    Owns the e-mail channels, alert policies, the log-based metrics of publications and of latency, the dashboard, the
    objectives and their burn-rate alerts. It does not own what it watches, nor the budget's channels.
    """

    alerts: pulumi.Output[list[str]]
    """Display names of the alert policies."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        self._args = args = MonitoringArgs.complete(args, name)
        check(name, args)
        self._child = pulumi.ResourceOptions(parent=self)
        self._title = args.title_prefix
        self._channels = [
            monitoring.NotificationChannel(
                f"{name}-email-{email}",
                project=args.project,
                display_name=f"{self._title}Alerts: {email}",
                type="email",
                labels={"email_address": email},
                user_labels=args.labels,
                opts=self._child,
            )
            for email in args.emails
        ]
        self._metric = gcp.logging.Metric(
            f"{name}-marts-published",
            name=metric_name(name, args),
            project=args.project,
            description="Publications of new reports",
            filter=args.freshness_filter,
            metric_descriptor=gcp.logging.MetricMetricDescriptorArgs(metric_kind="DELTA", value_type="INT64", unit="1"),
            opts=self._child,
        )
        answers = latency(self, args)
        alerts = [
            *flow(args),
            *interfaces(args, answers),
            freshness(args, self._metric.name),
            *late(args),
            *stores(args),
        ]
        alerts += money(args)
        if args.objectives:
            alerts += objectives(self, args, answers)
        policies = [self._policy(alert) for alert in alerts]
        monitoring.Dashboard(
            f"{name}-dashboard",
            project=args.project,
            dashboard_json=json.dumps(dashboard(name, args), sort_keys=True),
            opts=self._child,
        )
        self.alerts = pulumi.Output.all(*[policy.display_name for policy in policies])
        self.register_outputs({"alerts": self.alerts})

    def _policy(self, alert: Alert) -> "monitoring.AlertPolicy":
        runbook = self._args.runbook_url
        text = alert.mend if runbook is None else f"{alert.mend}\n\n[Runbook]({runbook}{alert.runbook or alert.key})"
        return monitoring.AlertPolicy(
            f"{self.pulumi_resource_name}-{alert.key}",
            project=self._args.project,
            display_name=f"{self._title}{alert.title}",
            combiner=alert.combiner,
            severity=alert.severity,
            conditions=alert.conditions,
            notification_channels=[channel.name for channel in self._channels],
            documentation=monitoring.AlertPolicyDocumentationArgs(content=text, mime_type="text/markdown"),
            alert_strategy=monitoring.AlertPolicyAlertStrategyArgs(
                auto_close="86400s",
                notification_rate_limit=None
                if alert.rate_limit is None
                else monitoring.AlertPolicyAlertStrategyNotificationRateLimitArgs(period=alert.rate_limit),
            ),
            user_labels=self._args.labels,
            opts=self._child,
        )
