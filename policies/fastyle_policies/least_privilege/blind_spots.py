"""Where the pack cannot tell what a grant is for: such a grant is reported as underivable, never as left over."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase

from fastyle_policies import gcp
from fastyle_policies.least_privilege.further import KEYS, NOTIFICATION, TRANSFER, TRIGGER
from fastyle_policies.least_privilege.given import AGENTS, CUSTOM_ROLE, GRANTS, KEY_RING, SERVICE_IDENTITY, Grant
from fastyle_policies.links import Index
from fastyle_policies.model import UNKNOWN, Resource, leaves

# Types whose use of an account, where they have one, is derived; and types that use none.
FOLLOWED = frozenset(
    [
        *(gcp.SUBSCRIPTION, gcp.JOB, *gcp.WORKLOADS, gcp.BUDGET, *gcp.SINKS, *KEYS, NOTIFICATION, TRANSFER, TRIGGER),
        *(gcp.SERVICE_ACCOUNT, gcp.SQL_USER, SERVICE_IDENTITY, CUSTOM_ROLE, KEY_RING, gcp.CRYPTO_KEY),
        "gcp:monitoring/notificationChannel:NotificationChannel",
        "gcp:serviceaccount/key:Key",  # another rule refuses it
    ]
)
# Agents of services whose links are derived, or that use nothing of a stack's.
AGENTS_FOLLOWED = frozenset(
    ["agent:bigquery-encryption", "agent:gcf-admin-robot", *(f"agent:{name}" for name in AGENTS.values())]
)


def blind_spot(grant: Grant, index: Index, opaque: Collection[str]) -> str:
    """Why nobody can say whether a link of the plan needs the grant; empty where the pack sees every link."""
    if grant.resource.type not in GRANTS:
        kind = grant.resource.type.rpartition(":")[2]
        return f"the pack follows no links to what {kind} grants on"
    if grant.member in opaque:
        return "not all links of that account can be followed"
    if grant.member.startswith("agent:") and grant.member not in AGENTS_FOLLOWED:
        return "the pack follows no links of that service"
    account = index.by_urn.get(grant.member)
    user = next(_users(account, index), None) if account is not None else None
    return f"{user.label} uses the account, and the pack follows no links of its type" if user else ""


def _users(account: Resource, index: Index) -> Iterator[Resource]:
    """Resources that run as an account in a way that the pack does not know."""
    email = account.get("email")
    written = (email, f"serviceAccount:{email}") if isinstance(email, str) else ()
    for resource in index.plan.resources:
        if not resource.type.startswith("gcp:") or resource.type in FOLLOWED or _is_grant(resource):
            continue
        if any(
            text in written or text.endswith(f"/serviceAccounts/{email}")
            for text in leaves(resource.props)
            if isinstance(text, str)
        ) or any(
            value is UNKNOWN and account.urn in resource.references.get(key, ())
            for key, value in resource.props.items()
        ):
            yield resource


def _is_grant(resource: Resource) -> bool:
    return resource.type == gcp.DATASET_ACCESS or any(fnmatchcase(resource.type, pattern) for pattern in gcp.GRANTS)
