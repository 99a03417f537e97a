"""A fresh copy of this checkout in a folder of its own, with its own local cloud: what a newcomer has after `git clone`."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from google.cloud import bigquery

from tests.support.bigquery import bigquery_client
from tests.support.processes import NO_CERTIFICATES

REPOSITORY = Path(__file__).resolve().parents[2]


def contents(root: Path) -> dict[str, bytes]:
    """Every file of a folder by its path, but for compiled ones."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def share_compiled(source: Path, target: Path, *, below: bool = True) -> None:
    """Link what Python compiled of a folder's modules beside the same modules in another folder, and in those below it.

    Python holds each against its module's time and size, and replaces a compiled file, never writes into one.
    """
    for compiled in source.rglob("__pycache__") if below else [source / "__pycache__"]:
        beside = target / compiled.relative_to(source)
        if not compiled.is_dir() or not beside.parent.is_dir():
            continue
        beside.mkdir(exist_ok=True)
        for file in compiled.glob("*[0-9].pyc"):
            if "pytest" not in file.name and not (beside / file.name).exists():
                with contextlib.suppress(FileNotFoundError):  # replaced meanwhile
                    _link(file, beside / file.name)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(source, target)  # temporary files have a file system of their own


@dataclass(frozen=True)
class Checkout:
    """One copy of the repository. Commands run in it as a person would run them."""

    root: Path

    @classmethod
    def copy_to(cls, root: Path) -> Checkout:
        """Copy what git knows or would add, and what Python compiled of it: no environment, no state."""
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, check=True).stdout.decode().split("\0")
        for name in filter(None, names):
            if (source := REPOSITORY / name).is_file():  # listed but deleted: as after a commit
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, root / name)
        for folder in {Path(name).parent for name in names}:
            share_compiled(REPOSITORY / folder, root / folder, below=False)
        return cls(root)

    def set_up(self) -> None:
        """`make setup`, then the packages as this process's environment has them compiled: as after their first import."""
        self.make("setup")
        share_compiled(Path(sys.prefix), self.root / ".venv")

    def run(
        self, *command: str, env: dict[str, str] | None = None, check: bool = True, timeout: float = 900
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here; its output joins the failure when `check` fails."""
        clean = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")}
        result = subprocess.run(
            command,
            cwd=self.root,
            env={**clean, "UV_FROZEN": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(f"{' '.join(command)} exited {result.returncode}:\n{result.stdout[-8000:]}")
        return result

    def python(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """This environment's Python with the copy's own packages."""
        folders = ("components/tests", "policies", "policies/tests")
        paths = os.pathsep.join(str(self.root / folder) for folder in folders)
        return self.run(sys.executable, *arguments, env={"PYTHONPATH": paths}, check=check)

    def tells(self, module: str, *arguments: str) -> dict[str, Any]:
        """What a module of this copy prints last, as JSON: the copy's own packages are imported, not the installed ones."""
        done = self.python("-m", module, *arguments)
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert Path(told["from"]) == self.root, "the modules of another checkout were asked"
        return told

    def make(self, *targets: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.run("make", *targets, **options)

    def stop(self) -> None:
        """Stop the local cloud; `make down` destroys its resources one by one before it does so."""
        self.run("uv", "run", "--quiet", "python", "-m", "fastyle_localcloud", "--state-dir", ".localcloud", "down")

    def fastyle(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return self.run("uv", "run", "--quiet", "fastyle", *arguments, **options)

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Plain `pulumi` in a shell that evaluated `fastyle env`, as the README says."""
        script = 'eval "$(uv run --quiet fastyle env)" && exec pulumi "$@" --non-interactive'
        return self.run("bash", "-c", script, "pulumi", *arguments, check=check)

    @property
    def endpoints(self) -> dict[str, Any]:
        return dict(json.loads((self.root / ".localcloud" / "endpoints.json").read_text(encoding="utf-8")))

    def processes(self) -> list[dict[str, Any]]:
        """The local cloud's processes, as `fastyle status` has them: asked of the control server, without a command."""
        return list(
            httpx.get(f"{self.endpoints['control']}/status", trust_env=False, verify=NO_CERTIFICATES)
            .raise_for_status()
            .json()["processes"]
        )

    def verified(self) -> tuple[int, dict[str, dict[str, str]]]:
        """`fastyle verify`: its exit code, and every check by name. Progress goes to standard error, beside the document."""
        result = self.fastyle("verify", "--stack", "local", "--json", check=False)
        document, _ = json.JSONDecoder().raw_decode(result.stdout[result.stdout.index('{\n "checks"') :])
        return result.returncode, {check["name"]: check for check in document["checks"]}

    def http(self, service: str = "api", *, token: str | None = None) -> httpx.Client:
        """A client of `api` or `pos_api`, with the operator's token unless another is given."""
        endpoints = self.endpoints
        bearer = endpoints["api_token"] if token is None else token
        headers = {"authorization": f"Bearer {bearer}"} if bearer else {}
        return httpx.Client(
            base_url=endpoints[service], headers=headers, timeout=60, trust_env=False, verify=NO_CERTIFICATES
        )

    def database(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self.endpoints["postgres"], autocommit=True)

    def warehouse(self) -> bigquery.Client:
        """A client of the stack's BigQuery."""
        endpoints = self.endpoints
        return bigquery_client(endpoints["bigquery"], endpoints["project"])

    def inventory(self, location: str | None = None) -> dict[tuple[str, str], int]:
        """On hand by (location, SKU), of all locations or of one: every page of the API's own listing."""
        on_hand: dict[tuple[str, str], int] = {}
        query: dict[str, Any] = {"page_size": 1000} | ({"location_id": location} if location else {})
        with self.http() as client:
            while True:
                page = client.get("/v1/inventory", params=query).raise_for_status().json()
                for item in page["items"]:
                    key = (item["location_id"], item["sku"])
                    assert key not in on_hand, f"{key} is listed twice"
                    on_hand[key] = item["on_hand"]
                if not (token := page["next_page_token"]):
                    return on_hand
                query["page_token"] = token
