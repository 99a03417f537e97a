"""What this machine sent and the POS API accepted: event ids, kept so that the summary can account for each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path


class Ledger:
    """Accepted event ids by stream, in a SQLite file beside the local cloud's state. An id counts once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS accepted (event_id TEXT PRIMARY KEY, stream TEXT) WITHOUT ROWID")

    def add(self, stream: str, event_ids: Iterable[str]) -> None:
        """Record what was just answered as accepted: one durable transaction."""
        with self._db:
            self._db.execute("BEGIN")
            rows = ((e, stream) for e in event_ids)
            self._db.executemany("INSERT OR IGNORE INTO accepted VALUES (?, ?)", rows)

    def event_ids(self, stream: str) -> set[str]:
        return {e for (e,) in self._db.execute("SELECT event_id FROM accepted WHERE stream = ?", (stream,))}

    def close(self) -> None:
        self._db.close()
