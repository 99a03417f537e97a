"""The three stacks, planned once on the real engine for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.plans import STACKS, Plan, Project, provider


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Plan]]:
    folders = {stack: tmp_path_factory.mktemp(stack) for stack in STACKS}
    with provider() as port, ThreadPoolExecutor(2) as two:

        def plan(stack: str) -> Plan:
            project = Project(folders[stack], port)
            project.configure(stack, like=stack)
            return project.preview(stack)

        yield dict(zip(STACKS, two.map(plan, STACKS), strict=True))
