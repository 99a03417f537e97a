"""Every job's statements against GoogleSQL's own analyser and the tables' real columns."""

from __future__ import annotations

import pytest

from tests.sql.conftest import view_name
from tests.support.googlesql import Analyser, Statement
from workloads.pipeline.tables import tables

pytestmark = pytest.mark.timeout(900)  # the first start on a machine compiles the analyser


def test_every_statement_is_right(statements: list[Statement]) -> None:
    wrong = [f"{s.error}\n{s.sql}" for s in statements if s.error]
    assert not wrong, "\n\n".join(wrong)
    kinds = {s.tree["_"] for s in statements if s.tree}
    assert kinds == {
        *("ResolvedQueryStmt", "ResolvedInsertStmt", "ResolvedUpdateStmt", "ResolvedDeleteStmt", "ResolvedMergeStmt"),
        "ResolvedCreateViewStmt",
    }


def test_a_view_selects_what_its_declaration_says(statements: list[Statement]) -> None:
    """A view's declared columns and types are the query's: readers and the next view rely on the declaration."""
    views = [s.tree for s in statements if s.tree and s.tree["_"] == "ResolvedCreateViewStmt"]
    declared = {t.key: t for t in tables().values() if t.kind == "view"}
    names = {"INTEGER": "INT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT", "FLOAT64": "DOUBLE"}
    for view in views:  # some are written more than once, each time with other dates
        key = view_name(view)
        columns = [(c["name"], c["column"]["type"].removeprefix("TYPE_")) for c in view["output_column_list"]]
        wanted = [
            (c["name"], "ARRAY" if str(c.get("mode")).lower() == "repeated" else names.get(c["type"], c["type"]))
            for c in declared[key].columns
        ]
        assert columns == wanted, key
    assert {view_name(view) for view in views} == declared.keys()


GOOD = {
    "a query of ours": "SELECT sku, SUM(quantity) AS n FROM staging.sales_lines WHERE business_date = '2026-01-01' GROUP BY sku",
    "a script": "BEGIN TRANSACTION; IF NOT EXISTS (SELECT 1 FROM staging.stock) THEN DELETE FROM staging.stock WHERE TRUE; END IF; COMMIT TRANSACTION;",
}
BROKEN = {
    "a column that is not there": "SELECT skew FROM staging.stock",
    "a column misspelt in a join": "SELECT 1 FROM staging.stock AS s JOIN staging.products AS p ON p.sku = s.skuu",
    "a table that is not there": "SELECT 1 FROM staging.stocks",
    "a raw column that is not there": "SELECT r.lines[SAFE_OFFSET(0)].price FROM raw.sales_transactions AS r",
    "types that do not compare": "SELECT 1 FROM staging.stock WHERE on_hand = sku",
    "a timestamp for a date": "SELECT 1 FROM staging.sales_lines WHERE business_date = event_time",
    "a text into a number": "INSERT INTO staging.stock (on_hand) SELECT sku FROM staging.stock",
    "a float into an amount": "INSERT INTO staging.sales_lines (unit_price) SELECT CAST(1 AS FLOAT64)",
    "a column too few": "INSERT INTO staging.raw_counts (stream, publish_date, row_count) SELECT 'sales', CURRENT_DATE()",
    "a column out of its group": "SELECT sku, on_hand, COUNT(*) FROM staging.stock GROUP BY sku",
    "a union of different types": "SELECT sku FROM staging.stock UNION ALL SELECT on_hand FROM staging.stock",
    "a function that is not there": "SELECT EPOCH(event_time) FROM staging.first_purchase",
    "an ambiguous name": "SELECT sku FROM staging.stock AS s JOIN staging.products AS p ON p.sku = s.sku",
    "a DELETE without a WHERE": "DELETE FROM staging.stock",
    "the second statement of a script": "BEGIN TRANSACTION; DELETE FROM staging.stock WHERE TRUE; DELETE FROM staging.stock WHERE skew; COMMIT TRANSACTION;",
    "the condition of an IF": "IF EXISTS (SELECT skew FROM staging.stock) THEN DELETE FROM staging.stock WHERE TRUE; END IF;",
    "within an IF": "IF TRUE THEN DELETE FROM staging.stock WHERE skew; END IF;",
    "syntax": "SELECT FROM WHERE",
    # GoogleSQL has them, BigQuery does not
    "EXCEPT ALL": "SELECT sku FROM staging.stock EXCEPT ALL SELECT sku FROM staging.products",
    "an aggregate's FILTER": "SELECT COUNT(*) FILTER (WHERE on_hand > 0) FROM staging.stock",
    "a lambda": "SELECT ARRAY_FILTER([1, 2], e -> e > 1)",
    "RETURNING": "DELETE FROM staging.stock WHERE TRUE THEN RETURN sku",
    "ON CONFLICT": "INSERT INTO staging.raw_counts (stream) VALUES ('a') ON CONFLICT DO NOTHING",
    "32 bits": "SELECT CAST(1 AS INT32)",
    "an ENUM's type": "SELECT CAST(1 AS UINT64)",
}  # fmt: skip


@pytest.mark.parametrize("sql", GOOD.values(), ids=GOOD.keys())
def test_what_is_right_is_accepted(analyser: Analyser, sql: str) -> None:
    assert analyser.error(sql) is None


@pytest.mark.parametrize("sql", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_rejected(analyser: Analyser, sql: str) -> None:
    assert analyser.error(sql)
