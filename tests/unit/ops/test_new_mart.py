"""One more mart, added to a copy of this checkout by `fastyle new mart` alone: no file is edited by hand but for a column of a new field
(test_new_field.py)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.conftest import MART as NAME
from tests.unit.conftest import Extended
from workloads.marts import MARTS

pytestmark = pytest.mark.slow

FOLDER = f"sql/bigquery/marts/{NAME}"
FILES = [f"{FOLDER}/{name}" for name in ("checks.sql", "mart.yaml", "query.sql")]


@pytest.fixture
def with_mart(extended: Extended) -> dict[str, Any]:
    """What the copy makes of its new mart, and the files that the command wrote."""
    return extended.mart


def test_the_command_writes_a_folder_and_the_marts_page_and_nothing_else(with_mart: dict[str, Any]) -> None:
    assert with_mart["written"] == ["docs/marts.md", *FILES]
    assert f"## {NAME}" in with_mart["page"]
    assert sorted(with_mart["marts"]) == sorted([*MARTS, NAME])


def test_its_tables_views_and_checks_follow(with_mart: dict[str, Any]) -> None:
    assert with_mart["tables"] == {
        f"staging.build_{NAME}": "scratch",
        f"marts.{NAME}_v1": "table",
        f"marts.{NAME}": "view",
        f"marts.{NAME}_live": "view",
    }
    assert with_mart["checks"] == [f"{NAME}.unique", f"{NAME}.complete"]


def test_its_tasks_follow(with_mart: dict[str, Any]) -> None:
    tasks = with_mart["tasks"]
    build = tasks[f"build_{NAME}"]
    assert (build["after"], build["group"], build["mart"]) == (["find_dirty_dates"], "build_marts", NAME)
    assert (build["reads"], build["writes"]) == (["staging.sales_lines"], [f"staging.build_{NAME}"])
    assert f"build_{NAME}" in tasks["check_quality"]["after"]
    assert f"marts.{NAME}_v1" in tasks["publish_marts"]["writes"]
    assert f"cloudsql.report_{NAME}" in tasks["publish_read_model"]["writes"]


def test_its_read_model_is_a_table_and_a_path_of_the_api(with_mart: dict[str, Any]) -> None:
    assert with_mart["columns"] == [
        "business_date",
        "location_id",
        "net_sales",
        "transactions",
        "tax",
        "publication_id",
    ]
    assert f"/v1/marts/{NAME}" in with_mart["paths"]


def test_prod_is_planned_with_it_and_no_policy_objects(with_mart: dict[str, Any]) -> None:
    """BigQuery tables are the pipeline's to create: the plan delivers the folder to all that make something of it."""
    assert with_mart["objections"] == []
    assert with_mart["delivered"] == [f"dags/{file}" for file in FILES]
    assert with_mart["archives"] == dict.fromkeys(("api", "inventory_sync", "pipeline"), FILES)


def test_its_statements_are_type_checked_and_prune_their_partitions(with_mart: dict[str, Any]) -> None:
    proven = with_mart["proven"]
    assert proven["wrong"] == []
    assert proven["statements"] >= 10
    assert proven["reads"] >= 3
    assert proven["whole"] == []
