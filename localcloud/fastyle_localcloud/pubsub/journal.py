"""The durable log: SQLite in WAL mode behind a group commit.

Every change made between two commits shares one transaction and one flush to disk, and nobody is told
"done" before it. Writes run in a thread of their own; reads are short and run on the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

# AUTOINCREMENT: an id is never given twice, even after the newest message was pruned and the server restarted.
_TABLES = """
CREATE TABLE IF NOT EXISTS topics (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS subscriptions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, topic INTEGER, body BLOB NOT NULL,
  watermark INTEGER NOT NULL, epoch INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS schema_revisions (
  name TEXT, position INTEGER, revision TEXT, body BLOB NOT NULL, PRIMARY KEY (name, position));
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, published_us INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS messages_of_topic ON messages (topic);
CREATE TABLE IF NOT EXISTS acks (
  subscription INTEGER, message INTEGER, PRIMARY KEY (subscription, message)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
  subscription INTEGER, message INTEGER, count INTEGER, PRIMARY KEY (subscription, message)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identities (email TEXT PRIMARY KEY, port INTEGER NOT NULL);
"""

Statement = tuple[str, Sequence[Any]]


def failed(done: asyncio.Future[None]) -> bool:
    """Whether an ended commit stored nothing."""
    return done.cancelled() or done.exception() is not None


class StoredMessage(NamedTuple):
    id: int
    topic: int
    published_us: int
    body: bytes


@dataclass
class _Batch:
    """What one transaction will hold; `statements` come first, so a batch with them is opened by them."""

    done: asyncio.Future[None]
    statements: list[Statement] = field(default_factory=list)
    messages: list[StoredMessage] = field(default_factory=list)
    acks: list[tuple[int, int]] = field(default_factory=list)
    watermarks: dict[int, int] = field(default_factory=dict)
    failures: list[tuple[int, int, int]] = field(default_factory=list)


class Journal:
    """One writer, one reader on `path`; to be made and used on a running event loop."""

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._writer = _connect(path)
        self._writer.executescript(_TABLES)
        self._reader = _connect(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._queue: deque[_Batch] = deque()
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="journal")

    async def close(self) -> None:
        """Write what is queued, then let go of the file."""
        while self._queue:
            await asyncio.wait([self._queue[-1].done])
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()

    def append(self, messages: Iterable[StoredMessage]) -> asyncio.Future[None]:
        batch = self._open()
        batch.messages.extend(messages)
        return batch.done

    def ack(self, subscription: int, messages: Iterable[int], watermark: int) -> asyncio.Future[None]:
        """Record that `messages` are settled, and that nothing up to `watermark` is outstanding."""
        batch = self._open()
        batch.acks.extend((subscription, message) for message in messages)
        batch.watermarks[subscription] = watermark
        return batch.done

    def fail(self, subscription: int, message: int, count: int) -> None:
        """Remember how often a delivery failed: the way to the dead-letter topic survives a restart."""
        self._open().failures.append((subscription, message, count))

    def execute(self, *statements: Statement) -> asyncio.Future[None]:
        """Run statements after everything queued so far and before everything queued later."""
        batch = self._new()
        batch.statements.extend(statements)
        return batch.done

    async def store(self, *statements: Statement, undo: Callable[[], object]) -> None:
        """Commit a change that was made in memory; one that cannot be stored is undone there, and may be tried again.

        A caller that hangs up cancels nothing: others wait for the same commit.
        """
        done = self.execute(*statements)
        done.add_done_callback(lambda done: undo() if failed(done) else None)
        await asyncio.shield(done)

    async def give_memory_back(self) -> None:
        """Empty the page caches, and have the C allocator return to the system what it keeps for itself.

        A backlog that has drained would else be paid for until the process ends.
        """
        await asyncio.shield(self.execute(("PRAGMA shrink_memory", ())))
        self._reader.execute("PRAGMA shrink_memory")
        with contextlib.suppress(OSError, AttributeError):  # glibc's alone
            ctypes.CDLL(None).malloc_trim(0)

    def _open(self) -> _Batch:
        return self._queue[-1] if self._queue else self._new()

    def _new(self) -> _Batch:
        batch = _Batch(self._loop.create_future())
        # Nobody has to wait for a commit; a failure without a waiter is logged by the writer.
        batch.done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._queue.append(batch)
        self._wake.set()
        return batch

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batches, self._queue = self._queue, deque()
            if not batches:
                continue
            failure: sqlite3.Error | None = None
            try:
                await self._loop.run_in_executor(self._thread, self._commit, batches)
            except sqlite3.Error as error:
                failure = error
                # Counts alone: bodies are other people's data, and a full disk would be filled further with every try.
                messages, acks = sum(len(b.messages) for b in batches), sum(len(b.acks) for b in batches)
                told = "cannot write %d messages and %d acknowledgements: %s; they were not confirmed to their senders"
                log.error(told, messages, acks, error)
            for batch in batches:
                if not batch.done.done():  # else nobody waits any more
                    batch.done.set_exception(failure) if failure else batch.done.set_result(None)

    def _commit(self, batches: Iterable[_Batch]) -> None:
        db = self._writer
        db.execute("BEGIN IMMEDIATE")
        try:
            for batch in batches:
                self._apply(db, batch)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    @staticmethod
    def _apply(db: sqlite3.Connection, batch: _Batch) -> None:
        for sql, parameters in batch.statements:
            db.execute(sql, parameters)
        db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?)", batch.messages)
        marks = batch.watermarks
        if batch.acks:
            # An acknowledgement below the watermark needs no row of its own: nearly all of them.
            rows = [row for row in batch.acks if row[1] > marks[row[0]]]
            db.executemany("INSERT OR IGNORE INTO acks VALUES (?, ?)", rows)
        for subscription, mark in marks.items():
            db.execute("UPDATE subscriptions SET watermark = ? WHERE id = ?", (mark, subscription))
            for table in ("acks", "failures"):
                db.execute(
                    f"DELETE FROM {table} WHERE subscription = ? AND message <= ?",
                    (subscription, mark),
                )
        db.executemany("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", batch.failures)

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        return self._reader.execute(sql, parameters).fetchall()

    def last_id(self, table: str) -> int:
        """The greatest id that was ever given in `table`, that of a deleted row included."""
        rows = self.query("SELECT seq FROM sqlite_sequence WHERE name = ?", table)
        return int(rows[0][0]) if rows else 0

    def unsettled(
        self, topic: int, subscription: int, after: int, limit: int, max_bytes: int
    ) -> list[tuple[int, int, bytes, int | None]]:
        """The next `(id, published_us, body, failures)` that `subscription` has not settled, in order."""
        rows = []
        size = 0
        for row in self._reader.execute(
            "SELECT m.id, m.published_us, m.body, f.count FROM messages m"
            " LEFT JOIN failures f ON f.subscription = ?2 AND f.message = m.id"
            " WHERE m.topic = ?1 AND m.id > ?3"
            " AND NOT EXISTS (SELECT 1 FROM acks a WHERE a.subscription = ?2 AND a.message = m.id)"
            " ORDER BY m.id LIMIT ?4",
            (topic, subscription, after, limit),
        ):
            rows.append(row)
            size += len(row[2])
            if size > max_bytes:
                break
        return rows

    def count_unsettled(self, topic: int | None, subscription: int, after: int) -> int:
        [(count,)] = self.query(
            "SELECT count(*) FROM messages WHERE topic = ? AND id > ?"
            " AND id NOT IN (SELECT message FROM acks WHERE subscription = ?)",
            *(topic, after, subscription),
        )
        return int(count)

    def next_after(self, topic: int | None, message: int) -> tuple[int, int] | None:
        """`(id, published_us)` of the message of `topic` that follows."""
        sql = "SELECT id, published_us FROM messages WHERE topic = ? AND id > ? ORDER BY id LIMIT 1"
        row: tuple[int, int] | None = self._reader.execute(sql, (topic, message)).fetchone()
        return row

    def body(self, message: int) -> bytes | None:
        """None when the message was pruned."""
        row = self._reader.execute("SELECT body FROM messages WHERE id = ?", (message,)).fetchone()
        return row[0] if row else None

    def last_before(self, topic: int, instant_us: int, low: int, high: int) -> int:
        """The greatest id in [low, high] below which every message of `topic` was published before `instant_us`.

        Publish times never go back along ids, so a search by halves reads about twenty rows of any log.
        """
        while low < high:
            middle = (low + high) // 2
            row = self.next_after(topic, middle)
            if row is None or row[1] >= instant_us or row[0] > high:
                high = middle
            else:
                low = row[0]
        return low


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    db.execute("PRAGMA journal_mode = WAL")
    # FULL flushes at each commit: with group commit that costs little, and a power cut loses nothing either.
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA busy_timeout = 10000")
    db.execute("PRAGMA wal_autocheckpoint = 4000")
    db.execute("PRAGMA journal_size_limit = 67108864")
    db.execute("PRAGMA cache_size = -32768")
    return db
