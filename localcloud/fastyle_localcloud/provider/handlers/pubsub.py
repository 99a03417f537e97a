"""Topics, schemas and subscriptions in the Pub/Sub stand-in, by Google's own API."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc
from google.api_core.exceptions import AlreadyExists, GoogleAPICallError, NotFound
from google.protobuf import field_mask_pb2, json_format
from google.pubsub_v1 import PublisherAsyncClient, SchemaServiceAsyncClient, SubscriberAsyncClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from fastyle_localcloud.provider.live import Live, Properties, Refused, live

if TYPE_CHECKING:
    from fastyle_localcloud.cloud import LocalCloud

_SCHEMA_TYPES = {"AVRO": types.Schema.Type.AVRO, "PROTOCOL_BUFFER": types.Schema.Type.PROTOCOL_BUFFER}
_TOPIC_FIELDS = ("labels", "messageRetentionDuration", "schemaSettings", "messageStoragePolicy")
_SUBSCRIPTION_FIELDS = (
    "ackDeadlineSeconds",
    "retainAckedMessages",
    "messageRetentionDuration",
    "labels",
    "enableMessageOrdering",
    "expirationPolicy",
    "filter",
    "deadLetterPolicy",
    "retryPolicy",
    "pushConfig",
    "bigqueryConfig",
    "cloudStorageConfig",
)
_FIXED = ("filter", "enableMessageOrdering")
"""Fields of a subscription that cannot be changed."""


@contextlib.asynccontextmanager
async def _client(cloud: LocalCloud, client: Any, transport: Any) -> AsyncIterator[Any]:
    """A client of the stand-in; what it refuses, the provider refuses with the same sentence."""
    async with grpc.aio.insecure_channel(cloud.pubsub_host) as channel:
        try:
            yield client(transport=transport(channel=channel))
        except GoogleAPICallError as e:
            raise Refused(str(e.message)) from None


_publisher = partial(_client, client=PublisherAsyncClient, transport=PublisherGrpcAsyncIOTransport)
_schemas = partial(_client, client=SchemaServiceAsyncClient, transport=SchemaServiceGrpcAsyncIOTransport)
_subscriber = partial(_client, client=SubscriberAsyncClient, transport=SubscriberGrpcAsyncIOTransport)


def _message(kind: Any, name: str, values: Properties, fields: tuple[str, ...]) -> Any:
    """The API's message from the provider's arguments, which bear the same names."""
    body = {key: _plain(values[key]) for key in fields if values.get(key) is not None}
    if isinstance(policy := body.get("expirationPolicy"), dict) and not policy.get("ttl"):
        body["expirationPolicy"] = {}  # never
    message = json_format.ParseDict({"name": name, **body}, kind.pb(kind()), ignore_unknown_fields=True)
    return kind.wrap(message)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return value


def _mask(old: Properties, new: Properties, fields: tuple[str, ...]) -> field_mask_pb2.FieldMask:
    """The fields that change, as the API names them."""
    changed = [key for key in fields if old.get(key) != new.get(key)]
    snake = ["".join(f"_{c.lower()}" if c.isupper() else c for c in key) for key in changed]
    return field_mask_pb2.FieldMask(paths=snake)


@live("gcp:pubsub/topic:Topic")
class Topic(Live):
    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        topic = _message(types.Topic, inputs["id"], inputs, _TOPIC_FIELDS)
        async with _publisher(cloud) as client:
            try:
                await client.create_topic(topic)
            except AlreadyExists:  # an interrupted run made it
                await client.update_topic(topic=topic, update_mask=_mask({}, inputs, _TOPIC_FIELDS))
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        async with _publisher(cloud) as client:
            try:
                topic = await client.get_topic(topic=id)
            except NotFound:
                return None
        return {"labels": dict(topic.labels)} if topic.labels or state.get("labels") else {}

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        topic = _message(types.Topic, id, new, _TOPIC_FIELDS)
        if (mask := _mask(old, new, _TOPIC_FIELDS)).paths:
            async with _publisher(cloud) as client:
                await client.update_topic(topic=topic, update_mask=mask)
        return {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        async with _publisher(cloud) as client:
            with contextlib.suppress(NotFound):
                await client.delete_topic(topic=id)


@live("gcp:pubsub/schema:Schema")
class Schema(Live):
    """A new definition is a new revision of the same schema."""

    def _schema(self, id: str, values: Properties) -> types.Schema:
        return types.Schema(name=id, type_=_SCHEMA_TYPES[values["type"]], definition=values["definition"])

    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        parent, _, name = inputs["id"].partition("/schemas/")
        schema = self._schema(inputs["id"], inputs)
        async with _schemas(cloud) as client:
            try:
                await client.create_schema(parent=parent, schema=schema, schema_id=name)
            except AlreadyExists:
                await self._commit(client, schema)
        return inputs["id"], {}

    async def _commit(self, client: SchemaServiceAsyncClient, schema: types.Schema) -> None:
        if (await client.get_schema(name=schema.name)).definition != schema.definition:
            await client.commit_schema(name=schema.name, schema=schema)

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        async with _schemas(cloud) as client:
            try:
                schema = await client.get_schema(name=id)
            except NotFound:
                return None
        return {"definition": schema.definition}

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        async with _schemas(cloud) as client:
            await self._commit(client, self._schema(id, new))
        return {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        async with _schemas(cloud) as client:
            with contextlib.suppress(NotFound):
                await client.delete_schema(name=id)


@live("gcp:pubsub/subscription:Subscription")
class Subscription(Live):
    def _subscription(self, id: str, values: Properties) -> types.Subscription:
        subscription: types.Subscription = _message(types.Subscription, id, values, _SUBSCRIPTION_FIELDS)
        topic = values["topic"]
        subscription.topic = topic if topic.startswith("projects/") else f"projects/{values['project']}/topics/{topic}"
        return subscription

    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        subscription = self._subscription(inputs["id"], inputs)
        async with _subscriber(cloud) as client:
            try:
                await client.create_subscription(subscription)
            except AlreadyExists:  # an interrupted run made it
                changeable = tuple(key for key in _SUBSCRIPTION_FIELDS if key not in _FIXED)
                await client.update_subscription(subscription=subscription, update_mask=_mask({}, inputs, changeable))
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        async with _subscriber(cloud) as client:
            try:
                subscription = await client.get_subscription(subscription=id)
            except NotFound:
                return None
        return {"ackDeadlineSeconds": subscription.ack_deadline_seconds}

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        if (mask := _mask(old, new, _SUBSCRIPTION_FIELDS)).paths:
            async with _subscriber(cloud) as client:
                await client.update_subscription(subscription=self._subscription(id, new), update_mask=mask)
        return {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        async with _subscriber(cloud) as client:
            with contextlib.suppress(NotFound):
                await client.delete_subscription(subscription=id)
