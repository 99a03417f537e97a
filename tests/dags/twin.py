"""A second warehouse and database beside a stack's own: what Airflow fills from the same events, to be compared."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit, urlunsplit

import psutil
import psycopg

from tests.support.checkout import Checkout
from workloads.marts import reported
from workloads.runtime.database import DatabaseSettings
from workloads.runtime.interface import Role
from workloads.runtime.migrate import migrate

DATABASE = "airflow_twin"
DATASETS = {"STAGING_DATASET": "staging_airflow", "MARTS_DATASET": "marts_airflow"}
KEPT_EMPTY = {"alembic_version", "figures_basis", "pipeline_run", "quality_fault", "quality_result", "quality_waiver"}
"""And every `report_…`: the pipeline's own to write."""
READ_MODEL = tuple(mart.report for mart in reported())
# Columns that tell when and by which run a row was written.
WRITTEN = {"publication_id", "run_id", "recorded_from", "recorded_to"}


@dataclass(frozen=True)
class Twin:
    """The stack's raw events and live inventory, and empty staging, marts and reports."""

    stack: Checkout
    environment: dict[str, str]
    superuser: str

    def rows(self, table: str, where: str = "TRUE") -> list[str]:
        """A table's or view's rows as text, in an order of their own, without what tells one run from another."""
        with self.stack.warehouse() as client:
            rows = [dict(row) for row in client.query_and_wait(f"SELECT * FROM {table} WHERE {where}")]
        return sorted(_text(row) for row in rows)

    def reports(self, dsn: str) -> dict[str, list[str]]:
        """The read model's rows, likewise."""
        with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as db:
            return {
                name: sorted(_text(row) for row in db.execute(f"SELECT * FROM {name}".encode())) for name in READ_MODEL
            }

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        with psycopg.connect(self.superuser, autocommit=True, row_factory=psycopg.rows.dict_row) as db:
            yield db


def _text(row: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in row.items() if key not in WRITTEN}, default=str, sort_keys=True)


def digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def twin_of(stack: Checkout) -> Twin:
    """Make one, with the environment that the stack's own pipeline has, pointed at it."""
    process = next(p for p in stack.processes() if p["name"] == "pipeline")
    theirs = psutil.Process(process["pid"]).environ()
    own = {"PATH", "HOME", "PORT", "PYTHONPATH", "VIRTUAL_ENV"}
    environment = {key: value for key, value in theirs.items() if key not in own} | DATASETS
    url = urlsplit(environment["DATABASE_URL"])
    user = unquote(url.username or "")
    environment["DATABASE_URL"] = urlunsplit(url._replace(path=f"/{DATABASE}"))
    anonymous = {"is_anonymous": True, "project": stack.endpoints["project"]}
    connection = {"conn_type": "google_cloud_platform", "extra": anonymous}
    environment["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"] = json.dumps(connection)

    superuser = urlsplit(stack.endpoints["postgres"])
    there = urlunsplit(superuser._replace(path=f"/{DATABASE}"))
    with psycopg.connect(stack.endpoints["postgres"], autocommit=True) as db:
        db.execute(f"CREATE DATABASE {DATABASE}".encode())
    plain = superuser._replace(netloc=superuser.netloc.replace(f":{superuser.password}@", "@"), path=f"/{DATABASE}")
    with patch.dict(os.environ, {"PGPASSWORD": unquote(superuser.password or "")}):
        migrate(DatabaseSettings(database_url=urlunsplit(plain)), {user: Role.WRITER})
    _copy_tables(stack.endpoints["postgres"], there)
    twin = Twin(stack, environment, there)
    with twin.stack.warehouse() as client:
        for name in DATASETS.values():
            client.create_dataset(name)
    return twin


def _copy_tables(source: str, target: str) -> None:
    """Catalogue, live inventory and its events: what the pipeline reads of Cloud SQL."""
    with psycopg.connect(source) as here, psycopg.connect(target) as there:
        there.execute("SET session_replication_role = replica")  # in any order
        for (table,) in here.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            if table in KEPT_EMPTY or table.startswith("report_"):
                continue
            with (
                here.cursor().copy(f"COPY {table} TO STDOUT".encode()) as out,
                there.cursor().copy(f"COPY {table} FROM STDIN".encode()) as into,
            ):
                for block in out:
                    into.write(block)
