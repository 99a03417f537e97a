"""The dashboard's layout: Cloud Monitoring's JSON."""

from typing import Any

from fastyle_components.latency import latency_filter
from fastyle_components.monitoring_args import MonitoringArgs, metric_name


def dashboard(name: str, args: MonitoringArgs) -> dict[str, Any]:
    """Cloud Monitoring's JSON. Zero positions and empty values are left out: the API drops them, for ever different."""
    services = _one_of(args.entrance, args.api, *(args.services or []))
    subscriptions = _one_of(*args.subscriptions, *args.dead_letter_subscriptions)
    run_count = (
        'metric.type = "run.googleapis.com/request_count" AND resource.type = "cloud_run_revision" '
        f"AND resource.labels.service_name = {services}"
    )
    pubsub = (
        f'resource.type = "pubsub_subscription" AND resource.labels.subscription_id = {subscriptions} '
        'AND metric.type = "pubsub.googleapis.com/subscription/'
    )
    cpu = 'resource.type = "cloudsql_database" AND metric.type = "cloudsql.googleapis.com/database/cpu/utilization"'
    if args.database_instance is not None:
        cpu += f' AND resource.labels.database_id = "{args.project}:{args.database_instance}"'
    charts = [
        ("Requests a second, by service", run_count, "ALIGN_RATE", "REDUCE_SUM", ["resource.labels.service_name"]),
        (
            f"API latency, 99th percentile ({'s' if args.api_streams else 'ms'})",
            latency_filter(name, args),
            "ALIGN_PERCENTILE_99",
            "REDUCE_MAX",
            [],
        ),
        (
            "Oldest undelivered event (s)",
            f'{pubsub}oldest_unacked_message_age"',
            "ALIGN_MAX",
            "REDUCE_MAX",
            ["resource.labels.subscription_id"],
        ),
        (
            "Undelivered events",
            f'{pubsub}num_undelivered_messages"',
            "ALIGN_MAX",
            "REDUCE_SUM",
            ["resource.labels.subscription_id"],
        ),
        (
            "Publications",
            f'metric.type = "logging.googleapis.com/user/{metric_name(name, args)}"',
            "ALIGN_DELTA",
            "REDUCE_SUM",
            [],
        ),
        (
            "Database CPU",
            cpu,
            "ALIGN_MEAN",
            "REDUCE_MEAN",
            [],
        ),
    ]
    return {
        "displayName": f"{args.title_prefix}Streaming platform",
        "mosaicLayout": {
            "columns": 12,
            "tiles": [_tile(index, *chart) for index, chart in enumerate(charts)],
        },
    }


def _one_of(*values: str) -> str:
    """https://cloud.google.com/monitoring/api/v3/filters#comparisons"""
    quoted = ", ".join(f'"{value}"' for value in values)
    return f"one_of({quoted})"


def _tile(index: int, title: str, filter_: str, aligner: str, reducer: str, groups: list[str]) -> dict[str, Any]:
    aggregation: dict[str, Any] = {
        "alignmentPeriod": "60s",
        "perSeriesAligner": aligner,
        "crossSeriesReducer": reducer,
    }
    if groups:
        aggregation["groupByFields"] = groups
    query = {"timeSeriesFilter": {"filter": filter_, "aggregation": aggregation}}
    chart = {"dataSets": [{"plotType": "LINE", "targetAxis": "Y1", "timeSeriesQuery": query}]}
    tile: dict[str, Any] = {"width": 6, "height": 4, "widget": {"title": title, "xyChart": chart}}
    if index % 2:
        tile["xPos"] = 6
    if index // 2:
        tile["yPos"] = index // 2 * 4
    return tile
