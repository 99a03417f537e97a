"""The pinned engine: its version, what programs say of theirs, and the error where no engine can be had."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

VERSION = "3.258.0"
Progress = Callable[[str], None]


class EngineUnavailable(Exception):  # noqa: N818 - what the user reads is the message
    """No engine could be had; the message says what is missing and how to mend it."""


def parsed(version: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in match.groups()) if match else ()


def version_of(program: str | Path) -> tuple[int, ...]:
    """What `program version` says, of `pulumi` or `go`; empty when it does not run."""
    # The question is what this program is, not what it could download or be replaced by.
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true", "GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run([program, "version"], capture_output=True, text=True, timeout=60, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parsed(done.stdout) if done.returncode == 0 else ()
