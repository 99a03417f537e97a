"""BigQuery's and Cloud Storage's stand-ins as processes of a test's own, without the rest of the local cloud."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastyle_localcloud.standins import bigquery
from fastyle_localcloud.storage import process as storage
from google.auth.credentials import AnonymousCredentials
from google.cloud.bigquery import Client, SchemaField, Table, TimePartitioning

from tests.support.processes import free_port, running
from workloads.events import STREAMS, bigquery_fields
from workloads.pipeline.settings import Settings

PROJECT = "fastyle-local"


@contextmanager
def standins(folder: Path) -> Iterator[dict[str, str]]:
    """Start both in `folder`; yields the variables by which the workloads find them."""
    port, grpc_port, storage_port = free_port(), free_port(), free_port()
    objects, data = folder / "objects", folder / "bigquery"
    environment = dict(os.environ)
    specs = (
        storage.spec(port=storage_port, data_dir=objects, location="us-central1", env=environment),
        bigquery.spec(
            port=port,
            grpc_port=grpc_port,
            project=PROJECT,
            data_dir=data,
            storage_dir=objects,
            env=environment,
            durable=False,
        ),
    )
    with running(folder / "standins.log", *specs):
        yield {
            "BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{port}",
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{storage_port}",
        }


def bigquery_client(variables: dict[str, str]) -> Client:
    """A client of the BigQuery that `standins` started."""
    return Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": variables["BIGQUERY_EMULATOR_HOST"]},
    )


def create_raw_tables(client: Client) -> None:
    """Create the datasets, and the raw tables anew: as the program does."""
    for dataset in ("raw", "staging", "marts"):
        client.create_dataset(dataset, exists_ok=True)
    for stream in STREAMS.values():
        schema = [SchemaField.from_api_repr(field) for field in bigquery_fields(stream)]
        table = Table(f"{PROJECT}.raw.{stream.table}", schema=schema)
        table.time_partitioning = TimePartitioning(field="publish_time")
        client.delete_table(table, not_found_ok=True)
        client.create_table(table)


def pipeline_settings(variables: dict[str, str], database_url: str, **more: Any) -> Settings:
    """Settings of the pipeline over them."""
    told: dict[str, Any] = {
        "google_cloud_project": PROJECT,
        "timezone": "America/New_York",
        "currency": "USD",
        "database_url": database_url,
        "bigquery_location": "us-central1",
        "bigquery_emulator_host": variables["BIGQUERY_EMULATOR_HOST"],
        "maximum_bytes_billed": 10_485_760,
        "raw_retention_days": 60,
        "reorder_point": 20,
        "max_days_of_cover": Decimal(60),
    }
    return Settings(**{**told, **more})
