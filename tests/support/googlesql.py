"""GoogleSQL's analyser (`tests/sql/analyser`), started once for all statements, in its own locked environment.

The first start on a machine installs the environment and compiles the analyser, half a minute; both are kept in the
user's cache, and nothing is fetched again.
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

from fastyle_localcloud.engine.bootstrap import cache_dir

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
    """The process, and the tables it knows."""

    def __init__(self, schemas: Mapping[str, list[dict[str, Any]]]) -> None:
        made = sorted(cache_dir().glob("uv-*/bin/uv"))  # by `make setup`
        uv = os.environ.get("UV") or shutil.which("uv") or (made and str(made[-1]))
        assert uv, "uv is not on PATH, nor in the cache; run `make setup`"
        lock = hashlib.sha256((FOLDER / "uv.lock").read_bytes()).hexdigest()[:16]
        kept = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "UV_FROZEN")}
        self._process = subprocess.Popen(
            [uv, "run", "--quiet", "--frozen", "--project", str(FOLDER), "python", str(FOLDER / "serve.py")],
            env={**kept, "UV_PROJECT_ENVIRONMENT": str(cache_dir() / "analyser" / lock)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._ask({"tables": dict(schemas)}) == {"ready": True}

    def analyse(self, sql: str) -> list[Statement]:
        """Take a script apart and resolve each of its statements against the tables."""
        return [Statement(**statement) for statement in self._ask({"sql": sql})["statements"]]

    def error(self, sql: str) -> str | None:
        """What is wrong with a script, if anything."""
        return "; ".join(s.error for s in self.analyse(sql) if s.error) or None

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the analyser ended with {self._process.wait(timeout=10)}; its last words are above"
        document: dict[str, Any] = json.loads(answer)
        return document

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=30)


def schemas() -> dict[str, list[dict[str, Any]]]:
    """The columns of every table and view: the raw ones from the event schema, the others from their declarations."""
    raw = {f"raw.{stream.table}": bigquery_fields(stream) for stream in STREAMS.values()}
    return raw | {table.key: list(table.columns) for table in tables().values() if table.kind != "raw"}
