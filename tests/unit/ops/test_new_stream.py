"""A third stream, added to a copy of this checkout by `fastyle new stream` alone: no file is edited by hand."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.errors import OperatorError
from ops.new import write_stream
from tests.support.checkout import contents
from tests.unit.conftest import STREAM as KEY
from tests.unit.conftest import TOPIC, Extended
from workloads.events import STREAMS
from workloads.events.rules import rules_of
from workloads.events.stream import FOLDER, read_streams

pytestmark = pytest.mark.slow


@pytest.fixture
def third(extended: Extended) -> dict[str, Any]:
    """What the copy makes of its third stream, and the files that the command wrote."""
    return extended.stream


def test_the_command_writes_a_folder_and_the_events_page_and_nothing_else(third: dict[str, Any]) -> None:
    folder = f"workloads/events/streams/{KEY}"
    assert third["written"] == ["docs/events.md", f"{folder}/schema.avsc", f"{folder}/stream.toml"]
    assert third["streams"] == [*STREAMS, KEY]


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
    assert third["checks"] == ["price_changes.freshness"]
    assert third["read_by"] == ["check_quality"]
    assert third["replayed"] == {"rows": [True], "events": 0, "refused": {}}
    assert third["pushed"] == ["sales", "inventory"]


# --- mistakes ---


@pytest.fixture
def streams(tmp_path: Path) -> Path:
    """A checkout's streams and no more."""
    folder = tmp_path / "workloads" / "events" / "streams"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sales", "is there already"),
        ("Price Changes", "a lower-case word such as price_changes"),
        ("../price", "a lower-case word such as price_changes"),
        ("x" * 26, "at most 25 characters"),
        ("sales_dead_letter", "a lower-case word such as price_changes"),
        ("transactions", "path '/v1/transactions' is that of stream 'sales'"),
        ("sales-transactions", "topic 'sales-transactions' is that of stream 'sales'"),
        ("simulate", "another route of the POS API"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_left(streams: Path, name: str, words: str) -> None:
    repository, before = streams.parents[2], contents(streams)
    with pytest.raises(OperatorError, match=words):
        write_stream(name, repository)
    assert contents(streams) == before
    assert {path.name for path in streams.iterdir() if path.is_dir()} == set(STREAMS)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("stream.toml", 'topic = "inventory-changes"\n', "", "topic must be given as str"),
        ("stream.toml", "order = 2", "order = true", "order must be given as int"),
        ("stream.toml", "order = 2", "order = = 2", r"inventory/stream\.toml: "),
        ("stream.toml", "freshness_hours", "freshnes_hours", "freshnes_hours is no key; keys are"),
        ("stream.toml", '"history"]', '"histroy"]', "no consumer 'histroy'; consumers are inventory, history"),
        ("stream.toml", '["inventory", "history"]', '[]\nobjective = "x"', "does not take this stream"),
        ("stream.toml", "/v1/inventory-changes", "/v2/x", "path '/v2/x' is not of the form"),
        ("stream.toml", '"inventory_changes"', '"sales_transactions"', "table 'sales_transactions' is that of stream"),
        (
            "schema.avsc",
            '"format": "uuid"',
            '"format": "guid"',
            "field event_id needs a contract with a format of uuid",
        ),
        ("schema.avsc", '"location_id"', '"place_id"', "an event has a field location_id of format id"),
        ("schema.avsc", '"InventoryChange"', '"SalesTransaction"', "record 'SalesTransaction' is that of stream"),
        ("schema.avsc", '"type": "record"', '"type": "enum"', "must be an Avro record"),
        ("schema.avsc", '"type": "record",', '"type": "record"', r"inventory/schema\.avsc: "),
    ],
)
def test_a_folder_that_is_not_right_says_what_to_write(
    streams: Path, file: str, old: str, new: str, words: str
) -> None:
    path = streams / "inventory" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=words) as refusal:
        read_streams(streams)
    assert str(refusal.value).startswith("workloads/events/streams/")


def test_a_folder_without_its_schema_is_named(streams: Path) -> None:
    (streams / "inventory" / "schema.avsc").unlink()
    with pytest.raises(ValueError, match=r"inventory/schema\.avsc: is missing"):
        read_streams(streams)


def test_rules_in_one_form_only_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the POS API refuses by a rule that the warehouse does not have would count there and nowhere else."""
    monkeypatch.delattr("workloads.events.streams.sales.rules.faults")
    with pytest.raises(ValueError, match=r"it needs check\(body, report\) for events and faults\(row\) for raw rows"):
        rules_of(FOLDER / "sales")
