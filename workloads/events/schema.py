"""The streams, read from their folders, and their forms for Pub/Sub and BigQuery.

A schema file is Avro with one custom attribute, `contract`: of a field its format and bounds. Avro readers
ignore it; Pub/Sub never gets to see it.
"""

from __future__ import annotations

import json
from typing import Any

from workloads.events.columns import METADATA_FIELDS
from workloads.events.schema_file import COLUMN_TYPES
from workloads.events.stream import Json, Stream, read_streams

_PUBSUB_KEYS = ("name", "namespace", "type", "fields", "items", "default")

STREAMS: dict[str, Stream] = read_streams()


def consumed_by(consumer: str) -> dict[str, Stream]:
    """The streams that a consumer of `workloads.events.stream.CONSUMERS` takes, by their keys."""
    return {key: stream for key, stream in STREAMS.items() if consumer in stream.consumers}


def pubsub_definition(stream: Stream) -> str:
    """Return the topic's Avro schema as compact JSON, in a key order that never changes.

    Documentation and the contract's bounds are left out: a topic keeps at most 20 schema revisions, and a
    better wording must not use one up.
    """
    return json.dumps(_strip(stream.avro), separators=(",", ":"))


def bigquery_fields(stream: Stream) -> list[Json]:
    """Return the raw table's columns in BigQuery's JSON schema form, metadata columns last.

    Modes follow Pub/Sub's rule: a union with null is NULLABLE, an array REPEATED, all else REQUIRED.
    """
    return [_column(field) for field in stream.avro["fields"]] + [dict(column) for column in METADATA_FIELDS]


def _strip(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _strip(node[key]) for key in _PUBSUB_KEYS if key in node}
    if isinstance(node, list):
        return [_strip(item) for item in node]
    return node


def _column(field: Json) -> Json:
    avro_type, mode = field["type"], "REQUIRED"
    if isinstance(avro_type, list):
        avro_type, mode = next(branch for branch in avro_type if branch != "null"), "NULLABLE"
    if isinstance(avro_type, dict) and avro_type["type"] == "array":
        avro_type, mode = avro_type["items"], "REPEATED"
    column: Json = {"name": field["name"], "mode": mode, "description": field["doc"]}
    if isinstance(avro_type, dict):
        return column | {"type": "RECORD", "fields": [_column(inner) for inner in avro_type["fields"]]}
    return column | {"type": COLUMN_TYPES.get(field["contract"]["format"], "STRING")}
