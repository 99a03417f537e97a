"""Loads the catalogue, products with their costs over time and locations, from CSV or NDJSON into Cloud SQL.

A file is loaded whole or not at all. Rows are added or brought up to date by their key (a SKU, a SKU and
`valid_from`, a location); what a file does not name stays, and so does the history of costs. A product's other
columns are those of its row in force at the time of loading.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from ops.catalog_rows import (
    LOCATION_COLUMNS,
    PRODUCT_ATTRIBUTES,
    PRODUCT_COLUMNS,
    Location,
    Product,
    RowFault,
    parse_location,
    parse_product,
)
from ops.csv_files import CsvFile
from ops.errors import OperatorError
from ops.texts import FileFault, read_text

_FAULTS_SHOWN = 20
Item = TypeVar("Item", Product, Location)


class CatalogueError(OperatorError):
    """The files cannot be loaded: one line a fault, `file:row: column: what is wrong`."""


@dataclass(frozen=True)
class LoadReport:
    """How many rows the files hold, and how many of them changed something."""

    products: int
    costs: int
    locations: int
    changed: int

    def __str__(self) -> str:
        return (
            f"{self.products:,} products with {self.costs:,} costs and {self.locations:,} locations loaded, "
            f"{self.changed:,} rows new or changed"
        )


@dataclass(frozen=True)
class _Row:
    number: int  # the line it begins on, in the file
    fields: dict[str, Any]


def load_catalogue(database: str | psycopg.Connection[Any], products: Path, locations: Path) -> LoadReport:
    """Load one file of products and one of locations, in one transaction.

    Args:
        database: a DSN, or an open connection outside a transaction.
        products: CSV, or NDJSON (`.ndjson`, `.jsonl`), of the columns of `Product`.
        locations: likewise of `Location`.

    Raises:
        CatalogueError: a file or row is bad, or the database has no schema; nothing was loaded.
    """
    return _load(database, [products], [locations])


def load_files(
    database: str | psycopg.Connection[Any], files: Sequence[Path], encoding: str | None = None
) -> LoadReport:
    """Load any number of files in one transaction; which is which is told by their columns.

    `encoding` is theirs where neither a byte order mark tells nor they are UTF-8.

    Raises:
        CatalogueError: as `load_catalogue`.
    """
    kinds: dict[bool, list[Path]] = {True: [], False: []}
    for path in files:
        first = next(_rows(path, encoding), None)
        if first is None:
            raise CatalogueError(f"{path}: holds no rows; give it a header and rows, or leave it out")
        kinds["sku" in first.fields].append(path)
    return _load(database, kinds[True], kinds[False], encoding)


def _load(
    database: str | psycopg.Connection[Any],
    products: Sequence[Path],
    locations: Sequence[Path],
    encoding: str | None = None,
) -> LoadReport:
    faults: list[str] = []
    product_rows = [row for path in products for row in _parsed(path, encoding, parse_product, PRODUCT_COLUMNS, faults)]
    location_rows = [
        row for path in locations for row in _parsed(path, encoding, parse_location, LOCATION_COLUMNS, faults)
    ]
    _refuse_repetitions(product_rows, location_rows, faults)
    if faults:
        more = [f"and {len(faults) - _FAULTS_SHOWN} more"] if len(faults) > _FAULTS_SHOWN else []
        raise CatalogueError("\n".join([*faults[:_FAULTS_SHOWN], *more]))
    try:
        if isinstance(database, str):
            with psycopg.connect(database) as connection:
                return _write(connection, [p for _, p in product_rows], [loc for _, loc in location_rows])
        return _write(database, [p for _, p in product_rows], [loc for _, loc in location_rows])
    except psycopg.errors.UndefinedTable:
        raise CatalogueError(
            "the database has no catalogue yet: inventory-sync writes the schema at its start"
        ) from None
    except psycopg.OperationalError as error:
        raise CatalogueError(f"the database cannot be reached: {str(error).splitlines()[0]}") from None


# --- reading ---


def _rows(path: Path, encoding: str | None = None) -> Iterator[_Row]:
    try:
        text = read_text(path, encoding)
    except OperatorError as error:
        raise CatalogueError(str(error)) from None
    yield from (_ndjson if path.suffix.lower() in (".ndjson", ".jsonl") else _csv)(path, text)


def _csv(path: Path, text: str) -> Iterator[_Row]:
    try:
        file = CsvFile(text)
        for line, cells in file.rows():
            if len(cells) != len(file.columns):
                raise FileFault(line, f"does not have {len(file.columns)} columns as the header does")
            # An empty cell is an absent value, CSV knows no other; its column is there.
            yield _Row(line, {name: value or None for name, value in zip(file.columns, cells, strict=True)})
    except FileFault as fault:
        raise CatalogueError(f"{path}:{fault.line}: {fault}") from None


def _ndjson(path: Path, text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line, parse_float=str)
        except (ValueError, RecursionError) as error:
            raise CatalogueError(f"{path}:{number}: is not JSON: {error}") from None
        if not isinstance(fields, dict):
            raise CatalogueError(f"{path}:{number}: is not a JSON object")
        # An empty text is an absent value, as in CSV.
        yield _Row(number, {name: None if value == "" else value for name, value in fields.items()})


def _parsed(
    path: Path, encoding: str | None, parse: Callable[[dict[str, Any]], Item], columns: Sequence[str], faults: list[str]
) -> Iterator[tuple[str, Item]]:
    """The rows of a file with their places; what is wrong with others is added to `faults`."""
    for row in _rows(path, encoding):
        try:
            yield f"{path}:{row.number}", parse(row.fields)
        except RowFault as fault:
            faults.extend(f"{path}:{row.number}: {line}" for line in fault.lines)
            if fault.is_of_columns:
                raise CatalogueError(f"{faults[-1]}; the columns are {', '.join(columns)}") from None


def _refuse_repetitions(
    products: list[tuple[str, Product]], locations: list[tuple[str, Location]], faults: list[str]
) -> None:
    seen: dict[object, str] = {}
    keyed: list[tuple[str, object, str]] = [
        *((where, (p.sku, p.valid_from), f"SKU {p.sku} with this valid_from") for where, p in products),
        *((where, loc.location_id, f"location {loc.location_id}") for where, loc in locations),
    ]
    for where, key, what in keyed:
        if (before := seen.setdefault(key, where)) != where:
            faults.append(f"{where}: {what} is at {before} already; keep one")


# --- writing ---


def _write(connection: psycopg.Connection[Any], products: list[Product], locations: list[Location]) -> LoadReport:
    now = datetime.now(UTC)
    in_force: dict[str, Product] = {}
    for product in sorted(products, key=lambda p: p.since):
        # The latest that holds already; before the first one does, the first.
        if product.since <= now or product.sku not in in_force:
            in_force[product.sku] = product
    with connection.transaction():
        changed = _upsert(
            connection,
            "product",
            PRODUCT_ATTRIBUTES,
            1,
            [tuple(getattr(p, name) for name in PRODUCT_ATTRIBUTES) for p in in_force.values()],
        )
        changed += _upsert(
            connection,
            "product_cost",
            ("sku", "valid_from", "unit_cost"),
            2,
            [(p.sku, p.valid_from or "-infinity", p.unit_cost) for p in products],
        )
        changed += _upsert(
            connection,
            "location",
            LOCATION_COLUMNS,
            1,
            [tuple(getattr(loc, name) for name in LOCATION_COLUMNS) for loc in locations],
        )
    return LoadReport(len(in_force), len(products), len(locations), changed)


def _upsert(
    connection: psycopg.Connection[Any],
    table: str,
    columns: tuple[str, ...],
    keys: int,
    rows: Sequence[tuple[Any, ...]],
) -> int:
    """Add rows or bring them up to date by their first `keys` columns; return how many were new or different.

    Names are this module's own. Unchanged rows are not written: their `updated_at` says when they changed.
    """
    if not rows:
        return 0
    names, key, values = ", ".join(columns), ", ".join(columns[:keys]), columns[keys:]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE loaded ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA")
        with cursor.copy(f"COPY loaded ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            f"INSERT INTO {table} AS t ({names}) SELECT {names} FROM loaded ORDER BY {key} "
            f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in values)}, updated_at = now() "
            f"WHERE ({', '.join(f't.{c}' for c in values)}) IS DISTINCT FROM ({', '.join(f'excluded.{c}' for c in values)})"
        )
        changed = cursor.rowcount
        cursor.execute("DROP TABLE loaded")
    return changed
