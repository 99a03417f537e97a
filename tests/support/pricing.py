"""What tests of the estimator share: resources of a plan, usage, and the lines of a bill as strings to compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import yaml

from policies.model import Resource
from policies.pricing import Estimate, estimate
from policies.pricing.report import plain
from policies.pricing.usage import UsageFile, parse

T = TypeVar("T", bound=Callable[..., object])
REGION = "us-central1"


def resource(type_: str, name: str = "it", /, **props: Any) -> Resource:
    urn = f"urn:pulumi:test::shop::{type_}::{name}"
    return Resource(type_, name, props, urn)


def usage_of(**by_resource: Mapping[str, Any]) -> UsageFile:
    """A usage file of entries by resource name (`_` in a keyword stands for `-`); values as in the file."""
    entries = {name.replace("_", "-"): dict(entry) for name, entry in by_resource.items()}
    return parse(yaml.safe_dump({"version": 1, "resource_usage": entries}))


def estimated(*resources: Resource, **by_resource: Mapping[str, Any]) -> Estimate:
    return estimate(resources, usage_of(**by_resource), region=REGION)


def bill(*resources: Resource, **by_resource: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The lines at list price: `line`, or `resource: line` where there are several, to (quantity, monthly cost).

    A line that is there twice is added up; one of no quantity is left out, as in the table.
    """
    found = estimated(*resources, **by_resource)
    assert found.not_estimated == {}
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for owner, line in found.lines():
        name = f"{owner.name}: {line.name}" if len(resources) > 1 else line.name
        quantity, monthly = sums.get(name, (Decimal(0), Decimal(0)))
        sums[name] = (quantity + line.quantity, monthly + line.monthly)
    return {name: (plain(q), plain(m)) for name, (q, m) in sums.items() if q}


def prices(*types: str) -> Callable[[T], T]:
    """Marks a test as the hand-computed case of these types; its docstring has the arithmetic."""

    def mark(test: T) -> T:
        test.prices = types  # type: ignore[attr-defined]
        return test

    return mark
