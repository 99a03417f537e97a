"""Exactly which resources each component registers, under which names, with which inputs.

The recorded files in `snapshots/` are the contract with existing stacks: a changed name replaces a resource, a
missing grant breaks one. After a meant change: `UPDATE_SNAPSHOTS=1 pytest components/tests/component_resources/test_children.py`,
and read the difference. What mocks cannot show (parents, protection, real checks) is tested on the engine.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pulumi
import pytest
from fastyle_components import COMPONENTS

from component_resources.examples import CASES, declared
from component_resources.recorder import Recorder

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture(scope="module", params=COMPONENTS, ids=lambda c: c.__name__)
def component(request: pytest.FixtureRequest) -> type[pulumi.ComponentResource]:
    chosen: type[pulumi.ComponentResource] = request.param
    return chosen


@pytest.fixture(scope="module")
def recorder(component: type[pulumi.ComponentResource]) -> Recorder:
    """What the component's example registers."""
    return declared(component)


def test_every_component_has_an_example() -> None:
    assert set(CASES) == set(COMPONENTS)


def test_children_are_exactly_those(component: type[pulumi.ComponentResource], recorder: Recorder) -> None:
    got = {
        key: inputs
        for key, inputs in sorted(json.loads(json.dumps(recorder.resources, default=_asset)).items())
        if not key.startswith("fastyle:")
    }
    path = SNAPSHOTS / f"{component.__name__}.json"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(json.dumps(got, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert got == json.loads(path.read_text(encoding="utf-8"))


def test_what_programs_can_read_the_engine_shows(component: type[pulumi.ComponentResource], recorder: Recorder) -> None:
    assert recorder.outputs["c"] == set(component.__annotations__)


def test_two_of_a_kind_share_no_name(recorder: Recorder) -> None:
    """Child names derive from the component's, so that a program may have several."""
    assert all(key.partition("::")[2].startswith("c") for key in recorder.resources)


def _asset(value: Any) -> str:
    assert isinstance(value, pulumi.FileAsset)
    return f"file {Path(str(value.path)).name}"
