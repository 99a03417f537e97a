"""`make setup` on a machine that lacks something: the last line but make's own says what, and how to go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def setup(*arguments: str, **environment: str) -> list[str]:
    """What `make setup` says before make's own line."""
    make = shutil.which("make")
    assert make is not None
    command = [make, "-C", str(REPOSITORY), "--no-print-directory", *arguments, "setup"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stdout
    return done.stderr.splitlines()[:-1]


def test_a_python_that_is_not_there_is_not_called_old() -> None:
    [said] = setup("PYTHON=python3.99")
    assert said == (
        "error: python3.99 is no Python 3.11 or newer; install one, or name it: make PYTHON=python3.12 setup"
    )


def test_without_a_network_it_says_what_needs_one(tmp_path: Path) -> None:
    """Pip's and uv's own words end in "No matching distribution found", and in five causes of a refused connection."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "git", "awk", "grep"):
        (programs / name).symlink_to(next(p for f in os.get_exec_path() if (p := Path(f) / name).exists()))
    nowhere = {
        "PATH": str(programs),
        "XDG_CACHE_HOME": str(tmp_path),
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
    }
    python = f"PYTHON={Path(sys.base_prefix) / 'bin' / 'python3'}"
    assert setup(python, "SHELL=/bin/bash", **nowhere)[-1].startswith(
        "error: uv could not be installed, for the reason above; "
    )
    uv = programs / "uv"
    uv.write_text("#!/bin/bash\nexit 2\n")
    uv.chmod(0o755)
    assert setup(python, **nowhere)[-1].startswith(
        "error: the Python packages could not be installed, for the reason above; "
    )
