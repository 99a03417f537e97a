"""Tables of the price book as CSV files: rates of a region, and what holds for all regions."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

COLUMNS = ("rate", "unit", "price", "tiers", "confidence", "source", "read", "note")
"""Of a region's rates."""
OTHERS: Mapping[str, Sequence[str]] = {
    "constants": ("constant", "unit", "value", "confidence", "source", "read", "note"),
    "pools": (
        *("pool", "name", "unit", "quantity", "price", "per", "regions", "rates"),
        *("confidence", "source", "read", "note"),
    ),
    "skus": ("rate", "service", "description", "group", "id", "factor", "usage", "confidence", "source"),
    "sources": ("key", "url", "what", "licence"),
}
"""Of the files beside those of the regions."""


def regions(folder: Path) -> list[Path]:
    """The file of each region, and that of what is the same everywhere."""
    return sorted(path for path in folder.glob("*.csv") if path.stem not in OTHERS)


def read(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and columns of each row; none where a file beside those of the regions is not there.

    Raises:
        ValueError: the file has other columns, or a row has not all of them; names file and line.
    """
    columns = OTHERS.get(path.stem, COLUMNS)
    if not path.exists():
        return
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    if tuple(reader.fieldnames or ()) != columns:
        raise ValueError(f"{path}: its columns are not {', '.join(columns)}")
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"{path}:{reader.line_num}: a row has {len(columns)} columns")
        yield reader.line_num, row


def text(rows: Sequence[Mapping[str, str]]) -> str:
    """The file's text of these rows."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def tiers(column: Any) -> Any:
    """Starts and prices of `1024: 0.11; 10240: 0.08`; anything but text as it is.

    Raises:
        ValueError: it is not of that form.
    """
    if not isinstance(column, str):
        return column
    steps = []
    for part in filter(None, map(str.strip, column.split(";"))):
        above, colon, price = part.partition(":")
        if not colon:
            raise ValueError(f"'{part}' is no tier; write start: price")
        steps.append({"above": above, "price": price})
    return steps
