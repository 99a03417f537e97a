"""google.pubsub.v1.Subscriber."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from google.pubsub_v1 import types

from fastyle_localcloud.pubsub import messages
from fastyle_localcloud.pubsub.backlog import Backlog
from fastyle_localcloud.pubsub.delivery import Delivery
from fastyle_localcloud.pubsub.errors import invalid, unimplemented
from fastyle_localcloud.pubsub.rpc import Api, merged, page
from fastyle_localcloud.pubsub.streaming_pull import StreamingPull

_UPDATABLE = frozenset(
    {"ack_deadline_seconds", "bigquery_config", "cloud_storage_config", "dead_letter_policy"}
    | {"enable_exactly_once_delivery", "expiration_policy", "labels", "message_retention_duration"}
    | {"push_config", "retain_acked_messages", "retry_policy"}
)
PULL_BYTES = 10 * 2**20
MAX_PULL = 1_000
# An empty pull waits this long for a message, well inside the clients' own time-out of a minute.
PULL_WAIT = 10.0


class SubscriberApi(Api):
    service = "google.pubsub.v1.Subscriber"

    async def create_subscription(self, request: Any) -> Any:
        self._require("/".join(request.name.split("/")[:2]), "roles/pubsub.editor")
        return self._shown(await self._broker.create_subscription(request))

    async def get_subscription(self, request: Any) -> Any:
        self._require(request.subscription, "roles/pubsub.viewer")
        return self._shown(self._broker.subscription(request.subscription))

    async def update_subscription(self, request: Any) -> Any:
        name = request.subscription.name
        self._require(name, "roles/pubsub.editor")
        current = self._broker.subscription(name).config
        updated = merged(current, request.subscription, request.update_mask, _UPDATABLE)
        return self._shown(await self._broker.update_subscription(updated))

    async def list_subscriptions(self, request: Any) -> Any:
        self._require(request.project, "roles/pubsub.viewer")
        prefix = f"{request.project}/subscriptions/"
        every = sorted(self._broker.subscriptions.items())
        shown = [self._shown(backlog) for name, backlog in every if name.startswith(prefix)]
        return page(types.ListSubscriptionsResponse, "subscriptions", shown, request)

    async def delete_subscription(self, request: Any) -> Any:
        self._require(request.subscription, "roles/pubsub.editor")
        await self._broker.delete_subscription(request.subscription)

    async def modify_push_config(self, request: Any) -> Any:
        self._require(request.subscription, "roles/pubsub.editor")
        updated = messages.Subscription()
        updated.CopyFrom(self._broker.subscription(request.subscription).config)
        updated.push_config.CopyFrom(request.push_config)
        await self._broker.update_subscription(updated)

    async def seek(self, request: Any) -> Any:
        self._require(request.subscription, "roles/pubsub.subscriber")
        if request.WhichOneof("target") != "time":
            raise unimplemented("Seek to a snapshot (seek to a time instead)")
        await self._broker.seek(request.subscription, request.time.ToMicroseconds())
        return types.SeekResponse.pb()()

    async def get_snapshot(self, request: Any) -> Any:
        raise unimplemented("Snapshots (seek to a time instead)")

    list_snapshots = create_snapshot = update_snapshot = delete_snapshot = get_snapshot

    async def pull(self, request: Any) -> Any:
        """Up to `max_messages`, at once when there are some; an empty answer after a wait is no error."""
        backlog = self._consumable(request.subscription)
        if request.max_messages <= 0:
            raise invalid("max_messages must be positive.")
        limit = min(request.max_messages, MAX_PULL)
        lease = backlog.config.ack_deadline_seconds
        taken = backlog.take(limit, PULL_BYTES, lease)
        if not taken and not request.return_immediately:
            try:
                async with asyncio.timeout(PULL_WAIT):
                    while not taken and not backlog.closed:
                        await backlog.wait()
                        taken = backlog.take(limit, PULL_BYTES, lease)
            except TimeoutError:
                pass
        return fill(messages.PullResponse(), backlog, taken)

    async def acknowledge(self, request: Any) -> Any:
        backlog = self._consumable(request.subscription)
        done = backlog.ack(request.ack_ids)
        if done:
            await asyncio.shield(done)

    async def modify_ack_deadline(self, request: Any) -> Any:
        backlog = self._consumable(request.subscription)
        if not 0 <= request.ack_deadline_seconds <= 600:
            raise invalid(f"ack_deadline_seconds is {request.ack_deadline_seconds}; it must be from 0 to 600.")
        backlog.modify_deadline(request.ack_ids, request.ack_deadline_seconds)

    async def streaming_pull(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        first = await anext(requests, None)
        if first is None:
            raise invalid("StreamingPull ended before its first request.")
        backlog = self._consumable(first.subscription)
        async with StreamingPull(backlog, first, requests) as stream:
            async for taken in stream.batches():
                response = fill(messages.StreamingPullResponse(), backlog, taken)
                response.subscription_properties.message_ordering_enabled = backlog.config.enable_message_ordering
                yield response

    def _consumable(self, name: str) -> Backlog:
        self._require(name, "roles/pubsub.subscriber")
        return self._broker.consumable(name)

    def _shown(self, backlog: Backlog) -> Any:
        """The subscription as read back: with its topic's retention, and its state as delivery finds it."""
        shown = messages.Subscription()
        shown.CopyFrom(backlog.config)
        topic = self._broker.topics.get(shown.topic)
        if topic and topic.retention:
            shown.topic_message_retention_duration.CopyFrom(topic.config.message_retention_duration)
        if backlog.resource_error:
            shown.state = messages.SUBSCRIPTION_RESOURCE_ERROR
        return shown


def fill(response: Any, backlog: Backlog, taken: list[Delivery]) -> Any:
    """Put deliveries into a pull response."""
    for delivery in taken:
        received = response.received_messages.add(
            ack_id=backlog.ack_id(delivery), delivery_attempt=backlog.attempt(delivery)
        )
        received.message.ParseFromString(delivery.body)
        delivery.body = None
    if taken:
        backlog.traffic.count(received.message for received in response.received_messages)
    return response
