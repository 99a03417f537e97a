"""A third stream with a history, added to a copy of this checkout by `fastyle new stream` alone: no file is edited by hand."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.conftest import STREAM as KEY
from tests.unit.conftest import TOPIC, Extended
from workloads.events import STREAMS

pytestmark = pytest.mark.slow


@pytest.fixture
def third(extended: Extended) -> dict[str, Any]:
    """What the copy makes of its third stream, and the files that the command wrote."""
    return extended.stream


def test_the_command_writes_a_folder_and_the_events_page_and_nothing_else(third: dict[str, Any]) -> None:
    folder = f"workloads/events/streams/{KEY}"
    assert third["written"] == ["docs/events.md", f"{folder}/schema.avsc", f"{folder}/stream.toml"]
    assert third["streams"] == [*STREAMS, KEY]


def test_the_tests_of_what_each_stream_has_hold(third: dict[str, Any]) -> None:
    """They count by the folders: whoever adds one mends none of them."""
    assert re.search(r"^[1-9][0-9]+ passed, [0-9]+ deselected in ", third["held"], re.MULTILINE), third["held"][-3000:]


def test_prod_is_planned_with_it_and_no_policy_objects(third: dict[str, Any]) -> None:
    plan = third["planned"]
    assert plan["objections"] == []
    assert Decimal(plan["used"][f"{KEY}-topic"]) > 0, (
        "a stream without lines of its own in a usage file costs something"
    )
    assert Decimal(plan["used"][f"warehouse-raw-{KEY}"]) > 0
    made = set(plan["resources"].values())
    assert {
        TOPIC,
        f"{TOPIC}-dead-letter",
        f"{TOPIC}-dead-letter-hold",
        f"{TOPIC}-to-bigquery",
        f"{TOPIC}-to-lake",
    } <= made
    assert "price_changes" in made
    assert f"{TOPIC}-to-inventory" not in made, "nothing takes its pushes"


def test_alerts_of_the_first_two_streams_stay_and_the_third_s_join(third: dict[str, Any]) -> None:
    conditions = third["planned"]["conditions"]
    assert conditions["monitoring-backlog"] == [
        f"{topic}-to-{consumer} is behind"
        for consumer in ("inventory", "bigquery", "lake")
        for topic in ("sales-transactions", "inventory-changes")
    ]
    assert conditions["monitoring-backlog-2"] == [f"{TOPIC}-to-bigquery is behind", f"{TOPIC}-to-lake is behind"]
    assert conditions["monitoring-dead-letters"][-1] == f"{TOPIC}-dead-letter-hold is not empty"
    assert max(map(len, conditions.values())) <= 6


def test_the_pos_api_accepts_its_events_by_formats_and_bounds_of_its_schema(third: dict[str, Any]) -> None:
    accepted = third["accepted"]
    (good, body), (bad, empty), (foreign, unknown) = accepted["answers"]
    assert (good, body) == (202, {"accepted": 1, "rejected": []})
    assert accepted["published"] == [[f"projects/p/topics/{TOPIC}", accepted["sent"] | {"reference": None}]]
    assert bad in (400, 403)
    assert empty["rejected"][0]["field"] == "location_id"
    assert (foreign, unknown["rejected"][0]["field"]) == (400, "colour")


def test_its_raw_table_goes_through_quality_and_replay_and_not_through_inventory(third: dict[str, Any]) -> None:
    assert third["raw"] == "raw"
    assert third["checks"] == [f"{KEY}.freshness"]
    assert third["read_by"] == ["find_new_events", "check_quality"]
    assert third["replayed"] == {"rows": [True], "events": 0, "refused": {}}
    assert third["pushed"] == ["sales", "inventory"]


def test_the_pipeline_loads_it_into_a_history_of_its_own(third: dict[str, Any]) -> None:
    assert third["tables"] == {
        f"staging.candidate_{KEY}": "scratch",
        f"staging.new_{KEY}": "scratch",
        f"staging.live_new_{KEY}": "view",
        f"staging.{KEY}": "table",
        f"staging.live_{KEY}": "view",
    }
    assert third["written_by"] == {
        f"staging.candidate_{KEY}": ["find_new_events"],
        f"staging.new_{KEY}": ["find_new_events"],
        f"staging.{KEY}": ["load_events"],
    }
    names = ("unique", "location_known", "event_time", "dated_long_ago")
    assert third["history_checks"] == [f"{KEY}.{name}" for name in names], "its events name no SKU"


def test_every_statement_over_its_tables_is_right_and_prunes_its_partitions(third: dict[str, Any]) -> None:
    proven = third["proven"]
    assert proven["wrong"] == []
    assert proven["statements"] >= 15
    assert proven["reads"] >= 10
    assert proven["whole"] == []
