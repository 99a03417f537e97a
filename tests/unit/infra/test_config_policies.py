"""What the program composes keeps every policy: the rules as functions on what Pulumi's mocks recorded.

The engine's own word on the same is in tests/plans; this one takes a second a stack, and so can judge mutants too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from fastyle_localcloud.provider.exports import check_export
from fastyle_localcloud.provider.records import Record, Records
from fastyle_policies.configuration import stack_config, validated
from fastyle_policies.rules import RULES

from component_resources.recorder import PROJECT
from infra.config import load_config
from ops.stacks import stack_names
from policy_rules.table import recorded, said, violations
from tests.support.configuration import REPOSITORY, as_the_engine_gives_it, configuration
from tests.support.inventory import INVENTORIES
from tests.support.program import composed

STACKS = tuple(stack_names())
CONFIG = stack_config(REPOSITORY / "policies", RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@pytest.mark.parametrize("stack", STACKS)
def test_no_policy_objects(stack: str, rule: Any) -> None:
    parameters = validated(rule, CONFIG(stack).get(rule.id, {}), REPOSITORY / "policies")
    assert said(violations(rule, recorded(composed(stack).resources, stack), parameters)) == []


@pytest.mark.parametrize("stack", STACKS)
def test_the_policies_protect_what_the_configuration_protects(stack: str) -> None:
    """The pack knows nothing of `fastyle:protected`: its settings say the same, whatever the stack and its environment are
    called."""
    assert all(
        rule["protected"] is load_config(as_the_engine_gives_it(configuration(stack))).protected
        for rule in CONFIG(stack).values()
    )
    assert CONFIG(stack)


@pytest.mark.parametrize("stack", STACKS)
def test_every_export_fits_its_table(stack: str) -> None:
    """As the local cloud judges it when a subscription is made, and Google with it."""
    records, subscriptions = Records(":memory:"), []
    project = configuration(stack)["gcp:project"]
    for key, inputs in composed(stack).resources.items():
        token = key.partition("::")[0]
        plain = json.loads(json.dumps(inputs, default=str))
        names = {
            "gcp:bigquery/table:Table": "projects/{project}/datasets/{datasetId}/tables/{tableId}",
            "gcp:pubsub/topic:Topic": f"projects/{PROJECT}/topics/{{name}}",  # the mocks' own project
            "gcp:pubsub/schema:Schema": f"projects/{PROJECT}/schemas/{{name}}",
        }
        if token in names:
            at = names[token].format_map({"project": project, **plain})
            records.put(Record(token, at, key, True, plain, plain))
        elif token == "gcp:pubsub/subscription:Subscription" and plain.get("bigqueryConfig"):
            subscriptions.append({"project": project, **plain})
    assert len(subscriptions) >= 2
    for subscription in subscriptions:
        check_export(subscription, records)


@pytest.mark.parametrize("stack", INVENTORIES)
def test_counts_are_those_of_the_inventory(stack: str) -> None:
    inventory = yaml.safe_load((REPOSITORY / "tests" / "plans" / f"{stack}.yaml").read_text(encoding="utf-8"))
    counts = Counter(key.partition("::")[0] for key in composed(stack).resources)

    def compared(counted: Mapping[str, int]) -> dict[str, int]:
        return {key: n for key, n in counted.items() if not key.startswith(("pulumi:", "gcp:storage/bucketObject:"))}

    assert compared(counts) == compared(inventory["counts"])
