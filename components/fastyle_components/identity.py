"""A service account per workload."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, after, token


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentityArgs(Args):
    account_id: str
    """The part of the e-mail before the @: 6 to 30 lower-case letters, digits and hyphens."""
    project: pulumi.Input[str]
    """The project's id."""
    display_name: str | None = None
    """Shown in the console. Default: the account id."""
    description: str | None = None
    """Who runs as it."""
    project_roles: list[str] | None = None
    """Roles that exist only at project level, such as roles/bigquery.jobUser. Default: none."""


class WorkloadIdentity(pulumi.ComponentResource):
    """The identity one workload runs as.

    Owns the service account and its project-level roles. It deliberately creates no key, and grants nothing on
    a single resource: the component that owns the resource does, so that the grant lives and dies with it.
    """

    email: pulumi.Output[str]
    """Known at preview; waits for the project-level roles."""
    member: pulumi.Output[str]
    """`serviceAccount:<email>`, as grants need it."""

    def __init__(self, name: str, args: WorkloadIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = WorkloadIdentityArgs.complete(args, name)
        child = pulumi.ResourceOptions(parent=self)
        account = gcp.serviceaccount.Account(
            f"{name}-account",
            account_id=args.account_id,
            project=args.project,
            display_name=args.display_name or args.account_id,
            description=args.description,
            # An update that was killed may have made it without recording it.
            create_ignore_already_exists=True,
            opts=child,
        )
        grants = [
            gcp.projects.IAMMember(
                f"{name}-{role.removeprefix('roles/')}",
                project=args.project,
                role=role,
                member=account.member,
                opts=child,
            )
            for role in dict.fromkeys(args.project_roles or [])
        ]
        self.email = after(account.email, *grants)
        self.member = account.member
        self.register_outputs({"email": self.email, "member": self.member})
