"""An event stream: topic, schema, dead letters, and the ways out of it."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, after, days, given, held, in_range, optional, token
from fastyle_components.grants import holders, keyed


def _never() -> "gcp.pubsub.SubscriptionExpirationPolicyArgs":
    """No expiration: unset, Pub/Sub deletes a subscription after 31 idle days, with its backlog."""
    return gcp.pubsub.SubscriptionExpirationPolicyArgs(ttl="")


@dataclass(frozen=True, kw_only=True)
class BigQueryExportArgs(Args):
    """A subscription that writes each message as a row of a table."""

    table: pulumi.Input[str]
    """`<project>.<dataset>.<table>`, of the stream's project, with the schema's fields and the columns
    subscription_name, message_id, publish_time, attributes."""
    drop_unknown_fields: bool | None = optional(False)
    """Ignore fields that the table lacks. Otherwise such events wait, or become dead letters."""


@dataclass(frozen=True, kw_only=True)
class StorageExportArgs(Args):
    """A subscription that writes messages in batches as objects of a bucket."""

    bucket: pulumi.Input[str]
    """The bucket's bare name, of a `RawLake` that lets Pub/Sub export. Objects are Avro files under `folder`."""
    folder: str | None = None
    """What objects' names begin with, before `/`. Default: the topic's name."""
    batch_seconds: int | None = optional(300, 60, 600, "Pub/Sub's bounds")
    """The longest time an event waits for its file."""


@dataclass(frozen=True, kw_only=True)
class PushArgs(Args):
    """A subscription that sends each message to a service, with an identity token."""

    endpoint: pulumi.Input[str]
    """HTTPS URL, of a service that waits for its invoker grant."""
    service_account_email: pulumi.Input[str]
    """Whose identity token each delivery carries. The deployer needs to act as it."""
    audience: pulumi.Input[str]
    """The token's audience: one of the service's custom audiences, since its URL is not known beforehand."""
    ack_deadline_seconds: int | None = optional(60, 10, 600, "Pub/Sub's bounds")
    """Time to answer."""


@dataclass(frozen=True, kw_only=True)
class EventStreamArgs(Args):
    topic: str
    """Topic name; the dead-letter topic is `<topic>-dead-letter`, subscriptions `<topic>-to-<consumer>`."""
    project_number: str
    """Names Pub/Sub's service agent, which exports and dead-letters."""
    schema_definition: str | None = None
    """Avro schema as canonical JSON. A change is a revision in place. Default: messages are not checked."""
    publishers: dict[str, pulumi.Input[str]] | None = None
    """Members that may publish, by a stable key."""
    dead_letter_publishers: dict[str, pulumi.Input[str]] | None = None
    """Members that may publish dead letters themselves, with the reason, by a stable key."""
    redrivers: dict[str, pulumi.Input[str]] | None = None
    """Members that may read the dead letters and publish them again, by a stable key."""
    bigquery: BigQueryExportArgs | None = None
    storage: StorageExportArgs | None = None
    push: dict[str, PushArgs] | None = None
    """Push subscriptions by consumer."""
    retention_days: int | None = optional(7, 1, 31, "a subscription's bounds")
    """How long a subscription keeps what is not acknowledged."""
    dead_letter_retention_days: int | None = optional(31, 1, 31, "a subscription's bounds")
    """How long a dead letter waits for its mend."""
    max_delivery_attempts: int | None = optional(100, 5, 100, "Pub/Sub's bounds")
    """100 are about 16 hours of back-off: an outage is no poison."""
    minimum_backoff_seconds: int | None = optional(10, 0, 600, "Pub/Sub's bounds")
    maximum_backoff_seconds: int | None = optional(600, 0, 600, "Pub/Sub's bounds")
    labels: dict[str, str] | None = None
    deletion_protection: bool | None = optional(True)
    """Refuse to delete the topics, the dead letters, and every subscription with its backlog."""


class EventStream(pulumi.ComponentResource):
    """A topic whose messages are checked against one schema, delivered everywhere, and never silently lost.

    Owns the topic, its schema, the dead-letter topic with a subscription that holds what arrives there (without
    one Pub/Sub drops it), one subscription per consumer, and every grant these need: Pub/Sub's service agent
    writes the table, publishes dead letters, and acknowledges what it dead-lettered.
    It does not own tables, buckets or services, nor what several streams share: a bucket's grants to Pub/Sub (see
    `RawLake`), the invoker grant of the service it pushes to.
    Bounds: https://cloud.google.com/pubsub/quotas and the API's reference.
    """

    topic: pulumi.Output[str]
    """`projects/<project>/topics/<topic>`; waits for the publishers' grants."""
    dead_letter_topic: pulumi.Output[str]
    """Full name; waits for its publishers' grants."""
    dead_letter_subscription: pulumi.Output[str]
    """Full name of the subscription that holds the dead letters."""
    subscriptions: pulumi.Output[dict[str, str]]
    """Full names by consumer: `bigquery`, `lake`, and each key of `push`."""

    def __init__(self, name: str, args: EventStreamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        self._args = args = EventStreamArgs.complete(args, name)
        _check(name, args)
        self._child = pulumi.ResourceOptions(parent=self)
        protected = given(args.deletion_protection)
        self._held, self._deletion_policy = held(self, protected), "PREVENT" if protected else "DELETE"
        self._agent = f"serviceAccount:service-{args.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"

        self._topic = self._make_topic("topic", args.topic, args.schema_definition)
        self._dead = self._make_topic("dead-letter", f"{args.topic}-dead-letter", None)
        # Whoever redrives publishes, too: one grant, whichever of the two names a member.
        publishers = keyed(f"{name}-publisher", args.publishers) | keyed(f"{name}-redriver", args.redrivers)
        dead_publishers = keyed(f"{name}-dead-letter-publisher", args.dead_letter_publishers)
        dead_publishers[f"{name}-dead-letter-agent"] = self._agent
        publish = self._may_publish(self._topic, "publisher", publishers)
        self._publish_dead = self._may_publish(self._dead, "dead-letter-publisher", dead_publishers)
        hold = self._hold()

        made: dict[str, gcp.pubsub.Subscription] = {}
        if args.bigquery:
            made["bigquery"] = self._to_bigquery(args.bigquery)
        if args.storage:
            made["lake"] = self._to_storage(args.storage)
        made |= {key: self._to_push(key, push) for key, push in (args.push or {}).items()}

        self.topic = after(_topic_id(self._topic), *publish)
        self.dead_letter_topic = after(_topic_id(self._dead), *self._publish_dead)
        self.dead_letter_subscription = _subscription_id(hold)
        self.subscriptions = pulumi.Output.all(**{key: _subscription_id(s) for key, s in made.items()})
        self.register_outputs(
            {
                "topic": self.topic,
                "dead_letter_topic": self.dead_letter_topic,
                "dead_letter_subscription": self.dead_letter_subscription,
                "subscriptions": self.subscriptions,
            }
        )

    def _make_topic(self, key: str, topic: str, definition: str | None) -> "gcp.pubsub.Topic":
        args, settings = self._args, None
        if definition is not None:
            schema = gcp.pubsub.Schema(
                f"{self.pulumi_resource_name}-schema", name=topic, type="AVRO", definition=definition, opts=self._child
            )
            name = pulumi.Output.concat("projects/", schema.project, "/schemas/", schema.name)
            settings = gcp.pubsub.TopicSchemaSettingsArgs(schema=name, encoding="JSON")
        return gcp.pubsub.Topic(
            f"{self.pulumi_resource_name}-{key}",
            name=topic,
            schema_settings=settings,
            deletion_policy=self._deletion_policy,
            labels=args.labels,
            opts=self._held,
        )

    def _may_publish(
        self, topic: "gcp.pubsub.Topic", what: str, members: dict[str, pulumi.Input[str]]
    ) -> list[pulumi.Resource]:
        name = self.pulumi_resource_name
        return [
            gcp.pubsub.TopicIAMMember(
                holder.name,
                topic=topic.name,
                role="roles/pubsub.publisher",
                member=holder.member,
                opts=holder.opts(self),
            )
            for holder in holders(f"EventStream {name!r}", f"{name}-{what}", members)
        ]

    def _hold(self) -> "gcp.pubsub.Subscription":
        name = self.pulumi_resource_name
        retention = given(self._args.dead_letter_retention_days)
        hold = gcp.pubsub.Subscription(
            f"{name}-dead-letter-hold",
            name=f"{self._args.topic}-dead-letter-hold",
            topic=_topic_id(self._dead),
            ack_deadline_seconds=60,
            message_retention_duration=days(retention),
            expiration_policy=_never(),
            deletion_policy=self._deletion_policy,
            labels=self._args.labels,
            opts=self._held,
        )
        redrivers = keyed(f"{name}-redriver", self._args.redrivers)
        for holder in holders(f"EventStream {name!r}", f"{name}-redriver", redrivers):
            gcp.pubsub.SubscriptionIAMMember(
                holder.name,
                subscription=hold.name,
                role="roles/pubsub.subscriber",
                member=holder.member,
                opts=holder.opts(self),
            )
        return hold

    def _subscription(
        self,
        key: str,
        ack_deadline_seconds: int,
        waits: list[pulumi.Resource],
        *,
        bigquery: "gcp.pubsub.SubscriptionBigqueryConfigArgs | None" = None,
        storage: "gcp.pubsub.SubscriptionCloudStorageConfigArgs | None" = None,
        push: "gcp.pubsub.SubscriptionPushConfigArgs | None" = None,
    ) -> "gcp.pubsub.Subscription":
        args, name = self._args, self.pulumi_resource_name
        subscription = gcp.pubsub.Subscription(
            f"{name}-to-{key}",
            name=f"{args.topic}-to-{key}",
            topic=_topic_id(self._topic),
            ack_deadline_seconds=ack_deadline_seconds,
            message_retention_duration=days(given(args.retention_days)),
            expiration_policy=_never(),
            retry_policy=gcp.pubsub.SubscriptionRetryPolicyArgs(
                minimum_backoff=f"{args.minimum_backoff_seconds}s",
                maximum_backoff=f"{args.maximum_backoff_seconds}s",
            ),
            dead_letter_policy=gcp.pubsub.SubscriptionDeadLetterPolicyArgs(
                dead_letter_topic=_topic_id(self._dead),
                max_delivery_attempts=args.max_delivery_attempts,
            ),
            bigquery_config=bigquery,
            cloud_storage_config=storage,
            push_config=push,
            deletion_policy=self._deletion_policy,  # its backlog would go with it
            labels=args.labels,
            opts=pulumi.ResourceOptions.merge(
                self._held, pulumi.ResourceOptions(depends_on=[*self._publish_dead, *waits])
            ),
        )
        gcp.pubsub.SubscriptionIAMMember(
            f"{name}-to-{key}-agent",
            subscription=subscription.name,
            role="roles/pubsub.subscriber",
            member=self._agent,
            opts=self._child,
        )
        return subscription

    def _to_bigquery(self, export: BigQueryExportArgs) -> "gcp.pubsub.Subscription":
        parts = pulumi.Output.from_input(export.table).apply(lambda table: table.split("."))
        writes = gcp.bigquery.IamMember(
            f"{self.pulumi_resource_name}-writes-table",
            project=self._topic.project,
            dataset_id=parts.apply(lambda names: names[-2]),
            table_id=parts.apply(lambda names: names[-1]),
            role="roles/bigquery.dataEditor",
            member=self._agent,
            opts=self._child,
        )
        config = gcp.pubsub.SubscriptionBigqueryConfigArgs(
            table=export.table,
            use_topic_schema=self._args.schema_definition is not None,
            use_table_schema=self._args.schema_definition is None,
            write_metadata=True,
            drop_unknown_fields=export.drop_unknown_fields,
        )
        return self._subscription("bigquery", 60, [writes], bigquery=config)

    def _to_storage(self, export: StorageExportArgs) -> "gcp.pubsub.Subscription":
        config = gcp.pubsub.SubscriptionCloudStorageConfigArgs(
            bucket=export.bucket,
            filename_prefix=f"{export.folder or self._args.topic}/",
            filename_suffix=".avro",
            filename_datetime_format="YYYY-MM-DD/hh_mm_ssZ",
            max_duration=f"{export.batch_seconds}s",
            avro_config=gcp.pubsub.SubscriptionCloudStorageConfigAvroConfigArgs(
                write_metadata=True, use_topic_schema=False
            ),
        )
        # A file's events are acknowledged once it is written: the deadline must outlast the batch.
        return self._subscription("lake", 600, [], storage=config)

    def _to_push(self, key: str, push: PushArgs) -> "gcp.pubsub.Subscription":
        config = gcp.pubsub.SubscriptionPushConfigArgs(
            push_endpoint=push.endpoint,
            oidc_token=gcp.pubsub.SubscriptionPushConfigOidcTokenArgs(
                service_account_email=push.service_account_email, audience=push.audience
            ),
        )
        return self._subscription(key, given(push.ack_deadline_seconds), [], push=config)


def _topic_id(topic: "gcp.pubsub.Topic") -> pulumi.Output[str]:
    """Known at preview, unlike `.id`: policies can follow the link."""
    return pulumi.Output.concat("projects/", topic.project, "/topics/", topic.name)


def _subscription_id(subscription: "gcp.pubsub.Subscription") -> pulumi.Output[str]:
    return pulumi.Output.concat("projects/", subscription.project, "/subscriptions/", subscription.name)


def _check(name: str, args: EventStreamArgs) -> None:
    where = f"EventStream {name!r}"
    least, most = given(args.minimum_backoff_seconds), given(args.maximum_backoff_seconds)
    in_range(f"{where}: maximum_backoff_seconds", most, least, 600, "at least the minimum, Pub/Sub's bounds")
    for key in args.push or {}:
        if key in ("bigquery", "lake"):
            raise ArgsError(f"{where}: push consumer {key!r} has the name of an export; name it otherwise")
