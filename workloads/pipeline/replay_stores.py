"""What a replay moves: batches of messages from the lake, and the two stores that take them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from workloads.events import DecodeError, Stream, decode
from workloads.events.stream import INVENTORY
from workloads.inventory_sync.delivery import Delivery, Event, Poison, event_of
from workloads.inventory_sync.group_commit import GroupCommit, Unrecordable
from workloads.inventory_sync.ledger import Outcome
from workloads.pipeline import raw_rows
from workloads.pipeline.deadlines import REQUEST_SECONDS
from workloads.pipeline.lake import BadFile, File, Lake, Message, messages
from workloads.pipeline.replay_batch import Batch
from workloads.pipeline.replay_progress import Progress
from workloads.pipeline.settings import Settings
from workloads.pipeline.warehouse import WarehouseClient, literal
from workloads.runtime.database import connect_async

BATCH_BYTES = 32 * 2**20
"""Of message data in a batch: what memory holds, several times over. BigQuery takes 1,500 load jobs a table a day."""
_AT_ONCE = 2048  # events handed to the ledger together, which takes up to 256 of them in a transaction


def batches(
    lake: Lake, stream: Stream, progress: Progress, start: datetime | None, end: datetime, deadline: float
) -> Iterator[Batch]:
    """Read a stream on from where `progress` is. A batch ends when it is full, at the deadline, or with the stream."""
    after, done = progress.file, progress.messages

    def ours() -> Iterator[File]:
        for file, is_ours in lake.files(stream, start, end, after):
            if is_ours:
                yield file
            else:
                progress.note_foreign(file.name)

    batch = Batch(stream)
    for file, content in lake.opened(ours()):
        skipped = done if file.name == after else 0
        batch.file, batch.done = file.name, skipped
        try:
            for message in itertools.islice(messages(content), skipped, None):
                batch.done += 1
                if message.publish_time >= end or (start and message.publish_time < start):
                    batch.outside += 1
                    continue
                batch.messages.append((file.name, message))
                batch.size += len(message.data)
                if batch.size >= BATCH_BYTES:
                    yield batch
                    batch = Batch(stream, file=file.name, done=batch.done)
        except BadFile as error:
            progress.note_damaged(file.name, str(error))
        batch.files += skipped == 0 or batch.done > skipped
        if time.monotonic() >= deadline:
            yield batch
            batch = Batch(stream, file=file.name, done=batch.done)
    yield batch


class Stores:
    """The raw tables and live inventory."""

    def __init__(self, settings: Settings, warehouse: WarehouseClient) -> None:
        self._settings, self._warehouse = settings, warehouse

    def hold(self, progress: Progress) -> bool:
        """Whether both still have the last of what `progress` says they have: they may have been emptied since."""
        return asyncio.run(self._holds_event(progress.recorded)) and self._holds_row(progress.written)

    async def _holds_event(self, event_id: str) -> bool:
        if not event_id:
            return True
        async with asyncio.timeout(REQUEST_SECONDS), await connect_async(self._settings) as connection:
            cursor = await connection.execute("SELECT 1 FROM stream_event WHERE event_id = %s", [event_id])
            return await cursor.fetchone() is not None

    def _holds_row(self, row: dict[str, str]) -> bool:
        if not row:
            return True
        published = datetime.fromisoformat(row["publish_time"])
        query = (
            f"SELECT 1 FROM ${{raw}}.{row['table']} "
            f"WHERE publish_time = {literal(published)} AND message_id = @message_id LIMIT 1"
        )
        return bool(self._warehouse.query(query, parameters={"message_id": row["message_id"]}))

    def write(self, progress: Progress, batch: Batch) -> None:
        """Add a batch to the raw table, and to live inventory where it takes the stream; what they have counts once.

        Raises:
            GoogleAPIError, Unavailable: one of them does not take it now; do the whole batch again.
        """
        rows, events = self._read(progress, batch)
        if rows.tell():
            # Named by what is in it: BigQuery does it once, however often this batch is tried.
            name = f"replay-{progress.replay_id}-{_digest(batch)}"
            key, columns = f"raw.{batch.stream.table}", raw_rows.columns(batch.stream.key)
            job = self._warehouse.start_load(key, rows, columns, name=name)
            self._record(progress, events)
            self._warehouse.wait(job)
        else:
            self._record(progress, events)

    def _read(self, progress: Progress, batch: Batch) -> tuple[io.BytesIO, list[Event]]:
        """Both forms of each message; one that a store can never take is counted, and the other store's all the same."""
        key, rows, events = batch.stream.key, io.BytesIO(), list[Event]()
        for file, message in batch.messages:
            where = f"{file}, message {message.index + 1}"
            try:
                event = decode(batch.stream, message.data)
            except DecodeError as error:
                progress.refuse(f"{key}: {error}", where)
                continue
            try:
                rows.write(raw_rows.line(key, message, event, progress.started_at))
                progress.written = {
                    "table": batch.stream.table,
                    "publish_time": raw_rows.carried(message.publish_time, progress.started_at).isoformat(),
                    "message_id": message.message_id,
                }
                progress.counts[f"{key}_rows"] += 1
            except raw_rows.Unloadable as error:
                progress.refuse(f"{key}, raw table: {error}", where)
            if INVENTORY not in batch.stream.consumers:
                continue
            try:
                events.append(event_of(key, _delivery(message), currency=self._settings.currency))
            except Poison as error:
                progress.refuse(f"{key}, inventory: {error}", where)
        # Of two bodies under one event_id the first that was published counts, as it did.
        return rows, sorted(events, key=lambda event: event.publish_time)

    def _record(self, progress: Progress, events: list[Event]) -> None:
        asyncio.run(self._commit(progress, events))

    async def _commit(self, progress: Progress, events: list[Event]) -> None:
        commits = GroupCommit(
            lambda: connect_async(self._settings),
            ZoneInfo(self._settings.timezone),
            writers=1,  # the rest of the database is for live trade
        )
        await commits.start()
        try:
            for start in range(0, len(events), _AT_ONCE):
                some = events[start : start + _AT_ONCE]
                outcomes = await asyncio.gather(*(commits.record(event) for event in some), return_exceptions=True)
                for event, outcome in zip(some, outcomes, strict=True):
                    self._count(progress, event, outcome)
        finally:
            await commits.stop()

    def _count(self, progress: Progress, event: Event, outcome: Outcome | BaseException) -> None:
        if isinstance(outcome, Unrecordable):
            progress.refuse(f"{event.stream}, inventory: {outcome}", str(event.event_id))
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            progress.counts[f"{event.stream}_{outcome}"] += 1
            if not event.is_verification:  # those are in tables of their own
                progress.recorded = str(event.event_id)


def _digest(batch: Batch) -> str:
    """What a batch is made of: from which message to which."""
    file, message = batch.messages[0]
    return hashlib.sha256(f"{file} {message.index} {batch.file} {batch.done}".encode()).hexdigest()[:32]


def _delivery(message: Message) -> Delivery:
    return Delivery(
        data=message.data,
        attributes=message.attributes,
        message_id=message.message_id,
        ordering_key="",
        publish_time=message.publish_time,
        subscription=message.subscription,
    )
