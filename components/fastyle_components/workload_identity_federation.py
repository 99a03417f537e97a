"""Deployment from GitHub Actions without a key."""

import re
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, after, given, optional, token


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentityFederationArgs(Args):
    project: pulumi.Input[str]
    """The project's id."""
    project_number: str
    """Principals are named by number."""
    repository: str
    """`owner/name`."""
    repository_id: str
    """The repository's numeric id: a name can be taken over by somebody else, an id cannot."""
    branch: str
    """The one branch whose runs may deploy; no pull request, no tag."""
    environment: str
    """GitHub's environment whose jobs may deploy, once its reviewers approved. A job of another may not, whatever its branch."""
    readers: dict[str, str] | None = None
    """Further environments, such as `prod-drift`, by the e-mail of the account that their scheduled jobs become instead.
    Default: none."""
    previews: dict[str, str] | None = None
    """Further environments, such as `dev-preview`, by the e-mail of the account that jobs of pull requests become: it runs
    code that is not on the branch yet, once the environment's reviewers approved. Forks get no token. Default: none."""
    project_roles: list[str]
    """What a deployment may do in the project."""
    pool_id: str | None = optional("github")
    """4 to 32 of a-z, 0-9, hyphen; a deleted id is blocked for 30 days."""
    account_id: str | None = optional("deploy-ci")


class WorkloadIdentityFederation(pulumi.ComponentResource):
    """GitHub's own tokens, of one environment, branch and repository, become a service account's.

    Owns the pool, the provider with its condition, the account, its project-level roles and the right to become it.
    Without the condition every repository on GitHub would be let in; without the environment in it, a job that nobody
    approved. It does not own the accounts of `readers`, only the right to become each.
    """

    provider: pulumi.Output[str]
    """What the workflow names: `projects/<number>/locations/global/workloadIdentityPools/…/providers/…`."""
    service_account_email: pulumi.Output[str]
    """Waits for its roles."""

    def __init__(
        self, name: str, args: WorkloadIdentityFederationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = WorkloadIdentityFederationArgs.complete(args, name)
        _check(name, args)
        child = pulumi.ResourceOptions(parent=self)
        pool_id = given(args.pool_id)
        pool = gcp.iam.WorkloadIdentityPool(
            f"{name}-pool",
            workload_identity_pool_id=pool_id,
            project=args.project,
            display_name="GitHub Actions",
            opts=child,
        )
        provider = gcp.iam.WorkloadIdentityPoolProvider(
            f"{name}-provider",
            workload_identity_pool_id=pool.workload_identity_pool_id,
            workload_identity_pool_provider_id="github",
            project=args.project,
            display_name="GitHub Actions",
            attribute_mapping={
                "google.subject": "{!r} + assertion.repository_id + {!r} + assertion.environment".format(*_SUBJECT),
                "attribute.repository_id": "assertion.repository_id",
                "attribute.ref": "assertion.ref",
                "attribute.environment": "assertion.environment",
            },
            attribute_condition=_condition(args),
            oidc=gcp.iam.WorkloadIdentityPoolProviderOidcArgs(issuer_uri="https://token.actions.githubusercontent.com"),
            opts=child,
        )
        account = gcp.serviceaccount.Account(
            f"{name}-account",
            account_id=args.account_id,
            project=args.project,
            display_name="Deploys from GitHub Actions",
            # An update that was killed may have made it without recording it.
            create_ignore_already_exists=True,
            opts=child,
        )
        pool_path = f"projects/{args.project_number}/locations/global/workloadIdentityPools/{pool_id}"
        grants: list[pulumi.Resource] = [
            gcp.serviceaccount.IAMMember(
                f"{name}-becomes-account",
                service_account_id=pulumi.Output.concat("projects/", args.project, "/serviceAccounts/", account.email),
                role="roles/iam.workloadIdentityUser",
                member=f"principalSet://iam.googleapis.com/{pool_path}/attribute.environment/{args.environment}",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[provider]),
            )
        ]
        grants += [
            gcp.serviceaccount.IAMMember(
                f"{name}-{environment}-becomes-{email}",
                service_account_id=f"projects/{email.partition('@')[2].partition('.')[0]}/serviceAccounts/{email}",
                role="roles/iam.workloadIdentityUser",
                member=f"principalSet://iam.googleapis.com/{pool_path}/attribute.environment/{environment}",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[provider]),
            )
            for environment, email in _others(args).items()
        ]
        grants += [
            gcp.projects.IAMMember(
                f"{name}-{role.removeprefix('roles/')}",
                project=args.project,
                role=role,
                member=account.member,
                opts=child,
            )
            for role in dict.fromkeys(args.project_roles)
        ]
        self.provider = after(pulumi.Output.from_input(f"{pool_path}/providers/github"), provider)
        self.service_account_email = after(account.email, *grants)
        self.register_outputs({"provider": self.provider, "service_account_email": self.service_account_email})


EVENTS = {"deploys": ("push", "workflow_dispatch"), "looks": ("schedule", "workflow_dispatch")}
"""What may start a run: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows"""

SUBJECT_BYTES = 127
"""The longest google.subject: https://cloud.google.com/iam/docs/workload-identity-federation#mapping"""
_SUBJECT = ("repository:", ":environment:")
"""What stands before the repository's id and the environment's name in google.subject. GitHub's own `sub` has the names of
owner and repository, and in repositories made or renamed since 15 July 2026 their ids too, so that its length is known to
nobody: https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/"""


def _others(args: WorkloadIdentityFederationArgs) -> dict[str, str]:
    """Accounts of the environments beside the one that deploys."""
    return {**(args.readers or {}), **(args.previews or {})}


def _condition(args: WorkloadIdentityFederationArgs) -> str:
    """One repository and branch, and of each environment only the runs that it is for."""
    environments = [(args.environment, EVENTS["deploys"])]
    environments += [(environment, EVENTS["looks"]) for environment in sorted(args.readers or {})]
    runs = " || ".join(
        f"(assertion.environment == '{environment}' && assertion.event_name in [{', '.join(map(repr, events))}])"
        for environment, events in environments
    )
    repository = f"assertion.repository_id == '{args.repository_id}' && assertion.repository == '{args.repository}'"
    merged = f"assertion.ref == 'refs/heads/{args.branch}' && ({runs})"
    if not args.previews:
        return f"{repository} && {merged}"
    requests = "assertion.event_name == 'pull_request' && assertion.ref.startsWith('refs/pull/')"
    previews = " || ".join(
        f"(assertion.environment == '{environment}' && {requests})" for environment in sorted(args.previews)
    )
    return f"{repository} && (({merged}) || {previews})"


def _check(name: str, args: WorkloadIdentityFederationArgs) -> None:
    where = f"WorkloadIdentityFederation {name!r}"
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", args.repository):
        raise ArgsError(f"{where}: repository {args.repository!r}; write owner/name")
    if not args.repository_id.isdigit():
        raise ArgsError(f"{where}: repository_id {args.repository_id!r} is no number; see api.github.com/repos/<name>")
    if not re.fullmatch(r"[\w./-]+", args.branch):
        raise ArgsError(f"{where}: branch {args.branch!r}; write its plain name, such as main")
    for environment in (args.environment, *_others(args)):
        if not re.fullmatch(r"[\w.-]+", environment):
            raise ArgsError(f"{where}: environment {environment!r}; name it by letters, digits, . _ and -")
        subject = f"{_SUBJECT[0]}{args.repository_id}{_SUBJECT[1]}{environment}"
        if (size := len(subject.encode())) > SUBJECT_BYTES:
            raise ArgsError(
                f"{where}: subject {subject} has {size} bytes and Google takes {SUBJECT_BYTES}; every token would be "
                "refused; shorten the environment's name"
            )
    for key, accounts in (("readers", (args.readers or {})), ("previews", (args.previews or {}))):
        for environment, email in accounts.items():
            if environment == args.environment:
                raise ArgsError(f"{where}: {key} names {environment!r}, which deploys; give the look one of its own")
            if not re.fullmatch(r"[^@\s]+@[a-z0-9-]+\.iam\.gserviceaccount\.com", email):
                raise ArgsError(f"{where}: {key}.{environment} is {email!r}; write a service account's e-mail address")
    if both := (args.readers or {}).keys() & (args.previews or {}).keys():
        raise ArgsError(f"{where}: {min(both)!r} is in readers and previews; a look must not run a pull request's code")
    pool_id = given(args.pool_id)
    if not re.fullmatch(r"(?!gcp-)[a-z0-9-]{4,32}", pool_id):
        raise ArgsError(f"{where}: pool_id {pool_id!r}; use 4 to 32 of a-z, 0-9, hyphen, not gcp-…")
    for role in args.project_roles:
        if role in ("roles/owner", "roles/editor"):
            raise ArgsError(f"{where}: {role} would let a workflow do anything; name the roles it needs")
