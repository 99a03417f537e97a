"""The program for Pulumi's mocks: a stack as configured, with archives that hold nothing but their name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from component_resources.recorder import Recorder, declare
from infra import operations
from infra.composition import compose
from infra.config import load_config
from tests.support.configuration import as_the_engine_gives_it, configuration
from workloads.packaging.airflow import delivered_files

FUNCTIONS = ("pos_api", "budget_guard")


def program(stack: str | Mapping[str, Any], folder: Path) -> Callable[[], dict[str, Any]]:
    """What composes `stack`, given by its name or as its configuration by key; archives go to `folder`.

    Airflow's files are half of all resources of a stack that runs it. A stack that is given by its name has each of them,
    a configuration only the first: no key changes which there are.

    Raises:
        ConfigError: the configuration is wrong.
    """
    config = load_config(as_the_engine_gives_it(configuration(stack) if isinstance(stack, str) else dict(stack)))

    def package(workload: str) -> Path:
        path = folder / f"{workload}{'.zip' if workload in FUNCTIONS else '.tar.gz'}"
        path.write_text(workload, encoding="utf-8")
        return path

    def first_file() -> dict[str, str]:
        return dict([*delivered_files().items()][:1])

    def variation() -> dict[str, Any]:
        with patch.object(operations, "delivered_files", first_file):
            return compose(config, package)

    return variation if isinstance(stack, Mapping) else lambda: compose(config, package)


def composed(stack: str | Mapping[str, Any]) -> Recorder:
    """What a stack registers, given by its name or as its configuration by key.

    One configuration is composed once a process and shared by its tests, which therefore must not change it.
    """
    return _composed(stack) if isinstance(stack, str) else _variation(json.dumps(dict(stack), sort_keys=True))


@cache
def _composed(stack: str) -> Recorder:
    with TemporaryDirectory() as folder:
        return declare(program(stack, Path(folder)))


@cache
def _variation(config: str) -> Recorder:
    with TemporaryDirectory() as folder:
        return declare(program(json.loads(config), Path(folder)))
