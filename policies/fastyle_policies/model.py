"""What a rule sees and says: resources of a plan with their properties, and violations.

Nothing here needs an engine: a rule is a pure function, and its tests call it with dictionaries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from types import FunctionType, ModuleType
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field


class _Unknown:
    """A value that only the update will know (an assigned address, a URL). False, and equal to nothing else."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<known at update>"

    def __deepcopy__(self, memo: dict[int, Any]) -> _Unknown:
        return self  # compared by identity


UNKNOWN = _Unknown()
K = TypeVar("K")
V = TypeVar("V")


def dig(value: Any, path: str) -> Any:
    """The value at a dotted path: None when unset, UNKNOWN when it or what holds it is known only at update."""
    for key in path.split("."):
        if value is UNKNOWN:
            return UNKNOWN
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def blocks(value: Any, path: str) -> list[Mapping[str, Any]]:
    """The known blocks of a list property; an unset or unknown list has none."""
    at_path = dig(value, path)
    return [item for item in at_path if isinstance(item, Mapping)] if isinstance(at_path, Sequence) else []


def leaves(value: Any) -> Iterator[Any]:
    """All values within maps and lists; any other value is its own."""
    if isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from leaves(each)
    else:
        yield value


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """What has the same key, in its order."""
    groups: dict[K, list[V]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


@dataclass(frozen=True)
class Resource:
    """A resource of the plan: inputs in a resource rule, outputs in a stack rule, both in the provider's camelCase.

    `references` maps a top-level property to the URNs of the resources its value was computed from. It is
    what remains of a link while the value itself is unknown.
    """

    type: str
    name: str
    props: Mapping[str, Any]
    urn: str = ""
    references: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parent: str = ""  # URN of the component that holds it; known in stack rules only
    custom: bool | None = None  # whether a provider manages it (a component: False); None where that is not told
    region: str = ""  # its provider's default region, where that is told
    project: str = ""  # its own project, else its provider's, where that is told
    provided: Mapping[str, Any] = field(default_factory=dict)
    """What its provider says for whatever it makes: `labels`, `project`, `region`, `zone`."""

    def get(self, path: str) -> Any:
        return dig(self.props, path)

    def blocks(self, path: str) -> list[Mapping[str, Any]]:
        return blocks(self.props, path)

    @property
    def label(self) -> str:
        """How messages name it: type and logical name."""
        return f"{self.type.rsplit(':', 1)[-1]} '{self.name}'"


@dataclass(frozen=True)
class Plan:
    """All resources of a stack."""

    resources: tuple[Resource, ...]

    def of(self, *types: str) -> Iterator[Resource]:
        return (resource for resource in self.resources if resource.type in types)


@dataclass(frozen=True)
class Violation:
    """One thing wrong: `message` says what and where; the rule itself says why and how to mend it."""

    message: str
    resource: Resource | None = None  # None: the stack as a whole


class Strict(BaseModel):
    """Something that is read, and stays as it was read: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Severity = Literal["low", "medium", "high", "critical"]


class Waiver(Strict):
    """Leave to break one rule in one place until a day, for a reason."""

    resource: str = Field(description="logical name or URN of the resource; `*` and `?` match as in a shell")
    reason: str = Field(min_length=10, description="why the rule is broken here")
    until: date = Field(description="last day of the leave (YYYY-MM-DD); after it the waiver is itself a violation")

    def covers(self, resource: Resource | None) -> bool:
        name, urn = (resource.name, resource.urn) if resource else ("stack", "")
        return fnmatchcase(name, self.resource) or fnmatchcase(urn, self.resource)


class Parameters(Strict):
    """What every rule can be told in the pack's configuration; rules with more of it extend this."""

    protected: bool = Field(
        default=True,
        description="whether the stack must survive a zone's outage, a mistake and a flood; false: it can be made again",
    )
    waivers: list[Waiver] = Field(default_factory=list, description="places where the rule may be broken for a time")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the pack.

    `types` non-empty: `check` is called with each resource of a type that matches (shell patterns), before it is
    created. Empty: `check` is called once, with the whole plan.
    """

    id: str
    severity: Severity
    why: str
    mend: str
    unknown: str  # what the rule does with a value that is unknown at preview
    # Its second argument is an instance of `parameters`.
    check: Callable[[Resource, Any], Iterable[str]] | Callable[[Plan, Any], Iterable[Violation]]
    parameters: type[Parameters]
    types: tuple[str, ...] = ()
    mandatory: bool = True  # False: reported, stops nothing

    def concerns(self, resource: Resource | str) -> bool:
        """Whether the rule is about resources of a type."""
        type_ = resource if isinstance(resource, str) else resource.type
        return any(fnmatchcase(type_, pattern) for pattern in self.types)


DEFERRED = "passes at preview; checked again in the update, before the resource is created"
REFUSED = "refused: the value decides safety or cost and must be known at preview"
_UNKNOWN_ANSWERS = {
    "deferred": DEFERRED,
    "refused": REFUSED,
    "reckoned": "reckoned with what the estimate's note says; a resource that cannot be priced so is named, never counted "
    "as 0",
}
_TEXT = re.compile(r"(?P<why>.+?)\. Mend: (?P<mend>.+?)\. Unknown: (?P<unknown>.+)\.")
_Check = TypeVar("_Check", bound=Callable[..., Iterable[str]] | Callable[..., Iterable[Violation]])

_DECLARED: dict[Callable[..., Any], Rule] = {}


def rule(severity: Severity, *types: str, mandatory: bool = True) -> Callable[[_Check], _Check]:
    """Declare a function as the check of a rule (see `Rule`).

    The rule has the function's name, with hyphens, as parameters the type of its argument `p`, and its docstring says
    why, after `Mend:` how to mend it, after `Unknown:` what it does with a value that is unknown at preview. The words
    `deferred`, `refused` and `reckoned` at the end stand for the usual answers.

    Raises:
        ValueError: the docstring has another form.
    """

    def declare(check: _Check) -> _Check:
        told = _TEXT.fullmatch(" ".join((check.__doc__ or "").split()))
        if told is None:
            raise ValueError(
                f"the docstring of rule {check.__name__} is not of the form `WHY. Mend: MEND. Unknown: WHAT.`"
            )
        unknown = told["unknown"]
        for word, answer in _UNKNOWN_ANSWERS.items():
            unknown = unknown.removesuffix(word) + answer if unknown.endswith(word) else unknown
        _DECLARED[check] = Rule(
            id=check.__name__.replace("_", "-"),
            severity=severity,
            why=told["why"],
            mend=told["mend"],
            unknown=unknown,
            check=check,
            parameters=get_type_hints(check)["p"],
            types=types,
            mandatory=mandatory,
        )
        return check

    return declare


def rules_in(module: ModuleType) -> tuple[Rule, ...]:
    """The rules that a module declares, in its order."""
    functions = (value for value in vars(module).values() if isinstance(value, FunctionType))
    return tuple(_DECLARED[each] for each in functions if each in _DECLARED and each.__module__ == module.__name__)


def number(value: Any) -> float | None:
    """A number given as such or as a string; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return float(value)
    return None


def text_of(value: Any) -> str:
    """A text; empty for anything else."""
    return value if isinstance(value, str) else ""


def flag(value: Any) -> Any:
    """A switch as the provider reads it: "true" and 1 are true as well; None when unset, UNKNOWN stays."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower(), value)
    return value


def shown(value: Any) -> str:
    """How messages write a value: `unset`, `<known at update>`, `true`, or the value itself."""
    if value is None:
        return "unset"
    return str(value).lower() if isinstance(value, bool) else str(value)


def seconds(value: Any) -> float | None:
    """A duration in the API's form (`600s`); None for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)s", value) if isinstance(value, str) else None
    return float(match[1]) if match else None


def matches(name: Any, patterns: Iterable[str]) -> bool:
    return isinstance(name, str) and any(fnmatchcase(name, pattern) for pattern in patterns)
