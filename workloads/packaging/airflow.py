"""What Composer gets of ours: the DAG with the code and SQL its tasks need, a plugin, and packages its image lacks."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

DELIVERED = {
    "workloads/dags": "",
    "workloads/events": "workloads/events",
    "workloads/marts": "workloads/marts",
    "workloads/runtime": "workloads/runtime",
    "workloads/pipeline": "workloads/pipeline",
    "sql/bigquery": "sql/bigquery",
}
"""Folders that Airflow's tasks need, and where they lie under dags/, which is on Python's path there."""

ADDED = {"fastavro": "", "psycopg": "[binary]", "psycopg-pool": "", "pydantic-settings": ""}
"""Packages that the tasks import and the image is not known to have, each with its extras. The tests' Airflows
(tests/dags/airflow-*) have these and the image's own alone: an import that needs more fails there."""


def delivered_files() -> dict[str, str]:
    """What the bucket's dags/ gets: path there to file of the repository."""
    files = {"workloads/__init__.py": str(REPOSITORY / "workloads" / "__init__.py")}
    for folder, target in DELIVERED.items():
        files |= {(Path(target) / path).as_posix(): str(REPOSITORY / folder / path) for path in _files(folder)}
    # Airflow looks for DAGs in every Python file that it is not told to leave alone.
    files[".airflowignore"] = str(REPOSITORY / "workloads" / "packaging" / "airflowignore")
    return files


def delivered_plugins() -> dict[str, str]:
    """What its plugins/ gets: what the triggerer must be able to import."""
    return {path.as_posix(): str(REPOSITORY / "workloads/plugins" / path) for path in _files("workloads/plugins")}


def _files(folder: str) -> list[Path]:
    root = REPOSITORY / folder
    paths = (path for path in sorted(root.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return [path.relative_to(root) for path in paths if path.name != "workload.toml"]


def added_packages() -> dict[str, str]:
    """The packages to add, at the versions that every other workload has: this project's uv.lock."""
    versions = _locked_versions()
    return {name: f"{extras}=={versions[name]}" for name, extras in ADDED.items()}


@cache
def _locked_versions() -> dict[str, str]:
    """The lock is half a megabyte, of which a TOML parser in Python takes a tenth of a second at every preview."""
    lock = (REPOSITORY / "uv.lock").read_text(encoding="utf-8")
    return dict(re.findall(r'^name = "(.+)"\nversion = "(.+)"$', lock, re.MULTILINE))
