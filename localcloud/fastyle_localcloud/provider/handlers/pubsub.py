"""Topics, schemas and subscriptions in the Pub/Sub stand-in, by Google's own API."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.api_core.exceptions import AlreadyExists, GoogleAPICallError, NotFound
from google.protobuf import field_mask_pb2, json_format
from google.pubsub_v1 import PublisherAsyncClient, SchemaServiceAsyncClient, SubscriberAsyncClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcAsyncIOTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcAsyncIOTransport

from fastyle_localcloud.provider.live import Live, Properties, Refused, live


def _message(kind: Any, values: Properties, fields: tuple[str, ...]) -> Any:
    """The API's message from the provider's arguments, which bear the same names."""
    body = {key: _plain(values[key]) for key in fields if values.get(key) is not None}
    if isinstance(policy := body.get("expirationPolicy"), dict) and not policy.get("ttl"):
        body["expirationPolicy"] = {}  # never
    message = json_format.ParseDict({"name": values["id"], **body}, kind.pb(kind()), ignore_unknown_fields=True)
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


class _InPubsub(Live):
    """What the stand-in keeps by name. What it refuses, the provider refuses with the same sentence."""

    kind: str  # as the methods of its API name it
    api: tuple[Any, Any]  # client and transport

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[Any]:
        client, transport = self.api
        async with grpc.aio.insecure_channel(self.cloud.pubsub_host) as channel:
            try:
                yield client(transport=transport(channel=channel))
            except GoogleAPICallError as e:
                raise Refused(str(e.message)) from None

    async def _call(self, client: Any, verb: str, id: str) -> Any:
        by = "name" if self.kind == "schema" else self.kind
        return await getattr(client, f"{verb}_{self.kind}")(**{by: id})

    @abstractmethod
    def _now(self, kept: Any, state: Properties) -> Properties:
        """What is kept, as changes to `state`."""

    async def read(self, state: Properties) -> Properties | None:
        async with self._client() as client:
            try:
                return self._now(await self._call(client, "get", state["id"]), state)
            except NotFound:
                return None

    async def delete(self, state: Properties) -> None:
        async with self._client() as client:
            with contextlib.suppress(NotFound):
                await self._call(client, "delete", state["id"])


class _Configured(_InPubsub):
    """A topic or a subscription: a message of the API with fields, of which those that are not `fixed` can be changed."""

    fields: tuple[str, ...]
    fixed: tuple[str, ...] = ()

    @abstractmethod
    def _made(self, values: Properties) -> Any:
        """The message."""

    async def create(self, inputs: Properties) -> Properties:
        made = self._made(inputs)
        async with self._client() as client:
            try:
                await getattr(client, f"create_{self.kind}")(made)
            except AlreadyExists:  # an interrupted run made it
                changeable = tuple(key for key in self.fields if key not in self.fixed)
                await self._change(client, made, _mask({}, inputs, changeable))
        return {}

    async def update(self, old: Properties, new: Properties) -> Properties:
        if (mask := _mask(old, new, self.fields)).paths:
            async with self._client() as client:
                await self._change(client, self._made(new), mask)
        return {}

    async def _change(self, client: Any, made: Any, mask: field_mask_pb2.FieldMask) -> None:
        await getattr(client, f"update_{self.kind}")(**{self.kind: made, "update_mask": mask})


@live("gcp:pubsub/topic:Topic")
class Topic(_Configured):
    kind, api = "topic", (PublisherAsyncClient, PublisherGrpcAsyncIOTransport)
    fields = ("labels", "messageRetentionDuration", "schemaSettings", "messageStoragePolicy")

    def _made(self, values: Properties) -> Any:
        return _message(types.Topic, values, self.fields)

    def _now(self, kept: Any, state: Properties) -> Properties:
        return {"labels": dict(kept.labels)} if kept.labels or state.get("labels") else {}


@live("gcp:pubsub/schema:Schema")
class Schema(_InPubsub):
    """A new definition is a new revision of the same schema."""

    kind, api = "schema", (SchemaServiceAsyncClient, SchemaServiceGrpcAsyncIOTransport)

    def _schema(self, values: Properties) -> Any:
        return _message(types.Schema, values, ("type", "definition"))

    async def create(self, inputs: Properties) -> Properties:
        parent, _, name = inputs["id"].partition("/schemas/")
        schema = self._schema(inputs)
        async with self._client() as client:
            try:
                await client.create_schema(parent=parent, schema=schema, schema_id=name)
            except AlreadyExists:
                await self._commit(client, schema)
        return {}

    async def _commit(self, client: SchemaServiceAsyncClient, schema: Any) -> None:
        if (await client.get_schema(name=schema.name)).definition != schema.definition:
            await client.commit_schema(name=schema.name, schema=schema)

    def _now(self, kept: Any, state: Properties) -> Properties:
        return {"definition": kept.definition}

    async def update(self, old: Properties, new: Properties) -> Properties:
        async with self._client() as client:
            await self._commit(client, self._schema(new))
        return {}


@live("gcp:pubsub/subscription:Subscription")
class Subscription(_Configured):
    kind, api = "subscription", (SubscriberAsyncClient, SubscriberGrpcAsyncIOTransport)
    fields = (
        *("ackDeadlineSeconds", "retainAckedMessages", "messageRetentionDuration", "labels", "enableMessageOrdering"),
        *("expirationPolicy", "filter", "deadLetterPolicy", "retryPolicy"),
        *("pushConfig", "bigqueryConfig", "cloudStorageConfig"),
    )
    fixed = ("filter", "enableMessageOrdering")

    def _made(self, values: Properties) -> Any:
        subscription: types.Subscription = _message(types.Subscription, values, self.fields)
        topic = values["topic"]
        subscription.topic = topic if topic.startswith("projects/") else f"projects/{values['project']}/topics/{topic}"
        return subscription

    def _now(self, kept: Any, state: Properties) -> Properties:
        return {"ackDeadlineSeconds": kept.ack_deadline_seconds}
