"""How long a project's logs live."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, in_range, token


@dataclass(frozen=True, kw_only=True)
class LogRetentionArgs(Args):
    project: str
    """The project's id."""
    retention_days: int
    """1 to 3650; the first 30 are in the price of ingestion."""


class LogRetention(pulumi.ComponentResource):
    """Retention of the project's `_Default` log bucket, which every service writes to.

    Owns that one setting: the bucket itself is Google's and stays when the stack goes.
    """

    retention_days: pulumi.Output[int]

    def __init__(self, name: str, args: LogRetentionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = LogRetentionArgs.complete(args, name)
        in_range(f"LogRetention {name!r}: retention_days", args.retention_days, 1, 3650, "Cloud Logging's bounds")
        bucket = gcp.logging.ProjectBucketConfig(
            f"{name}-default",
            project=args.project,
            location="global",
            bucket_id="_Default",
            retention_days=args.retention_days,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.retention_days = bucket.retention_days.apply(lambda days: int(days or 0))
        self.register_outputs({"retention_days": self.retention_days})
