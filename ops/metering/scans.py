"""What BigQuery would bill for a statement: the columns it reads, of the partitions that its constants leave.

On demand a query is billed for the logical bytes of the columns that it names, in the partitions that it cannot rule
out, and for 10 MB at least a table (cloud.google.com/bigquery/pricing, "On-demand compute pricing"). A statement that
changes rows is billed for every column of the partitions that it changes besides ("DML statements").
Partitions are ruled out by conditions on the partition column that hold constants only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp, parse
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

MINIMUM_BYTES = 10 * 1000**2
"""A table of a query is billed for 10 MB at least (the same page)."""
_GUARD = re.compile(r"\bIF NOT EXISTS \((SELECT .*?)\) THEN\s", re.DOTALL)
_RARE = re.compile(r"\bIF EXISTS \((SELECT .*?)\) THEN\s.*?\bEND IF;?", re.DOTALL)
_FRAME = re.compile(r"\b(BEGIN|COMMIT) TRANSACTION;|\bEND IF;")


@dataclass(frozen=True)
class Table:
    """What a statement's cost depends on: the columns with their types, and the column that partitions are made by."""

    columns: Mapping[str, str]
    partition_column: str | None = None


@dataclass(frozen=True)
class Read:
    """One table of one statement. `condition` is GoogleSQL over the partition column; empty: every partition."""

    table: str  # dataset.table
    columns: tuple[str, ...]
    condition: str


def statements(script: str) -> list[exp.Expr]:
    """The statements of a script that BigQuery bills one by one: a guard's query is one of them.

    What `IF NOT EXISTS` guards runs in every run that does its work once; what `IF EXISTS` guards, only when something
    was found that an ordinary day has not: of that the guard alone counts.

    Raises:
        ValueError: it is no GoogleSQL that can be read.
    """
    script = _GUARD.sub(lambda guard: f"{guard[1]};\n", _RARE.sub(lambda rare: f"{rare[1]};", script))
    try:
        parsed = parse(_FRAME.sub("", script), read="bigquery")
    except SqlglotError as e:
        raise ValueError(f"a statement cannot be read: {str(e).splitlines()[0]}") from None
    for statement in parsed:
        if isinstance(statement, exp.Command):  # what the parser keeps as mere text would count as nothing
            raise ValueError(f"a statement cannot be read: {statement.sql()[:80]!r}")
    return [statement for statement in parsed if statement is not None]


def reads(statement: exp.Expr, tables: Mapping[str, Table]) -> list[Read]:
    """Every table that a statement reads or changes, once a table. DDL reads none.

    Raises:
        KeyError: a table that `tables` does not have.
    """
    table_reads: list[Read] = []
    if isinstance(statement, exp.Query):
        table_reads += _query(statement, tables)
    elif isinstance(statement, exp.Insert):
        if isinstance(statement.expression, exp.Query):  # VALUES read nothing
            table_reads += _query(statement.expression, tables)
    elif isinstance(statement, exp.Delete | exp.Update):
        table_reads.append(_changed(statement.this, statement.args.get("where"), tables))
        for query in _inner(statement):
            table_reads += _query(query, tables)
    elif isinstance(statement, exp.Merge):
        table_reads.append(_changed(statement.this, None, tables))
        using = statement.args["using"]
        if isinstance(using, exp.Subquery):
            table_reads += _query(using.this, tables)
        elif isinstance(using, exp.Table):
            table_reads.append(_changed(using, None, tables))
    return _by_table(table_reads)


def _inner(statement: exp.Expr) -> Iterator[exp.Query]:
    """The outermost queries inside a statement's conditions."""
    for select in statement.find_all(exp.Select):
        if select.find_ancestor(exp.Select) is None:
            yield select


def _changed(target: exp.Expr, where: exp.Expr | None, tables: Mapping[str, Table]) -> Read:
    """All columns of what a DML statement may change."""
    assert isinstance(target, exp.Table)
    name = _name(target)
    table = tables[name]
    condition = _condition([where.this] if where else [], table.partition_column, target.alias_or_name)
    return Read(name, tuple(table.columns), condition)


def _query(query: exp.Query, tables: Mapping[str, Table]) -> list[Read]:
    schema: dict[str, dict[str, str]] = {}
    for table in query.find_all(exp.Table):
        if "." in (name := _name(table)):
            schema[name] = dict(tables[name].columns)
    nested = MappingSchema(dialect="bigquery")
    for name, columns in schema.items():
        nested.add_table(name, columns)
    try:
        qualified = qualify(
            query.copy(),
            dialect="bigquery",
            schema=nested,
            validate_qualify_columns=False,
            quote_identifiers=False,
            identify=False,
        )
    except SqlglotError:
        return [Read(name, tuple(columns), "") for name, columns in schema.items()]  # the most that it can be
    table_reads = []
    for scope in traverse_scope(qualified):
        for alias, (_, source) in scope.selected_sources.items():
            if isinstance(source, exp.Table) and (name := _name(source)) in schema:
                table_reads.append(_scanned(scope, alias, name, tables[name]))
    return table_reads


def _scanned(scope: Scope, alias: str, name: str, table: Table) -> Read:
    """What a scope names of one of its tables. Arrays that are unnested, and correlated subqueries, name columns too."""
    named = {
        column.name
        for column in scope.expression.find_all(exp.Column)
        if (column.table == alias or (not column.table and column.name in table.columns))
        and column.name in table.columns
    }
    # `x.array` in UNNEST is a table of two parts to the parser.
    named |= {
        part.name for part in scope.expression.find_all(exp.Table) if part.db == alias and part.name in table.columns
    }
    where = scope.expression.args.get("where")
    condition = _condition([where.this] if where else [], table.partition_column, alias)
    return Read(name, tuple(column for column in table.columns if column in named), condition)


def _condition(conditions: Sequence[exp.Expr], column: str | None, alias: str) -> str:
    """The conjuncts over the partition column alone: what BigQuery prunes by."""
    if column is None:
        return ""
    kept = []
    for condition in conditions:
        for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            part = part.unnest()
            columns = {(c.table, c.name) for c in part.find_all(exp.Column)}
            if columns and columns <= {(alias, column), ("", column)} and not part.find(exp.Query):
                bare = part.copy()
                for each in bare.find_all(exp.Column):
                    each.set("table", None)
                kept.append(bare.sql(dialect="bigquery"))
    return " AND ".join(kept)


def _by_table(table_reads: Sequence[Read]) -> list[Read]:
    """A table that a statement names more than once is scanned once: all columns, the widest of the conditions."""
    merged: dict[str, Read] = {}
    for read in table_reads:
        if (former := merged.get(read.table)) is None:
            merged[read.table] = read
            continue
        columns = tuple(dict.fromkeys((*former.columns, *read.columns)))
        both = former.condition and read.condition
        condition = f"({former.condition}) OR ({read.condition})" if both else ""
        merged[read.table] = Read(
            read.table, columns, former.condition if former.condition == read.condition else condition
        )
    return list(merged.values())


def _name(table: exp.Table) -> str:
    return ".".join(part.name for part in table.parts[-2:])
