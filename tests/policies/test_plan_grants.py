"""Least privilege on the real plans: take any one grant away, and the pack names the very link that stands still.

On a captured plan, as a function: an engine's run for each of some hundred grants would take minutes.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from fastyle_policies import gcp
from fastyle_policies.configuration import stack_config
from fastyle_policies.least_privilege.given import BASIC_ROLES, Grant, grants
from fastyle_policies.links import Index
from fastyle_policies.model import UNKNOWN, Parameters, Plan, Resource
from fastyle_policies.rules import RULES
from fastyle_policies.rules.deployer import deployer_roles, deployers, needed
from fastyle_policies.rules.grants import Wiring, grant_once, grants_missing, grants_surplus, grants_underivable

from ops.folders import LOCAL
from tests.support.configuration import configuration
from tests.support.plans import REPOSITORY
from tests.support.plans import STACKS as ALL
from tests.support.plans import Plan as Preview

# Grants that no link of the plan tells, by logical name, and why each is made all the same.
DECIDED = {
    "pos-api-invoker-allUsers": "tills are no Google identities: the one public service, by name",
    "budget-notices-publisher": "Google grants itself this right when the budget is saved; stated so that it stays",
    "ci-*": "a workflow outside the plan deploys with it",
    "*-group:*": "people, by decision",
    "*-views-of-*": "lets a dataset's views read another: no principal's role",
}
STACKS = tuple(stack for stack in ALL if stack != LOCAL)  # nobody but this machine is asked for grants there
STRAY = "stray@elsewhere.iam.gserviceaccount.com"
FREE = ("gcp:monitoring/customService:CustomService", "gcp:monitoring/slo:Slo")  # no bill to split


def known(value: Any) -> Any:
    """The engine's states as rules see them: its word for an unknown value as UNKNOWN."""
    if value == "04da6b54-80e4-46f7-96ec-b56ff0331ba9":
        return UNKNOWN
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items()}
    return [known(item) for item in value] if isinstance(value, list) else value


def plan_of(preview: Preview) -> Plan:
    return Plan(
        tuple(
            Resource(
                state["type"],
                state["urn"].rpartition("::")[2],
                known(state.get("inputs", {})),
                state["urn"],
                {key: tuple(urns) for key, urns in (state.get("propertyDependencies") or {}).items()},
                state.get("parent", ""),
            )
            for state in preview.states
        )
    )


@pytest.fixture(scope="module")
def read(plans: dict[str, Preview]) -> dict[str, Plan]:
    return {stack: plan_of(plans[stack]) for stack in STACKS}


def wiring(stack: str) -> Wiring:
    return Wiring.model_validate(stack_config(REPOSITORY / "policies", RULES)(stack)["grants-surplus"])


def is_grant(resource: Resource) -> bool:
    return resource.type == gcp.DATASET_ACCESS or any(fnmatchcase(resource.type, p) for p in gcp.GRANTS)


def decided(name: str) -> str | None:
    return next((pattern for pattern in DECIDED if fnmatchcase(name, pattern)), None)


def derived(plan: Plan) -> Iterator[Grant]:
    return (grant for grant in grants(Index(plan)) if decided(grant.resource.name) is None)


def without(plan: Plan, resource: Resource) -> Plan:
    return Plan(tuple(r for r in plan.resources if r is not resource))


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_missing_surplus_or_underivable(read: dict[str, Plan], stack: str) -> None:
    for rule in (grants_missing, grants_surplus, grants_underivable):
        assert [v.message for v in rule(read[stack], wiring(stack))] == []


@pytest.mark.parametrize("stack", STACKS)
def test_no_grant_is_declared_twice(read: dict[str, Plan], stack: str) -> None:
    assert [v.message for v in grant_once(read[stack], Parameters())] == []


@pytest.mark.parametrize("stack", [stack for stack in STACKS if "fastyle:ci" in configuration(stack)])
def test_a_deployer_holds_what_its_plan_takes_and_no_more(read: dict[str, Plan], stack: str) -> None:
    plan = read[stack]
    (held,) = (roles for _, roles in deployers(plan).values())
    assert held == set(needed(plan)[0])
    scheduler = replace(next(plan.of(gcp.SUBSCRIPTION)), type=gcp.JOB, name="tick", props={"name": "tick"})
    for role in held:
        (grant,) = (r for r in plan.resources if r.get("role") == role and r.name.startswith("ci-"))
        said = [v.message for v in deployer_roles(without(plan, grant), Parameters())]
        assert [f"lacks {role}, which" in message for message in said] == [True], said
    if not list(plan.of(gcp.JOB)):
        more = Plan((*plan.resources, scheduler))
        assert [v.message for v in deployer_roles(more, Parameters())] == [
            "deploys this plan and lacks roles/cloudscheduler.admin, which Job 'tick' takes"
        ]


@pytest.mark.parametrize("stack", STACKS)
def test_each_grant_taken_away_is_named_with_its_link(read: dict[str, Plan], stack: str) -> None:
    plan = read[stack]
    index = Index(plan)
    names = {resource.urn: resource.label for resource in plan.resources} | {"project": "project"}
    seen = 0
    for grant in derived(plan):
        messages = [v.message for v in grants_missing(without(plan, grant.resource), wiring(stack))]
        assert messages, f"{grant.resource.name} can go, and no rule says a word"
        account = index.by_urn.get(grant.member)
        to = f"account '{account.get('accountId')}'" if account else "the service agent of"
        on = "|".join(re.escape(names.get(key, key)) for key in grant.on)
        # A role of the plan's own stands for the predefined ones that the message names.
        role = r"roles/\S+" if grant.permissions else re.escape(grant.role)
        for message in messages:  # the same link of several resources, at most
            assert re.fullmatch(rf"lacks a grant\. [^:]+: {to}.* needs {role} on ({on})", message), message
        seen += 1
    assert seen > 25, "the plan was not read"


@pytest.mark.parametrize("stack", STACKS)
def test_each_grant_given_to_somebody_else_is_listed_as_surplus(read: dict[str, Plan], stack: str) -> None:
    plan = read[stack]
    strays = []
    for grant in derived(plan):
        key = "userByEmail" if grant.resource.get("userByEmail") else "member"
        prefix = "" if key == "userByEmail" else "serviceAccount:"
        strays.append(replace(grant.resource, props={**grant.resource.props, key: f"{prefix}{STRAY}"}))
    assert [(v.resource, v.message) for v in grants_surplus(Plan((*plan.resources, *strays)), wiring(stack))] == [
        (
            stray,
            f"grants {BASIC_ROLES.get(stray.get('role'), stray.get('role'))} to {STRAY}, which no link of the plan needs",
        )
        for stray in strays
    ]


@pytest.mark.parametrize(
    ("role_id", "link"), [("budgetGuard", "roles/cloudscheduler.admin"), ("databaseSwitch", "roles/cloudsql.editor")]
)
def test_a_role_of_our_own_holds_what_is_used_and_no_more(read: dict[str, Plan], role_id: str, link: str) -> None:
    stack, role = next(
        (stack, role)
        for stack, plan in read.items()
        for role in plan.of("gcp:projects/iAMCustomRole:IAMCustomRole")
        if role.get("roleId") == role_id
    )
    plan = read[stack]
    permissions = role.get("permissions")
    for given, says in (
        ([*permissions, "cloudsql.instances.export"], "of which it needs no cloudsql.instances.export"),
        (permissions[1:], f"needs {link} on project"),
    ):
        changed = replace(role, props={**role.props, "permissions": given})
        other = Plan(tuple(changed if r is role else r for r in plan.resources))
        messages = [v.message for rule in (grants_missing, grants_surplus) for v in rule(other, wiring(stack))]
        assert says in messages[0], messages


def test_what_is_decided_is_still_there(read: dict[str, Plan]) -> None:
    """A reason without a grant is taken off the list."""
    everything = [r.name for plan in read.values() for r in plan.resources if is_grant(r)]
    used = {decided(name) for name in everything}
    assert sorted(set(DECIDED) - used) == []


@pytest.mark.parametrize("stack", STACKS)
def test_people_are_the_only_principals_outside_the_plan(read: dict[str, Plan], stack: str) -> None:
    """So that `people, by decision` cannot hide an account."""
    for grant in grants(Index(read[stack])):
        pattern = decided(grant.resource.name)
        if pattern is not None and DECIDED[pattern] == "people, by decision":
            assert grant.people, grant.resource.name


def test_every_type_that_can_carry_labels_is_known_to_the_labels_rule(read: dict[str, Plan]) -> None:
    """By the SDK's own signatures: a labellable type that the rule does not know would pass unlabelled."""
    unknown = set()
    for resource in (r for plan in read.values() for r in plan.resources if r.type.startswith("gcp:")):
        module, _, kind = resource.type.removeprefix("gcp:").partition(":")
        sdk = getattr(importlib.import_module(f"pulumi_gcp.{module.partition('/')[0]}"), kind, None)
        arguments = inspect.signature(sdk._internal_init).parameters if sdk else {}
        if {"labels", "user_labels"} & set(arguments) and resource.type not in (*gcp.LABELS, *FREE):
            unknown.add(resource.type)
    assert sorted(unknown) == []
