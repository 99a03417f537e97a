"""A table whose rows were streamed in the last half hour: BigQuery does not truncate it, and neither does the stand-in."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable

import grpc
import pyarrow  # type: ignore[import-untyped]  # no stubs
import pytest
from bqemulator.domain.errors import InvalidQueryError
from fastyle_localcloud.standins.streaming_buffer import BUFFER_SECONDS, StreamingBuffer
from google.api_core.exceptions import BadRequest
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport

from tests.support.bigquery import bigquery_client
from tests.support.world import PROJECT

REFUSAL = re.escape(
    "TRUNCATE DML statement over table buffer.rows would affect rows in the streaming buffer, which is not supported"
)


@pytest.fixture
def client(bigquery_url: str) -> bigquery.Client:
    """Of a dataset `buffer` with an empty table `rows`."""
    made = bigquery_client(bigquery_url, PROJECT)
    made.delete_dataset("buffer", delete_contents=True, not_found_ok=True)
    made.create_dataset("buffer")
    made.create_table(bigquery.Table(f"{PROJECT}.buffer.rows", schema=[bigquery.SchemaField("id", "STRING")]))
    return made


def run(client: bigquery.Client, statement: str) -> list[str]:
    return [row[0] for row in client.query(statement).result()]


def insert(client: bigquery.Client) -> None:
    """By insertAll, as the stand-in of Pub/Sub's BigQuery subscriptions writes."""
    assert client.insert_rows_json("buffer.rows", [{"id": "streamed"}]) == []


@pytest.fixture
def append(bigquery_grpc_port: int) -> Callable[[bigquery.Client], None]:
    """By the Storage Write API's default stream."""

    def one(_: bigquery.Client) -> None:
        batch = pyarrow.record_batch({"id": ["streamed"]})
        stream = f"projects/{PROJECT}/datasets/buffer/tables/rows/streams/_default"
        request = types.AppendRowsRequest(write_stream=stream)
        request.arrow_rows.writer_schema.serialized_schema = batch.schema.serialize().to_pybytes()
        request.arrow_rows.rows.serialized_record_batch = batch.serialize().to_pybytes()
        with grpc.insecure_channel(f"127.0.0.1:{bigquery_grpc_port}") as channel:
            writer = BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))  # type: ignore[no-untyped-call]
            (answer,) = writer.append_rows(iter([request]))
        assert not answer.error.code, answer.error

    return one


@pytest.mark.parametrize(
    "statement", ["TRUNCATE TABLE buffer.rows", f"truncate table `{PROJECT}.buffer.rows`", "BEGIN TRUNCATE TABLE buffer.rows; END"]
)  # fmt: skip
def test_a_table_with_streamed_rows_is_not_truncated(client: bigquery.Client, statement: str) -> None:
    insert(client)
    with pytest.raises(BadRequest, match=REFUSAL) as refused:
        run(client, statement)
    assert refused.value.errors[0]["reason"] == "invalidQuery"
    assert run(client, "SELECT id FROM buffer.rows") == ["streamed"]


def test_rows_of_the_storage_write_api_are_deleted_but_not_truncated(
    client: bigquery.Client, append: Callable[[bigquery.Client], None]
) -> None:
    append(client)
    with pytest.raises(BadRequest, match=REFUSAL):
        run(client, "TRUNCATE TABLE buffer.rows")
    run(client, "UPDATE buffer.rows SET id = 'changed' WHERE TRUE")
    assert run(client, "SELECT id FROM buffer.rows") == ["changed"]
    run(client, "DELETE FROM buffer.rows WHERE TRUE")
    assert run(client, "SELECT id FROM buffer.rows") == []


def test_what_was_not_streamed_is_truncated(client: bigquery.Client) -> None:
    insert(client)
    run(client, "CREATE TABLE buffer.other (id STRING)")
    run(client, "INSERT INTO buffer.other SELECT id FROM buffer.rows")
    source = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON)
    client.load_table_from_file(io.BytesIO(b'{"id": "loaded"}'), "buffer.other", job_config=source).result()
    run(client, "TRUNCATE TABLE buffer.other")
    assert run(client, "SELECT id FROM buffer.other") == []


@pytest.mark.parametrize("again", ["by the API", "CREATE OR REPLACE TABLE", "DROP TABLE"])
def test_a_table_that_was_made_again_is_truncated(client: bigquery.Client, again: str) -> None:
    insert(client)
    if again == "by the API":
        client.delete_table("buffer.rows")
        client.create_table(bigquery.Table(f"{PROJECT}.buffer.rows", schema=[bigquery.SchemaField("id", "STRING")]))
    elif again == "DROP TABLE":
        run(client, "DROP TABLE buffer.rows")
        run(client, "CREATE TABLE IF NOT EXISTS buffer.rows (id STRING)")
    else:
        run(client, "CREATE OR REPLACE TABLE buffer.rows (id STRING)")
    run(client, "TRUNCATE TABLE buffer.rows")


def test_the_buffer_is_empty_after_half_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer, truncate = StreamingBuffer(), 'TRUNCATE TABLE "p__d"."t"'
    buffer.note('INSERT INTO "p__d"."t" SELECT * FROM __bqemu_write_1')
    with pytest.raises(InvalidQueryError, match=r"over table d\.t would"):
        buffer.check(truncate)
    later = time.monotonic() + BUFFER_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    buffer.check(truncate)
