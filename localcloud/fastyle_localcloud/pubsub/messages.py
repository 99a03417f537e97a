"""Google's own message classes, as plain protobuf: proto-plus wrappers cost several times as much a message."""

from __future__ import annotations

from typing import Any

from google.pubsub_v1 import types

PubsubMessage: Any = types.PubsubMessage.pb()
ReceivedMessage: Any = types.ReceivedMessage.pb()
Topic: Any = types.Topic.pb()
Subscription: Any = types.Subscription.pb()
PushConfig: Any = types.PushConfig.pb()
Schema: Any = types.Schema.pb()
PublishResponse: Any = types.PublishResponse.pb()
PullResponse: Any = types.PullResponse.pb()
StreamingPullResponse: Any = types.StreamingPullResponse.pb()

AVRO: int = int(types.Schema.Type.AVRO)
SCHEMA_VIEW_BASIC: int = int(types.SchemaView.BASIC)
JSON: int = int(types.Encoding.JSON)
BINARY: int = int(types.Encoding.BINARY)
TOPIC_ACTIVE: int = int(types.Topic.State.ACTIVE)
SUBSCRIPTION_ACTIVE: int = int(types.Subscription.State.ACTIVE)
SUBSCRIPTION_RESOURCE_ERROR: int = int(types.Subscription.State.RESOURCE_ERROR)
DELETED_TOPIC = "_deleted-topic_"
