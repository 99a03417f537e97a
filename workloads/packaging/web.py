"""A workload's browser libraries: packages of the npm registry, locked with hashes in `workloads/<name>/web/`.

npm comes from PATH or, on a machine without Node.js, from the wheel that uv.lock pins in group `node`. Either way npm
holds what it fetched against the lock's SHA-512, runs no script of a package, and the same lock gives the same files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = "web"  # beside workload.toml, and the name in the archive
_LICENCES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "LICENSE-MIT.txt", "license")


class WebError(Exception):
    """The packages cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Package:
    """One package of the lock."""

    name: str
    version: str
    licence: str  # SPDX expression
    integrity: str  # Subresource Integrity: algorithm-base64
    requires: tuple[str, ...]


def locked(folder: Path) -> list[Package]:
    """The packages of `folder`'s package-lock.json, by name."""
    table = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    return [
        Package(
            name=path.removeprefix("node_modules/"),
            version=entry["version"],
            licence=entry.get("license", ""),
            integrity=entry["integrity"],
            requires=tuple(sorted(entry.get("dependencies", ()))),
        )
        for path, entry in sorted(table["packages"].items())
        if path
    ]


def files(folder: Path, wanted: tuple[str, ...], cache: Path, repository: Path) -> Iterator[tuple[str, Path]]:
    """Each wanted file of the packages locked in `folder` as (name in the archive, path), then their licences.

    Raises:
        WebError: the packages cannot be had, or a wanted file is in none of them.
    """
    modules = install(folder, cache, repository)
    for name in wanted:
        if not (modules / name).is_file():
            raise WebError(f"{folder}: no package has {name!r}; correct `web` in workload.toml")
        yield f"{FOLDER}/{Path(name).name}", modules / name
    for package in locked(folder):
        for licence in _LICENCES:
            if (path := modules / package.name / licence).is_file():
                yield f"{FOLDER}/licenses/{package.name.replace('/', '+')}.txt", path
                break


def install(folder: Path, cache: Path, repository: Path) -> Path:
    """`node_modules` of the lock in `folder`, kept in `cache` by the lock's digest.

    Raises:
        WebError: npm cannot be had, or refuses.
    """
    sources = [folder / name for name in ("package.json", "package-lock.json")]
    key = hashlib.sha256(b"\0".join(f.read_bytes() for f in sources)).hexdigest()[:16]
    ready = cache / "web" / key
    if ready.exists():
        return ready
    ready.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ready.parent) as work:
        for source in sources:
            shutil.copy(source, work)
        command = [*_npm(repository), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]
        try:
            subprocess.run(command, cwd=work, check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as e:
            reason = (e.stderr.strip().splitlines() or ["no message"])[0]
            raise WebError(f"{folder}: npm ci failed: {reason}; check the network and package-lock.json") from None
        modules = Path(work, "node_modules")
        (modules / ".package-lock.json").unlink(missing_ok=True)
        try:
            modules.rename(ready)
        except OSError:  # another process was first: its result is the same
            if not ready.exists():
                raise
    return ready


def _npm(repository: Path) -> list[str]:
    if npm := shutil.which("npm"):
        return [npm]
    if uv := shutil.which("uv"):
        # `--project`: the lock is the repository's, the working folder that of the packages.
        project = ["--isolated", "--frozen", "--project", os.fspath(repository), "--only-group", "node"]
        return [uv, "run", "--quiet", *project, "npm"]
    raise WebError("neither npm nor uv is on PATH; run `make setup`")
