"""Exposure: nothing public but by name, no secret in plain sight, no invented events in a protected stack."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pydantic import Field

from fastyle_policies import gcp
from fastyle_policies.links import short_name
from fastyle_policies.model import UNKNOWN, Parameters, Resource, blocks, dig, flag, matches, rule, shown

_EVERYONE = ("allUsers", "allAuthenticatedUsers", "principalSet://goog/public:all")
_LISTS = ("gcp:storage/*ACL:*", "gcp:storage/*AccessControl:*")  # of who may read, on a bucket or an object
_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_SECRET_IN_QUERY = re.compile(r"[?&](token|key|secret|password|api_?key)=", re.IGNORECASE)


class PublicGrants(Parameters):
    public: dict[str, str] = Field(
        default={}, description="services that may be called by everyone: name -> who checks the caller instead"
    )


def _published(grant: Resource, p: PublicGrants) -> bool:
    """Whether the grant opens one of the services named as public, and nothing else."""
    named = [grant.get(key) for key in ("service", "cloudFunction", "name")]
    invokes = grant.get("role") in ("roles/run.invoker", "roles/cloudfunctions.invoker")
    return invokes and any(isinstance(name, str) and short_name(name) in p.public for name in named)


@rule("critical", *gcp.GRANTS, *_LISTS, gcp.RUN_SERVICE, gcp.DATASET, gcp.DATASET_ACCESS)
def no_public_grant(resource: Resource, p: PublicGrants) -> Iterator[str]:
    """Nothing is open to everyone but what is named. A public bucket or service is found within hours.

    Mend: grant to named accounts or groups; name a service that checks its callers itself in `public`, with who checks.
    Unknown: an unknown member passes at preview and is checked in the update, before the grant is made.
    """
    if resource.type == gcp.RUN_SERVICE:
        if flag(resource.get("invokerIamDisabled")) is True and resource.get("name") not in p.public:
            yield "has its invoker check switched off: everyone may call it"
    elif resource.type == gcp.DATASET:
        if any(map(_opens, resource.blocks("accesses"))):
            yield "shares its tables with everyone"
    elif resource.type == gcp.DATASET_ACCESS:
        if _opens(resource.props):
            yield "shares a dataset's tables with everyone"
    elif any(fnmatchcase(resource.type, pattern) for pattern in _LISTS):
        entries = [resource.get(key) for key in ("entity", "predefinedAcl", "defaultAcl")]
        entries += resource.get("roleEntities") or []
        for entry in entries:
            if isinstance(entry, str) and re.search(
                r"allUsers|allAuthenticatedUsers|^(public|authenticated)Read", entry
            ):
                yield f"opens objects to everyone: {entry}"
    elif not _published(resource, p):
        for member in gcp.members(resource):
            if member in _EVERYONE:
                yield f"grants {resource.get('role')} to {member}"


def _opens(access: Mapping[str, Any]) -> bool:
    """Whether an entry of a dataset's access list is for everyone."""
    return access.get("specialGroup") in _EVERYONE or access.get("iamMember") in _EVERYONE


@rule("critical", gcp.BUCKET)
def bucket_private(bucket: Resource, p: Parameters) -> Iterator[str]:
    """Buckets prevent public access and use uniform access. An object's own list of readers escapes every review.

    Mend: set publicAccessPrevention to enforced and uniformBucketLevelAccess to true.
    Unknown: refused.
    """
    prevention = bucket.get("publicAccessPrevention")
    if prevention != "enforced":
        yield f"has publicAccessPrevention {shown(prevention)}"
    uniform = bucket.get("uniformBucketLevelAccess")
    if flag(uniform) is not True:
        yield f"has uniformBucketLevelAccess {shown(uniform)}"


# Properties that are kept in the stack's state.
_IN_STATE = {
    gcp.SECRET_VERSION: (
        "secretData",
        "puts its payload into the stack's state: use secretDataWo with secretDataWoVersion",
    ),
    gcp.SQL_USER: ("password", "has a password: use an IAM user, or passwordWo with passwordWoVersion"),
    gcp.SQL_INSTANCE: ("rootPassword", "puts its root password into the stack's state"),
}


class PlainSecrets(Parameters):
    # Whole words of the name, so that MONKEY and TOKENIZER_SIZE are none.
    words: list[str] = Field(
        default=[
            *("PASSWORD", "PASSWD", "PGPASSWORD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIALS"),
            *("PRIVATE_KEY", "API_KEY", "APIKEY", "ACCESS_KEY"),
        ],
        description="words that make an environment variable a secret",
    )
    allowed: list[str] = Field(
        default=["*_FILE", "*_PATH", "*_NAME", "*_URL"], description="variables that only say where a secret is"
    )


@rule("critical", *gcp.WORKLOADS, gcp.SECRET_VERSION, gcp.SQL_USER, gcp.SQL_INSTANCE, gcp.SUBSCRIPTION, gcp.JOB)
def no_plain_secret(resource: Resource, p: PlainSecrets) -> Iterator[str]:
    """No secret stands in an environment variable or in the state. Whoever may look at a service reads it.

    Mend: keep it in Secret Manager, mounted by reference; write-only arguments keep it out of the state.
    Unknown: an unknown value counts as set: the name alone decides.
    """
    if resource.type in _IN_STATE:
        path, words = _IN_STATE[resource.type]
        if resource.get(path) is not None:
            yield words
    elif resource.type == gcp.SUBSCRIPTION:
        endpoint = resource.get("pushConfig.pushEndpoint")
        if isinstance(endpoint, str) and _SECRET_IN_QUERY.search(endpoint):
            yield "has a secret in the URL of its push endpoint: use pushConfig.oidcToken"
    elif resource.type == gcp.JOB:
        headers = resource.get("httpTarget.headers")
        if isinstance(headers, Mapping) and any(key.lower() == "authorization" for key in headers):
            yield "has the header Authorization in plain text: use httpTarget.oidcToken or oauthToken"
    else:
        for variable in gcp.variables(resource):
            if variable.value is None:
                continue
            words = rf"(^|_)({'|'.join(map(re.escape, p.words))})($|_)"
            if re.search(words, variable.name.upper()) and not matches(variable.name.upper(), p.allowed):
                yield f"has the environment variable {variable.name} in plain text: mount it from Secret Manager"
            elif isinstance(variable.value, str):
                if _PASSWORD_IN_URL.search(variable.value):
                    yield f"has a password in the URL of the environment variable {variable.name}"
                if _PRIVATE_KEY.search(variable.value):
                    yield f"has a private key in the environment variable {variable.name}"


@rule("critical", gcp.SQL_INSTANCE)
def private_database(instance: Resource, p: Parameters) -> Iterator[str]:
    """Databases have no public address and take TLS only. One password is not a wall.

    Mend: set ipv4Enabled to false, privateNetwork, and sslMode to ENCRYPTED_ONLY.
    Unknown: refused.
    """
    config = instance.get("settings.ipConfiguration")
    if config is UNKNOWN:
        yield "its ipConfiguration is not known at preview"
        return
    if flag(dig(config, "ipv4Enabled")) is not False:
        yield "has a public address: ipv4Enabled is not false"
    if dig(config, "sslMode") not in ("ENCRYPTED_ONLY", "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"):
        yield f"takes connections without TLS: sslMode is {shown(dig(config, 'sslMode'))}"
    for network in blocks(config, "authorizedNetworks"):
        yield f"is open to {shown(network.get('value'))}"


class Simulator(Parameters):
    switches: list[str] = Field(
        default=[],
        description="environment variables that switch a simulator on, by pattern; none: there is no simulator",
    )


@rule("critical", *gcp.WORKLOADS)
def no_simulator(workload: Resource, p: Simulator) -> Iterator[str]:
    """No simulator runs in a protected stack. Invented events in real reports cannot be told apart later.

    Mend: set the variable to false; a stack without real events has `protected: false` in the pack's configuration.
    Unknown: refused.
    """
    if not p.protected or not p.switches:
        return
    if gcp.environment_unknown(workload):
        yield f"may have {', '.join(p.switches)}: its environment is not known at preview"
    for variable in gcp.variables(workload):
        on = variable.secret is not None or flag(variable.value) not in (None, False)
        if on and matches(variable.name, p.switches):
            value = "a secret's value" if variable.secret is not None else shown(variable.value)
            yield f"has {variable.name} set to {value} in a protected stack"
