"""A usage file: a calendar of days, variables, amounts by type and by resource; and what it says for one kind of month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from fastyle_policies.model import Resource, Strict
from fastyle_policies.pricing.formulas import evaluate
from fastyle_policies.pricing.lines import LARGEST, PricingError, nearest
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.pricing.services.plan import U

DAY_KINDS = ("quiet", "ordinary", "sale")
DEFAULT_MONTH = "ordinary"
Value = bool | int | float | str | dict[str, Any]


class Days(Strict):
    """How many days of each kind a month has."""

    quiet: Decimal = Field(default=Decimal(0), ge=0)
    ordinary: Decimal = Field(default=Decimal(0), ge=0)
    sale: Decimal = Field(default=Decimal(0), ge=0)

    @model_validator(mode="after")
    def _a_month(self) -> Days:
        if not 28 <= self.quiet + self.ordinary + self.sale <= 31:
            raise ValueError("the days of a month add up to 28 to 31")
        return self


class Document(Strict):
    """A usage file as written; values are numbers, formulas, or amounts a day by kind of day."""

    version: Literal[1]
    calendar: dict[str, Days] = Field(
        default={
            "quiet": Days(quiet=Decimal(30)),
            "ordinary": Days(ordinary=Decimal(30)),
            "sale": Days(sale=Decimal(30)),
        },
        description="months by name: how many quiet, ordinary and sale days each has",
    )
    variables: dict[str, Value] = Field(default={}, description="values by name, for formulas")
    unit_costs: dict[str, Value] = Field(default={}, description="what the total is also divided by: label to number")
    resource_type_default_usage: dict[str, dict[str, Value]] = Field(default={})
    resource_usage: dict[str, dict[str, Value]] = Field(default={})


def keys(types: Iterable[str]) -> list[str]:
    """The usage keys of these types together."""
    return sorted({key for type_ in types for key in PRICERS[type_].usage.model_fields})


class _Patterns:
    """Entries of `resource_usage` by what they match: whole names at once, patterns with wildcards one by one."""

    def __init__(self, entries: Mapping[str, dict[str, Value]]) -> None:
        self._order = {pattern: index for index, pattern in enumerate(entries)}
        self._entries = entries
        self._wild = [pattern for pattern in entries if set(pattern) & set("*?[")]

    def matching(self, resource: Resource) -> list[tuple[str, dict[str, Value]]]:
        """Pattern and entry of each that matches the name or the URN of a resource, in the file's order."""
        patterns = {each for each in (resource.name, resource.urn) if each in self._entries}
        patterns |= {p for p in self._wild if fnmatchcase(resource.name, p) or fnmatchcase(resource.urn, p)}
        return [(pattern, self._entries[pattern]) for pattern in sorted(patterns, key=self._order.__getitem__)]


@dataclass(frozen=True)
class UsageFile:
    """A usage file read for one kind of month. `where` gives the line of a key path, for messages."""

    path: str = "no usage file"
    document: Document = field(default_factory=lambda: Document(version=1))
    month: str = DEFAULT_MONTH
    overrides: Mapping[str, Decimal] = field(default_factory=dict)
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    def for_month(self, month: str) -> UsageFile:
        """The same file for another of its months.

        Raises:
            PricingError: its calendar has no such month.
        """
        _one_of(month, self.document.calendar, f"{self.path}: calendar", "month")
        return UsageFile(self.path, self.document, month, self.overrides, self.lines)

    def with_variables(self, overrides: Mapping[str, Decimal]) -> UsageFile:
        """The same file with other values of some variables.

        Raises:
            PricingError: it has no such variable.
        """
        for name in overrides:
            _one_of(name, self.document.variables, f"{self.path}: variables", "variable")
        return UsageFile(self.path, self.document, self.month, {**self.overrides, **overrides}, self.lines)

    def variable(self, name: str, _asked: tuple[str, ...] = ()) -> Decimal:
        """The month's value of a variable.

        Raises:
            ValueError: there is none of that name, or its formula needs itself.
        """
        if name in self.overrides:
            return self.overrides[name]
        if name in _asked:
            raise ValueError(f"the variables {' -> '.join((*_asked, name))} need each other")
        if name not in self.document.variables:
            raise ValueError(f"no variable is named '{name}'{nearest(name, self.document.variables)}")
        return self._value(self.document.variables[name], (*_asked, name))

    def unit_costs(self) -> dict[str, Decimal]:
        """What the total is divided by, besides: label to a number above zero."""
        costs = {}
        for label, value in self.document.unit_costs.items():
            number = self._at(("unit_costs", label), value)
            if number <= 0:
                raise self.error(("unit_costs", label), f"'{label}' is {number}; a cost is divided by it")
            costs[label] = number
        return costs

    def of(self, resource: Resource, model: type[U]) -> U:
        """The usage of a resource: its type's defaults, then every matching entry of `resource_usage`, in order.

        Raises:
            PricingError: a key its type has not, a value that is no number; with file, line and the nearest name.
        """
        values: dict[str, tuple[tuple[str, ...], Value]] = {}
        sections: list[tuple[tuple[str, ...], dict[str, Value]]] = []
        if defaults := self.document.resource_type_default_usage.get(resource.type):
            sections.append((("resource_type_default_usage", resource.type), defaults))
        sections += [(("resource_usage", pattern), entry) for pattern, entry in self._patterns.matching(resource)]
        for path, entry in sections:
            values |= {key: ((*path, key), value) for key, value in entry.items() if key in model.model_fields}
        evaluated = {
            key: self._at(path, value, flow=key.startswith("monthly_")) for key, (path, value) in values.items()
        }
        for key, value in evaluated.items():
            if not value.is_finite() or abs(value) > LARGEST:
                shown = f"{value:,.0f}" if value.is_finite() and abs(value) < 10**30 else f"{value:.3e}"
                raise self.error(values[key][0], f"{key} is {shown}; nothing beyond {LARGEST:,} is reckoned with")
        try:
            return model.model_validate(evaluated)
        except ValidationError as e:
            wrong = e.errors()[0]
            key = str(wrong["loc"][0])
            raise self.error(values[key][0], f"{key} is {evaluated[key]}: {wrong['msg'].lower()}") from None

    def check(self, resources: Sequence[Resource], *, strict: bool = True) -> list[str]:
        """Patterns that match no priced resource, where that is allowed.

        Raises:
            PricingError: a key that none of the resources its pattern matches has, or, if `strict`, a pattern that
                matches none.
        """
        matched: dict[str, set[str]] = {pattern: set() for pattern in self.document.resource_usage}
        for resource in resources:
            if resource.type in PRICERS:
                for pattern, _ in self._patterns.matching(resource):
                    matched[pattern].add(resource.type)
        idle = []
        for pattern, entry in self.document.resource_usage.items():
            types = matched[pattern]
            if not types:
                if strict:
                    names = {r.name for r in resources if r.type in PRICERS}
                    raise self.error(("resource_usage", pattern), f"{idle_usage(pattern)}{nearest(pattern, names)}")
                idle.append(pattern)
            for key in entry:
                accepted = keys(types or PRICERS)
                if key not in accepted:
                    kinds = ", ".join(sorted(types)) or "any type"
                    raise self.error(
                        ("resource_usage", pattern, key), f"{kinds} has no key '{key}'{nearest(key, accepted)}"
                    )
        return idle

    @cached_property
    def _patterns(self) -> _Patterns:
        return _Patterns(self.document.resource_usage)

    def error(self, path: tuple[str, ...], message: str) -> PricingError:
        while path and path not in self.lines:
            path = path[:-1]
        line = f":{self.lines[path]}" if path in self.lines else ""
        return PricingError(f"{self.path}{line}: {message}")

    def _at(self, path: tuple[str, ...], value: Value, *, flow: bool = True) -> Decimal:
        """The value at a path of the file, reckoned once however many resources it is of."""
        if path not in self._evaluated:
            if isinstance(value, dict) and not flow:
                raise self.error(path, f"'{path[-1]}' is no amount a month, so it has no values by kind of day")
            try:
                self._evaluated[path] = self._value(value, ())
            except ValueError as e:
                raise self.error(path, str(e)) from None
        return self._evaluated[path]

    @cached_property
    def _evaluated(self) -> dict[tuple[str, ...], Decimal]:
        return {}

    def _value(self, value: Value, asked: tuple[str, ...]) -> Decimal:
        if isinstance(value, bool):
            raise ValueError(f"{value} is no number")
        if isinstance(value, int | float):
            number = Decimal(str(value))
            if number.is_nan():
                raise ValueError(f"{value} is no number")
            return number
        if isinstance(value, str):
            return evaluate(value, lambda name: self.variable(name, asked))
        for kind in value:
            if kind not in DAY_KINDS:
                raise ValueError(f"'{kind}' is no kind of day{nearest(kind, DAY_KINDS)}; write {', '.join(DAY_KINDS)}")
        days = self.document.calendar.get(self.month) or next(iter(self.document.calendar.values()))
        return sum((getattr(days, kind) * self._value(each, asked) for kind, each in value.items()), Decimal(0))


def idle_usage(pattern: str) -> str:
    return f"usage for '{pattern}' matches no resource of this plan"


def _one_of(name: str, names: Iterable[str], where: str, what: str) -> None:
    names = list(names)
    if name not in names:
        raise PricingError(f"{where} has no {what} '{name}'; it has {', '.join(names) or 'none'}")
