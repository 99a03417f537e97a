"""Translations of statements, kept in a file that every BigQuery stand-in of this user shares.

Translating GoogleSQL for DuckDB takes a hundred times as long as looking the result up, and the same program sends the
same texts to each stand-in that is started for it. The file belongs to one release of the translator; it may be deleted
at any time, and whatever is wrong with it counts as an empty one.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

LARGEST_FILE = 256 * 1024**2
"""Bytes; a larger file is begun anew."""


class Translations:
    """A table of texts by the hash of what they were made from."""

    def __init__(self, folder: Path) -> None:
        """Open the file of the installed translator in `folder`, or go without one where that cannot be."""
        release = "-".join(f"{package}-{version(package)}" for package in ("bqemulator", "sqlglot"))
        self._file: sqlite3.Connection | None = None
        with suppress(OSError, sqlite3.Error):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = folder / f"{release}.sqlite"
            if path.exists() and path.stat().st_size > LARGEST_FILE:
                path.unlink()
            # A moment's wait for another stand-in that writes, no more: translating anew is always possible.
            self._file = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = OFF")
            self._file.execute("CREATE TABLE IF NOT EXISTS translations (source BLOB PRIMARY KEY, text TEXT NOT NULL)")

    def get(self, *source: str) -> str | None:
        """The text that was put for this source, if any."""
        with suppress(sqlite3.Error):
            if self._file:
                row = self._file.execute("SELECT text FROM translations WHERE source = ?", [_key(source)]).fetchone()
                return str(row[0]) if row else None
        return None

    def put(self, text: str, *source: str) -> None:
        """Keep this text for this source."""
        with suppress(sqlite3.Error):
            if self._file:
                self._file.execute("INSERT OR IGNORE INTO translations VALUES (?, ?)", [_key(source), text])


def _key(source: tuple[str, ...]) -> bytes:
    hashed = hashlib.blake2b(digest_size=20)
    for part in source:
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(8, "big") + encoded)
    return hashed.digest()
