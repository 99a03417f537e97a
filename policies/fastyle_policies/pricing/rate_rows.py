"""Rows of the price book: a region's rates in CSV, one a line, and the sources that they name by key."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

SOURCES = "sources.csv"
SKUS = "skus.csv"
NO_REGIONS = (SOURCES, SKUS)
"""Files beside those of the regions."""
COLUMNS = ("rate", "unit", "price", "tiers", "confidence", "source", "read", "note")


def read(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and columns of each row.

    Raises:
        ValueError: the file has other columns, or a row has not all of them; names file and line.
    """
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(f"{path}: its columns are not {', '.join(COLUMNS)}")
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"{path}:{reader.line_num}: a row has {len(COLUMNS)} columns")
        yield reader.line_num, row


def text(rows: Sequence[Mapping[str, str]]) -> str:
    """The file's text of these rows."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def sources(folder: Path) -> dict[str, str]:
    """Addresses of sources by the key that rows name them by."""
    return {row["key"]: row["url"] for row in _rows(folder / SOURCES)}


def skus(folder: Path) -> dict[str, dict[str, str]]:
    """How the Cloud Billing Catalog names rates, by rate; columns that are empty are left out."""
    return {
        row["rate"]: {key: value for key, value in row.items() if value and key not in ("rate", "source")}
        for row in _rows(folder / SKUS)
    }


def _rows(path: Path) -> Iterable[dict[str, str]]:
    """The rows of a table; none where there is no file."""
    return csv.DictReader(path.read_text(encoding="utf-8").splitlines()) if path.exists() else ()


def tiers(column: str) -> list[tuple[Decimal, Decimal]]:
    """Starts and prices of `1024: 0.11; 10240: 0.08`.

    Raises:
        ValueError: it is not of that form.
    """
    steps = []
    for part in filter(None, map(str.strip, column.split(";"))):
        above, colon, price = part.partition(":")
        try:
            steps.append((Decimal(above.strip()), Decimal(price.strip())))
        except InvalidOperation:
            colon = ""
        if not colon:
            raise ValueError(f"'{part}' is no tier; write start: price")
    return steps


def tiers_text(given: Sequence[tuple[str, str]]) -> str:
    return "; ".join(f"{above}: {price}" for above, price in given)
