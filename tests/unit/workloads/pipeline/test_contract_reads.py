"""What judging raw rows by the contract reads: each new row, and each array of it, once."""

from __future__ import annotations

import pytest

from workloads.events import STREAMS
from workloads.pipeline.contract import broken
from workloads.pipeline.stream_tables import LOADED
from workloads.pipeline.tables import tables


@pytest.mark.parametrize("table", ["candidate", "live_new"])
@pytest.mark.parametrize("stream", LOADED)
def test_rows_that_a_run_has_examined_are_not_judged_again(stream: str, table: str) -> None:
    query = tables()[f"staging.{table}_{stream}"].query or ""
    examined = query.index("AND seen.event_id")
    assert query.index("${broken:") > examined


def test_the_lines_of_a_sale_are_read_by_neighbouring_rules_together() -> None:
    """Those of the fields, and after the rules of time those of the lines as a whole: three of the stream's own, and that of
    the reserved SKU."""
    rules = broken("sales", "r", "USD")
    lines = STREAMS["sales"].items
    assert lines
    assert rules.count("lines[].") == len(lines["type"]["items"]["fields"]) + 4
    assert rules.count("FROM UNNEST(r.lines)") == 2
