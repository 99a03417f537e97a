"""Advice for prod held against planning the changed stack: the same figure to the last digit."""

from __future__ import annotations

import pytest
from fastyle_policies.pricing import documents
from fastyle_policies.pricing.documents import Document

import ops.cost
from ops.advice.stack import Asked, Subject, advised
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
    found = priced(Document(tuple(resources), changed.config, changed.notes), Request(stack="prod"))
    assert found.total == best.monthly


def test_nights_off_are_worth_what_the_plan_with_them_is(
    plans: dict[str, Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """dev as it would be without its night stop, told to have one: the keys that it has, and the figure of dev as it is."""
    awake = documents.read(plan("dev", overrides={"fastyle:database.night_stop": None}, policies=False).document)
    monkeypatch.setattr("ops.advice.stack.planned", lambda request: awake)
    subject = Subject.of(Request(stack="dev"))
    [option] = [option for option in subject.options if option.adds]
    assert subject.keys[id(option)] == {
        "fastyle:database.night_stop.stop_cron": "0 20 * * *",
        "fastyle:database.night_stop.start_cron": "0 8 * * 1-5",
    }
    assert option.refused == ""
    asleep = priced(documents.read(plans["dev"].document), Request(stack="dev"))
    assert subject.weigher.of([option]).total == asleep.total
