"""Partition pruning, proven on the resolved tree of every statement and of what users ask of the views."""

from __future__ import annotations

import re

import pytest

from tests.sql.conftest import view_name
from tests.support.googlesql import Analyser, Statement
from tests.support.jobs import Recorded
from tests.support.pruning import Pruning, Read
from workloads.marts import MARTS
from workloads.pipeline.tables import tables

pytestmark = pytest.mark.timeout(900)

# Statements that read a table from its first partition on, by words of them, and why.
WHOLE = {
    "'new mart', CURRENT_TIMESTAMP()": "a mart that is new is built for all of its history, once",
    "'catalogue', CURRENT_TIMESTAMP()": "sales of any date may name a product that changed; run only when one did",
}
# Views that a reader's own filter limits: the views of `marts` by the filter that the tables require of everybody,
# and those over the history by what is asked of them.
BY_READER = {f"marts.{mart.name}" for mart in MARTS.values() if mart.by_date}
OVER_HISTORY = {
    "staging.live_inventory_changes",
    "staging.live_sales_lines",
    *(f"marts.{mart.name}_live" for mart in MARTS.values() if mart.live and mart.by_date),
}
FILTER_REQUIRED = {t.key for t in tables().values() if t.require_partition_filter} | {
    *("raw.sales_transactions", "raw.inventory_changes")
}


def test_history_and_marts_require_a_filter() -> None:
    """What grows with time and is partitioned asks every reader for dates; results of checks are few."""
    partitioned = {t.key for t in tables().values() if t.partition_by}
    assert partitioned - FILTER_REQUIRED == {"marts.quality_results"}
    assert {"staging.sales_lines", "staging.inventory_changes", "staging.event_log"} <= FILTER_REQUIRED
    assert {"marts.gmv_daily_v1", "marts.margin_daily_v1"} <= FILTER_REQUIRED
    assert {f"marts.{mart.table}" for mart in MARTS.values() if mart.by_date} <= FILTER_REQUIRED


def test_every_statement_prunes(statements: list[Statement], pruning: Pruning) -> None:
    reads, whole = 0, set()
    for statement in statements:
        assert statement.tree, statement.error
        view = view_name(statement.tree) if statement.tree["_"] == "ResolvedCreateViewStmt" else None
        if view in BY_READER:
            continue
        for read in pruning.reads(statement.tree):
            reads += 1
            if read.table in FILTER_REQUIRED:
                assert read.limited, (
                    f"BigQuery refuses this: no filter on {read.column} of {read.table}\n{statement.sql}"
                )
            if not read.prunes and view not in OVER_HISTORY:
                why = [words for words in WHOLE if words in statement.sql]
                assert why, f"reads all of {read.table}: {read.where()}\n{statement.sql}"
                whole.update(why)
    assert reads > 60
    assert whole == set(WHOLE), "what no statement needs any more"


def test_reading_the_whole_history_is_behind_a_condition(recorded: Recorded) -> None:
    [job] = {job.sql.split("'catalogue'")[0] for job in recorded.jobs if "'catalogue', " in job.sql}
    assert "IF EXISTS (" in job, "a catalogue that did not change costs nothing"


_CONSTANT = r"(?:DATE '[^']+'|TIMESTAMP '[-0-9]+ 00:00:00\+00'|DATE_SUB\([^;]*? DAY\)|TIMESTAMP_SUB\([^;]*? DAY\))"
FILTER = re.compile(
    r"(?:DATE\()?(?:\w+\.)?(?:business_date|publish_date|publish_time|checked_at)\)? "
    rf"(?:IN UNNEST\(\[[^\]]*\]\)|BETWEEN {_CONSTANT}\s+AND {_CONSTANT}|>= {_CONSTANT})"
)


def test_without_its_filter_each_statement_is_found(
    analyser: Analyser, statements: list[Statement], pruning: Pruning
) -> None:
    """Take each condition on a partition column out of each statement, one by one: the proof must notice."""
    tried: set[str] = set()
    for statement in statements:
        assert statement.tree
        before = pruning.reads(statement.tree)
        for match in FILTER.finditer(statement.sql):
            mutant = f"{statement.sql[: match.start()]}TRUE{statement.sql[match.end() :]}"
            [broken] = analyser.analyse(mutant)
            assert broken.tree, broken.error
            after = pruning.reads(broken.tree)
            lost = [(b, a) for b, a in zip(before, after, strict=True) if len(a.conditions) < len(b.conditions)]
            if not lost and re.search(r"(FROM|JOIN) staging\.live_", statement.sql):
                continue  # the view below has the same condition
            assert lost, f"without {match[0]!r} nothing changes:\n{statement.sql}"
            assert all(not read.prunes for _, read in lost), f"another condition stays: {lost}"
            tried |= {read.table for read, _ in lost}
    assert tried == set(pruning.partitioned)


DATES = "business_date BETWEEN DATE '2026-01-01' AND DATE '2026-01-31'"
USERS = {
    "all of it": f"SELECT * FROM {{view}} WHERE {DATES}",
    "one date": "SELECT category, net_sales FROM {view} WHERE business_date = '2026-01-05'",
    "the last days": "SELECT * FROM {view} WHERE business_date >= DATE_SUB(CURRENT_DATE('America/New_York'), INTERVAL 7 DAY)",
    "named dates": "SELECT * FROM {view} WHERE business_date IN ('2026-01-05', '2026-01-06')",
    "grouped": f"SELECT category, SUM(net_sales) AS n FROM {{view}} WHERE {DATES} GROUP BY category HAVING n > 0",
    "in a WITH": f"WITH d AS (SELECT * FROM {{view}}) SELECT category FROM d WHERE {DATES}",
    "joined": f"SELECT p.name FROM staging.products AS p LEFT JOIN {{view}} AS v ON v.category = p.category AND v.{DATES}",
    "a window by date": f"SELECT * FROM (SELECT *, RANK() OVER (PARTITION BY business_date ORDER BY net_sales) AS r FROM {{view}}) WHERE {DATES}",
    "a union": f"SELECT n FROM (SELECT business_date, net_sales AS n FROM {{view}} UNION ALL SELECT business_date, discounts FROM {{view}}) WHERE {DATES}",
}
DAILY = ("marts.gmv_daily", "marts.margin_daily", "marts.gmv_daily_live", "marts.margin_daily_live")


@pytest.mark.parametrize("view", DAILY)
@pytest.mark.parametrize("query", USERS.values(), ids=USERS.keys())
def test_a_reader_s_dates_reach_the_table_behind_a_view(
    analyser: Analyser, pruning: Pruning, view: str, query: str
) -> None:
    reads = _reads(analyser, pruning, query.format(view=view))
    behind = "staging.sales_lines" if view.endswith("_live") else f"{view}_v1"
    assert behind in {read.table for read in reads}
    for read in reads:
        assert read.prunes, f"{read.table}: {read.where()}"
    assert any("2026" in read.where() or "7 DAY" in read.where() for read in reads if read.table == behind)


UNPRUNED = {
    "no filter": "SELECT * FROM marts.gmv_daily",
    "another column": "SELECT * FROM marts.gmv_daily WHERE category = 'tops'",
    "a function of the date": "SELECT * FROM marts.gmv_daily WHERE EXTRACT(YEAR FROM business_date) = 2026",
    "dates of a subquery": "SELECT * FROM marts.gmv_daily WHERE business_date IN (SELECT business_date FROM staging.build_dates)",
    "a date of another table": "SELECT 1 FROM marts.gmv_daily AS g JOIN staging.build_dates AS b ON b.business_date = g.business_date AND b.business_date = '2026-01-01'",
    "an empty array": "SELECT * FROM marts.gmv_daily WHERE business_date IN UNNEST(CAST([] AS ARRAY<DATE>))",
    "an empty array of no type": "SELECT * FROM marts.gmv_daily WHERE business_date IN UNNEST([])",
    "one side of an OR": "SELECT * FROM marts.gmv_daily WHERE business_date = '2026-01-01' OR category = 'tops'",
    "dates of the kept side": "SELECT 1 FROM staging.build_dates AS b LEFT JOIN marts.gmv_daily AS g ON b.business_date = '2026-01-01'",
    "the kept side's own ON": f"SELECT 1 FROM marts.gmv_daily AS g LEFT JOIN staging.build_dates AS b ON g.{DATES}",
    "after a LIMIT": f"SELECT * FROM (SELECT * FROM marts.gmv_daily LIMIT 9) WHERE {DATES}",
    "after a window over dates": f"SELECT * FROM (SELECT *, RANK() OVER (ORDER BY gmv) AS r FROM marts.gmv_daily) WHERE {DATES}",
    "of a group's greatest": f"SELECT * FROM (SELECT MAX(business_date) AS business_date FROM marts.gmv_daily) WHERE {DATES}",
    "from outside a subquery": f"SELECT 1 FROM staging.build_dates WHERE {DATES} AND EXISTS (SELECT 1 FROM marts.gmv_daily)",
    "only one of two": f"SELECT 1 FROM (SELECT * FROM marts.gmv_daily WHERE {DATES}) AS a JOIN marts.gmv_daily AS b ON b.category = a.category",
    "random dates": "SELECT * FROM marts.gmv_daily WHERE business_date > DATE_ADD(DATE '2026-01-01', INTERVAL CAST(RAND() AS INT64) DAY)",
}  # fmt: skip


@pytest.mark.parametrize("query", UNPRUNED.values(), ids=UNPRUNED.keys())
def test_what_does_not_prune_is_told(analyser: Analyser, pruning: Pruning, query: str) -> None:
    assert not all(read.limited for read in _reads(analyser, pruning, query))


def _reads(analyser: Analyser, pruning: Pruning, query: str) -> list[Read]:
    [statement] = analyser.analyse(query)
    assert statement.tree, statement.error
    return pruning.reads(statement.tree)
