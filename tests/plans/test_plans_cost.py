"""What the stacks' own plans cost: everything in them is priced or free for a reason, and README says the figures."""

from __future__ import annotations

import json
from pathlib import Path

import fastyle_policies.pricing
import pytest
from fastyle_policies.pricing import documents, read_usage, report
from fastyle_policies.pricing.blocks import put
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.pricing.services.free import why_free

from ops.cost import Request, estimated
from ops.errors import OperatorError
from ops.plan import StackPlan as Shown
from ops.plan_command import show, show_cost
from tests.support.plans import REPOSITORY, STACKS, Plan, Project, provider
from tools.cost_pages.tables import block, components

README = REPOSITORY / "README.md"


@pytest.mark.parametrize("stack", STACKS)
def test_every_type_of_a_stack_is_priced_or_free_for_a_reason(plans: dict[str, Plan], stack: str) -> None:
    types = {type_ for type_ in plans[stack].counts if type_.startswith("gcp:")}
    assert types > {"gcp:pubsub/topic:Topic", "gcp:sql/databaseInstance:DatabaseInstance"}
    assert [type_ for type_ in types if type_ not in PRICERS and not why_free(type_)] == []
    assert [type_ for type_ in types if type_ in PRICERS and why_free(type_)] == []


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_of_a_stack_is_left_out_of_its_estimate(plans: dict[str, Plan], stack: str) -> None:
    """Its usage file fits it as well: every entry is of something that the plan holds."""
    document = documents.read(plans[stack].document)
    usage = read_usage(REPOSITORY / "policies" / "usage" / f"{stack}.yaml")
    estimate = fastyle_policies.pricing.estimate(document.resources, usage, region=document.region)
    assert estimate.not_estimated == {}
    assert [note for note in estimate.notes if "matches no resource" in note] == []
    counted = len(estimate.resources) + estimate.free_count
    assert counted == sum(n for type_, n in plans[stack].counts.items() if type_.startswith("gcp:"))


@pytest.mark.parametrize("stack", STACKS)
def test_a_plan_is_shown_with_what_it_costs(
    plans: dict[str, Plan], stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_cost(Shown(stack, "a provider", 1.0, [], document=plans[stack].document))
    assert "Overall total" in capsys.readouterr().out


def test_a_violation_says_which_file_has_the_rules_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    violation = {"policyName": "region-allowed", "enforcementLevel": "mandatory", "message": "Add it to `allowed`."}
    show(Shown("team-north", "a provider", 1.0, [], [violation]))
    told = capsys.readouterr().out
    assert "mandatory region-allowed: " in told
    assert "policies/config/team-north.json" in told
    show(Shown("team-north", "a provider", 1.0, []))
    assert "policies/config" not in capsys.readouterr().out


def test_a_plan_that_cannot_be_priced_says_why_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_cost(Shown("dev", "a provider", 1.0, []))
    assert capsys.readouterr().out.startswith("no estimate: ")


def test_the_cost_tables_are_current(plans: dict[str, Plan]) -> None:
    document = README.read_text(encoding="utf-8")
    tables = block({stack: documents.read(plan.document) for stack, plan in plans.items()})
    assert document == put(document, "costs", tables), "run `make documents`"
    page = (REPOSITORY / "docs" / "cost.md").read_text(encoding="utf-8")
    by_component = components({stack: documents.read(plan.document) for stack, plan in plans.items()})
    assert page == put(page, "components", by_component), "run `make documents`"


def test_another_companys_program_is_estimated(tmp_path: Path) -> None:
    """The bookshop of the components' example: nothing in it is always on, and nothing is left out."""
    program = (REPOSITORY / "components" / "examples" / "minimal" / "__main__.py").read_text(encoding="utf-8")
    config = {
        "gcp:project": "bookshop-1",
        "bookshop:project_number": "42",
        "bookshop:billing_account": "012345-6789AB-CDEF01",
    }
    with provider() as port:
        project = Project(tmp_path, port, program)
        (tmp_path / "Pulumi.yaml").write_text("name: bookshop\nruntime: python\n", encoding="utf-8")
        assert project.pulumi("stack", "init", "scratch-bookshop").returncode == 0
        project.change("scratch-bookshop", config)
        plan = project.preview("scratch-bookshop")
    assert plan.exit_code == 0, plan.output
    document = documents.read(plan.document)
    estimate = fastyle_policies.pricing.estimate(document.resources, region=document.region)
    assert estimate.not_estimated == {}
    assert estimate.total == 0
    priced = {r.type for r in estimate.resources}
    assert priced >= {"gcp:bigquery/table:Table", "gcp:pubsub/subscription:Subscription", "gcp:storage/bucket:Bucket"}
    assert json.loads(report.as_json(estimate))["free"]


def test_another_orchestrator_can_be_tried_out() -> None:
    """What is switched on costs nothing: no API must be named to ask what a schedule would cost instead of Composer."""
    estimate = estimated(Request(stack="prod", overrides=["orchestrator=scheduler"], variables=["branches=200"]))
    assert "gcp:composer/environment:Environment" not in {r.type for r in estimate.resources}
    assert estimate.unit_costs["branch"] == 200
    assert estimate.not_estimated == {}


def test_a_setting_that_is_none_is_one_line() -> None:
    with pytest.raises(OperatorError) as caught:
        estimated(Request(stack="prod", overrides=["orchestrtor=scheduler"]))
    assert str(caught.value) == (
        "the preview of prod failed: fastyle:orchestrtor: unknown key, it would change nothing; did you mean orchestrator?"
    )
