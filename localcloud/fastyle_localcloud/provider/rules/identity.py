"""Service accounts, grants on projects and accounts, project services, federation, Identity-Aware Proxy."""

from collections.abc import Iterator

from fastyle_localcloud.provider.vocabulary import (
    Problem,
    Reference,
    Rules,
    exactly_one,
    grant,
    length,
    matches,
    one_of,
)
from fastyle_localcloud.provider.wire import Properties


def _subject(inputs: Properties) -> Iterator[Problem]:
    mapping = inputs.get("attributeMapping")
    if not isinstance(mapping, dict) or "google.subject" not in mapping:
        yield Problem("attributeMapping", "needs google.subject")
    if not inputs.get("attributeCondition"):
        yield Problem("attributeCondition", "is not given: every token of the issuer would be let in")


_EMAIL = "{accountId}@{project}.iam.gserviceaccount.com"
_POOL_ID = r"(?!gcp-)[a-z0-9-]{4,32}"

RULES = {
    "serviceaccount.Account": Rules(
        id=f"projects/{{project}}/serviceAccounts/{_EMAIL}",
        adopts="createIgnoreAlreadyExists",
        checks=(
            matches(
                "accountId",
                r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
                "is not an account id: 6 to 30 of a-z, 0-9, -, a letter first",
            ),
            length("displayName", 0, 100),
            length("description", 0, 256),
        ),
        outputs={
            "email": _EMAIL,
            "member": f"serviceAccount:{_EMAIL}",
            "name": "{id}",
            "uniqueId": "{_unique}",
        },
        known_at_preview=("email", "member"),
    ),
    "serviceaccount.IAMMember": grant(
        "{serviceAccountId}", references=(Reference("serviceAccountId", "serviceaccount.Account"),)
    ),
    "projects.IAMMember": grant("projects/{project}", id="{project}/{role}/{member}{condition.title?}"),
    "projects.IAMCustomRole": Rules(
        id="projects/{project}/roles/{roleId}",
        replaces=("roleId", "project"),
        checks=(
            matches("roleId", r"[A-Za-z0-9_.]{3,64}", "is not a role id: 3 to 64 of letters, digits, _ and ."),
            matches("permissions", r"[a-z][A-Za-z]*(\.[A-Za-z]+){2}", "is not a permission such as pubsub.topics.get"),
            length("title", 0, 100),
            length("description", 0, 300),
            one_of("stage", "ALPHA", "BETA", "GA", "DEPRECATED", "DISABLED", "EAP"),
        ),
        outputs={"name": "{id}", "deleted": False},
    ),
    "projects.Service": Rules(
        id="{project}/{service}",
        exclusive=False,
        checks=(matches("service", r"[a-z0-9-]+\.googleapis\.com", "is not a service such as run.googleapis.com"),),
    ),
    "projects.ServiceIdentity": Rules(
        id="projects/{project}/services/{service}",
        exclusive=False,
        outputs={
            "email": "service-{_number}@gcp-sa-{service}.iam.gserviceaccount.com",
            "member": "serviceAccount:service-{_number}@gcp-sa-{service}.iam.gserviceaccount.com",
        },
    ),
    "iam.WorkloadIdentityPool": Rules(
        id="projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}",
        checks=(matches("workloadIdentityPoolId", _POOL_ID, "is not a pool id: 4 to 32 of a-z, 0-9, -, not gcp-…"),),
        outputs={
            "name": "projects/{_number}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}",
            "state": "ACTIVE",
        },
    ),
    "iam.WorkloadIdentityPoolProvider": Rules(
        id="projects/{project}/locations/global/workloadIdentityPools/{workloadIdentityPoolId}/providers/{workloadIdentityPoolProviderId}",
        checks=(
            matches(
                "workloadIdentityPoolProviderId", _POOL_ID, "is not a provider id: 4 to 32 of a-z, 0-9, -, not gcp-…"
            ),
            exactly_one("", "oidc", "aws", "saml", "x509"),
            _subject,
        ),
        outputs={"name": "{id}", "state": "ACTIVE"},
    ),
    "iap.WebCloudRunServiceIamMember": grant(
        "projects/{project}/iap_web/cloud_run-{location}/services/{cloudRunServiceName}",
        one_of("role", "roles/iap.httpsResourceAccessor", "roles/iap.admin"),
    ),
}
