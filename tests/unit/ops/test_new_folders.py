"""Folders of streams and marts that are not right: what the commands and the readers of the folders refuse, and in which words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ops.errors import OperatorError
from ops.new_mart import write_mart
from ops.new_stream import write_stream
from tests.support.checkout import REPOSITORY, contents
from workloads.events import stream as streams
from workloads.events.rules import rules_of
from workloads.events.stream import read_streams
from workloads.marts import declaration as marts
from workloads.marts.declaration import read_marts


class Kind(NamedTuple):
    """One kind of folder: where its folders lie, what writes one and reads them, and the folder that is spoilt here."""

    folders: Path
    write: Callable[[str, Path], Any]
    read: Callable[[Path], Any]
    sound: str
    needed: str

    @property
    def place(self) -> str:
        """The folders' path in a checkout."""
        return self.folders.relative_to(REPOSITORY).as_posix()


KINDS = {
    "stream": Kind(streams.FOLDER, write_stream, read_streams, "inventory", "schema.avsc"),
    "mart": Kind(marts.FOLDER, write_mart, read_marts, "margin_daily", "query.sql"),
}

NAMES: dict[str, list[tuple[str, str]]] = {
    "stream": [
        ("sales", "is there already"),
        ("Price Changes", "a lower-case word such as price_changes"),
        ("../price", "a lower-case word such as price_changes"),
        ("x" * 26, "at most 25 characters"),
        ("sales_dead_letter", "a lower-case word such as price_changes"),
        ("transactions", "path '/v1/transactions' is that of stream 'sales'"),
        ("sales-transactions", "topic 'sales-transactions' is that of stream 'sales'"),
        ("simulate", "another route of the POS API"),
        ("ab", "topic is 'ab'; it must be of at least 3 lower-case letters"),
        ("price-changes-", "a lower-case word such as price_changes"),
    ],
    "mart": [
        ("gmv_daily", "is there already"),
        ("Returns Daily", "a lower-case word such as returns_daily"),
        ("../returns", "a lower-case word such as returns_daily"),
        ("gmv_daily_live", "does not end in _live or _v1"),
        ("returns_v12", "does not end in _live or _v1"),
        ("dates", "is not a table of the pipeline's own"),
        ("publications", "is not a table of the pipeline's own"),
        ("x" * 41, "at most 40 characters"),
    ],
}
"""Names that cannot be, and what is said of each."""

_A_LIST = """"name": "parts", "doc": "d", "contract": {"min_items": 0, "max_items": 9}, "type": {"type": "array", "items": {
"type": "record", "name": "Part", "fields": [{"name": "part", "type": "string", "doc": "d", "contract": {"format": "id"}}]}}}, {
"name": "reference", "type": ["null", "string"], "default": null,"""
SPOILT: dict[str, list[tuple[str, str, str, str]]] = {
    "stream": [
        ("stream.toml", 'topic = "inventory-changes"\n', "", "topic must be given as a text in quotes"),
        ("stream.toml", "order = 2", "order = true", "order must be given as a whole number"),
        ("stream.toml", "order = 2", "order = = 2", r"inventory/stream\.toml: "),
        ("stream.toml", "freshness_hours", "freshnes_hours", "freshnes_hours is no key; keys are"),
        ("stream.toml", '"history"]', '"histroy"]', "no consumer 'histroy'; consumers are inventory, history"),
        ("stream.toml", '["inventory", "history"]', '[]\nobjective = "x"', "does not take this stream"),
        (
            "stream.toml",
            "/v1/inventory-changes",
            "/v2/x",
            "path is '/v2/x'; it must be a path such as /v1/price-changes",
        ),
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
        (
            "stream.toml",
            'consumers = ["inventory", "history"]',
            'consumers = ["inventory"]',
            "remove it, or add the consumer",
        ),
        (
            "stream.toml",
            'cluster_by = ["location_id"',
            'cluster_by = ["place_id"',
            "'place_id', which is no field of the event",
        ),
        (
            "stream.toml",
            "freshness_hours",
            'history = "sales_lines"\nfreshness_hours',
            "history 'sales_lines' is that of stream",
        ),
        ("stream.toml", "order = 2", "order = 1", "order 1 is that of stream"),
        (
            "schema.avsc",
            """"name": "reference", "type": ["null", "string"], "default": null,""",
            _A_LIST,
            "field parts has min_items 0, and a history has a row an item",
        ),
        ("schema.avsc", '"reference"', '"attributes"', "field attributes is called as a column of the raw table"),
        ("schema.avsc", '"reference"', '"outcome"', "field outcome is called as a column that the pipeline adds"),
    ],
    "mart": [
        ("mart.yaml", "grain: [business_date, category]", "grain: []", "grain: Tuple should have at least 1 item"),
        ("mart.yaml", "grain: [business_date, category]", "grain: [category]", "so the grain needs business_date"),
        ("mart.yaml", "category]", "colour]", "grain names colour, which is no column of the mart"),
        ("mart.yaml", "category]", "cogs]", "column cogs is of the grain, so it needs mode: required"),
        ("mart.yaml", "by_date", "daily", "publication: Input should be 'by_date' or 'whole'"),
        ("mart.yaml", "live: true", "alive: true", "alive: Extra inputs are not permitted"),
        ("mart.yaml", "include: discounts", "include: discount", "no shared column 'discount'"),
        ("mart.yaml", "include: discounts", "include: net_sales", "a column stands twice"),
        ("mart.yaml", "name: cogs", "name: page_size", "page_size is a parameter of every mart's path"),
        ("mart.yaml", "name: cogs", "name: order", "order is a keyword of SQL, which a query would have to quote"),
        ("mart.yaml", "name: cogs", "name: publication_id", "publication_id is added to every mart"),
        ("mart.yaml", "  - include: discounts", "  - discounts", "columns has 'discounts'; write `- include:"),
        ("mart.yaml", "type: NUMERIC", "type: FLOAT64", "columns.4.type: Input should be 'STRING', 'INT64'"),
        ("mart.yaml", "owner:", "name: other\nowner:", "name is no key: it follows from the folder"),
        ("mart.yaml", "description: Gross margin", "description: [Gross margin", r"margin_daily/mart\.yaml: "),
        ("query.sql", "${dates:l}", "TRUE", "limit query.sql by"),
        (
            "query.sql",
            "${net_sales:l}",
            "${net_sale:l}",
            r"\$\{net_sale:…\}, which is no measure of sql/bigquery/expressions",
        ),
        ("query.sql", "${source:sales_lines}", "elsewhere", "query.sql reads"),
    ],
}
"""By a folder's kind: in which file what stands in the place of what, and what is said of it."""


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Kind], Path]:
    """A checkout's folders of one kind, and no more."""

    def copy(kind: Kind) -> Path:
        ignored = shutil.ignore_patterns("__pycache__")
        return Path(shutil.copytree(kind.folders, tmp_path / kind.place, ignore=ignored))

    return copy


@pytest.mark.parametrize(("kind", "name", "words"), [(kind, *case) for kind, cases in NAMES.items() for case in cases])
def test_a_name_that_cannot_be_is_refused_and_nothing_is_left(
    copied: Callable[[Kind], Path], tmp_path: Path, kind: str, name: str, words: str
) -> None:
    folders = copied(KINDS[kind])
    before, listed = contents(folders), sorted(folders.iterdir())
    with pytest.raises(OperatorError, match=words):
        KINDS[kind].write(name, tmp_path)
    assert (contents(folders), sorted(folders.iterdir())) == (before, listed)


@pytest.mark.parametrize(
    ("kind", "file", "old", "new", "words"), [(kind, *case) for kind, cases in SPOILT.items() for case in cases]
)
def test_a_folder_that_is_not_right_says_what_to_write(
    copied: Callable[[Kind], Path], kind: str, file: str, old: str, new: str, words: str
) -> None:
    one = KINDS[kind]
    folders = copied(one)
    path = folders / one.sound / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=words) as refusal:
        one.read(folders)
    assert str(refusal.value).startswith(f"{one.place}/")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_folder_without_what_it_needs_is_named(copied: Callable[[Kind], Path], kind: Kind) -> None:
    folders = copied(kind)
    (folders / kind.sound / kind.needed).unlink()
    with pytest.raises(ValueError, match=rf"{kind.sound}/{kind.needed}: is missing"):
        kind.read(folders)


def test_rules_in_one_form_only_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the POS API refuses by a rule that the warehouse does not have would count there and nowhere else."""
    monkeypatch.delattr("workloads.events.streams.sales.rules.faults")
    with pytest.raises(ValueError, match=r"it needs check\(body, report\) for events and faults\(row\) for raw rows"):
        rules_of(streams.FOLDER / "sales")
