"""What this program tells the policy pack: parameters and usage of each stack."""

from __future__ import annotations

import pytest
from fastyle_policies.configuration import stack_config
from fastyle_policies.pricing import read_usage
from fastyle_policies.reference import current_usage
from fastyle_policies.rules import RULES

from ops.stacks import own_projects
from tests.support.configuration import configuration
from tests.support.plans import REPOSITORY, STACKS

PACK = REPOSITORY / "policies"


def declared(stack: str) -> bool:
    """Whether the stack's own file says that it is protected."""
    return bool(configuration(stack).get("fastyle:protected") == "true")


def test_the_committed_configurations_are_valid_and_waive_nothing() -> None:
    of = stack_config(PACK, RULES)
    for stack in STACKS:
        assert {rule for rule, parameters in of(stack).items() if parameters.get("waivers")} == set()
        assert {parameters["protected"] for parameters in of(stack).values()} == {declared(stack)}


@pytest.mark.parametrize("stack", own_projects())
def test_the_stacks_have_a_ceiling_a_baseline_and_their_usage_file(stack: str) -> None:
    config = stack_config(PACK, RULES)(stack)
    for rule in ("spend-ceiling", "component-ceiling", "budget-covers-estimate", "spend-increase"):
        assert config[rule]["usage"] == stack
    assert config["spend-ceiling"]["maximum"] <= configuration(stack)["fastyle:budget"]["monthly_amount"]
    assert config["spend-increase"]["baseline"] > 0


@pytest.mark.parametrize("stack", STACKS)
def test_our_own_files_are_of_the_form_and_tell_each_kind_of_month(stack: str) -> None:
    usage = read_usage(REPOSITORY / "policies" / "usage" / f"{stack}.yaml")
    assert {"quiet", "ordinary", "sale"} <= set(usage.document.calendar)
    assert {"branch", "1,000 transactions"} <= set(usage.unit_costs())


def test_the_reference_of_keys_is_current() -> None:
    document = (REPOSITORY / "docs" / "usage-file.md").read_text(encoding="utf-8")
    assert document == current_usage(document), "run `make documents`"
