"""The page on imports: its files are taken, its conversion runs, and its tables have every column."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.catalog_rows import LOCATION_COLUMNS, PRODUCT_COLUMNS
from ops.trade_files import READERS, from_file
from workloads.events import STREAMS
from workloads.events.validation import validate

PAGE = (Path(__file__).parents[3] / "docs" / "imports.md").read_text(encoding="utf-8")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
EXPORT = """Receipt;Date;Store;Article;Qty;Price
1001;28.11.2025 15:04;S01;TOP-01-WHT-S;2;1.299,90
1001;28.11.2025 15:04;S01;TOP-01-WHT-M;1;14,99
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def section(heading: str) -> str:
    return re.split(r"^## ", PAGE.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]


@pytest.mark.parametrize(("number", "stream", "events"), [(0, "sales", 2), (1, "inventory", 2)])
def test_the_page_s_files_are_taken(tmp_path: Path, number: int, stream: str, events: int) -> None:
    path = tmp_path / "file.csv"
    path.write_text(blocks("csv")[number])
    read, refusals = from_file(path)
    assert (len(read), refusals) == (events, [])
    assert {key for key, _ in read} == {stream}
    for _, event in read:
        assert isinstance(validate(STREAMS[stream], event, currency="USD", now=NOW), dict)


def test_the_conversion_s_file_is_taken_with_times_and_amounts_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(EXPORT, encoding="cp1252")
    subprocess.run([sys.executable, "-c", blocks("python")[0]], cwd=tmp_path, check=True, timeout=60)
    [(_, event)], refusals = from_file(tmp_path / "sales-2025.csv")
    assert refusals == []
    assert isinstance(validate(STREAMS["sales"], event, currency="USD", now=NOW), dict)
    assert event["event_time"] == "2025-11-28T20:04:00Z"
    assert [line["unit_price"] for line in event["lines"]] == ["1299.90", "14.99"]


def test_every_column_and_kind_of_file_stands_on_the_page() -> None:
    sales = STREAMS["sales"]
    lines = sales.items["type"]["items"]["fields"] if sales.items else []
    wanted = {
        "Catalogue": [*PRODUCT_COLUMNS, *LOCATION_COLUMNS],
        "Sales": [field["name"] for field in [*sales.avro["fields"], *lines] if field is not sales.items],
        "Stock": [field["name"] for field in STREAMS["inventory"].avro["fields"]],
        "Form of a file": list(READERS),
    }
    for heading, names in wanted.items():
        words = set(re.findall(r"[\w.]+", section(heading)))
        assert [name for name in names if name not in words] == [], heading
