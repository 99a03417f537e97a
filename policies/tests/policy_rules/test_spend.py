"""Ceilings, budget and baseline against an estimate: passes, over, unknown, waived, and without any configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastyle_policies.configuration import stack_config
from fastyle_policies.model import UNKNOWN, Plan, Resource, Violation
from fastyle_policies.rules import RULES
from fastyle_policies.rules.spend import (
    BudgetCovers,
    ComponentCeiling,
    Spend,
    SpendCeiling,
    SpendIncrease,
    budget_covers_estimate,
    component_ceiling,
    estimate_of,
    home_region,
    monthly_amount,
    spend_ceiling,
    spend_increase,
    spend_unpriced,
)
from fastyle_policies.waivers import judge
from pydantic import ValidationError


def resource(type_: str, name: str, /, parent: str = "", **props: Any) -> Resource:
    return Resource(type_, name, props, f"urn:pulumi:shop::shop::{type_}::{name}", parent=parent)


STACK = resource("pulumi:pulumi:Stack", "shop-shop")
STORE = resource("shop:index:Store", "store", parent=STACK.urn)
# 730 h x (2 x 0.0413 + 7.5 x 0.007) + 10 GB x 0.17 = 98.623 + 1.70 = 100.323 a month at the book's rates.
DATABASE = resource(
    "gcp:sql/databaseInstance:DatabaseInstance",
    "database",
    parent=STORE.urn,
    name="shop",
    region="us-central1",
    settings={"tier": "db-custom-2-7680", "diskSize": 10, "ipConfiguration": {"ipv4Enabled": False}},
)

EXACT = 100.323


def budget(units: Any = "200", **more: Any) -> Resource:
    amount = {"specifiedAmount": {"units": units, "currencyCode": "USD", **more.pop("amount", {})}}
    return resource("gcp:billing/budget:Budget", "budget", amount=amount, **more)


def plan(*more: Resource, database: Resource = DATABASE) -> Plan:
    return Plan((STACK, STORE, database, *more))


def only(violations: list[Violation]) -> Violation:
    [violation] = violations
    return violation


def test_a_ceiling_holds_to_the_cent() -> None:
    cost = only(list(spend_ceiling(plan(), SpendCeiling(maximum=0)))).message
    assert cost.startswith("the stack costs 100.32 USD in a sale month, above its ceiling of 0.00:\n")
    assert list(spend_ceiling(plan(), SpendCeiling(maximum=100.33))) == []
    assert list(spend_ceiling(plan(), SpendCeiling(maximum=EXACT))) == []
    assert only(list(spend_ceiling(plan(), SpendCeiling(maximum=100.32)))).resource is None


def test_the_message_holds_the_table_and_by_how_much_it_is_over() -> None:
    assert only(list(spend_ceiling(plan(), SpendCeiling(maximum=60)))).message.splitlines()[1:] == [
        "  component  always on  by usage  a month",
        "  Store         100.32      0.00   100.32",
        "  total         100.32      0.00   100.32",
        "  over by 40.32 USD",
    ]


def test_many_components_are_summed_up_at_the_end() -> None:
    stores = [resource("shop:index:Store", f"store-{n}", parent=STACK.urn) for n in range(12)]
    databases = [replace(DATABASE, name=f"d{n}", urn=f"{DATABASE.urn}{n}", parent=s.urn) for n, s in enumerate(stores)]
    message = only(list(spend_ceiling(Plan((STACK, *stores, *databases)), SpendCeiling(maximum=1000)))).message
    assert message.splitlines()[1:] == [
        "  component         always on  by usage   a month",
        *(f"  {f'store-{n} (Store)':16}     100.32      0.00    100.32" for n in (0, 1, 10, 11, 2, 3, 4, 5)),
        "  4 others             401.29      0.00    401.29",
        "  total              1,203.88      0.00  1,203.88",
        "  over by 203.88 USD",
    ]


def test_free_tiers_are_a_row_of_their_own_however_many_components_there_are() -> None:
    stores = [resource("shop:index:Store", f"store-{n}", parent=STACK.urn) for n in range(9)]
    databases = [replace(DATABASE, name=f"d{n}", urn=f"{DATABASE.urn}{n}", parent=s.urn) for n, s in enumerate(stores)]
    tick = resource("gcp:cloudscheduler/job:Job", "tick", parent=stores[0].urn)
    over = only(list(spend_ceiling(Plan((STACK, *stores, *databases, tick)), SpendCeiling(maximum=0))))
    rows = [line.strip().split("  ")[0] for line in over.message.splitlines()]
    assert rows[-4:-1] == ["1 others", "free tiers of the billing account", "total"]


def test_usage_of_what_the_plan_does_not_have_is_left_out_of_a_ceiling() -> None:
    """One usage file serves stacks that have more and fewer resources: here it is about a bucket that is not there."""
    usage = str(Path(__file__).parent / "spend-usage.yaml")
    assert list(spend_ceiling(plan(), SpendCeiling(maximum=EXACT, usage=usage, month="quiet"))) == []


def test_what_costs_nothing_is_no_row_and_what_is_free_is_one() -> None:
    """A job of Cloud Scheduler is 0.10 a month always on, three are free; 5 of the bucket's 1,000 GiB at 0.020 are."""
    idle = resource("shop:index:Store", "idle", parent=STACK.urn)
    topic = resource("gcp:pubsub/topic:Topic", "t", parent=idle.urn, name="t")
    usage = str(Path(__file__).parent / "spend-usage.yaml")
    bucket = resource("gcp:storage/bucket:Bucket", "lake", location="US-CENTRAL1")
    nightly = resource("gcp:cloudscheduler/job:Job", "nightly", region="us-central1", schedule="0 3 * * *")
    given = SpendCeiling(maximum=1, usage=usage, month="quiet")
    assert only(list(spend_ceiling(plan(idle, topic, bucket, nightly), given))).message.splitlines()[1:] == [
        "  component                          always on  by usage  a month",
        "  Store                                 100.32      0.00   100.32",
        "  outside components                      0.10     20.00    20.10",
        "  free tiers of the billing account      -0.10     -0.10    -0.20",
        "  total                                 100.32     19.90   120.22",
        "  over by 119.22 USD",
    ]


def placed(name: str, **where: Any) -> Resource:
    return resource("gcp:storage/bucket:Bucket", name, **where)


@pytest.mark.parametrize(
    ("resources", "region"),
    [
        ((placed("a", location="EUROPE-WEST1"), placed("b", region="us-central1"), placed("c", zone="europe-west1-b")), "europe-west1"),
        ((placed("a", location="us-east1"), placed("b", location="europe-west1")), "europe-west1"),  # as many: by name
        ((placed("a", location="EU"), placed("b", location=UNKNOWN), placed("c")), None),
        ((placed("a", location=UNKNOWN), placed("b", location=UNKNOWN), placed("c", location="us-east1")), "us-east1"),
        ((), None),
    ],
)  # fmt: skip
def test_what_names_no_region_is_where_most_of_the_stack_is(
    resources: tuple[Resource, ...], region: str | None
) -> None:
    assert home_region(resources) == region


def test_what_names_no_region_is_priced_where_the_stack_is() -> None:
    placeless = replace(DATABASE, props={**DATABASE.props, "region": None})
    subnet = resource("gcp:compute/subnetwork:Subnetwork", "subnet", region="southamerica-east1")
    there = estimate_of(Plan((STACK, placeless, subnet)), Spend())
    assert there.total > estimate_of(Plan((STACK, placeless)), Spend()).total
    assert {line.rate.region for _, line in there.lines()} == {"southamerica-east1"}


def test_without_configuration_a_stack_is_idle_and_has_a_ceiling_of_100() -> None:
    assert only(list(spend_ceiling(plan(), SpendCeiling()))).message.startswith(
        "the stack costs 100.32 USD in a sale month, above its ceiling of 100.00:"
    )
    assert list(budget_covers_estimate(plan(), BudgetCovers())) == []
    assert list(spend_increase(plan(), SpendIncrease())) == []


def test_a_component_has_the_usual_ceiling_or_its_own() -> None:
    over = only(list(component_ceiling(plan(), ComponentCeiling(maximum=50))))
    assert over.resource == STORE
    assert over.message == (
        "costs 100.32 USD in a sale month at list price, above the ceiling of 50.00:\n"
        "  database: vCPU  60.30\n  database: Memory  38.33\n  database: Storage, SSD  1.70\n  over by 50.32 USD"
    )
    assert list(component_ceiling(plan(), ComponentCeiling(maximum=50, components={"st*": 101}))) == []
    assert list(component_ceiling(plan(), ComponentCeiling(maximum=500, components={"store": 100}))) != []
    assert list(component_ceiling(plan(), ComponentCeiling(maximum=EXACT))) == []


def test_the_usual_ceiling_of_a_component_is_half_of_the_stacks() -> None:
    """730 h x (0.0413 + 3.75 x 0.007) + 10 GB x 0.17 = 49.3115 + 1.70 = 51.01 a month."""
    settings = {**DATABASE.props["settings"], "tier": "db-custom-1-3840"}
    labelled = replace(DATABASE, props={**DATABASE.props, "settings": settings})
    assert list(spend_ceiling(plan(database=labelled), SpendCeiling())) == []
    assert only(list(component_ceiling(plan(database=labelled), ComponentCeiling()))).message.startswith(
        "costs 51.01 USD in a sale month at list price, above the ceiling of 50.00:\n"
    )


def test_what_is_in_no_component_has_no_ceiling_of_one() -> None:
    outside = [replace(DATABASE, name=f"d{n}", urn=f"{DATABASE.urn}{n}", parent="") for n in range(2)]
    assert list(component_ceiling(Plan(tuple(outside)), ComponentCeiling(maximum=1))) == []
    assert only(list(component_ceiling(plan(*outside), ComponentCeiling(maximum=1)))).resource == STORE, "though dearer"


@pytest.mark.parametrize(
    ("given", "covers"),
    [
        (budget("101"), True),
        (budget("100"), False),
        (budget("100", amount={"nanos": 330_000_000}), True),
        (budget("300", budgetFilter={"calendarPeriod": "QUARTER"}), False),
        (budget("304", budgetFilter={"calendarPeriod": "QUARTER"}), True),
        (budget("1204", budgetFilter={"calendarPeriod": "YEAR"}), True),
    ],
)
def test_a_budget_covers_the_month_or_does_not(given: Resource, covers: bool) -> None:
    assert (list(budget_covers_estimate(plan(given), BudgetCovers())) == []) is covers


@pytest.mark.parametrize(
    ("given", "monthly"),
    [
        (budget("120"), "120"),
        (budget("120", amount={"currencyCode": ""}), "120"),
        (budget("120", amount={"nanos": 500_000_000}), "120.5"),
        (budget("0", amount={"nanos": 1}), "0.000000001"),
        (budget("120", budgetFilter={"calendarPeriod": ""}), "120"),
        (budget("120", budgetFilter={"calendarPeriod": "MONTH"}), "120"),
        (budget("120", budgetFilter={"calendarPeriod": "QUARTER"}), "40"),
        (budget("120", budgetFilter={"calendarPeriod": "YEAR"}), "10"),
        (budget("120", budgetFilter={"calendarPeriod": "CALENDAR_PERIOD_UNSPECIFIED"}), "120"),
    ],
)
def test_a_budget_is_reckoned_by_the_month(given: Resource, monthly: str) -> None:
    assert monthly_amount(given) == Decimal(monthly)


def test_a_budget_that_does_not_cover_is_named_with_both_amounts() -> None:
    violation = only(list(budget_covers_estimate(plan(budget("15")), BudgetCovers())))
    assert violation.resource == budget("15")
    assert violation.message.startswith("the budget of 15.00 USD a month does not cover the 100.32 of a sale month:\n")


def test_budgets_in_other_currencies_are_compared_at_the_rates_given() -> None:
    """The larger one counts: 15 GBP at 1.25 are 18.75 USD."""
    budgets = [budget("15", amount={"currencyCode": currency}) for currency in ("GBP", "USD", "EUR", "GBP")]
    given = BudgetCovers(rates={"EUR": 1.1, "GBP": 1.25})
    assert only(list(budget_covers_estimate(plan(*budgets), given))).message.startswith(
        "the budget of 18.75 USD a month (at 1.1 USD for 1 EUR, 1.25 USD for 1 GBP) does not cover the 100.32 of a sale "
        "month:\n"
    )
    assert list(budget_covers_estimate(plan(budget("15")), BudgetCovers(required=False))) == []


@pytest.mark.parametrize(
    "given",
    [
        budget(UNKNOWN),
        budget("1", amount={"currencyCode": "EUR"}),
        budget("1", amount={"currencyCode": UNKNOWN}),
        budget("1", budgetFilter={"calendarPeriod": UNKNOWN}),
        budget("1", budgetFilter={"customPeriod": {"startDate": {"year": 2026, "month": 1, "day": 1}}}),
        resource("gcp:billing/budget:Budget", "budget", amount={"lastPeriodAmount": True}),
    ],
)
def test_an_amount_that_cannot_be_told_is_not_compared(given: Resource) -> None:
    assert list(budget_covers_estimate(plan(given), BudgetCovers())) == []


def test_growth_over_the_threshold_wants_to_be_agreed_to() -> None:
    violation = only(list(spend_increase(plan(), SpendIncrease(baseline=50, threshold=0.5))))
    assert violation.message.startswith("an ordinary month grows from 50.00 to 100.32 USD (+101 %), above 75.00:\n")
    assert list(spend_increase(plan(), SpendIncrease(baseline=84, threshold=0.2))) == []  # 100.80
    assert list(spend_increase(plan(), SpendIncrease(baseline=83, threshold=0.2))) != []  # 99.60
    assert list(spend_increase(plan(), SpendIncrease(baseline=99, threshold=0, least=5))) == []
    assert list(spend_increase(plan(), SpendIncrease(baseline=95.323, threshold=0, least=5))) == []  # to the last digit
    none_before = only(list(spend_increase(plan(), SpendIncrease(baseline=0, least=5)))).message
    assert none_before.startswith("an ordinary month grows from 0.00 to 100.32 USD, above 5.00:\n")


def test_a_waiver_for_the_stack_lets_an_increase_through_until_its_day() -> None:
    today = date(2026, 6, 1)
    waiver = {"resource": "stack", "reason": "the new warehouse opens in July", "until": today + timedelta(days=30)}
    parameters = SpendIncrease.model_validate({"baseline": 50, "waivers": [waiver]})
    violations = list(spend_increase(plan(), parameters))
    assert len(list(judge(violations, parameters, today))) == 0
    assert len(list(judge(violations, parameters, today + timedelta(days=31)))) == 1


def test_an_unknown_value_is_reckoned_with_what_it_is_by_default() -> None:
    settings = {**DATABASE.props["settings"], "diskSize": UNKNOWN, "availabilityType": UNKNOWN}
    unsure = replace(DATABASE, props={**DATABASE.props, "settings": settings, "region": UNKNOWN})
    assert only(list(spend_ceiling(plan(database=unsure), SpendCeiling(maximum=99)))).message.startswith(
        "the stack costs 100.32 USD"
    )


def test_what_cannot_be_priced_is_named_by_the_ceiling_and_by_a_remark_of_its_own() -> None:
    settings = {**DATABASE.props["settings"], "tier": UNKNOWN}
    unknown = replace(DATABASE, props={**DATABASE.props, "settings": settings})
    strange = resource("gcp:tpu/node:Node", "node", name="node")
    assert list(spend_ceiling(plan(database=unknown), SpendCeiling(maximum=50))) == []
    assert [v.message for v in spend_unpriced(plan(strange, database=unknown), Spend())] == [
        "gcp:sql/databaseInstance:DatabaseInstance is in no estimate, hence under no ceiling: database: its tier is "
        "secret or known only at update",
        "gcp:tpu/node:Node is in no estimate, hence under no ceiling: node: the price book does not know this type",
    ]
    over = only(list(spend_ceiling(plan(strange), SpendCeiling(maximum=50)))).message
    assert over.endswith("over by 50.32 USD; without gcp:tpu/node:Node, which cannot be estimated")
    another, third = resource("gcp:tpu/node:Node", "other"), resource("gcp:acme/anvil:Anvil", "anvil")
    more = only(list(spend_ceiling(plan(strange, another, third), SpendCeiling(maximum=50)))).message
    assert more.endswith("; without gcp:acme/anvil:Anvil, gcp:tpu/node:Node, which cannot be estimated")
    assert [v.message.partition(": ")[2] for v in spend_unpriced(plan(strange, another), Spend())] == [
        "node: the price book does not know this type; other: the price book does not know this type"
    ]


def test_usage_and_month_count() -> None:
    usage = Path(__file__).parent / "spend-usage.yaml"
    bucket = resource("gcp:storage/bucket:Bucket", "lake", location="US-CENTRAL1")
    quiet, sale = (
        only(list(spend_ceiling(plan(bucket), SpendCeiling(maximum=1, usage=str(usage), month=month)))).message
        for month in ("quiet", "sale")
    )
    assert "the stack costs 120.22 USD in a quiet month" in quiet  # 1,000 GiB x 0.020, 5 GiB of them free
    assert "the stack costs 300.22 USD in a sale month" in sale  # 10,000 GiB x 0.020


def test_a_usage_file_that_does_not_fit_is_a_violation_once_not_a_crash() -> None:
    lost = SpendCeiling(month="carnival")
    assert only(list(spend_ceiling(plan(), lost))).message.startswith("cannot be estimated: ")
    assert list(component_ceiling(plan(), ComponentCeiling(month="carnival"))) == []
    assert list(budget_covers_estimate(plan(budget("1")), BudgetCovers(month="carnival"))) == []
    assert list(spend_increase(plan(), SpendIncrease(month="carnival", baseline=1))) == []
    assert list(spend_unpriced(plan(), Spend(month="carnival"))) == []


def test_a_usage_file_that_is_not_there_is_told_when_the_configuration_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no-such"):
        SpendCeiling(usage="no-such")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "dev.json").write_text(json.dumps({"spend-ceiling": {"usage": "no-such"}}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"dev\.json: spend-ceiling\.usage: .*no-such.*No such file"):
        stack_config(tmp_path, RULES)
