"""Secret Manager's versions on disk: one file a version, readable by its owner only, never logged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fastyle_localcloud.files import write_atomically

MAX_PAYLOAD_BYTES = 64 * 1024


class SecretError(Exception):
    """A request Secret Manager would refuse; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Version:
    secret: str
    number: int
    state: str  # ENABLED, DISABLED or DESTROYED
    created: str


class SecretStore:
    """Secrets by short name (one project only). `on_change(secret)` tells who mounted a version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listeners: list[Callable[[str], None]] = []

    def on_change(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def create(self, secret: str) -> None:
        path = self._folder / secret / "index.json"
        if not path.exists():
            write_atomically(path, b"[]")

    def exists(self, secret: str) -> bool:
        return (self._folder / secret / "index.json").exists()

    def delete(self, secret: str) -> None:
        shutil.rmtree(self._folder / secret, ignore_errors=True)

    def add_version(self, secret: str, payload: bytes) -> Version:
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise SecretError(400, f"secret {secret}: a payload has at most {MAX_PAYLOAD_BYTES} bytes")
        versions = self.versions(secret)
        version = Version(secret, len(versions) + 1, "ENABLED", _now())
        write_atomically(self._folder / secret / f"{version.number}.bin", payload)
        self._save(secret, [*versions, version])
        return version

    def versions(self, secret: str) -> list[Version]:
        try:
            rows = json.loads((self._folder / secret / "index.json").read_text())
        except FileNotFoundError:
            raise SecretError(404, f"secret {secret} not found") from None
        return [Version(secret, **row) for row in rows]

    def version(self, secret: str, version: str) -> Version:
        """A version by number, or `latest`: the newest one, whatever its state."""
        versions = self.versions(secret)
        if version == "latest" and versions:
            return versions[-1]
        if version.isdecimal() and 1 <= int(version) <= len(versions):
            return versions[int(version) - 1]
        raise SecretError(404, f"secret {secret} has no version {version}")

    def access(self, secret: str, version: str = "latest") -> bytes:
        stored = self.version(secret, version)
        if stored.state != "ENABLED":
            raise SecretError(400, f"secret {secret}: version {stored.number} is {stored.state}")
        return (self._folder / secret / f"{stored.number}.bin").read_bytes()

    def set_state(self, secret: str, version: str, state: str) -> Version:
        """Enable, disable or destroy a version; a destroyed one keeps its number and loses its payload."""
        stored = self.version(secret, version)
        if stored.state == "DESTROYED" and state != "DESTROYED":
            raise SecretError(400, f"secret {secret}: version {stored.number} is destroyed")
        changed = Version(secret, stored.number, state, stored.created)
        if state == "DESTROYED":
            (self._folder / secret / f"{stored.number}.bin").unlink(missing_ok=True)
        self._save(secret, [changed if v.number == stored.number else v for v in self.versions(secret)])
        return changed

    def _save(self, secret: str, versions: list[Version]) -> None:
        rows = [{"number": v.number, "state": v.state, "created": v.created} for v in versions]
        write_atomically(self._folder / secret / "index.json", json.dumps(rows).encode())
        for listener in self._listeners:
            listener(secret)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
