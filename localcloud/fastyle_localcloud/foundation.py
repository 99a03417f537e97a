"""What every part of a local cloud builds on: settings, addresses, grants, identities, processes and their environments."""

from __future__ import annotations

import os
from pathlib import Path

import aiohttp

from fastyle_localcloud.iam import Iam
from fastyle_localcloud.identity import Identities
from fastyle_localcloud.metadata import MetadataServers
from fastyle_localcloud.ports import HOST, Ports
from fastyle_localcloud.secret_store import SecretStore
from fastyle_localcloud.settings import Settings
from fastyle_localcloud.standins import postgres
from fastyle_localcloud.supervisor import Supervisor


class Foundation:
    """Addresses are known, and stay the same, before anything runs."""

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
        self._session: aiohttp.ClientSession | None = None

    @property
    def control_url(self) -> str:
        """Base URL of the control server, which is the OpenID issuer too."""
        return self._url("control")

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
            "OIDC_CERTS_URL": f"{self.control_url}/oauth2/v1/certs",
            "PGPORT": str(self.postgres_port),
        }

    async def pubsub_identity(self, email: str) -> int:
        """The port of the Pub/Sub stand-in whose caller is `email`."""
        async with self.http.put(f"{self.pubsub_control}/identities/{email}") as response:
            response.raise_for_status()
            return int((await response.json())["port"])
