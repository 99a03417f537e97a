"""What each component tells the engine besides inputs: whose child a resource is, what it waits for, what it ignores.

A resource without its parent escapes the component's options and its place in the destroy order; one that does not
wait for its grant comes up and is refused. `UPDATE_SNAPSHOTS=1` after a meant change, and read the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest
from fastyle_components import COMPONENTS, OperationalDatabase, Schedule

from component_resources.examples import declared, example
from component_resources.recorder import declare, hold_options

SNAPSHOTS = Path(__file__).parent / "snapshots" / "options"


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.__name__)
def test_options_are_exactly_those(component: type[pulumi.ComponentResource]) -> None:
    recorder = declared(component)
    assert [
        key for key, options in recorder.options.items() if key.startswith("gcp:") and "parent" not in options
    ] == []
    hold_options(SNAPSHOTS / f"{component.__name__}.json", recorder.options)


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
