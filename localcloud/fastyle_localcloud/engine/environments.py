"""The Python environment of a program or policy pack, found as Pulumi's own language host finds it.

`virtualenv` in the runtime's options (Pulumi.yaml, PulumiPolicy.yaml), relative to that file; what lies in
`LOCALCLOUD_PROGRAM_DIR` runs in the language host's own environment; anything else in the active one (`VIRTUAL_ENV`). A
program that has none is refused: it would run on the language host's packages without anybody noticing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class NoEnvironmentError(Exception):
    """There is no environment to run in; the message says what to write or install."""


def interpreter(directory: Path, root: Path, options: Mapping[str, Any], variables: Mapping[str, str]) -> Path:
    """The Python executable for what lies in `directory`, of the project at `root`.

    Raises:
        NoEnvironmentError: none is named, or the named one is not there.
    """
    if named := options.get("virtualenv"):
        environment = (root or directory) / str(named)
        python = _python(environment)
        if python is None:
            raise NoEnvironmentError(
                f"{environment} (runtime option virtualenv) is no Python environment; make it, and install the "
                "program's packages into it"
            )
        return python
    if (programs := variables.get("LOCALCLOUD_PROGRAM_DIR")) and directory.resolve().is_relative_to(programs):
        return Path(sys.executable)
    if active := variables.get("VIRTUAL_ENV"):
        python = _python(Path(active))
        if python is None:
            raise NoEnvironmentError(f"VIRTUAL_ENV is {active}, which is no Python environment; activate another")
        return python
    raise NoEnvironmentError(
        f"{directory} names no Python environment and none is active; write runtime: {{name: python, options: "
        "{virtualenv: .venv}} into its Pulumi.yaml or PulumiPolicy.yaml, or activate one"
    )


def same_environment(python: Path) -> bool:
    """Whether that executable belongs to the environment of this process. Links to Python itself are not followed: two
    environments may share one."""
    return python.parent.resolve() == Path(sys.executable).parent.resolve()


def _python(environment: Path) -> Path | None:
    python = environment / "bin" / "python"
    return python if python.exists() else None
