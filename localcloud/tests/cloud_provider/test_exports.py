"""A subscription that cannot deliver is refused when it is made, as Google refuses it, and not by its first message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastyle_localcloud.provider.errors import Refused

from cloud_provider.recorded import Cloud

METADATA = {"subscription_name": "STRING", "message_id": "STRING", "publish_time": "TIMESTAMP", "attributes": "JSON"}
FIELDS = {"event_id": "STRING", "quantity": "INT64"}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.records.close()


def table(cloud: Cloud, columns: dict[str, str], *required: str) -> None:
    fields = [{"name": n, "type": t, "mode": "REQUIRED" if n in required else "NULLABLE"} for n, t in columns.items()]
    cloud.create("bigquery.Dataset", datasetId="raw", location="us-central1")
    cloud.create("bigquery.Table", datasetId="raw", tableId="sales", schema=json.dumps(fields))


def topic(cloud: Cloud, *fields: str) -> None:
    settings = {}
    if fields:
        definition = {"type": "record", "name": "Sale", "fields": [{"name": f, "type": "string"} for f in fields]}
        cloud.create("pubsub.Schema", name="sales", type="AVRO", definition=json.dumps(definition))
        settings = {"schemaSettings": {"schema": "projects/shop-1/schemas/sales", "encoding": "JSON"}}
    cloud.create("pubsub.Topic", name="sales", **settings)


def subscribe(cloud: Cloud, **config: Any) -> dict[str, Any]:
    config = {"table": "shop-1.raw.sales", **config}
    return cloud.create("pubsub.Subscription", name="to-raw", topic="sales", bigqueryConfig=config)


def test_without_its_table(cloud: Cloud) -> None:
    topic(cloud)
    with pytest.raises(Refused, match=r"404: .*Table shop-1\.raw\.sales does not exist; the stack must make it first"):
        subscribe(cloud)
    table(cloud, {"data": "STRING"})
    subscribe(cloud)


def test_without_its_bucket(cloud: Cloud) -> None:
    topic(cloud)
    lake = {"bucket": "shop-1-lake", "filenamePrefix": "sales/"}
    with pytest.raises(Refused, match=r"cloudStorageConfig\.bucket: there is no storage.Bucket 'shop-1-lake'"):
        cloud.create("pubsub.Subscription", name="to-lake", topic="sales", cloudStorageConfig=lake)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"event_id": "STRING"}, "it has no column data (BYTES or STRING or JSON)"),
        ({"data": "INT64"}, "its column data is INT64, not BYTES or STRING or JSON"),
        ({"DATA": "BYTES"}, ""),
    ],
)
def test_without_a_column_for_the_message(cloud: Cloud, columns: dict[str, str], words: str) -> None:
    topic(cloud)
    table(cloud, columns)
    _judged(cloud, words)


@pytest.mark.parametrize("lacking", METADATA)
def test_without_a_column_of_the_metadata_that_it_writes(cloud: Cloud, lacking: str) -> None:
    topic(cloud)
    table(cloud, {"data": "STRING", **{name: type_ for name, type_ in METADATA.items() if name != lacking}})
    _judged(cloud, f"it has no column {lacking}", writeMetadata=True)
    _judged(cloud, "")


@pytest.mark.parametrize(
    ("fields", "columns", "required", "config", "words"),
    [
        (tuple(FIELDS), FIELDS | METADATA, (), {"writeMetadata": True}, ""),
        (tuple(FIELDS), FIELDS | METADATA, ("event_id", "message_id"), {"writeMetadata": True}, ""),
        ((*FIELDS, "tax"), FIELDS, (), {}, "it has no column tax, a field of the topic's schema"),
        ((*FIELDS, "tax"), FIELDS, (), {"dropUnknownFields": True}, ""),
        (tuple(FIELDS), FIELDS | {"tax": "STRING"}, (), {}, ""),
        (tuple(FIELDS), FIELDS | {"tax": "STRING"}, ("tax",), {}, "its column tax is required, and no field fills it"),
        (tuple(FIELDS), FIELDS | METADATA, ("message_id",), {}, "its column message_id is required"),
        ((), FIELDS, (), {}, "useTopicSchema is set, and the topic has no schema"),
    ],
)
def test_with_the_topic_s_schema(
    cloud: Cloud,
    fields: tuple[str, ...],
    columns: dict[str, str],
    required: tuple[str, ...],
    config: dict[str, Any],
    words: str,
) -> None:
    topic(cloud, *fields)
    table(cloud, columns, *required)
    _judged(cloud, words, useTopicSchema=True, **config)


def test_with_the_table_s_schema_the_message_decides(cloud: Cloud) -> None:
    topic(cloud)
    table(cloud, {"anything": "STRING"})
    _judged(cloud, "", useTableSchema=True)


def test_a_change_to_a_table_that_cannot_hold_it_is_refused_too(cloud: Cloud) -> None:
    topic(cloud)
    table(cloud, {"data": "STRING"})
    old = subscribe(cloud)
    changed = {"table": "shop-1.raw.sales", "writeMetadata": True}
    with pytest.raises(Refused, match="it has no column message_id"):
        cloud.update("pubsub.Subscription", old, name="to-raw", topic="sales", bigqueryConfig=changed)


def _judged(cloud: Cloud, words: str, **config: Any) -> None:
    if not words:
        subscribe(cloud, **config)
        return
    with pytest.raises(Refused) as refusal:
        subscribe(cloud, **config)
    assert str(refusal.value).startswith("400: Incompatible schema of table shop-1.raw.sales: ")
    assert words in str(refusal.value)
