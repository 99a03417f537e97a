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
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.dags.scripts import Forks, Script
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
    forks: Forks
    empty_database: Path
    """This version's migrated database, outside the clone: made when it is not there."""

    @property
    def dags(self) -> Path:
        return self.home / "dags"

    def begin(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Script:
        """Have its Python run a script of `inside/`, which is told the DAG folder; `env` is for what the DAG itself reads."""
        return self.forks.begin(name, str(self.dags), *arguments, more=env or {})

    @contextmanager
    def within(self, env: Mapping[str, str]) -> Iterator[Airflow]:
        """The same Airflow to run tasks with, started with variables that libraries read when they are imported."""
        forks = Forks(self.python, self.home, environment(self.home, env), "--tasks")
        try:
            yield replace(self, forks=forks)
        finally:
            forks.stop()

    def told(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The last line of a script, which is JSON."""
        ended = self.begin(name, *arguments, env=env).end()
        assert ended.code == 0, f"{name} exited {ended.code}:\n{ended.output[-4000:]}{ended.errors[-8000:]}"
        return dict(json.loads(ended.output.splitlines()[-1]))

    def migrated(self) -> None:
        """Have a database of its own, once."""
        database = self.home / "airflow.db"
        if database.exists():
            return
        with _locked(self.empty_database):
            if self.empty_database.exists():
                shutil.copyfile(self.empty_database, database)
                return
            command = [str(self.python), "-m", "airflow", "db", "migrate"]
            subprocess.run(
                command, cwd=self.home, env=environment(self.home), stdin=subprocess.DEVNULL, timeout=540, check=True
            )
            unfinished = self.empty_database.with_suffix(".unfinished")
            shutil.copyfile(database, unfinished)
            unfinished.replace(self.empty_database)


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Nothing of this process's own: no path to the checkout, no setting of a stack."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        **(more or {}),
    }


@pytest.fixture(scope="session")
def airflow_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Airflow]]:
    """Airflow of a version, with a home of its own; both are made at the first call and kept."""
    started: list[Forks] = []

    @cache
    def made(version: str) -> Airflow:
        home = tmp_path_factory.mktemp(f"airflow-{version}")
        for folder, files in (("dags", delivered_files()), ("plugins", delivered_plugins())):
            for name, source in files.items():
                (home / folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, home / folder / name)
        python, installed = _installed(version)
        started.append(Forks(python, home, environment(home)))
        return Airflow(python, home, started[-1], installed.with_suffix(".db"))

    yield made
    for forks in started:
        forks.stop()


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
