"""Between the SDK and the rules: unknown values, configuration by stack, and what a wrong one says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pulumi_policy.proxy import unknown_checking_proxy

from policies.bridge import plain, schema_of, stack_config
from policies.model import UNKNOWN
from policies.rules import RULES
from tests.support.plans import REPOSITORY

UNKNOWN_ON_THE_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
BY_ID = {rule.id: rule for rule in RULES}


def test_a_value_that_the_sdk_would_raise_on_is_unknown_and_the_rest_is_read() -> None:
    proxied = unknown_checking_proxy(
        {"a": UNKNOWN_ON_THE_WIRE, "b": {"c": [1.0, UNKNOWN_ON_THE_WIRE, 0.5], "d": None}, "e": "text", "f": True}
    )
    assert plain(proxied) == {"a": UNKNOWN, "b": {"c": [1, UNKNOWN, 0.5], "d": None}, "e": "text", "f": True}


def config(tmp_path: Path, **content: Any) -> dict[str, Any]:
    (tmp_path / "dev.json").write_text(json.dumps(content), encoding="utf-8")
    return stack_config(tmp_path, RULES)("dev")


def test_what_a_file_says_for_all_rules_holds_for_each_unless_it_says_otherwise(tmp_path: Path) -> None:
    found = config(tmp_path, all={"environment": "dev"}, labels={"required": ["team"], "environment": "test"})
    assert found["labels"] == {"environment": "test", "required": ["team"]}
    assert found["budget-present"] == {"environment": "dev"}
    assert sorted(found) == sorted(BY_ID)


def test_a_stack_without_a_file_has_the_strict_defaults(tmp_path: Path) -> None:
    config(tmp_path, labels={"required": []})
    assert stack_config(tmp_path, RULES)("staging") == {}


def test_a_rule_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dev\.json: no rule is named lables; known: alert-tells, .*labels"):
        config(tmp_path, lables={})


@pytest.mark.parametrize(
    ("rule", "parameters", "words"),
    [
        ("labels", {"requried": []}, r"dev\.json: labels\.requried: Extra inputs are not permitted"),
        ("idle-instances", {"maximum": "many"}, r"dev\.json: idle-instances\.maximum: Input should be a valid integer"),
        (
            "labels",
            {"waivers": [{"resource": "a", "reason": "because", "until": "2026-01-01"}]},
            r"dev\.json: labels\.waivers\.0\.reason: String should have at least 10 characters",
        ),
        (
            "labels",
            {"waivers": [{"resource": "a", "reason": "drained by hand"}]},
            r"dev\.json: labels\.waivers\.0\.until: Field required",
        ),
    ],
)
def test_a_parameter_that_does_not_exist_or_fit_is_named(
    tmp_path: Path, rule: str, parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        config(tmp_path, **{rule: parameters})


def test_the_committed_configurations_are_valid_and_waive_nothing() -> None:
    of = stack_config(REPOSITORY / "policies" / "config", RULES)
    for stack in ("local", "dev", "prod"):
        assert {rule for rule, parameters in of(stack).items() if parameters.get("waivers")} == set()
        assert {parameters["environment"] for parameters in of(stack).values()} == {stack}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_schema_that_the_engine_checks_has_no_references_and_no_defaults(rule: Any) -> None:
    """The engine resolves none, and would fill defaults in over what a stack's file says."""
    schema = schema_of(rule.parameters).properties
    assert set(schema) == set(rule.parameters.model_fields)
    assert "$ref" not in json.dumps(schema)
    assert all("default" not in described for described in schema.values())
