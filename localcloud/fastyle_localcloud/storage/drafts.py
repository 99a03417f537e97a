"""Content that is no object yet: a file that grows, and the checksums of what is in it."""

from __future__ import annotations

import errno
import hashlib
import os
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import google_crc32c

from fastyle_localcloud.storage.protocol import Attributes, pieces


class Checksums:
    """Both checksums of a content that comes in pieces."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._crc32c: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]

    def update(self, chunk: bytes) -> None:
        """Take in the next piece."""
        self._md5.update(chunk)
        self._crc32c.update(chunk)

    def attributes(self) -> Attributes:
        """The checksums, written as Cloud Storage does."""
        return {
            "md5Hash": b64encode(self._md5.digest()).decode(),
            "crc32c": b64encode(self._crc32c.digest()).decode(),
        }


class Draft:
    """The file at `path`, which is there and empty."""

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.checksums = path, 0, Checksums()

    def write(self, chunk: bytes) -> None:
        """Append `chunk`, or nothing of it."""
        try:
            with self.path.open("ab", buffering=0) as file:
                if file.write(chunk) != len(chunk):  # as much as there was room for
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.truncate(self.path, self.size)
            raise
        self.size += len(chunk)
        self.checksums.update(chunk)

    def fill(self, sources: Iterable[IO[bytes]]) -> None:
        """Append all of `sources`, one after the other."""
        for source in sources:
            for chunk in pieces(source):
                self.write(chunk)

    def discard(self) -> None:
        """Remove the file unless it has become an object."""
        self.path.unlink(missing_ok=True)
