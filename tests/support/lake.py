"""The raw lake's files as a Cloud Storage subscription with `write_metadata` writes them."""

from __future__ import annotations

from typing import Any

MESSAGE_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "PubSubMessage",
    "fields": [
        {"name": "subscription_name", "type": "string"},
        {"name": "message_id", "type": "string"},
        {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "attributes", "type": {"type": "map", "values": "string"}},
        {"name": "data", "type": "bytes"},
    ],
}
