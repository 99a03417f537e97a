"""Tables with rows in BigQuery's streaming buffer, which it does not truncate; bqemulator would.

For half an hour rows of insertAll are changed by no statement, and rows of the Storage Write API, by which Pub/Sub writes,
by `DELETE`, `UPDATE` and `MERGE` only (https://cloud.google.com/bigquery/docs/data-manipulation-language#limitations). Pub/Sub's
stand-in writes by insertAll: here `TRUNCATE` alone is refused, whoever wrote.
"""

from __future__ import annotations

import re
import time

from bqemulator.domain.errors import InvalidQueryError

BUFFER_SECONDS = 30 * 60

_TABLE = r'"(?P<table>[^"]+"\."[^"]+)"'
_STREAMED = re.compile(rf"INSERT INTO {_TABLE} SELECT .* FROM __bqemu_(?:insertall|write)_")
_MADE_ANEW = re.compile(rf"(?:DROP TABLE (?:IF EXISTS )?|CREATE (?:OR REPLACE )?TABLE ){_TABLE}")
_TRUNCATED = re.compile(rf"TRUNCATE TABLE {_TABLE}")


class StreamingBuffer:
    """When rows were last streamed to each table, by the statements that DuckDB is given; a new process knows of none."""

    def __init__(self) -> None:
        self._streamed_at: dict[str, float] = {}

    def check(self, sql: str) -> None:
        """`InvalidQueryError` in BigQuery's words when the statement truncates a table with rows in the buffer."""
        if match := _TRUNCATED.match(sql):
            age = time.monotonic() - self._streamed_at.get(match["table"], -BUFFER_SECONDS)
            if age < BUFFER_SECONDS:
                table = match["table"].partition("__")[2].replace('"', "")
                raise InvalidQueryError(
                    f"TRUNCATE DML statement over table {table} would affect rows in the streaming buffer, "
                    "which is not supported"
                )

    def note(self, sql: str) -> None:
        """Keep what a statement that has run did to the buffer."""
        if match := _STREAMED.match(sql):
            self._streamed_at[match["table"]] = time.monotonic()
        elif match := _MADE_ANEW.match(sql):
            self._streamed_at.pop(match["table"], None)
