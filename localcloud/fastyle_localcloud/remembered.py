"""Results that are looked up instead of computed again, kept in a file that the processes of one user share.

A file may be deleted at any time, and whatever is wrong with it counts as an empty one.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Self

LARGEST_FILE = 256 * 1024**2
"""Bytes; a larger file is begun anew."""


class Remembered:
    """A table of texts, compressed, by the hash of what they were made from."""

    def __init__(self, path: Path) -> None:
        """Open the file, or go without one where that cannot be."""
        self._file: sqlite3.Connection | None = None
        with suppress(OSError, sqlite3.Error):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if path.exists() and path.stat().st_size > LARGEST_FILE:
                path.unlink()
            # A moment's wait for another process that writes, no more: computing anew is always possible.
            self._file = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.execute("PRAGMA synchronous = OFF")
            self._file.execute("CREATE TABLE IF NOT EXISTS texts (source BLOB PRIMARY KEY, text BLOB NOT NULL)")

    @classmethod
    def of_releases(cls, folder: Path, *packages: str) -> Self:
        """What the installed releases of these packages make, in a file of `folder`."""
        return cls(folder / f"{'-'.join(f'{package}-{version(package)}' for package in packages)}.sqlite")

    def get(self, *source: str) -> str | None:
        """The text that was put for this source, if any."""
        with suppress(sqlite3.Error, zlib.error):
            if self._file:
                row = self._file.execute("SELECT text FROM texts WHERE source = ?", [_key(source)]).fetchone()
                return zlib.decompress(row[0]).decode("utf-8", "surrogatepass") if row else None
        return None

    def put(self, text: str, *source: str) -> None:
        """Keep this text for this source."""
        compressed = zlib.compress(text.encode("utf-8", "surrogatepass"), 1)
        with suppress(sqlite3.Error):
            if self._file:
                self._file.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", [_key(source), compressed])

    def close(self) -> None:
        """Close the file; nothing is looked up or kept afterwards."""
        if self._file:
            self._file.close()
            self._file = None


def _key(source: tuple[str, ...]) -> bytes:
    hashed = hashlib.blake2b(digest_size=20)
    for part in source:
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(8, "big") + encoded)
    return hashed.digest()
