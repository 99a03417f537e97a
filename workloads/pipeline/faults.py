"""Data quality faults: what a check found wrong, from the run that saw it first until the one that no longer does.

A fault is a check and a place. It stands, whatever later runs have to load, until a run that looks there again finds it
mended, or somebody waives it for a time. While one of severity `error` stands unwaived nothing is published. Each run
looks again at the day of some open faults, those first that have waited longest: what a run costs follows what changed,
not how long ago something broke.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import DictRow

from workloads.pipeline.checks import PLACES, Case, Check

DAYS_AGAIN = 31
"""Days with an open fault that a run reads again, for each history."""

Connection = psycopg.Connection[DictRow]
Examined = Callable[[str, date | None], bool]
"""Whether a check has looked at a place, or at the day of what was found there."""


class NoSuchFault(LookupError):  # noqa: N818 - an answer
    """No open fault has this id."""


def printable(text: str) -> str:
    """A text from an event, fit to be kept and shown: PostgreSQL takes no NUL, a terminal should get no control."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)[:1000]


def days_again(connection: Connection, names: Collection[str], prefix: str = "", most: int = DAYS_AGAIN) -> list[date]:
    """Days on which open faults of these checks are to be looked for again; `prefix`: at places that begin so."""
    rows = connection.execute(
        "SELECT day FROM quality_fault WHERE ended_at IS NULL AND day IS NOT NULL AND check_name = ANY(%s) "
        "AND starts_with(place, %s) GROUP BY day ORDER BY min(examined_at), day LIMIT %s",
        [list(names), prefix, most],
    )
    return sorted(row["day"] for row in rows)


def record(
    connection: Connection, run_id: str, at: datetime, check: Check, cases: Sequence[Case], examined: Examined
) -> None:
    """Open, keep or end the faults of one check by what it found and where it looked."""
    truncated = len(cases) > PLACES
    seen = {printable(case.place): case for case in cases[:PLACES]}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO quality_fault AS f (check_name, place, table_name, severity, description, day, failures, sample,
                                            first_seen, last_seen, examined_at, first_run_id, last_run_id)
            VALUES (%(check)s, %(place)s, %(table)s, %(severity)s, %(description)s, %(day)s, %(failures)s, %(sample)s,
                    %(at)s, %(at)s, %(at)s, %(run_id)s, %(run_id)s)
            ON CONFLICT (check_name, place) WHERE ended_at IS NULL DO UPDATE
            SET day = excluded.day, failures = excluded.failures, sample = excluded.sample,
                severity = excluded.severity, description = excluded.description,
                last_seen = excluded.last_seen, examined_at = excluded.examined_at, last_run_id = excluded.last_run_id
            """,
            [
                {
                    "check": check.name,
                    "place": place,
                    "table": check.table,
                    "severity": check.severity,
                    "description": check.description,
                    "day": case.day,
                    "failures": case.failures,
                    "sample": printable(case.sample),
                    "at": at,
                    "run_id": run_id,
                }
                for place, case in seen.items()
            ],
        )
        if truncated:
            return  # what is not among the cases may be beyond their number
        standing = cursor.execute(
            "SELECT id, place, day FROM quality_fault WHERE ended_at IS NULL AND check_name = %s", [check.name]
        ).fetchall()
        ended = [row["id"] for row in standing if row["place"] not in seen and examined(row["place"], row["day"])]
        cursor.execute("UPDATE quality_fault SET ended_at = %s, examined_at = %s WHERE id = ANY(%s)", [at, at, ended])


def retire(connection: Connection, at: datetime, names: Collection[str]) -> None:
    """End the faults of checks that no longer exist: nothing would ever find them mended."""
    connection.execute(
        "UPDATE quality_fault SET ended_at = %s WHERE ended_at IS NULL AND NOT check_name = ANY(%s)", [at, list(names)]
    )


def stopping(connection: Connection, today: date) -> list[dict[str, Any]]:
    """The open faults that keep the publication stopped, oldest first."""
    return connection.execute(
        "SELECT * FROM quality_fault WHERE ended_at IS NULL AND severity = 'error' "
        "AND (waived_until IS NULL OR waived_until < %s) ORDER BY first_seen, id",
        [today],
    ).fetchall()


def words(fault: Mapping[str, Any]) -> str:
    """A fault in one line."""
    where = fault["place"] or fault["table_name"]
    return f"{fault['check_name']} in {where}: {fault['description']} ({fault['failures']}: {fault['sample']}; fault {fault['id']})"


def today(timezone: str) -> date:
    """The business's date: a waiver holds to the end of its own."""
    return datetime.now(ZoneInfo(timezone)).date()


def waive(connection: Connection, fault_id: str, until: date, reason: str) -> dict[str, Any]:
    """Let an open fault pass until the end of a date, and keep why; return it.

    Raises:
        NoSuchFault: there is no such fault, or it has ended.
    """
    if not (fault_id.isascii() and fault_id.isdigit() and len(fault_id) <= 18):
        raise NoSuchFault(fault_id)
    with connection.transaction():
        row = connection.execute(
            "UPDATE quality_fault SET waived_until = %s, waived_reason = %s, waived_at = %s "
            "WHERE id = %s AND ended_at IS NULL RETURNING *",
            [until, reason, datetime.now(UTC), int(fault_id)],
        ).fetchone()
        if row is None:
            raise NoSuchFault(fault_id)
        connection.execute(
            "INSERT INTO quality_waiver (fault_id, waived_until, reason) VALUES (%s, %s, %s)",
            [row["id"], until, reason],
        )
    return row
