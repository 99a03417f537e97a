"""Scripts of `inside/`, run by one process that has imported Airflow, each in a fork: an import takes it four seconds."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

INSIDE = Path(__file__).parent / "inside"
TIMEOUT = 540.0


@dataclass(frozen=True)
class Ended:
    """What came of a script."""

    code: int
    output: str
    errors: str


class Forks:
    """The process; started at the first script."""

    def __init__(self, python: Path, home: Path, environment: Mapping[str, str], *options: str) -> None:
        self._command = [str(python), str(INSIDE / "forks.py"), *options]
        self._home, self._environment = home, environment
        self._log = home / "forks.log"
        self._process: subprocess.Popen[str] | None = None

    def begin(self, name: str, *arguments: str, more: Mapping[str, str]) -> Script:
        """Have a script run, in the process's environment and more; one at a time."""
        if self._process is None:
            with self._log.open("w") as log:
                self._process = subprocess.Popen(
                    self._command,
                    cwd=self._home,
                    env=dict(self._environment),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
        requests, answers = self._process.stdin, self._process.stdout
        assert requests
        assert answers
        folder = Path(tempfile.mkdtemp(dir=self._home))
        script = Script(answers, folder / "output", folder / "errors", self._log)
        request = {
            "path": str(INSIDE / name),
            "arguments": arguments,
            "environment": {**self._environment, **more},
            "output": str(script.output),
            "errors": str(script.errors),
        }
        print(json.dumps(request), file=requests, flush=True)
        return script

    def stop(self) -> None:
        """End it, and a script that still runs."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._process:
            self._process = None


@dataclass(frozen=True)
class Script:
    """One that was begun."""

    answers: IO[str]
    output: Path
    errors: Path
    log: Path

    def runs(self, seconds: float = 0) -> bool:
        """Whether it still does, after so many seconds at most."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.answers, selectors.EVENT_READ)
            return not selector.select(seconds)

    def end(self) -> Ended:
        """Wait for it."""
        began = time.monotonic()
        assert not self.runs(TIMEOUT), f"it still runs after {time.monotonic() - began:.0f} s"
        answer = self.answers.readline()
        assert answer, f"Airflow could not be imported: {self.log.read_text(encoding='utf-8')[-4000:]}"
        return Ended(int(answer), self.output.read_text(encoding="utf-8"), self.errors.read_text(encoding="utf-8"))
