"""The database of the BigQuery stand-in: a DuckDB that opens no files but its own and says what it cannot store.

DuckDB reads and writes any file that a statement names: here the lake's folder and the uploads, and a statement cannot
change that. What a full disk cannot take is answered 503, which senders try again; after a failed checkpoint DuckDB refuses
everything until it is opened again: the process then ends, and is started again.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow  # type: ignore[import-untyped]  # no stubs
from bqemulator.config import Settings
from bqemulator.domain.errors import DomainError
from bqemulator.storage.engine import DuckDBEngine
from farmhash import Fingerprint64  # type: ignore[import-untyped]  # no stubs

from fastyle_localcloud.standins.streaming_buffer import StreamingBuffer


class StoreUnavailable(DomainError):  # noqa: N818 (a state of the store)
    """The store cannot take what was sent: a full disk. Nothing of the statement is kept."""

    http_status = 503
    bq_reason = "backendError"
    grpc_status_name = "UNAVAILABLE"


_UNWRITTEN = re.compile("Could not write|No space left on device")


MACROS = (
    """array_to_string(items, delimiter) AS list_extract(list_transform(
        [items::VARCHAR[]],
        LAMBDA l: CASE WHEN l IS NOT NULL THEN coalesce(list_aggr(l, 'string_agg', delimiter), '') END
    ), 1)""",
    """"nullif"(one, other) AS list_extract(list_transform(
        [{'one': one, 'other': other}], LAMBDA s: CASE WHEN s.one = s.other THEN NULL ELSE s.one END
    ), 1)""",
)
"""DuckDB's own, with each argument once. Its own have one twice, and a macro is text: nested, an expression of a rule is
planned sixteen times over. Of an array of nulls the first is an empty text, as in BigQuery; DuckDB's is a null."""


class ConfinedEngine(DuckDBEngine):
    """A DuckDB that opens no file outside the folders given to the server, and tells when it cannot write its own."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._buffer = StreamingBuffer()

    async def start(self) -> None:
        """Open the database, then lock it in: extensions are loaded by now."""
        await super().start()
        settings = self._settings
        folders = [settings.data_dir, settings.upload_staging_dir, os.environ.get("BQEMU_GCS_LOCAL_ROOT")]
        allowed = [str(Path(folder).resolve()) + "/" for folder in folders if folder]
        listed = ", ".join("'" + folder.replace("'", "''") + "'" for folder in allowed)
        self.execute(f"SET allowed_directories = [{listed}]")
        self.execute("SET enable_external_access = false")
        self.execute("SET lock_configuration = true")

    def _register_builtin_udfs(self) -> None:
        super()._register_builtin_udfs()
        for macro in MACROS:
            self.connection.execute(f"CREATE OR REPLACE TEMP MACRO {macro}")
        name, text, whole = "bqemu_farm_fingerprint", "VARCHAR", "BIGINT"
        self.connection.remove_function(name)
        self.connection.create_function(name, fingerprints, [text], whole, type="arrow", null_handling="special")  # type: ignore[call-overload]

    def execute(self, sql: str, parameters: list[Any] | None = None) -> duckdb.DuckDBPyConnection:
        """As the package's. `StoreUnavailable` when the disk is full; ends the process when only a new one can go on."""
        self._buffer.check(sql)
        try:
            result = super().execute(sql, parameters)
        except duckdb.FatalException as error:
            with contextlib.suppress(OSError):  # the log may lie on the same full disk
                print(f"the database has to be opened again: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        except duckdb.Error as error:
            if _UNWRITTEN.search(str(error)):
                raise StoreUnavailable(str(error)) from error
            raise
        self._buffer.note(sql)
        return result


def fingerprints(texts: Any) -> Any:
    """The fingerprint of each text of an Arrow array or chunked array, by Google's FarmHash; null of a null.

    bqemulator computes it text by text in Python, 0.2 ms for each body of an event, and differs beyond 64 bytes.
    """
    values = texts.cast(pyarrow.large_binary()).to_pylist()
    words = [None if value is None else Fingerprint64(value) for value in values]
    return pyarrow.array(words, pyarrow.uint64()).view(pyarrow.int64())
