"""What docs/cost.md and docs/scale.md are made of: changes of a plan, loads and limits, and a plot."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from decimal import Decimal

import pytest
from fastyle_policies.model import Resource
from fastyle_policies.pricing.documents import Document

from tools.cost_pages import dataflow
from tools.cost_pages.changes import Costed, adding, setting, without
from tools.cost_pages.plot import Line, Mark, svg
from tools.cost_pages.scale import connections, load, machine, mebibytes

DATABASE = Resource(
    "gcp:sql/databaseInstance:DatabaseInstance",
    "database-instance",
    {
        "name": "fastyle",
        "region": "us-central1",
        "settings": {"tier": "db-custom-2-7680", "availabilityType": "REGIONAL"},
    },
    "urn:pulumi:prod::fastyle::gcp:sql/databaseInstance:DatabaseInstance::database-instance",
)
PROD = Costed("prod", Document((DATABASE,), {}))


def test_a_setting_changes_the_copy_and_not_the_plan() -> None:
    [changed] = setting("database-instance", "settings.availabilityType", "ZONAL")([DATABASE])
    assert changed.get("settings.availabilityType") == "ZONAL"
    assert changed.get("settings.tier") == "db-custom-2-7680"
    assert DATABASE.get("settings.availabilityType") == "REGIONAL"
    [taken_out] = setting("database-instance", "settings.tier", ...)([DATABASE])
    assert taken_out.get("settings.tier") is None


def test_a_change_of_what_the_plan_lacks_is_an_error_so_that_nothing_is_compared_with_itself() -> None:
    with pytest.raises(ValueError, match="no resource whose name ends with 'lake-bucket'"):
        PROD.month(setting("lake-bucket", "storageClass", "STANDARD"))
    with pytest.raises(ValueError, match="the plan has no job"):
        PROD.month(without("job", "database-instance"))


def test_one_zone_costs_half_of_two() -> None:
    """vCPUs, memory and SSD are all doubled; backups and logs, which are not, come from the usage file."""
    here = {line.name: line.monthly for _, line in PROD.month().lines() if not line.usage_based}
    there = PROD.month(setting("database-instance", "settings.availabilityType", "ZONAL"))
    assert {line.name: 2 * line.monthly for _, line in there.lines() if not line.usage_based} == here


def test_something_more_costs_more() -> None:
    nat = adding("gcp:compute/routerNat:RouterNat", "nat", region="us-central1")
    assert PROD.month(nat).fixed > PROD.month().fixed


def test_a_load_is_that_of_one_sale_day() -> None:
    """Of prod: 2,400 sales and 700 changes a branch; 12 % in an hour, its busiest minute three times the average."""
    twenty, many = load(PROD, 20), load(PROD, 2000)
    assert twenty.events_a_day == 62_000
    assert twenty.events_a_second == Decimal(62_000) * 12 / 100 / 3600 * 3
    assert many.events_a_second == 100 * twenty.events_a_second
    assert twenty.measured("change_bytes") < twenty.message_bytes < twenty.measured("sale_bytes")


def test_what_a_tier_and_an_amount_of_memory_hold() -> None:
    """Cloud SQL's documented defaults of max_connections, by memory."""
    assert machine("db-custom-4-15360") == (4, Decimal(15))
    assert [connections(Decimal(gib)) for gib in ("3.75", "6", "7.5", "15", "30", "60", "120")] == [
        100,
        200,
        400,
        500,
        600,
        800,
        1000,
    ]
    assert [mebibytes(amount) for amount in ("512Mi", "4Gi")] == [512, 4096]


def test_the_smallest_dataflow_job() -> None:
    """730 h x (2 vCPU x 0.069 + 7.5 GiB x 0.003557 + 0.089 for a streaming unit) = 185.18."""
    assert round(dataflow.smallest_job(), 2) == Decimal("185.18")


def test_a_plot_is_well_formed_and_the_same_again() -> None:
    lines = [Line("rising <1>", [(10, 0.5), (1000, 50)]), Line("flat", [(10, 5), (1000, 5)])]
    picture = svg("Cost & size", "branches", "USD", lines, [Mark(100, 5, "even")])
    assert picture == svg("Cost & size", "branches", "USD", lines, [Mark(100, 5, "even")])
    root = ET.fromstring(picture)
    kinds = [element.tag.rpartition("}")[2] for element in root]
    assert kinds.count("polyline") == 2
    assert kinds.count("circle") == 1
    rising, flat = (e.attrib["points"].split() for e in root if e.tag.endswith("polyline"))
    first, last = ([float(part) for part in point.split(",")] for point in rising)
    assert first[0] < last[0]
    assert first[1] > last[1]  # up is towards 0
    assert flat[0].split(",")[1] == flat[1].split(",")[1]
    [circle] = [e for e in root if e.tag.endswith("circle")]
    assert float(circle.attrib["cx"]) == pytest.approx((first[0] + last[0]) / 2, abs=0.1)  # 100 is half way to 1,000
