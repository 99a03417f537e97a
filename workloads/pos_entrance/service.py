"""The process: `python main.py` of the archive becomes the framework under which Cloud Functions runs the POS API."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ARCHIVE = Path(__file__).resolve().parents[2]
FUNCTION = ARCHIVE / "workloads" / "pos_api" / "main.py"


def main() -> None:
    """Serve `handle` on `$PORT`, as its function does; a bad setting ends the process before it listens."""
    # The packages of the archive are on this process's path alone: the next program must find them, too.
    path = os.pathsep.join(dict.fromkeys([str(ARCHIVE), *(entry for entry in sys.path if entry)]))
    command = [sys.executable, "-m", "functions_framework", "--target", "handle", "--source", str(FUNCTION)]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})  # noqa: S606 (no shell is the point)


if __name__ == "__main__":
    main()
