"""The local cloud as one object: its parts, and the start and the stop of the stand-ins behind them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import aiohttp

from fastyle_localcloud.control import Control
from fastyle_localcloud.foundation import Foundation
from fastyle_localcloud.ports import is_free
from fastyle_localcloud.process import ProcessSpec
from fastyle_localcloud.scheduler import Scheduler
from fastyle_localcloud.settings import Settings
from fastyle_localcloud.standins import bigquery, postgres
from fastyle_localcloud.storage import process as storage
from fastyle_localcloud.workloads import Workloads

_PORTS = (
    *("control", "provider", "storage", "bigquery", "bigquery-grpc"),
    *("pubsub", "pubsub-control", "postgres"),
)

Progress = Callable[[str], None]


class LocalCloud(Foundation):
    """The Google Cloud of one folder."""

    def __init__(self, state_dir: Path, settings: Settings | None = None) -> None:
        super().__init__(state_dir, settings)
        self.scheduler = Scheduler(self, self.state_dir / "scheduler.json")
        self.workloads = Workloads(self)
        self.control = Control(self, self.scheduler, self.workloads)

    async def start(self, progress: Progress = lambda line: None) -> None:
        """Start the stand-ins; returns when all are healthy. `StartFailed` says which is not, and why."""
        for name in await self.supervisor.open():
            progress(f"stopped {name}, left over from a killed run")
        for name in _PORTS:
            if not is_free(self.ports.get(name)):
                progress(
                    f"port {self.ports.get(name)} of {name} is taken by another program: now {self.ports.renew(name)}"
                )
        self.identities.issuer = self.control_url
        # A connection of its own for each request: the stand-ins close idle ones after seconds, and a creation that is
        # sent down one of these fails, unlike a look-up, which aiohttp sends again.
        connector = aiohttp.TCPConnector(force_close=True)
        self._session = aiohttp.ClientSession(trust_env=False, connector=connector)
        await self.control.start()
        await self.metadata.start()
        data, env, port = self.state_dir / "data", self.base_environment(), self.ports.get
        data.mkdir(exist_ok=True)
        stand_ins: tuple[Callable[[], ProcessSpec], ...] = (
            partial(storage.spec, port=port("storage"), data_dir=self.storage_dir, location=self.region, env=env),
            partial(postgres.spec, port=self.postgres_port, data_dir=data / "postgres", env=env),
            self._pubsub_spec,
            partial(
                bigquery.spec,
                port=port("bigquery"),
                grpc_port=port("bigquery-grpc"),
                project=self.project,
                data_dir=data / "bigquery",
                storage_dir=self.storage_dir,
                env=env,
            ),
        )

        async def begin(prepare: Callable[[], ProcessSpec]) -> None:
            began = time.monotonic()
            spec = await asyncio.to_thread(prepare)
            await self.supervisor.ensure(spec)
            progress(f"{spec.name} is ready ({time.monotonic() - began:.1f} s)")

        try:
            async with asyncio.TaskGroup() as group:
                for prepare in stand_ins:
                    group.create_task(begin(prepare))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first to fail; the others were cancelled
        self.scheduler.start()

    async def stop(self) -> None:
        """Stop everything; safe after a start that failed half-way."""
        self.control.ready = False
        await self.scheduler.stop()
        await self.supervisor.close()
        await self.metadata.stop()
        await self.control.stop()
        if self._session:
            await self._session.close()
            self._session = None

    def _pubsub_spec(self) -> ProcessSpec:
        data_dir = self.state_dir / "data" / "pubsub"
        data_dir.mkdir(parents=True, exist_ok=True)
        control = self.ports.get("pubsub-control")
        return ProcessSpec(
            name="pubsub",
            argv=(
                *(sys.executable, "-m", "fastyle_localcloud.pubsub", "--data-dir", str(data_dir)),
                *("--port", str(self.ports.get("pubsub")), "--control-port", str(control)),
                *("--project-number", self.project_number),
            ),
            env={
                **self.base_environment(),
                "LOCALCLOUD_IAM": str(self.state_dir / "iam.sqlite"),
                "LOCALCLOUD_BIGQUERY": self.bigquery_url,
                "LOCALCLOUD_OIDC_KEY": str(self.identities.key_path),
                "LOCALCLOUD_OIDC_ISSUER": self.identities.issuer,
                "STORAGE_EMULATOR_HOST": self.storage_url,
            },
            cwd=data_dir,
            port=control,
            health_path="/health",
        )
