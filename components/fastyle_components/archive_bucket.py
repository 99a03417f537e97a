"""The bucket that workloads' archives lie in."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, optional, token


@dataclass(frozen=True, kw_only=True)
class ArchiveBucketArgs(Args):
    bucket_name: str
    """Globally unique."""
    location: str
    """The region that deploys from it."""
    keep_replaced_days: int | None = optional(30)
    """How long an archive that is no longer deployed can be taken back."""
    labels: dict[str, str] | None = None
    force_destroy: bool | None = optional(False)
    """Delete the archives with the bucket."""


class ArchiveBucket(pulumi.ComponentResource):
    """A private bucket for deployable archives.

    Owns the bucket. A deployed archive stays as long as it is deployed; a replaced one can be restored for a while,
    for a roll-back, and then ends. There is no soft delete beside that: it would be paid twice.
    """

    bucket: pulumi.Output[str]
    """The bucket's name."""

    def __init__(self, name: str, args: ArchiveBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = ArchiveBucketArgs.complete(args, name)
        rule, action = gcp.storage.BucketLifecycleRuleArgs, gcp.storage.BucketLifecycleRuleActionArgs
        condition = gcp.storage.BucketLifecycleRuleConditionArgs
        bucket = gcp.storage.Bucket(
            f"{name}-bucket",
            name=args.bucket_name,
            location=args.location.upper(),
            storage_class="STANDARD",
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning=gcp.storage.BucketVersioningArgs(enabled=True),
            soft_delete_policy=gcp.storage.BucketSoftDeletePolicyArgs(retention_duration_seconds=0),
            lifecycle_rules=[
                rule(
                    action=action(type="Delete"),
                    condition=condition(days_since_noncurrent_time=args.keep_replaced_days),
                ),
                rule(action=action(type="AbortIncompleteMultipartUpload"), condition=condition(age=1)),
            ],
            force_destroy=args.force_destroy,
            labels=args.labels,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.bucket = bucket.name
        self.register_outputs({"bucket": self.bucket})
