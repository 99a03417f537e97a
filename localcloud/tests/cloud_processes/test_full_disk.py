"""The daemon's own state on a full disk: what was there before is kept, and whoever asked for a change is told."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from fastyle_localcloud import identity, metadata, ports, processes, scheduler, secret_store
from fastyle_localcloud import process as process_module
from fastyle_localcloud.control import Control
from fastyle_localcloud.foundation import Foundation
from fastyle_localcloud.process import ManagedProcess, ProcessSpec
from fastyle_localcloud.processes import Identity, Records
from fastyle_localcloud.scheduler import Scheduler
from fastyle_localcloud.workloads import Workloads

JOB = "projects/local-project/locations/us-central1/jobs/run"
TARGET = {"uri": "http://127.0.0.1:1/run"}
NIGHTLY, HOURLY = ({"name": JOB, "schedule": line, "httpTarget": TARGET} for line in ("0 3 * * *", "0 * * * *"))


@contextmanager
def no_room(*modules: Any) -> Iterator[None]:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as full:
        for module in modules:
            full.setattr(module, "write_atomically", refuse)
        yield


@pytest.fixture
def cloud(tmp_path: Path) -> Foundation:
    return Foundation(tmp_path)


def test_a_schedule_that_is_not_stored_is_not_taken(cloud: Foundation, tmp_path: Path) -> None:
    jobs = Scheduler(cloud, tmp_path / "scheduler.json")
    jobs.put(JOB, NIGHTLY)
    with no_room(scheduler):
        with pytest.raises(OSError, match="No space left"):
            jobs.put(JOB, HOURLY)
        with pytest.raises(OSError, match="No space left"):
            jobs.put(f"{JOB}-2", HOURLY)
        with pytest.raises(OSError, match="No space left"):
            jobs.remove(JOB)
    assert [(job["name"], job["schedule"]) for job in jobs.status()] == [(JOB, "0 3 * * *")]
    assert json.loads((tmp_path / "scheduler.json").read_text())[JOB]["inputs"] == NIGHTLY


def test_a_port_or_token_that_is_not_stored_is_not_given(cloud: Foundation) -> None:
    """It was kept in memory, given at the second request, and another one after a restart."""
    for _ in range(2):
        with no_room(identity, ports):
            with pytest.raises(OSError, match="No space left"):
                cloud.identities.access_token("somebody@example.com")
            with pytest.raises(OSError, match="No space left"):
                cloud.ports.get("another")


async def test_a_service_account_that_is_not_stored_does_not_exist(cloud: Foundation) -> None:
    with no_room(metadata), pytest.raises(OSError, match="No space left"):
        await cloud.metadata.add("somebody@example.com")
    assert not cloud.metadata.exists("somebody@example.com")


async def test_an_attempt_that_cannot_be_recorded_counts(cloud: Foundation, tmp_path: Path) -> None:
    """It ended the scheduled run: the retries that its configuration allows were left out."""
    jobs = Scheduler(cloud, tmp_path / "scheduler.json")
    jobs.put(JOB, NIGHTLY)
    with no_room(scheduler):
        attempt = await jobs.run_now(JOB)
    assert attempt["status"] == 404
    assert jobs.status()[0]["attempts"] == [attempt]


async def test_a_secret_that_cannot_be_stored_is_refused_with_the_reason(cloud: Foundation, tmp_path: Path) -> None:
    cloud.secrets.create("key")
    control = Control(cloud, Scheduler(cloud, tmp_path / "scheduler.json"), Workloads(cloud))
    await control.start()
    try:
        url = f"{cloud.control_url}/v1/projects/{cloud.project}/secrets/key:addVersion"
        async with ClientSession() as client:
            with no_room(secret_store):
                async with client.post(url, json={"payload": {"data": "aGVsbG8="}}) as answer:
                    assert answer.status == 503
                    message = (await answer.json())["error"]["message"]
            assert message == "the local cloud cannot store it: [Errno 28] No space left on device"
            async with client.post(url, json={"payload": {"data": "aGVsbG8="}}) as answer:
                assert (await answer.json())["name"].endswith("/versions/1")
    finally:
        await control.stop()


def test_the_local_cloud_can_be_stopped(tmp_path: Path) -> None:
    records = Records(tmp_path / "processes.json")
    records.put("ended", Identity(2**22 + 1, 1.0))
    with no_room(processes):
        assert processes.stop_leftovers(records, tmp_path) == []


async def test_a_process_that_failed_for_want_of_room_starts_when_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for the end of its back-off, half a minute after so long a fault."""
    full = [True, True, True, False]
    monkeypatch.setattr(process_module, "volume", lambda _: {"full": full.pop(0)})
    monkeypatch.setattr(process_module, "_ROOM_SECONDS", 0.01)
    spec = ProcessSpec(name="server", argv=("true",), env={}, cwd=tmp_path, port=0)
    async with ClientSession() as session:
        process = ManagedProcess(spec, tmp_path, Records(tmp_path / "processes.json"), session)
        await process._back_off(100)
    assert full == []
