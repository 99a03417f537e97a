"""Parameters of rules: from the files of the pack's folder, and from what the engine is given as `--policy-pack-config`.

A wrong name or value is refused by name before anything is judged. The engine itself refuses an unknown rule in
words that do not name it, and tells the pack its configuration only after that; so the pack reads the same file.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from pydantic import ValidationError

from fastyle_policies.model import Parameters, Rule

PackConfig = dict[str, dict[str, Any]]  # rule -> its parameters
StackConfig = Callable[[str], PackConfig]  # of the stack of that name

FLAG = "--policy-pack-config"
LEVELS = ("advisory", "mandatory", "remediate", "disabled")
LEVEL = "enforcementLevel"
ALL = "all"


class WrongConfiguration(ValueError):  # noqa: N818 - what the user reads is the message
    """Parameters that a rule does not take: a line for each, with file, rule and parameter."""


def stack_config(pack: Path, rules: Sequence[Rule]) -> StackConfig:
    """Parameters by stack: `config.json` of the pack's folder for every stack, `config/<stack>.json` over it.

    A file maps rules to parameters; its key `all` holds parameters for every rule that takes them. A stack that no file
    is about gets the defaults, which are strict. Every file is read at once.

    Raises:
        WrongConfiguration: a rule that does not exist, or a parameter it does not take; names file and key.
    """
    shared = pack / "config.json"
    every = _parameters_in(shared, rules, pack) if shared.exists() else {}
    stacks = {
        path.stem: _over(every, _parameters_in(path, rules, pack)) for path in sorted((pack / "config").glob("*.json"))
    }
    return lambda stack: stacks.get(stack, every)


def _over(every: PackConfig, own: PackConfig) -> PackConfig:
    return {name: {**every.get(name, {}), **given} for name, given in own.items()}


def _parameters_in(path: Path, rules: Sequence[Rule], pack: Path) -> PackConfig:
    content = _read(path)
    shared = content.pop(ALL, {})
    by_id = {rule.id: rule for rule in rules}
    takes = {rule.id: rule.parameters.model_fields.keys() for rule in rules}
    config = {
        name: {**{key: value for key, value in shared.items() if key in takes[name]}, **content.get(name, {})}
        for name in by_id
    }
    wrong = [_unknown_rule(name, by_id) for name in sorted(set(content) - set(by_id))]
    anywhere = sorted({key for keys in takes.values() for key in keys})
    wrong += [
        f"{ALL}.{key}: no rule has such a parameter{_meant(key, anywhere)}"
        for key in sorted(shared.keys() - set(anywhere))
    ]
    wrong += [words for name, given in config.items() for words in configuration_errors(by_id[name], given, pack)]
    _refuse(str(path), wrong)
    return config


def check_engine_config(path: Path, rules: Sequence[Rule], pack: Path) -> None:
    """Hold a file that the engine is given against the rules; there a rule may have a level in place of parameters.

    Raises:
        WrongConfiguration: see `stack_config`.
    """
    by_id = {rule.id: rule for rule in rules}
    wrong: list[str] = []
    for name, given in _read(path).items():
        parameters = {key: value for key, value in given.items() if key != LEVEL} if isinstance(given, dict) else {}
        level = given.get(LEVEL) if isinstance(given, dict) else given
        if name not in by_id and name != ALL:
            wrong.append(_unknown_rule(name, by_id))
        elif level is not None and level not in LEVELS:
            wrong.append(f"{name}: {json.dumps(level)} is no enforcement level; write one of {', '.join(LEVELS)}")
        elif name != ALL:
            wrong += configuration_errors(by_id[name], parameters, pack)
        elif parameters:
            wrong.append(
                f"{ALL}: the engine takes an enforcement level for all rules and no parameters; "
                "give them to each rule, or write them into config/<stack>.json in the pack's folder"
            )
    _refuse(f"{FLAG} {path}", wrong)


def pack_folder(context: Any) -> Path:
    """The folder from which paths among the parameters are read; `context` is what pydantic was given."""
    return Path(context["pack"]) if context else Path()


def validated(rule: Rule, given: Mapping[str, Any], pack: Path = Path()) -> Parameters:
    """The parameters of a rule.

    Raises:
        WrongConfiguration: one that it does not take.
    """
    _refuse(FLAG, list(configuration_errors(rule, given, pack)))
    return rule.parameters.model_validate(given, context={"pack": pack})


def configuration_errors(rule: Rule, given: Mapping[str, Any], pack: Path = Path()) -> Iterator[str]:
    """What is wrong with the parameters of a rule, by name."""
    try:
        rule.parameters.model_validate(given, context={"pack": pack})
    except ValidationError as error:
        for problem in error.errors():
            at = ".".join([rule.id, *map(str, problem["loc"])])
            if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
                takes = sorted(rule.parameters.model_fields)
                meant = _meant(str(problem["loc"][0]), takes)
                yield f"{at}: the rule has no such parameter; it takes {', '.join(takes)}{meant}"
            else:
                yield f"{at}: {problem['msg']}"


def _unknown_rule(name: str, rules: Mapping[str, Rule]) -> str:
    return f"no rule is named {name}{_meant(name, rules) or '; known: ' + ', '.join(sorted(rules))}"


def _meant(name: str, names: Mapping[str, Any] | Sequence[str]) -> str:
    near = difflib.get_close_matches(name, list(names))
    return f"; did you mean {near[0]}?" if near else ""


def _refuse(where: str, wrong: Sequence[str]) -> None:
    if wrong:
        raise WrongConfiguration("\n".join(f"{where}: {words}" for words in wrong))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongConfiguration(f"{path}: it cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise WrongConfiguration(f"{path}: it does not map rules to parameters")
    return content


def engine_config_files() -> list[Path]:
    """Files that the engine, of which this process is a descendant, was given as `--policy-pack-config`.

    None where command lines of other processes cannot be read: then the engine and `validated` have the only word.
    """
    try:
        for process in psutil.Process().parents():
            line = process.cmdline()
            if any(argument.partition("=")[0] == FLAG for argument in line):
                folder = Path(process.cwd())
                return [folder / name for name in given_files(line)]
    except (psutil.Error, OSError):
        pass
    return []


def given_files(line: Sequence[str]) -> list[str]:
    """The values of `--policy-pack-config` on a command line."""
    names: list[str] = []
    for argument, following in pairwise([*line, ""]):
        flag, equals, value = argument.partition("=")
        if flag == FLAG:
            names += (value if equals else following).split(",")
    return [name for name in names if name]
