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

from component_resources.examples import CASES, example
from component_resources.recorder import declare

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "shop.tar.gz"
    path.write_bytes(b"archive")
    return path


def test_every_component_has_an_example() -> None:
    assert set(CASES) == set(COMPONENTS)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.__name__)
def test_children_are_exactly_those(component: type[pulumi.ComponentResource], archive: Path) -> None:
    recorder = declare(example(component, archive))
    got = {
        key: inputs
        for key, inputs in sorted(json.loads(json.dumps(recorder.resources, default=_asset)).items())
        if not key.startswith("fastyle:")
    }
    path = SNAPSHOTS / f"{component.__name__}.json"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text(json.dumps(got, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert got == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.__name__)
def test_what_programs_can_read_the_engine_shows(component: type[pulumi.ComponentResource], archive: Path) -> None:
    assert declare(example(component, archive)).outputs["c"] == set(component.__annotations__)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.__name__)
def test_two_of_a_kind_share_no_name(component: type[pulumi.ComponentResource], archive: Path) -> None:
    """Child names derive from the component's, so that a program may have several."""
    recorder = declare(example(component, archive))
    assert all(key.partition("::")[2].startswith("c") for key in recorder.resources)


def _asset(value: Any) -> str:
    assert isinstance(value, pulumi.FileAsset)
    return f"file {Path(str(value.path)).name}"
