"""What people and machines read of an estimate, whole and to the letter: `snapshots`.

After a meant change: `UPDATE_SNAPSHOTS=1`, and read the difference.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from fastyle_policies.model import Resource
from fastyle_policies.pricing import Estimate, PricingError, difference, estimate, questions, report
from fastyle_policies.pricing.difference import Difference
from fastyle_policies.pricing.report.figures import money, quantity

from policy_pricing.bills import REGION, resource, usage_of

SNAPSHOTS = Path(__file__).parent / "snapshots"
TODAY = date(2028, 1, 1)  # by when every rate of the book was read too long ago
STACK = resource("pulumi:pulumi:Stack", "shop")
STORE = replace(resource("shop:index:Store", "store"), parent=STACK.urn)
TILLS = replace(resource("shop:index:Tills", "tills"), parent=STACK.urn)
USAGE = usage_of(
    lake={"storage_gib": 1200, "monthly_class_a_operations": 20_000, "monthly_class_b_operations": 1_000_000},
    sold={"monthly_messages": 30_000_000, "message_bytes": 1000},
)


def within(parent: Resource, of: Resource) -> Resource:
    return replace(of, parent=parent.urn)


def plan(*more: Resource, tier: str = "db-custom-2-7680") -> Estimate:
    cost = estimate(
        (
            STACK,
            STORE,
            TILLS,
            within(STORE, resource("gcp:sql/databaseInstance:DatabaseInstance", "db", region=REGION, settings={"tier": tier})),
            within(STORE, resource("gcp:composer/environment:Environment", "flow", region=REGION, config={"softwareConfig": {"imageVersion": "composer-3"}})),
            within(TILLS, resource("gcp:pubsub/topic:Topic", "sold", name="sold")),
            within(TILLS, resource("gcp:cloudscheduler/job:Job", "nightly", region=REGION, schedule="0 3 * * *")),
            resource("gcp:storage/bucket:Bucket", "lake", location=REGION),
            resource("gcp:serviceaccount/account:Account", "nobody", accountId="nobody"),
            *more,
        ),
        USAGE,
        region=REGION,
    )  # fmt: skip
    return replace(cost, month="ordinary", unit_costs={"branch": Decimal(20), "1,000 transactions": Decimal(400)})


STRANGE = resource("gcp:tpu/node:Node", "node", name="node")
BEFORE, AFTER = plan(), plan(STRANGE, tier="db-f1-micro")
CHANGED, SAME = Difference(BEFORE, AFTER), Difference(BEFORE, BEFORE)
FROM_NOTHING = Difference(estimate((STACK,), usage_of(), region=REGION), BEFORE)

FORMATS: dict[str, Callable[[], str]] = {
    "table.txt": lambda: report.as_table(AFTER, TODAY),
    "table-everything.txt": lambda: report.as_table(AFTER, TODAY, everything=True),
    "table-narrow.txt": lambda: report.as_table(AFTER, TODAY, width=60),
    "comment.md": lambda: report.as_markdown(AFTER, "Stack shop"),
    "estimate.json": lambda: report.as_json(AFTER),
    "explained.txt": lambda: report.explain(AFTER, "o"),
    "change.txt": lambda: difference.as_table(CHANGED),
    "change.md": lambda: difference.as_markdown(CHANGED, "Stack shop"),
    "change.json": lambda: difference.as_json(CHANGED),
    "no-change.txt": lambda: difference.as_table(SAME),
    "no-change.md": lambda: difference.as_markdown(SAME, "Stack shop"),
    "from-nothing.md": lambda: difference.as_markdown(FROM_NOTHING, "Stack shop"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_it_reads_like_that(name: str) -> None:
    path, text = SNAPSHOTS / name, FORMATS[name]() + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_every_resource_that_is_not_estimated_is_told_beside_its_type() -> None:
    cost = estimate((STRANGE, replace(STRANGE, name="other", urn="urn:other")), usage_of(), region=REGION)
    why = "the price book does not know this type"
    assert f"Not estimated: `gcp:tpu/node:Node`: node: {why}; other: {why}." in report.as_markdown(cost, "x")


@pytest.mark.parametrize("style", ["json", "markdown", "table"])
def test_a_style_is_chosen_by_its_name(style: str) -> None:
    today = datetime.now(UTC).date()
    written = {
        "json": report.as_json(AFTER),
        "markdown": report.as_markdown(AFTER, "x"),
        "table": report.as_table(AFTER, today),
    }
    assert questions.shown(AFTER, "x", style=style) == written[style]
    narrow = questions.shown(AFTER, "x", style="table", everything=True, width=60)
    assert narrow == report.as_table(AFTER, today, everything=True, width=60)


def test_an_estimate_of_a_file_says_what_the_file_lacks(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    step = {"op": "create", "urn": STRANGE.urn, "newState": {"urn": STRANGE.urn, "custom": True, "inputs": {}}}
    plan.write_text(json.dumps({"config": {}, "steps": [step], "diagnostics": [{"severity": "error", "message": "x"}]}))
    cost = questions.estimate_of_file(plan, usage_of())
    assert cost.notes == ("the preview reports errors: the plan may lack resources",)
    assert list(cost.not_estimated) == [STRANGE.type], "a step without a type has that of its URN"


@pytest.mark.parametrize(
    ("value", "words"),
    [("12345.6", "12,346"), ("100.4", "100"), ("99.996", "100.00"), ("7", "7"), ("1", "1"), ("1.005", "1.00"), ("0.5", "0.5"),
     ("0.0123456", "0.0123"), ("0.001", "0.001"), ("0.00099", "9.9e-4"), ("0.0000012", "1.2e-6")],
)  # fmt: skip
def test_a_quantity_has_three_places(value: str, words: str) -> None:
    assert quantity(Decimal(value)) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [("0", "0.00"), ("0.004", "<0.01"), ("-0.004", "-<0.01"), ("0.005", "0.01"), ("-1234.565", "-1,234.57")],
)
def test_an_amount_is_to_the_cent_and_never_nothing_where_it_is_something(value: str, words: str) -> None:
    assert money(Decimal(value)) == words


def test_usage_of_what_a_file_does_not_have_is_an_error_unless_that_is_asked_for(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"config": {}, "steps": []}))
    with pytest.raises(PricingError, match="usage for 'lake' matches no resource of this plan"):
        questions.estimate_of_file(plan, USAGE)
    assert questions.estimate_of_file(plan, USAGE, strict=False).total == 0


def test_a_plan_whose_parents_go_round_has_no_component_there() -> None:
    ring = [resource("shop:index:Store", name) for name in "ab"]
    ring = [replace(of, parent=other.urn) for of, other in zip(ring, reversed(ring), strict=True)]
    job = within(ring[0], resource("gcp:cloudscheduler/job:Job", "job"))
    assert len(estimate((*ring, job), usage_of(), region=REGION).components()) == 1


def test_components_of_one_cost_are_in_the_order_of_their_types() -> None:
    job = resource("gcp:cloudscheduler/job:Job", "job")
    jobs = [
        replace(job, name=f"job-{n}", urn=f"urn:{n}", parent=parent)
        for n, parent in enumerate((TILLS.urn, STORE.urn, ""))
    ]
    cost = estimate((STACK, TILLS, STORE, *jobs), usage_of(), region=REGION)
    assert list(cost.components()) == [None, ("shop:index:Store", "store"), ("shop:index:Tills", "tills")]
