"""Google's own worked examples, reckoned by the estimator. Each names the page that works it out.

Google's months differ from example to example (30 days, 720 hours); ours is 730 hours and 365 / 12 days. Where that
matters the test scales the line by the ratio, and says so.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from fastyle_policies.pricing.lines import DAYS, HOURS
from fastyle_policies.pricing.report import plain

from policy_pricing.bills import bill, estimated, resource

TOPIC = "gcp:pubsub/topic:Topic"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
MIB = 1024**2


def cents(value: Decimal) -> Decimal:
    return round(value, 2)


@pytest.mark.parametrize(("batch", "kilobytes"), [(1, 100), (100, 50)])
def test_pubsub_minimum_of_a_request(batch: int, kilobytes: int) -> None:
    """cloud.google.com/pubsub/pricing, "Minimum billable volume": 100 publish requests of one 500-byte message are billed
    as 100 KB; all 100 messages in one request as 50 KB. A million times that, to be seen in nine decimal places."""
    used = {"monthly_messages": 100 * 10**6, "message_bytes": 500, "messages_per_request": batch}
    quantity, _ = bill(resource(TOPIC), it=used)["Published"]
    assert round(Decimal(quantity) * 1024**3 / 10**6) == kilobytes * 1000


def test_pubsub_a_mebibyte_published_and_delivered_is_two() -> None:
    """cloud.google.com/pubsub/pricing, "Data region egress fees": 1 MiB published and delivered is 2 MiB of the SKU
    Message Delivery Basic. 1,024 of them: 2 GiB."""
    estimate = estimated(
        resource(TOPIC, "topic", name="t"),
        resource(SUBSCRIPTION, "sub", topic="t"),
        topic={"monthly_messages": 1024, "message_bytes": MIB},
    )
    assert [credit.used for credit in estimate.credits] == [2]


def test_pubsub_ingestion_with_two_subscriptions() -> None:
    """The same page, "Example: message ingestion and delivery" (until June 2019, at 60 USD a TiB): 1 MiB a second to two
    subscriptions over 30 days is 7.416 TiB, after the free 10 GB 7.406 TiB in the $60/TiB tier, $444.36. Ours at 40 a
    TiB: the same 7.406 TiB, two thirds of the charge."""
    seconds = 30 * 24 * 3600
    estimate = estimated(
        resource(TOPIC, "topic", name="t"),
        resource(SUBSCRIPTION, "one", topic="t"),
        resource(SUBSCRIPTION, "two", topic="t"),
        topic={"monthly_messages": seconds, "message_bytes": MIB},
    )
    assert round(estimate.list_price / 40, 3) == Decimal("7.416")
    assert round(estimate.total / 40, 3) == round(Decimal("444.36") / 60, 3) == Decimal("7.406")


@pytest.mark.parametrize(
    ("mebibytes", "subscriptions", "usd"), [(10, 1, 2000), (10, 2, 3000), (100, 1, 19760), (100, 2, 29640)]
)
def test_pubsub_monthly_cost_of_sample_loads(mebibytes: int, subscriptions: int, usd: int) -> None:
    """docs.cloud.google.com/pubsub/lite/pricing, "Pricing examples", column Pub/Sub: 100 MiBps and one subscription are
    $19,760, two $29,640: 494 and 741 whole TiB of 30 days x 40. At 10 MiBps the table rounds to thousands."""
    estimate = estimated(
        resource(TOPIC, "topic", name="t"),
        *(resource(SUBSCRIPTION, f"sub{n}", topic="t") for n in range(subscriptions)),
        topic={"monthly_messages": mebibytes * 30 * 24 * 3600, "message_bytes": MIB},
    )
    whole_tib = int(estimate.list_price / 40)
    assert whole_tib * 40 == usd if mebibytes == 100 else round(estimate.list_price, -3) == usd


def test_storage_simple_example() -> None:
    """cloud.google.com/storage/pricing-examples, "Simple example": 50 GB of standard storage in a region $1.00, 10,000
    class A operations $0.05, 50,000 class B $0.02, 1 GB of outbound transfer $0.12: $1.19, without what is always free."""
    used = {
        "storage_gib": 50,
        "monthly_class_a_operations": 10_000,
        "monthly_class_b_operations": 50_000,
        "monthly_egress_gib": 1,
    }
    estimate = estimated(resource("gcp:storage/bucket:Bucket", location="US-CENTRAL1"), it=used)
    assert [cents(line.monthly) for _, line in estimate.lines()] == [
        Decimal(c) for c in ("1.00", "0.05", "0.02", "0.12")
    ]
    assert cents(estimate.list_price) == Decimal("1.19")
    # With what is always free: 5 GB, 5,000 and 50,000 operations, and the first GB sent.
    assert plain(estimate.total) == "0.925"


def test_storage_nearline_early_deletion() -> None:
    """Cloud Storage's page of April 2014, "Nearline Storage": 1,000 GB stored on day 1 and removed on day 15 of a 30-day
    month cost $5 for storage and $5 for 15 days of early deletion. Ours is a month of 365 / 12 days."""
    rules = [{"action": {"type": "Delete"}, "condition": {"age": 15}}]
    bucket = resource(
        "gcp:storage/bucket:Bucket",
        storageClass="NEARLINE",
        lifecycleRules=rules,
        softDeletePolicy={"retentionDurationSeconds": 0},
    )
    estimate = bill(bucket, it={"monthly_written_gib": 1000})
    for line in ("Storage, nearline", "Early deletion, nearline"):
        assert cents(Decimal(estimate[line][1]) * DAYS / 30) == 5


@pytest.mark.parametrize(("vms", "gib", "usd"), [(14, 100, "18.61"), (36, 200, "40.68")])
def test_nat_gateway_of_14_and_of_36_vms(vms: int, gib: int, usd: str) -> None:
    """cloud.google.com/nat/pricing, "Pricing example", a gateway of 720 hours: 14 VMs and 100 GiB (0.0014 x 14 x 720 +
    100 x 0.045 = $18.61), 36 VMs and 200 GiB (0.044 x 720 + 200 x 0.045 = $40.68). Ours runs 730 hours; the example has
    no addresses in it."""
    nat = resource("gcp:compute/routerNat:RouterNat", natIpAllocateOption="MANUAL_ONLY")
    estimate = bill(nat, it={"vms": vms, "monthly_processed_gib": gib})
    gateway, data = (Decimal(estimate[line][1]) for line in ("Gateway", "Data processed"))
    assert cents(gateway * 720 / HOURS + data) == Decimal(usd)


def test_scheduler_five_projects_of_two_jobs() -> None:
    """cloud.google.com/scheduler/pricing, "Free usage": 5 projects with 2 jobs each are 3 free jobs and 7 paid ones."""
    jobs = [resource("gcp:cloudscheduler/job:Job", f"project-{n // 2}-{n % 2}") for n in range(10)]
    assert plain(estimated(*jobs).total) == "0.7"


def test_bigquery_a_tebibyte_for_half_a_month() -> None:
    """cloud.google.com/bigquery/pricing, "Storage pricing" (of 2015, at 0.020): 1 TB stored for half of a month costs $10.
    1,024 GiB for 15.2 of 30.4 days, in the US multi-region, whose price that still is: 1,024 / 2 x 0.02 = 10.24, which
    is $10 by terabytes of 1,000."""
    dataset = resource("gcp:bigquery/dataset:Dataset", location="US")
    assert plain(estimated(dataset, it={"storage_gib": 512}).list_price) == "10.24"
    assert plain(estimated(dataset, it={"storage_gib": 500}).list_price) == "10"


def test_composer_is_billed_for_the_time_it_runs() -> None:
    """cloud.google.com/composer/pricing: "if your environment uses 1 DCU for 1 hour, this is equal to using 1000
    milliDCU-hours", at $0.06 for 1,000: 730 hours of one DCU are 43.8."""
    environment = resource(
        "gcp:composer/environment:Environment", config={"softwareConfig": {"imageVersion": "composer-3"}}
    )
    line = next(line for _, line in estimated(environment).lines() if line.name == "Infrastructure, small")
    assert plain(line.monthly / line.quantity * HOURS) == "43.8"
