"""A mart's folder: what it must say, what follows from it, and measures that are defined once."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ops.errors import OperatorError
from ops.new_mart import write_mart
from tests.support.checkout import contents
from workloads.marts import MARTS, read_marts
from workloads.marts.columns import SQL
from workloads.marts.declaration import FOLDER
from workloads.pipeline.checks import checks
from workloads.pipeline.expressions import expression, expressions
from workloads.pipeline.tables import tables
from workloads.pipeline.tasks import TASKS
from workloads.reference.marts import PAGE, render


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make documents`"


def test_each_mart_has_its_tables_views_task_and_checks() -> None:
    found, tasks = tables(), {task.name: task for task in TASKS}
    for mart in MARTS.values():
        build, table, view = (
            found[key] for key in (f"staging.{mart.build}", f"marts.{mart.table}", f"marts.{mart.name}")
        )
        assert (build.kind, table.kind, view.kind) == ("scratch", "table", "view")
        names = [column.name for column in mart.columns]
        assert [column["name"] for column in build.columns] == [column["name"] for column in view.columns] == names
        assert [column["name"] for column in table.columns] == [*names, "publication_id"]
        assert table.require_partition_filter == bool(table.partition_by) == mart.by_date
        assert (f"marts.{mart.name}_live" in found) == mart.live
        assert tasks[mart.build].writes == (f"staging.{mart.build}",)
        assert tasks[mart.build].reads
        assert f"staging.{mart.build}" in tasks["check_quality"].reads
        assert f"staging.{mart.build}" in tasks["publish_marts"].reads
        assert f"marts.{mart.table}" in tasks["publish_marts"].writes
        assert (f"cloudsql.{mart.report}" in tasks["publish_read_model"].writes) == mart.read_model
        assert f"{mart.name}.unique" in checks()


def test_what_is_published_is_what_was_built_and_checked() -> None:
    """Neither publication computes anything: both copy the rows that stood before the checks."""
    publications = {task.name: task for task in TASKS if task.name.startswith("publish_")}
    assert {name.partition(".")[0] for name in publications["publish_read_model"].reads} == {"marts"}
    computed = {"staging.sales_lines", "staging.inventory_changes", "staging.first_purchase", "staging.products"}
    assert not computed & {*publications["publish_marts"].reads}


def test_a_measure_is_written_in_one_place() -> None:
    """No query has the words of an expression in it: it names the expression."""
    texts = {path: path.read_text(encoding="utf-8") for path in SQL.glob("*/*/*.sql")}
    for name in expressions():
        words = _words(expression(name, ", ".join("xy"[: len(expressions()[name]["of"])])))
        assert [path for path, text in texts.items() if words in _words(text)] == [], name
    python = [path.read_text(encoding="utf-8") for path in (SQL.parents[1] / "workloads").rglob("*.py")]
    assert not [text for text in python if "'guest'" in text]


def _words(text: str) -> str:
    """SQL without its white space and the names of its rows."""
    return re.sub(r"\b\w+\.|\s", "", text)


def test_an_expression_of_other_rows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"customer_type is of line, first"):
        expression("customer_type", "l")


# --- mistakes ---


@pytest.fixture
def marts(tmp_path: Path) -> Path:
    """A checkout's marts and no more."""
    folder = tmp_path / "sql" / "bigquery" / "marts"
    shutil.copytree(FOLDER, folder)
    return folder


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gmv_daily", "is there already"),
        ("Returns Daily", "a lower-case word such as returns_daily"),
        ("../returns", "a lower-case word such as returns_daily"),
        ("gmv_daily_live", "does not end in _live or _v1"),
        ("returns_v12", "does not end in _live or _v1"),
        ("dates", "is not a table of the pipeline's own"),
        ("publications", "is not a table of the pipeline's own"),
        ("x" * 41, "at most 40 characters"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_left(marts: Path, name: str, words: str) -> None:
    before = contents(marts)
    with pytest.raises(OperatorError, match=words):
        write_mart(name, marts.parents[2])
    assert contents(marts) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("mart.yaml", "grain: [business_date, category]", "grain: []", "grain: Tuple should have at least 1 item"),
        ("mart.yaml", "grain: [business_date, category]", "grain: [category]", "so the grain needs business_date"),
        ("mart.yaml", "category]", "colour]", "grain names colour, which is no column of the mart"),
        ("mart.yaml", "category]", "cogs]", "column cogs is of the grain, so it needs mode: required"),
        ("mart.yaml", "by_date", "daily", "publication: Input should be 'by_date' or 'whole'"),
        ("mart.yaml", "live: true", "alive: true", "alive: Extra inputs are not permitted"),
        ("mart.yaml", "include: discounts", "include: discount", "no shared column 'discount'"),
        ("mart.yaml", "include: discounts", "include: net_sales", "a column stands twice"),
        ("mart.yaml", "name: cogs", "name: page_size", "page_size is a parameter of every mart's path"),
        ("mart.yaml", "name: cogs", "name: publication_id", "publication_id is added to every mart"),
        ("mart.yaml", "  - include: discounts", "  - discounts", "columns has 'discounts'; write `- include:"),
        ("mart.yaml", "type: NUMERIC", "type: FLOAT64", "columns.4.type: Input should be 'STRING', 'INT64'"),
        ("mart.yaml", "owner:", "name: other\nowner:", "name is no key: it follows from the folder"),
        ("mart.yaml", "description: Gross margin", "description: [Gross margin", r"margin_daily/mart\.yaml: "),
        ("query.sql", "${dates:l}", "TRUE", "limit query.sql by"),
        ("query.sql", "${source:sales_lines}", "elsewhere", "query.sql reads"),
    ],
)
def test_a_folder_that_is_not_right_says_what_to_write(marts: Path, file: str, old: str, new: str, words: str) -> None:
    path = marts / "margin_daily" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=words) as refusal:
        read_marts(marts)
    assert str(refusal.value).startswith("sql/bigquery/marts/margin_daily/")


def test_a_folder_without_its_query_is_named(marts: Path) -> None:
    (marts / "margin_daily" / "query.sql").unlink()
    with pytest.raises(ValueError, match=r"margin_daily/query\.sql: is missing"):
        read_marts(marts)


def test_a_second_version_has_tables_of_its_own_under_the_same_view(marts: Path) -> None:
    path = marts / "margin_daily" / "mart.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "version: 2\n", encoding="utf-8")
    mart = read_marts(marts)["margin_daily"]
    assert (mart.table, mart.build, mart.report) == (
        "margin_daily_v2",
        "build_margin_daily_v2",
        "report_margin_daily_v2",
    )
    assert mart.views == ("margin_daily", "margin_daily_live")
