"""Previews that were made already: the same program and configuration need not be previewed again.

A preview is kept under a digest of every file that it can depend on, of its stack and of what was tried out, so that
nothing has to be thrown away by hand: a changed file is another digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.folders import STATE_DIR

KEPT = STATE_DIR / "plans"
MOST = 12
"""Previews that are kept, the newest: a few megabytes each."""
_UNREAD = (
    "docs/",
    "tests/",
    "bench/",
    ".github/",
    "policies/config/",
    "policies/config.json",
    "components/tests/",
    "policies/tests/",
    "policies/fastyle_policies/pricing/",
    "policies/fastyle_policies/rules/",
)
"""Folders of a checkout that no preview reads: the policy pack judges one, and makes none of it."""


@dataclass(frozen=True)
class Kept:
    """Where a preview is kept, whether or not it already is; `path` is None where a checkout cannot be told by digest."""

    path: Path | None

    @classmethod
    def of(cls, stack: str, overrides: Mapping[str, str | None], repository: Path, folder: Path | None = None) -> Kept:
        """The place of this preview."""
        digest = _digest(repository)
        if digest is None:
            return cls(None)
        asked = json.dumps([stack, sorted(overrides.items(), key=str)])
        name = hashlib.sha256(f"{digest} {asked}".encode()).hexdigest()[:32]
        return cls((folder or KEPT) / f"{stack}-{name}.json")

    def read(self) -> dict[str, Any] | None:
        """What was kept; None where nothing was, or it cannot be read."""
        if self.path is None:
            return None
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def write(self, content: Mapping[str, Any]) -> None:
        """Keep a preview, and let the oldest go. Where nothing can be written nothing is kept, and all else goes on."""
        if self.path is None:
            return
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self.path.with_suffix(f".{os.getpid()}")
            unfinished.write_text(json.dumps(content), encoding="utf-8")
            unfinished.replace(self.path)
            newest = sorted(self.path.parent.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in newest[MOST:]:
                path.unlink(missing_ok=True)


def _digest(repository: Path) -> str | None:
    """A digest of a checkout's files as they are, committed or not; None outside of git."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(listing, cwd=repository, capture_output=True, check=False)
    except OSError:
        return None
    if done.returncode:
        return None
    whole = hashlib.sha256()
    for name in sorted(filter(None, done.stdout.decode().split("\0"))):
        path = repository / name
        if name.startswith(_UNREAD) or not path.is_file():
            continue
        whole.update(f"{name}\0{path.stat().st_mode & 0o111}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()
