"""An optional field of an event that a mart shows, in a copy of this checkout: three files are edited by hand, and two of them
are the mart."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.conftest import MART, Extended

pytestmark = pytest.mark.slow


@pytest.fixture
def field(extended: Extended) -> dict[str, Any]:
    """What the copy makes of the field, and the files that were edited."""
    return extended.field


def test_the_schema_is_the_only_file_beside_the_mart_s(field: dict[str, Any]) -> None:
    mart = f"sql/bigquery/marts/{MART}"
    assert field["edited"] == [f"{mart}/mart.yaml", f"{mart}/query.sql", "workloads/events/streams/sales/schema.avsc"]


def test_the_pos_api_and_the_topic_take_it(field: dict[str, Any]) -> None:
    assert field["accepted"][0] == field["carried"][0] == "1.25"
    assert set(field["accepted"][1:]) <= {None}
    assert field["described"]


def test_it_is_in_the_raw_table_the_history_and_the_live_view(field: dict[str, Any]) -> None:
    assert field["raw"] == "NULLABLE"
    assert field["items"] == [f"staging.{table}_sales" for table in ("candidate", "live_new", "new")]
    assert field["columns"] == ["staging.live_sales_lines", "staging.sales_lines"]
    assert field["identity"], "two events that differ in it alone are a conflict"


def test_the_mart_shows_it(field: dict[str, Any], extended: Extended) -> None:
    assert extended.mart["columns"][-2:] == ["tax", "publication_id"]
    assert f"marts.{MART}_live" in extended.mart["tables"]
    proven = field["proven"]
    assert (proven["wrong"], proven["whole"]) == ([], [])
    assert proven["statements"] >= 8
