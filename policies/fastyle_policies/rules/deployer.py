"""The deployer: a federated account has the roles that deploying this plan takes, and none beside them."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from fastyle_policies import gcp
from fastyle_policies.least_privilege.given import ROLES, grants, principal
from fastyle_policies.links import Index
from fastyle_policies.model import Parameters, Plan, Resource, Violation, rule

ACTS_AS = "roles/iam.serviceAccountUser"
"""For whoever makes something that runs, or calls, as an account."""
_BECOMES = "gcp:serviceaccount/iAMMember:IAMMember"


def needed(plan: Plan) -> tuple[dict[str, Resource], list[Resource]]:
    """Roles that deploying the plan takes, each with the first resource that needs it; and what no role is known for."""
    roles: dict[str, Resource] = {}
    unknown: dict[str, Resource] = {}
    for resource in plan.resources:
        if not resource.type.startswith("gcp:"):
            continue
        role = next((role for pattern, role in ROLES["deploying"].items() if fnmatchcase(resource.type, pattern)), None)
        if role is None:
            unknown.setdefault(resource.type, resource)
        elif role:
            roles.setdefault(role, resource)
        if _runs_as_somebody(resource):
            roles.setdefault(ACTS_AS, resource)
        if resource.type == gcp.FUNCTION and resource.get("eventTrigger") is not None:
            roles.setdefault("roles/eventarc.admin", resource)
    return roles, list(unknown.values())


def _runs_as_somebody(resource: Resource) -> bool:
    if resource.type in gcp.WORKLOADS:
        return True
    callers = ("pushConfig.oidcToken", "httpTarget.oidcToken", "httpTarget.oauthToken")
    return resource.type in (gcp.SUBSCRIPTION, gcp.JOB) and any(resource.get(path) is not None for path in callers)


def deployers(plan: Plan) -> dict[str, tuple[Resource, frozenset[str]]]:
    """Accounts of the plan that a federated identity becomes and that hold roles of the project: account and roles."""
    index = Index(plan)
    federated: dict[str, Resource] = {}
    for grant in plan.of(_BECOMES):
        if grant.get("role") == "roles/iam.workloadIdentityUser":
            account = index.by_urn.get(principal(index, grant, "serviceAccountId", grant.get("serviceAccountId")))
            if account is not None:
                federated[account.urn] = account
    held: dict[str, set[str]] = {}
    for made in grants(index):
        if made.member in federated and made.resource.type == "gcp:projects/iAMMember:IAMMember":
            held.setdefault(made.member, set()).add(made.role)
    return {urn: (federated[urn], frozenset(roles)) for urn, roles in held.items()}


@rule("high")
def deployer_roles(plan: Plan, p: Parameters) -> Iterator[Violation]:
    """The deployer holds the roles that the plan takes. Without one the deployment stops half-way.

    Mend: add the role to the federation's project_roles.
    Unknown: an account or role that is unknown is not judged; a deployer with a role of one's own lacks nothing.
    """
    roles, _ = needed(plan)
    for account, held in deployers(plan).values():
        if any(not role.startswith("roles/") for role in held):
            continue  # a role of somebody's own may hold whatever is missing
        for role, resource in sorted(roles.items()):
            if role not in held:
                yield Violation(f"deploys this plan and lacks {role}, which {resource.label} takes", account)


@rule("low", mandatory=False)
def deployer_surplus(plan: Plan, p: Parameters) -> Iterator[Violation]:
    """The deployer holds no role that the plan does not take. Whoever takes the workflow over has it as well.

    Mend: take the role out of the federation's project_roles.
    Unknown: a role that is unknown is not judged.
    """
    roles, unknown = needed(plan)
    for account, held in deployers(plan).values():
        for role in sorted(held - set(roles)):
            yield Violation(f"deploys this plan and holds {role}, which nothing of it takes", account)
        for resource in unknown:
            yield Violation(f"deploys {resource.label}, and which role that takes is not known here", account)
