from __future__ import annotations

from fastyle_policies import gcp
from fastyle_policies.model import UNKNOWN

from policy_rules import resources as r
from policy_rules.table import Case, Cases

_TOPIC = "allUpdatesRule.pubsubTopic"
_QUERIES = {"RAW_DATASET": "raw", "MAXIMUM_BYTES_BILLED": "10737418240"}
_LIMIT = "template.containers.0.envs.1"
_PLACES = "europe-west1, europe-west4, us-central1, us-east1, us-east4, us-west1, us-west2, eu, us"

CASES: dict[str, Cases] = {
    "budget-present": Cases(
        good=[r.budget("budget"), r.topic("tills")],
        cases=[
            Case("passes", {"budget": ..., "tills": ...}),  # nothing costs anything
            Case("passes", {"budget": ...}, parameters={"required": False}),
            Case("passes", {"budget": ..., "tills": r.resource("shop:index:Shop", "shop")}),
            Case(
                "unset",
                {"budget": ...},
                ["stack: the stack creates resources on Google Cloud and has no billing budget"],
            ),
        ],
        without={"wrong": "whether there is one is all it asks", "unknown": "it reads no value"},
    ),
    "budget-thresholds": Cases(
        good=[r.budget("budget")],
        cases=[
            Case("wrong", {"budget.amount.specifiedAmount.units": "0"}, ["budget: names no amount above 0"]),
            Case("wrong", {"budget.amount.specifiedAmount.units": "-5"}, ["budget: names no amount above 0"]),
            Case("passes", {"budget.amount.specifiedAmount.units": "1"}),
            Case("passes", {"budget.amount": {"lastPeriodAmount": True}}),
            Case("unset", {"budget.amount": ...}, ["budget: names no amount above 0"]),
            Case("unknown", {"budget.amount.specifiedAmount.units": UNKNOWN}),
            Case("unknown", {"budget.amount": UNKNOWN}),
            Case("unset", {"budget.thresholdRules": ...}, ["budget: does not announce 0.5, 0.9, 1 of its amount"]),
            Case(
                "wrong",
                {"budget.thresholdRules.0.thresholdPercent": 50},
                [
                    "budget: has the threshold 50: 1.0 is the whole amount, so 50 % is written 0.5",
                    "budget: does not announce 0.5 of its amount",
                ],
            ),
            Case(
                "wrong",
                {"budget.thresholdRules.0.thresholdPercent": 5.5},
                ["budget: has the threshold 5.5: 1.0 is the whole amount, so 50 % is written 0.5"],
                {"thresholds": [0.9]},
            ),
            Case(
                "wrong",
                {"budget.thresholdRules.2.spendBasis": "FORECASTED_SPEND"},
                ["budget: does not announce 1 of its amount"],
            ),
            Case("passes", {"budget.thresholdRules.2.spendBasis": ...}),
            Case("passes", {"budget.thresholdRules.0.thresholdPercent": 5}, parameters={"thresholds": [0.9]}),
            Case("unknown", {"budget.thresholdRules.0.thresholdPercent": UNKNOWN}),
            Case("unknown", {"budget.thresholdRules": UNKNOWN}),
            Case(
                "unset",
                {"budget.allUpdatesRule": ...},
                ["budget: tells nobody: it has neither a topic nor a notification channel"],
            ),
            Case(
                "wrong",
                {f"budget.{_TOPIC}": "", "budget.allUpdatesRule.monitoringNotificationChannels": []},
                ["budget: tells nobody: it has neither a topic nor a notification channel"],
            ),
            Case(
                "passes",
                {f"budget.{_TOPIC}": ..., "budget.allUpdatesRule.monitoringNotificationChannels": ["channel"]},
            ),
            Case("unknown", {f"budget.{_TOPIC}": UNKNOWN}),
            Case("unknown", {f"budget.{_TOPIC}": ..., "budget.allUpdatesRule.monitoringNotificationChannels": UNKNOWN}),
            Case("unknown", {"budget.allUpdatesRule": UNKNOWN}),
        ],
    ),
    "bytes-billed-limit": Cases(
        good=[
            r.service("query", env=_QUERIES),
            r.service("other", env={"TOPIC": "t", "DATASET_NAME": "x"}),
            r.function("queryfn", env=_QUERIES),
            r.run_job("queryjob", env=_QUERIES),
            r.composer("airflow", env=_QUERIES),
            r.resource(
                gcp.BIGQUERY_JOB, "job", jobId="j", query={"query": "SELECT 1", "maximumBytesBilled": "10485760"}
            ),
            r.resource(gcp.BIGQUERY_JOB, "load", jobId="l", load={"sourceUris": ["gs://b/o"]}),
        ],
        cases=[
            Case(
                "wrong",
                {f"query.{_LIMIT}.value": "999999999999"},
                ["query: has MAXIMUM_BYTES_BILLED 999999999999, above the ceiling of 107374182400 bytes"],
            ),
            Case("passes", {f"query.{_LIMIT}.value": "107374182400"}),
            Case("passes", {f"query.{_LIMIT}.value": "10485760"}),
            Case(
                "wrong",
                {f"query.{_LIMIT}.value": "10485759"},
                [
                    "query: has MAXIMUM_BYTES_BILLED 10485759, which is no usable limit: "
                    "BigQuery bills 10485760 bytes at least"
                ],
            ),
            Case(
                "wrong",
                {f"query.{_LIMIT}.value": "10 GB"},
                [
                    "query: has MAXIMUM_BYTES_BILLED 10 GB, which is no usable limit: "
                    "BigQuery bills 10485760 bytes at least"
                ],
            ),
            Case(
                "wrong",
                {f"query.{_LIMIT}.value": "10737418241"},
                ["query: has MAXIMUM_BYTES_BILLED 10737418241, above the ceiling of 10737418240 bytes"],
                {"maximum": 10737418240},
            ),
            Case(
                "unset",
                {f"query.{_LIMIT}.name": "SOMETHING"},
                ["query: queries BigQuery (it is given a dataset) without MAXIMUM_BYTES_BILLED"],
            ),
            Case(
                "unset",
                {"queryfn.serviceConfig.environmentVariables": {"MARTS_DATASET": "marts"}},
                ["queryfn: queries BigQuery (it is given a dataset) without MAXIMUM_BYTES_BILLED"],
            ),
            Case(
                "unset",
                {"queryjob.template.template.containers.0.envs.1.name": "SOMETHING"},
                ["queryjob: queries BigQuery (it is given a dataset) without MAXIMUM_BYTES_BILLED"],
            ),
            Case(
                "unset",
                {"airflow.config.softwareConfig.envVariables": {"MARTS_DATASET": "marts"}},
                ["airflow: queries BigQuery (it is given a dataset) without MAXIMUM_BYTES_BILLED"],
            ),
            Case(
                "unset",
                {"job.query.maximumBytesBilled": ...},
                [
                    "job: has query.maximumBytesBilled unset, which is no usable limit: "
                    "BigQuery bills 10485760 bytes at least"
                ],
            ),
            Case("unknown", {"job.query.maximumBytesBilled": UNKNOWN}),
            Case("unknown", {f"query.{_LIMIT}.value": UNKNOWN}),
            Case("unknown", {"query.template": UNKNOWN}),
            Case("unknown", {"queryfn.serviceConfig.environmentVariables": UNKNOWN}),
        ],
    ),
    "region-allowed": Cases(
        good=[
            r.bucket("lake"),
            r.database("db"),
            r.bucket("anywhere", location="US"),
            r.resource("gcp:compute/disk:Disk", "disk", name="disk", zone="us-east4-b", labels=r.LABELS),
            r.resource("gcp:logging/projectBucketConfig:ProjectBucketConfig", "logs", location="global"),
            r.resource("pulumi:providers:gcp", "provider", region="us-central1"),
            r.resource(
                gcp.SECRET,
                "secret",
                secretId="s",
                labels=r.LABELS,
                replication={"userManaged": {"replicas": [{"location": "us-central1"}]}},
            ),
            r.bucket("twice", location="US", customPlacementConfig={"dataLocations": ["US-EAST1", "US-WEST1"]}),
        ],
        cases=[
            Case(
                "wrong",
                {"lake.location": "asia-south1"},
                [f"lake: is in asia-south1; allowed: {_PLACES}"],
            ),
            Case("wrong", {"db.region": "asia-south1"}, [f"db: is in asia-south1; allowed: {_PLACES}"]),
            Case("wrong", {"disk.zone": "asia-south1-a"}, [f"disk: is in asia-south1-a; allowed: {_PLACES}"]),
            Case("wrong", {"provider.region": "ASIA"}, [f"provider: is in ASIA; allowed: {_PLACES}"]),
            Case("passes", {"lake.location": "us-west2"}),
            Case("passes", {"lake.location": "asia-south1"}, parameters={"allowed": ["*"]}),
            Case(
                "wrong",
                {"secret.replication.userManaged.replicas.0.location": "asia-east1"},
                [f"secret: is replicated to asia-east1; allowed: {_PLACES}"],
            ),
            Case(
                "wrong",
                {"twice.customPlacementConfig.dataLocations.1": "ASIA-EAST1"},
                [f"twice: is replicated to ASIA-EAST1; allowed: {_PLACES}"],
            ),
            Case("unset", {"lake.location": ...}),  # the provider's region, which is judged itself
            Case("unset", {"provider.region": ""}),
            Case("unknown", {"lake.location": UNKNOWN}, ["lake: its location is not known at preview"]),
            Case("unknown", {"db.region": UNKNOWN}, ["db: its region is not known at preview"]),
            Case("unknown", {"disk.zone": UNKNOWN}, ["disk: its zone is not known at preview"]),
            Case(
                "unknown",
                {"secret.replication.userManaged.replicas.0.location": UNKNOWN},
                ["secret: a replica's location is not known at preview"],
            ),
            Case(
                "unknown",
                {"twice.customPlacementConfig.dataLocations": UNKNOWN},
                ["twice: customPlacementConfig.dataLocations is not known at preview"],
            ),
        ],
    ),
}
