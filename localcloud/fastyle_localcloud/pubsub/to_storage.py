"""Cloud Storage subscriptions: Avro or text files; messages are acknowledged once their object exists."""

from __future__ import annotations

import asyncio
import io
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp
import fastavro

from fastyle_localcloud.pubsub.delivery import Delivery
from fastyle_localcloud.pubsub.export import Exporter, Unwritable, metadata
from fastyle_localcloud.pubsub.resources import seconds

_DEFAULT_SECONDS = 300.0
_DEFAULT_FORMAT = "YYYY-MM-DD/hh_mm_ssZ"
_MAX_BYTES = 64 * 2**20  # of a file here, where a subscription sets none
_TICK = 0.25
_METADATA_FIELDS = [
    {"name": "subscription_name", "type": "string"},
    {"name": "message_id", "type": "string"},
    {"name": "publish_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "attributes", "type": {"type": "map", "values": "string"}},
]


class StorageExporter(Exporter):
    """Collects messages until a file is due: by time, size or number, or because a flush asks for it."""

    @property
    def _config(self) -> Any:
        return self.backlog.config.cloud_storage_config

    def _check_grants(self) -> None:
        for role in ("roles/storage.objectCreator", "roles/storage.legacyBucketReader"):
            self._require(f"buckets/{self._config.bucket}", role)

    async def _gather(self) -> list[Delivery]:
        await self.backlog.wait()
        config = self._config
        due = time.monotonic() + (seconds(config.max_duration) if config.HasField("max_duration") else _DEFAULT_SECONDS)
        room, most = config.max_messages or 10**9, min(config.max_bytes or _MAX_BYTES, _MAX_BYTES)
        batch: list[Delivery] = []
        size = 0
        try:
            while not self.backlog.closed and time.monotonic() < due:
                taken = self.backlog.take(min(1_000, room - len(batch)), most - size, None)
                batch += taken
                size += sum(len(d.body or b"") for d in taken)
                if len(batch) >= room or size >= most:
                    break
                if not taken:
                    if self._hurry.is_set():
                        break
                    await asyncio.sleep(_TICK)
        except asyncio.CancelledError:
            self.backlog.release(batch, 0.0)
            raise
        self._hurry.clear()
        return batch

    async def _write(self, batch: Sequence[Delivery]) -> dict[int, str]:
        data = await asyncio.to_thread(self._file, batch)
        url = f"{self._url}/upload/storage/v1/b/{self._config.bucket}/o"
        parameters = {"uploadType": "media", "name": self._name()}
        headers = {"Content-Type": "application/octet-stream"}
        try:
            async with self._session.post(url, params=parameters, data=data, headers=headers) as answer:
                if answer.status != 200:
                    raise Unwritable(answer.status, f"bucket {self._config.bucket}: {(await answer.text())[:200]}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unwritable(503, f"Cloud Storage cannot be reached: {type(error).__name__}: {error}") from None
        return {}

    def _name(self) -> str:
        now, config = datetime.now(UTC), self._config
        text = config.filename_datetime_format or _DEFAULT_FORMAT
        for part, value in (("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("hh", "%H"), ("mm", "%M"), ("ss", "%S")):
            text = text.replace(part, now.strftime(value))
        return f"{config.filename_prefix}{text}_{uuid.uuid4().hex[:12]}{config.filename_suffix}"

    def _file(self, batch: Sequence[Delivery]) -> bytes:
        config = self._config
        if not config.HasField("avro_config"):
            return b"".join(delivery.message().data + b"\n" for delivery in batch)
        by_topic = config.avro_config.use_topic_schema and self._validator is not None
        schema = self._schema(by_topic=by_topic, with_metadata=config.avro_config.write_metadata)
        buffer = io.BytesIO()
        records = (self._record(delivery.message(), by_topic=by_topic) for delivery in batch)
        fastavro.writer(buffer, schema, records)
        return buffer.getvalue()

    def _schema(self, *, by_topic: bool, with_metadata: bool) -> Any:
        fields: list[Any] = list(_METADATA_FIELDS) if with_metadata else []
        name = "PubSubMessage"
        if by_topic:
            assert self._validator is not None
            topic_schema = self._validator.revisions()[0].avro
            fields += topic_schema["fields"]
            name = topic_schema["name"]
        else:
            fields.append({"name": "data", "type": "bytes"})
        return fastavro.parse_schema({"type": "record", "name": name, "fields": fields})

    def _record(self, message: Any, *, by_topic: bool) -> dict[str, Any]:
        record = metadata(message, self.backlog.config.name)
        if not by_topic:
            return {**record, "data": message.data}
        assert self._validator is not None
        return {**record, **self._validator.decode(message.data)[1]}
