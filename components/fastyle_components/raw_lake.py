"""The raw lake: every event as it came, in Cloud Storage."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, after, ascending, given, held, in_range, optional, token
from fastyle_components.grants import holders, keyed

# A class is billed for at least so many days, whatever is deleted or moved on before:
# https://cloud.google.com/storage/pricing#early-delete
MINIMUM_DAYS = {"NEARLINE": 30, "COLDLINE": 90, "ARCHIVE": 365}


@dataclass(frozen=True, kw_only=True)
class RawLakeArgs(Args):
    bucket_name: str
    """Globally unique: 3 to 63 of a-z, 0-9, hyphen, underscore, dot."""
    location: str
    """Region or multi-region. Changing it replaces the bucket."""
    delete_after_days: int
    """Age at which an object is deleted: how far back a replay can reach."""
    nearline_after_days: int | None = None
    """Default: never moved to Nearline."""
    coldline_after_days: int | None = None
    """Default: never moved to Coldline."""
    archive_after_days: int | None = None
    """Default: never moved to Archive."""
    soft_delete_days: int | None = optional(7)
    """Deleted objects can be restored, and are billed, for so long: 7 to 90, or 0 for off."""
    versioning: bool | None = optional(False)
    """Keep overwritten objects for 30 days. The lake is only ever appended to."""
    readers: dict[str, pulumi.Input[str]] | None = None
    """Members that may read objects, by a stable key."""
    pubsub_project_number: str | None = None
    """Let Pub/Sub's service agent, which this number names, export into the bucket. Default: no."""
    labels: dict[str, str] | None = None
    deletion_protection: bool | None = optional(True)
    """Refuse to delete the bucket."""
    force_destroy: bool | None = optional(False)
    """Delete the objects with the bucket."""


class RawLake(pulumi.ComponentResource):
    """A private bucket whose objects age into cheaper classes and end.

    Owns the bucket, its lifecycle, its readers' grants and what Pub/Sub's service agent needs to export: several
    streams share a lake, and a grant that each of them made would go with the first one that is deleted.
    Defaults: uniform access, public access prevented, 7 days of soft delete, protected, uploads that were never
    completed removed after a day. Steps shorter than a class's minimum storage duration are refused.
    """

    bucket: pulumi.Output[str]
    """The bucket's name; waits for the grants."""
    url: pulumi.Output[str]
    """`gs://<bucket>`."""

    def __init__(self, name: str, args: RawLakeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = RawLakeArgs.complete(args, name)
        rules = _lifecycle(name, args)
        soft_delete_days = given(args.soft_delete_days)
        if soft_delete_days:
            in_range(f"RawLake {name!r}: soft_delete_days", soft_delete_days, 7, 90, "or 0 to turn it off")
        child, protected = pulumi.ResourceOptions(parent=self), given(args.deletion_protection)
        bucket = gcp.storage.Bucket(
            f"{name}-bucket",
            name=args.bucket_name,
            location=args.location.upper(),
            storage_class="STANDARD",
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            lifecycle_rules=rules,
            soft_delete_policy=gcp.storage.BucketSoftDeletePolicyArgs(
                retention_duration_seconds=soft_delete_days * 86400
            ),
            versioning=gcp.storage.BucketVersioningArgs(enabled=given(args.versioning)),
            force_destroy=args.force_destroy,
            deletion_policy="PREVENT" if protected else "DELETE",
            labels=args.labels,
            opts=held(self, protected),
        )
        readers = [
            gcp.storage.BucketIAMMember(
                reader.name,
                bucket=bucket.name,
                role="roles/storage.objectViewer",
                member=reader.member,
                opts=reader.opts(self),
            )
            for reader in holders(f"RawLake {name!r}", f"{name}-reader", keyed(f"{name}-reader", args.readers))
        ]
        agent = f"serviceAccount:service-{args.pubsub_project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"
        exports = [
            gcp.storage.BucketIAMMember(
                f"{name}-pubsub-{key}",
                bucket=bucket.name,
                role=f"roles/storage.{role}",
                member=agent,
                opts=child,
            )
            for key, role in (("writes", "objectCreator"), ("looks", "legacyBucketReader"))
            if args.pubsub_project_number is not None
        ]
        self.bucket = after(bucket.name, *readers, *exports)
        self.url = pulumi.Output.concat("gs://", bucket.name)
        self.register_outputs({"bucket": self.bucket, "url": self.url})


def _lifecycle(name: str, args: RawLakeArgs) -> "list[gcp.storage.BucketLifecycleRuleArgs]":
    moves = [
        ("NEARLINE", args.nearline_after_days),
        ("COLDLINE", args.coldline_after_days),
        ("ARCHIVE", args.archive_after_days),
    ]
    where = f"RawLake {name!r}"
    steps = [(f"{cls.lower()}_after_days", age) for cls, age in moves]
    ascending(where, [*steps, ("delete_after_days", args.delete_after_days)])
    in_range(
        f"{where}: first step",
        min(d for _, d in [*steps, ("", args.delete_after_days)] if d is not None),
        1,
        36500,
        "whole days; 0 would match every object at once",
    )
    taken = [(cls, age) for cls, age in moves if age is not None]
    if lost := early_deletion(taken, args.delete_after_days):
        raise ArgsError(f"{where}: {lost}")
    rules = [_rule("SetStorageClass", age, cls) for cls, age in taken]
    rules.append(_rule("Delete", args.delete_after_days))
    if args.versioning:
        rules.append(
            gcp.storage.BucketLifecycleRuleArgs(
                action=gcp.storage.BucketLifecycleRuleActionArgs(type="Delete"),
                condition=gcp.storage.BucketLifecycleRuleConditionArgs(days_since_noncurrent_time=30),
            )
        )
    rules.append(_rule("AbortIncompleteMultipartUpload", 1))
    return rules


def early_deletion(moves: list[tuple[str, int]], delete_after_days: int) -> str | None:
    """What is paid for objects that are no longer there, in words: `moves` are (class, age), ascending."""
    ends = [age for _, age in moves[1:]] + [delete_after_days]
    for (cls, begin), end in zip(moves, ends, strict=False):
        if end - begin < MINIMUM_DAYS[cls]:
            return (
                f"objects would leave {cls} after {end - begin} days and be billed for {MINIMUM_DAYS[cls]}; "
                f"raise the next step to {begin + MINIMUM_DAYS[cls]} days or leave {cls.lower()}_after_days out"
            )
    return None


def _rule(action: str, age: int, storage_class: str | None = None) -> "gcp.storage.BucketLifecycleRuleArgs":
    return gcp.storage.BucketLifecycleRuleArgs(
        action=gcp.storage.BucketLifecycleRuleActionArgs(type=action, storage_class=storage_class),
        condition=gcp.storage.BucketLifecycleRuleConditionArgs(age=age),
    )
