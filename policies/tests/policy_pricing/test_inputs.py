"""Rows of a billing export, states of a plan and names of places, each read whole."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from fastyle_policies.pricing import PricingError, documents, regions
from fastyle_policies.pricing.actual.export import Charge, charge
from fastyle_policies.pricing.usage import parse

ROW: dict[str, Any] = {
    "service": {"description": "Cloud Run"},
    "sku": {"description": "Requests"},
    "project": {"id": "shop"},
    "labels": [{"key": "component", "value": "api"}, {"key": "bare", "value": None}],
    "cost": 3,
    "currency_conversion_rate": "1.5",
    "usage": {"amount_in_pricing_units": 7, "pricing_unit": "count"},
    "invoice": {"month": "202611"},
    "cost_type": "tax",
    "usage_start_time": "2026-11-01T00:00:00Z",
    "usage_end_time": "2026-11-01T01:00:00Z",
    "credits": [
        {"type": "FREE_TIER", "name": "a", "amount": -1},
        {"type": "FREE_TIER", "amount": "-0.5"},
        {"name": "promotion", "amount": -0.3},
        {"amount": 0},
    ],
}
NEEDED = ("service", "sku", "cost", "usage_start_time", "usage_end_time")


def test_a_row_of_the_export_is_read_whole() -> None:
    """3 at 1.5 a dollar are 2; the free tier's -1.5 are -1, the promotion's -0.3 are -0.2."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    assert charge(ROW) == Charge(
        service="Cloud Run",
        sku="Requests",
        project="shop",
        labels={"component": "api", "bare": ""},
        cost=Decimal(2),
        quantity=Decimal(7),
        unit="count",
        month="202611",
        kind="tax",
        start=start,
        end=start.replace(hour=1),
        credits={"FREE_TIER": Decimal(-1), "promotion": Decimal("-0.2"), "credit": Decimal(0)},
    )


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-01T00:30:00Z",
        "2026-11-01 00:30:00 UTC",
        "2026-11-01 00:30:00",
        "2026-11-01T01:30:00+01:00",
        "1793493000",
        "1793493000.0",
        1793493000,
    ],
)
def test_an_instant_in_any_form_that_bigquery_writes(time: Any) -> None:
    assert charge({**ROW, "usage_start_time": time}).start == datetime(2026, 11, 1, 0, 30, tzinfo=UTC)


def test_what_a_row_does_not_say_is_empty_and_regular() -> None:
    parsed = charge({key: ROW[key] for key in NEEDED})
    assert (parsed.project, parsed.unit, parsed.month, parsed.kind) == ("", "", "", "regular")
    assert (parsed.quantity, parsed.cost) == (Decimal(0), Decimal(3))
    assert (dict(parsed.labels), dict(parsed.credits)) == ({}, {})


@pytest.mark.parametrize("key", NEEDED)
def test_a_row_without_what_every_row_has_is_refused(key: str) -> None:
    with pytest.raises(KeyError):
        charge({name: value for name, value in ROW.items() if name != key})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"currency_conversion_rate": -1}, "currency_conversion_rate is -1"),
        ({"currency_conversion_rate": "x"}, "currency_conversion_rate"),
        ({"cost": "x"}, "cost"),
        ({"usage": {"amount_in_pricing_units": "x"}}, "usage.amount_in_pricing_units"),
        ({"credits": [{"amount": "x"}]}, "credits.amount"),
    ],
)
def test_a_number_of_a_row_that_is_none_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        charge({**ROW, **change})


def test_a_state_gives_its_id_where_its_outputs_do_not() -> None:
    def ids(**state: Any) -> list[Any]:
        of = {"urn": "urn:pulumi:s::p::gcp:compute/disk:Disk::d", "type": "gcp:compute/disk:Disk", **state}
        plan = documents.read({"deployment": {"resources": [of]}})
        return [resource.get("id") for resource in plan.resources]

    assert ids(id="projects/p/disks/d", inputs={"size": 1}) == ["projects/p/disks/d"]
    assert ids(id="projects/p/disks/d", inputs={"id": "d", "size": 1}) == ["d"]
    assert ids(inputs={"size": 1}) == [None]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (" US-Central1 ", "us-central1"),
        ("https://www.googleapis.com/compute/v1/projects/p/zones/europe-west3-b/", "europe-west3"),
        ("projects/p/regions/asia-east1", "asia-east1"),
        ("europe-west", "europe-west1"),
        ("EU", "eu"),
        ("nam4", "nam4"),
        ("europe-west33", None),
        ("us-central1-aa", None),
        ("/", None),
    ],
)
def test_a_place_by_any_of_its_names(name: str, place: str | None) -> None:
    assert regions.normal(name) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nvariables: {x: [1]}\n", "u.yaml:2: variables.x: Input should be"),
        ("version: 1\nunit_costs: {x: }\n", "u.yaml:2: unit_costs.x: "),
        ("- 1\n", "u.yaml: the file: "),
        ("version: 1\n\tx: 1\n", "u.yaml:2: no YAML: found character"),
    ],
)
def test_a_usage_file_of_another_form_says_where(text: str, message: str) -> None:
    with pytest.raises(PricingError) as caught:
        parse(text, "u.yaml")
    assert str(caught.value).startswith(message)


def test_a_file_without_months_has_none_to_choose() -> None:
    with pytest.raises(PricingError, match=r"has no month 'winter'; it has none$"):
        parse("version: 1\ncalendar: {}\n", "u.yaml").for_month("winter")
