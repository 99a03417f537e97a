"""What a budget guard needs to act: a memory, and the right to pause and to stop, nothing more."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, after, given, optional, token
from fastyle_components.custom_role import CHANGE_DATABASES, grant_custom_role
from fastyle_components.grants import holders, keyed

PAUSE_JOBS = ["cloudscheduler.jobs.enable", "cloudscheduler.jobs.get", "cloudscheduler.jobs.pause"]


@dataclass(frozen=True, kw_only=True)
class BudgetGuardArgs(Args):
    project: str
    """The project's id."""
    location: str
    """Region of the memory."""
    bucket_name: str
    """Of the memory. Globally unique."""
    member: pulumi.Input[str]
    """Whom the guard runs as: `serviceAccount:…`."""
    pauses_jobs: bool | None = optional(True)
    """It may pause and resume Cloud Scheduler's jobs."""
    stops_databases: bool | None = optional(True)
    """It may change Cloud SQL instances: their activation policy has no right of its own."""
    readers: dict[str, pulumi.Input[str]] | None = None
    """Members that may ask the memory whether they are stopped, such as a load generator, by a stable key."""
    role_id: str | None = optional("budgetGuard")
    """Of the custom role. A deleted id is blocked for weeks."""
    labels: dict[str, str] | None = None
    force_destroy: bool | None = optional(False)
    """Delete the memory with the bucket: what it holds paused would have to be resumed by hand."""


class BudgetGuard(pulumi.ComponentResource):
    """The memory and the rights of a function that pauses and stops what a project can do without.

    Owns the bucket of the memory, a custom role with the four or five permissions that pausing and stopping take
    (the predefined ones, cloudscheduler.admin and cloudsql.editor, may also delete, create and export), and the
    grants. It owns neither the function (see `Function`), nor the budget and its topic (see `Budget`), nor what is
    paused. A guard that only tells needs none of this.
    """

    bucket: pulumi.Output[str]
    """The bucket's name; waits for the grants."""

    def __init__(self, name: str, args: BudgetGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = BudgetGuardArgs.complete(args, name)
        permissions = [
            *(PAUSE_JOBS if args.pauses_jobs else []),
            *(CHANGE_DATABASES if args.stops_databases else []),
        ]
        if not permissions:
            raise ArgsError(
                f"BudgetGuard {name!r}: it may pause and stop nothing; leave it out, such a guard only tells"
            )
        child = pulumi.ResourceOptions(parent=self)
        rule, action = gcp.storage.BucketLifecycleRuleArgs, gcp.storage.BucketLifecycleRuleActionArgs
        condition = gcp.storage.BucketLifecycleRuleConditionArgs
        bucket = gcp.storage.Bucket(
            f"{name}-memory",
            name=args.bucket_name,
            project=args.project,
            location=args.location.upper(),
            storage_class="STANDARD",
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            # Earlier states are the record of what was done, and the way back from a mistaken edit.
            versioning=gcp.storage.BucketVersioningArgs(enabled=True),
            soft_delete_policy=gcp.storage.BucketSoftDeletePolicyArgs(retention_duration_seconds=0),
            lifecycle_rules=[
                rule(action=action(type="Delete"), condition=condition(days_since_noncurrent_time=90)),
                rule(action=action(type="AbortIncompleteMultipartUpload"), condition=condition(age=1)),
            ],
            force_destroy=args.force_destroy,
            labels=args.labels,
            opts=child,
        )
        grants: list[pulumi.Resource] = [
            grant_custom_role(
                f"{name}-role",
                f"{name}-acts",
                role_id=given(args.role_id),
                project=args.project,
                title="Budget guard",
                description="Pauses schedules and stops databases when a budget is used up",
                permissions=permissions,
                member=args.member,
                opts=child,
            ),
            gcp.storage.BucketIAMMember(
                f"{name}-remembers", bucket=bucket.name, role="roles/storage.objectUser", member=args.member, opts=child
            ),
        ]
        grants += [
            gcp.storage.BucketIAMMember(
                reader.name,
                bucket=bucket.name,
                role="roles/storage.objectViewer",
                member=reader.member,
                opts=reader.opts(self),
            )
            for reader in holders(f"BudgetGuard {name!r}", f"{name}-reader", keyed(f"{name}-reader", args.readers))
        ]
        self.bucket = after(bucket.name, *grants)
        self.register_outputs({"bucket": self.bucket})
