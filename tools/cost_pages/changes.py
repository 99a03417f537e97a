"""What if: a plan with one thing in it changed, priced as any other."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import fastyle_policies.pricing
from fastyle_policies.model import Resource
from fastyle_policies.pricing import Estimate
from fastyle_policies.pricing.documents import Document

from ops.cost import Request, usage_of

Change = Callable[[Sequence[Resource]], list[Resource]]


@dataclass(frozen=True)
class Costed:
    """A stack's plan, to be priced with changes and with other values of its usage file's variables."""

    stack: str
    document: Document

    def month(
        self, *changes: Change, month: str = "ordinary", variables: Mapping[str, Decimal] | None = None
    ) -> Estimate:
        """The estimate of a month after the changes.

        Raises:
            PricingError, ValueError: a change, a variable or the usage file does not fit the plan.
        """
        resources: Sequence[Resource] = self.document.resources
        for change in changes:
            resources = change(resources)
        usage = usage_of(Request(stack=self.stack, month=month)).with_variables(variables or {})
        return fastyle_policies.pricing.estimate(resources, usage, region=self.document.region, strict=False)


def setting(name: str, path: str, value: Any) -> Change:
    """Another value of a property of the resources whose logical name ends with `name`; `…` takes it out.

    The changed plan raises ValueError when it has no such resource, so that a renamed one is not priced unchanged.
    """

    def change(resources: Sequence[Resource]) -> list[Resource]:
        matches = [r for r in resources if r.name.endswith(name) and r.type.startswith("gcp:")]
        if not matches:
            raise ValueError(f"the plan has no resource whose name ends with '{name}'")
        return [_with(r, path, value) if r in matches else r for r in resources]

    return change


def _with(resource: Resource, path: str, value: Any) -> Resource:
    props = copy.deepcopy(dict(resource.props))
    *parents, last = path.split(".")
    inner: Any = props
    for key in parents:
        inner = inner[int(key)] if isinstance(inner, list) else inner.setdefault(key, {})
    if value is ...:
        inner.pop(last, None)
    else:
        inner[last] = value
    return replace(resource, props=props)


def adding(type_: str, name: str, **props: Any) -> Change:
    """One resource more."""
    return lambda resources: [*resources, Resource(type_, name, props, f"urn:pulumi:what-if::fastyle::{type_}::{name}")]


def without(*names: str) -> Change:
    """The plan without the resources of these logical names."""

    def change(resources: Sequence[Resource]) -> list[Resource]:
        if missing := set(names) - {r.name for r in resources}:
            raise ValueError(f"the plan has no {', '.join(sorted(missing))}")
        return [r for r in resources if r.name not in names]

    return change
