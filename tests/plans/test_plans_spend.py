"""What the pages on cost and scale say of the planned stacks, and that an overspend never gets past a preview."""

from __future__ import annotations

from collections.abc import Iterator

import fastyle_policies.pricing
import pytest
from fastyle_policies.pricing import documents, read_usage
from fastyle_policies.pricing.report import money

from tests.support.configuration import configuration
from tests.support.plans import REPOSITORY, Plan, Project, provider
from tools.cost_pages import pages


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with provider() as number:
        yield number


def test_the_pages_on_cost_and_scale_are_current(
    plans: dict[str, Plan], port: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    plan_documents = {stack: documents.read(plan.document) for stack, plan in plans.items()}
    for name, request in pages.others().items():
        assert request.stack is not None
        project = Project(tmp_path_factory.mktemp("other"), port)
        overrides = {f"fastyle:{key}": value for key, _, value in (each.partition("=") for each in request.overrides)}
        project.configure(request.stack, like=request.stack, overrides=overrides)
        plan_documents[name] = documents.read(project.preview(request.stack).document)
    text = {
        name: (REPOSITORY / "docs" / name).read_text(encoding="utf-8") for name in ("cost.md", "scale.md", "cost.svg")
    }
    current = {
        "cost.md": pages.cost(text["cost.md"], plan_documents),
        "scale.md": pages.scale(text["scale.md"], plan_documents),
        "cost.svg": pages.plot(plan_documents),
    }
    assert [name for name in text if text[name] != current[name]] == [], "run `make documents`"


def test_an_overspend_is_stopped_at_preview_with_the_table_in_the_message(
    port: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A database that each rule on sizes lets pass, in a stack whose ceiling it breaks; the figure is the estimator's."""
    larger = {**configuration("dev")["fastyle:database"], "tier": "db-custom-2-7680"}
    project = Project(tmp_path_factory.mktemp("overspend"), port)
    project.configure("dev", like="dev", overrides={"fastyle:database": larger})
    stopped = project.preview("dev", policies=True)
    planned = documents.read(stopped.document)
    usage = read_usage(REPOSITORY / "policies" / "usage" / "dev.yaml")
    sale = fastyle_policies.pricing.estimate(planned.resources, usage.for_month("sale"), region=planned.region)
    assert stopped.exit_code != 0
    said = "\n".join(f"{event['policyName']}: {event['message']}" for event in stopped.policy_events)
    assert f"the stack costs {money(sale.total)} USD in a sale month, above its ceiling of 15.00:" in said
    assert f"over by {money(sale.total - 15)} USD" in said
    assert "  database (OperationalDatabase)" in said
    assert f"the budget of 15.00 USD a month does not cover the {money(sale.total)} of a sale month:" in said
    for rule in ("spend-ceiling", "component-ceiling", "budget-covers-estimate", "spend-increase"):
        assert rule in said
    assert "tier-ceiling" not in said
