"""The advice for a stack or a plan: options, their keys, what the configuration refuses, and the cheapest permitted."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import fastyle_policies.pricing
from fastyle_policies.model import Resource
from fastyle_policies.pricing import Estimate, PricingError
from fastyle_policies.pricing.advice import (
    REQUIREMENTS,
    Advice,
    Cheapest,
    Option,
    Weigher,
    advise,
    cheapest,
    fewest,
    options,
    relocations,
)
from fastyle_policies.pricing.documents import Document
from fastyle_policies.pricing.services.composer import ENVIRONMENT

from ops.advice.keys import KEPT_FOR_EVER, Overrides, overrides_of, refusal, value_at
from ops.cost import Request, planned, usage_of
from ops.errors import OperatorError

ORCHESTRATOR = "fastyle:orchestrator"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What advice is asked for: of a stack or of a plan that Pulumi printed."""

    request: Request
    keep: Sequence[str] = ()
    under: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Combination:
    """Options taken together: what the plan then costs, and the keys that make it so."""

    options: Sequence[Option]
    estimate: Estimate
    configuration: Mapping[str, str | None]

    @property
    def monthly(self) -> Decimal:
        return self.estimate.total


@dataclass(frozen=True, kw_only=True)
class Advised:
    """Advice, the cheapest that keeps what must be kept, and, with an amount, whether and by how little it is reached.

    `blocked` is the advice that the stack's own rules refuse as they are: what reaches the amount if nothing else does.
    """

    base: Estimate
    advice: Sequence[Advice]
    keep: Sequence[str]
    best: Combination
    under: Decimal | None = None
    enough: Combination | None = None

    @property
    def reached(self) -> bool:
        return self.under is None or self.best.monthly < self.under

    @property
    def blocked(self) -> list[Advice]:
        return [each for each in self.advice if each.option.refused]


def advised(asked: Asked) -> Advised:
    """The answer to what is asked.

    Raises:
        OperatorError: anything that its maker can mend, in one line.
    """
    try:
        subject = Subject.of(asked.request)
        keep = subject.requirements(asked.keep)
        return _answer(subject, asked, keep)
    except PricingError as e:
        raise OperatorError(str(e)) from None


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A plan with its options; of a stack with the keys by which it is changed."""

    request: Request
    document: Document
    weigher: Weigher
    options: Sequence[Option]
    keys: Mapping[int, Overrides]  # by identity of the option

    @classmethod
    def of(cls, request: Request) -> Subject:
        usage = usage_of(request)
        document = planned(request)

        def price(resources: Sequence[Resource]) -> Estimate:
            return fastyle_policies.pricing.estimate(
                resources, usage, region=document.region, notes=document.notes, strict=False
            )

        weigher = Weigher(document.resources, price)
        if request.stack is None:
            candidates = [*options(document.resources, usage), *relocations(document.resources, price, document.region)]
            return cls(request=request, document=document, weigher=weigher, options=candidates, keys={})
        candidates = [
            option
            for option in options(document.resources, usage)
            if not _is_of_composer(option, document.resources) and option.resource != KEPT_FOR_EVER
        ]
        candidates += relocations(document.resources, price, document.region)
        keyed = [(option, overrides_of(option, document.resources, document.config)) for option in candidates]
        if value_at(document.config, ORCHESTRATOR) == "composer":
            keyed.append((_scheduler(request), {ORCHESTRATOR: "scheduler"}))
        named = [(_named(option, keys, document.config), keys) for option, keys in keyed]
        return cls(
            request=request,
            document=document,
            weigher=weigher,
            options=[option for option, _ in named],
            keys={id(option): keys for option, keys in named if keys is not None},
        )

    def requirements(self, asked: Sequence[str]) -> list[str]:
        """What must be kept, checked: a name of `REQUIREMENTS`, or KEY=VALUE of the stack's configuration.

        Raises:
            OperatorError: there is no such requirement, or the stack does not meet it now.
        """
        for name in asked:
            key, is_value, value = name.partition("=")
            if not is_value:
                if name not in REQUIREMENTS:
                    near = difflib.get_close_matches(name, REQUIREMENTS, n=1)
                    meant = f"; did you mean {near[0]}?" if near else ""
                    names = ", ".join(REQUIREMENTS)
                    raise OperatorError(f"--keep {name}: there is no such requirement{meant} There are {names}".strip())
                continue
            if self.request.stack is None:
                raise OperatorError(
                    f"--keep {name}: a plan has no configuration keys; name a stack, or one of {', '.join(REQUIREMENTS)}"
                )
            now = value_at(self.document.config, _full(key))
            if str(now).lower() != value.lower():
                raise OperatorError(
                    f"--keep {name}: stack {self.request.stack} has {key}={now}; keep what it has, or set it first"
                )
        return list(asked)

    def kept(self, option: Option, keep: Sequence[str]) -> bool:
        """Whether an option leaves everything that must be kept as it is."""
        if option.gives_up & set(keep):
            return False
        held = {_full(name.partition("=")[0]) for name in keep if "=" in name}
        return not any(key == of or key.startswith(f"{of}.") for key in self.keys.get(id(option), {}) for of in held)

    def together(self, chosen: Sequence[Option]) -> Overrides:
        merged: Overrides = {}
        for option in chosen:
            merged |= self.keys.get(id(option), {})
        return merged

    def allowed(self, chosen: Sequence[Option]) -> bool:
        """Whether the program takes the configuration of all of these."""
        return self.request.stack is None or not refusal(self.document.config, self.together(chosen))

    def combined(self, cheapest: Cheapest) -> Combination:
        return Combination(
            options=cheapest.options, estimate=cheapest.estimate, configuration=self.together(cheapest.options)
        )


def _answer(subject: Subject, asked: Asked, keep: Sequence[str]) -> Advised:
    base = subject.weigher.of()
    saving = advise(subject.weigher, subject.options)
    permitted = [option for option in subject.options if subject.kept(option, keep)]
    best = cheapest(subject.weigher, permitted, keep, subject.allowed)
    enough = None
    if asked.under is not None and base.total >= asked.under > best.monthly:
        enough = subject.combined(fewest(subject.weigher, best, asked.under))
    return Advised(base=base, advice=saving, keep=keep, best=subject.combined(best), under=asked.under, enough=enough)


def _scheduler(request: Request) -> Option:
    """The stack planned with the other orchestrator: other resources, which no property of these tells."""
    assert request.stack is not None
    other = planned(replace(request, overrides=[*request.overrides, "orchestrator=scheduler"]))
    return Option(
        resource="orchestration-environment",
        change="",
        group="orchestrator",
        loses="Airflow: retries by task, history, backfills, its user interface; the runner runs the same tasks. A "
        "deployed environment is protected: docs/operations/changes.md, The orchestrator",
        instead=other.resources,
        gives_up=frozenset({"airflow"}),
    )


def _is_of_composer(option: Option, resources: Sequence[Resource]) -> bool:
    types = {resource.urn: resource.type for resource in resources}
    return "airflow" in option.gives_up and any(types[edit.urn] == ENVIRONMENT for edit in option.edits)


def _named(option: Option, keys: Overrides | None, config: Mapping[str, Any]) -> Option:
    """An option whose change is told by its keys, with what the configuration says against it."""
    if keys is None:
        return option
    words = "; ".join(
        f"{key}: {_shown(value_at(config, key))} -> {'unset' if value is None else value}"
        for key, value in keys.items()
    )
    return replace(option, change=words, refused=refusal(config, keys))


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)


def _full(key: str) -> str:
    return key if ":" in key else f"fastyle:{key}"
