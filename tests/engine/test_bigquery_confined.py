"""The BigQuery stand-in keeps to its own files and callers, and answers while it writes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.api_core.exceptions import GoogleAPIError

from tests.support.bigquery import bigquery_client
from tests.support.world import PROJECT

INSERTS = 40  # beside reads, the process stood still within 23


def test_it_answers_while_rows_are_streamed_in(bigquery_url: str) -> None:
    """Reads of metadata ran in threads, on the connection that an insert held: each waited for the other, for ever."""
    client = bigquery_client(bigquery_url, PROJECT)
    client.create_dataset("streamed")
    client.query("CREATE TABLE streamed.rows (id STRING, text STRING)").result()
    rows: list[Any] = [{"id": str(n), "text": "x" * 1000} for n in range(500)]
    ended, failures = threading.Event(), []

    def read() -> None:
        with httpx.Client(base_url=bigquery_url, timeout=20) as reader:
            while not ended.is_set():
                for path in ("/readyz", f"/bigquery/v2/projects/{PROJECT}/datasets/streamed/tables/rows", "/healthz"):
                    try:
                        reader.get(path).raise_for_status()
                    except httpx.HTTPError as error:
                        failures.append(f"{path}: {error!r}")
                        return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(INSERTS):
            assert not failures
            assert client.insert_rows_json("streamed.rows", rows, timeout=30, retry=None) == []  # type: ignore[arg-type]
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert failures == []
    (count,) = next(iter(client.query("SELECT COUNT(*) FROM streamed.rows").result()))
    assert count == INSERTS * len(rows)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv_auto('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "EXPORT DATA OPTIONS (uri = '{outside}', format = 'CSV') AS SELECT 1 AS n",
        "EXPORT DATA OPTIONS (uri = 'file://{outside}', format = 'CSV') AS SELECT 1 AS n",
        "COPY (SELECT 1) TO '{outside}'",
        "SET enable_external_access = true",
        "ATTACH '{outside}' AS other",
    ],
)
def test_a_statement_reaches_no_file_of_the_machine(bigquery_url: str, tmp_path: Path, statement: str) -> None:
    outside = tmp_path / "outside-*.csv"
    with pytest.raises(GoogleAPIError):
        bigquery_client(bigquery_url, PROJECT).query(statement.format(outside=outside), retry=None).result()  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}], ids=str
)
def test_a_web_page_cannot_run_a_statement(bigquery_url: str, headers: dict[str, str]) -> None:
    body = b'{"query": "SELECT 1", "useLegacySql": false}'
    url = f"{bigquery_url}/bigquery/v2/projects/{PROJECT}/queries"
    assert httpx.post(url, content=body, headers={"Content-Type": "text/plain"}).status_code == 200
    assert httpx.post(url, content=body, headers={"Content-Type": "text/plain"} | headers).status_code == 403
