"""`fastyle cost advise`: which key of a stack's configuration saves what, what the program refuses, and mistakes.

Plans are a few of the program's resources under its own names; the configuration is that of the committed stack.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from fastyle_policies.model import Resource
from fastyle_policies.pricing import estimate
from fastyle_policies.pricing.advice import options
from fastyle_policies.pricing.documents import Document

import ops.cost
from ops.advice.keys import overrides_of
from ops.cli import cli
from ops.cost import Request
from ops.stacks import stack_names
from policy_pricing.bills import resource
from tests.support.configuration import configuration as configured
from tests.support.program import composed

REPOSITORY = Path(__file__).parents[3]
PREVIEW = REPOSITORY / "policies" / "tests" / "policy_pricing" / "foreign" / "preview.json"
SQL = "gcp:sql/databaseInstance:DatabaseInstance"
CLOUD_RUN = "gcp:cloudrunv2/service:Service"
DATABASE = resource(SQL, "database-instance", settings={"tier": "db-custom-2-7680", "availabilityType": "REGIONAL"})
API = resource(
    CLOUD_RUN,
    "api-service",
    template={"scaling": {"minInstanceCount": 1}, "containers": [{"resources": {"cpuIdle": True}}]},
)
TILLS = resource(
    "gcp:cloudfunctionsv2/function:Function",
    "pos-api-function",
    serviceConfig={"minInstanceCount": 1, "availableCpu": "1", "availableMemory": "512Mi"},
)
LAKE = resource(
    "gcp:storage/bucket:Bucket",
    "lake-bucket",
    location="US-CENTRAL1",
    lifecycleRules=[
        {"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 30}},
        {"action": {"type": "SetStorageClass", "storageClass": "COLDLINE"}, "condition": {"age": 90}},
        {"action": {"type": "Delete"}, "condition": {"age": 1095}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 1}},
    ],
)
STAGING = resource("gcp:bigquery/dataset:Dataset", "warehouse-staging", location="us-central1")
COMPOSER = resource("gcp:composer/environment:Environment", "orchestration-environment", config={})
SCHEDULED: tuple[Resource, ...] = (DATABASE, API, TILLS, LAKE, STAGING)


def configuration(stack: str) -> dict[str, str]:
    """A committed stack's configuration as the engine prints it: structures as JSON."""
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in content.items()}


@pytest.fixture(autouse=True)
def _planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for the engine: prod with either orchestrator."""

    def planned(request: Request) -> Document:
        if request.plan:
            return ops.cost.planned(request)
        scheduled = "orchestrator=scheduler" in request.overrides
        return Document(SCHEDULED if scheduled else (*SCHEDULED, COMPOSER), configuration("prod"))

    monkeypatch.setattr("ops.advice.stack.planned", planned)


def advise(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["cost", "advise", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def document(*arguments: str) -> dict[str, Any]:
    return dict(json.loads(advise("--stack", "prod", "--format", "json", *arguments)[1]))


def test_every_advice_names_its_key_its_saving_and_what_is_lost() -> None:
    by_change = {each["change"]: each for each in document()["advice"]}
    for change, saving in (
        ("fastyle:orchestrator: composer -> scheduler", "527"),
        ("fastyle:database.availability: REGIONAL -> ZONAL", "100"),
        ("fastyle:database.tier: db-custom-2-7680 -> db-custom-1-3840", "98"),
        ("fastyle:workloads.api.minimum_instances: 1 -> 0", "5"),  # in working hours it serves: dashboards are open
        ("fastyle:workloads.pos_api.minimum_instances: 1 -> 0", "9"),
    ):
        each = by_change[change]
        assert set(each) >= {"resource", "change", "monthly_saving", "loses", "confidence"}
        assert Decimal(each["monthly_saving"]) >= Decimal(saving)
        assert each["loses"]
        assert each["confidence"] in ("high", "medium", "low")


def test_an_earlier_end_of_the_lake_promises_a_shorter_replay_and_touches_no_other_rule() -> None:
    [ends] = [each["change"] for each in document()["advice"] if "delete_after_days" in each["change"]]
    assert ends == "fastyle:lake.delete_after_days: 1095 -> 365; fastyle:lake.replay_days: 730 -> 365"


def test_what_the_contract_keeps_for_ever_is_no_saving() -> None:
    assert not [each for each in document()["advice"] if each["resource"] == "warehouse-staging"]


def test_what_the_program_refuses_is_told_with_its_words_and_is_in_no_combination() -> None:
    answer = document()
    [zonal] = [each for each in answer["advice"] if "ZONAL" in each["change"]]
    assert "a zone's outage stops live inventory" in zonal["refused"]
    assert "fastyle:database.availability" not in answer["together"]["configuration"]


def test_under_an_amount_with_what_must_stay() -> None:
    """Without Airflow and nothing else changed: two zones and warm instances stay."""
    code, output = advise("--stack", "prod", "--under", "300", "--keep", "ha,no-cold-start", "--format", "json")
    assert code == 0
    answer = json.loads(output)
    assert answer["under"]["reached"] is True
    assert answer["under"]["enough"]["configuration"] == {"fastyle:orchestrator": "scheduler"}
    assert Decimal(answer["together"]["monthly"]) < 300
    assert not [key for key in answer["together"]["configuration"] if "minimum_instances" in key]


def test_an_amount_that_cannot_be_reached_says_what_stands_in_the_way() -> None:
    code, output = advise("--stack", "prod", "--under", "100", "--keep", "orchestrator=composer")
    assert code == 1
    assert "Under 100.00 cannot be reached, keeping orchestrator=composer: the cheapest costs " in output
    assert "The configuration refuses " in output
    assert "fastyle:orchestrator" not in output.partition("The cheapest permitted")[2]


def test_any_key_can_be_kept_as_it_is() -> None:
    code, output = advise("--stack", "prod", "--keep", "database.tier=db-custom-2-7680", "--format", "json")
    assert code == 0
    assert "fastyle:database.tier" not in json.loads(output)["together"]["configuration"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either --stack or --plan"),
        (("--stack", "prod", "--plan", "x"), "give either --stack or --plan"),
        (("--stack", "prod", "--under", "cheap"), "--under cheap: write an amount a month, such as 300"),
        (("--stack", "prod", "--under", "-1"), "--under -1: write an amount"),
        (("--stack", "prod", "--keep", "hot-start"), "did you mean no-cold-start?"),
        (("--stack", "prod", "--keep", "orchestrator=scheduler"), "stack prod has orchestrator=composer"),
        (("--plan", str(PREVIEW), "--keep", "a=b"), "a plan has no configuration keys"),
        (("--plan", "/nowhere.json"), "/nowhere.json: cannot be read"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments: tuple[str, ...], message: str) -> None:
    code, output = advise(*arguments)
    assert code == 1
    assert message in output
    assert output.startswith("Error: ")
    assert len(output.splitlines()) == 1


def test_options_before_the_verb_are_not_silently_lost() -> None:
    done = CliRunner().invoke(cli, ["cost", "--stack", "prod", "advise"])
    assert done.exit_code == 1
    assert "options go behind the verb: fastyle cost advise --stack" in done.output


def test_anybodys_plan_is_advised_on_by_its_properties() -> None:
    """The web shop of another company: its warm instance, and an address that nothing takes."""
    code, output = advise("--plan", str(PREVIEW), "--format", "json")
    assert code == 0
    changes = [each["change"] for each in json.loads(output)["advice"]]
    assert [change for change in changes if change.endswith(".minInstanceCount: 1 -> 0")]
    assert not [change for change in changes if "fastyle:" in change]


def test_the_table_and_the_markdown_tell_the_same() -> None:
    table, markdown = (advise("--stack", "prod", "--format", style)[1] for style in ("table", "markdown"))
    for each in document()["advice"]:
        assert each["change"] in markdown
        assert each["resource"] in table
    assert "refused: " in table


def test_nights_off_are_worth_what_the_program_with_them_costs() -> None:
    """dev as it would be without its night stop, told to have one: the keys that it has, and the figure of dev as it is."""
    asleep = configured("dev")
    awake = {**asleep, "fastyle:database": {**asleep["fastyle:database"]}}
    del awake["fastyle:database"]["night_stop"]
    usage = ops.cost.usage_of(Request(stack="dev"))
    resources = _composed(awake)
    [option] = [option for option in options(resources, usage) if option.adds]
    assert overrides_of(option, resources, awake) == {
        "fastyle:database.night_stop.stop_cron": "0 20 * * *",
        "fastyle:database.night_stop.start_cron": "0 8 * * 1-5",
    }
    told = estimate(option.applied(resources), usage, region=asleep["gcp:region"], strict=False)
    planned = estimate(_composed(asleep), usage, region=asleep["gcp:region"], strict=False)
    assert told.total == planned.total
    assert told.total < estimate(resources, usage, region=asleep["gcp:region"], strict=False).total


def _composed(config: Mapping[str, Any]) -> list[Resource]:
    return [
        resource(*key.partition("::")[::2], **inputs)
        for key, inputs in composed(config).resources.items()
        if key.startswith("gcp:")
    ]


@pytest.mark.parametrize("stack", stack_names())
def test_an_open_dashboard_is_in_the_estimate(stack: str) -> None:
    """Its live stream keeps an instance of the API serving, and billed: https://cloud.google.com/run/docs/triggering/websockets"""
    usage = ops.cost.usage_of(Request(stack=stack))
    [service] = [each for each in _composed(configured(stack)) if each.name == "api-service"]
    lines = estimate((service,), usage, region="us-central1", strict=False).lines()
    [cpu] = [line for _, line in lines if line.name == "CPU"]
    assert cpu.quantity >= 22 * 2 * 3600, "two hours of a working day at least"
