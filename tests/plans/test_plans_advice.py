"""Advice for prod held against planning the changed stack: the same figure to the last digit."""

from __future__ import annotations

import pytest
from fastyle_policies.pricing import documents
from fastyle_policies.pricing.documents import Document

import ops.cost
from ops.advice.stack import Asked, advised
from ops.cost import Request, priced
from ops.plan import plan
from tests.support.plans import Plan


def test_its_figures_are_those_of_planning_the_changed_stack(
    plans: dict[str, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every permitted change at once: orchestrator, tier, minimum instances, lake and logs. What is a property of the
    program and no key is changed in the new plan by hand."""

    def planned(request: Request) -> Document:
        if not request.overrides:
            return documents.read(plans["prod"].document)
        return ops.cost.planned(request)

    monkeypatch.setattr("ops.advice.stack.planned", planned)
    best = advised(Asked(request=Request(stack="prod"))).best
    keys = set(best.configuration)
    assert keys >= {"fastyle:orchestrator", "fastyle:database.tier", "fastyle:workloads.api.minimum_instances"}
    assert len(keys) >= 7
    overrides = {"fastyle:services": "[]", **best.configuration}
    changed = documents.read(plan("prod", overrides=overrides, policies=False).document)
    resources = list(changed.resources)
    for option in best.options:
        if not option.change.startswith("fastyle:"):
            resources = option.applied(resources)
    replanned = priced(Document(tuple(resources), changed.config, changed.notes), Request(stack="prod"))
    assert replanned.total == best.monthly
