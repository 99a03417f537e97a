"""The pages with their generated parts put in: what `make documents` writes and a test holds current.

A page's own marks say which stack each part is of: `<!-- prod decisions -->` are the decisions of stack `prod`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

import yaml
from fastyle_policies.pricing.blocks import put
from fastyle_policies.pricing.documents import Document

from infra.settings import Orchestrator
from ops.cost import Request
from ops.folders import REPOSITORY
from ops.stack_files import plain_stack_file
from tools.cost_pages import decisions
from tools.cost_pages import scale as sizes
from tools.cost_pages.changes import Costed
from tools.cost_pages.tables import STACKS

Plans = Mapping[str, Document]
_MARK = re.compile(r"^<!-- (?P<stack>[\w.-]+)(?: (?P<part>\w+))? -->$", re.MULTILINE)
_COST = REPOSITORY / "docs" / "cost.md"


def scheduled(stack: str) -> str:
    """The name under which plans have a stack of Composer as it would be without."""
    return f"{stack}, scheduler"


@cache
def others() -> Mapping[str, Request]:
    """Plans beside the stacks' own: those that run Composer, without it."""
    given = {stack: yaml.safe_load(plain_stack_file(REPOSITORY / f"Pulumi.{stack}.yaml").text) for stack in STACKS}
    return {
        scheduled(stack): Request(stack=stack, overrides=[f"orchestrator={Orchestrator.SCHEDULER.value}"])
        for stack, text in given.items()
        if text["config"]["fastyle:orchestrator"] == Orchestrator.COMPOSER.value
    }


def cost(text: str, plans: Plans) -> str:
    """docs/cost.md."""
    return _filled(
        text,
        plans,
        {
            None: lambda stack: decisions.where(_costed(stack, plans)),
            "decisions": lambda stack: decisions.decided(_costed(stack, plans), _without_composer(stack, plans)),
            "turns": lambda stack: decisions.turns(_costed(stack, plans)),
        },
    )


def plot(plans: Plans) -> str:
    """docs/cost.svg, of the stack whose break-even points docs/cost.md tells.

    Raises:
        ValueError: it tells none, or they are of a stack without Composer.
    """
    marks = _MARK.finditer(_COST.read_text(encoding="utf-8"))
    stack = next((mark["stack"] for mark in marks if mark["part"] == "turns"), "")
    other = _without_composer(stack, plans)
    if other is None:
        raise ValueError(f"{_COST.name} has no mark `<!-- STACK turns -->` of a stack that runs Composer")
    return decisions.plot(_costed(stack, plans), other)


def scale(text: str, plans: Plans) -> str:
    """docs/scale.md."""
    return _filled(
        text,
        plans,
        {
            "flow": lambda stack: sizes.flow(_costed(stack, plans)),
            "saturation": lambda stack: sizes.saturation(_costed(stack, plans)),
            "sizes": lambda stack: sizes.costs(_costed(stack, plans)),
        },
    )


def _filled(text: str, plans: Plans, parts: Mapping[str | None, Callable[[str], str]]) -> str:
    for mark in _MARK.finditer(text):
        if mark["stack"] in plans and mark["part"] in parts:
            text = put(text, mark[0].removeprefix("<!-- ").removesuffix(" -->"), parts[mark["part"]](mark["stack"]))
    return text


def _costed(stack: str, plans: Plans) -> Costed:
    return Costed(stack, plans[stack])


def _without_composer(stack: str, plans: Plans) -> Costed | None:
    other = plans.get(scheduled(stack))
    return None if other is None else Costed(stack, other)
