"""Pub/Sub: limits of Google's documentation that no preview of the real provider checks."""

from fastyle_localcloud.provider.vocabulary import (
    Reference,
    Rules,
    at_most_one,
    between,
    check,
    duration,
    grant,
    labels,
    length,
    matches,
    needs,
    one_of,
)

_DAY = 86400
_NAME = matches(
    "name",
    r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}",
    "is not a Pub/Sub id: 3 to 255 letters, digits and -_.~+%, a letter first, not starting with goog",
)
_TOPIC = Reference("topic", "pubsub.Topic", "projects/{project}/topics/{value}")

RULES = {
    "pubsub.Schema": Rules(
        id="projects/{project}/schemas/{name}",
        replaces=("type",),
        checks=(_NAME, one_of("type", "AVRO", "PROTOCOL_BUFFER"), length("definition", 1, 50 * 1024, "bytes")),
    ),
    "pubsub.Topic": Rules(
        id="projects/{project}/topics/{name}",
        checks=(
            _NAME,
            labels(),
            duration("messageRetentionDuration", 600, 31 * _DAY),
            one_of("schemaSettings.encoding", "JSON", "BINARY"),
        ),
        references=(Reference("schemaSettings.schema", "pubsub.Schema"),),
    ),
    "pubsub.Subscription": Rules(
        id="projects/{project}/subscriptions/{name}",
        replaces=("topic", "filter", "enableMessageOrdering"),
        checks=(
            _NAME,
            labels(),
            at_most_one("", "pushConfig", "bigqueryConfig", "cloudStorageConfig"),
            between("ackDeadlineSeconds", 10, 600, "seconds"),
            duration("messageRetentionDuration", 600, 31 * _DAY),
            check(
                "expirationPolicy.ttl",
                lambda v: v == "" or _at_least_a_day(v),
                "is neither empty (never) nor a day or more",
            ),
            duration("retryPolicy.minimumBackoff", 0, 600),
            duration("retryPolicy.maximumBackoff", 0, 600),
            between("deadLetterPolicy.maxDeliveryAttempts", 5, 100, "attempts"),
            length("filter", 1, 256),
            at_most_one("bigqueryConfig", "useTopicSchema", "useTableSchema"),
            matches("bigqueryConfig.table", r"[a-z][a-z0-9-]+\.\w+\.[\w$-]+", "is not project.dataset.table"),
            matches("cloudStorageConfig.bucket", r"(?!gs://)[a-z0-9._-]+", "is not a bare bucket name"),
            duration("cloudStorageConfig.maxDuration", 60, 600),
            between("cloudStorageConfig.maxBytes", 1024, 10 * 1024**3, "bytes"),
            between("cloudStorageConfig.maxMessages", 1000, 10**9, "messages"),
            matches("pushConfig.pushEndpoint", r"https?://.+", "is not a URL"),
            needs("pushConfig.oidcToken", "audience", "serviceAccountEmail"),
        ),
        defaults={"ackDeadlineSeconds": 10, "messageRetentionDuration": "604800s"},
        references=(
            _TOPIC,
            Reference("deadLetterPolicy.deadLetterTopic", "pubsub.Topic"),
            Reference("cloudStorageConfig.bucket", "storage.Bucket"),
        ),
    ),
    "pubsub.TopicIAMMember": grant("projects/{project}/topics/{topic}", references=(_TOPIC,)),
    "pubsub.SubscriptionIAMMember": grant(
        "projects/{project}/subscriptions/{subscription}",
        references=(Reference("subscription", "pubsub.Subscription", "projects/{project}/subscriptions/{value}"),),
    ),
}


def _at_least_a_day(ttl: str) -> bool:
    return ttl.endswith("s") and ttl[:-1].replace(".", "", 1).isdigit() and float(ttl[:-1]) >= _DAY
