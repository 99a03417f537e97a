"""Bearer credentials from a file: who is asking, and for which locations.

The file holds SHA-256 digests only: `{"credentials": [{"id", "sha256", "locations"}]}`, where `["*"]` is
every location. It is a mounted secret; a new version takes effect without a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

EVERY_LOCATION = "*"
_MAX_TOKEN_LENGTH = 4096
_STAT_SECONDS = 1.0  # how often the file is looked at
_READ_SECONDS = 60.0  # a mounted secret may change without its time stamp changing: read it anyway


@dataclass(frozen=True)
class Credential:
    """A caller: `id` for the logs, the token's SHA-256 in hex, and its locations."""

    id: str
    sha256: str
    locations: frozenset[str]

    def allows(self, location_id: str) -> bool:
        """Tell whether the caller may send events of this location."""
        return EVERY_LOCATION in self.locations or location_id in self.locations

    @property
    def is_unlimited(self) -> bool:
        """Whether the caller may act for every location."""
        return EVERY_LOCATION in self.locations


class CredentialStore:
    """The credentials of one file, read again when it changes. Safe to share between threads.

    Without the file nobody is let in; with a malformed one the last good version stays in force. Both are
    logged, once for each state.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._credentials: tuple[Credential, ...] = ()
        self._stamp: tuple[int, int, int] | None = None
        self._looked = self._read = float("-inf")
        self._complaint = ""

    def authenticate(self, authorization: str | None) -> Credential | None:
        """Return whose `Authorization: Bearer <token>` header this is, None when it is nobody's.

        Takes the same time whichever credential matches.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _MAX_TOKEN_LENGTH:
            return None
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        found = None
        for credential in self._current():
            if hmac.compare_digest(credential.sha256, digest):
                found = credential
        return found

    def _current(self) -> tuple[Credential, ...]:
        now = time.monotonic()
        with self._lock:
            if now - self._looked >= _STAT_SECONDS:
                self._looked = now
                self._refresh(now)
            return self._credentials

    def _refresh(self, now: float) -> None:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp == self._stamp and now - self._read < _READ_SECONDS:
                return
            self._credentials = parse(self._path.read_bytes())
            self._stamp, self._read = stamp, now
            self._complain("")
        except OSError as error:
            self._credentials, self._stamp = (), None
            self._complain(
                f"{self._path}: cannot be read ({error.strerror}): every caller gets 401; "
                "add a version to the secret that is mounted there"
            )
        except ValueError as error:
            self._stamp = None
            self._complain(
                f"{self._path}: {error}: {len(self._credentials)} credentials read before stay in force; "
                "add a correct version to the secret that is mounted there"
            )

    def _complain(self, complaint: str) -> None:
        if complaint and complaint != self._complaint:
            log.error(complaint)
        self._complaint = complaint


def parse(content: bytes) -> tuple[Credential, ...]:
    """Return the credentials of a file's content.

    Raises:
        ValueError: it is malformed; says where. No digest is repeated.
    """
    try:
        entries = json.loads(content)["credentials"]
    except (ValueError, TypeError, KeyError):
        raise ValueError('is not JSON of the form {"credentials": [...]}') from None
    if not isinstance(entries, list):
        raise ValueError("credentials is not an array")
    return tuple(_credential(index, entry) for index, entry in enumerate(entries))


def _credential(index: int, entry: Any) -> Credential:
    where = f"credentials[{index}]"
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is not an object")
    name, digest, locations = entry.get("id"), entry.get("sha256"), entry.get("locations")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}.id is not a name")
    if not isinstance(digest, str) or len(digest) != 64 or not set(digest.lower()) <= set("0123456789abcdef"):
        raise ValueError(f"{where}.sha256 is not 64 hexadecimal digits")
    if not isinstance(locations, list) or not all(isinstance(location, str) for location in locations):
        raise ValueError(f"{where}.locations is not an array of location ids")
    return Credential(name, digest.lower(), frozenset(locations))
