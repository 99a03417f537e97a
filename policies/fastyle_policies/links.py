"""Which resource of the plan a property refers to: by name while it is known, else by the dependency graph.

Names are often enough: they are given, hence known at preview. What is assigned (an `.id`, a URL, a service
agent's address) is unknown then; but the engine records which resources each property was computed from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastyle_policies import gcp
from fastyle_policies.model import UNKNOWN, Plan, Resource, grouped

# The property that holds a type's own name in the cloud.
NAMES = {
    gcp.DATASET: "datasetId",
    gcp.TABLE: "tableId",
    gcp.SECRET: "secretId",
    gcp.SERVICE_ACCOUNT: "email",
    "gcp:artifactregistry/repository:Repository": "repositoryId",
}


@dataclass(frozen=True)
class Target:
    """What a property may refer to: resources of the plan, or one outside it by name; nothing when underivable."""

    resources: tuple[Resource, ...] = ()
    outside: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """Comparable identities: URNs, and the name of what lies outside."""
        return frozenset([*(resource.urn for resource in self.resources), *([self.outside] if self.outside else [])])

    def __bool__(self) -> bool:
        return bool(self.resources or self.outside)

    @property
    def shown(self) -> str:
        return ", ".join(resource.label for resource in self.resources) or self.outside or "something unknown"


def short_name(value: str) -> str:
    """`t` of `projects/p/topics/t`; the table's name of `p.d.t` is left to the caller."""
    return value.rstrip("/").rpartition("/")[2]


class Index:
    """A plan by type, name and URN."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.by_urn = {resource.urn: resource for resource in plan.resources if resource.urn}
        named = ((each.get(NAMES.get(each.type, "name")), each) for each in plan.resources)
        self._by_name = grouped(((each.type, short_name(name)), each) for name, each in named if isinstance(name, str))

    def named(self, type_: str, name: str) -> tuple[Resource, ...]:
        return tuple(self._by_name.get((type_, name), ()))

    def resolve(self, resource: Resource, path: str, *types: str) -> Target:
        """The resources of `types` that the property at `path` refers to."""
        return self.resolve_value(resource, path.partition(".")[0], resource.get(path), *types)

    def resolve_value(self, resource: Resource, source: str, value: object, *types: str) -> Target:
        """As `resolve`, for a value found inside the top-level property `source`."""
        if isinstance(value, str) and value:
            name = short_name(value)
            resources = tuple(r for type_ in types for r in self.named(type_, name))
            return Target(resources) if resources else Target(outside=name)
        if value is UNKNOWN:
            urns = resource.references.get(source, ())
            return Target(tuple(r for urn in urns if (r := self.by_urn.get(urn)) and r.type in types))
        return Target()


def exported_table(index: Index, subscription: Resource) -> Target:
    """The table that a BigQuery subscription writes to; `project.dataset.table` names it, the last two parts decide.

    One outside the plan is `dataset.table`.
    """
    value = subscription.get("bigqueryConfig.table")
    if not isinstance(value, str):
        return index.resolve(subscription, "bigqueryConfig.table", gcp.TABLE)
    *_, dataset_id, table_id = ["", *re.split(r"[.:]", value)]
    tables = index.named(gcp.TABLE, table_id)
    if dataset_id:
        tables = tuple(table for table in tables if _in_dataset(index, table, dataset_id))
    return Target(tables) if tables else Target(outside=f"{dataset_id}.{table_id}")


def _in_dataset(index: Index, table: Resource, dataset_id: str) -> bool:
    target = index.resolve(table, "datasetId", gcp.DATASET)
    return target.outside == dataset_id or any(d.get("datasetId") == dataset_id for d in target.resources)
