"""A small world for the pipeline: a BigQuery stand-in and a PostgreSQL of their own, and events delivered to both.

A world is a set of datasets and a database; many share one stand-in. What Pub/Sub would write is written directly:
a row into the raw table, a record into the ledger of live inventory.

Writing a world's views takes the stand-in longer than several runs: `keep` and `restore` let tests use one world after
another, each from the same rows.
"""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import os
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from fastyle_localcloud.process import ProcessSpec
from fastyle_localcloud.standins.bigquery import spec
from google.cloud import bigquery
from psycopg.rows import dict_row

from tests.support.bigquery import bigquery_client
from tests.support.jobs import settings
from tests.support.postgres import copied_database, migrated_database
from tests.support.processes import free_port, running
from tests.support.push import wrap
from workloads.events import STREAMS
from workloads.events.schema import bigquery_fields
from workloads.inventory_sync.delivery import event_of, unwrap
from workloads.inventory_sync.ledger import record
from workloads.marts import MARTS, reported
from workloads.pipeline import runner
from workloads.pipeline.history import Report
from workloads.runtime.database import connect_async

ZONE = "America/New_York"
PROJECT = "recorded"
VIEWS = tuple(MARTS)
READ_MODEL = tuple(mart.report for mart in reported())
CATALOGUE = Path(__file__).resolve().parents[2] / "ops" / "data" / "catalogue"

Event = tuple[str, dict[str, Any]]
_numbers: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))
"""Of the worlds of each stand-in."""


def started_bigquery(folder: Path, *, durable: bool = False, grpc_port: int | None = None) -> Iterator[str]:
    """Start the stand-in, yield its base URL, and stop it; unless `durable`, it keeps everything in memory."""
    env = {"PATH": os.environ["PATH"], "TZ": "UTC"}
    what: ProcessSpec = spec(
        port=free_port(),
        grpc_port=grpc_port or free_port(),
        project=PROJECT,
        data_dir=folder,
        storage_dir=folder,
        env=env,
        durable=durable,
    )
    with running(folder / "log", what):
        yield f"http://127.0.0.1:{what.port}"


class World:
    """One warehouse with its database, empty but for the catalogue."""

    def __init__(self, url: str, catalogue: Path = CATALOGUE) -> None:
        # The first world of every stand-in has the same names: statements with names of their own, which nobody sent
        # before, would have to be translated each time.
        suffix = str(next(_numbers[url]))
        self._url = url
        self.datasets = {name: f"{name}_{suffix}" for name in ("raw", "staging", "marts")}
        self._kept: dict[str, tuple[str, list[bigquery.TableReference]]] = {}
        self.client = bigquery_client(url, PROJECT)
        self._use(migrated_database())
        for dataset in self.datasets.values():
            self.client.create_dataset(dataset)
        for stream in STREAMS.values():
            schema = [bigquery.SchemaField.from_api_repr(column) for column in bigquery_fields(stream)]
            table = bigquery.Table(f"{PROJECT}.{self.datasets['raw']}.{stream.table}", schema=schema)
            table.time_partitioning = bigquery.TimePartitioning(field="publish_time")
            self.client.create_table(table)
        self.load_catalogue(catalogue)

    def _use(self, database_url: str) -> None:
        self.database_url = database_url
        self.settings = settings(
            database_url,
            bigquery_emulator_host=self._url,
            **{f"{name}_dataset": dataset for name, dataset in self.datasets.items()},
        )

    def keep(self, state: str) -> None:
        """Remember under this name what the tables and the database hold."""
        listed = [t for dataset in self.datasets.values() for t in self.client.list_tables(dataset)]
        tables = [table.reference for table in listed if table.table_type == "TABLE"]
        if state in self._kept:
            raise ValueError(f"{state} is kept already")
        self.client.create_dataset(self._dataset_of(state))
        for table in tables:
            self._copy(table, self._kept_table(state, table))
        self._kept[state] = copied_database(self.database_url), tables

    def restore(self, state: str) -> None:
        """Put back what was kept under this name, and the world's own settings; views stay as they were last written."""
        database, tables = self._kept[state]
        for table in tables:
            self._copy(self._kept_table(state, table), table)
        self._use(copied_database(database))

    def _dataset_of(self, state: str) -> str:
        return f"{state}_{self.datasets['raw']}"

    def _kept_table(self, state: str, table: bigquery.TableReference) -> bigquery.TableReference:
        return bigquery.DatasetReference(PROJECT, self._dataset_of(state)).table(f"{table.dataset_id}_{table.table_id}")

    def _copy(self, source: bigquery.TableReference, target: bigquery.TableReference) -> None:
        configuration = bigquery.CopyJobConfig(write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE)
        self.client.copy_table(source, target, job_config=configuration).result()

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Run GoogleSQL; `${raw}`, `${staging}` and `${marts}` are this world's datasets."""
        for name, dataset in self.datasets.items():
            statement = statement.replace(f"${{{name}}}", dataset)
        return [dict(row) for row in self.client.query(statement).result()]

    def postgres(self, statement: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement, parameters)
            return list(cursor.fetchall()) if cursor.description else []

    def load_catalogue(self, folder: Path) -> None:
        """Put the catalogue of a folder of CSV in the place of the one there is."""
        products = _rows(folder / "products.csv")
        with psycopg.connect(self.database_url) as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM product_cost; DELETE FROM product; DELETE FROM location")
            first = {row["sku"]: row for row in products}
            cursor.executemany(
                "INSERT INTO product (sku, name, category, list_price, reorder_point) VALUES (%s, %s, %s, %s, %s)",
                [
                    [r["sku"], r["name"], r["category"], r["list_price"], r["reorder_point"] or None]
                    for r in first.values()
                ],
            )
            cursor.executemany(
                "INSERT INTO product_cost (sku, valid_from, unit_cost) VALUES (%s, %s, %s)",
                [[r["sku"], r["valid_from"] or "-infinity", r["unit_cost"]] for r in products],
            )
            cursor.executemany(
                "INSERT INTO location (location_id, name, kind) VALUES (%s, %s, %s)",
                [[r["location_id"], r["name"], r["kind"]] for r in _rows(folder / "locations.csv")],
            )

    def deliver(
        self, events: Iterable[Event], published: datetime | None = None, *, live: bool = True, subscription: str = "s"
    ) -> None:
        """Deliver messages, one an event, published at one time; `live`: to the live inventory as well."""
        published = published or datetime.now(UTC)
        events = list(events)
        for key, stream in STREAMS.items():
            rows = [self._row(event, published, subscription) for name, event in events if name == key]
            for start in range(0, len(rows), 500):
                table = f"{PROJECT}.{self.datasets['raw']}.{stream.table}"
                errors = self.client.insert_rows_json(table, rows[start : start + 500], retry=None)  # type: ignore[arg-type]
                assert not errors, errors
        if live and events:
            asyncio.run(self._record(events, published))

    def _row(self, event: Mapping[str, Any], published: datetime, subscription: str) -> dict[str, Any]:
        message = {"message_id": uuid.uuid4().hex, "publish_time": published.isoformat()}
        message["subscription_name"] = subscription
        return {**event, **message, "attributes": json.dumps({"event_id": event["event_id"]})}

    async def _record(self, events: Sequence[Event], published: datetime) -> None:
        when = published.isoformat().replace("+00:00", "Z")
        prepared = [
            event_of(name, unwrap(json.dumps(wrap(name, event, publishTime=when)).encode()), currency="USD")
            for name, event in events
        ]
        connection = await connect_async(self.settings)
        async with connection:
            for start in range(0, len(prepared), 500):
                await record(connection, prepared[start : start + 500], ZoneInfo(ZONE))

    def forget(self, *event_ids: str) -> None:
        """Take events from the raw tables and from the log of events, as their retention does after a while."""
        listed = ", ".join(f"'{event_id}'" for event_id in event_ids)
        for stream in STREAMS.values():
            self.sql(
                f"DELETE FROM ${{raw}}.{stream.table} WHERE publish_time >= '2010-01-01' AND event_id IN ({listed})"
            )
        self.sql(f"DELETE FROM ${{staging}}.event_log WHERE publish_date >= '2010-01-01' AND event_id IN ({listed})")

    def run(self, from_date: date | None = None, to_date: date | None = None) -> Report:
        """One run of the pipeline, whatever becomes of it."""
        return runner.run(self.settings, from_date, to_date)

    def published(self) -> dict[str, list[dict[str, Any]]]:
        """What readers see: every row of the marts' views and of the read model, in one order."""
        views = {name: self.sql(f"SELECT * FROM ${{marts}}.{name}") for name in VIEWS}
        for name in READ_MODEL:
            rows = self.postgres(f"SELECT * FROM {name}")
            views[name] = [{k: v for k, v in row.items() if k != "publication_id"} for row in rows]
        return {name: sorted(rows, key=_order) for name, rows in views.items()}


def _order(row: Mapping[str, Any]) -> str:
    return json.dumps(row, default=str, sort_keys=True)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
