"""A mart's folder: what it must say, what follows from it, and measures that are defined once."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from workloads.marts import MARTS, read_marts
from workloads.marts.columns import SQL
from workloads.marts.declaration import FOLDER
from workloads.marts.expressions import expression, expressions
from workloads.pipeline.checks import checks
from workloads.pipeline.tables import tables
from workloads.pipeline.tasks import TASKS
from workloads.reference.marts import PAGE, render


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run `make documents`"


def test_each_mart_has_its_tables_views_task_and_checks() -> None:
    declared, tasks = tables(), {task.name: task for task in TASKS}
    for mart in MARTS.values():
        build, table, view = (
            declared[key] for key in (f"staging.{mart.build}", f"marts.{mart.table}", f"marts.{mart.name}")
        )
        assert (build.kind, table.kind, view.kind) == ("scratch", "table", "view")
        names = [column.name for column in mart.columns]
        assert [column["name"] for column in build.columns] == [column["name"] for column in view.columns] == names
        assert [column["name"] for column in table.columns] == [*names, "publication_id"]
        assert table.require_partition_filter == bool(table.partition_by) == mart.by_date
        assert (f"marts.{mart.name}_live" in declared) == mart.live
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


def test_a_second_version_has_tables_of_its_own_under_the_same_view(tmp_path: Path) -> None:
    path = Path(shutil.copytree(FOLDER / "margin_daily", tmp_path / "margin_daily")) / "mart.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "version: 2\n", encoding="utf-8")
    mart = read_marts(tmp_path)["margin_daily"]
    assert (mart.table, mart.build, mart.report) == (
        "margin_daily_v2",
        "build_margin_daily_v2",
        "report_margin_daily_v2",
    )
    assert mart.views == ("margin_daily", "margin_daily_live")
