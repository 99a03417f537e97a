"""The budget guard as it is deployed: its archive under Google's functions framework, against stand-ins over HTTP.

Cloud Scheduler is the local cloud's, the memory a real object with generations in the Cloud Storage stand-in, tokens
come from the metadata server. Cloud SQL's admin API is a recording of its shapes: the local cloud has none.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fastyle_localcloud.cloud import LocalCloud
from fastyle_localcloud.ports import HOST
from fastyle_localcloud.process import ProcessSpec
from fastyle_localcloud.settings import Settings
from fastyle_localcloud.storage import process as storage

from tests.support.processes import free_port
from workloads.packaging.archives import build

EMAIL = "budget-guard@fastyle-local.iam.gserviceaccount.com"
BUCKET = "fastyle-local-budget-guard"
PARENT = "projects/fastyle-local/locations/us-central1/jobs"
JOB, CLOCK = f"{PARENT}/pipeline-run", f"{PARENT}/fastyle-start"
PERIOD = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass
class SqlAdmin:
    """Cloud SQL's admin API, as far as one instance's activation policy: shapes of its reference (v1)."""

    policy: str = "ALWAYS"
    status: int = 200
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    port: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        body: Any = await request.json() if request.can_read_body else None
        self.requests.append((request.method, request.path, body))
        self.tokens.add(request.headers.get("Authorization", ""))
        if self.status != 200:
            error = {"code": self.status, "message": "another operation was already in progress"}
            return web.json_response({"error": error}, status=self.status)
        if request.method == "GET":
            settings = {"kind": "sql#settings", "activationPolicy": self.policy, "settingsVersion": "7"}
            return web.json_response({"kind": "sql#instance", "state": "RUNNABLE", "settings": settings})
        self.policy = body["settings"]["activationPolicy"]
        return web.json_response({"kind": "sql#operation", "operationType": "UPDATE", "status": "PENDING"})


@dataclass
class Guarded:
    """A project with its guard."""

    cloud: LocalCloud
    sql: SqlAdmin
    url: str

    async def tell(self, cost: float, budget: str = "b-1", **changes: Any) -> int:
        """Deliver a notice as Eventarc does; returns the status."""
        body = {
            "budgetDisplayName": "fastyle local",
            "costAmount": cost,
            "budgetAmount": 100.0,
            "costIntervalStart": PERIOD.isoformat(),
            "currencyCode": "USD",
            **changes,
        }
        return await self.deliver(json.dumps(body).encode(), budget)

    async def deliver(self, data: bytes, budget: str = "b-1") -> int:
        message = {"data": base64.b64encode(data).decode(), "attributes": {"budgetId": budget, "schemaVersion": "1.0"}}
        headers = {
            "ce-id": "1",
            "ce-source": "//pubsub.googleapis.com/projects/fastyle-local/topics/budget-notices",
            "ce-specversion": "1.0",
            "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        }
        async with self.cloud.http.post(self.url, json={"message": message}, headers=headers) as answer:
            return answer.status

    def paused(self) -> dict[str, bool]:
        jobs = {name: self.cloud.scheduler.get(name) for name in (JOB, CLOCK)}
        return {name.rpartition("/")[2]: job.paused for name, job in jobs.items() if job is not None}

    async def memory(self, content: bytes | None = None) -> Any:
        """The object's content; or write it, as somebody with a text editor would."""
        if content is not None:
            url = f"{self.cloud.storage_url}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=state.json"
            async with self.cloud.http.post(url, data=content) as answer:
                assert answer.status == 200
            return None
        url = f"{self.cloud.storage_url}/storage/v1/b/{BUCKET}/o/state.json?alt=media"
        async with self.cloud.http.get(url) as answer:
            return json.loads(await answer.read()) if answer.status == 200 else None

    def log(self) -> list[dict[str, Any]]:
        text = (self.cloud.state_dir / "logs" / "budget-guard.log").read_text(encoding="utf-8")
        assert "Traceback" not in text, text
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def job(name: str) -> dict[str, Any]:
    return {"name": name, "schedule": "0 8 1 1 *", "timeZone": "Etc/UTC", "httpTarget": {"uri": "http://127.0.0.1:1/"}}


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guard") / "archive"
    with zipfile.ZipFile(build("budget_guard")) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
async def project(tmp_path: Path, unpacked: Path) -> AsyncIterator[Guarded]:
    cloud, sql = LocalCloud(tmp_path / "cloud", Settings(project="fastyle-local")), SqlAdmin()
    app = web.Application()
    app.router.add_route("*", "/v1/{path:.*}", sql.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    sql.port = runner.addresses[0][1]
    cloud._session = aiohttp.ClientSession(trust_env=False)
    await cloud.supervisor.open()
    await cloud.control.start()
    await cloud.metadata.start()
    await cloud.metadata.add(EMAIL)
    cloud.scheduler.start()
    for name in (JOB, CLOCK):
        cloud.scheduler.put(name, job(name))
    env = cloud.base_environment()
    spec = storage.spec(port=cloud.ports.get("storage"), data_dir=cloud.storage_dir, location="us-central1", env=env)
    await cloud.supervisor.ensure(spec)
    async with cloud.http.post(f"{cloud.storage_url}/storage/v1/b", json={"name": BUCKET}) as answer:
        assert answer.status == 200
    metadata = f"{HOST}:{await cloud.metadata.port(EMAIL)}"
    port = free_port()
    environment = {
        **env,
        "STORAGE_EMULATOR_HOST": cloud.storage_url,
        "GCE_METADATA_HOST": metadata,
        "GCE_METADATA_IP": metadata,
        "GOOGLE_CLOUD_PROJECT": cloud.project,
        "TIMEZONE": "Etc/UTC",
        "CURRENCY": "USD",
        "GUARD_MODE": "act",
        "GUARD_BUDGET": "billingAccounts/000000-000000-000000/budgets/b-1",
        "GUARD_BUCKET": BUCKET,
        "GUARD_JOBS": json.dumps([JOB]),
        "GUARD_DATABASE": "fastyle",
        "GUARD_DATABASE_JOB": CLOCK,
        # Awake at any hour of a test: the start of this minute's day is always later than last New Year's stop.
        "GUARD_DATABASE_STOP": "0 0 1 1 *",
        "GUARD_DATABASE_START": "* * * * *",
        "CLOUD_SCHEDULER_URL": cloud.control_url,
        "CLOUD_SQL_ADMIN_URL": f"http://{HOST}:{sql.port}",
    }
    lib = f"import sys; sys.path[:0] = [{str(unpacked)!r}, {str(unpacked / 'lib')!r}]"
    start = f"{lib}; from functions_framework._cli import _cli; sys.argv[0] = 'functions-framework'; _cli()"
    options = ("--source", "main.py", "--target", "handle", "--signature-type", "cloudevent")
    await cloud.supervisor.ensure(
        ProcessSpec(
            name="budget-guard",
            # -I: nothing of this checkout helps the archive.
            argv=(sys.executable, "-I", "-c", start, *options, "--host", HOST, "--port", str(port)),
            env=environment,
            cwd=unpacked,
            port=port,
        )
    )
    try:
        yield Guarded(cloud, sql, f"http://{HOST}:{port}/")
    finally:
        await cloud.scheduler.stop()
        await cloud.supervisor.close()
        await cloud.metadata.stop()
        await cloud.control.stop()
        await cloud.http.close()
        await runner.cleanup()


NEXT = {"costIntervalStart": (PERIOD.replace(hour=23)).isoformat()}


async def test_a_month_of_notices_from_the_first_to_the_next_ones(project: Guarded) -> None:
    everything_on = {"pipeline-run": False, "fastyle-start": False}
    assert await project.tell(40) == 200
    assert project.paused() == everything_on

    assert await project.tell(100) == 200
    assert project.paused() == {"pipeline-run": True, "fastyle-start": False}
    assert (await project.memory())["simulators"] == "stopped"
    assert project.sql.requests == [], "below 120 % the database is none of its business"

    # Cloud SQL is busy: the notice must come again, and by then has done the rest.
    project.sql.status = 409
    assert await project.tell(121) == 503
    assert project.paused() == {"pipeline-run": True, "fastyle-start": True}
    project.sql.status = 200
    assert await project.tell(121) == 200
    assert project.sql.policy == "NEVER"

    # Repeated, late, of somebody else, garbage: nothing moves, nothing is written, all is well.
    before = await project.memory()
    for again in (project.tell(121), project.tell(100), project.tell(40), project.deliver(b"\x00")):
        assert await again == 200
    assert await project.tell(130, budget="another") == 200
    assert await project.memory() == before

    assert await project.tell(1, **NEXT) == 200
    assert project.paused() == everything_on
    assert project.sql.policy == "ALWAYS"
    after = await project.memory()
    assert (after["held"], after["simulators"], after["lease"]) == ({}, "running", None)

    # The month that is over speaks once more.
    assert await project.tell(130) == 200
    assert project.paused() == everything_on

    # Data is out of its reach: of Cloud SQL it has asked for one instance, and changed one setting of it.
    assert {path for _, path, _ in project.sql.requests} == {"/v1/projects/fastyle-local/instances/fastyle"}
    changes = [body for method, _, body in project.sql.requests if method != "GET"]
    assert changes[-2:] == [{"settings": {"activationPolicy": p}} for p in ("NEVER", "ALWAYS")]
    assert len(project.sql.tokens) == 1
    assert project.sql.tokens.pop().startswith("Bearer ")

    outcomes = [line["outcome"] for line in project.log() if line.get("event") == "budget_guard"]
    assert outcomes == [
        *("nothing", "acted", "retry", "acted", "nothing", "nothing", "nothing", "ignored", "foreign"),
        *("acted", "stale"),
    ]


async def test_many_at_once_pause_once(project: Guarded) -> None:
    """More than its one instance would ever do."""
    statuses = await asyncio.gather(*(project.tell(130) for _ in range(6)))
    assert set(statuses) <= {200, 503}
    while 503 in statuses:
        statuses = [await project.tell(130) for status in statuses if status == 503]
    assert project.paused() == {"pipeline-run": True, "fastyle-start": True}
    assert project.sql.policy == "NEVER"
    assert set((await project.memory())["held"].values()) == {"held"}
    turned = [change for line in project.log() for change in line.get("changed", [])]
    assert sorted(turned) == sorted({*turned}), "twice would mean that two acted at once"


async def test_a_person_and_a_broken_memory(project: Guarded) -> None:
    project.cloud.scheduler.put(JOB, {**job(JOB), "paused": True})
    assert await project.tell(100) == 200
    assert (await project.memory())["left"] == [JOB]
    assert await project.tell(1, **NEXT) == 200
    assert project.paused()["pipeline-run"], "a person had paused it"

    await project.memory(b"edited by hand")
    assert await project.tell(130, **NEXT) == 200, "delivered again it would be no better"
    assert project.sql.policy == "ALWAYS"
    last = [line for line in project.log() if line.get("event") == "budget_guard"][-1]
    assert (last["severity"], last["outcome"]) == ("ERROR", "unreadable")
    assert "restore an earlier generation" in last["message"]
