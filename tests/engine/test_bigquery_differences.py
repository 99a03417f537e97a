"""What the pipeline relies on in BigQuery, as its documentation says it, against the stand-in.

Where the stand-in is known to do otherwise, the statements do without: `tests/sql/test_jobs.py` holds them to it.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from google.api_core.exceptions import GoogleAPIError
from google.cloud import bigquery

from tests.support.bigquery import bigquery_client
from tests.support.world import PROJECT, started_bigquery
from workloads.pipeline.tables import render

NEW_YORK = "America/New_York"
GOLDEN: dict[str, tuple[str, Any]] = {
    # a body's fingerprint: seconds with all six digits, which the stand-in has not for every number of them
    "microseconds in a text": (
        "FORMAT_TIMESTAMP('%F %H:%M:%E6S', TIMESTAMP '2026-01-02 03:04:05.678901+00')",
        "2026-01-02 03:04:05.678901",
    ),
    "no microseconds in a text": (
        "FORMAT_TIMESTAMP('%F %H:%M:%E6S', TIMESTAMP '2026-01-02 03:04:05+00')",
        "2026-01-02 03:04:05.000000",
    ),
    "the documented fingerprint": ("FARM_FINGERPRINT(CONCAT('1', 'foo', 'true'))", -1541654101129638711),
    "the fingerprint of a long text, by Google's FarmHash": (
        "FARM_FINGERPRINT(REPEAT('abcdefghij', 40))",
        3090807594302952901,
    ),
    "NULLs are alike in a row's text": (
        "TO_JSON_STRING(STRUCT(CAST(NULL AS STRING) AS a, 1 AS b)) = TO_JSON_STRING(STRUCT(CAST(NULL AS STRING) AS a, 1 AS b))",
        True,
    ),
    "a NULL and a text differ in a row's text": (
        "TO_JSON_STRING(STRUCT(CAST(NULL AS STRING) AS a)) = TO_JSON_STRING(STRUCT('' AS a))",
        False,
    ),
    # a rule's reasons: one text, or none
    "reasons": ("NULLIF(ARRAY_TO_STRING([NULL, 'a: is missing', NULL, 'b: must not be 0'], '; '), '')", "a: is missing; b: must not be 0"),
    "no reason": ("NULLIF(ARRAY_TO_STRING([CAST(NULL AS STRING), NULL], '; '), '')", None),
    "an array of nulls is an empty text": ("ARRAY_TO_STRING([CAST(NULL AS STRING)], ',')", ""),
    "no array is none": ("ARRAY_TO_STRING(CAST(NULL AS ARRAY<STRING>), ',')", None),
    "two sums that are alike": ("(SELECT NULLIF(SUM(x), COUNT(x)) FROM UNNEST([1, 1]) AS x)", None),
    # business dates, at the hours when clocks change
    "before the clocks go forward": (f"DATE(TIMESTAMP '2026-03-08 04:59:59+00', '{NEW_YORK}')", date(2026, 3, 7)),
    "after the clocks went forward": (f"DATE(TIMESTAMP '2026-03-09 03:59:59+00', '{NEW_YORK}')", date(2026, 3, 8)),
    "after the clocks went back": (f"DATE(TIMESTAMP '2026-11-02 04:59:59+00', '{NEW_YORK}')", date(2026, 11, 1)),
    "the date of a partition": ("DATE(TIMESTAMP '2026-03-08 23:59:59.999999+00')", date(2026, 3, 8)),
    # ratios to nine places, half away from zero; amounts exact
    "a ratio": (render("${ratio:NUMERIC '2', NUMERIC '3'}", {}), Decimal("0.666666667")),
    "a negative ratio": (render("${ratio:NUMERIC '-2', NUMERIC '3'}", {}), Decimal("-0.666666667")),
    "over nothing": (render("${ratio:NUMERIC '2', NUMERIC '0'}", {}), None),
    "of units": (render("${ratio:CAST(1 * 28 AS NUMERIC), 3}", {}), Decimal("9.333333333")),
    "the greatest line": ("1000000 * NUMERIC '999999999999.9999' - NUMERIC '0.0001'", Decimal("999999999999999899.9999")),
    "a sum of nothing": ("(SELECT SUM(x) FROM UNNEST([NUMERIC '1']) AS x WHERE x > 1)", None),
    # checks
    "a sample": ("(SELECT STRING_AGG(DISTINCT x, ', ' ORDER BY x LIMIT 2) FROM UNNEST(['b', 'a', 'c', 'a']) AS x)", "a, b"),
    "no dates": ("(SELECT COUNT(*) FROM UNNEST([DATE '2026-01-01']) AS d WHERE d IN UNNEST(CAST([] AS ARRAY<DATE>)))", 0),
    "distinct of some": ("(SELECT COUNT(DISTINCT IF(x > 1, x, NULL)) FROM UNNEST([1, 2, 2, 3]) AS x)", 2),
    "a sum as a count": ("(SELECT CAST(SUM(x) AS INT64) FROM UNNEST([1, 2]) AS x)", 3),
    "ids in the order of their bytes": ("(SELECT MAX(x) FROM UNNEST(['a', 'B', 'Z']) AS x)", "a"),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(bigquery_url: str) -> bigquery.Client:
    made = bigquery_client(bigquery_url, PROJECT)
    made.create_dataset("differences")
    made.query_and_wait("CREATE TABLE differences.kept (id STRING, n INT64)")
    return made


def rows(client: bigquery.Client, query: str) -> list[tuple[Any, ...]]:
    """By a job: the stand-in's shorter way, `query_and_wait`, answers a query that fails with no rows."""
    return sorted(tuple(row.values()) for row in client.query(query).result())


def test_a_text_sent_again_follows_its_tables(client: bigquery.Client) -> None:
    """Translations are remembered, and depend on the types of columns and on what a view is."""
    answers = []
    for declared, value in (("NUMERIC", "NUMERIC '0.1'"), ("FLOAT64", "0.5"), ("INT64", "3")):
        client.query_and_wait(f"CREATE OR REPLACE TABLE differences.again (n {declared})")
        client.query_and_wait(f"INSERT INTO differences.again VALUES ({value})")
        client.query_and_wait(
            f"CREATE OR REPLACE VIEW differences.shown AS SELECT n, '{declared}' AS kind FROM differences.again"
        )
        average = client.query("SELECT AVG(n) AS n FROM differences.again").result()
        answers.append(
            (average.schema[0].field_type, *next(iter(average)), rows(client, "SELECT kind FROM differences.shown"))
        )
    assert answers == [
        ("NUMERIC", Decimal("0.1"), [("NUMERIC",)]),
        ("FLOAT", 0.5, [("FLOAT64",)]),
        ("FLOAT", 3.0, [("INT64",)]),
    ]


def test_texts_that_differ_by_identifiers_answer_their_own(client: bigquery.Client) -> None:
    """Which is first, and whether they are alike, is no part of what is remembered of them."""
    a, b, zero = "a" * 32, "b" * 32, "0" * 32
    for one, other in ((a, b), (b, a), (zero, a), (a, zero), (a, a)):
        query = f"SELECT '{one}' AS x, '{other}' AS y, '{one}' = '{other}' AS alike"
        assert rows(client, query) == [(one, other, one == other)]
    with pytest.raises(GoogleAPIError, match=a):
        rows(client, f"SELECT CAST('{a}' AS INT64)")


def test_a_view_follows_the_view_that_it_reads(client: bigquery.Client) -> None:
    """As the documentation says, a view's query runs each time that the view is read."""
    rows(client, "CREATE VIEW differences.inner_view AS SELECT 1 AS n")
    rows(client, "CREATE VIEW differences.outer_view AS SELECT n + 1 AS n FROM differences.inner_view")
    assert rows(client, "SELECT n FROM differences.outer_view") == [(2,)]
    rows(client, "CREATE OR REPLACE VIEW differences.inner_view AS SELECT 5 AS n")
    assert rows(client, "SELECT n FROM differences.outer_view") == [(6,)]
    rows(client, "CREATE OR REPLACE VIEW differences.inner_view AS SELECT NUMERIC '5.5' AS n")
    assert rows(client, "SELECT n FROM differences.outer_view") == [(Decimal("6.5"),)]


def test_a_row_access_policy_holds_behind_views(bigquery_url: str, client: bigquery.Client) -> None:
    rows(client, "CREATE TABLE differences.guarded (n INT64)")
    rows(client, "INSERT INTO differences.guarded VALUES (1)")
    rows(client, "CREATE VIEW differences.of_guarded AS SELECT n FROM differences.guarded")
    rows(client, "CREATE VIEW differences.behind AS SELECT n FROM differences.of_guarded")
    assert rows(client, "SELECT n FROM differences.behind") == [(1,)]
    policies = f"{bigquery_url}/bigquery/v2/projects/{PROJECT}/datasets/differences/tables/guarded/rowAccessPolicies"
    policy = {"rowAccessPolicyReference": {"policyId": "nobodys"}, "filterPredicate": "TRUE"}
    httpx.post(policies, json={**policy, "grantees": ["user:someone@example.com"]}).raise_for_status()
    assert rows(client, "SELECT n FROM differences.behind") == []
    httpx.delete(f"{policies}/nobodys").raise_for_status()
    assert rows(client, "SELECT n FROM differences.behind") == [(1,)]


def test_tables_and_views_tell_their_columns(client: bigquery.Client) -> None:
    rows(
        client,
        "CREATE TABLE differences.typed (id STRING NOT NULL, n INT64, amount NUMERIC, day DATE, moment TIMESTAMP, is_new BOOL,"
        " lines ARRAY<STRUCT<sku STRING, quantity INT64>>)",
    )
    rows(client, "CREATE VIEW differences.typed_view AS SELECT * FROM differences.typed")

    def told(name: str) -> list[tuple[str, str, str]]:
        fields = client.get_table(f"{PROJECT}.differences.{name}").schema
        return [(field.name, field.field_type, field.mode) for field in fields]

    assert told("typed") == [
        ("id", "STRING", "REQUIRED"),
        ("n", "INTEGER", "NULLABLE"),
        ("amount", "NUMERIC", "NULLABLE"),
        ("day", "DATE", "NULLABLE"),
        ("moment", "TIMESTAMP", "NULLABLE"),
        ("is_new", "BOOLEAN", "NULLABLE"),
        ("lines", "RECORD", "REPEATED"),
    ]
    assert told("typed_view") == [
        (name, kind, mode.replace("REQUIRED", "NULLABLE")) for name, kind, mode in told("typed")
    ]
    [lines] = [field for field in client.get_table(f"{PROJECT}.differences.typed_view").schema if field.name == "lines"]
    assert [(field.name, field.field_type) for field in lines.fields] == [("sku", "STRING"), ("quantity", "INTEGER")]


def test_expressions_have_the_documented_values(client: bigquery.Client) -> None:
    told = {name: rows(client, f"SELECT {expression}") for name, (expression, _) in GOLDEN.items()}
    assert told == {name: [(value,)] for name, (_, value) in GOLDEN.items()}


def test_a_script_that_fails_half_way_leaves_nothing(client: bigquery.Client) -> None:
    """The load's guard is an error within its transaction."""
    with pytest.raises(GoogleAPIError):
        rows(
            client,
            "BEGIN TRANSACTION; INSERT INTO differences.kept (id, n) VALUES ('half', 1);"
            "SELECT IF(COUNT(*) = 0, 0, ERROR('loaded meanwhile')) FROM differences.kept; COMMIT TRANSACTION;",
        )
    assert rows(client, "SELECT id FROM differences.kept WHERE id = 'half'") == []


def test_a_script_runs_what_its_condition_says(client: bigquery.Client) -> None:
    script = (
        "BEGIN TRANSACTION; IF NOT EXISTS (SELECT 1 FROM differences.kept WHERE id = 'once') THEN "
        "INSERT INTO differences.kept (id, n) VALUES ('once', 1); INSERT INTO differences.kept (id, n) VALUES ('too', 1);"
        " END IF; COMMIT TRANSACTION;"
    )
    for _ in range(2):
        rows(client, script)
    assert rows(client, "SELECT id FROM differences.kept WHERE id IN ('once', 'too')") == [("once",), ("too",)]


def test_a_merge_changes_and_adds(client: bigquery.Client) -> None:
    rows(client, "INSERT INTO differences.kept (id, n) VALUES ('old', 1), ('kept', 5)")
    rows(
        client,
        "MERGE differences.kept AS t USING (SELECT x AS id, 2 AS n FROM UNNEST(['old', 'new', 'kept']) AS x"
        " WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY x ORDER BY x) = 1) AS s ON s.id = t.id"
        " WHEN MATCHED AND s.n > t.n THEN UPDATE SET n = s.n WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n)",
    )
    assert rows(client, "SELECT id, n FROM differences.kept WHERE id IN ('old', 'new', 'kept')") == [
        ("kept", 5),
        ("new", 2),
        ("old", 2),
    ]


def test_the_past_is_refused(client: bigquery.Client) -> None:
    past = "FOR SYSTEM_TIME AS OF TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 SECOND)"
    with pytest.raises(GoogleAPIError, match="retention = 0 days"):
        rows(client, f"SELECT n FROM differences.kept {past}")


def test_a_write_keeps_no_copy_of_its_table(tmp_path: Path) -> None:
    with contextmanager(started_bigquery)(tmp_path, durable=True) as url:
        client = bigquery_client(url, PROJECT)
        client.create_dataset("kept")
        rows(client, "CREATE TABLE kept.some (id STRING)")
        rows(client, "INSERT INTO kept.some (id) VALUES ('stated')")
        assert client.insert_rows_json("kept.some", [{"id": "streamed"}]) == []
        source = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON)
        client.load_table_from_file(io.BytesIO(b'{"id": "loaded"}'), "kept.some", job_config=source).result()
        assert len(rows(client, "SELECT id FROM kept.some")) == 3
    (file,) = (tmp_path / "duckdb").glob("*.duckdb")
    with duckdb.connect(str(file), read_only=True) as database:
        tables = {name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        assert "some" in tables
        assert [name for name in tables if name.startswith("s_")] == []
