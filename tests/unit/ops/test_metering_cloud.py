"""`fastyle meter --stack prod`: documented answers of timeSeries.list made into usage, and what cannot be read.

The stand-in for Cloud Monitoring answers by the filter that it is asked with, in pages, as the REST reference has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from fastyle_policies.pricing import estimate, read_usage
from fastyle_policies.pricing.documents import Document

from ops.cli import cli
from ops.errors import OperatorError
from ops.metering.cloud import metered
from ops.metering.metrics import READINGS
from policy_pricing.bills import REGION, resource

PROJECT = "fastyle-prod-example"
SERVING = {"containers": [{"resources": {"cpuIdle": True}}]}
PLAN = (
    resource("gcp:pubsub/topic:Topic", "sales-topic", name="sales-transactions"),
    resource("gcp:cloudrunv2/service:Service", "api-service", name="api", template=SERVING),
    resource(
        "gcp:cloudfunctionsv2/function:Function",
        "pos-api-function",
        name="pos-api",
        serviceConfig={"minInstanceCount": 1},
    ),
    resource(
        "gcp:sql/databaseInstance:DatabaseInstance",
        "database-instance",
        name="fastyle",
        settings={"tier": "db-custom-2-7680"},
    ),
    resource("gcp:storage/bucket:Bucket", "lake-bucket", name="raw-lake", location="US-CENTRAL1"),
    resource("gcp:storage/bucket:Bucket", "archives-bucket", name="workloads", location="US-CENTRAL1"),
    resource("gcp:bigquery/dataset:Dataset", "warehouse-staging", datasetId="staging", location=REGION),
    resource("gcp:bigquery/table:Table", "warehouse-raw-sales", datasetId="raw", tableId="sales"),
    resource("gcp:logging/projectBucketConfig:ProjectBucketConfig", "logs-default", retentionDays=90),
    resource("gcp:secretmanager/secret:Secret", "secrets-pos", secretId="pos"),
)
GIB = 1024**3
# 730 hours are 730 / 672 of 28 days: so many that a month has round numbers.
WEEKS = 672 / 730


def series(
    value: Mapping[str, Any], *, resource: Mapping[str, str] | None = None, metric: Mapping[str, str] | None = None
) -> dict[str, Any]:
    interval = {"startTime": "2026-11-02T00:00:00Z", "endTime": "2026-11-30T00:00:00Z"}
    return {
        "metric": {"labels": dict(metric or {})},
        "resource": {"type": "x", "labels": {"project_id": PROJECT, **(resource or {})}},
        "metricKind": "DELTA",
        "valueType": "INT64",
        "points": [{"interval": interval, "value": dict(value)}],
    }


def counted(number: float) -> dict[str, Any]:
    """64-bit integers are strings in JSON."""
    return {"int64Value": str(round(number * WEEKS))}


def spread(count: float, mean: float) -> dict[str, Any]:
    return {"distributionValue": {"count": str(round(count * WEEKS)), "mean": mean, "sumOfSquaredDeviation": 1.0}}


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "pubsub.googleapis.com/topic/message_sizes": [
        series(spread(730_000, 600), resource={"topic_id": "sales-transactions"}),
        series(spread(9, 9), resource={"topic_id": "somebody-elses"}),
    ],
    "run.googleapis.com/request_count": [
        series(counted(1_460_000), resource={"service_name": "api"}),
        series(counted(730_000), resource={"service_name": "pos-api"}),
    ],
    "run.googleapis.com/request_latencies": [series(spread(730_000, 42.5), resource={"service_name": "pos-api"})],
    "run.googleapis.com/container/billable_instance_time": [
        series({"doubleValue": 73_000 * WEEKS}, resource={"service_name": "api"})
    ],
    "cloudsql.googleapis.com/database/cpu/usage_time": [
        series({"doubleValue": 73 * 3600 * WEEKS}, resource={"database_id": f"{PROJECT}:fastyle"})
    ],
    "cloudsql.googleapis.com/database/disk/quota": [
        series({"doubleValue": 60.0 * GIB}, resource={"database_id": f"{PROJECT}:fastyle"})
    ],
    "storage.googleapis.com/storage/v2/total_bytes": [
        series({"doubleValue": 500.0 * GIB}, resource={"bucket_name": "raw-lake"}),
        series({"doubleValue": 3.0 * GIB}, resource={"bucket_name": "workloads"}),
    ],
    "storage.googleapis.com/network/received_bytes_count": [
        series(counted(73 * GIB), resource={"bucket_name": "raw-lake"})
    ],
    "storage.googleapis.com/api/request_count": [
        series(counted(7300), resource={"bucket_name": "raw-lake"}, metric={"method": "WriteObject"}),
        series(counted(730), resource={"bucket_name": "raw-lake"}, metric={"method": "ListObjects"}),
        series(counted(73_000), resource={"bucket_name": "raw-lake"}, metric={"method": "ReadObject"}),
        series(counted(99), resource={"bucket_name": "raw-lake"}, metric={"method": "DeleteObject"}),
    ],
    "bigquery.googleapis.com/storage/uploaded_bytes": [
        series(counted(7.3 * GIB), resource={"dataset_id": "raw"}, metric={"table": "sales"})
    ],
    "bigquery.googleapis.com/query/scanned_bytes_billed": [series(counted(730 * GIB))],
    "logging.googleapis.com/byte_count": [series(counted(2 * GIB), resource={"service_name": "api"})],
    "logging.googleapis.com/billing/bytes_ingested": [series(counted(12 * GIB))],
    "serviceruntime.googleapis.com/api/request_count": [series(counted(43_800))],
}
KIND = re.compile(r'resource\.type="(\w+)"')


@dataclass
class Monitoring:
    """Answers one series a page; what another kind of resource logs is none of the services'."""

    answers: Mapping[str, list[dict[str, Any]]]
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def __call__(self, method: str, url: str, *, headers: dict[str, str]) -> dict[str, Any]:
        assert method == "GET"
        parts = urlsplit(url)
        assert parts.path == f"/v3/projects/{PROJECT}/timeSeries"
        assert headers == {"authorization": "Bearer token"}
        query = parse_qs(parts.query)
        self.asked.append(query)
        [filtered] = query["filter"]
        metric = filtered.split('"')[1]
        kind = KIND.findall(filtered)[0]
        series = self.answers.get(metric, [])
        if metric == "logging.googleapis.com/byte_count" and kind != "cloud_run_revision":
            series = []
        page = int(query.get("pageToken", ["0"])[0])
        answer: dict[str, Any] = {"timeSeries": series[page : page + 1], "unit": "By"} if series else {}
        return answer | ({"nextPageToken": str(page + 1)} if page + 1 < len(series) else {})


@pytest.fixture
def monitoring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Monitoring:
    stand_in = Monitoring(ANSWERS)
    usage = tmp_path / "usage" / "prod.yaml"
    usage.parent.mkdir()
    usage.write_text(
        "version: 1\nresource_usage:\n  lake-bucket: {monthly_written_gib: 1, object_mib: 5}\n"
        "  '*-staging': {monthly_scanned_gib: 7, monthly_written_gib: 3}\n"
        "  secrets-pos: {further_versions: 2}\n"
    )
    monkeypatch.setattr("ops.cost.USAGE", usage.parent)
    monkeypatch.setattr(
        "ops.metering.cloud.planned", lambda request: Document(PLAN, {"gcp:project": PROJECT, "gcp:region": REGION})
    )
    monkeypatch.setattr("ops.google.request", stand_in)
    monkeypatch.setattr("ops.google.access_token", lambda: "token")
    return stand_in


NOW = datetime(2026, 11, 30, tzinfo=UTC)


def test_what_was_counted_is_the_usage_of_a_month(monitoring: Monitoring) -> None:
    values = {(name, key): round(value, 3) for name, key, value in metered("prod", 28, NOW).values}
    near = {at: pytest.approx(float(value), rel=1e-4) for at, value in values.items()}
    assert near == {
        ("sales-topic", "monthly_messages"): 730_000,
        ("sales-topic", "message_bytes"): 636,
        ("api-service", "monthly_requests"): 1_460_000,
        ("api-service", "monthly_instance_seconds"): 73_000,
        ("api-service", "monthly_log_gib"): 2,
        ("pos-api-function", "monthly_requests"): 730_000,
        ("pos-api-function", "monthly_instance_seconds"): 73_000,  # of 100 ms, the least that is billed
        ("database-instance", "monthly_cpu_hours"): 73,
        ("database-instance", "disk_gb"): 60,
        ("lake-bucket", "monthly_written_gib"): 73,
        ("lake-bucket", "object_mib"): 10.24,
        ("lake-bucket", "monthly_class_a_operations"): 730,
        ("lake-bucket", "monthly_class_b_operations"): 73_000,
        ("archives-bucket", "storage_gib"): 3,
        ("warehouse-raw-sales", "monthly_written_gib"): 7.3,
        ("warehouse-staging", "monthly_scanned_gib"): 730,
        ("logs-default", "monthly_kept_gib"): 12,
        ("logs-default", "monthly_ingested_gib"): 10,
        ("secrets-pos", "monthly_accesses"): 43_800,
    }


def test_streams_that_an_instance_serves_at_once_are_no_time_of_an_instance_each(monitoring: Monitoring) -> None:
    """Cloud Run's latency of a live stream is its whole life: of forty dashboards, forty hours an hour."""
    billable = "run.googleapis.com/container/billable_instance_time"
    monitoring.answers = {
        **ANSWERS,
        "run.googleapis.com/request_latencies": [
            series(spread(730_000, 240_000), resource={"service_name": "pos-api"})
        ],
        billable: [series({"doubleValue": 2_628_000 * WEEKS}, resource={"service_name": "pos-api"})],
    }
    values = {(name, key): value for name, key, value in metered("prod", 28, NOW).values}
    assert round(values["pos-api-function", "monthly_instance_seconds"]) == 2_628_000


def test_the_file_that_is_written_prices_the_stack_and_keeps_what_no_metric_tells(
    monitoring: Monitoring, tmp_path: Path
) -> None:
    target = tmp_path / "counted.yaml"
    done = CliRunner().invoke(cli, ["meter", "--stack", "prod", "--write", str(target)])
    assert done.exit_code == 0, done.output
    assert "nothing counted by composer.googleapis.com/environment/database/disk/bytes_used" in done.output
    assert f"see `fastyle cost --stack prod --usage {target}`" in done.output
    usage = read_usage(target)
    assert usage.document.resource_usage["secrets-pos"].keys() == {"further_versions", "monthly_accesses"}
    assert usage.document.resource_usage["*-staging"]["monthly_written_gib"] == 3
    cost = estimate(PLAN, usage, region=REGION)
    [scanned] = [line for _, line in cost.lines() if line.rate.id == "bigquery.scan"]
    assert round(scanned.quantity * 1024) == 730
    assert not [note for note in cost.notes if "matches no resource" in note]


def test_each_metric_is_asked_for_once_a_page_over_whole_days(monitoring: Monitoring) -> None:
    metered("prod", 28, NOW)
    first = monitoring.asked[0]
    assert first["interval.startTime"] == ["2026-11-02T00:00:00Z"]
    assert first["interval.endTime"] == ["2026-11-30T00:00:00Z"]
    assert first["aggregation.alignmentPeriod"] == [f"{28 * 86400}s"]
    assert first["aggregation.perSeriesAligner"] == ["ALIGN_DELTA"]
    assert first["aggregation.groupByFields"] == ["resource.labels.topic_id"]
    sizes = [each for each in monitoring.asked if "ALIGN_MEAN" in each["aggregation.perSeriesAligner"]]
    assert {each["filter"][0].split('"')[1] for each in sizes} >= {"cloudsql.googleapis.com/database/disk/quota"}
    pages = len(READINGS) + sum(len(series) - 1 for series in ANSWERS.values())
    assert len(monitoring.asked) == pages


def test_counters_of_two_windows_are_added_and_means_weighed(monitoring: Monitoring) -> None:
    twice = series(spread(1000, 100), resource={"topic_id": "sales-transactions"})
    twice["points"] += series(spread(3000, 200), resource={})["points"]
    monitoring.answers = {"pubsub.googleapis.com/topic/message_sizes": [twice]}
    values = {key: value for _, key, value in metered("prod", 28, NOW).values}
    assert round(values["monthly_messages"], -1) == 4000
    assert round(values["message_bytes"]) == 175 + 36


def test_a_stack_of_which_nothing_was_counted_is_told_so(monitoring: Monitoring) -> None:
    monitoring.answers = {}
    with pytest.raises(
        OperatorError, match="has counted nothing of stack prod in project fastyle-prod-example in 28 days"
    ):
        metered("prod", 28, NOW)


def test_what_monitoring_cannot_tell_is_an_error_and_no_zero(
    monitoring: Monitoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ops.google.request", lambda *_, **__: {"executionErrors": [{"code": 13, "message": "backend error"}]}
    )
    with pytest.raises(OperatorError, match=r"cannot tell pubsub.* of project fastyle-prod-example: backend error"):
        metered("prod", 28, NOW)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stack", "prod", "--keep"), "--keep is what stack local measures for all"),
        (("--stack", "prod", "--write", "/proc/no/such/place.yaml"), "cannot be written"),
    ],
)
def test_mistakes_are_told_in_a_line(monitoring: Monitoring, arguments: tuple[str, ...], message: str) -> None:
    done = CliRunner().invoke(cli, ["meter", *arguments])
    assert done.exit_code == 1
    assert message in done.output
    assert done.output.startswith("Error: ")


def test_for_machines_it_is_json(monitoring: Monitoring, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        cli, ["meter", "--stack", "prod", "--json", "--days", "7", "--write", str(tmp_path / "u.yaml")]
    )
    document = json.loads(done.output)
    assert document["days"] == 7
    [requests] = [
        each for each in document["counted"] if (each["resource"], each["key"]) == ("api-service", "monthly_requests")
    ]
    assert round(Decimal(requests["monthly"]), -4) == 5_840_000, "the same count in a quarter of the days"
