"""GoogleSQL's analyser (`tests/sql/analyser`), started once for all statements, in its own locked environment.

The first start on a machine installs the environment and compiles the analyser, half a minute; both are kept in the
user's cache, and nothing is fetched again. So are its answers, by all that they depend on: the analyser and its lock, the
tables, the text. Only a text that it was never asked about starts it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastyle_localcloud.files import cache_dir
from fastyle_localcloud.remembered import Remembered

from workloads.events import STREAMS
from workloads.events.schema import bigquery_fields
from workloads.pipeline.tables import tables

FOLDER = Path(__file__).resolve().parents[1] / "sql" / "analyser"


@dataclass(frozen=True)
class Statement:
    """One statement of a script: what is wrong with it, or its resolved tree."""

    sql: str
    error: str | None
    tree: dict[str, Any] | None


class Analyser:
    """The answers that are kept, and the process, once there is something new to ask."""

    def __init__(self, schemas: Mapping[str, list[dict[str, Any]]]) -> None:
        self._tables = json.dumps(dict(schemas), sort_keys=True)
        self._process: subprocess.Popen[str] | None = None
        asked = hashlib.sha256(self._tables.encode())
        for file in (FOLDER / "serve.py", FOLDER / "uv.lock"):
            asked.update(file.read_bytes())
        self._asked = asked.hexdigest()
        self._answers = Remembered(cache_dir() / "analyser" / "answers.sqlite")

    def _start(self) -> subprocess.Popen[str]:
        made = sorted(cache_dir().glob("uv-*/bin/uv"))  # by `make setup`
        uv = os.environ.get("UV") or shutil.which("uv") or (made and str(made[-1]))
        assert uv, "uv is not on PATH, nor in the cache; run `make setup`"
        lock = hashlib.sha256((FOLDER / "uv.lock").read_bytes()).hexdigest()[:16]
        kept = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "UV_FROZEN")}
        process = subprocess.Popen(
            [uv, "run", "--quiet", "--frozen", "--project", str(FOLDER), "python", str(FOLDER / "serve.py")],
            env={**kept, "UV_PROJECT_ENVIRONMENT": str(cache_dir() / "analyser" / lock)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert json.loads(_ask(process, {"tables": json.loads(self._tables)})) == {"ready": True}
        return process

    def analyse(self, sql: str) -> list[Statement]:
        """Take a script apart and resolve each of its statements against the tables."""
        answer = self._answers.get(self._asked, sql)
        if answer is None:
            self._process = self._process or self._start()
            answer = _ask(self._process, {"sql": sql})
            self._answers.put(answer, self._asked, sql)
        return [Statement(**statement) for statement in json.loads(answer)["statements"]]

    def error(self, sql: str) -> str | None:
        """What is wrong with a script, if anything."""
        return "; ".join(s.error for s in self.analyse(sql) if s.error) or None

    def close(self) -> None:
        """End the process, if there is one."""
        self._answers.close()
        if self._process:
            with contextlib.suppress(BrokenPipeError):
                self._process.communicate(timeout=30)


def _ask(process: subprocess.Popen[str], message: dict[str, Any]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    assert answer, f"the analyser ended with {process.wait(timeout=10)}; its last words are above"
    return answer


def schemas() -> dict[str, list[dict[str, Any]]]:
    """The columns of every table and view: the raw ones from the event schema, the others from their declarations."""
    raw = {f"raw.{stream.table}": bigquery_fields(stream) for stream in STREAMS.values()}
    return raw | {table.key: list(table.columns) for table in tables().values() if table.kind != "raw"}
