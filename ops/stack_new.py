"""`fastyle stack new`: the files of another stack, after the pattern of one that is there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.config import ConfigError, StackConfig, load_config
from ops.errors import OperatorError
from ops.folders import REPOSITORY
from ops.stack_files import as_the_engine_gives_it, plain_stack_file
from ops.stacks import missing, stack_names

POLICY_SETTINGS = Path("policies/config")
USAGE = Path("policies/usage")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_OF_THE_KEEPER = (
    "fastyle:services",
    "fastyle:ci",
    "fastyle:log_retention_days",
    "fastyle:owns_project",
    "fastyle:continuous_deployment",
)
"""Keys of what a project has once: the stack that has them keeps it, the new one leaves them out."""
_USED_BY_THE_KEEPER = ("logs-default",)
"""Resources of what a project has once that a usage file speaks of."""


@dataclass(frozen=True)
class NewStack:
    """What was written, and what its reader has to know."""

    prefix: str
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def create(name: str, source: str, *, prefix: str | None = None, repository: Path = REPOSITORY) -> NewStack:
    """Write `Pulumi.NAME.yaml`, policy settings and usage of a stack beside `source`, in the same project.

    Raises:
        OperatorError: it exists, a name or the prefix cannot be, or `source` is not a stack that loads. Nothing is
            written then.
    """
    stacks = stack_names(repository)
    if source not in stacks:
        raise OperatorError(missing(source, stacks, "have a file here"))
    if not _NAME.fullmatch(name):
        raise OperatorError(f"{name!r} is no name of a stack; use letters, digits, hyphen, underscore and dot")
    prefix = _prefix_of(name) if prefix is None else prefix
    plain = plain_stack_file(repository / f"Pulumi.{source}.yaml")
    given = _configuration(plain.text)
    written = {
        repository / f"Pulumi.{name}.yaml": _stack_file(repository / f"Pulumi.{source}.yaml", plain, name, prefix)
    }
    settings = repository / POLICY_SETTINGS / f"{source}.json"
    if settings.is_file():
        content = json.loads(settings.read_text(encoding="utf-8"))
        renamed = _policy_settings(content, source, name, given.get("fastyle:name_prefix"), prefix)
        written[settings.with_name(f"{name}.json")] = json.dumps(renamed, indent=2) + "\n"
    usage = repository / USAGE / f"{source}.yaml"
    if usage.is_file():
        written[usage.with_name(f"{name}.yaml")] = _usage(usage.read_text(encoding="utf-8"))
    for path in written:
        if path.exists():
            raise OperatorError(f"{path.relative_to(repository)} exists; choose another name, or remove it")
    config = _checked(_configuration(written[repository / f"Pulumi.{name}.yaml"]))
    _check_prefix(prefix, config.project, repository)
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
    return NewStack(prefix, tuple(path.relative_to(repository) for path in written), plain.notes)


def _prefix_of(name: str) -> str:
    """The letters and digits of a name, as many as a prefix may have."""
    prefix = re.sub(r"[^a-z0-9]", "", name.lower()).lstrip("0123456789")[:12]
    if not prefix:
        raise OperatorError(f"no name prefix can be made of {name!r}; give one with --prefix")
    return prefix


def _configuration(text: str) -> dict[str, Any]:
    return dict((yaml.safe_load(text) or {}).get("config") or {})


def _checked(config: dict[str, Any]) -> StackConfig:
    try:
        return load_config(as_the_engine_gives_it(config))
    except ConfigError as error:
        raise OperatorError(f"the new stack would not be right:\n{error}") from None


def _check_prefix(prefix: str, project: str, repository: Path) -> None:
    for other in stack_names(repository):
        config = _configuration(plain_stack_file(repository / f"Pulumi.{other}.yaml").text)
        if (config.get("gcp:project"), config.get("fastyle:name_prefix")) == (project, prefix):
            raise OperatorError(
                f"stack {other} of project {project} has name prefix {prefix!r}; both would be one; give another one "
                "with --prefix"
            )


def _stack_file(path: Path, plain: Any, name: str, prefix: str) -> str:
    """The source's own text, comments and all, where another stack can read it; else its text without secrets."""
    text = plain.text if plain.replaced or plain.left_out else path.read_text(encoding="utf-8")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    config = next(value for key, value in root.value if key.value == "config")
    lines = text.splitlines()
    of_its_own = ("encryptionsalt", "secretsprovider", "encryptedkey", "fastyle:name_prefix", *_OF_THE_KEEPER)
    dropped = _lines_of([*root.value, *config.value], of_its_own, lines)
    first = config.value[0][0].start_mark
    project = next(value.value for key, value in config.value if key.value == "gcp:project")
    source = path.name.removeprefix("Pulumi.").removesuffix(".yaml")
    made = [
        f"# `fastyle stack new {name} --from {source}`: beside the other stacks of {project}, one of which keeps what the",
        "# project has once (APIs, retention of logs, federation).",
    ]
    for number, line in enumerate(lines):
        if number == first.line:
            made.append(
                f"{' ' * first.column}fastyle:name_prefix: {prefix}  # what every name of this stack begins with"
            )
        if number not in dropped:
            made.append(line)
    return "\n".join(made) + "\n"


def _lines_of(entries: list[Any], keys: tuple[str, ...], lines: list[str]) -> set[int]:
    """The lines of the entries of a mapping in YAML that have one of these keys."""
    numbers = set[int]()
    for key, value in entries:
        if key.value in keys:
            end = value.end_mark.line if isinstance(value, yaml.CollectionNode) else value.end_mark.line + 1
            while end > key.start_mark.line + 1 and re.fullmatch(r"\s*(#.*)?", lines[end - 1]):
                end -= 1  # a comment above the next key is that key's
            numbers |= set(range(key.start_mark.line, max(end, key.start_mark.line + 1)))
    return numbers


def _usage(text: str) -> str:
    """A usage file without what the stack that keeps the project uses alone."""
    root, lines = yaml.compose(text, Loader=yaml.SafeLoader), text.splitlines()
    sections = root.value if isinstance(root, yaml.MappingNode) else []
    entries = [entry for key, value in sections if key.value == "resource_usage" for entry in value.value]
    dropped = _lines_of(entries, _USED_BY_THE_KEEPER, lines)
    return "".join(f"{line}\n" for number, line in enumerate(lines) if number not in dropped)


def _policy_settings(
    content: dict[str, Any], source: str, name: str, earlier: str | None, prefix: str
) -> dict[str, Any]:
    """A stack's parameters of the policy pack, with the names and the usage file of the new one."""
    renamed: dict[str, Any] = {}
    for rule, parameters in content.items():
        renamed[rule] = {**parameters, "usage": name} if parameters.get("usage") == source else dict(parameters)
        if public := parameters.get("public"):
            plain = {key.removeprefix(f"{earlier}-") if earlier else key: why for key, why in public.items()}
            renamed[rule]["public"] = {f"{prefix}-{key}": why for key, why in plain.items()}
    # The stack that keeps the project sets it.
    renamed["log-retention-present"] = {"required": False}
    return renamed
