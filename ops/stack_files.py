"""Stack files as a plan may read them: without keys, secrets and credentials, which a plan must not need.

`pulumi stack init` and `pulumi config set --secret` write into `Pulumi.<stack>.yaml` what only the stack's own
passphrase or key opens: `encryptionsalt` or `secretsprovider` with `encryptedkey`, and `secure:` values. A plan is
made in a state of its own, where that key is neither there nor wanted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from infra.config import StackConfig
from infra.config_errors import NAMESPACE, PROVIDERS_OWN, field_at
from ops.errors import OperatorError

CREDENTIALS = ("gcp:credentials", "gcp:accessToken", "gcp:impersonateServiceAccount")
"""Configuration of the provider that a plan leaves out: it asks nobody."""


@dataclass(frozen=True)
class PlainStackFile:
    """A stack file that opens without a key, and what had to be done to it."""

    text: str
    replaced: tuple[str, ...] = ()
    """Keys of secret values that an example stands for, such as `fastyle:budget.emails[0]`."""
    left_out: tuple[str, ...] = ()
    """Keys of secret values for which nothing can stand, credentials, and ESC environments."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the plan has to know of it, in sentences."""
        said = []
        if self.replaced:
            said.append(
                f"secret, hence unknown to the plan, which takes an example instead: {', '.join(self.replaced)}"
            )
        if self.left_out:
            said.append(f"unknown to the plan, which goes without: {', '.join(self.left_out)}")
        return tuple(said)


def plain_stack_file(path: Path) -> PlainStackFile:
    """The stack file at `path` without what needs a key; every other value is written as it stands there.

    Raises:
        OperatorError: it cannot be read, or is no YAML.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        where = getattr(e, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        reason = getattr(e, "problem", None) or getattr(e, "strerror", None) or "it is not UTF-8"
        raise OperatorError(f"{path.name}{line}: it is no stack file: {reason}") from None
    sections = root.value if isinstance(root, yaml.MappingNode) else []
    config = next((value for key, value in sections if key.value == "config"), None)
    left_out = ["environment (Pulumi ESC)"] if any(key.value == "environment" for key, _ in sections) else []
    if not isinstance(config, yaml.MappingNode):
        return PlainStackFile("config: {}\n", (), tuple(left_out))
    walk = _Walk()
    entries = []
    for key, value in config.value:
        if key.value in CREDENTIALS or (plain := walk.plain(value, [key.value])) is None:
            left_out.append(key.value)
        else:
            entries.append((key, plain))
    tag = "tag:yaml.org,2002:map"
    kept = yaml.MappingNode(tag, [(_scalar("config"), yaml.MappingNode(tag, entries, flow_style=not entries))])
    return PlainStackFile(
        yaml.serialize(kept, Dumper=yaml.SafeDumper, allow_unicode=True),
        tuple(walk.replaced),
        (*left_out, *walk.left_out),
    )


class _Walk:
    """Nodes of a configuration with an example for each secret, and what was replaced or left out on the way."""

    def __init__(self) -> None:
        self.replaced: list[str] = []
        self.left_out: list[str] = []
        self._given: Counter[str] = Counter()

    def plain(self, node: yaml.Node, path: Sequence[str | int]) -> yaml.Node | None:
        """`node` without secrets; None for a secret that nothing can stand for."""
        if _is_secret(node):
            example = example_at(path)
            if example is None:
                return None
            self.replaced.append(_written(path))
            return _node(self._distinct(example))
        if isinstance(node, yaml.MappingNode):
            entries = [(key, self._inside(value, [*path, key.value])) for key, value in node.value]
            return yaml.MappingNode(node.tag, [(k, v) for k, v in entries if v is not None], flow_style=node.flow_style)
        if isinstance(node, yaml.SequenceNode):
            items = [self._inside(item, [*path, index]) for index, item in enumerate(node.value)]
            return yaml.SequenceNode(node.tag, [i for i in items if i is not None], flow_style=node.flow_style)
        return node

    def _inside(self, node: yaml.Node, path: Sequence[str | int]) -> yaml.Node | None:
        plain = self.plain(node, path)
        if plain is None:
            self.left_out.append(_written(path))
        return plain

    def _distinct(self, example: Any) -> Any:
        """An address once, then numbered: two people under one address would be refused."""
        if not isinstance(example, str) or "@" not in example:
            return example
        self._given[example] += 1
        count = self._given[example]
        return example.replace("@", f"{count}@", 1) if count > 1 else example


def as_the_engine_gives_it(config: Mapping[str, Any]) -> dict[str, str]:
    """The configuration of a stack file as the program gets it: structured values as JSON, a key without one as an empty
    text."""
    return {
        key: "" if value is None else value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
    }


def example_at(path: Sequence[str | int]) -> Any:
    """A value that fits a key of the configuration, from its own description; None where there is none."""
    namespace, _, name = str(path[0]).partition(":")
    if namespace != NAMESPACE and not (namespace == "gcp" and name in PROVIDERS_OWN and len(path) == 1):
        return None
    keys: list[str | int] = [name, *path[1:]]
    for length in range(len(keys), 0, -1):
        # Inside a map or a list the field above it has the example.
        field = field_at(StackConfig, [str(key) for key in keys[:length]])
        if field is not None:
            example = _jsonable(field.examples[0]) if field.examples else None
            return _part(example, keys[length:])
    return None


def _part(example: Any, inside: Sequence[str | int]) -> Any:
    for key in inside:
        if isinstance(example, Mapping):
            example = example.get(key, next(iter(example.values()), None))
        elif isinstance(example, list):
            example = next(iter(example), None)
        else:
            return None
    return example


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    return value.value if isinstance(value, Enum) else value


def _is_secret(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and [key.value for key, _ in node.value] == [
        "secure"
    ]  # as the engine tells them: a map with this key alone


def _node(value: Any) -> yaml.Node:
    """As the engine itself holds values that it decrypted: text, structures as JSON inside a structure as they are."""
    node = yaml.compose(json.dumps(value), Loader=yaml.SafeLoader)
    assert node is not None
    return node


def _scalar(text: str) -> yaml.Node:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text)


def _written(path: Sequence[str | int]) -> str:
    """`fastyle:budget.emails[0]`: as `pulumi config set --path` takes it."""
    parts = [f"[{key}]" if isinstance(key, int) else f".{key}" for key in path[1:]]
    return re.sub(r"^\.", "", f"{path[0]}{''.join(parts)}")
