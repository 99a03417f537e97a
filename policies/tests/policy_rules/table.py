"""What a rule's table of cases is made of, and how one is judged.

A case is a change of something that the rule lets pass. It says which kind of value it is about and every message
that must come of it, word for word, as `<logical name>: <message>` (`stack: …` where no one resource is to blame).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastyle_policies.model import Parameters, Plan, Resource, Rule, Violation

KINDS = ("unset", "wrong", "unknown")


@dataclass(frozen=True)
class Case:
    """`changes` maps `<logical name>.<path>` to a value, `...` takes it out; `<logical name>` alone is the resource."""

    kind: str  # one of KINDS; or "passes": another value that is as good
    changes: Mapping[str, Any]
    says: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.kind}: {self.changes} {dict(self.parameters) or ''}"


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Everything that is tried on one rule."""

    good: Sequence[Resource]  # the rule says nothing of these
    cases: Sequence[Case]
    without: Mapping[str, str] = field(default_factory=dict)  # kinds that cannot be tried, and why
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> list[Case]:
        return [case for case in self.cases if case.kind == kind]

    @property
    def broken(self) -> Case:
        """The case that stands for the rule wherever it must speak up: the first wrong one, else the first unset one."""
        return next(case for kind in ("wrong", "unset", "unknown") for case in self.of(kind) if case.says)


def changed(good: Sequence[Resource], changes: Mapping[str, Any]) -> list[Resource]:
    """The resources after the changes."""
    by_name = {r.name: replace(r, props=copy.deepcopy(dict(r.props))) for r in good}
    for path, value in changes.items():
        name, _, rest = path.partition(".")
        assert name in by_name or isinstance(value, Resource), f"{path}: the table has no resource named {name}"
        if not rest:
            if value is ...:
                del by_name[name]
            else:
                by_name[name] = value
        else:
            _set(by_name[name].props, rest.split("."), value)
    return list(by_name.values())


def _set(container: Any, path: list[str], value: Any) -> None:
    *parents, last = path
    for key in parents:
        container = container[int(key)] if isinstance(container, list) else container.setdefault(key, {})
    if isinstance(container, list):
        container[int(last)] = value
    elif value is ...:
        container.pop(last, None)
    else:
        container[last] = value


def violations(rule: Rule, resources: Sequence[Resource], parameters: Parameters) -> list[Violation]:
    check: Any = rule.check
    if not rule.types:
        return list(check(Plan(tuple(resources)), parameters))
    return [Violation(words, r) for r in resources if rule.concerns(r) for words in check(r, parameters)]


def recorded(resources: Mapping[str, Mapping[str, Any]], stack: str) -> list[Resource]:
    """What Pulumi's mocks recorded (`<type>::<name>` to inputs), with Cloud Run's addresses as Google assigns them."""
    text = json.dumps(resources, default=str).replace(".run.app", "-abc123-uc.a.run.app")
    return [
        Resource(type_, name, inputs, f"urn:pulumi:{stack}::fastyle::{type_}::{name}")
        for key, inputs in json.loads(text).items()
        for type_, _, name in [key.partition("::")]
    ]


def said(violations_: Sequence[Violation]) -> list[str]:
    return [f"{v.resource.name if v.resource else 'stack'}: {v.message}" for v in violations_]


def parameters_of(rule: Rule, *given: Mapping[str, Any]) -> Parameters:
    merged: dict[str, Any] = {}
    for each in given:
        merged |= each
    return rule.parameters.model_validate(merged)


def judged(rule: Rule, table: Cases, case: Case) -> list[str]:
    parameters = parameters_of(rule, table.parameters, case.parameters)
    return said(violations(rule, changed(table.good, case.changes), parameters))


def every_case(tables: Mapping[str, Cases]) -> Iterator[tuple[str, int, Case]]:
    return ((rule, n, case) for rule, table in tables.items() for n, case in enumerate(table.cases))
