"""The program for Pulumi's mocks: a stack as configured, with archives that hold nothing but their name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from component_resources.recorder import Recorder, declare
from infra.composition import compose
from infra.config import load_config
from tests.support.configuration import as_the_engine_gives_it, configuration

FUNCTIONS = ("pos_api", "budget_guard")


def program(stack: str | Mapping[str, Any], folder: Path) -> Callable[[], dict[str, Any]]:
    """What composes `stack`, given by its name or as its configuration by key; archives go to `folder`.

    Raises:
        ConfigError: the configuration is wrong.
    """
    config = load_config(as_the_engine_gives_it(configuration(stack) if isinstance(stack, str) else dict(stack)))

    def package(workload: str) -> Path:
        path = folder / f"{workload}{'.zip' if workload in FUNCTIONS else '.tar.gz'}"
        path.write_text(workload, encoding="utf-8")
        return path

    return lambda: compose(config, package)


def composed(stack: str | Mapping[str, Any]) -> Recorder:
    """What a stack registers, given by its name or as its configuration by key.

    One configuration is composed once a process and shared by its tests, which therefore must not change it.
    """
    return _composed(json.dumps(configuration(stack) if isinstance(stack, str) else dict(stack), sort_keys=True))


@cache
def _composed(config: str) -> Recorder:
    with TemporaryDirectory() as folder:
        return declare(program(json.loads(config), Path(folder)))
