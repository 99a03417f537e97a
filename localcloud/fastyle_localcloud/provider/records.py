"""What exists in the local cloud, as its provider made it: one SQLite file, the stand-in's own control plane.

Secrets and write-only values are not in it: an output that holds one is left out, and a reader takes it from
Pulumi's state, where it is encrypted.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resources (
    token TEXT NOT NULL, id TEXT NOT NULL, urn TEXT NOT NULL, complete INTEGER NOT NULL,
    inputs TEXT NOT NULL, outputs TEXT NOT NULL, PRIMARY KEY (token, id)
);
CREATE TABLE IF NOT EXISTS made (token TEXT NOT NULL, id TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (token, id));
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Record:
    """One resource. `complete` is False while it is being made, and stays so when that was cut short.

    `urn` is empty for one that exists and that no stack has: its deletion policy was ABANDON.
    """

    token: str
    id: str
    urn: str
    complete: bool
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class Records:
    """Resources by type token and id. Safe for several processes; `:memory:` for one that keeps nothing."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA busy_timeout=5000")
        self._db.executescript(_SCHEMA)

    def get(self, token: str, id: str) -> Record | None:
        row = self._db.execute("SELECT * FROM resources WHERE (token, id) = (?, ?)", (token, id)).fetchone()
        return _record(row) if row else None

    def all(self, token: str | None = None) -> list[Record]:
        """Every resource, or those of one type, by id."""
        rows = self._db.execute("SELECT * FROM resources WHERE ? IN (token, '') ORDER BY token, id", (token or "",))
        return [_record(row) for row in rows]

    def put(self, record: Record) -> None:
        values = (record.token, record.id, record.urn, record.complete)
        texts = (json.dumps(record.inputs), json.dumps(record.outputs))
        self._db.execute("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?)", (*values, *texts))

    def remove(self, token: str, id: str) -> None:
        for table in ("resources", "made"):
            self._db.execute(f"DELETE FROM {table} WHERE (token, id) = (?, ?)", (token, id))

    def made(self, token: str, id: str) -> float | None:
        """When a resource was made, by the cloud's clock; None of one that was there before anybody noted it."""
        row = self._db.execute("SELECT at FROM made WHERE (token, id) = (?, ?)", (token, id)).fetchone()
        return row[0] if row else None

    def note_made(self, token: str, id: str, at: float) -> None:
        self._db.execute("INSERT OR REPLACE INTO made VALUES (?, ?, ?)", (token, id, at))

    def setting(self, name: str) -> str | None:
        """A setting of the cloud itself, such as a policy of its organisation."""
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set(self, name: str, value: str | None) -> None:
        """Keep a setting; None takes it away."""
        if value is None:
            self._db.execute("DELETE FROM settings WHERE name = ?", (name,))
        else:
            self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def close(self) -> None:
        self._db.close()


def _record(row: tuple[str, str, str, int, str, str]) -> Record:
    token, id, urn, complete, inputs, outputs = row
    return Record(token, id, urn, bool(complete), json.loads(inputs), json.loads(outputs))
