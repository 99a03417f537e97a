"""The second example stack: another retailer by configuration alone, priced at the rates of its own region."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import fastyle_policies.pricing
import pytest
from fastyle_policies.pricing import Estimate, UsageFile, read_usage

from policy_rules.table import recorded
from tests.support.configuration import REPOSITORY, configuration, put
from tests.support.program import composed

REGION = "europe-west3"
USAGE = REPOSITORY / "policies" / "usage" / "europe.yaml"


def estimated(usage: UsageFile | None = None) -> Estimate:
    resources = recorded(composed("europe").resources, "europe")
    return fastyle_policies.pricing.estimate(resources, usage or UsageFile(), region=REGION)


# By hand, from Google's price lists of Frankfurt in US dollars; a month has 730 hours.
IDLE = {
    # https://cloud.google.com/sql/pricing: 0.0496 a vCPU-hour, 0.0084 a GiB-hour, 0.204 a GB-month; high availability twice
    ("database-instance", "vCPU"): Decimal("0.0496") * 1 * 730 * 2,
    ("database-instance", "Memory"): Decimal("0.0084") * Decimal("3.75") * 730 * 2,
    ("database-instance", "Storage, SSD"): Decimal("0.204") * 20 * 2,
    # https://cloud.google.com/run/pricing, tier 2: a minimum instance of 1 vCPU and 512 MiB that waits all month
    ("api-service", "CPU, idle minimum instances"): Decimal("0.0000035") * 730 * 3600,
    ("api-service", "Memory, idle minimum instances"): Decimal("0.0000035") * Decimal("0.5") * 730 * 3600,
    # https://cloud.google.com/scheduler/pricing: the same everywhere
    ("pipeline-run-job", "Job"): Decimal("0.10"),
}
USED = {
    # https://cloud.google.com/bigquery/pricing: 8.125 a TiB on demand; analysts scan 100 GiB
    ("warehouse-marts", "Scanned"): Decimal("8.125") * 100 / 1024,
    # https://cloud.google.com/artifact-registry/pricing: 0.10 a GB-month
    ("function-build-repository", "Images"): Decimal("0.10"),
    # https://cloud.google.com/secret-manager/pricing: 0.03 for 10,000 accesses, one a minute by one warm instance
    ("secrets-pos-credentials", "Accesses"): Decimal("0.03") * 30 * 24 * 60 / 10_000,
}


def lines(estimate: Estimate) -> dict[tuple[str, str], Decimal]:
    return {
        (resource.name, component.name): component.monthly
        for resource in estimate.resources
        for component in resource.lines
    }


@pytest.mark.parametrize(
    ("usage", "expected"), [(None, IDLE), (read_usage(USAGE), USED)], ids=["idle", "an ordinary month"]
)
def test_its_lines_are_those_computed_by_hand(
    usage: UsageFile | None, expected: dict[tuple[str, str], Decimal]
) -> None:
    monthly = lines(estimated(usage))
    assert {key: round(monthly[key], 6) for key in expected} == {
        key: round(value, 6) for key, value in expected.items()
    }


def test_everything_of_it_is_priced_and_its_budget_covers_it() -> None:
    estimate = estimated(read_usage(USAGE))
    assert (estimate.not_estimated, estimate.unpriced) == ({}, ())
    settings = json.loads((REPOSITORY / "policies" / "config" / "europe.json").read_text(encoding="utf-8"))
    euros = configuration("europe")["fastyle:budget"]["monthly_amount"]
    assert estimate.total < euros * Decimal(str(settings["all"]["rates"]["EUR"]))


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (str(key), *strings(item))]
    if isinstance(value, list | tuple):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


FOREIGN = re.compile(r"us-central1|US-CENTRAL1|\bUS\b|America/|\bUSD\b|\bFastyle\b")


def test_nothing_of_it_is_in_america_in_dollars_or_called_fastyle() -> None:
    """Every property of every resource: a place, a currency, a time zone or a name that is baked in would be here."""
    foreign_texts = {
        key: [text for text in strings(inputs) if FOREIGN.search(text)]
        for key, inputs in composed("europe").resources.items()
    }
    assert {key: texts for key, texts in foreign_texts.items() if texts} == {}


def test_any_stack_can_be_moved_renamed_and_paid_in_another_currency() -> None:
    for stack in ("prod", "local"):
        config = json.loads(json.dumps(configuration(stack)))
        for key in ("gcp:region", "brand", "locale", "timezone", "currency"):
            put(config, key, configuration("europe")[key if ":" in key else f"fastyle:{key}"])
        resources = composed(config).resources
        baked_in = {text for inputs in resources.values() for text in strings(inputs) if FOREIGN.search(text)}
        assert baked_in == set(), stack
