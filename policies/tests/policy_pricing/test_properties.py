"""What holds for every bill: more costs no less, free tiers are given once, sums are exact, order and form change nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import pytest
from fastyle_policies.model import Resource
from fastyle_policies.pricing import Estimate, estimate, report
from fastyle_policies.pricing.book import load
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.pricing.services.free import why_free
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_pricing.bills import REGION, SAMPLES, estimated, resource, usage_of

pytestmark = pytest.mark.slow

TODAY = date(2026, 11, 1)
# More of these is less work: requests that are served at once, messages in a request, bytes in an object.
SHARED = {"requests_at_once", "messages_per_request", "object_mib"}
BOUNDS = {
    "monthly_running_hours": (0, 730),
    "requests_at_once": (1, 100),
    "messages_per_request": (1, 1000),
    "object_mib": (1, 1000),
    "after_months": (1, 120),
    "request_ms": (0, 60_000),
    "message_bytes": (0, 10_000_000),
    "vms": (0, 32),
}
PRICED = [sample for sample in SAMPLES if sample.type in PRICERS]
KEYS = [(sample, key) for sample in PRICED for key in PRICERS[sample.type].usage.model_fields]

Amounts = dict[str, str]


@cache  # a strategy is examined at its first use
def amounts(key: str) -> st.SearchStrategy[Decimal]:
    least, most = BOUNDS.get(key, (0, 10**9))
    return st.decimals(least, most, places=3)


@cache
def usage_of_type(kind: str, without: str) -> st.SearchStrategy[Amounts]:
    keys = {key: amounts(key).map(str) for key in PRICERS[kind].usage.model_fields if key != without}
    return st.fixed_dictionaries({}, optional=keys)


def usage_for(sample: Resource, without: str = "") -> st.SearchStrategy[Amounts]:
    return usage_of_type(sample.type, without)


@st.composite
def plans(draw: st.DrawFn) -> tuple[tuple[Resource, ...], dict[str, Amounts]]:
    chosen = draw(st.lists(st.sampled_from(PRICED), min_size=1, max_size=8, unique_by=lambda sample: sample.urn))
    return tuple(chosen), {sample.name: draw(usage_for(sample)) for sample in chosen}


def of(plan: tuple[tuple[Resource, ...], Mapping[str, Mapping[str, Any]]]) -> Estimate:
    return estimated(*plan[0], **plan[1])


def test_the_samples_hold_every_priced_type() -> None:
    assert {sample.type for sample in SAMPLES if sample.type in PRICERS} == set(PRICERS)
    assert all(why_free(sample.type) for sample in SAMPLES if sample.type not in PRICERS)
    assert estimate(SAMPLES, region=REGION).not_estimated == {}


@pytest.mark.parametrize(("sample", "key"), KEYS, ids=lambda v: v if isinstance(v, str) else v.name)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_more_usage_never_costs_less(sample: Resource, key: str, data: st.DataObject) -> None:
    """Neither at list price nor, but for the one case below, after free tiers; what is shared costs no more for it."""
    base = data.draw(usage_for(sample, without=key))
    less, more = sorted((data.draw(amounts(key)), data.draw(amounts(key))))
    before = estimated(sample, **{sample.name: {**base, key: str(less)}})
    after = estimated(sample, **{sample.name: {**base, key: str(more)}})
    if key in SHARED:
        before, after = after, before
    rounding = Decimal("1e-6")  # of quantities to nine decimal places, times the dearest price
    assert after.list_price >= before.list_price - rounding
    if sample.name not in ("warm", "old-function"):
        assert after.total >= before.total - rounding


def test_a_minimum_instance_that_serves_for_nothing_saves_its_idle_time() -> None:
    """The free seconds are of serving, not of waiting: 90,000 s x 2 vCPU served are free and no longer idle, which saves
    180,000 x 0.0000025 = 0.45, and 90,000 x 1 GiB x 0.0000025 = 0.225; their 900,000 requests are free as well."""
    warm = next(sample for sample in SAMPLES if sample.name == "warm")
    waiting, serving = estimated(warm), estimated(warm, warm={"monthly_requests": 900_000})
    assert waiting.total - serving.total == Decimal("0.675")
    assert serving.list_price > waiting.list_price
    busy = estimated(warm, warm={"monthly_requests": 10_000_000})
    assert busy.total > waiting.total


def test_the_one_place_where_google_lets_more_cost_less() -> None:
    """32 VMs x 0.0014 = 0.0448 an hour; 33 and more 0.044 (cloud.google.com/nat/pricing): 730 x 0.0008 = 0.584 less."""
    nat = resource("gcp:compute/routerNat:RouterNat")
    fall = estimated(nat, it={"vms": 32}).total - estimated(nat, it={"vms": 33}).total
    assert fall == Decimal("0.584")
    assert estimated(nat, it={"vms": 33}).total == estimated(nat, it={"vms": 10**6}).total


@settings(max_examples=60, deadline=None)
@given(plans())
def test_no_free_tier_gives_more_than_it_has_or_than_was_used(plan: Any) -> None:
    estimate = of(plan)
    dearest = {
        name: max(line.rate.price for _, line in estimate.lines() if line.rate.free == name)
        for name in {line.rate.free for _, line in estimate.lines()} - {None}
    }
    worth = {
        pool.name: pool.quantity * (dearest[name] if pool.price is None else pool.price)
        for name, pool in load().pools.items()
        if name in dearest
    }
    for credit in estimate.credits:
        used = sum(
            (
                line.monthly
                for r, line in estimate.lines()
                if line.rate.free and worth_of(line.rate.free) == credit.name
            ),
            Decimal(0),
        )
        if credit.free is not None:
            assert 0 < credit.monthly <= min(worth[credit.name], used)
    assert len({credit.name for credit in estimate.credits}) == len(estimate.credits)
    assert estimate.total >= 0
    assert estimate.fixed >= 0


def worth_of(pool: str) -> str:
    return load().pools[pool].name


SPLIT = [
    ("gcp:pubsub/topic:Topic", "monthly_messages"),
    ("gcp:cloudrunv2/service:Service", "monthly_requests"),
    ("gcp:cloudrunv2/job:Job", "monthly_executions"),
    ("gcp:cloudfunctionsv2/function:Function", "monthly_builds"),
    ("gcp:bigquery/dataset:Dataset", "monthly_scanned_gib"),
    ("gcp:bigquery/dataset:Dataset", "storage_gib"),
    ("gcp:bigquery/table:Table", "monthly_write_api_gb"),
    ("gcp:storage/bucket:Bucket", "storage_gib"),
    ("gcp:storage/bucket:Bucket", "monthly_class_a_operations"),
    ("gcp:storage/bucket:Bucket", "monthly_class_b_operations"),
    ("gcp:storage/bucket:Bucket", "monthly_egress_gib"),
    ("gcp:secretmanager/secret:Secret", "monthly_accesses"),
    ("gcp:secretmanager/secret:Secret", "further_versions"),
    ("gcp:logging/projectBucketConfig:ProjectBucketConfig", "monthly_ingested_gib"),
    ("gcp:logging/metric:Metric", "monthly_samples"),
    ("gcp:artifactregistry/repository:Repository", "storage_gb"),
]


@pytest.mark.parametrize(("type_", "key"), SPLIT)
@settings(max_examples=25, deadline=None)
@given(whole=st.integers(0, 10**9), part=st.fractions(0, 1))
def test_splitting_a_resource_in_two_changes_no_total(type_: str, key: str, whole: int, part: Fraction) -> None:
    """Its free tier and its volume discount belong to the billing account, not to it."""
    first = int(whole * part)
    one = estimated(resource(type_, "one", location=REGION), one={key: whole})
    two = estimated(
        resource(type_, "one", location=REGION),
        resource(type_, "two", location=REGION),
        one={key: first},
        two={key: whole - first},
    )
    assert abs(one.total - two.total) < Decimal("1e-6")


def test_a_free_tier_per_resource_would_be_seen() -> None:
    """Ten services of a million requests have two million free between them, not twenty: 8 x 0.40 and no free CPU left."""
    services = [resource("gcp:cloudrunv2/service:Service", f"s{n}") for n in range(10)]
    estimate = estimated(*services, **{s.name: {"monthly_requests": 10**6} for s in services})
    requests = next(c for c in estimate.credits if c.unit == "request")
    assert (requests.used, requests.monthly) == (Decimal(10**7), Decimal("0.8"))


@settings(max_examples=60, deadline=None)
@given(plans())
def test_every_sum_is_exact(plan: Any) -> None:
    """In fractions, which round nothing: price times quantity, resources, components, free tiers, total."""
    estimate = of(plan)
    for _, line in estimate.lines():
        assert Fraction(line.monthly) == Fraction(line.quantity) * Fraction(line.rate.price)
    lines = [line for _, line in estimate.lines()]
    credits = sum((Fraction(c.fixed) + Fraction(c.usage) for c in estimate.credits), Fraction())
    assert Fraction(estimate.list_price) == sum((Fraction(line.monthly) for line in lines), Fraction())
    assert Fraction(estimate.total) == Fraction(estimate.list_price) - credits
    assert Fraction(estimate.total) == Fraction(estimate.fixed) + Fraction(estimate.usage)
    grouped = [r for group in estimate.components().values() for r in group]
    assert sorted(r.urn for r in grouped) == sorted(r.urn for r in estimate.resources)


def test_amounts_beyond_28_digits_are_not_rounded() -> None:
    """10^15 messages of 123,456,789 bytes and as many of one byte more."""
    topic = "gcp:pubsub/topic:Topic"
    estimate = estimated(
        resource(topic, "a"),
        resource(topic, "b"),
        a={"monthly_messages": 10**15, "message_bytes": "123456789.891"},
        b={"monthly_messages": "999999999999999.999", "message_bytes": "123456789.892"},
    )
    lines = [line for _, line in estimate.lines()]
    assert Fraction(estimate.list_price) == sum(Fraction(line.quantity) * Fraction(line.rate.price) for line in lines)
    assert len(str(estimate.list_price).replace(".", "")) > 28


@settings(max_examples=40, deadline=None)
@given(plans(), st.randoms(use_true_random=False))
def test_the_order_of_resources_changes_nothing(plan: Any, random: Any) -> None:
    resources, usage = plan
    shuffled = list(resources)
    random.shuffle(shuffled)
    assert report.as_json(of((tuple(shuffled), usage))) == report.as_json(of(plan))


def in_table(text: str) -> list[str]:
    """The costs of components and free tiers, and the three parts of the total, as the table prints them."""
    rows = [line for line in text.split("\nOverall total")[0].splitlines()[1:] if line and line[0] not in "├└│ "]
    costs = [re.split(r" {2,}", row.strip())[1] for row in rows]
    total = re.search(r"Overall total (\S+) USD a month \(.*\): (\S+) always on, (\S+) by usage", text)
    assert total
    return [*costs, *total.groups()]


def in_markdown(text: str) -> list[str]:
    rows = [line for line in text.split("<details>")[0].splitlines() if line.startswith("| ") and line.count("|") == 6]
    costs = [row.split("|")[4].strip() for row in rows if not row.startswith(("| component", "| ---", "| **total"))]
    total = re.search(r": (\S+) USD a month\*\* \((\S+) always on, (\S+) by usage\)", text)
    assert total
    return [*costs, *total.groups()]


@settings(max_examples=60, deadline=None)
@given(plans())
def test_json_table_and_markdown_say_the_same(plan: Any) -> None:
    estimate = of(plan)
    document = json.loads(report.as_json(estimate))
    entries = document["resources"]
    monthly = {key: Decimal(value) for key, value in document["monthly"].items()}
    assert sum((Decimal(e["monthly"]) for e in entries), Decimal(0)) == monthly["total"]
    for usage_based, part in ((True, "usage"), (False, "fixed")):
        components = [c for e in entries for c in e["components"] if c["usage_based"] is usage_based]
        assert sum((Decimal(c["monthly"]) for c in components), Decimal(0)) == monthly[part]
    for entry in entries:
        assert Decimal(entry["monthly"]) == sum((Decimal(c["monthly"]) for c in entry["components"]), Decimal(0))
    said = [report.money(monthly[part]) for part in ("total", "fixed", "usage")]
    table, markdown = in_table(report.as_table(estimate, TODAY)), in_markdown(report.as_markdown(estimate, "Stack x"))
    assert table[-3:] == markdown[-3:] == said
    own = sum((Decimal(e["monthly"]) for e in entries if e["urn"]), Decimal(0))
    # All samples hang on no component: one row of them, and one of the free tiers.
    rows = [report.money(own)] if own else []
    rows += [report.money(Decimal(e["monthly"])) for e in entries if not e["urn"]]
    assert table[:-3] == rows
    assert markdown[:-3] == rows


def test_usage_of_nothing_costs_what_is_always_on() -> None:
    cost = estimate(SAMPLES, usage_of(), region=REGION)
    idle_usage = {line.name for _, line in cost.lines() if line.usage_based and line.quantity}
    assert idle_usage == set()
    assert cost.total == cost.fixed
