"""Identity: no wide roles, default accounts or keys; whoever calls says who it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastyle_policies import gcp
from fastyle_policies.links import short_name
from fastyle_policies.model import UNKNOWN, Parameters, Resource, dig, rule

_DEFAULT_ACCOUNT = re.compile(r"(^\d+-compute@developer\.|@appspot\.|@cloudbuild\.)gserviceaccount\.com$")


@rule("critical", *gcp.GRANTS)
def no_primitive_role(grant: Resource, p: Parameters) -> Iterator[str]:
    """No owner, editor or viewer is granted. They reach every service, those of tomorrow too.

    Mend: grant the predefined role of the one service that is needed, on the resource itself.
    Unknown: deferred.
    """
    role = grant.get("role")
    if role in ("roles/owner", "roles/editor", "roles/viewer"):
        yield f"grants {role}, which reaches every service of the project"
    elif isinstance(role, str) and not re.match(r"(roles|projects/[^/]+/roles|organizations/[^/]+/roles)/", role):
        yield f"grants {role!r}, which is no role: predefined ones begin with roles/"


# Properties that name the account of an automatic caller.
_CALLERS = {
    gcp.SUBSCRIPTION: ("pushConfig.oidcToken.serviceAccountEmail",),
    gcp.JOB: ("httpTarget.oidcToken.serviceAccountEmail", "httpTarget.oauthToken.serviceAccountEmail"),
}


@rule("high", *gcp.WORKLOADS, *_CALLERS, *gcp.GRANTS)
def no_default_account(resource: Resource, p: Parameters) -> Iterator[str]:
    """Each workload runs as an account of its own. The default accounts are shared, and often editors.

    Mend: create a service account for the workload and name it there (functions: for the build too).
    Unknown: an account that is set but unknown passes; its grants are checked in the update.
    """
    if resource.type in gcp.WORKLOADS:
        paths = [gcp.account_path(resource)]
        if resource.type == gcp.FUNCTION:
            paths.append("buildConfig.serviceAccount")
            if resource.get("eventTrigger") is not None:
                paths.append("eventTrigger.serviceAccountEmail")
        for path in paths:
            value = resource.get(path)
            if value is None or value == "":
                yield f"sets no {path}: it would run as the project's default account"
            elif _is_default(value):
                yield f"runs as the default account {value}"
    elif resource.type in _CALLERS:
        for path in _CALLERS[resource.type]:
            if _is_default(resource.get(path)):
                yield f"calls as the default account {resource.get(path)}"
    else:
        for member in gcp.members(resource):
            if isinstance(member, str) and _is_default(member.partition(":")[2]):
                yield f"grants {resource.get('role')} to the default account {member}"


def _is_default(account: object) -> bool:
    return isinstance(account, str) and bool(_DEFAULT_ACCOUNT.search(short_name(account)))


@rule("critical", "gcp:serviceaccount/key:Key", "gcp:storage/hmacKey:HmacKey", "gcp:projects/apiKey:ApiKey")
def no_account_key(resource: Resource, p: Parameters) -> Iterator[str]:
    """No account has keys. A key is a password without an end, kept in state.

    Mend: use the workload's own identity, impersonation, or Workload Identity Federation.
    Unknown: nothing is read from values.
    """
    yield "creates a long-lived key, which is kept in the stack's state"


@rule("high", "gcp:*IAMPolicy", "gcp:*IamPolicy", "gcp:*IAMBinding", "gcp:*IamBinding", gcp.DATASET)
def no_authoritative_grant(resource: Resource, p: Parameters) -> Iterator[str]:
    """Grants are added, never replaced. A binding or policy takes away what the platform or others granted.

    Mend: use the …IamMember type of the same resource (of a dataset DatasetAccess, where views read it).
    Unknown: an accesses list that is set but unknown is refused; nothing else is read from values.
    """
    if resource.type != gcp.DATASET:
        yield "replaces the grants that others made on the same resource"
    elif resource.get("accesses") is not None:
        yield "lists its accesses itself, which takes away those that others made"


_GITHUB = "https://token.actions.githubusercontent.com"


@rule("critical", "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider")
def federation_condition(provider: Resource, p: Parameters) -> Iterator[str]:
    """Federation lets in one owner or repository, GitHub's also one environment. Without a condition all may enter.

    Mend: set attributeCondition on the owner's or repository's id and the environment, and map google.subject.
    Unknown: deferred.
    """
    condition = provider.get("attributeCondition")
    if condition in (None, ""):
        yield "has no attributeCondition: every token of its issuer is let in"
    elif isinstance(condition, str) and not re.search(r"\b(assertion|attribute|google)\.\w", condition):
        yield f"has the attributeCondition {condition!r}, which looks at no claim: every token of its issuer is let in"
    elif isinstance(condition, str) and provider.get("oidc.issuerUri") == _GITHUB and "environment" not in condition:
        yield f"has the attributeCondition {condition!r}, which binds no environment: a job that nobody approved is let in"
    mapping = provider.get("attributeMapping")
    if mapping is not UNKNOWN and not (isinstance(mapping, Mapping) and "google.subject" in mapping):
        yield "does not map google.subject"


@rule("high", gcp.SUBSCRIPTION, gcp.JOB)
def caller_identified(resource: Resource, p: Parameters) -> Iterator[str]:
    """Push subscriptions and schedules call with a token. A target that takes calls without one takes everyone's.

    Mend: set oidcToken with a service account and an audience.
    Unknown: a token that is set but unknown passes.
    """
    if resource.type == gcp.SUBSCRIPTION:
        push = resource.get("pushConfig")
        if push is not None and push is not UNKNOWN:
            if not _set(push, "oidcToken.serviceAccountEmail"):
                yield "pushes without an identity token: set pushConfig.oidcToken.serviceAccountEmail"
            elif not _set(push, "oidcToken.audience"):
                yield "pushes without an audience of its own: set pushConfig.oidcToken.audience"
    else:
        target = resource.get("httpTarget")
        is_http = target is not None and target is not UNKNOWN
        if is_http and not any(_set(target, f"{kind}.serviceAccountEmail") for kind in ("oidcToken", "oauthToken")):
            yield "calls without a token: set httpTarget.oidcToken or, for Google's own APIs, oauthToken"


def _set(value: Any, path: str) -> bool:
    at_path = dig(value, path)
    return at_path is UNKNOWN or bool(at_path)
