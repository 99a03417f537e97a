"""What a checkout with a third stream, one more mart and an optional field makes of them: `python -m tests.support.extended KEY
NAME FIELD FOLDER` prints it as JSON. The field is of a sale's lines.

Run in a copy of the checkout, where that copy's own modules are the ones imported.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import fastyle_policies.pricing
from fastyle_policies.configuration import stack_config, validated
from fastyle_policies.pricing import read_usage
from fastyle_policies.rules import RULES

import workloads
from component_resources.recorder import declare
from policy_rules.table import recorded as policy_resources
from policy_rules.table import said, violations
from tests.support import new_field, new_mart, third_stream
from tests.support.configuration import REPOSITORY
from tests.support.jobs import record
from tests.support.postgres import migrated_database
from tests.support.program import program

Json = dict[str, Any]


def planned(stack: str, folder: Path) -> Json:
    """The composition of a stack: its resources with their conditions, and what the policies say of it."""
    made = declare(program(stack, folder))
    given = stack_config(REPOSITORY / "policies", RULES)(stack)
    resources = policy_resources(made.resources, stack)
    objections = [
        line
        for rule in RULES
        for line in said(violations(rule, resources, validated(rule, given.get(rule.id, {}), REPOSITORY / "policies")))
    ]
    usage = read_usage(REPOSITORY / "policies" / "usage" / f"{stack}.yaml")
    estimate = fastyle_policies.pricing.estimate(resources, usage, region="us-central1")
    return {
        "objections": objections,
        "used": {cost.name: str(cost.part(usage=True)) for cost in estimate.resources},
        "resources": {key: inputs.get("name") or inputs.get("tableId") for key, inputs in made.resources.items()},
        "conditions": {
            key.rpartition("::")[2]: [condition["displayName"] for condition in inputs["conditions"]]
            for key, inputs in made.resources.items()
            if "alertPolicy" in key
        },
    }


def main(stream: str, mart: str, field: str, folder: Path) -> Json:
    plan, database = planned("prod", folder), migrated_database()
    recorded = record(database)
    return {
        "from": str(Path(workloads.__file__ or "").parents[1]),
        "mart": new_mart.told(mart, plan, database, recorded),
        "stream": third_stream.told(stream, plan, folder, recorded),
        "field": new_field.told(field, recorded),
    }


if __name__ == "__main__":
    answer = json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])), default=str)
    logging.disable()  # PostgreSQL's end would be the last line
    print(answer)
