"""`python -m fastyle_localcloud.standins.bigquery_server start …`: bqemulator for the programs of one user.

What differs from the package as it comes:

- No time travel. At every write bqemulator copies the whole table, and keeps the copies for seven days: what an
  export of every half second costs would grow with the square of what was written.
- One thread. It has one DuckDB connection, asynchronous routes use it in the event loop and the others in threads; two
  at once each wait for what the other holds (the interpreter's lock, the connection's), for ever.
- Its database opens no other files, says when it cannot write, and truncates as BigQuery does: `bigquery_engine`.
- Each text is parsed once in a process, and translated once on a machine. bqemulator parses a statement a dozen times
  over, once for each rule that may rewrite it, every time that it is sent.
- A view is read by its name. bqemulator puts its text, and those of the views that it reads, into each statement, for
  the sake of row access policies: only where there are some.
- Fingerprints are computed for whole columns, and as BigQuery has them: `bigquery_engine`. Rows of a result are written
  column by column: `rows`.
- Jobs and counts of rows are written to disk by cheaper statements: `bigquery_catalog`.
- No identifier, log line and metric of each request: nobody reads them here, and they took a sixth of the time of a
  small statement.
- No web pages and no other users: `fastyle_localcloud.callers`, `fastyle_localcloud.grpc_callers`.
"""

from __future__ import annotations

import gc
import os
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import bqemulator.server
import fastapi.dependencies.utils
import fastapi.routing
import grpc
import pyarrow  # type: ignore[import-untyped]  # no stubs
from bqemulator.api.routes import jobs, tabledata
from bqemulator.catalog import ddl_sync
from bqemulator.catalog.models import TableSchema
from bqemulator.cli import main
from bqemulator.domain.result import Ok
from bqemulator.jobs import executor
from bqemulator.scripting import interpreter
from bqemulator.scripting.parser import parse_script
from bqemulator.sql import inner_query
from bqemulator.sql.rewriter.row_access_filter import rewrite_for_row_access
from bqemulator.sql.table_rewriter import rewrite_table_refs
from bqemulator.sql.translator import SQLTranslator
from bqemulator.storage.sql_identifiers import schema_name
from bqemulator.versioning.snapshots import SnapshotManager
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.dialects.dialect import Dialect
from starlette.middleware.base import BaseHTTPMiddleware

from fastyle_localcloud.callers import OnlyPrograms
from fastyle_localcloud.grpc_callers import guarded_server
from fastyle_localcloud.remembered import Remembered
from fastyle_localcloud.standins.bigquery import TRANSLATIONS
from fastyle_localcloud.standins.bigquery_catalog import Catalog
from fastyle_localcloud.standins.bigquery_engine import ConfinedEngine
from fastyle_localcloud.standins.rows import arrow_table_to_bq_rows


class NoSnapshots(SnapshotManager):
    """Snapshots of no table."""

    def capture(self, *_: object, **__: object) -> None:
        return None


async def in_the_loop(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """What Starlette would run in a thread, run where the asynchronous routes run."""
    return function(*args, **kwargs)


ONLY_LOOK = frozenset(
    f"bqemulator.{module}"
    for module in (
        *("api.routes.jobs", "catalog.ddl_sync", "jobs.ddl_result", "jobs.executor", "jobs.routine_ddl"),
        *("sql.catalog_schema", "sql.inner_query"),
        *("scripting.interpreter._is_row_producing", "scripting.interpreter._dml_targets"),
    )
) | {"sqlglot.dialects.dialect.generator"}
"""Modules and functions of the locked bqemulator that ask a tree what kind of statement it is, and change none.

And sqlglot's own generators: compiled, each of DuckDB's parses all of its templates anew, as often as one is made.
"""


def parse_once() -> None:
    """Remember the trees of the last texts. Whoever might change one gets a copy, which costs a third of parsing."""
    parse = Dialect.parse

    @lru_cache(maxsize=1000)
    def parsed(dialect: type[Dialect], settings: tuple[Any, ...], text: str) -> list[Any]:
        return parse(dialect(**dict(settings)), text)

    def remembered(self: Dialect, sql: str, **options: Any) -> list[Any]:
        # What was translated for DuckDB is parsed once; templates have no dialect.
        if options or not (isinstance(self, BigQuery) or type(self) is Dialect):
            return parse(self, sql, **options)
        trees = parsed(type(self), tuple(self.settings.items()), sql)
        asking = sys._getframe(2)  # behind sqlglot.parse_one
        module = str(asking.f_globals.get("__name__"))
        if module in ONLY_LOOK or f"{module}.{asking.f_code.co_name}" in ONLY_LOOK:
            return trees
        return [tree and tree.copy() for tree in trees]

    Dialect.parse = remembered  # type: ignore[method-assign]
    for module in (executor, interpreter):  # a script's tree cannot be changed
        module.parse_script = lru_cache(maxsize=1000)(parse_script)  # type: ignore[attr-defined]


_IDENTIFIER = re.compile(r"(?<=')[0-9a-f]{32}(?=')")


def _replaced(text: str, identifiers: dict[str, str]) -> str:
    return _IDENTIFIER.sub(lambda match: identifiers.get(match[0], match[0]), text)


def translate_once() -> None:
    """Remember translations, of this process in memory and of every one in a file.

    Texts that differ by the identifiers in them, such as a run's, are one.
    """
    translate, translator = SQLTranslator.translate, SQLTranslator()
    kept = Remembered.of_releases(Path(os.environ[TRANSLATIONS]), "bqemulator", "sqlglot")

    @lru_cache(maxsize=1000)
    def translated(text: str, schema: tuple[tuple[str, tuple[tuple[str, str], ...]], ...], caller: Any) -> Any:
        source = (text, repr(schema), repr(caller))
        if (former := kept.get(*source)) is not None:
            return Ok(former)
        columns = {table: dict(types) for table, types in schema}
        result: Any = translate(translator, text, schema=columns or None, caller=caller)
        if isinstance(result, Ok):
            kept.put(result.value, *source)
        return result

    def remembered(_: SQLTranslator, bq_sql: str, *, schema: Any = None, caller: Any = None, **__: Any) -> Any:
        types = tuple((table, tuple(types.items())) for table, types in (schema or {}).items())
        numbers = {identifier: f"{n:032x}" for n, identifier in enumerate(dict.fromkeys(_IDENTIFIER.findall(bq_sql)))}
        if not numbers:
            return translated(bq_sql, types, caller)
        result = translated(_replaced(bq_sql, numbers), types, caller)
        if not isinstance(result, Ok):
            return translated(bq_sql, types, caller)  # for the words of its error
        return Ok(_replaced(result.value, {number: identifier for identifier, number in numbers.items()}))

    SQLTranslator.translate = remembered  # type: ignore[method-assign,assignment]
    for module in (executor, interpreter):
        module.rewrite_table_refs = lru_cache(maxsize=1000)(rewrite_table_refs)  # type: ignore[attr-defined]


def schema_as_declared(project_id: str, dataset_id: str, table_id: str, ctx: Any) -> TableSchema:
    """Return the columns of a table or a view that was just created, as DuckDB keeps them."""
    connection, relation = ctx.engine, [schema_name(project_id, dataset_id), table_id]
    columns = connection.execute(
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = ? AND lower(table_name) = lower(?) "
        "ORDER BY column_index",
        relation,
    ).fetchall()
    of_types = ", ".join(f"CAST(NULL AS {kind})" for _, kind, _ in columns)
    types = connection.execute(f"SELECT {of_types} LIMIT 0").to_arrow_table().schema.types
    return TableSchema(
        fields=tuple(
            ddl_sync._arrow_field_to_table_field(pyarrow.field(name, kind), "NULLABLE" if nullable else "REQUIRED")
            for (name, _, nullable), kind in zip(columns, types, strict=True)
        )
    )


def introspect_once() -> None:
    """Do not plan a new view twice to learn its columns, which DuckDB keeps."""
    ddl_sync._introspect_schema = schema_as_declared


def leave_views_to_duckdb() -> None:
    """Put a view's text in the place of its name only where a row access policy may apply to what it reads."""

    def expanded(bq_sql: str, *, catalog: Any, **options: Any) -> str:
        policies = catalog.list_all_row_access_policies()
        return rewrite_for_row_access(bq_sql, catalog=catalog, **options) if policies else bq_sql

    inner_query.rewrite_for_row_access = expanded  # type: ignore[attr-defined]


def write_rows_by_column() -> None:
    """Format a result's cells by what their column is, in every route that answers with rows."""
    for module in (jobs, tabledata):
        module.arrow_table_to_bq_rows = arrow_table_to_bq_rows  # type: ignore[attr-defined]


def collect_garbage_seldom() -> None:
    """A statement's trees are tens of thousands of objects, freed with the statement: walks over them find nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def confine() -> None:
    """Put the above in the place of what the package has."""
    server: Any = bqemulator.server
    pyarrow.array([0])  # looks for it once, and would take the None for it
    sys.modules["pandas"] = None  # type: ignore[assignment]  # DuckDB looks for it in vain at each statement's values
    server.SnapshotManager = NoSnapshots
    server.DuckDBCatalogRepository = Catalog
    server.DuckDBEngine = ConfinedEngine
    create_app = server.create_app

    def guarded_app(context: Any) -> OnlyPrograms:
        app = create_app(context)
        app.user_middleware = [each for each in app.user_middleware if not issubclass(each.cls, BaseHTTPMiddleware)]
        return OnlyPrograms(app)

    server.create_app = guarded_app
    for module in (fastapi.routing, fastapi.dependencies.utils):
        module.run_in_threadpool = in_the_loop  # type: ignore[attr-defined]
    grpc.aio.server = guarded_server  # type: ignore[assignment]  # the package looks it up when it makes its server


if __name__ == "__main__":
    confine()
    parse_once()
    translate_once()
    introspect_once()
    leave_views_to_duckdb()
    write_rows_by_column()
    collect_garbage_seldom()
    main()
