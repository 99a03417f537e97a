"""What the program composes is what each stack's inventory says, as Pulumi's mocks record it.

The engine's own word on the same is in tests/plans; this one takes a second a stack, and so can judge mutants too.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.support.components import PROJECT, Recorder, declare
from tests.support.configuration import configuration
from tests.support.inventory import differences, inventory
from tests.support.program import program

STACKS = ("local", "dev", "prod")


@pytest.fixture(scope="module", params=STACKS)
def composed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Recorder]:
    return request.param, declare(program(request.param, tmp_path_factory.mktemp("archives")))


def test_counts_are_exactly_those_of_the_inventory(composed: tuple[str, Recorder]) -> None:
    stack, recorder = composed
    counts = Counter(key.partition("::")[0] for key in recorder.resources)
    del counts["gcp:storage/bucketObject:BucketObject"]  # as many as there are files to deliver
    expected = inventory(stack)["counts"]
    del expected["pulumi:pulumi:Stack"]
    assert counts == expected


def test_values_are_those_of_the_inventory(composed: tuple[str, Recorder]) -> None:
    stack, recorder = composed
    project = configuration(stack)["gcp:project"]
    planned = json.loads(json.dumps(recorder.resources, default=str).replace(PROJECT, project))
    assert [
        difference
        for key, expected in inventory(stack)["values"].items()
        for difference in differences(expected, planned.get(key, "nothing of that name"), key)
    ] == []
