from __future__ import annotations

from dataclasses import replace

from fastyle_policies.model import UNKNOWN, Resource

from policy_rules import resources as r
from policy_rules.table import Case, Cases

_SHOP = r.resource("shop:index:Shop", "shop")
_TIER, _DISK, _ZONES = "db.settings.tier", "db.settings.diskSize", "db.settings.availabilityType"


def _database(tier: str) -> Resource:
    """50 GB of SSD at 0.17 = 8.50 a month; of db-custom-2-7680 98.62 in a zone, of db-f1-micro 7.67."""
    return replace(r.database("db", tier=tier), parent=_SHOP.urn)


_BUDGET = replace(
    r.budget("budget"), props={**r.budget("budget").props, "amount": {"specifiedAmount": {"units": "120"}}}
)
_AMOUNT = "budget.amount.specifiedAmount"
_LARGE, _SMALL = _database("db-custom-2-7680"), _database("db-f1-micro")
# Two zones: vCPU, memory and disk twice, 2 x 107.123 = 214.246.
_TABLE = (
    "  component  always on  by usage  a month\n"
    "  Shop          214.25      0.00   214.25\n"
    "  total         214.25      0.00   214.25\n"
)

CASES: dict[str, Cases] = {
    "spend-ceiling": Cases(
        good=[_SHOP, _LARGE],
        parameters={"maximum": 120},
        cases=[
            Case(
                "wrong",
                {_ZONES: "REGIONAL"},
                [
                    "stack: the stack costs 214.25 USD in a sale month, above its ceiling of 120.00:\n"
                    f"{_TABLE}  over by 94.25 USD"
                ],
            ),
            Case("passes", {_ZONES: "REGIONAL"}, parameters={"maximum": 214.25}),
            Case("unset", {_DISK: ...}),  # 10 GB
            Case("unset", {_TIER: ...}),  # no price: `spend-unpriced` says so
            Case("unknown", {_DISK: UNKNOWN}),
            Case("unknown", {_TIER: UNKNOWN}),
        ],
    ),
    "component-ceiling": Cases(
        good=[_SHOP, _LARGE],
        parameters={"maximum": 120},
        cases=[
            Case(
                "wrong",
                {_ZONES: "REGIONAL"},
                [
                    "shop: costs 214.25 USD in a sale month at list price, above the ceiling of 120.00:\n"
                    "  db: vCPU  120.60\n  db: Memory  76.65\n  db: Storage, SSD  17.00\n  over by 94.25 USD"
                ],
            ),
            Case("passes", {_ZONES: "REGIONAL"}, parameters={"components": {"sh*": 215}}),
            Case("passes", {"db": replace(_LARGE, parent="")}, parameters={"maximum": 1}),
            Case("unset", {_DISK: ...}),
            Case("unknown", {_DISK: UNKNOWN}),
        ],
    ),
    "budget-covers-estimate": Cases(
        good=[_SHOP, _LARGE, _BUDGET],
        parameters={"month": "quiet"},
        cases=[
            Case(
                "wrong",
                {_ZONES: "REGIONAL"},
                [
                    "budget: the budget of 120.00 USD a month does not cover the 214.25 of a quiet month:\n"
                    f"{_TABLE}  over by 94.25 USD"
                ],
            ),
            Case(  # a year's budget, by the month
                "wrong",
                {
                    _ZONES: "REGIONAL",
                    "budget.amount.specifiedAmount.units": "1440",
                    "budget.budgetFilter": {"calendarPeriod": "YEAR"},
                },
                [
                    "budget: the budget of 120.00 USD a month does not cover the 214.25 of a quiet month:\n"
                    f"{_TABLE}  over by 94.25 USD"
                ],
            ),
            Case(  # 190 EUR are 209.00 USD
                "wrong",
                {_ZONES: "REGIONAL", _AMOUNT: {"units": "190", "currencyCode": "EUR"}},
                [
                    "budget: the budget of 209.00 USD a month (at 1.1 USD for 1 EUR) does not cover the 214.25 of a "
                    f"quiet month:\n{_TABLE}  over by 5.25 USD"
                ],
                parameters={"rates": {"EUR": 1.1}},
            ),
            Case(
                "passes",
                {_ZONES: "REGIONAL", _AMOUNT: {"units": "195", "currencyCode": "EUR"}},
                parameters={"rates": {"EUR": 1.1}},
            ),
            Case("passes", {_ZONES: "REGIONAL", _AMOUNT: {"units": "1", "currencyCode": "EUR"}}),  # no rate
            Case("unknown", {_ZONES: "REGIONAL", f"{_AMOUNT}.currencyCode": UNKNOWN}),
            Case(  # to the last digit
                "passes",
                {_ZONES: "REGIONAL", "budget.amount.specifiedAmount": {"units": "214", "nanos": 246_000_000}},
            ),
            Case("passes", {_ZONES: "REGIONAL", "budget": ...}),
            Case("passes", {_ZONES: "REGIONAL"}, parameters={"required": False}),
            Case("unset", {"budget.amount": ...}),
            Case("unknown", {"budget.amount.specifiedAmount.units": UNKNOWN}),
            Case("unknown", {"budget.amount": UNKNOWN}),
        ],
    ),
    "spend-increase": Cases(
        good=[_SHOP, _LARGE],
        parameters={"baseline": 100},
        cases=[
            Case(
                "wrong",
                {_ZONES: "REGIONAL"},
                [
                    "stack: an ordinary month grows from 100.00 to 214.25 USD (+114 %), above 120.00:\n"
                    f"{_TABLE}  over by 94.25 USD"
                ],
            ),
            Case("passes", {_ZONES: "REGIONAL"}, parameters={"threshold": 1.15}),
            Case("passes", {_ZONES: "REGIONAL"}, parameters={"baseline": None}),
            Case("unset", {_DISK: ...}),
            Case("unknown", {_DISK: UNKNOWN}),
        ],
    ),
    "budget-currency": Cases(
        good=[_BUDGET],
        cases=[
            Case(
                "wrong",
                {f"{_AMOUNT}.currencyCode": "EUR"},
                [
                    "budget: is in EUR and estimates are in USD: whether it covers the stack is not compared",
                ],
            ),
            Case(
                "wrong",
                {f"{_AMOUNT}.currencyCode": "EUR"},
                [
                    "budget: is in EUR and estimates are in USD: whether it covers the stack is not compared",
                ],
                parameters={"rates": {"GBP": 1.3}},
            ),
            Case("passes", {f"{_AMOUNT}.currencyCode": "EUR"}, parameters={"rates": {"EUR": 1.1}}),
            Case("passes", {f"{_AMOUNT}.currencyCode": "USD"}),
            Case("passes", {f"{_AMOUNT}.currencyCode": ""}),
            Case("unset", {f"{_AMOUNT}.currencyCode": ...}),
            Case("unknown", {f"{_AMOUNT}.currencyCode": UNKNOWN}),
        ],
    ),
    "spend-unpriced": Cases(
        good=[_SHOP, _SMALL],
        cases=[
            Case(
                "wrong",
                {"node": r.resource("gcp:tpu/node:Node", "node")},
                [
                    "stack: gcp:tpu/node:Node is in no estimate, hence under no ceiling: "
                    "node: the price book does not know this type"
                ],
            ),
            Case(
                "unset",
                {_TIER: ...},
                [
                    "stack: gcp:sql/databaseInstance:DatabaseInstance is in no estimate, hence under no ceiling: "
                    "db: the price book has no rate for tier None"
                ],
            ),
            Case(
                "unknown",
                {_TIER: UNKNOWN},
                [
                    "stack: gcp:sql/databaseInstance:DatabaseInstance is in no estimate, hence under no ceiling: "
                    "db: its tier is secret or known only at update"
                ],
            ),
        ],
    ),
}
