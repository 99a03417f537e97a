"""The BigQuery stand-in's store when nothing more can be written: a limit on the size of files stands for a full disk."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from bqemulator.config import Settings
from fastyle_localcloud.standins.bigquery_engine import ConfinedEngine, StoreUnavailable

INSERT = "INSERT INTO trade SELECT md5(random()::VARCHAR) || repeat('x', 2000) FROM range(100)"


@pytest.fixture
def engine(tmp_path: Path) -> ConfinedEngine:
    opened = ConfinedEngine(Settings(data_dir=tmp_path))
    opened._connection = duckdb.connect(str(tmp_path / "store.duckdb"))
    opened.execute("CREATE TABLE trade (text VARCHAR)")
    opened.execute(INSERT)
    return opened


@contextmanager
def no_room(*files: Path) -> Iterator[None]:
    """Let no file of this process grow beyond the size of `files`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(file.stat().st_size for file in files), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_it_cannot_store_is_unavailable_and_not_a_bad_row(engine: ConfinedEngine, tmp_path: Path) -> None:
    """A 500 would be taken for a row that the table cannot hold: the message would go to the dead letters."""
    with no_room(tmp_path / "store.duckdb.wal"), pytest.raises(StoreUnavailable, match="Could not write file"):
        engine.execute(INSERT)
    assert StoreUnavailable.http_status == 503
    engine.execute(INSERT)
    assert engine.execute("SELECT COUNT(*) FROM trade").fetchone() == (200,)


def test_a_store_that_refuses_everything_ends_its_process(
    engine: ConfinedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """After a failed checkpoint DuckDB must be opened anew; its health check, which reads no table, still passes."""
    ended: list[int] = []

    def end(code: int) -> Any:
        ended.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", end)
    with no_room(tmp_path / "store.duckdb"), pytest.raises(SystemExit):
        engine.execute("CHECKPOINT")
    assert ended == [1]
    assert "the database has to be opened again: FATAL Error" in capfd.readouterr().err
    engine.connection.close()
    assert duckdb.connect(str(tmp_path / "store.duckdb")).execute("SELECT COUNT(*) FROM trade").fetchone() == (100,)
