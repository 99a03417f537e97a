"""Find, download or build the `pulumi` engine; standard library only, so that it runs before anything is set up.

In this order: `pulumi` from PATH when recent enough; what an earlier call left in the cache; the official release,
checked against the checksums published with it; and, behind a network that reaches only package registries, a build
from the engine's own Go modules (`build`).

The cache is `$XDG_CACHE_HOME/fastyle/engine/<version>-<platform>/` (`~/.cache` when unset), shared by all programs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastyle_localcloud.engine.build import build
from fastyle_localcloud.engine.pinned import VERSION, EngineUnavailable, Progress, parsed, version_of
from fastyle_localcloud.files import cache_dir

LANGUAGE_HOST = "pulumi-language-python"
RELEASES = "https://github.com/pulumi/pulumi/releases/download"
DOWNLOAD_TIMEOUT = 10.0  # seconds without an answer before the release counts as out of reach

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Engine:
    """A `pulumi` that runs. `how` says where it comes from: `path`, `release` or `built`."""

    pulumi: Path
    language_host_dir: Path
    how: str


def ensure_engine(progress: Progress) -> Engine:
    """Return a working engine, fetching or building it on first use; raises `EngineUnavailable`."""
    if (engine := _from_path()) is not None:
        return engine
    home = cache_dir() / "engine" / f"{VERSION}-{_platform()}"
    if (cached := _cached(home)) is not None:
        return cached
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineUnavailable(f"cannot create {home.parent}: {error.strerror}; set XDG_CACHE_HOME") from error
    with _locked(home.with_suffix(".lock"), progress):
        if (cached := _cached(home)) is not None:  # another process was faster
            return cached
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=".new-") as scratch:
            fresh = Path(scratch) / "engine"
            fresh.mkdir()
            try:
                _download(fresh, progress)
            except EngineUnavailable as reason:
                progress(f"no official release: {reason}")
                build(fresh, progress)
            _verify(fresh / "pulumi")
            fresh.rename(home)  # all or nothing: a killed set-up leaves only its scratch folder
    cached = _cached(home)
    if cached is None:
        raise EngineUnavailable(f"{home} was removed while it was being set up; run the command again")
    return cached


def _from_path() -> Engine | None:
    """`pulumi` of PATH, with its own language host beside it or, without one, with ours."""
    on_path = shutil.which("pulumi")
    if on_path is None or _is_ours(Path(on_path)):
        return None
    if version_of(on_path) < parsed(VERSION):
        return None
    pulumi = Path(on_path).resolve()
    own = pulumi.with_name(LANGUAGE_HOST)
    return Engine(pulumi, pulumi.parent if own.exists() else HERE / "bin", "path")


def _is_ours(pulumi: Path) -> bool:
    """True for the cache's own engine, which is on PATH in a shell that has the local cloud's variables."""
    return pulumi.resolve().is_relative_to(cache_dir().resolve())


def _cached(home: Path) -> Engine | None:
    pulumi = home / "pulumi"
    if not pulumi.exists():
        return None
    if (home / "pulumi-language-go").exists():  # a release brings the hosts of all languages
        return Engine(pulumi, home, "release")
    # The engine looks beside itself first, and does not warn about one there. Each revision of our host gets a folder of
    # its own with a link to the engine, so that two versions of this package share the cache.
    ours = HERE / "bin" / LANGUAGE_HOST
    beside = home / f"host-{hashlib.sha256(ours.read_bytes()).hexdigest()[:12]}"
    if not (beside / LANGUAGE_HOST).exists():
        fresh = home / f".host-{os.getpid()}"
        fresh.mkdir()
        try:
            (fresh / "pulumi").hardlink_to(pulumi)
        except OSError:  # a file system without hard links
            shutil.copy(pulumi, fresh / "pulumi")
        shutil.copy(ours, fresh / LANGUAGE_HOST)
        try:
            fresh.rename(beside)
        except OSError:  # another process was first
            shutil.rmtree(fresh)
    return Engine(beside / "pulumi", beside, "built")


def _verify(pulumi: Path) -> None:
    if version_of(pulumi) != parsed(VERSION):
        raise EngineUnavailable(f"the engine just set up does not run as version {VERSION} on {_platform()}")


def _platform() -> str:
    """`linux-x64`, `darwin-arm64`, …: as in the names of the official releases."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    if sys.platform not in ("linux", "darwin") or machine is None:
        raise EngineUnavailable(
            f"no engine for {sys.platform} on {platform.machine()}: Linux or macOS on x86_64 or arm64 is needed; "
            f"elsewhere install pulumi {VERSION} or later yourself"
        )
    return f"{sys.platform}-{machine}"


def _download(into: Path, progress: Progress) -> None:
    name = f"pulumi-v{VERSION}-{_platform()}.tar.gz"
    published = _fetch(f"{RELEASES}/v{VERSION}/pulumi-{VERSION}-checksums.txt").decode()
    checksums = {line.split()[1]: line.split()[0] for line in published.splitlines() if len(line.split()) == 2}
    if name not in checksums:
        raise EngineUnavailable(f"{name} is not among the published checksums")
    progress(f"downloading {name}")
    archive = _fetch(f"{RELEASES}/v{VERSION}/{name}")
    if hashlib.sha256(archive).hexdigest() != checksums[name]:
        raise EngineUnavailable(f"checksum mismatch: {name} is not what its publisher listed")
    packed = into / name
    packed.write_bytes(archive)
    with tarfile.open(packed) as tar:
        for member in tar.getmembers():
            if member.isfile():
                # one flat folder: the name only, so that no path of the archive can lead outside it
                source = tar.extractfile(member)
                assert source is not None
                target = into / Path(member.name).name
                with target.open("wb") as out:
                    shutil.copyfileobj(source, out)
                target.chmod(0o755)
    packed.unlink()


def _fetch(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT) as answer:  # noqa: S310 - a constant https address
            body: bytes = answer.read()
            return body
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise EngineUnavailable(f"{url.split('/')[2]} cannot be reached ({reason})") from error


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold `path` exclusively: two set-ups at once would build twice. The kernel frees it when a holder dies."""
    import fcntl  # not on Windows, which `_platform` has refused by now

    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is setting the engine up; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main() -> int:
    """`python -m fastyle_localcloud.engine.bootstrap`: set the engine up and print its path."""
    argparse.ArgumentParser(description=main.__doc__).parse_args()
    try:
        engine = ensure_engine(lambda line: print(f"engine: {line}", file=sys.stderr, flush=True))
    except EngineUnavailable as error:
        print(f"engine: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("engine: stopped; run the same command again to go on", file=sys.stderr)
        return 130
    print(engine.pulumi)
    return 0


if __name__ == "__main__":
    sys.exit(main())
