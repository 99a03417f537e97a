"""Hand-computed bills of what moves and keeps data: Pub/Sub, Cloud Storage, BigQuery. Rates of us-central1, list price.

A month is 730 hours, and 365 / 12 days: 36.5 GiB a month are 1.2 GiB a day.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing.services.storage import stays

from policy_pricing.bills import bill, estimated, prices, resource

TOPIC = "gcp:pubsub/topic:Topic"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
BUCKET = "gcp:storage/bucket:Bucket"
DATASET = "gcp:bigquery/dataset:Dataset"
TABLE = "gcp:bigquery/table:Table"
GIBI = 1024**3


def topic(**props: Any) -> Resource:
    return resource(TOPIC, "sales", name="sales-transactions", **props)


def subscription(**props: Any) -> Resource:
    return resource(SUBSCRIPTION, "sub", **{"topic": "projects/p/topics/sales-transactions", **props})


@prices(TOPIC)
def test_messages_above_the_minimum_are_billed_by_their_bytes() -> None:
    """1,048,576 messages x 2,048 bytes = 2 GiB; 2 x 40 / 1,024 = 0.078125."""
    assert bill(topic(), sales={"monthly_messages": 1048576, "message_bytes": 2048}) == {"Published": ("2", "0.078125")}


@prices(TOPIC)
def test_a_request_is_billed_as_a_thousand_bytes_at_least() -> None:
    """1,073,741,824 requests of one message of 100 bytes are billed as 1,000 bytes each: 1,000 GiB = 39.0625."""
    few = {"monthly_messages": GIBI, "message_bytes": 100}
    assert bill(topic(), sales=few) == {"Published": ("1000", "39.0625")}


@prices(TOPIC)
def test_messages_that_share_a_request_share_its_minimum() -> None:
    """10 messages of 300 bytes a request are 3,000 bytes: 1,073,741,824 / 10 x 3,000 / 2^30 = 300 GiB = 11.71875.
    5 of 100 bytes are 500, billed as 1,000: 1,073,741,824 / 5 x 1,000 / 2^30 = 200 GiB = 7.8125."""
    batch = {"monthly_messages": GIBI, "message_bytes": 300, "messages_per_request": 10}
    assert bill(topic(), sales=batch) == {"Published": ("300", "11.71875")}
    small = {"monthly_messages": GIBI, "message_bytes": 100, "messages_per_request": 5}
    assert bill(topic(), sales=small) == {"Published": ("200", "7.8125")}


@prices(TOPIC)
def test_retention_of_a_topic_keeps_bytes_without_a_minimum() -> None:
    """365 x 2^20 messages of 1,024 bytes = 365 GiB a month = 12 GiB a day; kept 7 days: 84 GiB-months x 0.27 = 22.68.
    Published: 365 x 0.0390625 = 14.2578125."""
    kept = topic(messageRetentionDuration="604800s")
    assert bill(kept, sales={"monthly_messages": 365 * 2**20, "message_bytes": 1024}) == {
        "Published": ("365", "14.2578125"),
        "Retained for replay": ("84", "22.68"),
    }


@prices(TOPIC, SUBSCRIPTION)
def test_each_transform_that_is_on_bills_what_it_is_given() -> None:
    """64 GiB x 2 transforms of the topic at 0.0390625 = 5; one of the subscription's two is off: 64 x 0.0390625 = 2.5.
    Published and pulled: 64 GiB each, 2.5."""
    on: dict[str, Any] = {"javascriptUdf": {}}
    off = {**on, "disabled": True}
    flow = {"monthly_messages": 64 * 2**20, "message_bytes": 1024}
    assert bill(topic(messageTransforms=[on, on]), subscription(messageTransforms=[on, off]), sales=flow) == {
        "sales: Published": ("64", "2.5"),
        "sales: Transformed": ("128", "5"),
        "sub: Pulled": ("64", "2.5"),
        "sub: Transformed": ("64", "2.5"),
    }


@prices(TOPIC)
def test_an_import_topic_has_its_own_price_and_no_minimum() -> None:
    """1,024 GiB: from Kinesis 50, from anywhere else 80 a TiB; messages of 100 bytes are billed as 100."""
    flow = {"monthly_messages": 1024 * GIBI / 100, "message_bytes": 100}
    kinesis = bill(topic(ingestionDataSourceSettings={"awsKinesis": {"streamArn": "a"}}), sales=flow)
    assert kinesis == {"Imported": ("1024", "50")}
    storage = bill(topic(ingestionDataSourceSettings={"cloudStorage": {"bucket": "b"}}), sales=flow)
    assert storage == {"Imported": ("1024", "80")}


@prices(SUBSCRIPTION)
@pytest.mark.parametrize(("config", "line"), [("bigqueryConfig", "BigQuery"), ("cloudStorageConfig", "Cloud Storage")])
def test_an_export_costs_50_a_tib_of_its_topics_bytes_without_a_minimum(config: str, line: str) -> None:
    """Its topic's 1,073,741,824 messages of 100 bytes = 100 GiB x 50 / 1,024 = 4.8828125; published at 1,000 bytes each:
    1,000 GiB = 39.0625."""
    flow = {"monthly_messages": GIBI, "message_bytes": 100}
    assert bill(topic(), subscription(**{config: {"table": "t"}}), sales=flow) == {
        "sales: Published": ("1000", "39.0625"),
        f"sub: Exported to {line}": ("100", "4.8828125"),
    }


@prices(SUBSCRIPTION)
def test_a_push_has_one_message_a_request_and_a_pull_as_many_as_it_is_told() -> None:
    """2^30 messages of 100 bytes: pushed 1,000 bytes each = 1,000 GiB = 39.0625. Pulled 20 a request = 2,000 bytes,
    2^30 / 20 x 2,000 / 2^30 = 100 GiB = 3.90625."""
    flow = {"monthly_messages": GIBI, "message_bytes": 100}
    pushed = subscription(pushConfig={"pushEndpoint": "https://x"})
    told = {"messages_per_request": 20}
    assert bill(topic(), pushed, sales=flow, sub=told)["sub: Pushed"] == ("1000", "39.0625")
    assert bill(topic(), subscription(), sales=flow, sub=told)["sub: Pulled"] == ("100", "3.90625")


@prices(SUBSCRIPTION)
def test_a_subscription_may_have_traffic_of_its_own_and_keep_what_was_acknowledged() -> None:
    """Redelivered twice: 730 x 2^20 messages of 1,024 bytes = 730 GiB = 28.515625 pulled. Kept for a day after
    acknowledgement: 730 x 12 / 365 = 24 GiB-months x 0.27 = 6.48. 10 GiB wait for longer than a day: 2.7."""
    flow = {"monthly_messages": 365 * 2**20, "message_bytes": 1024}
    own = {"monthly_messages": 730 * 2**20, "old_backlog_gib": 10}
    kept = subscription(retainAckedMessages=True, messageRetentionDuration="86400s")
    assert {k: v for k, v in bill(topic(), kept, sales=flow, sub=own).items() if k.startswith("sub")} == {
        "sub: Pulled": ("730", "28.515625"),
        "sub: Retained acknowledged messages": ("24", "6.48"),
        "sub: Backlog older than a day": ("10", "2.7"),
    }


@prices(SUBSCRIPTION)
def test_acknowledged_messages_are_kept_for_a_week_unless_told_otherwise() -> None:
    """365 GiB a month = 12 a day x 7 = 84 GiB-months x 0.27 = 22.68."""
    flow = {"monthly_messages": 365 * 2**20, "message_bytes": 1024}
    estimate = bill(topic(), subscription(retainAckedMessages=True), sales=flow)
    assert estimate["sub: Retained acknowledged messages"] == ("84", "22.68")


@prices(SUBSCRIPTION)
def test_a_topic_outside_the_plan_counts_as_nothing_and_is_named() -> None:
    estimate = estimated(subscription(topic="projects/other/topics/unknown"))
    assert estimate.total == 0
    assert estimate.notes == (
        "Subscription 'sub': its topic is outside this plan; without monthly_messages its traffic counts as 0",
    )
    assert "is secret or known only at update" in estimated(subscription(topic=UNKNOWN)).notes[0]
    assert estimated(subscription(topic="x"), sub={"monthly_messages": 0}).notes == ()


def bucket(*rules: tuple[str, dict[str, Any]], keep_deleted_days: int = 0, **props: Any) -> Resource:
    """A bucket whose rules are (`Delete` or a class, condition)."""
    lifecycle = [
        {
            "action": {"type": "Delete"} if what == "Delete" else {"type": "SetStorageClass", "storageClass": what},
            "condition": condition,
        }
        for what, condition in rules
    ]
    policy = {"retentionDurationSeconds": keep_deleted_days * 86400}
    return resource(
        BUCKET, **{"location": "US-CENTRAL1", "softDeletePolicy": policy, "lifecycleRules": lifecycle, **props}
    )


@prices(BUCKET)
def test_what_simply_lies_there_and_what_is_done_with_it() -> None:
    """100 GiB x 0.020 = 2; 10,000 class A x 0.05 / 10,000 = 0.05; 50,000 class B x 0.004 / 10,000 = 0.02;
    10 GiB to the internet x 0.12 = 1.2."""
    did = {"storage_gib": 100, "monthly_class_a_operations": 10000, "monthly_class_b_operations": 50000}
    assert bill(bucket(), it={**did, "monthly_egress_gib": 10}) == {
        "Storage, standard": ("100", "2"),
        "Operations, class A": ("10000", "0.05"),
        "Operations, class B": ("50000", "0.02"),
        "Sent to the internet": ("10", "1.2"),
    }


@prices(BUCKET)
@pytest.mark.parametrize(
    ("storage_class", "price", "class_a", "class_b", "retrieval"),
    [
        ("NEARLINE", "1", "0.1", "0.01", "0.1"),
        ("COLDLINE", "0.4", "0.2", "0.1", "0.2"),
        ("ARCHIVE", "0.12", "0.5", "0.5", "0.5"),
    ],
)
def test_each_class_has_its_own_prices(
    storage_class: str, price: str, class_a: str, class_b: str, retrieval: str
) -> None:
    """100 GiB x 0.010 / 0.004 / 0.0012; 10,000 operations of each kind; 10 GiB read x 0.01 / 0.02 / 0.05."""
    did = {"storage_gib": 100, "monthly_class_a_operations": 10000, "monthly_class_b_operations": 10000}
    name = storage_class.lower()
    assert bill(bucket(storageClass=storage_class), it={**did, "monthly_read_gib": 10}) == {
        f"Storage, {name}": ("100", price),
        f"Retrieval, {name}": ("10", retrieval),
        "Operations, class A": ("10000", class_a),
        "Operations, class B": ("10000", class_b),
    }


@prices(BUCKET)
def test_what_is_written_ages_through_the_classes_until_it_is_deleted() -> None:
    """36.5 GiB a month = 1.2 GiB a day, as 37,376 objects of 1 MiB. Standard to day 30: 36 GiB x 0.02 = 0.72; nearline
    to 90: 72 x 0.01 = 0.72; coldline to 365: 330 x 0.004 = 1.32; soft delete keeps 7 more days of coldline: 8.4 GiB,
    338.4 x 0.004 = 1.3536. Writing 37,376 x 0.000005 = 0.18688; moving them 37,376 x 0.00001 = 0.37376 to nearline,
    x 0.00002 = 0.74752 to coldline. Coldline's 90 days are over: nothing for early deletion.
    Reads of 87.6 GiB come from the 36 + 72 + 330 = 438 that can be read, a fifth of them: nearline 14.4 x 0.01 = 0.144,
    coldline 66 x 0.02 = 1.32, standard for nothing."""
    aging = bucket(("NEARLINE", {"age": 30}), ("COLDLINE", {"age": 90}), ("Delete", {"age": 365}), keep_deleted_days=7)
    assert bill(aging, it={"monthly_written_gib": "36.5", "monthly_read_gib": "87.6"}) == {
        "Storage, standard": ("36", "0.72"),
        "Storage, nearline": ("72", "0.72"),
        "Storage, coldline": ("338.4", "1.3536"),
        "Retrieval, nearline": ("14.4", "0.144"),
        "Retrieval, coldline": ("66", "1.32"),
        "Operations, class A": ("37376", "0.18688"),
        "Transitions to nearline": ("37376", "0.37376"),
        "Transitions to coldline": ("37376", "0.74752"),
    }


@prices(BUCKET)
def test_deletion_before_a_classs_minimum_is_billed_to_the_end_of_it() -> None:
    """1.2 GiB a day, standard to day 10 (12 GiB = 0.24), nearline to 25 (18 GiB = 0.18), deleted 5 days before the 30 that
    nearline lasts at least, counted from the object's first day: 6 GiB x 0.01 = 0.06. Objects of 10 MiB: 3,737.6 written
    (0.018688) and moved (0.037376)."""
    early = bucket(("NEARLINE", {"age": 10}), ("Delete", {"age": 25}))
    assert bill(early, it={"monthly_written_gib": "36.5", "object_mib": 10}) == {
        "Storage, standard": ("12", "0.24"),
        "Storage, nearline": ("18", "0.18"),
        "Early deletion, nearline": ("6", "0.06"),
        "Operations, class A": ("3737.6", "0.018688"),
        "Transitions to nearline": ("3737.6", "0.037376"),
    }


@prices(BUCKET)
def test_without_deletion_the_stock_is_that_after_three_years_or_as_many_months_as_told() -> None:
    """10 GiB a month: 360 GiB after 36 months = 7.2, 60 after six = 1.2, and the estimate says so. 10,240 objects."""
    kept = bill(bucket(), it={"monthly_written_gib": 10})
    assert kept == {"Storage, standard": ("360", "7.2"), "Operations, class A": ("10240", "0.0512")}
    told = {"monthly_written_gib": 10, "after_months": 6}
    assert bill(bucket(), it=told)["Storage, standard"] == ("60", "1.2")
    assert estimated(bucket(), it=told).notes == (
        "Bucket 'it': nothing deletes what is written; its stock is that after 6 months",
    )


LIFECYCLES: dict[str, tuple[tuple[tuple[str, dict[str, Any]], ...], dict[str, str]]] = {
    "never back to a warmer class": (
        (("COLDLINE", {"age": 10}), ("NEARLINE", {"age": 20}), ("Delete", {"age": 90})),
        {"standard": "12", "coldline": "96"},
    ),
    "on one day the coldest": (
        (("COLDLINE", {"age": 10}), ("NEARLINE", {"age": 10}), ("Delete", {"age": 90})),
        {"standard": "12", "coldline": "96"},
    ),
    "at once": ((("NEARLINE", {"age": 0}), ("Delete", {"age": 30})), {"nearline": "36"}),
    "never after deletion": ((("NEARLINE", {"age": 30}), ("Delete", {"age": 30})), {"standard": "36"}),
    "the earliest deletion": ((("Delete", {"age": 60}), ("Delete", {"age": 30})), {"standard": "36"}),
    "rules on a part of the objects say nothing": (
        (("Delete", {"age": 1, "numNewerVersions": 3}), ("Delete", {"matchesPrefixes": ["x"]}), ("Delete", {"age": 30})),
        {"standard": "36"},
    ),
    "conditions that the provider fills in count as unset": (
        (("Delete", {"age": 30, "numNewerVersions": 0, "matchesPrefixes": [], "noAge": False, "createdBefore": ""}),),
        {"standard": "36"},
    ),
}  # fmt: skip


@prices(BUCKET)
@pytest.mark.parametrize("case", LIFECYCLES)
def test_lifecycle_rules_as_cloud_storage_reads_them(case: str) -> None:
    """1.2 GiB a day times the days in each class."""
    rules, stock = LIFECYCLES[case]
    estimate = bill(bucket(*rules), it={"monthly_written_gib": "36.5"})
    assert {name: q for name, (q, _) in estimate.items() if name.startswith("Storage")} == {
        f"Storage, {name}": quantity for name, quantity in stock.items()
    }


@prices(BUCKET)
def test_soft_delete_is_on_unless_it_is_switched_off() -> None:
    """1.2 GiB a day, deleted after 30 days and kept 7 days more: 44.4 GiB x 0.02 = 0.888."""
    silent = bucket(("Delete", {"age": 30}), softDeletePolicy=None)
    assert bill(silent, it={"monthly_written_gib": "36.5"})["Storage, standard"] == ("44.4", "0.888")
    off = bucket(("Delete", {"age": 30}))
    assert bill(off, it={"monthly_written_gib": "36.5"})["Storage, standard"] == ("36", "0.72")


def dataset(**props: Any) -> Resource:
    return resource(DATASET, **{"location": "us-central1", "datasetId": "raw", **props})


@prices(DATASET)
def test_storage_scans_and_streams_of_a_dataset() -> None:
    """100 GiB x 0.023 = 2.3 and 200 that nobody has modified for 90 days x 0.016 = 3.2; 2,048 GiB scanned = 2 TiB x 6.25
    = 12.5; 1,000 MB by insertAll x 0.01 / 200 = 0.05; 40 GB by the Write API x 0.025 = 1."""
    did = {"storage_gib": 100, "long_term_gib": 200, "monthly_scanned_gib": 2048}
    assert bill(dataset(), it={**did, "monthly_insert_all_mb": 1000, "monthly_write_api_gb": 40}) == {
        "Storage, active": ("100", "2.3"),
        "Storage, long-term": ("200", "3.2"),
        "Scanned": ("2", "12.5"),
        "Streamed by insertAll": ("1000", "0.05"),
        "Streamed by the Write API": ("40", "1"),
    }


@prices(DATASET, TABLE)
def test_partitions_age_into_long_term_storage_until_they_expire() -> None:
    """1.2 GiB a day: 90 days active = 108 GiB x 0.023 = 2.484, then to the expiry at 400 days 372 x 0.016 = 5.952.
    Expiring after 60 days there are 72 GiB, all active: 1.656."""
    day = 86_400_000
    long_ = dataset(defaultPartitionExpirationMs=400 * day)
    assert bill(long_, it={"monthly_written_gib": "36.5"}) == {
        "Storage, active": ("108", "2.484"),
        "Storage, long-term": ("372", "5.952"),
    }
    short = resource(TABLE, timePartitioning={"expirationMs": str(60 * day), "type": "DAY"})
    assert bill(short, it={"monthly_written_gib": "36.5"}) == {"Storage, active": ("72", "1.656")}


@prices(TABLE)
def test_what_never_expires_is_taken_after_three_years() -> None:
    """10 GiB a month x 36 = 360 GiB: the last 90 days, 10 x 90 x 12 / 365 = 29.589041096, are active x 0.023
    = 0.680547945208; 330.410958904 are long-term x 0.016 = 5.286575342464."""
    assert bill(resource(TABLE), it={"monthly_written_gib": 10}) == {
        "Storage, active": ("29.589041096", "0.680547945208"),
        "Storage, long-term": ("330.410958904", "5.286575342464"),
    }


@prices(TABLE)
def test_a_view_holds_nothing() -> None:
    assert bill(resource(TABLE, view={"query": "select 1"}), it={"storage_gib": 5}) == {}
    assert bill(resource(TABLE, externalDataConfiguration={"sourceUris": []}), it={"storage_gib": 5}) == {}


@prices(DATASET)
def test_the_us_multi_region_has_its_own_price() -> None:
    """100 GiB x 0.02 + 100 x 0.01."""
    estimate = bill(dataset(location="US"), it={"storage_gib": 100, "long_term_gib": 100})
    assert estimate == {"Storage, active": ("100", "2"), "Storage, long-term": ("100", "1")}


@prices(DATASET)
def test_physical_billing_says_that_it_needs_a_share() -> None:
    estimate = estimated(dataset(storageBillingModel="PHYSICAL"), it={"storage_gib": 1})
    assert estimate.notes == (
        "Dataset 'it': is billed by physical bytes, at twice the price: physical_share says how many a logical one takes",
    )


@prices(BUCKET)
def test_a_move_into_the_class_where_an_object_is_begins_no_new_stay() -> None:
    """The minimum of a class counts from the day that an object came into it."""
    rules = [("STANDARD", 5), ("NEARLINE", 10), ("NEARLINE", 20), ("STANDARD", 30), ("COLDLINE", 365)]
    kept = bucket(*((storage_class, {"age": age}) for storage_class, age in rules))
    told = [(stay.storage_class, int(stay.start), int(stay.end)) for stay in stays(kept, Decimal(365))[0]]
    assert told == [("STANDARD", 0, 10), ("NEARLINE", 10, 365)]
