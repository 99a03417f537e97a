"""How long the API's answers take, and what measures it."""

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import given
from fastyle_components.monitoring_args import (
    Answers,
    MonitoringArgs,
    latency_metric_name,
    on_service,
    promql,
    promql_name,
    threshold,
)


def latency(parent: pulumi.ComponentResource, args: MonitoringArgs) -> Answers:
    """By the request log where the API has streams, which needs a metric under `parent`, else by Cloud Run's own metric."""
    name, limit = parent.pulumi_resource_name, given(args.latency_ms)
    filter_ = latency_filter(name, args)
    title = f"{args.api} is slow"
    if not args.api_streams:
        slow = threshold(title, filter_, limit, aligner="ALIGN_PERCENTILE_99", reducer="REDUCE_MAX")
        return Answers(filter_, limit, slow)
    seconds = limit / 1000
    streams = " OR ".join(f'"{path}"' for path in args.api_streams)
    metric = gcp.logging.Metric(
        f"{name}-api-latency",
        name=latency_metric_name(name, args),
        project=args.project,
        description="Seconds that answers of the API took, without its streams",
        filter=f'{on_service(args.api)} AND log_id("run.googleapis.com/requests") '
        f"AND NOT httpRequest.requestUrl:({streams})",
        value_extractor="EXTRACT(httpRequest.latency)",
        metric_descriptor=gcp.logging.MetricMetricDescriptorArgs(
            metric_kind="DELTA", value_type="DISTRIBUTION", unit="s"
        ),
        # A bucket ends at the limit itself, else it would be guessed how many of a bucket are over it.
        bucket_options=gcp.logging.MetricBucketOptionsArgs(
            exponential_buckets=gcp.logging.MetricBucketOptionsExponentialBucketsArgs(
                scale=seconds / 2**8, growth_factor=2, num_finite_buckets=20
            )
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    known = pulumi.Output.all(metric.name, *(args.wait_for or [])).apply(lambda values: str(values[0]))
    query = known.apply(
        lambda metric: (
            f"histogram_quantile(0.99, sum by (le) (increase({promql_name(metric)}_bucket"
            f'{{monitored_resource="cloud_run_revision"}}[5m]))) > {seconds}'
        )
    )
    return Answers(known.apply(lambda _: filter_), seconds, promql(title, query, 300))


def latency_filter(name: str, args: MonitoringArgs) -> str:
    """What the dashboard and the objective of the component `name` look at."""
    own = f"logging.googleapis.com/user/{latency_metric_name(name, args)}"
    metric = own if args.api_streams else "run.googleapis.com/request_latencies"
    return f'{on_service(args.api)} AND metric.type = "{metric}"'
