"""What a statement is billed for: tables, columns and partitions, told from its text alone."""

from __future__ import annotations

import pytest

from ops.metering.scans import Read, Table, reads, statements
from tests.support.jobs import record
from workloads.events import STREAMS, bigquery_fields
from workloads.pipeline.tables import render, tables

TABLES = {
    "d.sales": Table({"day": "DATE", "sku": "STRING", "units": "INT64", "lines": "RECORD", "note": "STRING"}, "day"),
    "d.products": Table({"sku": "STRING", "category": "STRING", "cost": "NUMERIC"}),
}


def only(sql: str) -> list[Read]:
    [statement] = statements(sql)
    return reads(statement, TABLES)


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT sku FROM d.sales WHERE day = DATE '2026-01-01'", ("day", "sku")),
        ("SELECT s.sku, COUNT(*) FROM d.sales AS s GROUP BY s.sku HAVING SUM(s.units) > 1", ("sku", "units")),
        ("SELECT COUNT(*) FROM d.sales", ()),
        ("SELECT * FROM d.sales", ("day", "sku", "units", "lines", "note")),
        # What a subquery names counts, even where nobody asks it for it: BigQuery may be cheaper, never dearer.
        ("WITH a AS (SELECT sku, note FROM d.sales) SELECT sku FROM a", ("sku", "note")),
        ("SELECT l.q FROM d.sales AS s CROSS JOIN UNNEST(s.lines) AS l", ("lines",)),
        ("SELECT ARRAY(SELECT l.q FROM UNNEST(s.lines) AS l ORDER BY l.q) FROM d.sales AS s", ("lines",)),
    ],
)
def test_columns_are_those_that_the_statement_needs(sql: str, columns: tuple[str, ...]) -> None:
    assert [read.columns for read in only(sql)] == [columns]


@pytest.mark.parametrize(
    ("where", "condition"),
    [
        ("day BETWEEN DATE '2026-01-01' AND DATE '2026-01-02'", "day BETWEEN"),
        ("s.day >= DATE_SUB(CURRENT_DATE(), INTERVAL 28 DAY) AND s.units > 0", "day >= DATE_SUB"),
        ("day IN UNNEST([DATE '2026-01-01'])", "day IN UNNEST"),
        ("units > 0", ""),
        ("day = DATE '2026-01-01' OR units > 0", ""),
        ("day IN (SELECT DATE '2026-01-01')", ""),  # not constant: BigQuery reads every partition
        ("day = CAST(note AS DATE)", ""),
    ],
)
def test_partitions_are_pruned_by_constants_on_the_partition_column_alone(where: str, condition: str) -> None:
    [read] = only(f"SELECT s.units FROM d.sales AS s WHERE {where}")
    assert read.condition.startswith(condition)
    assert bool(read.condition) == bool(condition)
    assert "s." not in read.condition


def test_a_join_reads_both_tables_and_a_table_named_twice_counts_once() -> None:
    scan = only(
        "SELECT s.units FROM d.sales AS s LEFT JOIN d.products AS p ON p.sku = s.sku WHERE s.day = DATE '2026-01-01' "
        "UNION ALL SELECT 1 FROM d.sales WHERE day = DATE '2026-01-02' AND note = ''"
    )
    assert {read.table: set(read.columns) for read in scan} == {
        "d.sales": {"day", "sku", "units", "note"},
        "d.products": {"sku"},
    }
    [sales] = [read for read in scan if read.table == "d.sales"]
    assert sales.condition.count(" OR ") == 1  # the partitions of both


def test_changing_rows_bills_every_column_of_what_may_change() -> None:
    """Google's page on pricing, "Data manipulation language": DELETE, UPDATE and MERGE bill the changed table whole."""
    everything = tuple(TABLES["d.sales"].columns)
    assert only("DELETE FROM d.sales WHERE day = DATE '2026-01-01'") == [
        Read("d.sales", everything, "day = CAST('2026-01-01' AS DATE)")
    ]
    assert [(r.table, r.columns) for r in only("UPDATE d.products SET cost = 1 WHERE sku = 'a'")] == [
        ("d.products", ("sku", "category", "cost"))
    ]
    merged = only(
        "MERGE d.products AS p USING (SELECT sku FROM d.sales) AS n ON n.sku = p.sku "
        "WHEN MATCHED THEN UPDATE SET cost = 1"
    )
    assert [(r.table, r.columns) for r in merged] == [
        ("d.products", ("sku", "category", "cost")),
        ("d.sales", ("sku",)),
    ]
    assert only("INSERT INTO d.products (sku) VALUES ('a')") == []
    assert [(r.table, r.columns) for r in only("INSERT INTO d.products (sku) SELECT sku FROM d.sales")] == [
        ("d.sales", ("sku",))
    ]


def test_a_script_is_billed_statement_by_statement_its_guard_too() -> None:
    script = (
        "BEGIN TRANSACTION;\nIF NOT EXISTS (SELECT 1 FROM d.products WHERE sku = 'a') THEN\n"
        "DELETE FROM d.sales WHERE TRUE;\nINSERT INTO d.sales (sku) SELECT sku FROM d.products;\nEND IF;\n"
        "COMMIT TRANSACTION;"
    )
    columns = [[(r.table, r.columns) for r in reads(s, TABLES)] for s in statements(script)]
    assert columns == [
        [("d.products", ("sku",))],
        [("d.sales", tuple(TABLES["d.sales"].columns))],
        [("d.products", ("sku",))],
    ]


def test_what_runs_only_if_something_is_found_is_billed_for_the_looking() -> None:
    script = (
        "BEGIN TRANSACTION;\nIF NOT EXISTS (SELECT 1 FROM d.products) THEN\n"
        "IF EXISTS (SELECT sku FROM (SELECT sku FROM d.sales) WHERE sku = 'a') THEN\n"
        "INSERT INTO d.products (sku) SELECT sku FROM d.sales;\nEND IF;\n"
        "DELETE FROM d.products WHERE TRUE;\nEND IF;\nCOMMIT TRANSACTION;"
    )
    columns = [[(r.table, r.columns) for r in reads(s, TABLES)] for s in statements(script)]
    assert columns == [[("d.products", ())], [("d.sales", ("sku",))], [("d.products", ("sku", "category", "cost"))]]


def test_an_unknown_table_is_an_error_not_nothing() -> None:
    with pytest.raises(KeyError, match=r"d\.other"):
        only("SELECT a FROM d.other")


def test_what_is_no_sql_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        statements("SELECT FROM WHERE (")
    with pytest.raises(ValueError, match="cannot be read: 'IF TRUE"):
        statements("IF TRUE THEN SELECT 1; END IF")


def test_every_script_that_the_pipeline_sends_is_understood() -> None:
    sent = [job.sql for job in record().jobs if job.sql and not job.sql.startswith("CREATE ")]
    assert len(sent) > 50
    assert [sql for sql in sent if not statements(sql)] == []


@pytest.mark.parametrize("key", sorted(key for key, table in tables().items() if table.query and table.kind != "view"))
def test_every_query_of_the_pipeline_is_understood_and_its_history_is_pruned(key: str) -> None:
    """A history that a query reads whole would cost more with every month: what pruning is there to prevent."""
    known = {
        table.key: Table({column["name"]: str(column["type"]) for column in table.columns}, table.partition_by)
        for table in tables().values()
        if table.kind in ("table", "scratch")
    }
    for stream in STREAMS.values():
        fields = {field["name"]: field["type"] for field in bigquery_fields(stream)}
        known[f"raw.{stream.table}"] = Table(fields, "publish_time")
    values = {
        "raw": "raw",
        "staging": "staging",
        "marts": "marts",
        "timezone": "UTC",
        "currency": "USD",
        "run_id": "r",
        "raw_retention_days": "30",
        "reorder_point": "20",
        "max_days_of_cover": "60",
        "verification_location": "'v'",
        "partitions": "[DATE '2026-01-01']",
        "business_dates": "[DATE '2026-01-01']",
        "history_from": "DATE '2026-01-01'",
    }
    [statement] = statements(render(tables()[key].query or "", values))
    table_reads = reads(statement, known)
    assert table_reads
    for read in table_reads:
        assert read.columns
        if known[read.table].partition_column:
            assert read.condition, f"{key} reads every partition of {read.table}"
