"""Pub/Sub: throughput, exports, retention. Billed by bytes, at least 1,000 a request (cloud.google.com/pubsub/pricing)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from pydantic import Field

from fastyle_policies.model import UNKNOWN, flag, seconds
from fastyle_policies.pricing.lines import DAYS, GIB, amount
from fastyle_policies.pricing.services.base import Bill, Usage, prices, text, usage_key

TOPIC = "gcp:pubsub/topic:Topic"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
MINIMUM_REQUEST = Decimal(1000)
DAY = Decimal(86400)


class TopicUsage(Usage):
    monthly_messages: Decimal = usage_key("messages published")
    message_bytes: Decimal = usage_key(
        "bytes of a message as billed: data, attributes' keys and values, id, 20 for the time", default=1000
    )
    messages_per_request: Decimal = Field(default=Decimal(1), ge=1, description="messages in a publish request")


class SubscriptionUsage(Usage):
    monthly_messages: Decimal | None = usage_key(
        "messages delivered, redeliveries included; its topic's when absent", default=None
    )
    message_bytes: Decimal | None = usage_key("as of a topic; its topic's when absent", default=None)
    messages_per_request: Decimal = Field(
        default=Decimal(1), ge=1, description="messages in a pull response; a push always has one"
    )
    old_backlog_gib: Decimal = usage_key("GiB that wait for longer than a day, on average over the month")


def gib(messages: Decimal, size: Decimal, batch: Decimal) -> Decimal:
    """Billed GiB of `messages` of `size` bytes, `batch` in a request."""
    return messages / batch * max(size * batch, MINIMUM_REQUEST) / GIB


@prices(TOPIC)
def topic(bill: Bill, usage: TopicUsage) -> None:
    stored = usage.monthly_messages * usage.message_bytes / GIB
    plain = f"{text(usage.monthly_messages)} messages x {text(usage.message_bytes)} bytes"
    source = bill.get("ingestionDataSourceSettings")
    if isinstance(source, Mapping) and source:
        # Besides Kinesis: Cloud Storage, Azure Event Hubs, MSK, Confluent Cloud; none has a free tier.
        rate = "pubsub.kinesis-import" if source.get("awsKinesis") else "pubsub.import"
        bill.add(rate, stored, plain, name="Imported", usage=True)
    else:
        _throughput(bill, usage.monthly_messages, usage.message_bytes, usage.messages_per_request, "Published")
    if days := amount(seconds(bill.value("messageRetentionDuration", None)) or 0) / DAY:
        _retained(bill, stored, days, "", name="Retained for replay")
    _transforms(bill, stored)


def _throughput(bill: Bill, messages: Decimal, size: Decimal, batch: Decimal, name: str) -> None:
    words = f"{text(messages)} messages / {text(batch)} a request x max({text(size * batch)}, 1,000) bytes"
    bill.add("pubsub.throughput", gib(messages, size, batch), words, name=name, usage=True)


def _retained(bill: Bill, stored: Decimal, days: Decimal, since: str, *, name: str) -> None:
    words = f"{text(stored)} GiB a month kept for {text(days)} of {text(DAYS)} days{since}"
    bill.add("pubsub.retention", stored * days / DAYS, words, name=name, usage=True)


def _transforms(bill: Bill, volume: Decimal) -> None:
    """Each transform that is on bills what it is given; what it makes is taken to be as large."""
    if count := sum(block.get("disabled") is not True for block in bill.blocks("messageTransforms")):
        words = f"{text(volume)} GiB x {count} transforms"
        bill.add("pubsub.transform", volume * count, words, name="Transformed", usage=True)


@prices(SUBSCRIPTION)
def subscription(bill: Bill, usage: SubscriptionUsage) -> None:
    messages, size = _delivered(bill, usage)
    stored = messages * size / GIB
    plain = f"{text(messages)} messages x {text(size)} bytes"
    if bill.there("bigqueryConfig"):  # without a further fee for what BigQuery takes in
        bill.add("pubsub.bigquery-export", stored, plain, name="Exported to BigQuery", usage=True)
    elif bill.there("cloudStorageConfig"):
        bill.add("pubsub.storage-export", stored, plain, name="Exported to Cloud Storage", usage=True)
    else:
        push = bill.there("pushConfig")
        batch = Decimal(1) if push else usage.messages_per_request
        _throughput(bill, messages, size, batch, "Pushed" if push else "Pulled")
    if flag(bill.get("retainAckedMessages")) is True:
        days = amount(seconds(bill.value("messageRetentionDuration", "604800s")) or 0) / DAY
        _retained(bill, stored, days, " after acknowledgement", name="Retained acknowledged messages")
    _transforms(bill, stored)
    bill.used_if_any("pubsub.retention", usage.old_backlog_gib, "GiB on average", name="Backlog older than a day")


def _delivered(bill: Bill, usage: SubscriptionUsage) -> tuple[Decimal, Decimal]:
    """Messages and their size: the subscription's own, else those of the topic it hangs on."""
    value = bill.resource.get("topic")
    topic = bill.plan.linked(bill.resource, "topic", TOPIC, "id", "name")
    above = bill.plan.usage.of(topic, TopicUsage) if topic else TopicUsage()
    if not topic and usage.monthly_messages is None:
        where = "is secret or known only at update" if value is UNKNOWN else "is outside this plan"
        bill.note(f"its topic {where}; without monthly_messages its traffic counts as 0")
    messages = above.monthly_messages if usage.monthly_messages is None else usage.monthly_messages
    return messages, above.message_bytes if usage.message_bytes is None else usage.message_bytes
