"""What each task of `workloads.pipeline.tasks` does: the function of its name, and `build_mart` for every mart.

Killed at any point, each leaves either what it found or what it promises; run again, it does nothing twice.
"""

from __future__ import annotations

import logging
from datetime import date

from workloads.marts import MARTS
from workloads.marts.declaration import DATE
from workloads.marts.declaration import HISTORY as HISTORY_TABLES
from workloads.pipeline import catalogue, conflicts, interface, quality, read_model, statements
from workloads.pipeline.run import Run
from workloads.pipeline.stream_tables import LOADED
from workloads.pipeline.tables import date_array, tables
from workloads.pipeline.warehouse import literal

log = logging.getLogger(__name__)


def _query(key: str) -> str:
    query = tables()[key].query
    assert query is not None, key
    return query


def _columns(key: str) -> str:
    return ", ".join(column["name"] for column in tables()[key].columns)


def sync_catalogue(run: Run) -> None:
    """Bring products, costs and locations up to date, and mark the dates whose figures change with them."""
    catalogue.sync(run.database, run.warehouse, run.run_id)


def find_new_events(run: Run) -> None:
    """Read the raw partitions whose row count changed; tell new events from duplicates, conflicts and what breaks the
    contract."""
    warehouse = run.warehouse
    warehouse.refill("staging.changed_partitions", _query("staging.changed_partitions"))
    changed = warehouse.query("SELECT DISTINCT publish_date FROM ${staging}.changed_partitions ORDER BY 1")
    run.partitions = [row["publish_date"] for row in changed]
    partitions = date_array(run.partitions)
    for stream in LOADED:
        warehouse.refill(f"staging.candidate_{stream}", _query(f"staging.candidate_{stream}"), partitions=partitions)
        refused = warehouse.query(
            f"SELECT COUNT(*) AS n FROM ${{staging}}.candidate_{stream} WHERE refusal IS NOT NULL HAVING COUNT(*) > 0"
        )
        run.counts |= {f"{stream}_quarantined": row["n"] for row in refused}
    conflicts.settle(run)
    for stream in LOADED:
        rows = warehouse.query(
            f"SELECT DISTINCT business_date FROM ${{staging}}.candidate_{stream} WHERE refusal IS NULL ORDER BY 1"
        )
        warehouse.refill(
            f"staging.new_{stream}",
            _query(f"staging.new_{stream}"),
            business_dates=date_array([row["business_date"] for row in rows]),
        )
        outcomes = warehouse.query(f"SELECT outcome, COUNT(*) AS n FROM ${{staging}}.new_{stream} GROUP BY outcome")
        run.counts |= {f"{stream}_{row['outcome']}": row["n"] for row in outcomes}


def load_events(run: Run) -> str | None:
    """New events into the history, first purchases, stock and the event log: one transaction, once a run."""
    if not run.partitions:
        return None
    rows = run.warehouse.query(
        "SELECT MIN(business_date) AS since FROM ${staging}.new_inventory WHERE outcome = 'loaded' AND kind = 'count'"
    )
    first, partitions = _query("staging.first_purchase"), date_array(run.partitions)
    return run.warehouse.transaction_of(
        [
            *(statements.LOADED_ELSEWHERE % {"stream": s, "partitions": partitions} for s in LOADED),
            *(_insert(stream.history) for stream in LOADED.values() if stream.history),
            *(statements.MARK_NEW % {"stream": s} for s in LOADED if quality.is_rebuilt(s)),
            *(statements.MARK_UNCHECKED % {"stream": s} for s in LOADED if not quality.is_rebuilt(s)),
            statements.MARK_FORMER_FIRST % {"query": first},
            statements.MERGE_FIRST % {"query": first},
            statements.MERGE_STOCK % {"query": _query("staging.stock")},
            *(statements.LOG % {"stream": stream} for stream in LOADED),
            *(statements.RELEASE % {"stream": s, "partitions": partitions} for s in LOADED),
            *(statements.QUARANTINE % {"stream": stream} for stream in LOADED),
            statements.FORGET_COUNTS,
            statements.KEEP_COUNTS,
        ],
        unless="SELECT 1 FROM ${staging}.raw_counts WHERE run_id = '${run_id}'",
        run_id=run.run_id,
        # Movements before the earliest new count cannot matter to it; its own date is read whole.
        history_from=literal(rows[0]["since"] or date(9999, 12, 31)),
    )


def _insert(name: str) -> str:
    columns, query = _columns(f"staging.{name}"), _query(f"staging.{name}")
    return f"INSERT INTO ${{staging}}.{name} ({columns}) SELECT {columns} FROM ({query})"


def find_dirty_dates(run: Run) -> None:
    """Choose the business dates to rebuild: those marked since they were last published, those asked for, and all of them
    for a mart that is new."""
    warehouse = run.warehouse
    warehouse.narrow_live_views()  # what has arrived is loaded now
    if run.from_date and run.to_date:
        first, last = literal(run.from_date), literal(run.to_date)
        warehouse.query(statements.MARK_ASKED % {"first": first, "last": last}, run_id=run.run_id)
    if faulty := quality.built_days(run):
        warehouse.query(statements.MARK_FAULTY % {"dates": date_array(faulty)}, run_id=run.run_id)
    _mark_new_marts(run)
    warehouse.refill("staging.build_dates", statements.DIRTY)
    rows = warehouse.query("SELECT business_date FROM ${staging}.build_dates ORDER BY 1")
    run.dates = [row["business_date"] for row in rows]
    run.counts["dates"] = len(run.dates)


def _mark_new_marts(run: Run) -> None:
    """Mark the whole history behind each mart, and each read model, that has not been built for it yet: once."""
    marked = {row["target"] for row in run.warehouse.query("SELECT target FROM ${staging}.mart_histories")}
    fresh = {target: mart for mart in MARTS.values() if mart.by_date for target in mart.targets if target not in marked}
    if not fresh:
        return
    histories = [table for table in HISTORY_TABLES if any(table in mart.sources for mart in fresh.values())]
    targets = ", ".join(f"'{target}'" for target in fresh)
    run.warehouse.transaction(
        [
            *(statements.MARK_HISTORY % {"history": table} for table in histories),
            statements.KEEP_MARKED % {"targets": f"[{targets}]"},
        ],
        run_id=run.run_id,
    )


def build_mart(run: Run, mart: str) -> str:
    """The rows of one mart beside the published ones: of the dirty dates, or all of them."""
    declared = MARTS[mart]
    return run.warehouse.refill_of(f"staging.{declared.build}", declared.query, run.dates)


def check_quality(run: Run) -> None:
    """Run every check; results are kept whatever they say. Raises `QualityStop` when an error failed."""
    quality.check(run)


def publish_marts(run: Run) -> str:
    """Flip to the new rows in one transaction: a reader sees all of the old or all of the new."""
    dated = f"{DATE} IN UNNEST({date_array(run.dates)})"
    return run.warehouse.transaction_of(
        [
            *(
                statements.PUBLISH
                % {
                    "table": mart.table,
                    "build": mart.build,
                    "columns": ", ".join(column.name for column in mart.columns),
                    "rows": dated if mart.by_date else "TRUE",
                }
                for mart in MARTS.values()
            ),
            statements.PUBLICATION,
            statements.CLEAN,
        ],
        unless="SELECT 1 FROM ${marts}.publications WHERE publication_id = '${run_id}'",
        run_id=run.run_id,
    )


def publish_read_model(run: Run) -> None:
    """Copy to Cloud SQL what it does not have yet: this publication, and any that a killed run left behind."""
    read_model.publish(run.database, run.warehouse, run.settings.timezone)
    log.info(interface.PUBLISHED, extra={"event": interface.PUBLISHED, "run_id": run.run_id, **run.counts})
