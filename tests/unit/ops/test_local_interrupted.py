"""`make up` that was interrupted leaves nothing which the next one has to clear away."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from ops import local


def test_the_lock_of_a_pulumi_that_ended_without_its_own_cleanup_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C may come between pulumi's lock and its signal handler; a lock whose process lives belongs to somebody."""
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    locks = tmp_path / ".pulumi" / "locks" / "organization" / "fastyle" / "local"
    locks.mkdir(parents=True)
    for pid in (ended.pid, os.getpid()):
        holder = {"pid": pid, "hostname": socket.gethostname()}
        (locks / f"{pid}.json").write_text(json.dumps(holder), encoding="utf-8")

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "BACKEND", tmp_path)
    monkeypatch.setattr(local, "up", interrupted)
    handler = signal.getsignal(signal.SIGINT)
    try:
        assert local.main(["up"]) == 130
    finally:
        signal.signal(signal.SIGINT, handler)
    assert [lock.name for lock in locks.iterdir()] == [f"{os.getpid()}.json"]
    assert capsys.readouterr().out == "stopped; run the same command again to go on\n"
