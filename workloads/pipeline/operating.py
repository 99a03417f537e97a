"""What an operator does about data quality: waives a fault, has the quarantine judged again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import psycopg
from psycopg.rows import DictRow

from workloads.pipeline import faults, history
from workloads.pipeline.attempts import TimeBox
from workloads.pipeline.runner import NotReady, first_line
from workloads.pipeline.settings import Settings
from workloads.pipeline.warehouse import WarehouseClient
from workloads.runtime.database import connect

_SECONDS = 300.0
_RELEASE = """
UPDATE ${staging}.quarantine SET rule = ''
WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY) AND rule != ''
"""
_COUNT = """
SELECT COUNT(*) AS n FROM ${staging}.quarantine
WHERE publish_date >= DATE_SUB(CURRENT_DATE(), INTERVAL ${raw_retention_days} DAY)
"""


def waive(settings: Settings, fault_id: str, until: date, reason: str) -> dict[str, Any]:
    """Let a fault pass until the end of a date; return it as `/v1/quality` shows it.

    Raises:
        NoSuchFault: there is none of this id, or it has ended.
        NotReady: the database is out of reach or has no schema.
    """
    with _connection(settings) as connection:
        row = faults.waive(connection, fault_id, until, reason)
    return {
        "id": str(row["id"]),
        "check": row["check_name"],
        "severity": row["severity"],
        "where": row["place"] or row["table_name"],
        "waived_until": str(row["waived_until"]),
        "waived_reason": row["waived_reason"],
    }


def redrive(settings: Settings) -> int:
    """Have every quarantined row whose raw row is still there judged again by the next run; return how many.

    Raises:
        AlreadyRunning: a run is under way, which may be judging them.
        NotReady: the database is out of reach or has no schema.
    """
    with _connection(settings) as connection, history.given_back(connection):
        history.hold(connection)
        warehouse = WarehouseClient(settings, TimeBox(_SECONDS))
        warehouse.ensure_tables()
        warehouse.query(_RELEASE)
        [counted] = warehouse.query(_COUNT)
    return int(counted["n"])


@contextmanager
def _connection(settings: Settings) -> Iterator[psycopg.Connection[DictRow]]:
    try:
        with connect(settings) as connection:
            connection.autocommit = True
            yield connection
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        raise NotReady(f"the database: {first_line(error)}; try again once it is there") from None
