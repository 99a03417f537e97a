"""What Pub/Sub asks of a BigQuery subscription before it takes it: its table, and the columns that messages go to.

Bucket and topic of a subscription are references (`rules/pubsub.yaml`). The documented demands:
https://cloud.google.com/pubsub/docs/bigquery
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.records import Record, Records

Properties = dict[str, Any]

_TABLE, _TOPIC, _SCHEMA = "gcp:bigquery/table:Table", "gcp:pubsub/topic:Topic", "gcp:pubsub/schema:Schema"
METADATA = {
    "subscription_name": ("STRING",),
    "message_id": ("STRING",),
    "publish_time": ("TIMESTAMP",),
    "attributes": ("STRING", "JSON"),
}
DATA = ("BYTES", "STRING", "JSON")


def check_export(subscription: Properties, records: Records) -> None:
    """Let a subscription with `bigqueryConfig` be made or changed.

    Raises:
        Refused: its table is missing, or cannot hold its messages.
    """
    config = subscription.get("bigqueryConfig")
    if not isinstance(config, dict) or not isinstance(config.get("table"), str):
        return
    name = config["table"]
    table = records.get(_TABLE, _table_id(name))
    if table is None:
        raise Refused(f"404: bigqueryConfig.table: Table {name} does not exist; the stack must make it first")
    columns = _columns(table)
    wrong = list(_topic_schema(subscription, config, columns, records))
    if not config.get("useTopicSchema") and not config.get("useTableSchema"):
        wrong += _lacks({"data": DATA}, columns)
    if config.get("writeMetadata"):
        wrong += _lacks(METADATA, columns)
    if wrong:
        raise Refused(f"400: Incompatible schema of table {name}: {'; '.join(wrong)}; change the table first")


def _table_id(name: str) -> str:
    project, _, rest = name.partition(".")
    dataset, _, table = rest.partition(".")
    return f"projects/{project}/datasets/{dataset}/tables/{table}"


def _columns(table: Record) -> dict[str, tuple[str, str]]:
    """Type and mode by the column's name, in lower case: BigQuery does not tell `Id` from `id`."""
    return {
        str(field["name"]).lower(): (str(field.get("type", "")).upper(), str(field.get("mode") or "NULLABLE").upper())
        for field in json.loads(table.outputs.get("schema") or "[]")
    }


def _lacks(needed: Mapping[str, tuple[str, ...]], columns: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    for name, types in needed.items():
        kinds = " or ".join(types)
        if name not in columns:
            yield f"it has no column {name} ({kinds})"
        elif columns[name][0] not in types:
            yield f"its column {name} is {columns[name][0]}, not {kinds}"


def _topic_schema(
    subscription: Properties, config: Properties, columns: Mapping[str, tuple[str, str]], records: Records
) -> Iterator[str]:
    """With the topic's schema each of its fields needs a column, and each required column a field."""
    if not config.get("useTopicSchema"):
        return
    fields = _fields(subscription, records)
    if fields is None:
        yield "useTopicSchema is set, and the topic has no schema"
        return
    if not config.get("dropUnknownFields"):
        yield from (f"it has no column {name}, a field of the topic's schema" for name in fields - set(columns))
    filled = fields | (set(METADATA) if config.get("writeMetadata") else set())
    required = {name for name, (_, mode) in columns.items() if mode == "REQUIRED"}
    yield from (f"its column {name} is required, and no field fills it" for name in sorted(required - filled))


def _fields(subscription: Properties, records: Records) -> set[str] | None:
    topic = str(subscription.get("topic"))
    full = topic if topic.startswith("projects/") else f"projects/{subscription.get('project')}/topics/{topic}"
    record = records.get(_TOPIC, full)
    settings = record.outputs.get("schemaSettings") if record else None
    schema = records.get(_SCHEMA, str(settings.get("schema"))) if isinstance(settings, dict) else None
    if schema is None:
        return None
    definition = json.loads(schema.outputs["definition"])
    return {str(field["name"]).lower() for field in definition.get("fields", [])}
