"""The pages with their generated parts put in: what `make documents` writes and a test holds current."""

from __future__ import annotations

from collections.abc import Mapping

from fastyle_policies.pricing.blocks import put
from fastyle_policies.pricing.documents import Document

from ops.cost import Request
from tools.cost_pages import decisions
from tools.cost_pages import scale as sizes
from tools.cost_pages.changes import Costed

SCHEDULED = "prod, scheduler"
OTHERS: Mapping[str, Request] = {SCHEDULED: Request(stack="prod", overrides=["orchestrator=scheduler"])}
"""Plans beside the stacks' own."""


def cost(text: str, plans: Mapping[str, Document]) -> str:
    """docs/cost.md."""
    dev, prod, scheduled = Costed("dev", plans["dev"]), Costed("prod", plans["prod"]), Costed("prod", plans[SCHEDULED])
    for name, block in (
        ("prod", decisions.where(prod)),
        ("dev", decisions.where(dev)),
        ("prod decisions", decisions.decided(prod, decisions.PROD, [decisions.orchestrators(prod, scheduled)])),
        ("dev decisions", decisions.decided(dev, decisions.DEV)),
        ("turns", decisions.turns(prod)),
    ):
        text = put(text, name, block)
    return text


def plot(plans: Mapping[str, Document]) -> str:
    """docs/cost.svg."""
    return decisions.plot(Costed("prod", plans["prod"]), Costed("prod", plans[SCHEDULED]))


def scale(text: str, plans: Mapping[str, Document]) -> str:
    """docs/scale.md."""
    prod = Costed("prod", plans["prod"])
    for name, block in (
        ("flow", sizes.flow(prod)),
        ("saturation", sizes.saturation(prod)),
        ("sizes", sizes.costs(prod)),
    ):
        text = put(text, name, block)
    return text
