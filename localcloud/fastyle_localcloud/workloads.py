"""Cloud Run services and functions: the deployed archive itself, as a process, restarted when it dies.

One process stands for all instances of a service: concurrency is the process's own, scaling is not emulated.
"""

from __future__ import annotations

import asyncio
import json
import logging
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fastyle_localcloud.files import write_atomically
from fastyle_localcloud.foundation import Foundation
from fastyle_localcloud.ports import HOST, is_free
from fastyle_localcloud.process import ProcessSpec, StartFailed
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.secret_store import SecretError

_LOG = logging.getLogger(__name__)
_ACCESSOR = "roles/secretmanager.secretAccessor"
PRIVATE_ADDRESS = "10.0.0.3"  # of the Cloud SQL instance, as a program sees it

_FUNCTION = Path(__file__).with_name("function_server.py")


@dataclass(frozen=True)
class SecretFile:
    """One version of a secret, mounted as a file."""

    secret: str
    version: str
    mount: str
    path: str


@dataclass(frozen=True)
class Workload:
    """What a service's or function's configuration asks for, without any secret's value."""

    name: str
    kind: str  # "service" or "function"
    resource: str  # as IAM names it
    account: str
    bucket: str
    archive: str
    generation: str
    environment: dict[str, str]
    command: tuple[str, ...] = ("python", "main.py")
    """A service's command with its arguments; a function's entry point."""
    secret_variables: dict[str, tuple[str, str]] = field(default_factory=dict)  # variable -> secret, version
    secret_files: tuple[SecretFile, ...] = ()
    health_path: str | None = None

    @classmethod
    def load(cls, row: dict[str, Any]) -> Workload:
        files = tuple(SecretFile(**f) for f in row.pop("secret_files"))
        variables = {k: (v[0], v[1]) for k, v in row.pop("secret_variables").items()}
        command = tuple(row.pop("command", cls.command))
        return cls(**row, command=command, secret_files=files, secret_variables=variables)


class Workloads:
    """The deployed workloads by name; they come back with the daemon."""

    def __init__(self, cloud: Foundation) -> None:
        self._cloud = cloud
        self._path = cloud.state_dir / "workloads.json"
        self._deployed: dict[str, Workload] = {}
        self._how: dict[str, str] = {}  # in words what runs, by name
        self.refused_starts: dict[str, dict[str, Any]] = {}
        """The grant for want of which a workload does not start, by name."""
        self.moved: dict[str, str] = {}
        """New base URLs, by name, of what another program has taken the port of. A program's state has the old one
        until it is refreshed."""
        cloud.secrets.on_change(self._refresh)

    async def restore(self) -> None:
        """Start again what was deployed before the daemon ended; one that fails is kept trying."""
        if not self._path.exists():
            return
        rows = json.loads(self._path.read_text())
        await asyncio.gather(*(self._restore(Workload.load(row)) for row in rows))

    async def _restore(self, workload: Workload) -> None:
        try:
            await self._cloud.supervisor.start_unattended(await self._prepare(workload))
        except (Refused, OSError) as error:
            _LOG.error("%s does not start: %s", workload.name, error)

    async def deploy(self, workload: Workload) -> str:
        """Have `workload` running and healthy; returns its base URL. `Refused` says why it does not start."""
        spec = await self._prepare(workload)
        try:
            await self._cloud.supervisor.ensure(spec)
        except StartFailed as failure:
            raise Refused(str(failure)) from None
        self._save()
        return self.url(workload.name)

    async def remove(self, name: str) -> None:
        await self._cloud.supervisor.remove(name)
        if workload := self._deployed.pop(name, None):
            self._cloud.iam.forget_endpoint(workload.resource)
        shutil.rmtree(self._folder(name), ignore_errors=True)
        self._save()

    @property
    def services(self) -> list[dict[str, str]]:
        """What runs and how, for `/status`."""
        return [
            {"name": name, "kind": each.kind, "url": self.url(name), "runs": self._how[name], "archive": each.archive}
            for name, each in self._deployed.items()
        ]

    def deployed(self, name: str) -> bool:
        return name in self._deployed

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self._cloud.ports.get(f'run/{name}')}"

    async def _prepare(self, workload: Workload) -> ProcessSpec:
        cloud = self._cloud
        port = self._port(workload)
        if not cloud.metadata.exists(workload.account):
            raise Refused(
                f"{workload.name}: service account {workload.account!r} does not exist; the stack must make it"
            )
        self._check_access(workload)
        folder = await self._unpack(workload)
        python, how = await asyncio.to_thread(self._interpreter, workload, folder)
        environment = {
            **await cloud.workload_environment(workload.account),
            "K_SERVICE": workload.name,
            **{name: self._local(workload, value) for name, value in workload.environment.items()},
            **{n: cloud.secrets.access(s, v).decode() for n, (s, v) in workload.secret_variables.items()},
            "PORT": str(port),
        }
        self._deployed[workload.name], self._how[workload.name] = workload, how
        self._write_secret_files(workload)
        cloud.iam.register_endpoint(self.url(workload.name), workload.resource)
        return ProcessSpec(
            name=workload.name,
            argv=start_command(workload, python, folder, port),
            env=environment,
            cwd=folder,
            port=port,
            health_path=workload.health_path,
            liveness_failures=6,
        )

    def _port(self, workload: Workload) -> int:
        """The port recorded for it; another one when a stranger listens there."""
        ports, name = self._cloud.ports, f"run/{workload.name}"
        port = ports.get(name)
        if self._cloud.supervisor.spec(workload.name) is None and not is_free(port):
            port = ports.renew(name)
            self._cloud.iam.forget_endpoint(workload.resource)
            self.moved[workload.name] = self.url(workload.name)
        return port

    def _check_access(self, workload: Workload) -> None:
        """As in the cloud: without the accessor's role on each secret the revision does not start."""
        member = f"serviceAccount:{workload.account}"
        secrets = {s for s, _ in workload.secret_variables.values()} | {f.secret for f in workload.secret_files}
        for secret in sorted(secrets):
            resource = f"projects/{self._cloud.project}/secrets/{secret}"
            if not self._cloud.iam.allows(resource, _ACCESSOR, member):
                missing = {"resource": resource, "role": _ACCESSOR, "member": member}
                self.refused_starts[workload.name] = missing
                raise Refused(f"{workload.name}: permission denied on secret {secret}: grant {_ACCESSOR} to {member}")
        self.refused_starts.pop(workload.name, None)

    def _local(self, workload: Workload, value: str) -> str:
        """The same value, with the private network's address and mounted folders as they are on this machine."""
        if value == PRIVATE_ADDRESS:
            return HOST
        value = value.replace(f"@{PRIVATE_ADDRESS}:5432", f"@{HOST}:{self._cloud.postgres_port}")
        for file in workload.secret_files:
            if value.startswith(file.mount):
                return str(self._mount(workload, file.mount)) + value.removeprefix(file.mount)
        return value

    def _folder(self, name: str) -> Path:
        return self._cloud.state_dir / "run" / name

    def _mount(self, workload: Workload, mount: str) -> Path:
        return self._folder(workload.name) / "secrets" / mount.strip("/")

    def _write_secret_files(self, workload: Workload) -> None:
        for file in workload.secret_files:
            try:
                payload = self._cloud.secrets.access(file.secret, file.version)
            except SecretError as error:
                raise Refused(f"{workload.name}: {error}; add a version to it") from None
            write_atomically(self._mount(workload, file.mount) / file.path, payload)

    def _refresh(self, secret: str) -> None:
        """A new version reaches the services that mount the secret, as a volume of `latest` does."""
        for workload in self._deployed.values():
            if any(f.secret == secret for f in workload.secret_files):
                try:
                    self._write_secret_files(workload)
                except Refused as error:
                    _LOG.warning("%s", error)

    async def _unpack(self, workload: Workload) -> Path:
        stem = workload.archive.rsplit("/", 1)[-1].removesuffix(".zip").removesuffix(".tar.gz")
        target = self._folder(workload.name) / f"{stem}-{workload.generation}"
        if target.exists():
            return target
        archive = self._cloud.storage_dir / workload.bucket / workload.archive  # the object itself
        if not archive.is_file():
            raise Refused(f"{workload.name}: no object {workload.archive} in bucket {workload.bucket}")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack-") as work:
            folder = Path(work, "content")
            await asyncio.to_thread(_extract, archive, folder)
            folder.rename(target)
        for old in self._folder(workload.name).iterdir():
            if old.is_dir() and old != target and old.name not in ("secrets",) and not old.name.startswith("."):
                shutil.rmtree(old, ignore_errors=True)
        return target

    def _interpreter(self, workload: Workload, folder: Path) -> tuple[str, str]:
        """Python, and in words what runs: the archive itself, or a twin of it with packages for this platform.

        An archive tells of itself in MANIFEST.json: `python`, the version that its packages are for, and `requirements`,
        what they are. Without one it is taken to fit; a function's requirements.txt is then installed, as a build would.
        """
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        linux = sys.platform == "linux" and platform.machine() == "x86_64"
        base: str = getattr(sys, "_base_executable", sys.executable)
        manifest, lib = folder / "MANIFEST.json", folder / "lib"
        if manifest.exists():
            told = json.loads(manifest.read_text())
            if told["python"] != here or not linux:
                shutil.rmtree(lib)
                _install(workload, base, lib, "--no-deps", *told["requirements"])
                return base, f"a twin for Python {here} on {platform.machine()}"
        elif workload.kind == "function" and not lib.exists():
            listed = folder / "requirements.txt"
            _install(workload, base, lib, "functions-framework", *(("-r", str(listed)) if listed.exists() else ()))
        return base, "the deployed archive"

    def _save(self) -> None:
        rows = [asdict(workload) for workload in self._deployed.values()]
        write_atomically(self._path, json.dumps(rows, indent=1).encode())


def start_command(workload: Workload, python: str, folder: Path, port: int) -> tuple[str, ...]:
    """What starts it: a service's own command, or the functions framework."""
    if workload.kind == "function":
        # As Cloud Functions start the framework; -I keeps this machine's packages out.
        options = ("--source", "main.py", "--target", *workload.command, "--host", HOST, "--port", str(port))
        return python, "-I", str(_FUNCTION), str(folder), str(folder / "lib"), *options
    program, *arguments = workload.command
    if re.fullmatch(r"(/usr/bin/)?python(3(\.\d+)?)?", program):
        return python, *arguments
    if (folder / program).is_file():
        return str(folder / program), *arguments
    raise Refused(
        f"{workload.name}: the local cloud runs `python …` or a program of the archive, and {program!r} is neither"
    )


def _install(workload: Workload, python: str, lib: Path, *what: str) -> None:
    """Install packages into `lib`, with uv where there is one."""
    tool = ["uv", "pip"] if shutil.which("uv") else [sys.executable, "-m", "pip", "--python", python]
    command = [*tool, "install", "--quiet", "--target", str(lib), *(("--python", python) if tool[0] == "uv" else ())]
    done = subprocess.run([*command, *what], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(lib, ignore_errors=True)
        raise Refused(f"{workload.name}: its packages cannot be had for this platform: {done.stderr.strip()[-300:]}")


def _extract(archive: Path, folder: Path) -> None:
    folder.mkdir()
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as z:
            z.extractall(folder)  # noqa: S202 - the user's own build
    else:
        with tarfile.open(archive) as t:
            t.extraction_filter = getattr(tarfile, "data_filter", None)  # since 3.11.4; Debian's 3.11 is older
            t.extractall(folder)  # noqa: S202 - the user's own build
