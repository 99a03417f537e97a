"""What each component tells the engine besides inputs: whose child a resource is, what it waits for, what it ignores.

A resource without its parent escapes the component's options and its place in the destroy order; one that does not
wait for its grant comes up and is refused. `UPDATE_SNAPSHOTS=1` after a meant change, and read the difference.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pulumi
import pytest
from fastyle_components import COMPONENTS, OperationalDatabase, Schedule

from tests.support.component_cases import example
from tests.support.components import PROJECT, declare
from tests.support.configuration import configuration
from tests.support.program import composed

SNAPSHOTS = Path(__file__).parent / "snapshots" / "options"


def compared(name: str, got: dict[str, Any]) -> None:
    path = SNAPSHOTS / f"{name}.json"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        lines = (f" {json.dumps(key)}: {json.dumps(options)}" for key, options in sorted(got.items()))
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    assert got == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.__name__)
def test_options_are_exactly_those(component: type[pulumi.ComponentResource], tmp_path: Path) -> None:
    archive = tmp_path / "shop.tar.gz"
    archive.write_bytes(b"archive")
    recorder = declare(example(component, archive))
    assert [
        key for key, options in recorder.options.items() if key.startswith("gcp:") and "parent" not in options
    ] == []
    compared(component.__name__, recorder.options)


@pytest.mark.parametrize(
    ("component", "changes", "job", "ignored"),
    [
        (Schedule, {"paused_elsewhere": True}, "c-job", ["paused"]),
        (Schedule, {"paused_elsewhere": True, "paused": True}, "c-job", []),  # what is asked for is asked for
        (Schedule, {}, "c-job", []),
        (OperationalDatabase, {"stopped_elsewhere": True}, "c-stop-job", ["paused"]),
        (OperationalDatabase, {}, "c-stop-job", []),
    ],
)
def test_a_job_that_somebody_else_pauses_is_left_paused(
    component: type[pulumi.ComponentResource], changes: dict[str, Any], job: str, ignored: list[str], tmp_path: Path
) -> None:
    options = declare(example(component, tmp_path, **changes)).options
    assert options[f"gcp:cloudscheduler/job:Job::{job}"].get("ignores", []) == ignored


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_program_s_order_is_exactly_that(stack: str) -> None:
    """Which components the program makes, with which provider, and what each awaits."""

    recorded = composed({**configuration(stack), "gcp:project": PROJECT}).options
    options = {key: dict(given) for key, given in recorded.items() if key.startswith("fastyle:")}
    every = {key.partition("::")[2] for key in recorded if key.partition("::")[2].startswith("services-")}
    whole = {key.partition("::")[2] for key in recorded if key.startswith(("gcp:", "pulumi:providers:"))}
    for given in options.values():  # nearly all await every service, however many those are
        if whole == set(given.get("after", [])):
            given["after"] = ["every resource"]
        elif every <= set(given.get("after", [])):
            given["after"] = [*(name for name in given["after"] if name not in every), "every service"]
    compared(stack, options)
