"""google.pubsub.v1.Publisher."""

from __future__ import annotations

from typing import Any

from google.pubsub_v1 import types

from fastyle_localcloud.pubsub import messages
from fastyle_localcloud.pubsub.errors import invalid, unimplemented
from fastyle_localcloud.pubsub.rpc import Api, merged, page

_UPDATABLE = frozenset({"labels", "message_retention_duration", "message_storage_policy", "schema_settings"})


class PublisherApi(Api):
    service = "google.pubsub.v1.Publisher"

    async def publish(self, request: Any) -> Any:
        self._require(request.topic, "roles/pubsub.publisher")
        ids = await self._broker.topic(request.topic).publish(request.messages, request.ByteSize())
        return messages.PublishResponse(message_ids=ids)

    async def create_topic(self, request: Any) -> Any:
        self._require(_project(request.name), "roles/pubsub.editor")
        return (await self._broker.create_topic(request)).config

    async def update_topic(self, request: Any) -> Any:
        self._require(request.topic.name, "roles/pubsub.editor")
        current = self._broker.topic(request.topic.name).config
        updated = merged(current, request.topic, request.update_mask, _UPDATABLE)
        return (await self._broker.update_topic(updated)).config

    async def get_topic(self, request: Any) -> Any:
        self._require(request.topic, "roles/pubsub.viewer")
        return self._broker.topic(request.topic).config

    async def list_topics(self, request: Any) -> Any:
        self._require(request.project, "roles/pubsub.viewer")
        prefix = f"{request.project}/topics/"
        configs = [topic.config for name, topic in sorted(self._broker.topics.items()) if name.startswith(prefix)]
        return page(types.ListTopicsResponse, "topics", configs, request)

    async def list_topic_subscriptions(self, request: Any) -> Any:
        self._require(request.topic, "roles/pubsub.viewer")
        names = sorted(backlog.config.name for backlog in self._broker.topic(request.topic).backlogs)
        return page(types.ListTopicSubscriptionsResponse, "subscriptions", names, request)

    async def list_topic_snapshots(self, request: Any) -> Any:
        raise unimplemented("Snapshots (seek to a time instead)")

    async def delete_topic(self, request: Any) -> Any:
        self._require(request.topic, "roles/pubsub.editor")
        await self._broker.delete_topic(request.topic)

    async def detach_subscription(self, request: Any) -> Any:
        self._require(request.subscription, "roles/pubsub.editor")
        await self._broker.detach(request.subscription)
        return types.DetachSubscriptionResponse.pb()()


def _project(name: str) -> str:
    if not name.startswith("projects/"):
        raise invalid(f"Invalid resource name given (name={name}): it starts with projects/<project>/.")
    return "/".join(name.split("/")[:2])
