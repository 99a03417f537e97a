"""The local cloud refuses what Google refuses for its time and for its organisation's policies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastyle_localcloud.__main__ import main
from fastyle_localcloud.provider.admission import INVOKER, MEMBERS, METRIC_SECONDS, POLICIES, switch_policy
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.schema import token_of
from fastyle_localcloud.provider.table import lookup

from cloud_provider.recorded import Cloud

METRIC = {"name": "orders-made", "filter": "severity >= ERROR"}
CLASSIC = {"conditionAbsent": {"filter": 'metric.type = "logging.googleapis.com/user/orders-made"', "duration": "600s"}}
QUERY = 'increase(logging_googleapis_com:user_orders_made{monitored_resource="cloud_run_revision"}[30m]) == 0'


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.records.close()


PROMQL = {"conditionPrometheusQueryLanguage": {"query": QUERY}}


@pytest.mark.parametrize("condition", [CLASSIC, PROMQL], ids=["classic", "promql"])
def test_an_alert_on_a_metric_younger_than_ten_minutes_is_refused(cloud: Cloud, condition: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="404: Cannot find metric"):
        cloud.alert(condition)
    cloud.create("logging.Metric", **METRIC)
    with pytest.raises(Refused, match=r"404: Cannot find metric.*user/orders-made"):
        cloud.alert(condition)
    cloud.clock.advance(METRIC_SECONDS - 30)
    with pytest.raises(Refused, match="up to 10 minutes"):
        cloud.alert(condition)
    cloud.clock.advance(30)
    cloud.alert(condition)


def test_a_metric_that_is_made_anew_is_young_again(cloud: Cloud) -> None:
    cloud.create("logging.Metric", **METRIC)
    cloud.clock.advance(METRIC_SECONDS)
    alert = cloud.alert(CLASSIC)
    cloud.records.remove(token_of("logging.Metric"), METRIC["name"])
    cloud.create("logging.Metric", **METRIC)
    with pytest.raises(Refused, match="404"):
        cloud.update("monitoring.AlertPolicy", alert, displayName="a", combiner="OR", conditions=[CLASSIC])


def test_an_alert_that_waits_for_a_database_finds_its_metric(cloud: Cloud) -> None:
    """What takes Google ten minutes takes the local cloud's clock ten minutes."""
    cloud.create("logging.Metric", **METRIC)
    assert lookup(token_of("composer.Environment"))[1].seconds > METRIC_SECONDS
    cloud.create("sql.DatabaseInstance", name="db", region="us-central1", databaseVersion="POSTGRES_17")
    cloud.alert(CLASSIC)


def test_a_query_whose_metrics_are_not_looked_up_may_come_at_once(cloud: Cloud) -> None:
    cloud.alert({"conditionPrometheusQueryLanguage": {"query": QUERY, "disableMetricValidation": True}})


def test_metrics_of_google_s_own_are_always_known(cloud: Cloud) -> None:
    cloud.alert({"conditionThreshold": {"filter": 'metric.type = "run.googleapis.com/request_count"'}})


TOPIC = "projects/shop-1/topics/notices"


@pytest.mark.parametrize("member", ["allUsers", "serviceAccount:billing-budget-alert@system.gserviceaccount.com"])
def test_an_organisation_may_refuse_whoever_is_not_of_it(cloud: Cloud, member: str) -> None:
    cloud.create("pubsub.Topic", name="notices")
    grant = {"topic": TOPIC, "project": "shop-1", "role": "roles/pubsub.publisher"}
    switch_policy(cloud.records, MEMBERS, on=True)
    with pytest.raises(Refused, match="do not belong to a permitted customer"):
        cloud.create("pubsub.TopicIAMMember", **grant, member=member)
    cloud.create(
        "pubsub.TopicIAMMember", **grant, member="serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    switch_policy(cloud.records, MEMBERS, on=False)
    cloud.create("pubsub.TopicIAMMember", **grant, member=member)


def test_an_organisation_may_refuse_a_service_without_the_invoker_check(cloud: Cloud) -> None:
    switch_policy(cloud.records, INVOKER, on=True)
    with pytest.raises(Refused, match=r"invoker check may not be disabled \(constraints/run\.managed"):
        cloud.create("cloudrunv2.Service", name="till", location="us-central1", invokerIamDisabled=True)
    cloud.create("cloudrunv2.Service", name="till", location="us-central1", invokerIamDisabled=False)


def test_both_are_switched_from_the_command_line_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def localcloud(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["localcloud", "--state-dir", str(tmp_path), *arguments])
        code = main()
        said = capsys.readouterr()
        return code, said.out + said.err

    assert localcloud("policy", MEMBERS)[0] == 0
    code, listed = localcloud("policy")
    assert code == 0
    assert [line[:3].strip() for line in listed.splitlines()] == [
        "on" if name == MEMBERS else "off" for name in POLICIES
    ]
    assert localcloud("policy", "iam.mistyped") == (
        1,
        f"error: 'iam.mistyped' is no organisation policy of the local cloud; use {' or '.join(POLICIES)}\n",
    )
    assert localcloud("clock", "--advance", "600")[1] == "600 seconds ahead of this machine's\n"
    assert localcloud("clock", "--advance", "-1")[0] == 1
    assert localcloud("clock")[1].startswith("600 ")
    assert localcloud("policy", MEMBERS, "off")[0] == 0
    assert all(line.startswith("off") for line in localcloud("policy")[1].splitlines())
