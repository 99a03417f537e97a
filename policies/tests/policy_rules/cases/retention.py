from __future__ import annotations

from typing import Any

from fastyle_policies import gcp
from fastyle_policies.model import UNKNOWN, Resource

from policy_rules import resources as r
from policy_rules.table import Case, Cases

_LOGS = "gcp:logging/projectBucketConfig:ProjectBucketConfig"
_FILTER = "is partitioned and does not require a partition filter: a query without one reads all of it"
_FOREVER = "table: streams.table is partitioned and its partitions never expire"
_KEPT = "has no clean-up policy that deletes: every build's image is kept"


def _logs(name: str, **props: Any) -> Resource:
    return r.resource(_LOGS, name, **{"bucketId": "_Default", "location": "global", "project": r.PROJECT, **props})


CASES: dict[str, Cases] = {
    "table-expiry": Cases(
        good=[
            r.dataset("streams"),
            r.table("table", "streams"),
            r.table("small", "streams", timePartitioning=None),
            r.table("exported", "streams"),
            r.subscription("to-table", "tills", bigqueryConfig={"table": f"{r.PROJECT}.streams.exported"}),
        ],
        cases=[
            Case("wrong", {"table.timePartitioning.expirationMs": 0}, [_FOREVER]),
            Case("unset", {"table.timePartitioning.expirationMs": ...}, [_FOREVER]),
            Case("passes", {"table.timePartitioning.expirationMs": "86400000"}),
            Case("passes", {"table.timePartitioning.expirationMs": ..., "table.expirationTime": 1_800_000_000_000}),
            Case(
                "passes",
                {"table.timePartitioning.expirationMs": ..., "streams.defaultPartitionExpirationMs": 86_400_000},
            ),
            Case(
                "passes", {"table.timePartitioning.expirationMs": ..., "streams.defaultTableExpirationMs": 86_400_000}
            ),
            Case("passes", {"table.timePartitioning.expirationMs": ...}, parameters={"permanent": ["streams.t*"]}),
            Case(
                "unset",
                {"table.timePartitioning.expirationMs": ...},
                [_FOREVER],
                {"permanent": ["table", "other.table"]},
            ),
            Case(
                "wrong",
                {"exported.timePartitioning": ...},
                ["exported: streams.exported is streamed into and nothing in it expires"],
            ),
            Case(
                "wrong",
                {"exported.timePartitioning": ..., "to-table.bigqueryConfig.table": "streams.exported"},
                ["exported: streams.exported is streamed into and nothing in it expires"],
            ),
            Case(
                "wrong",
                {"table.timePartitioning.expirationMs": ..., "exported.timePartitioning.expirationMs": ...},
                ["exported: streams.exported is partitioned and its partitions never expire"],
                {"permanent": ["streams.table"]},
            ),
            Case("passes", {"table.timePartitioning.expirationMs": 1}),
            Case("unset", {"streams": ..., "table.timePartitioning.expirationMs": ...}, [_FOREVER]),
            Case(
                "unset",
                {"table.datasetId": ..., "table.timePartitioning.expirationMs": ...},
                ["table: None.table is partitioned and its partitions never expire"],
            ),
            Case(
                "unknown",
                {
                    "table": r.resource(
                        gcp.TABLE,
                        "table",
                        {"datasetId": (r.urn(gcp.DATASET, "streams"),)},
                        datasetId=UNKNOWN,
                        tableId="table",
                        timePartitioning={"type": "DAY"},
                    )
                },
                [_FOREVER],
            ),
            Case("passes", {"exported.timePartitioning": ..., "exported.expirationTime": 1_800_000_000_000}),
            Case("unknown", {"table.timePartitioning.expirationMs": UNKNOWN}),
            Case("unknown", {"table.timePartitioning": UNKNOWN}),
            Case(
                "unknown",
                {
                    "exported": r.resource(
                        gcp.TABLE,
                        "exported",
                        {"datasetId": (r.urn(gcp.DATASET, "streams"),)},
                        datasetId=UNKNOWN,
                        tableId="exported",
                        timePartitioning={"type": "DAY"},
                    ),
                    "streams.defaultPartitionExpirationMs": 86_400_000,
                },
            ),
        ],
    ),
    "partition-filter": Cases(
        good=[
            r.table("table", "streams"),
            r.table("small", "streams", timePartitioning=None, requirePartitionFilter=None),
            r.table("ranged", "streams", timePartitioning=None, rangePartitioning={"field": "n"}),
        ],
        cases=[
            Case("wrong", {"table.requirePartitionFilter": False}, [f"table: {_FILTER}"]),
            Case("wrong", {"table.requirePartitionFilter": "false"}, [f"table: {_FILTER}"]),
            Case("wrong", {"ranged.requirePartitionFilter": False}, [f"ranged: {_FILTER}"]),
            Case("unset", {"table.requirePartitionFilter": ...}, [f"table: {_FILTER}"]),
            Case("passes", {"table.requirePartitionFilter": "true"}),
            Case(
                "passes", {"table.requirePartitionFilter": ..., "table.timePartitioning.requirePartitionFilter": True}
            ),
            Case("passes", {"table.requirePartitionFilter": ...}, parameters={"exempt": ["streams.table"]}),
            Case("wrong", {"table.requirePartitionFilter": False}, [f"table: {_FILTER}"], {"exempt": ["table"]}),
            Case(
                "unknown",
                {"table.requirePartitionFilter": UNKNOWN},
                ["table: requirePartitionFilter is not known at preview"],
            ),
            Case("unknown", {"table.requirePartitionFilter": ..., "table.timePartitioning": UNKNOWN}),
        ],
    ),
    "message-retention": Cases(
        good=[r.subscription("held", "tills"), r.topic("tills"), r.topic("kept", messageRetentionDuration="600s")],
        cases=[
            Case(
                "wrong",
                {"held.messageRetentionDuration": "86399s"},
                ["held: keeps messages for 23.9997 hours, below 24: a longer outage loses them"],
            ),
            Case("passes", {"held.messageRetentionDuration": "86400s"}),
            Case("passes", {"held.messageRetentionDuration": "600s"}, parameters={"minimum_hours": 0}),
            Case("passes", {"held.messageRetentionDuration": "2678400s"}),
            Case(
                "wrong",
                {"held.messageRetentionDuration": "2764800s"},
                ["held: keeps messages for 32 days, above 31"],
            ),
            Case(
                "wrong", {"kept.messageRetentionDuration": "2678401s"}, ["kept: keeps messages for 31 days, above 31"]
            ),
            Case(
                "wrong",
                {"held.messageRetentionDuration": "7d"},
                ["held: has messageRetentionDuration '7d': write seconds, such as 604800s"],
            ),
            Case(
                "unset",
                {"held.messageRetentionDuration": ..., "kept.messageRetentionDuration": ...},
                ["held: sets no messageRetentionDuration: how long an outage may last is left to a default"],
            ),
            Case("unknown", {"held.messageRetentionDuration": UNKNOWN}),
        ],
    ),
    "log-retention": Cases(
        good=[_logs("logs", retentionDays=30)],
        cases=[
            Case("wrong", {"logs.retentionDays": 91}, ["logs: keeps logs for 91 days; allowed: 7 to 90"]),
            Case("wrong", {"logs.retentionDays": 6}, ["logs: keeps logs for 6 days; allowed: 7 to 90"]),
            Case("passes", {"logs.retentionDays": 90}),
            Case("passes", {"logs.retentionDays": 7}),
            Case("passes", {"logs.retentionDays": 365}, parameters={"maximum_days": 365}),
            Case("unset", {"logs.retentionDays": ...}, ["logs: sets no retentionDays"]),
            Case("unknown", {"logs.retentionDays": UNKNOWN}),
        ],
    ),
    "log-retention-present": Cases(
        good=[_logs("logs", retentionDays=30), r.service("talkative")],
        cases=[
            Case(
                "wrong",
                {"logs.bucketId": "audit"},
                ["stack: the stack runs workloads and does not set the retention of the project's _Default log bucket"],
            ),
            Case(
                "unset",
                {"logs": ...},
                ["stack: the stack runs workloads and does not set the retention of the project's _Default log bucket"],
            ),
            Case("passes", {"logs": ..., "talkative": ...}),
            Case("passes", {"logs": ...}, parameters={"required": False}),
            Case(
                "unknown",
                {"logs.bucketId": UNKNOWN},
                ["stack: the stack runs workloads and does not set the retention of the project's _Default log bucket"],
            ),
        ],
    ),
    "image-cleanup": Cases(
        good=[
            r.resource(
                "gcp:artifactregistry/repository:Repository",
                "images",
                repositoryId="images",
                location="us-central1",
                format="DOCKER",
                labels=r.LABELS,
                cleanupPolicyDryRun=False,
                cleanupPolicies=[
                    {"id": "keep", "action": "KEEP", "mostRecentVersions": {"keepCount": 3}},
                    {"id": "old", "action": "DELETE", "condition": {"olderThan": "2592000s"}},
                ],
            )
        ],
        cases=[
            Case("wrong", {"images.cleanupPolicies.1.action": "KEEP"}, [f"images: {_KEPT}"]),
            Case("unset", {"images.cleanupPolicies": ...}, [f"images: {_KEPT}"]),
            Case(
                "wrong",
                {"images.cleanupPolicyDryRun": True},
                ["images: has cleanupPolicyDryRun on: its clean-up policies delete nothing"],
            ),
            Case(
                "wrong",
                {"images.cleanupPolicyDryRun": "true"},
                ["images: has cleanupPolicyDryRun on: its clean-up policies delete nothing"],
            ),
            Case("unset", {"images.cleanupPolicyDryRun": ...}),
            Case("unknown", {"images.cleanupPolicies": UNKNOWN, "images.cleanupPolicyDryRun": UNKNOWN}),
        ],
    ),
}
