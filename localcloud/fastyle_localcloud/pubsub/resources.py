"""What the API accepts for a topic or a subscription, and the defaults it fills in.

Limits: the API reference of projects.topics and projects.subscriptions.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from fastyle_localcloud.pubsub import filters
from fastyle_localcloud.pubsub.errors import invalid, unimplemented
from fastyle_localcloud.pubsub.messages import SUBSCRIPTION_ACTIVE, TOPIC_ACTIVE

DAY = 86_400
MINUTE = 60
_ID = re.compile(r"[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}")
_TABLE = re.compile(r"[^.:]+\.[A-Za-z0-9_]+\.[^.:]+")
_DATETIME_PARTS = ("YYYY", "MM", "DD", "hh", "mm", "ss")


def check_name(name: str, kind: str) -> None:
    """`projects/<p>/<kind>/<id>`, or INVALID_ARGUMENT that says what a name looks like."""
    segments = name.split("/")
    if len(segments) != 4 or segments[0] != "projects" or not segments[1] or segments[2] != kind:
        raise invalid(f"Invalid resource name given (name={name}): write projects/<project>/{kind}/<id>.")
    if not _ID.fullmatch(segments[3]) or segments[3].startswith("goog"):
        raise invalid(
            f"Invalid resource name given (name={name}): the id is 3-255 of A-Z a-z 0-9 - _ . ~ + %,"
            " starts with a letter and not with 'goog'."
        )


def seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


def back_off(sub: Any, failures: int) -> float:
    """Delay before a subscription's next attempt: its retry policy's exponential one, else at once for pull."""
    if sub.HasField("retry_policy"):
        low, high = seconds(sub.retry_policy.minimum_backoff), seconds(sub.retry_policy.maximum_backoff)
    elif sub.push_config.push_endpoint or sub.HasField("bigquery_config"):
        # Push without a policy backs off from 100 ms to a minute (guide "Push subscriptions").
        low, high = 0.1, 60.0
    else:
        return 0.0
    return float(min(high, low * 2 ** min(failures - 1, 30)))


def check_topic(topic: Any) -> None:
    """Refuse what the API refuses and what is not served here; fill in the state."""
    check_name(topic.name, "topics")
    _check_labels(topic.labels)
    if topic.HasField("message_retention_duration"):
        _within("message_retention_duration", seconds(topic.message_retention_duration), 10 * MINUTE, 31 * DAY)
    if topic.HasField("ingestion_data_source_settings"):
        raise unimplemented("ingestion_data_source_settings")
    if topic.message_transforms:
        raise unimplemented("message_transforms")
    topic.state = TOPIC_ACTIVE


def check_subscription(sub: Any) -> None:
    """Refuse what the API refuses and what is not served here; fill in the API's defaults."""
    check_name(sub.name, "subscriptions")
    _check_labels(sub.labels)
    for feature in ("enable_exactly_once_delivery", "message_transforms", "bigtable_config"):
        if any(field.name == feature for field, _ in sub.ListFields()):
            raise unimplemented(feature)
    if sub.ack_deadline_seconds == 0:
        sub.ack_deadline_seconds = 10
    _within("ack_deadline_seconds", sub.ack_deadline_seconds, 10, 600)
    if not sub.HasField("message_retention_duration"):
        sub.message_retention_duration.seconds = 7 * DAY
    _within("message_retention_duration", seconds(sub.message_retention_duration), 10 * MINUTE, 31 * DAY)
    if not sub.HasField("expiration_policy"):
        sub.expiration_policy.ttl.seconds = 31 * DAY
    elif sub.expiration_policy.HasField("ttl") and seconds(sub.expiration_policy.ttl) < DAY:
        raise invalid("expiration_policy.ttl must be at least 1 day; leave it out for a subscription that never ends.")
    if len(sub.filter) > 256:
        raise invalid(f"filter is {len(sub.filter)} characters long; at most 256 are allowed.")
    if sub.filter:
        filters.parse(sub.filter)
    if sub.HasField("retry_policy"):
        _check_retry_policy(sub.retry_policy)
    if sub.HasField("dead_letter_policy"):
        check_name(sub.dead_letter_policy.dead_letter_topic, "topics")
        if sub.dead_letter_policy.max_delivery_attempts == 0:
            sub.dead_letter_policy.max_delivery_attempts = 5
        _within("dead_letter_policy.max_delivery_attempts", sub.dead_letter_policy.max_delivery_attempts, 5, 100)
    _check_delivery(sub)
    sub.state = SUBSCRIPTION_ACTIVE


def _check_retry_policy(policy: Any) -> None:
    if not policy.HasField("minimum_backoff"):
        policy.minimum_backoff.seconds = 10
    if not policy.HasField("maximum_backoff"):
        policy.maximum_backoff.seconds = 600
    low, high = seconds(policy.minimum_backoff), seconds(policy.maximum_backoff)
    _within("retry_policy.minimum_backoff", low, 0, 600)
    _within("retry_policy.maximum_backoff", high, 0, 600)
    if low > high:
        raise invalid(f"retry_policy.minimum_backoff ({low:g}s) must not exceed maximum_backoff ({high:g}s).")


def _check_delivery(sub: Any) -> None:
    push = bool(sub.push_config.push_endpoint)
    bigquery, storage = sub.HasField("bigquery_config"), sub.HasField("cloud_storage_config")
    if push + bigquery + storage > 1:
        raise invalid("push_config, bigquery_config and cloud_storage_config exclude each other: set one.")
    if push:
        url = urlsplit(sub.push_config.push_endpoint)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise invalid(f"push_config.push_endpoint ({sub.push_config.push_endpoint}) must be a full http(s) URL.")
    if bigquery:
        _check_bigquery(sub.bigquery_config)
    if storage:
        _check_storage(sub.cloud_storage_config, sub.ack_deadline_seconds)


def _check_bigquery(config: Any) -> None:
    if not _TABLE.fullmatch(config.table):
        raise invalid(f"bigquery_config.table ({config.table}) must be <project>.<dataset>.<table>.")
    if config.use_topic_schema and config.use_table_schema:
        raise invalid("bigquery_config.use_topic_schema and use_table_schema exclude each other: set one.")


def _check_storage(config: Any, ack_deadline: int) -> None:
    if not config.bucket or "/" in config.bucket:
        raise invalid(f"cloud_storage_config.bucket ({config.bucket}) must be a bare bucket name, without gs://.")
    if config.filename_suffix.endswith("/"):
        raise invalid("cloud_storage_config.filename_suffix must not end in '/'.")
    wanted = config.filename_datetime_format
    if wanted:
        wrong = [part for part in _DATETIME_PARTS if wanted.count(part) != 1]
        if wrong:
            raise invalid(
                f"cloud_storage_config.filename_datetime_format ({wanted}) must have each of"
                f" {', '.join(_DATETIME_PARTS)} once; wrong: {', '.join(wrong)}."
            )
    if not config.HasField("max_duration"):
        config.max_duration.seconds = 5 * MINUTE
    duration = seconds(config.max_duration)
    _within("cloud_storage_config.max_duration", duration, MINUTE, 10 * MINUTE)
    if duration > ack_deadline:
        raise invalid(
            f"cloud_storage_config.max_duration ({duration:g}s) may not exceed ack_deadline_seconds ({ack_deadline}s):"
            " raise ack_deadline_seconds."
        )
    if config.max_bytes:
        _within("cloud_storage_config.max_bytes", config.max_bytes, 1_000, 10 * 2**30)
    if config.max_messages:
        _within("cloud_storage_config.max_messages", config.max_messages, 1_000, 2**63)
    if config.WhichOneof("output_format") is None:
        config.text_config.SetInParent()


def _check_labels(labels: Any) -> None:
    if len(labels) > 64:
        raise invalid(f"{len(labels)} labels given; at most 64 are allowed.")
    for key, value in labels.items():
        if not re.fullmatch(r"[^\W\d_][-\w]{0,62}", key) or key != key.lower():
            raise invalid(f"label key {key!r} must be 1-63 lower-case letters, digits, - or _, a letter first.")
        if len(value) > 63 or not re.fullmatch(r"[-\w]*", value) or value != value.lower():
            raise invalid(f"label {key}={value!r} must be at most 63 lower-case letters, digits, - or _.")


def _within(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise invalid(f"{field} is {value:g}; it must be from {low:g} to {high:g}.")
