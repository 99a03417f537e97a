"""Each folder under `sql/bigquery` says what it is: grain, owner, every column in words, checks or why it has none.

A mart's folder is checked when it is read (tests/unit/sql/test_marts.py); here are those that are one table each.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.googlesql import schemas
from workloads.events import STREAMS
from workloads.marts import MARTS
from workloads.marts.columns import SQL, included
from workloads.pipeline import stream_tables
from workloads.pipeline.checks import _of, checks
from workloads.pipeline.tables import KINDS, tables

FOLDERS = sorted(path.parent for path in SQL.glob("*/*/table.yaml") if path.parent.parent != stream_tables.FOLDER)
OF_STREAMS = sorted(path.parent for path in stream_tables.FOLDER.glob("*/table.yaml"))
KEYS = {"description", "grain", "owner", "kind", "columns", "partition_by", "cluster_by", "require_partition_filter"}
TYPES = {"STRING", "INT64", "NUMERIC", "DATE", "TIMESTAMP", "BOOL", "RECORD", "STRUCT"}


def faults(declared: dict[str, Any], folder: Path, has_query: bool, has_checks: bool) -> list[str]:
    """What is missing or meaningless in a declaration."""
    messages = [f"unknown key {key}" for key in declared.keys() - KEYS - {"unchecked"}]
    messages += [
        f"no {key}" for key in ("description", "grain", "owner", "kind") if not str(declared.get(key) or "").strip()
    ]
    kind, columns = declared.get("kind"), included(declared.get("columns") or [])
    if kind not in KINDS:
        messages.append(f"kind {kind}")
    if not str(declared.get("grain", "")).startswith("one row a"):
        messages.append("a grain reads `one row a …`")
    if not columns:
        messages.append("no columns")
    messages += _column_faults(columns)
    names = [column.get("name") for column in columns]
    for key in ("partition_by", "cluster_by"):
        wanted = declared.get(key) or []
        messages += [
            f"{key} {name}: no such column"
            for name in ([wanted] if isinstance(wanted, str) else wanted)
            if name not in names
        ]
    if len(set(names)) != len(names):
        messages.append("a column stands twice")
    if kind == "view" and not has_query:
        messages.append("a view has a query")
    if kind == "table" and has_checks == bool(declared.get("unchecked")):
        messages.append("a kept table has checks, or says in `unchecked` why not")
    return [f"{folder.parent.name}/{folder.name}: {fault}" for fault in messages]


def _column_faults(columns: list[dict[str, Any]]) -> list[str]:
    messages = []
    for column in columns:
        name = column.get("name")
        messages += [
            f"column {name}: unknown key {k}" for k in column.keys() - {"name", "type", "mode", "description", "fields"}
        ]
        if not str(column.get("description") or "").strip():
            messages.append(f"column {name} has no description")
        elif str(column["description"]).strip()[-1] not in ".`":
            messages.append(f"column {name}: its description is no sentence")
        if column.get("type") not in TYPES:
            messages.append(f"column {name}: type {column.get('type')}")
        if column.get("mode", "nullable") not in ("nullable", "required", "repeated"):
            messages.append(f"column {name}: mode {column['mode']}")
        messages += _column_faults(column.get("fields") or [])
    return messages


def of(folder: Path) -> list[str]:
    declared = yaml.safe_load((folder / "table.yaml").read_text(encoding="utf-8"))
    return faults(declared, folder, (folder / "query.sql").exists(), (folder / "checks.sql").exists())


def test_every_table_says_what_it_is() -> None:
    assert [fault for folder in FOLDERS for fault in of(folder)] == []
    of_marts = {key for mart in MARTS.values() for key in (f"staging.{mart.build}", f"marts.{mart.table}")}
    views = {f"marts.{view}" for mart in MARTS.values() for view in mart.views}
    alone = {f"{path.parent.name}.{path.name}" for path in FOLDERS}
    of_streams = {f"staging.{table['name']}" for table in each_stream_s()}
    assert alone | of_marts | views | of_streams == {t.key for t in tables().values() if t.kind != "raw"}
    assert not alone & (of_marts | views | of_streams)
    assert len(FOLDERS) > 20


@pytest.mark.parametrize("history", ["stock", "products", "build_gmv_daily", "inventory_changes"])
def test_a_stream_whose_history_is_another_table_is_refused(monkeypatch: pytest.MonkeyPatch, history: str) -> None:
    """Of two tables of one name one would be made, and both written."""
    visits = dataclasses.replace(STREAMS["sales"], key="visits", table="visits", history=history)
    monkeypatch.setitem(stream_tables.LOADED, "visits", visits)
    with pytest.raises(
        ValueError, match=rf"streams/visits wants table staging\.{history}, which .*; choose another name"
    ):
        tables.__wrapped__()


def each_stream_s() -> list[dict[str, Any]]:
    """The declarations of `sql/bigquery/streams`, as each stream of a history has them."""
    return [
        yaml.safe_load(stream_tables.filled((folder / "table.yaml").read_text(encoding="utf-8"), stream))
        for stream in stream_tables.LOADED.values()
        for folder in OF_STREAMS
    ]


def test_every_table_of_a_stream_says_what_it_is() -> None:
    assert len(OF_STREAMS) == 5
    for table in each_stream_s():
        made = tables()[f"staging.{table.pop('name')}"]
        declared = {**table, "columns": list(made.columns)}
        assert faults(declared, SQL / made.dataset / made.name, bool(made.query), bool(made.checks)) == []


def test_every_stream_has_its_raw_table_with_the_promised_freshness() -> None:
    raw = {table.key: table for table in tables().values() if table.kind == "raw"}
    assert raw.keys() == {f"raw.{stream.table}" for stream in STREAMS.values()}
    for stream in STREAMS.values():
        promised = f"The newest raw row is at most {stream.freshness_hours} hours old."
        fresh = checks().get(f"{stream.table}.freshness")
        assert (fresh and fresh.description) == (promised if stream.freshness_hours else None)


def test_every_raw_column_says_what_it_is() -> None:
    for key, columns in schemas().items():
        if key.startswith("raw."):
            for column in [*columns, *(inner for outer in columns for inner in outer.get("fields", ()))]:
                assert column["description"].strip(), (key, column["name"])


def test_a_folder_holds_nothing_else() -> None:
    assert {path.name for path in stream_tables.FOLDER.iterdir() if path.is_file()} == {"README.md"}
    names = {"table.yaml", "mart.yaml", "query.sql", "each.sql", "checks.sql"}
    assert {path.name for path in SQL.glob("*/*/*")} == names
    marts = {SQL / "marts" / name for name in MARTS}
    assert {path.parent for path in SQL.glob("*/*/*")} == {*FOLDERS, *OF_STREAMS, *marts}
    assert not [path for path in FOLDERS if (path / "mart.yaml").exists()]


def test_a_check_s_name_starts_with_its_table_s() -> None:
    """`/v1/quality` lists checks by name: whoever reads one finds its folder."""
    for check in checks().values():
        prefix = re.sub(r"_v\d+$", "", check.table.partition(".")[2])
        assert check.name.startswith(f"{prefix}."), check
        assert check.description.endswith("."), check
    assert {check.table for check in checks().values()} == {table.key for table in tables().values() if table.checks}


def test_a_check_says_on_which_dates_it_can_look_again() -> None:
    """A fault ends when a run has looked at its day: a check whose query is limited to dates names one for each case."""
    scopes = {check.scope for check in checks().values()}
    assert scopes == {*stream_tables.LOADED, "built", None}
    for check in checks().values():
        limited = "_dates}" in check.sql or "build_dates" in check.sql
        assert limited <= (check.scope is not None and "business_date AS day" in check.sql), check


@pytest.mark.parametrize(
    "text", ["SELECT 1", "-- check: a.b\n-- severity: bad\n-- description: x.\nSELECT 1", "\n-- check: a"]
)
def test_checks_without_their_head_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="begins with the head of a check"):
        _of("staging.stock", text)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"grain": None}, "no grain"),
        ({"grain": "rows"}, "one row a"),
        ({"owner": ""}, "no owner"),
        ({"owners": "me"}, "unknown key owners"),
        ({"kind": "cube"}, "kind cube"),
        ({"columns": [{"name": "a", "type": "STRING"}]}, "column a has no description"),
        ({"columns": [{"name": "a", "type": "TEXT", "description": "A."}]}, "type TEXT"),
        ({"partition_by": "nothing"}, "partition_by nothing: no such column"),
        ({"cluster_by": ["nothing"]}, "cluster_by nothing: no such column"),
        ({"unchecked": "why not"}, "a kept table has checks, or says"),
    ],
)
def test_a_declaration_that_lacks_something_is_found(change: dict[str, Any], word: str) -> None:
    folder = SQL / "staging" / "stock"
    sound = yaml.safe_load((folder / "table.yaml").read_text(encoding="utf-8"))
    assert faults(sound, folder, has_query=True, has_checks=True) == []
    assert any(word in fault for fault in faults(sound | change, folder, has_query=True, has_checks=True))
