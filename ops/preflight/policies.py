"""Organisation policies that this stack would hit, as they are in effect on its project.

`projects.policies.getEffectivePolicy` merges what folders and the organisation say:
https://docs.cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/organizations.policies/getEffectivePolicy
Each constraint is asked for only where the plan has something that it could refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ops.checks import Check, failed, passed, unknown
from ops.preflight.google_apis import Google
from ops.preflight.needs import Needs

Rules = list[dict[str, Any]]
_ACCESS = "docs/operations/access.md"
_FEDERATION = "iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
_SERVICE, _FUNCTION = "cloudrunv2/service:Service", "cloudfunctionsv2/function:Function"
_INGRESS = {
    "INGRESS_TRAFFIC_ALL": "all",
    "INGRESS_TRAFFIC_INTERNAL_ONLY": "internal",
    "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER": "internal-and-cloud-load-balancing",
}
_EGRESS = {"ALL_TRAFFIC": "all-traffic", "PRIVATE_RANGES_ONLY": "private-ranges-only"}
_STRANGERS = ("allUsers", "allAuthenticatedUsers", "serviceAccount:billing-budget-alert@system.gserviceaccount.com")
"""Members of no organisation: everybody, and Cloud Billing's sender of a budget's notices."""
_UNDER_GOOGLES_KEYS = {
    "artifactregistry/repository:Repository": "artifactregistry.googleapis.com",
    "bigquery/dataset:Dataset": "bigquery.googleapis.com",
    _FUNCTION: "cloudfunctions.googleapis.com",
    "composer/environment:Environment": "composer.googleapis.com",
    "pubsub/topic:Topic": "pubsub.googleapis.com",
    _SERVICE: "run.googleapis.com",
    "secretmanager/secret:Secret": "secretmanager.googleapis.com",
    "sql/databaseInstance:DatabaseInstance": "sqladmin.googleapis.com",
    "storage/bucket:Bucket": "storage.googleapis.com",
}
"""What is encrypted by keys of Google's, for the components take no others, by the service of which a policy may ask for
keys of one's own: https://docs.cloud.google.com/kms/docs/cmek-org-policy"""


@dataclass(frozen=True)
class Constraint:
    """One constraint: what of the plan it is about, what of that its rules refuse, and what to do then."""

    name: str
    subject: Callable[[Needs], list[str]]  # what the plan asks for; empty: nothing that it could refuse
    refuses: Callable[[list[str], Rules], list[str]]
    mend: str


def check(google: Google, needs: Needs, constraint: Constraint) -> Check | None:
    """The constraint against the plan; None where the plan has nothing that it is about."""
    asked = constraint.subject(needs)
    if not asked:
        return None
    name = f"policy {constraint.name}"
    answer = google.get("orgpolicy", f"v2/projects/{needs.project}/policies/{constraint.name}:getEffectivePolicy")
    if answer.status == 404:
        return passed(name, "not set")
    if answer.disabled_api:
        mend = f"gcloud services enable orgpolicy.googleapis.com --project {needs.project}"
        return unknown(name, "not seen: the Organization Policy API is off in this project", mend)
    if not answer.ok:
        return unknown(name, f"not seen: {answer.message}", "the caller needs roles/orgpolicy.policyViewer")
    rules: Rules = (answer.body.get("spec") or {}).get("rules") or []
    if refused := constraint.refuses(asked, rules):
        return failed(name, f"refuses {', '.join(refused)}", constraint.mend)
    return passed(name, f"lets through {', '.join(asked[:4])}{' and more' if len(asked) > 4 else ''}")


# --- what rules refuse ---


def _enforced(rules: Rules) -> bool:
    return any(rule.get("enforce") is True for rule in rules)


def _boolean(asked: list[str], rules: Rules) -> list[str]:
    return asked if _enforced(rules) else []


def _listed(matches: Callable[[str, str], bool]) -> Callable[[list[str], Rules], list[str]]:
    """Values that a list constraint does not allow, or denies."""

    def refuses(asked: list[str], rules: Rules) -> list[str]:
        if any(rule.get("denyAll") for rule in rules):
            return asked
        allowed = [value for rule in rules for value in (rule.get("values") or {}).get("allowedValues", [])]
        denied = [value for rule in rules for value in (rule.get("values") or {}).get("deniedValues", [])]
        open_ = not allowed or any(rule.get("allowAll") for rule in rules)
        return [
            value
            for value in asked
            if any(matches(value, d) for d in denied) or not (open_ or any(matches(value, a) for a in allowed))
        ]

    return refuses


def _same(value: str, listed: str) -> bool:
    return value == listed.removeprefix("is:")


def _within(region: str, listed: str) -> bool:
    """Whether a value of gcp.resourceLocations covers a region: itself, its own group, or a group of its continent."""
    value = listed.removeprefix("in:").removeprefix("is:")
    group = value.removesuffix("-locations")
    return value == region or group in (region, region.split("-")[0], {"europe": "eu"}.get(region.split("-")[0], ""))


def _outsiders(asked: list[str], rules: Rules) -> list[str]:
    """Domain-restricted sharing allows identities of customers: those that are nobody's are refused by any list."""
    restricts = any(rule.get("denyAll") or (rule.get("values") or {}).get("allowedValues") for rule in rules)
    return asked if restricts and not any(rule.get("allowAll") for rule in rules) else []


# --- what the plan asks for ---


def _strangers(needs: Needs) -> list[str]:
    return [f"{member} ({', '.join(grants)})" for member, grants in needs.members().items() if member in _STRANGERS]


def _without_invoker_check(needs: Needs) -> list[str]:
    return [r.name for r in needs.of(_SERVICE) if r.inputs.get("invokerIamDisabled") is True]


def _regions(needs: Needs) -> list[str]:
    keys = ("region", "location")
    regions = {v.lower() for r in needs.resources for k in keys if (v := r.text(k)) and v.lower() != "global"}
    return sorted(regions)


def _buckets(needs: Needs, key: str, wanted: object) -> list[str]:
    buckets = needs.of("storage/bucket:Bucket")
    return [r.text("name") or r.name for r in buckets if r.inputs.get(key) != wanted]


def _soft_deletion(needs: Needs) -> list[str]:
    """How long buckets keep what is deleted, in seconds; unset, seven days."""
    kept = ((r.inputs.get("softDeletePolicy") or {}) for r in needs.of("storage/bucket:Bucket"))
    return sorted({str(int(policy.get("retentionDurationSeconds", 604_800))) for policy in kept})


def _public_databases(needs: Needs) -> list[str]:
    databases = []
    for resource in needs.of("sql/databaseInstance:DatabaseInstance"):
        settings = (resource.inputs.get("settings") or {}).get("ipConfiguration") or {}
        if settings.get("ipv4Enabled", True) is not False:
            databases.append(resource.text("name") or resource.name)
    return databases


def _accounts(needs: Needs) -> list[str]:
    return [r.text("accountId") or r.name for r in needs.of("serviceaccount/account:Account")]


def _issuers(needs: Needs) -> list[str]:
    issuers = ((r.inputs.get("oidc") or {}).get("issuerUri") for r in needs.of(_FEDERATION))
    return sorted({issuer for issuer in issuers if isinstance(issuer, str)})


def _ingress(needs: Needs) -> list[str]:
    return sorted({_INGRESS[i] for r in needs.of(_SERVICE) if (i := r.text("ingress")) in _INGRESS})


def _function_ingress(needs: Needs) -> list[str]:
    settings = ((r.inputs.get("serviceConfig") or {}).get("ingressSettings") for r in needs.of(_FUNCTION))
    return sorted({ingress for ingress in settings if isinstance(ingress, str)})


def _egress(needs: Needs) -> list[str]:
    settings = (
        ((r.inputs.get("template") or {}).get("vpcAccess") or {}).get("egress")
        for r in needs.of(_SERVICE)
        if isinstance(r.inputs.get("template"), dict)
    )
    return sorted({_EGRESS[egress] for egress in settings if egress in _EGRESS})


def _peered(needs: Needs) -> list[str]:
    return sorted(s for r in needs.of("servicenetworking/connection:Connection") if (s := r.text("service")))


CONSTRAINTS = (
    Constraint(
        "iam.allowedPolicyMemberDomains",
        _strangers,
        _outsiders,
        f"do without these grants ({_ACCESS}), or have an exception for this project made",
    ),
    Constraint(
        "iam.managed.allowedPolicyMembers",
        _strangers,
        _boolean,
        f"do without these grants ({_ACCESS}), or have an exception for this project made",
    ),
    Constraint(
        "run.managed.requireInvokerIam",
        _without_invoker_check,
        _boolean,
        f"keep the invoker check ({_ACCESS}), or have an exception for this project made",
    ),
    Constraint(
        "gcp.resourceLocations",
        _regions,
        _listed(_within),
        "choose a region that is allowed: `pulumi config set gcp:region REGION`, before the first `pulumi up`",
    ),
    Constraint(
        "gcp.restrictServiceUsage",
        lambda needs: sorted(needs.services),
        _listed(_same),
        "have these APIs allowed for the project",
    ),
    Constraint(
        "storage.publicAccessPrevention",
        lambda needs: _buckets(needs, "publicAccessPrevention", "enforced"),
        _boolean,
        "let every bucket enforce public access prevention",
    ),
    Constraint(
        "storage.uniformBucketLevelAccess",
        lambda needs: _buckets(needs, "uniformBucketLevelAccess", True),
        _boolean,
        "let every bucket have uniform access",
    ),
    Constraint(  # https://docs.cloud.google.com/storage/docs/org-policy-constraints#soft-delete
        "storage.softDeletePolicySeconds",
        _soft_deletion,
        _listed(_same),
        "set fastyle:lake.soft_delete_days to what is allowed; buckets of archives and of Composer keep nothing (0): for "
        "them have an exception for this project made",
    ),
    Constraint(
        "gcp.restrictNonCmekServices",
        lambda needs: sorted({s for type_, s in _UNDER_GOOGLES_KEYS.items() if needs.of(type_)}),
        _listed(_same),
        "have an exception for this project made: the components take no keys of your own",
    ),
    Constraint("sql.restrictPublicIp", _public_databases, _boolean, "give the instance a private address only"),
    Constraint("iam.disableServiceAccountCreation", _accounts, _boolean, "have an exception for this project made"),
    Constraint(
        "iam.workloadIdentityPoolProviders",
        _issuers,
        _listed(_same),
        "have the issuer allowed, or leave fastyle:ci out and deploy by hand",
    ),
    Constraint(
        "run.allowedIngress",
        _ingress,
        _listed(_same),
        "set `ingress` of fastyle:workloads to one that is allowed; tills and people outside then need a load balancer",
    ),
    Constraint(
        "cloudfunctions.allowedIngressSettings",
        _function_ingress,
        _listed(_same),
        "set `ingress` of fastyle:workloads to one that is allowed",
    ),
    Constraint(  # https://docs.cloud.google.com/functions/docs/securing/gen-org-policy
        "cloudfunctions.restrictAllowedGenerations",
        lambda needs: ["2ndGen"] if needs.of(_FUNCTION) else [],
        _listed(_same),
        f"have it allowed, or do without functions: fastyle:access.entrance and budget.guard ({_ACCESS})",
    ),
    Constraint("run.allowedVPCEgress", _egress, _listed(_same), "have this egress allowed for the project"),
    Constraint(
        "compute.restrictVpcPeering",
        _peered,
        lambda asked, rules: asked if any(rule.get("denyAll") for rule in rules) else [],
        "have the peering with servicenetworking.googleapis.com allowed: the private database needs it",
    ),
)


def checks(google: Google, needs: Needs) -> Iterator[Callable[[], Check | None]]:
    """One piece of work a constraint, for whoever does several at a time."""
    for constraint in CONSTRAINTS:
        yield lambda constraint=constraint: check(google, needs, constraint)  # type: ignore[misc]
