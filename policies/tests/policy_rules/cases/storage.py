from __future__ import annotations

from fastyle_policies.model import UNKNOWN

from policy_rules import resources as r
from policy_rules.table import Case, Cases

_RULES = "lifecycleRules"


def _delete(age: object = None, **condition: object) -> dict[str, object]:
    return {"action": {"type": "Delete"}, "condition": {**({} if age is None else {"age": age}), **condition}}


def _move(to: str, age: object, **condition: object) -> dict[str, object]:
    return {"action": {"type": "SetStorageClass", "storageClass": to}, "condition": {"age": age, **condition}}


_ABORT = {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 1}}
_EXPORT = {"cloudStorageConfig": {"bucket": "shop-1-lake", "maxDuration": "300s"}}
_LOGS = r.resource(
    "gcp:logging/projectSink:ProjectSink", "sink", name="sink", destination="storage.googleapis.com/shop-1-logs"
)
_STREAMED = "is streamed into, and no lifecycle rule deletes all of its objects at some age"
_VERSIONS = "bin: keeps versions and never deletes old ones: set numNewerVersions or daysSinceNoncurrentTime"

CASES: dict[str, Cases] = {
    "bucket-lifecycle": Cases(
        good=[
            r.bucket("bin"),
            r.bucket(
                "versioned",
                versioning={"enabled": True},
                lifecycleRules=[_delete(30), _delete(numNewerVersions=3)],
            ),
        ],
        cases=[
            Case("wrong", {f"bin.{_RULES}": [_ABORT]}, ["bin: has no lifecycle rule that deletes: it grows for ever"]),
            Case("unset", {f"bin.{_RULES}": ...}, ["bin: has no lifecycle rule that deletes: it grows for ever"]),
            Case("passes", {f"bin.{_RULES}": ...}, parameters={"permanent": ["shop-1-b*"]}),
            Case("passes", {f"bin.{_RULES}": ...}, parameters={"permanent": ["bin"]}),
            Case("wrong", {"bin.versioning": {"enabled": True}}, [_VERSIONS]),
            Case("wrong", {"bin.versioning": {"enabled": "true"}}, [_VERSIONS]),
            Case(
                "wrong",
                {
                    "bin.versioning": {"enabled": True},
                    f"bin.{_RULES}": [_delete(1), _move("NEARLINE", 1, numNewerVersions=1)],
                },
                [_VERSIONS],
            ),
            Case("passes", {"bin.versioning": {"enabled": False}}),
            Case("passes", {f"versioned.{_RULES}": [_delete(daysSinceNoncurrentTime=30)]}),
            Case("unknown", {f"bin.{_RULES}": UNKNOWN, "bin.versioning": {"enabled": True}}),
            Case("unknown", {f"versioned.{_RULES}.1.condition.numNewerVersions": UNKNOWN}),
            Case("unknown", {"bin.versioning": UNKNOWN}),
        ],
    ),
    "bucket-early-deletion": Cases(
        good=[
            r.bucket("lake", lifecycleRules=[_move("NEARLINE", 30), _move("COLDLINE", 60), _delete(150)]),
            r.bucket("plain", lifecycleRules=[_delete(1)]),
        ],
        cases=[
            Case(
                "wrong",
                {f"lake.{_RULES}.1.condition.age": 59},
                [
                    "lake: moves to COLDLINE NEARLINE objects 29 days after they became NEARLINE: the full 30 days are billed"
                ],
            ),
            Case(
                "wrong",
                {f"lake.{_RULES}.2.condition.age": 149},
                ["lake: deletes COLDLINE objects 89 days after they became COLDLINE: the full 90 days are billed"],
            ),
            Case(
                "wrong",
                {f"lake.{_RULES}.2.condition.age": "149"},
                ["lake: deletes COLDLINE objects 89 days after they became COLDLINE: the full 90 days are billed"],
            ),
            Case(
                "wrong",
                {"plain.storageClass": "archive"},
                ["plain: deletes ARCHIVE objects 1 days after they became ARCHIVE: the full 365 days are billed"],
            ),
            Case("passes", {"plain.storageClass": "ARCHIVE", f"plain.{_RULES}.0.condition.age": 365}),
            Case("passes", {"plain.storageClass": "NEARLINE", f"plain.{_RULES}": [_delete(1, withState="ARCHIVED")]}),
            Case("passes", {"plain.storageClass": "NEARLINE", f"plain.{_RULES}": [_delete(1, numNewerVersions=2)]}),
            Case(
                "wrong",
                {f"lake.{_RULES}": [_move("COLDLINE", 10), _move("NEARLINE", 200), _delete(300)]},
                ["lake: moves COLDLINE objects to NEARLINE at 200 days: objects only move to colder classes"],
            ),
            Case(
                "wrong",
                {f"lake.{_RULES}": [_move("NEARLINE", 10), _move("NEARLINE", 50), _delete(70)]},
                ["lake: moves NEARLINE objects to NEARLINE at 50 days: objects only move to colder classes"],
            ),
            Case(
                "wrong",
                {f"lake.{_RULES}": [_delete(5, matchesPrefixes=["tmp/"]), _move("NEARLINE", 30), _delete(40)]},
                ["lake: deletes NEARLINE objects 10 days after they became NEARLINE: the full 30 days are billed"],
            ),
            Case(
                "wrong",
                {f"lake.{_RULES}": [_move("NEARLINE", 10), _delete(15, matchesPrefixes=["tmp/"]), _delete(20)]},
                [
                    "lake: deletes NEARLINE objects 5 days after they became NEARLINE: the full 30 days are billed",
                    "lake: deletes NEARLINE objects 10 days after they became NEARLINE: the full 30 days are billed",
                ],
            ),
            Case(
                "wrong",
                {f"lake.{_RULES}": [_move("STANDARD", 10), _move("COLDLINE", 20), _move("NEARLINE", 50), _delete(60)]},
                [
                    "lake: moves STANDARD objects to STANDARD at 10 days: objects only move to colder classes",
                    "lake: moves COLDLINE objects to NEARLINE at 50 days: objects only move to colder classes",
                    "lake: deletes COLDLINE objects 40 days after they became COLDLINE: the full 90 days are billed",
                ],
            ),
            Case("passes", {"plain.storageClass": "REGIONAL", f"plain.{_RULES}.0.condition.age": 0}),
            # What is gone moves no more, and at one age the move comes first.
            Case("passes", {f"lake.{_RULES}": [_delete(30), _move("NEARLINE", 31), _move("COLDLINE", 32)]}),
            Case(
                "wrong",
                {f"lake.{_RULES}": [_delete(30), _move("NEARLINE", 30)]},
                ["lake: deletes NEARLINE objects 0 days after they became NEARLINE: the full 30 days are billed"],
            ),
            Case("passes", {f"lake.{_RULES}": [_ABORT]}),
            Case("unset", {f"lake.{_RULES}": ...}),
            Case("unknown", {f"lake.{_RULES}": UNKNOWN}),
            Case("unknown", {f"lake.{_RULES}.2.condition.age": UNKNOWN}),
        ],
    ),
    "stream-expiry": Cases(
        good=[
            r.bucket("lake"),
            r.bucket("logs"),
            r.bucket("other", lifecycleRules=[]),
            r.subscription("to-lake", "tills", **_EXPORT),
            r.subscription("pull", "tills"),
            _LOGS,
        ],
        cases=[
            Case("wrong", {f"lake.{_RULES}": [_delete(30, matchesPrefixes=["tmp/"])]}, [f"lake: {_STREAMED}"]),
            Case("wrong", {f"lake.{_RULES}": [_delete(30, withState="ARCHIVED")]}, [f"lake: {_STREAMED}"]),
            Case("wrong", {f"lake.{_RULES}": [_delete(30, numNewerVersions=1)]}, [f"lake: {_STREAMED}"]),
            Case("wrong", {f"lake.{_RULES}": [_move("NEARLINE", 30)]}, [f"lake: {_STREAMED}"]),
            Case("wrong", {f"logs.{_RULES}": [_ABORT]}, [f"logs: {_STREAMED}"]),
            Case("unset", {f"lake.{_RULES}": ...}, [f"lake: {_STREAMED}"]),
            Case("unset", {f"lake.{_RULES}": [_delete()]}, [f"lake: {_STREAMED}"]),
            Case("passes", {f"lake.{_RULES}": ...}, parameters={"permanent": ["*-lake"]}),
            Case(
                "unset",
                {f"lake.{_RULES}": ..., f"logs.{_RULES}": ...},
                [f"logs: {_STREAMED}"],
                {"permanent": ["*-lake"]},
            ),
            Case("unknown", {f"lake.{_RULES}": UNKNOWN}),
            Case("unknown", {f"lake.{_RULES}.0.condition.age": UNKNOWN}),
            Case(
                "unknown",
                {
                    "to-lake": r.subscription("to-lake", "tills", cloudStorageConfig=UNKNOWN),
                    f"lake.{_RULES}": [],
                },
            ),
            Case(
                "unknown",
                {
                    "to-lake": r.resource(
                        "gcp:pubsub/subscription:Subscription",
                        "to-lake",
                        {"cloudStorageConfig": (r.urn("gcp:storage/bucket:Bucket", "lake"),)},
                        cloudStorageConfig={"bucket": UNKNOWN},
                    ),
                    f"lake.{_RULES}": [],
                },
                [f"lake: {_STREAMED}"],
            ),
        ],
    ),
    "lake-retention": Cases(
        good=[
            r.bucket("lake"),
            r.bucket("other", lifecycleRules=[_delete(1)]),
            r.bucket("logs", lifecycleRules=[_delete(30)]),
            r.subscription("to-lake", "tills", **_EXPORT),
            _LOGS,
        ],
        cases=[
            Case(
                "wrong",
                {f"lake.{_RULES}.0.condition.age": 399},
                ["lake: deletes the lake's objects after 399 days, and a replay of 400 days is promised"],
            ),
            Case("passes", {f"lake.{_RULES}.0.condition.age": 30}, parameters={"replay_days": 30}),
            Case(
                "wrong",
                {f"lake.{_RULES}": [_delete(700), _delete(1, matchesPrefixes=["a/"])]},
                ["lake: deletes the lake's objects after 1 days, and a replay of 400 days is promised"],
            ),
            Case("passes", {f"lake.{_RULES}": [_delete(1, withState="ARCHIVED"), _move("NEARLINE", 1)]}),
            Case("unset", {f"lake.{_RULES}": ...}),  # kept for ever: stream-expiry's matter
            Case("unknown", {f"lake.{_RULES}.0.condition.age": UNKNOWN}),
            Case(
                "unknown",
                {
                    "to-lake": r.resource(
                        "gcp:pubsub/subscription:Subscription",
                        "to-lake",
                        {"cloudStorageConfig": (r.urn("gcp:storage/bucket:Bucket", "lake"),)},
                        cloudStorageConfig={"bucket": UNKNOWN},
                    ),
                    f"lake.{_RULES}.0.condition.age": 5,
                },
                ["lake: deletes the lake's objects after 5 days, and a replay of 400 days is promised"],
            ),
        ],
    ),
}
