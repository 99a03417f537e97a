"""One analyser for all statements, and the jobs they are taken from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.googlesql import Analyser, Statement, schemas
from tests.support.jobs import Recorded, record
from tests.support.pruning import Pruning
from workloads.events import STREAMS
from workloads.pipeline.tables import tables


@pytest.fixture(scope="session")
def analyser() -> Iterator[Analyser]:
    started = Analyser(schemas())
    yield started
    started.close()


@pytest.fixture(scope="session")
def recorded() -> Recorded:
    return record()


@pytest.fixture(scope="session")
def statements(analyser: Analyser, recorded: Recorded) -> list[Statement]:
    """Each different statement of the recorded jobs."""
    by_text = {s.sql: s for sql in dict.fromkeys(job.sql for job in recorded.jobs) for s in analyser.analyse(sql)}
    return list(by_text.values())


@pytest.fixture(scope="session")
def pruning(statements: list[Statement]) -> Pruning:
    """The proof over the project's tables: Pulumi partitions the raw ones by publish time."""
    raw = {f"raw.{stream.table}": "publish_time" for stream in STREAMS.values()}
    partitioned = raw | {table.key: table.partition_by for table in tables().values() if table.partition_by}
    views = [s.tree for s in statements if s.tree and s.tree["_"] == "ResolvedCreateViewStmt"]
    return Pruning(partitioned, {view_name(view): view for view in views})


def view_name(tree: dict[str, Any]) -> str:
    """`dataset.view` of a CREATE VIEW."""
    return ".".join(part.strip("[]'") for part in tree["name_path"].split(", "))
