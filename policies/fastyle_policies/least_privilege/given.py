"""The grants a plan makes: who has which role on what."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from fastyle_policies import gcp
from fastyle_policies.links import Index, Target, short_name
from fastyle_policies.model import UNKNOWN, Resource, dig

PROJECT = "project"  # stands for the one project of the plan
KEY_RING = "gcp:kms/keyRing:KeyRing"
SERVICE_IDENTITY = "gcp:projects/serviceIdentity:ServiceIdentity"
CUSTOM_ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
SOURCES = "gcf-v2-sources"
"""Cloud Functions' own bucket `gcf-v2-sources-<number>-<region>`: it comes with the first function, so that a grant on it is
one on the project with a condition."""

ROLES: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_name("roles.toml").read_text(encoding="utf-8")
)
AGENTS: Mapping[str, str] = ROLES["agents"]
BASIC_ROLES: Mapping[str, str] = ROLES["basic"]
GRANTS: Mapping[str, Sequence[str]] = ROLES["grants"]


@dataclass(frozen=True)
class Grant:
    """`role` on any of `on` (URNs, names outside the plan, or PROJECT) to `member`."""

    on: frozenset[str]
    role: str
    member: str
    resource: Resource
    people: bool  # a user, a group or a federated identity: granted by decision, not for a link
    permissions: frozenset[str] = frozenset()  # of a role that the plan itself makes


def principal(index: Index, resource: Resource, source: str, value: object) -> str:
    """One comparable form of an account, however it is written.

    An account of the plan is its URN; a service agent `agent:<domain>`; a sink's writer `writer:<URN>`; anyone else
    the address itself. Empty when it cannot be told before the update.
    """
    if isinstance(value, str) and value:
        address = value.partition(":")[2] if value.startswith(("serviceAccount:", "user:", "group:")) else value
        address = short_name(address)
        if account := index.named(gcp.SERVICE_ACCOUNT, address):
            return account[0].urn
        if (same := _by_id(index, address)) is not None:
            return same.urn
        if agent := re.fullmatch(r"(?:service|bq)-\d+@([a-z0-9-]+)\.iam\.gserviceaccount\.com", address):
            return f"agent:{agent[1]}"
        return address
    if value is UNKNOWN:
        for urn in resource.references.get(source, ()):
            referred = index.by_urn.get(urn)
            if referred is None:
                continue
            if referred.type == gcp.SERVICE_ACCOUNT:
                return urn
            if referred.type in gcp.SINKS:
                return f"writer:{urn}"
            if referred.type == SERVICE_IDENTITY:
                return f"agent:{AGENTS.get(str(referred.get('service')), str(referred.get('service')))}"
    return ""


def _by_id(index: Index, address: str) -> Resource | None:
    """An account whose e-mail is unknown or unset in the plan, found by its id."""
    account_id, at, _ = address.partition("@")
    for account in index.plan.of(gcp.SERVICE_ACCOUNT) if at else ():
        if account.get("accountId") == account_id and not isinstance(account.get("email"), str):
            return account
    return None


# Where a grant names who gets it; an entry of a dataset's access list has a property a kind of principal.
_MEMBERS = ("member", "iamMember", "userByEmail", "groupByEmail", "domain", "specialGroup")
_PEOPLE = ("user:", "group:", "domain:", "principal:", "principalSet:")


def grants(index: Index) -> Iterator[Grant]:
    """Every grant to one member; one of a type that no link needs is on nothing that a link would look for."""
    for resource in index.plan.resources:
        if resource.type not in GRANTS and not any(fnmatchcase(resource.type, p) for p in gcp.MEMBER_GRANTS):
            continue
        path, *types = GRANTS.get(resource.type, ("", resource.type))
        on = frozenset([PROJECT]) if not types else _granted_on(index, resource, path, types).keys
        role = resource.get("role")
        if resource.type == gcp.DATASET_ACCESS and role is None:
            continue  # an authorised view or dataset: nobody's role
        named = next((key for key in _MEMBERS if resource.get(key) is not None), "member")
        member = principal(index, resource, named, resource.get(named))
        role = BASIC_ROLES.get(role, role) if isinstance(role, str) else ""
        if (condition := resource.get("condition")) is not None:
            on = frozenset([f"{PROJECT} where {_condition(condition)}"])  # it holds on no more than the condition says
        yield Grant(on, role, member, resource, _people(named, resource.get(named)), _permissions(index, role))


def _condition(condition: object) -> str:
    """How a condition is told from another one: by the bucket of a link, which an unknown expression may name, else by its title."""
    expression = dig(condition, "expression")
    of_sources = expression is UNKNOWN or f"/buckets/{SOURCES}-" in str(expression)
    return SOURCES if of_sources else str(dig(condition, "title"))


def _permissions(index: Index, role: str) -> frozenset[str]:
    """What a custom role of the plan contains; nothing for a predefined one."""
    for made in index.plan.of(CUSTOM_ROLE):
        permissions = made.get("permissions")
        if role.startswith("projects/") and short_name(role) == made.get("roleId") and isinstance(permissions, list):
            return frozenset(p for p in permissions if isinstance(p, str))
    return frozenset()


def _people(named: str, value: object) -> bool:
    if named in ("groupByEmail", "domain", "specialGroup"):
        return True
    if named == "userByEmail":
        return isinstance(value, str) and not value.endswith(".gserviceaccount.com")
    # Everyone is another rule's matter.
    return isinstance(value, str) and (value.startswith(_PEOPLE) or value in ("allUsers", "allAuthenticatedUsers"))


def _granted_on(index: Index, resource: Resource, path: str, types: Sequence[str]) -> Target:
    target = index.resolve(resource, path, *types)
    if types != [gcp.TABLE]:
        return target
    # Tables of one name may be in two datasets: keep those of the dataset that is named.
    dataset = index.resolve(resource, "datasetId", gcp.DATASET)
    if target.outside:
        name = next((str(d.get("datasetId")) for d in dataset.resources), dataset.outside)
        return Target(outside=f"{name}.{target.outside}")
    same = tuple(t for t in target.resources if index.resolve(t, "datasetId", gcp.DATASET).keys & dataset.keys)
    return Target(same) if dataset else target


def holders(index: Index, key: str) -> frozenset[str]:
    """The keys of what a grant on `key` may be made on as well: the project, the dataset of a table, a key's ring."""
    if (resource := index.by_urn.get(key)) is not None:
        path, type_ = ("keyRing", KEY_RING) if resource.type == gcp.CRYPTO_KEY else ("datasetId", gcp.DATASET)
        return frozenset([PROJECT, *index.resolve(resource, path, type_).keys])
    name = key.partition(".")[0]  # of `dataset.table`; whatever else is outside the plan has no dot, and is itself
    return frozenset([PROJECT, *([dataset.urn for dataset in index.named(gcp.DATASET, name)] or [name])])
