"""The alerts, as data: what is wrong, since when it counts, and what to do."""

import pulumi
import pulumi_gcp.monitoring as monitoring

from fastyle_components.base import given
from fastyle_components.monitoring_args import (
    Alert,
    Answers,
    MonitoringArgs,
    on_service,
    promql,
    promql_name,
    split,
    threshold,
)


def flow(args: MonitoringArgs) -> list[Alert]:
    minutes = given(args.backlog_minutes)
    age = [
        threshold(
            f"{subscription} is behind",
            f'resource.type = "pubsub_subscription" AND resource.labels.subscription_id = "{subscription}" '
            'AND metric.type = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"',
            minutes * 60,
            aligner="ALIGN_MAX",
        )
        for subscription in args.subscriptions
    ]
    dead = [
        threshold(
            f"{subscription} is not empty",
            f'resource.type = "pubsub_subscription" AND resource.labels.subscription_id = "{subscription}" '
            'AND metric.type = "pubsub.googleapis.com/subscription/num_undelivered_messages"',
            0,
            aligner="ALIGN_MAX",
        )
        for subscription in args.dead_letter_subscriptions
    ]
    alerts = [
        Alert(
            "backlog",
            "Events wait too long",
            f"The oldest undelivered event is over {minutes} minutes old. Is its consumer, table or bucket "
            "reachable, and the database awake? Nothing is lost while the subscription retains it.",
            age,
        ),
        Alert(
            "dead-letters",
            "Events were given up",
            "Read the dead letters' `error` attribute, mend its cause, then redrive the topic.",
            dead,
        ),
    ]
    return [part for alert in alerts for part in split(alert)]


def interfaces(args: MonitoringArgs, latency: Answers) -> list[Alert]:
    errors = [
        threshold(
            f"{service} answers 5xx",
            f'{on_service(service)} AND metric.type = "run.googleapis.com/request_count" '
            'AND metric.labels.response_code_class = "5xx"',
            0.05,
            aligner="ALIGN_RATE",
            reducer="REDUCE_SUM",
        )
        for service in (args.entrance, args.api)
    ]
    return [
        Alert(
            "errors",
            "Requests fail",
            "Over three requests a minute end in a 5xx. See the service's logs by severity; senders repeat "
            "what was not accepted.",
            errors,
            severity="CRITICAL",
        ),
        Alert(
            "latency",
            "The API is slow",
            f"One answer of a hundred takes over {given(args.latency_ms)} ms. See the database's query insights, then the "
            "service's instances and concurrency.",
            [latency.slow],
            severity="WARNING",
        ),
    ]


SEEN_MINUTES = 30
"""How long a publication stays in sight of the freshness alert: longer than a log metric's points may be late."""
PUBLISHERS = ("cloud_composer_environment", "cloud_run_revision")
"""What publishes: Airflow's tasks, and the service that a schedule or an operator calls."""


def freshness(args: MonitoringArgs, metric: pulumi.Input[str]) -> Alert:
    """An alert that counts publications instead of waiting for the metric to fall silent: it also sees that nothing was
    ever published, and that zeros are written."""
    hours = given(args.freshness_hours)
    query = pulumi.Output.all(metric, *(args.wait_for or [])).apply(lambda values: _unpublished(values[0]))
    return Alert(
        "freshness",
        "Reports are stale",
        f"Nothing was published for {hours} hours; people see the last good reports. See the last run's report: a failed "
        "quality check stops publication on purpose.",
        [promql("No publication", query, hours * 3600 - SEEN_MINUTES * 60)],
    )


def _unpublished(metric: str) -> str:
    """PromQL that is true while nothing was published lately. A kind of resource that never logged one counts as 0; each
    is asked for by itself, because a log metric has series of several:
    https://cloud.google.com/monitoring/promql/promql-mapping"""
    name = promql_name(metric)
    counts = (
        f'(sum(increase({name}{{monitored_resource="{resource}"}}[{SEEN_MINUTES}m])) or vector(0))'
        for resource in PUBLISHERS
    )
    return f"{' + '.join(counts)} == 0"


def late(args: MonitoringArgs) -> list[Alert]:
    if args.late_filter is None:
        return []
    match = monitoring.AlertPolicyConditionConditionMatchedLogArgs(filter=args.late_filter)
    return [
        Alert(
            "late",
            "A run is late",
            "The pipeline's run has not ended when it should have; the reports are those of the run before. See which "
            "of its tasks waits, and for what.",
            [monitoring.AlertPolicyConditionArgs(display_name="A deadline was missed", condition_matched_log=match)],
            rate_limit="3600s",
        )
    ]


def money(args: MonitoringArgs) -> list[Alert]:
    if args.budget_guard is None:
        return []
    # Only notices at the whole amount and above are warnings; garbage and retries are the log's matter.
    match = monitoring.AlertPolicyConditionConditionMatchedLogArgs(
        filter=f'{on_service(args.budget_guard)} AND jsonPayload.event = "budget_guard" AND jsonPayload.level >= 1 '
        "AND severity >= WARNING",
        label_extractors={"cost": "EXTRACT(jsonPayload.cost)", "amount": "EXTRACT(jsonPayload.amount)"},
    )
    return [
        Alert(
            "budget",
            "The budget is used up",
            "Costs since the start of the month are over the budget's amount. See the bill by label `component`, and "
            "what the budget guard has paused, if it may.",
            [
                monitoring.AlertPolicyConditionArgs(
                    display_name="A notice at 100 % or more", condition_matched_log=match
                )
            ],
            severity="WARNING",
            rate_limit="86400s",
        )
    ]


def stores(args: MonitoringArgs) -> list[Alert]:
    alerts: list[Alert] = []
    if args.database_instance is not None:
        database = (
            f'resource.type = "cloudsql_database" AND resource.labels.database_id = '
            f'"{args.project}:{args.database_instance}" AND metric.type = "cloudsql.googleapis.com/database/'
        )
        shares = (
            ("cpu", "cpu/utilization", 0.9),
            ("disk", "disk/utilization", 0.9),
            ("memory", "memory/utilization", 0.95),
        )
        alerts.append(
            Alert(
                "database",
                "The database is at its limit",
                "CPU, memory or disk of Cloud SQL is nearly used up. See query insights; a larger tier is one "
                "line of configuration and a restart of about a minute.",
                [
                    threshold(f"Database {key}", f'{database}{metric}"', share, minutes=10)
                    for key, metric, share in shares
                ],
            )
        )
    if args.composer_environment is not None:
        alerts.append(
            Alert(
                "composer",
                "Airflow is unhealthy",
                "The environment's own health check fails. See its monitoring page; snapshots restore it.",
                [
                    threshold(
                        "Environment unhealthy",
                        f'resource.type = "cloud_composer_environment" AND resource.labels.environment_name = '
                        f'"{args.composer_environment}" AND metric.type = '
                        '"composer.googleapis.com/environment/healthy"',
                        0.9,
                        comparison="COMPARISON_LT",
                        aligner="ALIGN_FRACTION_TRUE",
                        minutes=15,
                        alignment_seconds=300,  # sampled every two minutes
                    )
                ],
            )
        )
    return alerts
