"""Files: state written so that a kill leaves the old or the new content, the room that it has, and the cache folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LITTLE_ROOM = 32 * 2**20
"""Free bytes below which a volume counts as full: the stand-ins write their logs and journals in pieces of a few MiB."""


def cache_dir() -> Path:
    """Where the engine and its tools are kept; `LOCALCLOUD_CACHE` overrides it."""
    if override := os.environ.get("LOCALCLOUD_CACHE"):
        return Path(override)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastyle"


def write_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by `content`, readable by its owner only unless `mode` says more; folders are made as needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)  # noqa: PTH101 (a name, not a Path)
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def volume(path: Path) -> dict[str, Any]:
    """The volume that `path` is on: its size and what is free, in bytes, and whether that counts as full."""
    usage = shutil.disk_usage(path)
    return {
        "path": str(path),
        "total_bytes": usage.total,
        "free_bytes": usage.free,
        "full": usage.free < LITTLE_ROOM,
    }


def folder_of(package: str) -> Path:
    """Where an installed package lies, without importing it: some do work at import that the daemon has no use for."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the Python package {package} is not installed, which fastyle-localcloud requires; install it"
        )
    return Path(next(iter(spec.submodule_search_locations)))
