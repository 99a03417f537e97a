"""What Composer's workers can import: the image's packages and those that are added to it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from workloads.packaging.airflow import ADDED, REPOSITORY

ENTRIES = ("workloads.dags.fastyle_pipeline", "workloads.pipeline.airflow_steps", "workloads.pipeline.steps")
IMAGE = {"airflow", "google", "pydantic", "requests", "yaml"}
"""Of Airflow's own requirements, which every image has, those that the tasks use."""


def test_the_tasks_import_what_an_image_has_or_gets() -> None:
    """Within functions, too. The runs under Airflow say the same after minutes, and only of what they come by."""
    allowed = IMAGE | {package.replace("-", "_") for package in ADDED}
    needed = {
        f"{module}: {name}"
        for module, path in _reached()
        for name in _imported(path)
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names and top not in {*allowed, "workloads"}
    }
    assert needed == set()


def _reached() -> Iterator[tuple[str, Path]]:
    """Modules of ours that the tasks import, and those that these import."""
    seen, left = set[str](), list(ENTRIES)
    while left:
        module = left.pop()
        if module not in seen and (path := _file(module)) is not None:
            seen.add(module)
            yield module, path
            left += [name for name in _imported(path) if name.startswith("workloads.")]
    assert {*ENTRIES, "workloads.pipeline.conflicts", "workloads.events.codec"} <= seen


def _file(module: str) -> Path | None:
    folder = REPOSITORY.joinpath(*module.split("."))
    return next((path for path in (folder / "__init__.py", folder.with_suffix(".py")) if path.is_file()), None)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
