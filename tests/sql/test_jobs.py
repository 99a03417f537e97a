"""Every job that reaches BigQuery: taken down by construction, and limited in what it may bill."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from google.cloud import bigquery

from tests.support.jobs import MAXIMUM_BYTES_BILLED, PIPELINE, Recorded, occurs, templates

ROOT = PIPELINE.parents[1]


def test_every_statement_of_the_pipeline_is_among_the_jobs(recorded: Recorded) -> None:
    """What follows is proven of the jobs: a statement that no run sends would go unproven."""
    missing = [where for where, template in templates().items() if not occurs(template, recorded.jobs)]
    assert not missing, f"no recorded run sends {missing}: lead a run of tests/support/jobs.py through it"


def test_a_statement_that_no_run_sends_is_found(recorded: Recorded, tmp_path: Path) -> None:
    """The completeness above rests on this: a text in the code that names a dataset, or is handed to the warehouse."""
    (tmp_path / "more.py").write_text(
        "def more(warehouse, table):\n"
        '    warehouse.query("SELECT 1 AS nobody_asks FROM ${staging}.stock")\n'
        '    warehouse.run(f"DELETE FROM {table} WHERE nobody")\n'
        'LATER = "SELECT 2 AS nobody_asks FROM ${raw}.sales_transactions"\n'
    )
    texts = templates(tmp_path)
    assert {"more.py:2", "more.py:3", "more.py:4"} <= texts.keys()
    assert not any(occurs(texts[f"more.py:{line}"], recorded.jobs) for line in (2, 3, 4))


def test_every_job_is_limited_in_what_it_may_bill(recorded: Recorded) -> None:
    assert len(recorded.jobs) > 100
    for job in recorded.jobs:
        assert job.config is not None, job.sql
        assert job.config.maximum_bytes_billed == MAXIMUM_BYTES_BILLED, job.sql
        assert job.config.labels == {"component": "pipeline"}, job.sql


AIRFLOW = "workloads/pipeline/airflow_steps.py"

# What bills by the bytes it reads, in Google's client. A load job bills nothing.
BILLED = {
    "query",
    "query_and_wait",
    "extract_table",
    "copy_table",
    "create_job",
    "list_rows",
    "load_table_from_dataframe",
}


def test_there_is_no_other_way_to_a_query() -> None:
    """One module of what runs in the cloud holds Google's client, and one method of it starts queries; beside it another
    makes schemas of Google's classes."""
    importers, calls = set(), set()
    for path in sorted((ROOT / "workloads").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "bigquery" not in text:
            continue
        tree = ast.parse(text)
        name = str(path.relative_to(ROOT))
        for node in ast.walk(tree):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [f"{node.module}.{a.name}" for a in node.names]
            if any("cloud.bigquery" in module or "providers.google" in module for module in modules):
                importers.add(name)
        if name in importers:
            calls |= _billed_calls(name, tree)
    assert importers == {"workloads/pipeline/warehouse.py", "workloads/pipeline/table_schemas.py", AIRFLOW}
    assert calls == {("workloads/pipeline/warehouse.py", True)}


def test_an_operator_s_client_reaches_the_stand_in_or_is_limited() -> None:
    """What `make up` counts, it counts locally: the client has no credentials that a cloud would take. What a
    verification asks of a cloud has a limit."""
    texts = {path: path.read_text(encoding="utf-8") for path in (ROOT / "ops").rglob("*.py")}
    clients = {path.name: text for path, text in texts.items() if "bigquery.Client(" in text}
    assert sorted(clients) == ["stores.py", "summary.py"]
    assert clients["stores.py"].count(".query(") == clients["stores.py"].count("maximum_bytes_billed=") == 1
    assert clients["summary.py"].count("bigquery.Client(") == clients["summary.py"].count(
        "bigquery.Client(\n        project=endpoints.project,\n        credentials=AnonymousCredentials(),"
    )


def test_airflow_s_jobs_are_made_of_the_same_configuration() -> None:
    """Its operator sends what the warehouse would: the only configuration that it ever has."""
    tree = ast.parse((ROOT / AIRFLOW).read_text(encoding="utf-8"))
    made = [
        ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("configuration", "self.configuration")
    ]
    assert made == ["run.warehouse.job_configuration().to_api_repr()", "configuration"]
    given = [
        k for call in ast.walk(tree) if isinstance(call, ast.Call) for k in call.keywords if k.arg == "configuration"
    ]
    assert [ast.unparse(keyword.value) for keyword in given] == ["{}"], "empty until the task fills it in"


def _billed_calls(name: str, tree: ast.AST) -> set[tuple[str, bool]]:
    """Calls of `….client.<billed>`, and whether the limit goes with each."""
    calls = set()
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in BILLED):
            continue
        if not ast.unparse(call.func.value).endswith("client"):
            continue
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        calls.add((name, str(given.get("job_config")).startswith("self.job_configuration(")))
    return calls


@pytest.mark.parametrize(
    "call", ["self._client.query(sql)", "self._client.query(sql, job_config=other)", "client.query_and_wait(sql)"]
)
def test_a_query_without_the_limit_is_found(call: str) -> None:
    assert _billed_calls("x", ast.parse(call)) == {("x", False)}


def test_the_declared_tables_are_made_as_declared(recorded: Recorded) -> None:
    made = {table.table_id: table for table in recorded.tables}
    lines = made["sales_lines"]
    assert lines.require_partition_filter
    assert lines.time_partitioning.field == "business_date"
    assert lines.time_partitioning.type_ == bigquery.TimePartitioningType.DAY
    assert lines.clustering_fields == ["sku", "location_id", "customer_id"]
    assert all(field.description for table in recorded.tables for field in table.schema)


# What the stand-in for BigQuery does otherwise than BigQuery, or refuses: what a test on it would not show.
DIFFERENT = {
    "rolling back in an exception handler": r"EXCEPTION WHEN|ROLLBACK",
    "weeks": r"\bWEEK\b|ISOWEEK",
    "whole hours between instants": r"TIMESTAMP_DIFF",
    "three digits of a second": r"%E3S",
    "a table made of a query": r"CREATE (OR REPLACE )?TABLE",
    "inserting a whole row": r"INSERT ROW",
    "an assertion": r"\bASSERT\b",
    "options of a table there is": r"ALTER TABLE",
    "partition decorators": r"\$\d{8}",
    "metadata views": r"INFORMATION_SCHEMA",
}


def test_no_job_relies_on_what_the_stand_in_does_otherwise(recorded: Recorded) -> None:
    used = {why for why, pattern in DIFFERENT.items() for job in recorded.jobs if re.search(pattern, job.sql)}
    assert not used, f"{used}: say it in another way, or add a golden test to tests/engine/test_bigquery_differences.py"


def test_a_merge_s_source_names_each_row_once(recorded: Recorded) -> None:
    """BigQuery refuses a MERGE that matches a row twice, the stand-in takes it: each source is one row a key."""
    merges = {part for job in recorded.jobs for part in job.sql.split(";\n") if part.lstrip().startswith("MERGE")}
    assert merges
    for merge in merges:
        once = re.search(r"QUALIFY ROW_NUMBER\(\) OVER \(PARTITION BY customer_id ORDER BY [^)]*\) = 1", merge)
        grouped = "GROUP BY t.location_id, t.sku" in merge and "GROUP BY r.location_id, r.sku" in merge
        assert once or grouped, merge
