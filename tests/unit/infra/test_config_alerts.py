"""What the alerts of a stack look for in its logs."""

from __future__ import annotations

import re
from typing import Any

import pytest

from infra.operations import late_run
from tests.support.api import configuration
from tests.support.program import composed
from workloads.api.app import create_app

COMPOSER = {"resource.type": "cloud_composer_environment", "resource.labels.environment_name": "fastyle"}
LATE_RUN = late_run("fastyle")


def finds(text: str, entry: dict[str, str]) -> bool:
    """Whether a filter of equalities, substrings, AND, OR and parentheses takes a log entry, given by field."""

    def term(match: re.Match[str]) -> str:
        field, operator, wanted = match.groups()
        value = entry.get(field, "")
        return str(wanted == value if operator == "=" else bool(value) and wanted in value)

    expression = re.sub(r'([\w.]+) ?(=|:) ?"([^"]*)"', term, text).replace("AND", "and").replace("OR", "or")
    assert re.fullmatch(r"(True|False|and|or|[() ])+", expression), expression
    return bool(eval(expression))


@pytest.mark.parametrize(
    ("entry", "is_late_run"),
    [
        ({"textPayload": "ERROR - pipeline_late: run x has not ended"}, True),
        ({"jsonPayload.message": "pipeline_late: run x has not ended"}, True),
        ({"jsonPayload.event": "pipeline_late: run x has not ended"}, True),
        ({"textPayload": "run x has ended"}, False),
    ],
)
def test_a_late_run_is_found_however_airflow_logs(entry: dict[str, str], is_late_run: bool) -> None:
    """Airflow 3.3 logs text where 3.1 did, and JSON elsewhere."""
    assert finds(LATE_RUN, COMPOSER | entry) is is_late_run
    assert not finds(LATE_RUN, {"resource.type": "cloud_run_revision"} | entry), "another's log"
    assert not finds(LATE_RUN, COMPOSER | {"resource.labels.environment_name": "anna-fastyle"} | entry), (
        "another stack's"
    )


def test_a_publication_counts_whoever_logs_it() -> None:
    metric: dict[str, Any] = composed("prod").one("monitoring-marts-published")
    service = {"jsonPayload.event": "marts_published", "jsonPayload.message": "marts_published"}
    for entry in (
        service,
        {"textPayload": "[info] marts_published run_id=x"},
        {"jsonPayload.message": "marts_published"},
    ):
        for source in (COMPOSER, {"resource.labels.service_name": "pipeline"}):
            assert finds(metric["filter"], source | entry), entry
        for another in ("environment_name", "service_name"):
            assert not finds(metric["filter"], {f"resource.labels.{another}": "anna-pipeline"} | entry), (
                "another stack's"
            )
    assert not finds(metric["filter"], COMPOSER | {"textPayload": "checks passed"})


def test_how_long_somebody_watches_is_not_how_slow_the_api_is() -> None:
    """Cloud Run's own metric has a live stream among the slow answers, and no label that tells it by."""
    program = composed("prod")
    metric: dict[str, Any] = program.one("monitoring-api-latency")
    found, _, left_out = metric["filter"].partition(" AND NOT ")
    assert 'resource.labels.service_name = "api"' in found
    assert 'log_id("run.googleapis.com/requests")' in found
    paths: dict[str, Any] = create_app(configuration("postgresql:///none")).openapi()["paths"]
    endless = {path for path, methods in paths.items() if "text/event-stream" in str(methods)}
    assert endless
    for path in paths:
        url = f"https://api-1.run.app{path}?sku=A"
        is_left_out = any(named in url for named in re.findall(r'"([^"]+)"', left_out))
        assert is_left_out is (path in endless), url
    own = f'metric.type = "logging.googleapis.com/user/{metric["name"]}"'
    assert own in program.one("monitoring-answering")["requestBasedSli"]["distributionCut"]["distributionFilter"]
    watching = [v for k, v in program.resources.items() if k.startswith(("gcp:monitoring/",))]
    assert watching
    assert "request_latencies" not in str(watching)
