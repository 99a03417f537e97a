"""What functions need to be built: an account, a repository, and an end to old images."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, after, given, optional, token


@dataclass(frozen=True, kw_only=True)
class FunctionBuildArgs(Args):
    project: pulumi.Input[str]
    """The project's id."""
    project_number: str
    """Names the bucket that Cloud Functions copies sources to before they are built."""
    location: str
    """Region of the repository: the functions'."""
    bucket: pulumi.Input[str]
    """Where the archives lie."""
    account_id: str | None = optional("function-build")
    """The building service account's id."""
    repository_id: str | None = optional("functions")
    keep_versions: int | None = optional(3)
    """Images kept of each function, for a roll-back."""
    delete_after_days: int | None = optional(7)
    """Age at which the others go."""
    wait_for: list[pulumi.Input[str]] | None = None
    """Outputs of what takes minutes to create anyway, a database's instance say. A new grant holds after about two
    minutes, sometimes seven and more (https://cloud.google.com/iam/docs/access-change-propagation), and a build that
    begins earlier fails. Default: none; the first build may have to be begun again."""
    labels: dict[str, str] | None = None


class FunctionBuild(pulumi.ComponentResource):
    """Builds functions without the default accounts, and without images that pile up.

    Functions always go through Cloud Build and Artifact Registry. Owns the account that builds, its grants (write
    this repository, read the archives and Cloud Functions' own copies of them, write logs) and the repository with
    its clean-up. One serves all functions of a project and region.
    """

    service_account: pulumi.Output[str]
    """`projects/<project>/serviceAccounts/<e-mail>`; waits for the grants, and for `wait_for`."""
    repository: pulumi.Output[str]
    """`projects/<project>/locations/<location>/repositories/<id>`."""

    def __init__(self, name: str, args: FunctionBuildArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = FunctionBuildArgs.complete(args, name)
        child = pulumi.ResourceOptions(parent=self)
        sources = f"gcf-v2-sources-{args.project_number}-{args.location}"
        policy = gcp.artifactregistry.RepositoryCleanupPolicyArgs
        repository = gcp.artifactregistry.Repository(
            f"{name}-repository",
            repository_id=args.repository_id,
            project=args.project,
            location=args.location,
            format="DOCKER",
            description="Images of the functions",
            cleanup_policy_dry_run=False,
            cleanup_policies=[
                policy(
                    id="delete-old",
                    action="DELETE",
                    condition=gcp.artifactregistry.RepositoryCleanupPolicyConditionArgs(
                        tag_state="ANY", older_than=f"{given(args.delete_after_days) * 86400}s"
                    ),
                ),
                policy(
                    id="keep-recent",
                    action="KEEP",
                    most_recent_versions=gcp.artifactregistry.RepositoryCleanupPolicyMostRecentVersionsArgs(
                        keep_count=args.keep_versions
                    ),
                ),
            ],
            labels=args.labels,
            opts=child,
        )
        account = gcp.serviceaccount.Account(
            f"{name}-account",
            account_id=args.account_id,
            project=args.project,
            display_name="Builds functions",
            # An update that was killed may have made it without recording it.
            create_ignore_already_exists=True,
            opts=child,
        )
        grants: list[pulumi.Resource] = [
            gcp.artifactregistry.RepositoryIamMember(
                f"{name}-writes-repository",
                repository=repository.repository_id,
                project=args.project,
                location=args.location,
                role="roles/artifactregistry.writer",
                member=account.member,
                opts=child,
            ),
            gcp.storage.BucketIAMMember(
                f"{name}-reads-archives",
                bucket=args.bucket,
                role="roles/storage.objectViewer",
                member=account.member,
                opts=child,
            ),
            gcp.projects.IAMMember(
                f"{name}-reads-sources",
                project=args.project,
                role="roles/storage.objectViewer",
                member=account.member,
                # A build reads the copy in `gcf-v2-sources-<number>-<region>`, a bucket that exists only after the
                # first function: it cannot be granted anything itself
                # (https://github.com/hashicorp/terraform-provider-google/issues/20571).
                condition=gcp.projects.IAMMemberConditionArgs(
                    title="sources-of-functions",
                    expression=f'resource.name.startsWith("projects/_/buckets/{sources}")',
                ),
                opts=child,
            ),
            gcp.projects.IAMMember(
                f"{name}-writes-logs",
                project=args.project,
                role="roles/logging.logWriter",
                member=account.member,
                opts=child,
            ),
        ]
        full_name: pulumi.Output[str] = pulumi.Output.concat(
            "projects/", args.project, "/serviceAccounts/", account.email
        )
        granted: pulumi.Output[str] = after(full_name, *grants)
        self.service_account = pulumi.Output.all(granted, *(args.wait_for or [])).apply(lambda values: values[0])
        self.repository = pulumi.Output.concat(
            "projects/", args.project, "/locations/", args.location, "/repositories/", repository.repository_id
        )
        self.register_outputs({"service_account": self.service_account, "repository": self.repository})
