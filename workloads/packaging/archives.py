"""Builds a workload's archive: its code, what it shares, and its locked dependencies for the cloud's runtime.

The same commit gives the same bytes on any machine and in any folder: entries are sorted, owned by nobody,
dated 1980, and *stored*, not compressed, because two zlib builds may compress one input differently.
A service becomes a `.tar.gz` (what a Cloud Run deployment without a build takes), a function a `.zip`.
Ready archives are kept outside the clone, by the digest of everything they are made of.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workloads.packaging import web

REPOSITORY = Path(__file__).resolve().parents[2]
# What Cloud Run's and Cloud Functions' python311 runtimes are: Ubuntu 22.04 (glibc 2.35) on x86_64.
PYTHON_VERSION = "3.11"
PLATFORM = "x86_64-manylinux_2_28"
SHARED = ("workloads/__init__.py", "workloads/events", "workloads/runtime")
SIZE_LIMIT = 250 * 1024 * 1024  # bytes: Cloud Run's limit for a deployment without a build
_FORMAT = "2"  # part of the digest: raise it when the layout of an archive changes

_MAIN = """\
import sys
from pathlib import Path

_here = Path(__file__).resolve().parent
sys.path[:0] = [str(_here), str(_here / "lib")]

from {module} import {attribute}  # noqa: E402
"""


class PackagingError(Exception):
    """A workload cannot be packaged; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Workload:
    """What `workloads/<name>/workload.toml` declares."""

    name: str
    kind: str  # "service" or "function"
    group: str  # the dependency group of pyproject.toml that the archive carries
    entry: str  # module:callable
    include: tuple[str, ...]  # further folders or files of the repository
    web: tuple[str, ...] = ()  # files of the npm packages locked beside it

    @property
    def suffix(self) -> str:
        return ".zip" if self.kind == "function" else ".tar.gz"


def load(name: str, repository: Path = REPOSITORY) -> Workload:
    """Read a workload's declaration.

    Raises:
        PackagingError: there is none, or it lacks a key.
    """
    path = repository / "workloads" / name / "workload.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        workload = Workload(
            name, table["kind"], table["group"], table["entry"], *(tuple(table.get(k, ())) for k in ("include", "web"))
        )
    except FileNotFoundError:
        raise PackagingError(f"workloads/{name}/workload.toml: not found; name an existing workload") from None
    except (KeyError, tomllib.TOMLDecodeError) as e:
        raise PackagingError(f"workloads/{name}/workload.toml: {e}; it needs kind, group and entry") from None
    if workload.kind not in ("service", "function"):
        raise PackagingError(f"workloads/{name}/workload.toml: kind is {workload.kind!r}; use service or function")
    return workload


def build(name: str, out: Path | None = None, repository: Path = REPOSITORY) -> Path:
    """Build the archive of workload `name`, or find it ready, and return its path.

    The file is `<out>/<name>-<SHA-256>.<zip|tar.gz>`; `out` defaults to a cache outside the clone. Safe to call from
    several processes at once.

    Raises:
        PackagingError: the workload is not declared, its dependencies cannot be had, or it grew over the limit.
    """
    workload = load(name, repository)
    out = out or cache_dir() / "archives"
    out.mkdir(parents=True, exist_ok=True)
    sources = dict(_sources(workload, repository))
    record = out / f"{name}-{_digest(workload, sources, repository)}.ref"
    with (out / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if record.exists() and (ready := out / record.read_text(encoding="utf-8")).exists():
            return ready
        requirements = _requirements(workload, repository)
        lib = _libraries(requirements)
        files: dict[str, Path | bytes] = {**sources, **_generated(workload, requirements)}
        files |= {f"lib/{f.relative_to(lib).as_posix()}": f for f in _walk(lib)}
        if workload.web:
            files |= _browser_libraries(workload, repository)
        path = _write(workload, files, out)
        record.write_text(path.name, encoding="utf-8")
        return path


def cache_dir() -> Path:
    """Where ready archives and installed dependencies are kept: `$XDG_CACHE_HOME/fastyle`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastyle"


def _walk(folder: Path) -> Iterator[Path]:
    return (f for f in sorted(folder.rglob("*")) if f.is_file() and "__pycache__" not in f.parts)


def _sources(workload: Workload, repository: Path) -> Iterator[tuple[str, Path]]:
    for root in (*SHARED, f"workloads/{workload.name}", *workload.include):
        path = repository / root
        if not path.exists():
            raise PackagingError(f"workloads/{workload.name}/workload.toml: include {root!r} does not exist")
        for f in [path] if path.is_file() else _walk(path):
            yield f.relative_to(repository).as_posix(), f


def _digest(workload: Workload, files: dict[str, Path], repository: Path) -> str:
    """A digest of everything the archive is made of, cheap enough for every `pulumi up`."""
    h = hashlib.sha256(f"{_FORMAT} {PYTHON_VERSION} {PLATFORM} {workload}".encode())
    for arcname, f in sorted({**files, "uv.lock": repository / "uv.lock"}.items()):
        h.update(f"\0{arcname}\0".encode() + hashlib.sha256(f.read_bytes()).digest())
    return h.hexdigest()[:16]


def _requirements(workload: Workload, repository: Path) -> str:
    """The locked versions and hashes of the workload's dependency group, as pip reads them."""
    command = ["uv", "export", "--frozen", "--only-group", workload.group, "--no-emit-workspace", "--no-header"]
    return _uv([*command, "--no-annotate", "--quiet"], repository)


def _libraries(requirements: str) -> Path:
    """Install the requirements for the cloud's platform, whatever this one is; kept by their digest."""
    key = hashlib.sha256(f"{_FORMAT} {PYTHON_VERSION} {PLATFORM} {requirements}".encode()).hexdigest()[:16]
    ready = cache_dir() / "lib" / key
    if ready.exists():
        return ready
    ready.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ready.parent) as work:
        listing, target = Path(work, "requirements.txt"), Path(work, "lib")
        listing.write_text(requirements, encoding="utf-8")
        command = ["uv", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        command += ["--python-version", PYTHON_VERSION, "--python-platform", PLATFORM, "--link-mode", "copy"]
        _uv([*command, "--target", str(target), "-r", str(listing)], Path(work))
        _drop_machine_traces(target)
        try:
            target.rename(ready)
        except OSError:  # another process was first: its result is the same
            if not ready.exists():
                raise
    return ready


def _browser_libraries(workload: Workload, repository: Path) -> dict[str, Path]:
    folder = repository / "workloads" / workload.name / web.FOLDER
    try:
        return dict(web.files(folder, workload.web, cache_dir(), repository))
    except web.WebError as e:
        raise PackagingError(str(e)) from None


def _drop_machine_traces(lib: Path) -> None:
    """Remove what an installation says of the machine it ran on: scripts with its Python's path, and records."""
    shutil.rmtree(lib / "bin", ignore_errors=True)
    for trace in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
        for f in lib.glob(f"*.dist-info/{trace}"):
            f.unlink()
    (lib / ".lock").unlink(missing_ok=True)


def _generated(workload: Workload, requirements: str) -> dict[str, bytes]:
    module, _, attribute = workload.entry.partition(":")
    if workload.kind == "function":
        main = _MAIN.format(module=module, attribute=f"{attribute} as handle")
    else:
        main = _MAIN.format(module=module, attribute=attribute)
        main += f'\nif __name__ == "__main__":\n    {attribute}()\n'
    pins = sorted(line.split(";")[0].split("\\")[0].strip() for line in requirements.splitlines() if "==" in line)
    manifest = {
        "name": workload.name,
        "kind": workload.kind,
        "python": PYTHON_VERSION,
        "platform": PLATFORM,
        "requirements": pins,
    }
    files = {"main.py": main.encode(), "MANIFEST.json": json.dumps(manifest, indent=1, sort_keys=True).encode()}
    if workload.kind == "function":
        # Cloud Build installs these for the process that loads main.py; they are the versions in lib/.
        files["requirements.txt"] = requirements.encode()
    return files


def _write(workload: Workload, files: dict[str, Path | bytes], out: Path) -> Path:
    entries = ((name, f if isinstance(f, bytes) else f.read_bytes()) for name, f in sorted(files.items()))
    data = _zip(entries) if workload.kind == "function" else _gzip_stored(_tar(entries))
    if len(data) > SIZE_LIMIT:
        raise PackagingError(
            f"the archive of {workload.name} has {len(data) >> 20} MiB, over Cloud Run's {SIZE_LIMIT >> 20} MiB; "
            f"take something out of dependency group {workload.group!r}"
        )
    path = out / f"{workload.name}-{hashlib.sha256(data).hexdigest()}{workload.suffix}"
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    partial.rename(path)
    return path


def _zip(entries: Iterator[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as z:
        for name, data in entries:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            info.create_system = 3  # Unix, whatever built it
            z.writestr(info, data)
    return buffer.getvalue()


def _tar(entries: Iterator[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(data), 315532800, 0o644  # 1980-01-01, as in a zip
            t.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _gzip_stored(data: bytes) -> bytes:
    """A gzip member (RFC 1952) of stored blocks (RFC 1951, 3.2.4), the same bytes from any zlib."""
    out = [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"]
    for start in range(0, max(len(data), 1), 0xFFFF):
        block = data[start : start + 0xFFFF]
        last = start + 0xFFFF >= len(data)
        out.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    out.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(out)


def _uv(command: list[str], cwd: Path) -> str:
    try:
        return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise PackagingError("uv is not on PATH; run `make setup`") from None
    except subprocess.CalledProcessError as e:
        reason = e.stderr.strip() or "no message"
        raise PackagingError(f"{' '.join(command[:3])} failed: {reason}; check the network and uv.lock") from None
