"""What a stack needs of Google Cloud, taken from its plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ops.plan import StackPlan

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # what the engine writes for a value that the plan does not know
_MEMBER_TYPES = ("user", "group", "domain", "serviceAccount", "allUsers", "allAuthenticatedUsers")


@dataclass(frozen=True)
class Planned:
    """One resource of the plan."""

    type: str
    name: str  # logical
    inputs: dict[str, Any]

    def text(self, key: str) -> str | None:
        """An input that is a text and known."""
        value = self.inputs.get(key)
        return value if isinstance(value, str) and value != UNKNOWN else None


@dataclass(frozen=True)
class Needs:
    """The plan's resources, and where they would be made."""

    stack: str
    project: str
    region: str
    resources: list[Planned]

    def of(self, *types: str) -> list[Planned]:
        """Resources of types such as `sql/databaseInstance:DatabaseInstance`."""
        wanted = {f"gcp:{type_}" for type_ in types}
        return [resource for resource in self.resources if resource.type in wanted]

    def counts(self) -> Counter[str]:
        return Counter(resource.type for resource in self.resources)

    @property
    def services(self) -> set[str]:
        """APIs that the plan switches on."""
        return {service for r in self.of("projects/service:Service") if (service := r.text("service"))}

    @property
    def billing_account(self) -> str | None:
        return next((a for r in self.of("billing/budget:Budget") if (a := r.text("billingAccount"))), None)

    @property
    def currency(self) -> str | None:
        """The budget's."""
        for resource in self.of("billing/budget:Budget"):
            specified = (resource.inputs.get("amount") or {}).get("specifiedAmount") or {}
            if isinstance(code := specified.get("currencyCode"), str):
                return code
        return None

    def members(self) -> dict[str, list[str]]:
        """Everybody who is granted something, with the names of the grants."""
        members: dict[str, list[str]] = {}
        for resource in self.resources:
            for member in _members(resource):
                if member != UNKNOWN:
                    members.setdefault(member, []).append(resource.name)
        return members


def _members(resource: Planned) -> Iterator[str]:
    if isinstance(member := resource.inputs.get("member"), str):
        yield member
    for key, prefix in (("userByEmail", "user"), ("groupByEmail", "group"), ("domain", "domain")):
        if resource.type.endswith(":DatasetAccess") and isinstance(value := resource.inputs.get(key), str):
            # A service account is a user, too, to an access entry.
            is_account = value.endswith(".gserviceaccount.com")
            yield f"{'serviceAccount' if is_account else prefix}:{value}"


def needs(plan: StackPlan) -> Needs:
    """The needs of a plan; its project and region are those of its configuration."""
    resources = [
        Planned(r["type"], r["urn"].rpartition("::")[2], r.get("inputs") or {})
        for r in plan.resources
        if r["type"].startswith("gcp:")
    ]
    config = (plan.document.get("config") or {}) if plan.document else {}
    project = _plain(config.get("gcp:project")) or _most(resources, "project")
    region = _plain(config.get("gcp:region")) or _most(resources, "region") or _most(resources, "location")
    return Needs(plan.stack, project, region, resources)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("value")
    return value if isinstance(value, str) else ""


def _most(resources: list[Planned], key: str) -> str:
    """The value that most resources have."""
    values = Counter(value for r in resources if (value := r.text(key)))
    return values.most_common(1)[0][0] if values else ""
