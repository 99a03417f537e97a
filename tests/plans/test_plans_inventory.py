"""Each stack's plan on the real engine, against its inventory: how many of each type, and the values that matter.

An inventory is `<stack>.yaml` beside this file: `counts` is complete, `values` is partial (what it names must be so,
what it leaves out may be anything). After a meant change `UPDATE_INVENTORIES=1` rewrites the counts; values are
written by hand. The stand-in provider checks these plans; what only Google Cloud can check stays unproven here.
"""

from __future__ import annotations

import os

import pytest
import yaml

from tests.support.configuration import configuration
from tests.support.inventory import FOLDER, INVENTORIES, differences, inventory
from tests.support.plans import STACKS, Plan


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_plans_without_an_account_and_no_policy_objects(plans: dict[str, Plan], stack: str) -> None:
    assert plans[stack].exit_code == 0, plans[stack].output
    assert [event["message"] for event in plans[stack].policy_events] == []


@pytest.mark.parametrize("stack", INVENTORIES)
def test_counts_are_exactly_those_of_the_inventory(plans: dict[str, Plan], stack: str) -> None:
    counts = {key: n for key, n in plans[stack].counts.items() if key != "gcp:storage/bucketObject:BucketObject"}
    if os.environ.get("UPDATE_INVENTORIES"):
        path = FOLDER / f"{stack}.yaml"
        path.write_text(yaml.safe_dump({**inventory(stack), "counts": counts}, sort_keys=False), encoding="utf-8")
    assert counts == inventory(stack)["counts"], "after a meant change run this with UPDATE_INVENTORIES=1"


@pytest.mark.parametrize("stack", INVENTORIES)
def test_values_are_those_of_the_inventory(plans: dict[str, Plan], stack: str) -> None:
    resources = plans[stack].resources
    mismatches = [
        difference
        for key, expected in inventory(stack)["values"].items()
        for difference in differences(expected, resources.get(key, "nothing of that name"), key)
    ]
    assert mismatches == []


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_is_part_of_a_component(plans: dict[str, Plan], stack: str) -> None:
    """Only components and providers hang on the stack itself: nothing escapes labels, options and destroy order."""
    loose = [
        key
        for key, parent in plans[stack].parents.items()
        if parent == f"fastyle-{stack}" and not key.startswith(("fastyle:index:", "pulumi:providers:"))
    ]
    assert loose == []


@pytest.mark.parametrize("stack", STACKS)
def test_what_can_carry_labels_does(plans: dict[str, Plan], stack: str) -> None:
    brand = configuration(stack).get("fastyle:brand", "Fastyle").lower()
    for key, inputs in plans[stack].resources.items():
        labels = inputs.get("labels") or inputs.get("userLabels") or (inputs.get("settings") or {}).get("userLabels")
        if key.startswith(LABELLED):
            assert (labels or {}).get("environment") == configuration(stack)["fastyle:environment"], key
            assert (labels or {}).get("application") == brand, key


LABELLED = (
    "gcp:artifactregistry/repository:",
    "gcp:bigquery/dataset:",
    "gcp:bigquery/table:",
    "gcp:cloudfunctionsv2/function:",
    "gcp:cloudrunv2/service:",
    "gcp:composer/environment:",
    "gcp:compute/globalAddress:",
    "gcp:monitoring/alertPolicy:",
    "gcp:pubsub/subscription:",
    "gcp:pubsub/topic:",
    "gcp:secretmanager/secret:",
    "gcp:sql/databaseInstance:",
    "gcp:storage/bucket:",
)


def test_what_a_dev_stack_leaves_out_is_what_costs_when_idle(plans: dict[str, Plan]) -> None:
    dev = plans["dev"]
    assert not dev.of("gcp:composer/environment:Environment")
    assert not dev.of("gcp:compute/routerNat:RouterNat")
    for name, service in dev.of("gcp:cloudrunv2/service:Service").items():
        assert service["template"]["scaling"]["minInstanceCount"] == 0, name


def test_prod_cannot_be_destroyed_by_mistake(plans: dict[str, Plan]) -> None:
    prod = plans["prod"]
    for type_ in (
        "gcp:storage/bucket:Bucket",
        "gcp:bigquery/dataset:Dataset",
        "gcp:pubsub/topic:Topic",
        "gcp:pubsub/subscription:Subscription",
    ):
        for name, inputs in prod.of(type_).items():
            if name not in ("archives-bucket", "budget-notices"):  # nothing in them that a build cannot make again
                assert inputs["deletionPolicy"] == "PREVENT", name
    for type_ in (
        "gcp:sql/databaseInstance:DatabaseInstance",
        "gcp:bigquery/table:Table",
        "gcp:cloudrunv2/service:Service",
    ):
        for name, inputs in prod.of(type_).items():
            assert inputs["deletionProtection"] is True, name


@pytest.mark.parametrize("stack", STACKS)
def test_what_google_is_not_ready_for_at_once_waits_for_the_database(plans: dict[str, Plan], stack: str) -> None:
    """Ten minutes go by, in which a function's build account gets its grants and a log metric becomes known: a first
    `up` of a real project that begins earlier stops half-way."""
    hasty = [
        state["urn"].rpartition("::")[2]
        for state in plans[stack].states
        if state["type"] == "gcp:cloudfunctionsv2/function:Function"
        or (
            state["type"] == "gcp:monitoring/alertPolicy:AlertPolicy" and "googleapis_com:user_" in str(state["inputs"])
        )
    ]
    assert ("monitoring-freshness" in hasty) is ("fastyle:monitoring" in configuration(stack))
    assert "pos-api-function" in hasty
    for name in hasty:
        assert "database-instance" in _waits_for(plans[stack], name), name
    if "fastyle:composer" in configuration(stack):
        assert "orchestration-environment" in _waits_for(plans[stack], "monitoring-freshness")


def _waits_for(plan: Plan, name: str) -> set[str]:
    """What a resource is made after, directly or by what it waits for."""
    after = {state["urn"]: state.get("dependencies") or [] for state in plan.states}
    todo, seen = [urn for urn in after if urn.endswith(f"::{name}")], set[str]()
    while todo:
        for urn in after.get(todo.pop(), []):
            if urn not in seen:
                seen.add(urn)
                todo.append(urn)
    return {urn.rpartition("::")[2] for urn in seen}


@pytest.mark.parametrize("stack", STACKS)
def test_only_the_tills_entrance_is_public(plans: dict[str, Plan], stack: str) -> None:
    public = [key for key, inputs in plans[stack].resources.items() if "allUsers" in str(inputs)]
    assert public == ["gcp:cloudrunv2/serviceIamMember:ServiceIamMember::pos-api-invoker-allUsers"]


@pytest.mark.parametrize("stack", STACKS)
def test_each_workload_has_an_account_of_its_own(plans: dict[str, Plan], stack: str) -> None:
    services = plans[stack].of("gcp:cloudrunv2/service:Service").values()
    accounts = [service["template"]["serviceAccount"] for service in services]
    accounts += [
        function["serviceConfig"]["serviceAccountEmail"]
        for function in plans[stack].of("gcp:cloudfunctionsv2/function:Function").values()
    ]
    assert len(set(accounts)) == len(accounts)
    assert not [account for account in accounts if "compute@developer" in account]
