"""What the program composes keeps every policy: the rules as functions on what Pulumi's mocks recorded.

The engine's own word on the same is in tests/plans; this one takes a second a stack, and so can judge mutants too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from policies.configuration import stack_config
from policies.rules import RULES
from tests.policies.table import recorded, said, violations
from tests.support.components import Recorder, declare
from tests.support.configuration import REPOSITORY
from tests.support.program import program

STACKS = ("local", "dev", "prod")
CONFIG = stack_config(REPOSITORY / "policies" / "config", RULES)


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Recorder]:
    folder = tmp_path_factory.mktemp("archives")
    made: dict[str, Recorder] = {}

    def of(stack: str) -> Recorder:
        if stack not in made:
            made[stack] = declare(program(stack, folder))
        return made[stack]

    return of


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@pytest.mark.parametrize("stack", STACKS)
def test_no_policy_objects(composed: Callable[[str], Recorder], stack: str, rule: Any) -> None:
    parameters = rule.parameters.model_validate(CONFIG(stack).get(rule.id, {}))
    assert said(violations(rule, recorded(composed(stack).resources, stack), parameters)) == []


@pytest.mark.parametrize("stack", STACKS)
def test_counts_are_those_of_the_inventory(composed: Callable[[str], Recorder], stack: str) -> None:
    inventory = yaml.safe_load((REPOSITORY / "tests" / "plans" / f"{stack}.yaml").read_text(encoding="utf-8"))
    counts = Counter(key.partition("::")[0] for key in composed(stack).resources)

    def compared(counted: Mapping[str, int]) -> dict[str, int]:
        return {key: n for key, n in counted.items() if not key.startswith(("pulumi:", "gcp:storage/bucketObject:"))}

    assert compared(counts) == compared(inventory["counts"])
