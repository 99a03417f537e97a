"""The raw lake as a replay reads it: the Avro files that Pub/Sub wrote, one by one, in the order of their names."""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import fastavro
from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage  # type: ignore[attr-defined]  # no stubs
from requests import RequestException

from workloads.events import Stream
from workloads.pipeline.attempts import OutOfTime, TimeBox
from workloads.pipeline.deadlines import bound

# A file is named by the time it was begun. Its first message may be older by the longest batch; a message that was not
# taken at first may be in a file as late as a subscription keeps it.
_BEFORE = timedelta(hours=1)
_LATEST = timedelta(days=32)
_SUFFIX = ".avro"

# Most files are small, and what takes time is asking for them: so many are fetched ahead, of at most so many bytes.
_AHEAD = 8
_WHOLE_BYTES = 4 * 2**20

_NOT_THE_FILE = (OutOfTime, GoogleAPIError, GoogleAuthError, RequestException, OSError)
"""What reading raises when the bucket is at fault. All else is the file's: the decoder has no end of ways to fail."""


class BadFile(Exception):  # noqa: N818 - a verdict on the file
    """An object that is not, or not to its end, an Avro file of messages; says where it breaks."""


@dataclass(frozen=True, slots=True)
class File:
    """An object of the lake: its full name and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery as Pub/Sub wrote it; `index` counts within its file, from 0."""

    index: int
    data: bytes
    attributes: dict[str, str]
    message_id: str
    publish_time: datetime
    subscription: str


class Lake:
    """One bucket, read with the process's own identity."""

    def __init__(self, project: str, bucket: str, box: TimeBox | None = None) -> None:
        self._client = storage.Client(project=project)
        bound(self._client, box or TimeBox())
        self._bucket = self._client.bucket(bucket)

    def files(
        self, stream: Stream, start: datetime | None, end: datetime, after: str = ""
    ) -> Iterator[tuple[File, bool]]:
        """The objects under `<topic>/` that may hold messages published from `start` up to before `end`.

        In the order of their names, from `after` on, itself included. True with those named as Pub/Sub names them.
        """
        prefix = f"{stream.topic}/"
        first = f"{prefix}{start - _BEFORE:%Y-%m-%d/%H_%M}" if start else prefix
        last = f"{prefix}{end + _LATEST:%Y-%m-%d}"
        ours = re.compile(rf"{re.escape(prefix)}\d{{4}}-\d\d-\d\d/\d\d_\d\d_\d\dZ_.+{re.escape(_SUFFIX)}").fullmatch
        blobs = self._client.list_blobs(
            self._bucket, prefix=prefix, start_offset=max(first, after), fields="items(name,size),nextPageToken"
        )
        for blob in blobs:
            is_ours = ours(blob.name) is not None
            if blob.name < max(first, after) or (is_ours and blob.name > last):
                continue
            yield File(blob.name, int(blob.size)), is_ours

    def opened(self, files: Iterable[File]) -> Iterator[tuple[File, IO[bytes]]]:
        """Open files in order, the next few fetched meanwhile; a large one is read from the bucket as it is needed."""
        waiting: deque[tuple[File, Future[IO[bytes]]]] = deque()
        with ThreadPoolExecutor(_AHEAD, thread_name_prefix="lake") as pool:
            try:
                for file in files:
                    waiting.append((file, pool.submit(self._open, file)))
                    if len(waiting) > _AHEAD:
                        ready, future = waiting.popleft()
                        yield ready, future.result()
                while waiting:
                    ready, future = waiting.popleft()
                    yield ready, future.result()
            finally:
                for _, future in waiting:
                    future.cancel()

    def _open(self, file: File) -> IO[bytes]:
        blob = self._bucket.blob(file.name)
        if file.size <= _WHOLE_BYTES:
            return io.BytesIO(blob.download_as_bytes())
        reader: IO[bytes] = blob.open("rb", chunk_size=_WHOLE_BYTES)
        return reader


def messages(file: IO[bytes]) -> Iterator[Message]:
    """Every message of a file, block by block.

    Raises:
        BadFile: the file breaks here; what came before is good.
    """
    count = 0
    try:
        for record in fastavro.reader(file):
            yield _message(count, record)
            count += 1
    except _NOT_THE_FILE:
        raise
    except Exception as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise BadFile(f"after {count} messages: {what}") from None


def _message(index: int, record: Any) -> Message:
    published = record["publish_time"]
    if not isinstance(published, datetime) or not isinstance(record["data"], bytes):
        raise TypeError("publish_time and data are not those of a message")
    return Message(
        index=index,
        data=record["data"],
        attributes={str(k): str(v) for k, v in record["attributes"].items()},
        message_id=str(record["message_id"]),
        publish_time=published.astimezone(UTC),
        subscription=str(record["subscription_name"]),
    )
