"""The message store when the disk is full: nothing confirmed that is not stored, and no bodies in the log."""

from __future__ import annotations

import sqlite3
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
