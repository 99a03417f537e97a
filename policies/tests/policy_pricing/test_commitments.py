"""Commitments as a what-if: what today's always-on use would cost with one of one or three years."""

from __future__ import annotations

from fastyle_policies.pricing.commitments import what_if
from fastyle_policies.pricing.lines import total
from fastyle_policies.pricing.report import plain

from policy_pricing.bills import estimated, resource

DATABASE = resource(
    "gcp:sql/databaseInstance:DatabaseInstance",
    "db",
    settings={"tier": "db-custom-2-7680", "diskSize": 100, "ipConfiguration": {"ipv4Enabled": False}},
)
ENVIRONMENT = resource("gcp:composer/environment:Environment", "air", config={})


def machine(type_: str, **more: object) -> object:
    return resource("gcp:compute/instance:Instance", "vm", machineType=type_, bootDisk={"source": "x"}, **more)


def savings(*resources: object, **used: dict[str, object]) -> dict[tuple[str, int], str]:
    estimate = estimated(*resources, **used)  # type: ignore[arg-type]
    return {(each.service, each.years): plain(each.saving) for each in what_if(estimate)}


def test_a_database_is_committed_to_by_vcpus_and_memory_not_by_its_disk() -> None:
    """60.298 + 38.325 = 98.623 a month x 0.25 = 24.65575 and x 0.52 = 51.28396."""
    assert savings(DATABASE) == {("sql", 1): "24.65575", ("sql", 3): "51.28396"}


def test_composer_by_its_dcu_hours() -> None:
    """525.6 a month, the upper end, at 0.054 and 0.048 instead of 0.06: 52.56 and 105.12 less."""
    assert savings(ENVIRONMENT) == {("composer", 1): "52.56", ("composer", 3): "105.12"}


def test_a_commitment_takes_the_place_of_the_sustained_use_discount() -> None:
    """e2-standard-2, which has none: 48.9183366 x 0.37 = 18.099784542. n1-standard-1: 34.67 a month listed, 24.27 paid with
    sustained use, 21.84 committed for a year: 2.4 less."""
    assert savings(machine("e2-standard-2"))["compute", 1] == "18.099784542"
    sustained = savings(machine("n1-standard-1"))
    assert round(float(sustained["compute", 1]), 2) == round(24.27237225 - 34.6748175 * 0.63, 2)
    spot = machine("e2-standard-2", scheduling={"preemptible": True})
    assert savings(spot) == {}


def test_what_follows_usage_is_not_committed_to() -> None:
    assert savings(resource("gcp:cloudrunv2/service:Service", "web"), web={"monthly_requests": 10**6}) == {}


def test_all_together() -> None:
    """24.65575 + 52.56 a year, 51.28396 + 105.12 three years."""
    commitments = what_if(estimated(DATABASE, ENVIRONMENT))
    savings = {years: total(each.saving for each in commitments if each.years == years) for years in (1, 3)}
    assert {years: plain(saving) for years, saving in savings.items()} == {1: "77.21575", 3: "156.40396"}
