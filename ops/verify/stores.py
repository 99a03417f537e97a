"""The stores of a stack as `fastyle verify` reads them: the warehouse, the lake, the API and Pub/Sub's state."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import fastavro
import google.auth.exceptions
import httpx
from google.api_core.exceptions import GoogleAPIError
from google.cloud import bigquery, storage  # type: ignore[attr-defined]  # no stubs

from ops.endpoints import LOCAL, Endpoints
from ops.errors import OperatorError
from ops.google import connection, request
from ops.summary import lake_client, warehouse_client

Row = dict[str, Any]
_MAXIMUM_BYTES = 10 * 2**30  # 0.06 USD; what a look at the last partitions of a raw table stays far below
_SECONDS = 60.0


class Stores:
    """Clients of one stack, with the caller's own credentials in the cloud."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self._bigquery: bigquery.Client | None = None

    @property
    def is_local(self) -> bool:
        return self.endpoints.stack == LOCAL

    def query(self, statement: str, **parameters: str | datetime) -> list[Row]:
        """Rows of GoogleSQL; `@name` is a parameter, `{raw}`, `{staging}` and `{marts}` the stack's datasets.

        Raises:
            OperatorError: BigQuery refuses, or is out of reach.
        """
        values = [bigquery.ScalarQueryParameter(name, _type(value), value) for name, value in parameters.items()]
        try:
            if self._bigquery is None:
                project = self.endpoints.project
                self._bigquery = warehouse_client(self.endpoints) if self.is_local else bigquery.Client(project)
            # The default retry waits ten minutes for a service that is not there.
            job = self._bigquery.query(
                statement.format(**self.endpoints.datasets),
                job_config=bigquery.QueryJobConfig(query_parameters=values, maximum_bytes_billed=_MAXIMUM_BYTES),
                timeout=_SECONDS,
                retry=None,  # type: ignore[arg-type]  # documented: None switches it off
                job_retry=None,
            )
            return [dict(row) for row in job.result(timeout=_SECONDS)]
        except (GoogleAPIError, google.auth.exceptions.GoogleAuthError, OSError, TimeoutError) as error:
            raise OperatorError(f"BigQuery: {first_line(error)}") from None

    def lake_ids(self, topic: str, since: datetime) -> Iterator[str]:
        """Event ids of the lake's objects of a topic that were written since.

        Raises:
            OperatorError: Cloud Storage refuses, or is out of reach.
        """
        try:
            client = lake_client(self.endpoints) if self.is_local else storage.Client(self.endpoints.project)
            # Named by the time at which they were begun: those of this hour and the one before hold it.
            for blob in client.list_blobs(
                self.endpoints.bucket, prefix=f"{topic}/", start_offset=f"{topic}/{since:%Y-%m-%d/%H}", timeout=_SECONDS
            ):
                for record in fastavro.reader(io.BytesIO(blob.download_as_bytes(timeout=_SECONDS))):
                    assert isinstance(record, dict)
                    yield record["attributes"]["event_id"]
        except (GoogleAPIError, google.auth.exceptions.GoogleAuthError, OSError, ValueError) as error:
            raise OperatorError(f"the lake {self.endpoints.bucket}: {first_line(error)}") from None

    def statistics(self) -> dict[str, Row]:
        """Counters of the local Pub/Sub by subscription's short name; empty for a stack in the cloud."""
        if not self.is_local:
            return {}
        stats = request("GET", f"{self.endpoints.pubsub_control}/stats", timeout=10)
        return {name.rpartition("/")[2]: row for name, row in stats.get("subscriptions", stats).items()}


def get(url: str, headers: dict[str, str] | None = None, *, seconds: float = 20) -> httpx.Response:
    """One GET, whatever the status; redirects are answers.

    Raises:
        OperatorError: nothing answers.
    """
    try:
        return httpx.get(url, headers=headers, timeout=seconds, **connection(url))
    except httpx.HTTPError as error:
        raise OperatorError(f"{url} cannot be reached ({type(error).__name__}: {error})") from None


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _type(value: str | datetime) -> str:
    return "TIMESTAMP" if isinstance(value, datetime) else "STRING"
