"""Checkers that are Go programs: `python -m tools.checkers NAME [ARGUMENT…]` builds NAME once and runs it.

Their modules are pinned, with checksums, by `go.mod` and `go.sum` below `.github/tools`; what is built is kept beside the
engine, outside the clone. actionlint lints the workflows; gitleaks looks for secrets in the history; osv-scanner
holds what is locked against known vulnerabilities.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from fastyle_localcloud.engine.build import go_toolchain
from fastyle_localcloud.engine.pinned import EngineUnavailable
from fastyle_localcloud.files import cache_dir

from ops.endpoints import REPOSITORY
from ops.errors import OperatorError
from ops.terminal import say_error

MODULES = REPOSITORY / ".github" / "tools"
PACKAGES = {
    "actionlint": (MODULES, "github.com/rhysd/actionlint/cmd/actionlint"),
    "gitleaks": (MODULES, "github.com/zricethezav/gitleaks/v8"),
    # A module of its own: it needs a YAML library that actionlint does not build with.
    "osv-scanner": (MODULES / "osv-scanner", "github.com/google/osv-scanner/v2/cmd/osv-scanner"),
}
"""The folder of the Go module that pins each tool, and the tool's package."""


def tool(name: str) -> Path:
    """The tool's executable, built on first use (half a minute on two cores).

    Raises:
        OperatorError: there is no such tool, no Go to build it with, or its modules cannot be had.
    """
    if name not in PACKAGES:
        raise OperatorError(f"no tool {name!r}; there are {', '.join(sorted(PACKAGES))}")
    module, package = PACKAGES[name]
    pins = b"".join((module / file).read_bytes() for file in ("go.mod", "go.sum"))
    home = cache_dir() / "tools" / hashlib.sha256(pins).hexdigest()[:16]
    ready = home / name
    if ready.exists():
        return ready
    home.mkdir(parents=True, exist_ok=True)
    try:
        go = go_toolchain(lambda line: print(f"tools: {line}", file=sys.stderr))
    except EngineUnavailable as error:
        raise OperatorError(f"{name} needs Go: {error}") from None
    print(f"tools: building {name}, once", file=sys.stderr)
    partial = home / f".{name}-{os.getpid()}"
    command = [go, "build", "-mod=readonly", "-trimpath", "-o", str(partial), package]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": ""}
    done = subprocess.run(command, cwd=module, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OperatorError(f"{name} cannot be built ({' '.join(done.stderr.split())[-300:]}); see `go env GOPROXY`")
    partial.rename(ready)
    return ready


def main() -> int:
    if len(sys.argv) < 2:
        say_error(OperatorError(f"name a tool: {', '.join(sorted(PACKAGES))}"))
        return 2
    try:
        executable = tool(sys.argv[1])
    except OperatorError as error:
        say_error(error)
        return 1
    return subprocess.run([executable, *sys.argv[2:]], cwd=REPOSITORY, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
