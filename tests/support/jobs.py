"""Every job that the pipeline sends to BigQuery, taken down from a run that talks to nobody.

The run is the real one, over a real PostgreSQL; only Google's client is replaced, by one that keeps what it is asked
and answers with the least rows that lead the run through each of its branches.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any
from unittest import mock

import psycopg
from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from tests.support.postgres import migrated_database
from workloads.events import STREAMS
from workloads.pipeline import operating, runner
from workloads.pipeline.checks import checks
from workloads.pipeline.replay_progress import Progress
from workloads.pipeline.replay_stores import Stores
from workloads.pipeline.settings import Settings
from workloads.pipeline.tables import tables
from workloads.pipeline.warehouse import WarehouseClient

DAY = date(2026, 3, 4)
SHARED = "00000000-0000-4000-8000-000000000001"
MAXIMUM_BYTES_BILLED = 123_456_789
PIPELINE = Path(runner.__file__).parent
_HANDED = ("run", "query", "transaction", "transaction_of", "refill", "refill_of")

Rows = list[dict[str, Any]]

# What a query is told, by words of it; the first that fits.
ANSWERS: tuple[tuple[str, Rows], ...] = (
    ("SELECT DISTINCT publish_date", [{"publish_date": DAY}]),
    ("SELECT DISTINCT business_date FROM", [{"business_date": DAY}]),
    ("SELECT business_date FROM staging.build_dates", [{"business_date": DAY}, {"business_date": date(2026, 3, 5)}]),
    ("SELECT event_id FROM staging.shared_events", [{"event_id": SHARED}]),
    ("WHERE refusal IS NULL AND event_id IN UNNEST(@event_ids)", [{"event_id": SHARED, "body_hash": 1}]),
    (
        "FROM staging.unchecked_dates GROUP BY",
        [{"of_stream": "inventory", "business_date": DAY, "marked_at": datetime(2026, 3, 5, tzinfo=UTC)}],
    ),
    ("AS first_change", [{"first_change": datetime(2026, 3, 1, tzinfo=UTC)}]),
    ("AS live_since", [{"live_since": DAY}]),
    ("MIN(business_date) AS since", [{"since": DAY}]),
    (
        "FROM marts.publications ORDER BY",
        [
            {
                "publication_id": "p",
                "run_id": "r",
                "published_at": datetime(2026, 3, 5, tzinfo=UTC),
                "as_of": None,
                "first_date": DAY,
                "last_date": DAY,
            }
        ],
    ),
)


@dataclass
class Job:
    """One query as it would reach BigQuery."""

    sql: str
    config: bigquery.QueryJobConfig | None
    total_bytes_billed: int = 0
    answer: Rows = field(default_factory=list)

    def result(self, **_: object) -> Rows:
        return self.answer


class RecordingClient:
    """Stands in for `bigquery.Client`; any other use of the client than these fails, and with it the test."""

    project = "recorded"

    def __init__(self, jobs: list[Job], created: list[bigquery.Table], answers: tuple[tuple[str, Rows], ...]) -> None:
        self._http = mock.Mock()
        self._jobs, self._created, self._answers = jobs, created, answers

    def query(self, sql: str, *, job_config: bigquery.QueryJobConfig | None = None, **_: object) -> Job:
        answer = next((rows for words, rows in self._answers if words in sql), [])
        self._jobs.append(Job(sql, job_config, answer=answer))
        return self._jobs[-1]

    def load_table_from_file(self, rows: IO[bytes], target: str, **_: object) -> Job:
        return Job(f"a load into {target}", None)

    def get_table(self, reference: object, **_: object) -> bigquery.Table:
        raise NotFound(str(reference))  # type: ignore[no-untyped-call]

    def create_table(self, table: bigquery.Table, **_: object) -> None:
        self._created.append(table)

    def update_table(self, table: bigquery.Table, fields: list[str], **_: object) -> None:
        assert fields == ["labels"], "what is not there has nothing else to change"


@dataclass
class Recorded:
    """The jobs of some runs, and the tables they declared."""

    jobs: list[Job]
    tables: list[bigquery.Table]


def settings(database_url: str, **more: Any) -> Settings:
    """Settings of a run; datasets have their own names, so that a statement reads as it is declared."""
    told: dict[str, Any] = {
        "google_cloud_project": "recorded",
        "timezone": "America/New_York",
        "currency": "USD",
        "database_url": database_url,
        "bigquery_location": "us-central1",
        "database_auth": "none",
        "bigquery_emulator_host": "http://127.0.0.1:9",
        "maximum_bytes_billed": MAXIMUM_BYTES_BILLED,
        "raw_retention_days": 60,
        "reorder_point": 20,
        "max_days_of_cover": 60,
    }
    return Settings(**{**told, **more})


def record(database_url: str | None = None) -> Recorded:
    """Every job of a run with news, of one over a range asked for, of one that finds nothing, and of a replay."""
    recorded = Recorded([], [])
    url = database_url or migrated_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO product (sku, name, category, list_price) VALUES ('A-1', 'a', 'tops', 20);"
            "INSERT INTO product_cost (sku, valid_from, unit_cost) VALUES ('A-1', '-infinity', 5.25);"
            "INSERT INTO location (location_id, name, kind) VALUES ('S01', 's', 'branch');"
            f"INSERT INTO stream_event (event_id, stream, event_time, publish_time, body_sha256) "
            f"VALUES ('{SHARED}', 'sales', now(), now(), '');"
            "INSERT INTO event_conflict (event_id, body_sha256, stream, body, publish_time) "
            f"VALUES ('{SHARED}', '', 'sales', '{{\"event_id\": \"{SHARED}\"}}', now());"
            "INSERT INTO quality_fault (check_name, place, table_name, severity, description, day, failures, first_seen, "
            "last_seen, examined_at, first_run_id, last_run_id) SELECT c, '2026-03-04', 't', 'warn', 'd', '2026-03-04', 1, "
            "now(), now(), now(), 'r', 'r' FROM unnest(ARRAY['gmv_daily.complete', 'sales_lines.ranges']) AS c"
        )
    for answers, asked in ((ANSWERS, (None, None)), (ANSWERS, (DAY, DAY)), ((), (None, None))):
        if not answers:  # nor is there a catalogue
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DELETE FROM product_cost; DELETE FROM product; DELETE FROM location")
        client = RecordingClient(recorded.jobs, recorded.tables, answers)
        with (
            mock.patch("workloads.pipeline.warehouse.bigquery.Client", return_value=client),
            mock.patch("workloads.pipeline.lake.Lake") as lake,
        ):
            lake().opened.return_value = ()
            report = runner.run(settings(url, lake_bucket="lake"), *asked)
        assert report.state == "succeeded", report.error
    client = RecordingClient(
        recorded.jobs, recorded.tables, (("SELECT COUNT(*) AS n FROM staging.quarantine", [{"n": 3}]),)
    )
    with mock.patch("workloads.pipeline.warehouse.bigquery.Client", return_value=client):
        stores = Stores(settings(url), WarehouseClient(settings(url)))
        for stream in STREAMS.values():
            written = {"table": stream.table, "publish_time": "2026-03-04T00:00:00+00:00", "message_id": "1"}
            assert not stores.hold(mock.Mock(spec=Progress, recorded="", written=written))
        with mock.patch("workloads.pipeline.operating.WarehouseClient.ensure_tables"):
            assert operating.redrive(settings(url)) == 3
    return recorded


def templates(folder: Path = PIPELINE) -> dict[str, str]:
    """Every piece of GoogleSQL that the pipeline holds, by where it stands: files, and texts in the code.

    In the code it is what names a dataset as `${…}` or is handed to the warehouse as it stands. What is filled in is
    `\0`.
    """
    texts = {key: table.query for key, table in tables().items() if table.query}
    texts |= {check.name: check.sql for check in checks().values()}
    for path in sorted(folder.rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        handed = {
            id(argument)
            for call in ast.walk(module)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _HANDED
            for argument in call.args
        }
        inside = {id(part) for node in ast.walk(module) if isinstance(node, ast.JoinedStr) for part in node.values}
        documentation = {id(node.value) for node in ast.walk(module) if isinstance(node, ast.Expr)}
        for node in ast.walk(module):
            text = _text(node)
            if text is None or id(node) in inside | documentation:
                continue
            if re.search(r"\$\{\w+\}\.", text) or (id(node) in handed and " " in text):
                texts[f"{path.name}:{node.lineno}"] = text  # type: ignore[attr-defined]
    return {where: re.sub(r"\$\{[^}]+\}|%\(\w+\)s|%s|\[?build_dates\]?", "\0", text) for where, text in texts.items()}


def _text(node: ast.AST) -> str | None:
    """A literal, or an f-string with `\0` for what it fills in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
    return None


def occurs(template: str, jobs: list[Job]) -> bool:
    """Whether a job was made from the template."""
    parts = (re.escape(part) for part in template.strip().rstrip(";").split("\0"))
    wanted = re.compile(".*?".join(parts), re.DOTALL)
    return any(wanted.search(job.sql) for job in jobs)
