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

from workloads.events.formats import MAX_ID_LENGTH, is_printable

log = logging.getLogger(__name__)

EVERY_LOCATION = "*"
_MAX_TOKEN_LENGTH = 4096
_STAT_SECONDS = 1.0  # how often the file is looked at
_FAULTS_NAMED = 5  # of a file's bad entries, in the log
_READ_SECONDS = 60.0  # a mounted secret may change without its time stamp changing: read it anyway
_KEPT_SECONDS = 15 * 60.0  # how long what was read last stays in force while the file cannot be read


class Unreadable(Exception):  # noqa: N818 - an answer
    """Nobody can be told from a stranger now: the file cannot be read."""


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

    Each reading of a secret that Cloud Run mounts is a call of Secret Manager, which may fail, may take its time
    (https://cloud.google.com/run/docs/configuring/services/secrets) and costs: what was read last stays in force for a
    quarter of an hour, and one thread reads while the others go by it. A caller is never called unknown because of it.
    The time stamp there is always that of now (https://github.com/pomerium/pomerium/issues/5079): after one that
    announced what was known, the file is left alone for a minute.
    With a file that is no list of credentials the last good version stays in force. A
    bad entry is skipped, and the others hold: neither does it keep revoked ones alive, nor does it lock anybody out.
    All of it is logged, once for each state.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._credentials: tuple[Credential, ...] | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._content = b""
        self._look = self._read = float("-inf")  # when to look next, and when it was read
        self._complaint = ""

    def authenticate(self, authorization: str | None) -> Credential | None:
        """Return whose `Authorization: Bearer <token>` header this is, None when it is nobody's.

        Takes the same time whichever credential matches.

        Raises:
            Unreadable: it may be somebody's.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _MAX_TOKEN_LENGTH:
            return None
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        match = None
        for credential in self._current():
            if hmac.compare_digest(credential.sha256, digest):
                match = credential
        return match

    def _current(self) -> tuple[Credential, ...]:
        if self._lock.acquire(blocking=self._credentials is None):
            try:
                now = time.monotonic()
                if now >= self._look:
                    self._look = now + _STAT_SECONDS
                    self._refresh(now)
            finally:
                self._lock.release()
        if (current := self._credentials) is None:
            raise Unreadable
        return current

    def _refresh(self, now: float) -> None:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp == self._stamp and now - self._read < _READ_SECONDS:
                return
            content = self._path.read_bytes()
            if content == self._content and self._stamp not in {None, stamp}:
                self._look = now + _READ_SECONDS
            self._content, self._stamp, self._read = content, stamp, now
            self._credentials, faults = parse(content)
            skipped = f"; these are skipped, {len(self._credentials)} others are in force: add a correct version"
            self._complain(f"{self._path}: {'; '.join(faults[:_FAULTS_NAMED])}{skipped}" if faults else "")
        except OSError as error:
            self._stamp = None
            if now - self._read >= _KEPT_SECONDS:
                self._credentials = None
            self._complain(
                f"{self._path}: cannot be read ({error.strerror}): "
                + (
                    f"{len(self._credentials)} credentials read before stay in force for {_KEPT_SECONDS / 60:.0f} minutes"
                    if self._credentials is not None
                    else "every caller gets 503"
                )
                + "; see that the secret that is mounted there has an enabled version, and that this service may read it"
            )
        except ValueError as error:
            self._credentials = self._credentials or ()
            self._complain(
                f"{self._path}: {error}: {len(self._credentials)} credentials read before stay in force; "
                "add a correct version to the secret that is mounted there"
            )

    def _complain(self, complaint: str) -> None:
        if complaint and complaint != self._complaint:
            log.error(complaint)
        self._complaint = complaint


def parse(content: bytes) -> tuple[tuple[Credential, ...], list[str]]:
    """Return the credentials of a file's content, and what is wrong with each entry that is none.

    Raises:
        ValueError: it is no list of credentials. No digest is repeated.
    """
    try:
        entries = json.loads(content)["credentials"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError('is not JSON of the form {"credentials": [...]}') from None
    if not isinstance(entries, list):
        raise ValueError("credentials is not an array")
    good, faults = list[Credential](), list[str]()
    for index, entry in enumerate(entries):
        if fault := fault_of(entry):
            faults.append(f"credentials[{index}]: {fault}")
        else:
            good.append(Credential(entry["id"], entry["sha256"].lower(), frozenset(entry["locations"])))
    return tuple(good), faults


def fault_of(entry: Any) -> str | None:
    """Tell what is wrong with an entry, None where it is good: the one rule of who writes the file and who reads it."""
    if not isinstance(entry, dict):
        return "is not an object"
    name, digest, locations = entry.get("id"), entry.get("sha256"), entry.get("locations")
    if not _is_id(name) or str(name) != str(name).strip():
        return f"id is not a name of 1 to {MAX_ID_LENGTH} printable characters without space around"
    if not isinstance(digest, str) or len(digest) != 64 or not set(digest.lower()) <= set("0123456789abcdef"):
        return "sha256 is not 64 hexadecimal digits"
    if not isinstance(locations, list) or not locations or not all(_is_id(location) for location in locations):
        return f"locations is not an array of location ids, each of 1 to {MAX_ID_LENGTH} printable characters, or *"
    return None


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MAX_ID_LENGTH and is_printable(value)
