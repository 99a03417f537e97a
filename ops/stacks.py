"""Stacks of this checkout, by their files and in the state backend that the caller is logged in to."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastyle_localcloud.engine.bootstrap import ensure_engine
from fastyle_localcloud.engine.environment import engine_path
from fastyle_localcloud.engine.pinned import EngineUnavailable

from ops import engine
from ops.errors import OperatorError
from ops.folders import LOCAL, REPOSITORY


def caller_environment() -> dict[str, str]:
    """The caller's own environment, hence backend, passphrase and credentials, with set-up's engine on PATH.

    Raises:
        OperatorError: there is no engine, and none can be had.
    """
    try:
        engine = ensure_engine(lambda line: print(f"engine: {line}", file=sys.stderr, flush=True))
    except EngineUnavailable as e:
        raise OperatorError(f"there is no Pulumi engine: {e}") from None
    return {**os.environ, "PATH": engine_path(engine), "PULUMI_SKIP_UPDATE_CHECK": "true"}


def outputs(stack: str, cwd: Path = REPOSITORY) -> dict[str, Any]:
    """The outputs of a stack in the caller's backend, secrets hidden.

    Raises:
        OperatorError: there is no such stack, and which there are; or its outputs cannot be read, and why.
    """
    environment = caller_environment()
    try:
        text = engine.run(["stack", "output", "--json", "--stack", stack], environment, quiet=True, cwd=cwd)
    except OperatorError as failure:
        raise OperatorError(_why_not(stack, environment, cwd, _reason(failure))) from None
    return dict(json.loads(text or "{}"))


def _why_not(stack: str, environment: dict[str, str], cwd: Path, reason: str) -> str:
    files = stack_names(cwd)
    name = stack.rpartition("/")[2]
    try:
        listed = json.loads(engine.run(["stack", "ls", "--json"], environment, quiet=True, cwd=cwd))
    except OperatorError as failure:
        if name not in files:
            return f"{missing(stack, files, 'have a file here')}"
        if "PULUMI_ACCESS_TOKEN" in _reason(failure):  # Pulumi's own service, when nothing else was named
            return (
                f"no state of stack {stack} is known here: log in to where it is kept (`pulumi login gs://BUCKET`, or set "
                "PULUMI_BACKEND_URL); one that was never deployed begins with docs/operations/first-deployment.md"
            )
        return f"outputs of stack {stack} cannot be read: {_reason(failure)}"
    existing = sorted({entry["name"].rpartition("/")[2] for entry in listed})
    if name in existing:
        return f"outputs of stack {stack} cannot be read: {reason}"
    backend = environment.get("PULUMI_BACKEND_URL") or "the backend that `pulumi login` chose"
    if name in files:
        there = f"which holds {', '.join(existing)}" if existing else "which holds no stack of this project"
        return (
            f"stack {stack} is not deployed: Pulumi.{name}.yaml is here, but {backend}, {there}, does not know it; "
            "log in to the backend that does (`pulumi login URL`), or deploy it (docs/operations/first-deployment.md)"
        )
    return missing(stack, sorted({*existing, *files}), f"are known here or to {backend}")


def stack_names(repository: Path = REPOSITORY) -> list[str]:
    """Stacks that have a file in a checkout."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in repository.glob("Pulumi.*.yaml"))


def own_projects(repository: Path = REPOSITORY) -> tuple[str, ...]:
    """Stacks that deploy to a project of their own: not this machine's, and none that a name prefix puts beside another."""
    return tuple(
        name
        for name in stack_names(repository)
        if name != LOCAL and "fastyle:name_prefix" not in (repository / f"Pulumi.{name}.yaml").read_text("utf-8")
    )


def missing(stack: str, others: Sequence[str], what: str) -> str:
    """The sentence for a stack that does not exist: which do, and which is spelt alike."""
    near = difflib.get_close_matches(stack.rpartition("/")[2], others, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    return f"stack {stack} does not exist; those that {what}: {', '.join(others) or 'none'}{meant}"


def _reason(failure: OperatorError) -> str:
    """The engine's last line, which says what is wrong."""
    return (str(failure).strip().splitlines() or ["no message"])[-1].removeprefix("error: ")
