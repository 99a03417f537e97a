"""The catalog of the BigQuery stand-in: what was written is what the next process reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
from bqemulator.catalog.models import DatasetMeta, JobMeta, TableMeta
from fastyle_localcloud.standins.bigquery_catalog import Catalog

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def catalog(connection: duckdb.DuckDBPyConnection) -> Catalog:
    """As a process makes it that finds this database."""
    made = Catalog(connection)  # type: ignore[arg-type]  # of the engine it calls `execute`
    made.ensure_ready()
    return made


def database() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute('CREATE SCHEMA "_bqemulator_catalog"')
    return connection


def job(state: Any, etag: str) -> JobMeta:
    return JobMeta(
        project_id="p", job_id="j", job_type="QUERY", state=state, configuration={"query": {"query": "SELECT 1"}},
        creation_time=NOW, etag=etag,
    )  # fmt: skip


def test_a_job_is_kept_and_the_same_job_again_replaces_it() -> None:
    connection = database()
    one = catalog(connection)
    for state, etag in (("RUNNING", "1"), ("DONE", "2")):
        one.upsert_job(job(state, etag))
        assert catalog(connection).get_job("p", "j") == job(state, etag)
    assert len(catalog(connection).list_jobs("p")) == 1


def test_a_table_s_count_of_rows_is_kept() -> None:
    connection = database()
    one = catalog(connection)
    one.create_dataset(DatasetMeta(project_id="p", dataset_id="d", creation_time=NOW, last_modified_time=NOW, etag="e"))
    tables = [
        TableMeta(project_id="p", dataset_id="d", table_id=name, creation_time=NOW, last_modified_time=NOW, etag="1")
        for name in ("counted", "other")
    ]
    for table in tables:
        one.create_table(table)
    changed = tables[0].model_copy(update={"num_rows": 7, "etag": "2", "description": "seven"})
    one.update_table(changed)
    again = catalog(connection)
    assert [again.get_table("p", "d", name) for name in ("counted", "other")] == [changed, tables[1]]
