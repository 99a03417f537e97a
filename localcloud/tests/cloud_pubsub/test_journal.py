"""The message store when the disk is full: nothing confirmed that is not stored, and no bodies in the log."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest
from fastyle_localcloud.pubsub.journal import Journal, StoredMessage

BODY = b"somebody's purchase " * 100


async def test_a_full_disk_confirms_nothing_that_is_lost_and_ends_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "messages.db")
    confirmed = 0

    async def publish() -> bool:
        nonlocal confirmed
        try:
            await journal.append([StoredMessage(confirmed + n, 1, 1, BODY) for n in range(1, 51)])
        except sqlite3.OperationalError:
            return False
        confirmed += 50
        return True

    assert await publish()
    (pages,) = journal._writer.execute("PRAGMA page_count").fetchone()
    journal._writer.execute(f"PRAGMA max_page_count = {pages + 40}")  # SQLite says the same of a full disk
    while await publish():
        pass
    assert not await publish()
    [message] = {record.getMessage() for record in caplog.records}
    assert message.startswith("cannot write 50 messages and 0 acknowledgements: database or disk is full")
    assert len(message) < 200

    journal._writer.execute("PRAGMA max_page_count = 1000000")
    assert await publish()
    await journal.close()
    journal = Journal(tmp_path / "messages.db")
    assert journal.query("SELECT count(*) FROM messages") == [(confirmed,)]
    await journal.close()


def resident() -> int:
    """Bytes of this process that are in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_what_a_backlog_took_is_given_back(tmp_path: Path) -> None:
    """Both connections keep 32 MiB of pages: the writer's of what was published, the reader's of what was delivered."""
    journal = Journal(tmp_path / "messages.db")
    for first in range(0, 10_000, 1_000):
        await journal.append([StoredMessage(first + n, 1, 1, bytes(4_000)) for n in range(1, 1_001)])
    journal.query("SELECT sum(length(body)) FROM messages WHERE body != ''")
    before = resident()
    await journal.give_memory_back()
    assert before - resident() > 40 * 2**20
    await journal.close()
