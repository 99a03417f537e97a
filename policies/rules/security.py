"""Security: nothing public but by name, no wide roles or default accounts, no secret in plain sight."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from policies import gcp
from policies.model import (
    DEFERRED,
    REFUSED,
    UNKNOWN,
    Parameters,
    Resource,
    Rule,
    Severity,
    blocks,
    dig,
    matches,
)

_EVERYONE = ("allUsers", "allAuthenticatedUsers")
_GRANTS = ("gcp:*IAMMember", "gcp:*IamMember", "gcp:*IAMBinding", "gcp:*IamBinding")
_DEFAULT_ACCOUNT = re.compile(r"(^\d+-compute@developer\.|@appspot\.|@cloudbuild\.)gserviceaccount\.com$")


def _members(grant: Resource) -> list[Any]:
    members = grant.get("members")
    return [*(members if isinstance(members, list | tuple) else []), grant.get("member")]


class PublicGrants(Parameters):
    public: dict[str, str] = Field(
        default={}, description="services that may be called by everyone: name -> who checks the caller instead"
    )


def _published(grant: Resource, p: PublicGrants) -> bool:
    """Whether the grant opens one of the services named as public, and nothing else."""
    named = [grant.get(key) for key in ("service", "cloudFunction", "name")]
    invokes = grant.get("role") in ("roles/run.invoker", "roles/cloudfunctions.invoker")
    return invokes and any(isinstance(name, str) and name.rsplit("/", 1)[-1] in p.public for name in named)


def no_public_grant(resource: Resource, p: PublicGrants) -> Iterator[str]:
    if resource.type == gcp.RUN_SERVICE:
        if resource.get("invokerIamDisabled") is True and resource.get("name") not in p.public:
            yield "has its invoker check switched off: everyone may call it"
    elif resource.type == gcp.DATASET:
        for access in resource.blocks("accesses"):
            if access.get("specialGroup") == "allAuthenticatedUsers" or access.get("iamMember") in _EVERYONE:
                yield "shares its tables with everyone"
    elif not _published(resource, p):
        for member in _members(resource):
            if member in _EVERYONE:
                yield f"grants {resource.get('role')} to {member}"


class NoParameters(Parameters):
    pass


def bucket_private(bucket: Resource, p: NoParameters) -> Iterator[str]:
    prevention = bucket.get("publicAccessPrevention")
    if prevention != "enforced":
        yield f"has publicAccessPrevention {prevention or 'unset'}"
    uniform = bucket.get("uniformBucketLevelAccess")
    if uniform is not True:
        yield f"has uniformBucketLevelAccess {'unset' if uniform is None else uniform}"


def no_primitive_role(grant: Resource, p: NoParameters) -> Iterator[str]:
    role = grant.get("role")
    if role in ("roles/owner", "roles/editor", "roles/viewer"):
        yield f"grants {role}, which reaches every service of the project"
    elif isinstance(role, str) and not re.match(r"(roles|projects/[^/]+/roles|organizations/[^/]+/roles)/", role):
        yield f"grants {role!r}, which is no role: predefined ones begin with roles/"


def no_default_account(resource: Resource, p: NoParameters) -> Iterator[str]:
    if resource.type in gcp.WORKLOADS:
        paths = [gcp.account_path(resource)]
        if resource.type == gcp.FUNCTION:
            paths.append("buildConfig.serviceAccount")
        for path in paths:
            value = resource.get(path)
            if value is None or value == "":
                yield f"sets no {path}: it would run as the project's default account"
            elif isinstance(value, str) and _DEFAULT_ACCOUNT.search(value.rsplit("/", 1)[-1]):
                yield f"runs as the default account {value}"
    else:
        for member in _members(resource):
            if isinstance(member, str) and _DEFAULT_ACCOUNT.search(member.partition(":")[2]):
                yield f"grants {resource.get('role')} to the default account {member}"


def no_key(resource: Resource, p: NoParameters) -> Iterator[str]:
    yield "creates a long-lived key, which is kept in the stack's state"


def no_authoritative_grant(resource: Resource, p: NoParameters) -> Iterator[str]:
    yield "replaces the grants that others made on the same resource"


class PlainSecrets(Parameters):
    # Whole words of the name, so that MONKEY and TOKENIZER_SIZE are none.
    words: list[str] = Field(
        default=["PASSWORD", "PASSWD", "SECRET", "TOKEN", "PRIVATE_KEY", "API_KEY", "ACCESS_KEY", "CREDENTIALS"],
        description="words that make an environment variable a secret",
    )
    allowed: list[str] = Field(
        default=["*_FILE", "*_PATH", "*_NAME", "*_URL"], description="variables that only say where a secret is"
    )


def no_plain_secret(resource: Resource, p: PlainSecrets) -> Iterator[str]:
    if resource.type == gcp.SECRET_VERSION:
        if resource.get("secretData") is not None:
            yield "puts its payload into the stack's state: use secretDataWo with secretDataWoVersion"
    elif resource.type == gcp.SQL_USER:
        if resource.get("password") is not None:
            yield "has a password: use an IAM user, or passwordWo with passwordWoVersion"
    elif resource.type == gcp.SQL_INSTANCE:
        if resource.get("rootPassword") is not None:
            yield "puts its root password into the stack's state"
    else:
        for variable in gcp.variables(resource):
            if variable.value is None:
                continue
            words = rf"(^|_)({'|'.join(map(re.escape, p.words))})($|_)"
            if re.search(words, variable.name.upper()) and not matches(variable.name.upper(), p.allowed):
                yield f"has the environment variable {variable.name} in plain text: mount it from Secret Manager"
            elif isinstance(variable.value, str) and re.search(r"://[^/@\s]*:[^/@\s]+@", variable.value):
                yield f"has a password in the URL of the environment variable {variable.name}"


class PrivateDatabase(Parameters):
    pass


def private_database(instance: Resource, p: PrivateDatabase) -> Iterator[str]:
    config = instance.get("settings.ipConfiguration")
    if config is UNKNOWN:
        yield "its ipConfiguration is not known at preview"
        return
    if dig(config, "ipv4Enabled") is not False:
        yield "has a public address: ipv4Enabled is not false"
    if dig(config, "sslMode") not in ("ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"):
        yield f"takes connections without TLS: sslMode is {dig(config, 'sslMode') or 'unset'}"
    for network in blocks(config, "authorizedNetworks"):
        yield f"is open to {network.get('value')}"


class Simulator(Parameters):
    variable: str = Field(default="SIMULATOR_ENABLED", description="environment variable that switches a simulator on")
    environments: list[str] = Field(default=["prod"], description="environments in which no simulator may run")


def no_simulator(workload: Resource, p: Simulator) -> Iterator[str]:
    environment = p.environment_of(workload)
    if environment not in p.environments:
        return
    for variable in gcp.variables(workload):
        if variable.name == p.variable and str(variable.value).lower() not in ("false", "0", "none"):
            shown = "a value unknown at preview" if variable.value is UNKNOWN else repr(variable.value)
            yield f"has {p.variable} set to {shown} in {environment}"


def federation_condition(provider: Resource, p: NoParameters) -> Iterator[str]:
    if provider.get("attributeCondition") is None:
        yield "has no attributeCondition: every token of its issuer is let in"
    mapping = provider.get("attributeMapping")
    if mapping is not UNKNOWN and not (isinstance(mapping, Mapping) and "google.subject" in mapping):
        yield "does not map google.subject"


def caller_identified(resource: Resource, p: NoParameters) -> Iterator[str]:
    if resource.type == gcp.SUBSCRIPTION:
        push = resource.get("pushConfig")
        if push is not None and push is not UNKNOWN:
            if not _set(push, "oidcToken.serviceAccountEmail"):
                yield "pushes without an identity token: set pushConfig.oidcToken.serviceAccountEmail"
            elif not _set(push, "oidcToken.audience"):
                yield "pushes without an audience of its own: set pushConfig.oidcToken.audience"
    else:
        target = resource.get("httpTarget")
        known = target is not None and target is not UNKNOWN
        if known and not any(_set(target, f"{kind}.serviceAccountEmail") for kind in ("oidcToken", "oauthToken")):
            yield "calls without a token: set httpTarget.oidcToken or, for Google's own APIs, oauthToken"


def _set(value: Any, path: str) -> bool:
    found = dig(value, path)
    return found is UNKNOWN or bool(found)


RULES: tuple[Rule, ...] = (
    Rule(
        id="no-public-grant",
        severity=Severity.CRITICAL,
        why="Nothing is open to everyone but what is named. A public bucket or service is found within hours",
        mend="grant to named accounts or groups; name a service that checks its callers itself in `public`, with who checks",
        unknown="an unknown member passes at preview and is checked in the update, before the grant is made",
        types=(*_GRANTS, gcp.RUN_SERVICE, gcp.DATASET),
        check=no_public_grant,
        parameters=PublicGrants,
    ),
    Rule(
        id="bucket-private",
        severity=Severity.CRITICAL,
        why="Buckets prevent public access and use uniform access. An object's own list of readers escapes every review",
        mend="set publicAccessPrevention to enforced and uniformBucketLevelAccess to true",
        unknown=REFUSED,
        types=(gcp.BUCKET,),
        check=bucket_private,
        parameters=NoParameters,
    ),
    Rule(
        id="no-primitive-role",
        severity=Severity.CRITICAL,
        why="No owner, editor or viewer is granted. They reach every service, those of tomorrow too",
        mend="grant the predefined role of the one service that is needed, on the resource itself",
        unknown=DEFERRED,
        types=_GRANTS,
        check=no_primitive_role,
        parameters=NoParameters,
    ),
    Rule(
        id="no-default-account",
        severity=Severity.HIGH,
        why="Each workload runs as an account of its own. The default accounts are shared, and often editors",
        mend="create a service account for the workload and name it there (functions: for the build too)",
        unknown="an account that is set but unknown passes; its grants are checked in the update",
        types=(*gcp.WORKLOADS, *_GRANTS),
        check=no_default_account,
        parameters=NoParameters,
    ),
    Rule(
        id="no-account-key",
        severity=Severity.CRITICAL,
        why="No account has keys. A key is a password without an end, kept in state",
        mend="use the workload's own identity, impersonation, or Workload Identity Federation",
        unknown="nothing is read from values",
        types=("gcp:serviceaccount/key:Key", "gcp:storage/hmacKey:HmacKey", "gcp:projects/apiKey:ApiKey"),
        check=no_key,
        parameters=NoParameters,
    ),
    Rule(
        id="no-authoritative-grant",
        severity=Severity.HIGH,
        why="Grants are added, never replaced. A binding or policy takes away what the platform or others granted",
        mend="use the …IamMember type of the same resource",
        unknown="nothing is read from values",
        types=("gcp:*IAMPolicy", "gcp:*IamPolicy", "gcp:*IAMBinding", "gcp:*IamBinding"),
        check=no_authoritative_grant,
        parameters=NoParameters,
    ),
    Rule(
        id="no-plain-secret",
        severity=Severity.CRITICAL,
        why="No secret stands in an environment variable or in the state. Whoever may look at a service reads it",
        mend="keep it in Secret Manager, mounted by reference; write-only arguments keep it out of the state",
        unknown="an unknown value counts as set: the name alone decides",
        types=(*gcp.WORKLOADS, gcp.SECRET_VERSION, gcp.SQL_USER, gcp.SQL_INSTANCE),
        check=no_plain_secret,
        parameters=PlainSecrets,
    ),
    Rule(
        id="private-database",
        severity=Severity.CRITICAL,
        why="Databases have no public address and take TLS only. One password is not a wall",
        mend="set ipv4Enabled to false, privateNetwork, and sslMode to ENCRYPTED_ONLY",
        unknown=REFUSED,
        types=(gcp.SQL_INSTANCE,),
        check=private_database,
        parameters=PrivateDatabase,
    ),
    Rule(
        id="no-simulator",
        severity=Severity.CRITICAL,
        why="No simulator runs in production. Invented trade in real reports cannot be told apart later",
        mend="set SIMULATOR_ENABLED to false in this environment",
        unknown=REFUSED,
        types=gcp.WORKLOADS,
        check=no_simulator,
        parameters=Simulator,
    ),
    Rule(
        id="federation-condition",
        severity=Severity.CRITICAL,
        why="Federation lets in one owner or repository. Without a condition every project of that issuer may enter",
        mend="set attributeCondition on the owner's or repository's id, and map google.subject",
        unknown=DEFERRED,
        types=("gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",),
        check=federation_condition,
        parameters=NoParameters,
    ),
    Rule(
        id="caller-identified",
        severity=Severity.HIGH,
        why="Push subscriptions and schedules call with a token. A target that takes calls without one takes everyone's",
        mend="set oidcToken with a service account and an audience",
        unknown="a token that is set but unknown passes",
        types=(gcp.SUBSCRIPTION, gcp.JOB),
        check=caller_identified,
        parameters=NoParameters,
    ),
)
