"""The local cloud as one object: names, addresses, identities, and the stand-ins behind them."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from fastyle_localcloud.control import Control
from fastyle_localcloud.iam import Iam
from fastyle_localcloud.identity import Identities
from fastyle_localcloud.metadata import MetadataServers
from fastyle_localcloud.ports import HOST, Ports, is_free
from fastyle_localcloud.process import ProcessSpec
from fastyle_localcloud.scheduler import Scheduler
from fastyle_localcloud.secret_store import SecretStore
from fastyle_localcloud.settings import Settings
from fastyle_localcloud.standins import bigquery, postgres, storage
from fastyle_localcloud.standins.storage_gate import StorageGate
from fastyle_localcloud.supervisor import Supervisor
from fastyle_localcloud.workloads import Workloads

_PORTS = (
    *("control", "provider", "storage", "storage-behind", "bigquery", "bigquery-grpc"),
    *("pubsub", "pubsub-control", "postgres"),
)

Progress = Callable[[str], None]


class LocalCloud:
    """The Google Cloud of one folder. Addresses are known, and stay the same, before anything runs."""

    def __init__(self, state_dir: Path, settings: Settings | None = None) -> None:
        self.state_dir = state_dir.resolve()
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.settings = settings or Settings()
        self.project = self.settings.project
        self.project_number = self.settings.project_number
        self.region = self.settings.region
        self.ports = Ports(self.state_dir / "ports.json")
        self.iam = Iam(self.state_dir / "iam.sqlite")
        self.supervisor = Supervisor(self.state_dir)
        self.identities = Identities(self.state_dir, self.control_url)
        self.secrets = SecretStore(self.state_dir / "secrets")
        self.metadata = MetadataServers(self.state_dir, self.ports, self.identities, self.settings)
        self.scheduler = Scheduler(self, self.state_dir / "scheduler.json")
        self.control = Control(self)
        # Kept by the handlers of services and functions, shown by /status.
        self.services: list[dict[str, Any]] = []
        self.refused_starts: dict[str, dict[str, Any]] = {}
        self._session: aiohttp.ClientSession | None = None
        self._storage_gate: StorageGate | None = None
        self.workloads = Workloads(self)

    # --- addresses ---

    @property
    def control_url(self) -> str:
        """Base URL of the control server, which is the OpenID issuer too."""
        return self._url("control")

    @property
    def certs_url(self) -> str:
        return f"{self.control_url}/oauth2/v1/certs"

    @property
    def pubsub_host(self) -> str:
        """host:port of Google's Pub/Sub gRPC API; its caller is the project's owner."""
        return f"{HOST}:{self.ports.get('pubsub')}"

    @property
    def pubsub_control(self) -> str:
        return self._url("pubsub-control")

    @property
    def storage_url(self) -> str:
        return self._url("storage")

    @property
    def storage_dir(self) -> Path:
        """Where objects lie as `<bucket>/<object>`."""
        return self.state_dir / "data" / "storage"

    @property
    def bigquery_url(self) -> str:
        return self._url("bigquery")

    @property
    def postgres(self) -> str:
        """The superuser's connection string."""
        return postgres.dsn(self.state_dir / "data" / "postgres", self.postgres_port)

    @property
    def postgres_port(self) -> int:
        return self.ports.get("postgres")

    def _url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports.get(name)}"

    @property
    def http(self) -> aiohttp.ClientSession:
        """A client session for the handlers; open between `start` and `stop`."""
        assert self._session is not None, "the local cloud is not started"
        return self._session

    # --- environments ---

    def base_environment(self) -> dict[str, str]:
        """What every process gets, and nothing of the user's: their credentials and proxies are not ours."""
        home = self.state_dir / "home"
        home.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        return {**kept, "HOME": str(home), "PYTHONUNBUFFERED": "1"}

    async def workload_environment(self, email: str) -> dict[str, str]:
        """What a process that runs as the service account `email` sees of the cloud."""
        metadata = f"{HOST}:{await self.metadata.port(email)}"
        return {
            **self.base_environment(),
            "GOOGLE_CLOUD_PROJECT": self.project,
            "HOST": HOST,
            # A web page in this machine's browser is kept out, by whichever name it reaches loopback.
            "TRUSTED_HOSTS": f"{HOST},localhost",
            "PUBSUB_EMULATOR_HOST": f"{HOST}:{await self.pubsub_identity(email)}",
            "STORAGE_EMULATOR_HOST": self.storage_url,
            "BIGQUERY_EMULATOR_HOST": self.bigquery_url,
            "GCE_METADATA_HOST": metadata,
            # The client library asks this one whether it is in the cloud at all.
            "GCE_METADATA_IP": metadata,
            # A developer's own `gcloud auth application-default login` would win over the metadata server.
            "CLOUDSDK_CONFIG": str(self.state_dir / "home" / "gcloud"),
            "OIDC_ISSUER": self.identities.issuer,
            "OIDC_CERTS_URL": self.certs_url,
            "PGPORT": str(self.postgres_port),
        }

    async def pubsub_identity(self, email: str) -> int:
        """The port of the Pub/Sub stand-in whose caller is `email`."""
        async with self.http.put(f"{self.pubsub_control}/identities/{email}") as response:
            response.raise_for_status()
            return int((await response.json())["port"])

    # --- life ---

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
        data, env = self.state_dir / "data", self.base_environment()
        data.mkdir(exist_ok=True)
        certificate = await asyncio.to_thread(
            storage.make_certificate, self.state_dir / "identity" / "storage" / "certificate.pem"
        )
        self._storage_gate = StorageGate(self.ports.get("storage"), self.ports.get("storage-behind"), certificate)
        await self._storage_gate.start()

        async def start_postgres() -> ProcessSpec:
            await asyncio.to_thread(postgres.initialise, data / "postgres", env)
            return postgres.spec(port=self.postgres_port, data_dir=data / "postgres", env=env)

        async def start_bigquery() -> ProcessSpec:
            return bigquery.spec(
                port=self.ports.get("bigquery"),
                grpc_port=self.ports.get("bigquery-grpc"),
                project=self.project,
                data_dir=data / "bigquery",
                storage_dir=self.storage_dir,
                env=env,
            )

        async def start_storage() -> ProcessSpec:
            return storage.spec(
                port=self.ports.get("storage"),
                data_dir=self.storage_dir,
                location=self.region,
                env=env,
                behind=self.ports.get("storage-behind"),
                certificate=certificate,
            )

        async def start_pubsub() -> ProcessSpec:
            return self._pubsub_spec()

        async def begin(prepare: Callable[[], Awaitable[ProcessSpec]]) -> None:
            began = time.monotonic()
            spec = await prepare()
            await self.supervisor.ensure(spec)
            progress(f"{spec.name} is ready ({time.monotonic() - began:.1f} s)")

        try:
            async with asyncio.TaskGroup() as group:
                for prepare in (start_storage, start_postgres, start_pubsub, start_bigquery):
                    group.create_task(begin(prepare))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # the first to fail; the others were cancelled
        self.scheduler.start()

    async def stop(self) -> None:
        """Stop everything; safe after a start that failed half-way."""
        self.control.ready = False
        await self.scheduler.stop()
        await self.supervisor.close()
        if self._storage_gate:
            await self._storage_gate.stop()
            self._storage_gate = None
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
