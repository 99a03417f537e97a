"""`fastyle stack list`: the stacks of this checkout by their files, for people and for the workflows that deploy them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from ops.folders import REPOSITORY
from ops.stack_files import plain_stack_file
from ops.stacks import stack_names


@dataclass(frozen=True)
class Listed:
    """A stack as its file has it."""

    name: str
    project: str
    environment: str
    protected: bool
    continuous_deployment: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def listed(repository: Path = REPOSITORY) -> list[Listed]:
    """The stacks of a checkout, by name.

    Raises:
        OperatorError: a stack file is no YAML.
    """
    return [_read(name, repository) for name in stack_names(repository)]


def _read(name: str, repository: Path) -> Listed:
    text = plain_stack_file(repository / f"Pulumi.{name}.yaml").text
    config: dict[str, Any] = (yaml.safe_load(text) or {}).get("config") or {}

    def is_on(key: str) -> bool:
        return str(config.get(f"fastyle:{key}", False)).lower() == "true"

    return Listed(
        name,
        str(config.get("gcp:project", "")),
        str(config.get("fastyle:environment", "")),
        is_on("protected"),
        is_on("continuous_deployment"),
    )


def table(stacks: list[Listed]) -> str:
    """The stacks as lines of text."""
    widths = [
        max((len(text) for text in column), default=0)
        for column in ([s.name for s in stacks], [s.project for s in stacks])
    ]
    return "\n".join(f"{s.name:<{widths[0]}}  {s.project:<{widths[1]}}  {_words(s)}".rstrip() for s in stacks)


def _words(stack: Listed) -> str:
    said = {"protected": stack.protected, "deployed by merges": stack.continuous_deployment}
    return ", ".join(word for word, holds in said.items() if holds)
