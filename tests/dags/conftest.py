"""Each supported Airflow in an environment of its own, and the DAG folder as Composer's bucket would have it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from workloads.packaging.airflow import delivered_files, delivered_plugins
from workloads.packaging.archives import cache_dir

HERE = Path(__file__).parent

VERSIONS = ("3.1.7", "3.3.1")
"""Airflow's versions that the DAG works with, oldest first: folder `airflow-<version>` locks what the image of each has."""
NEWEST = VERSIONS[-1]
"""What Pulumi.prod.yaml deploys; the DAG's integrity is tested on every version, its runs on this one alone."""


@dataclass(frozen=True)
class Airflow:
    """An installed Airflow and a home for it, whose dags/ and plugins/ hold what is delivered and nothing else."""

    python: Path
    home: Path
    empty_database: Path
    """This version's migrated database, outside the clone: made when it is not there."""

    @property
    def dags(self) -> Path:
        return self.home / "dags"

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Nothing of this process's own: no path to the checkout, no setting of a stack."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            **(more or {}),
        }

    def run(
        self, *arguments: str, env: Mapping[str, str] | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run its Python."""
        result = subprocess.run(
            [str(self.python), *arguments],
            cwd=self.home,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=540,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(
                f"{arguments} exited {result.returncode}:\n{result.stdout[-4000:]}{result.stderr[-8000:]}"
            )
        return result

    def migrated(self) -> None:
        """Have a database of its own, once."""
        database = self.home / "airflow.db"
        if database.exists():
            return
        with _locked(self.empty_database):
            if self.empty_database.exists():
                shutil.copyfile(self.empty_database, database)
                return
            self.run("-m", "airflow", "db", "migrate")
            unfinished = self.empty_database.with_suffix(".unfinished")
            shutil.copyfile(database, unfinished)
            unfinished.replace(self.empty_database)

    def script(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run a script of `inside/`, whose last line is JSON."""
        output = self.run(str(HERE / "inside" / name), str(self.dags), *arguments, env=env).stdout
        return dict(json.loads(output.splitlines()[-1]))


@pytest.fixture(scope="session")
def airflow_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Airflow]:
    """Airflow of a version, with a home of its own; both are made at the first call and kept."""

    @cache
    def made(version: str) -> Airflow:
        home = tmp_path_factory.mktemp(f"airflow-{version}")
        for folder, files in (("dags", delivered_files()), ("plugins", delivered_plugins())):
            for name, source in files.items():
                (home / folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, home / folder / name)
        python, environment = _installed(version)
        return Airflow(python, home, environment.with_suffix(".db"))

    return made


@pytest.fixture(scope="session")
def airflow(airflow_of: Callable[[str], Airflow]) -> Airflow:
    """The newest one."""
    return airflow_of(NEWEST)


def _installed(version: str) -> tuple[Path, Path]:
    """Its Python and environment: installed once a lock file, outside the clone, 1.5 GB each."""
    project = HERE / f"airflow-{version}"
    digest = hashlib.sha256((project / "uv.lock").read_bytes()).hexdigest()[:12]
    folder = cache_dir() / f"airflow-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        clean = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
        subprocess.run(
            ["uv", "sync", "--quiet", "--frozen", "--project", str(project)],
            env={**clean, "UV_PROJECT_ENVIRONMENT": str(folder)},
            check=True,
        )
    return folder / "bin" / "python", folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Whoever makes what is at `path`, alone."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
