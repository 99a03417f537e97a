"""Any valid configuration gives a stack that keeps its promises: labels, budget, lifecycle, grants, legal names."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fastyle_policies.configuration import stack_config, validated
from fastyle_policies.model import rules_in
from fastyle_policies.rules import RULES, spend
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from component_resources.recorder import declare
from policy_rules.table import recorded, said, violations
from tests.support.configuration import REPOSITORY, configuration
from tests.support.program import program
from tools.configuration_reference import reference

POLICY_CONFIG = stack_config(REPOSITORY / "policies", RULES)
# Names that Google Cloud accepts, where no preview checks them: LIMITS of each service's documentation.
NAMES = {
    "gcp:pubsub/topic:Topic": ("name", r"(?!goog)[A-Za-z][\w.~+%-]{2,254}"),
    "gcp:pubsub/subscription:Subscription": ("name", r"(?!goog)[A-Za-z][\w.~+%-]{2,254}"),
    "gcp:bigquery/dataset:Dataset": ("datasetId", r"\w{1,1024}"),
    "gcp:bigquery/table:Table": ("tableId", r"\w{1,1024}"),
    "gcp:cloudrunv2/service:Service": ("name", r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?"),
    "gcp:cloudfunctionsv2/function:Function": ("name", r"[a-z][a-z0-9-]{2,61}[a-z0-9]"),
    "gcp:secretmanager/secret:Secret": ("secretId", r"[\w-]{1,255}"),
    "gcp:sql/databaseInstance:DatabaseInstance": ("name", r"[a-z][a-z0-9-]{0,96}[a-z0-9]"),
    "gcp:cloudscheduler/job:Job": ("name", r"[\w-]{1,500}"),
    "gcp:billing/budget:Budget": ("displayName", r".{1,60}"),
}


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Variations of the committed stacks that touch what makes resources come and go, or changes their names."""
    stack = draw(st.sampled_from(["local", "dev", "prod"]))
    config = {**configuration(stack), "stack": stack}
    config["gcp:project"] = draw(st.from_regex(r"shop-[a-z0-9]{1,20}[a-z]", fullmatch=True))
    config["gcp:region"] = draw(st.sampled_from(["us-central1", "europe-west3", "northamerica-northeast1"]))
    lake = {"replay_days": 20, "soft_delete_days": draw(st.sampled_from([0, 7, 90]))}
    if draw(st.booleans()):
        lake["nearline_after_days"] = draw(st.integers(1, 60))
    if draw(st.booleans()):
        lake["coldline_after_days"] = lake.get("nearline_after_days", 0) + draw(st.integers(30, 90))
    lake["delete_after_days"] = max(lake.values()) + draw(st.integers(90, 900))
    config["fastyle:lake"] = lake
    config["fastyle:labels"] = draw(
        st.dictionaries(st.sampled_from(["team", "cost-centre"]), st.just("x-1"), max_size=2)
    )
    config["fastyle:network"] = {"nat": draw(st.booleans())}
    warehouse = dict(config["fastyle:warehouse"])
    warehouse["analysts"] = {"a": "group:a@example.com"} if draw(st.booleans()) else {}
    config["fastyle:warehouse"] = warehouse
    access = dict(config.get("fastyle:access", {}))
    tokens = access.get("api_auth") == "token"  # who enters through the platform is refused beside them
    access["people"] = {"p": "user:p@example.com"} if not tokens and draw(st.booleans()) else {}
    access["operators"] = {"o": "group:o@example.com"} if draw(st.booleans()) else {}
    config["fastyle:access"] = access
    budget = {
        **config["fastyle:budget"],
        "emails": ["a@example.com"],
        "guard": draw(
            st.sampled_from(
                [None, "tell", *([] if configuration(stack).get("fastyle:protected") == "true" else ["act"])]
            )
        ),
    }
    config["fastyle:budget"] = budget
    return config


OF_THE_PLACE = {"region-allowed", *(rule.id for rule in rules_in(spend))}
"""Any region may be drawn: ceilings and the last agreed amount are those of the committed stack in its own region."""


@pytest.mark.slow
@given(configurations())
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_any_stack_keeps_its_promises(tmp_path_factory: Any, config: dict[str, Any]) -> None:
    keys = {key: value for key, value in config.items() if key != "stack"}
    recorder = declare(program(keys, tmp_path_factory.mktemp("archives")))  # two resources of one name fail here
    resources = recorder.resources
    by_type: dict[str, list[dict[str, Any]]] = {}
    for key, inputs in resources.items():
        by_type.setdefault(key.partition("::")[0], []).append(inputs)

    assert len(by_type["gcp:billing/budget:Budget"]) == 1
    assert sum("allUsers" in json.dumps(inputs, default=str) for inputs in resources.values()) == 1
    for bucket in by_type["gcp:storage/bucket:Bucket"]:
        assert "Delete" in [rule["action"]["type"] for rule in bucket["lifecycleRules"]]
        assert bucket["labels"]["environment"] == config["stack"]
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket["name"])
    for account in by_type["gcp:serviceaccount/account:Account"]:
        assert re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", account["accountId"])
    for type_ in ("gcp:storage/bucket:Bucket", "gcp:pubsub/topic:Topic", "gcp:pubsub/subscription:Subscription"):
        names = [inputs["name"] for inputs in by_type[type_]]
        assert len(set(names)) == len(names)
    for type_, (key, pattern) in NAMES.items():
        for inputs in by_type.get(type_, []):
            assert re.fullmatch(pattern, inputs[key]), f"{type_} {inputs[key]}"
    everything = recorded(resources, config["stack"])
    for rule in (rule for rule in RULES if rule.mandatory and rule.id not in OF_THE_PLACE):
        own = {"replay_days": 20} if rule.id == "lake-retention" else {}
        parameters = validated(rule, POLICY_CONFIG(config["stack"]).get(rule.id, {}) | own, REPOSITORY / "policies")
        assert said(violations(rule, everything, parameters)) == [], rule.id
    grants = [json.dumps([k.partition("::")[0], v], sort_keys=True) for k, v in resources.items() if "role" in v]
    assert len(set(grants)) == len(grants), "one grant twice: destroying one would take the other's right"


def test_the_reference_is_current() -> None:
    text = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert text == reference(), "run: python -m tools.configuration_reference docs/configuration.md"
