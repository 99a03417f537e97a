"""Who may do what on what, in each stack: one line a grant, to be read by whoever reviews a change.

`snapshots/grants-<stack>.txt` is complete. After a meant change: `UPDATE_SNAPSHOTS=1`, and read the difference. A stack of
`fastyle stack new` has the grants of the one that it was made after; an empty file of its name holds it to them as well.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from component_resources.recorder import PROJECT
from ops.folders import LOCAL
from ops.stacks import own_projects, stack_names
from tests.support.configuration import configuration
from tests.support.program import composed

SNAPSHOTS = Path(__file__).parent / "snapshots"
STACKS = sorted(path.stem.removeprefix("grants-") for path in SNAPSHOTS.glob("grants-*.txt"))
ON = ("topic", "subscription", "tableId", "bucket", "secretId", "repository", "cloudRunServiceName", "serviceAccountId")


def line(key: str, inputs: dict[str, Any]) -> str | None:
    """`<role> on <what> to <whom>`, or None where the resource is no grant."""
    whom = inputs.get("member") or inputs.get("userByEmail") or inputs.get("groupByEmail")
    if "role" not in inputs or whom is None:
        return None
    kind = key.partition("::")[0].rpartition("/")[2].rpartition(":")[2]
    what = next((inputs[name] for name in ON if name in inputs), None) or inputs.get("datasetId") or inputs.get("name")
    thing = kind.replace("IAMMember", "").replace("IamMember", "") or ("Table" if "tableId" in inputs else "Project")
    where = f" where {inputs['condition']['title']}" if "condition" in inputs else ""
    return f"{inputs['role']} on {thing} {what or ''}".rstrip() + f"{where} to {whom}"


def test_every_stack_with_a_project_of_its_own_is_held_to_its_grants() -> None:
    assert {*own_projects(), LOCAL} <= {*STACKS} <= {*stack_names()}


@pytest.mark.parametrize("stack", STACKS)
def test_the_grants_are_exactly_those(stack: str) -> None:
    project = configuration(stack)["gcp:project"]
    lines = (line(key, inputs) for key, inputs in composed(stack).resources.items())
    grants = sorted(grant.replace(project, PROJECT) for grant in lines if grant is not None)
    path = SNAPSHOTS / f"grants-{stack}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.write_text("\n".join(grants) + "\n", encoding="utf-8")
    kept = path.read_text(encoding="utf-8").splitlines()
    assert grants == kept, "after a meant change run this with UPDATE_SNAPSHOTS=1"
    assert len(set(grants)) == len(grants), "one grant twice: taking one away would take the other's right"
