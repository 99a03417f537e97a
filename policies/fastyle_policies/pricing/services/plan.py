"""The resources of a plan as pricers look them up, and where their usage comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from fastyle_policies.links import short_name
from fastyle_policies.model import UNKNOWN, Resource, grouped

U = TypeVar("U", bound=BaseModel)


class UsageSource(Protocol):
    """Where usage comes from: `fastyle_policies.pricing.usage.UsageFile`."""

    def of(self, resource: Resource, model: type[U]) -> U:
        """The usage of a resource."""
        ...


@dataclass
class PricedPlan:
    """The resources of a plan, and the usage of each. Look-ups go by an index: a plan may have tens of thousands."""

    resources: Sequence[Resource]
    usage: UsageSource
    _by_key: dict[tuple[str, str], dict[str, Resource]] = field(default_factory=dict)
    _ranks: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    _users: dict[tuple[str, str], dict[str, list[Resource]]] = field(default_factory=dict)

    @cached_property
    def by_type(self) -> Mapping[str, Sequence[Resource]]:
        return grouped((resource.type, resource) for resource in self.resources)

    @cached_property
    def by_urn(self) -> Mapping[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    @cached_property
    def schedules(self) -> Mapping[str, Sequence[Resource]]:
        """Scheduler jobs by the last part of the address that they call: the name of what they act on."""
        jobs = ((job.get("httpTarget.uri"), job) for job in self.of("gcp:cloudscheduler/job:Job"))
        return grouped((uri.rstrip("/").rpartition("/")[2], job) for uri, job in jobs if isinstance(uri, str))

    def of(self, type_: str) -> Sequence[Resource]:
        return self.by_type.get(type_, ())

    def find(self, type_: str, key: str, value: Any) -> Resource | None:
        """The resource of a type whose property `key` is `value`, or the end of it (`projects/p/topics/t`)."""
        if not isinstance(value, str):
            return None
        if (type_, key) not in self._by_key:
            named = ((resource.get(key), resource) for resource in reversed(self.of(type_)))  # the first of a name wins
            self._by_key[type_, key] = {name: resource for name, resource in named if isinstance(name, str)}
        index = self._by_key[type_, key]
        return index.get(value) or index.get(short_name(value))

    def linked(self, resource: Resource, path: str, type_: str, *keys: str) -> Resource | None:
        """The resource of `type_` that a property names by one of `keys`, or was computed from while it is unknown."""
        return self.behind(resource, path.partition(".")[0], resource.get(path), type_, *keys)

    def behind(self, resource: Resource, key: str, value: Any, type_: str, *keys: str) -> Resource | None:
        """As `linked`, of a `value` that lies anywhere within the resource's property `key`."""
        if value is not UNKNOWN:
            return next((target for each in keys if (target := self.find(type_, each, value))), None)
        sources = (self.by_urn.get(urn) for urn in resource.references.get(key, ()))
        return next((source for source in sources if source and source.type == type_), None)

    @cached_property
    def referrers(self) -> Mapping[str, Sequence[Resource]]:
        """Resources by the URN of each resource that a property of theirs was computed from."""
        references = ((r, {urn for urns in r.references.values() for urn in urns}) for r in self.resources)
        return grouped((urn, resource) for resource, urns in references for urn in urns)

    def ranks(self, type_: str, key: str) -> Mapping[str, int]:
        """Places of a type's resources, by URN, among those of the same project and the same `key`, from 0."""
        if (type_, key) not in self._ranks:
            seen: dict[tuple[str, str], int] = {}
            ranks: dict[str, int] = {}
            for resource in sorted(self.of(type_), key=lambda r: (r.name, r.urn)):
                group = (resource.project, str(resource.get(key)))
                ranks[resource.urn] = seen.get(group, 0)
                seen[group] = ranks[resource.urn] + 1
            self._ranks[type_, key] = ranks
        return self._ranks[type_, key]

    def users(self, resource: Resource, type_: str, path: str) -> Sequence[Resource]:
        """Resources of `type_` whose property leads to a resource: by its name or id, or by reference while unknown."""
        if (type_, path) not in self._users:
            self._users[type_, path] = grouped(
                (name, user) for user in self.of(type_) for name in _leads_to(user, path)
            )
        index = self._users[type_, path]
        own = resource.get("name")
        return [*index.get(resource.urn, ()), *(index.get(own, ()) if isinstance(own, str) else ())]


def _leads_to(resource: Resource, path: str) -> Sequence[str]:
    value = resource.get(path)
    if value is UNKNOWN:
        return resource.references.get(path.partition(".")[0], ())
    return [short_name(value)] if isinstance(value, str) else []
