"""The catalogue's loader on a real PostgreSQL: whole or not at all, and every fault by file, row and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from ops.catalog import CatalogueError, load_catalogue, load_files
from ops.catalog_rows import LOCATION_COLUMNS, PRODUCT_ATTRIBUTES
from tests.support.postgres import fresh_database, postgres  # noqa: F401
from workloads.pipeline.tables import tables

HEADER = "sku,name,category,style,size,colour,list_price,unit_cost,valid_from,reorder_point\n"
LOCATIONS = "location_id,name,kind\nW01,Central,warehouse\nS01,Fifth Avenue,branch\n"
SAMPLE = Path(__file__).resolve().parents[3] / "ops" / "data" / "catalogue"


def files(folder: Path, products: str, locations: str = LOCATIONS, suffix: str = ".csv") -> tuple[Path, Path]:
    paths = folder / f"products{suffix}", folder / "locations.csv"
    for path, text in zip(paths, (products, locations), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_costs_keep_their_history_and_a_second_load_changes_nothing(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    first = HEADER + (
        'A,"Tee, white",tops,T,S,white,14.99,4.5,,\n'
        "A,Tee,basics,T,S,white,12.99,5.25,2026-01-01,7\n"
        "A,Tee,future,T,S,white,11.99,6,2100-01-01T00:00:00Z,7\n"
    )
    report = load_catalogue(postgres, *files(tmp_path, first))
    assert (report.products, report.costs, report.locations, report.changed) == (1, 3, 2, 6)
    assert load_catalogue(postgres, *files(tmp_path, first)).changed == 0
    assert rows(postgres, "SELECT category, list_price::text, reorder_point FROM product") == [("basics", "12.9900", 7)]
    # A later file names one cost anew; the others stay.
    load_files(postgres, [files(tmp_path, HEADER + "A,Tee,basics,T,S,white,12.99,5.5,2026-01-01,7\n")[0]])
    costs = rows(postgres, "SELECT valid_from::text, unit_cost::text FROM product_cost ORDER BY valid_from")
    assert [cost for _, cost in costs] == ["4.5000", "5.5000", "6.0000"]
    assert costs[0][0] == "-infinity"


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_empty_rows_of_a_spreadsheet_are_taken(
    postgres: str,  # noqa: F811
    tmp_path: Path,
    separator: str,
) -> None:
    path = tmp_path / "locations.csv"
    path.write_text(f"{LOCATIONS},,\n".replace("\n", "\r\n").replace(",", separator))
    assert load_files(postgres, [path]).locations == 2


def test_ndjson_says_the_same_as_csv(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    line = (
        '{"sku": "A", "name": "Tee", "category": "tops", "list_price": "14.99", "unit_cost": 4.5, "reorder_point": 0, '
        '"style": "", "valid_from": ""}\n'
    )
    load_catalogue(postgres, *files(tmp_path, line, suffix=".ndjson"))
    assert rows(postgres, "SELECT name, style, reorder_point FROM product") == [("Tee", None, 0)]
    assert rows(postgres, "SELECT unit_cost::text FROM product_cost") == [("4.5000",)]


def test_an_empty_text_is_an_absent_value(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    """As in CSV: where the column is required, the row says so."""
    line = '{"sku": "A", "name": "", "category": "tops", "list_price": "1", "unit_cost": "1"}\n'
    with pytest.raises(CatalogueError, match="name: is missing"):
        load_catalogue(postgres, *files(tmp_path, line, suffix=".ndjson"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_tells_the_encoding(postgres: str, tmp_path: Path, encoding: str) -> None:  # noqa: F811
    products, locations = files(tmp_path, HEADER + "A,Té,tops,,,,1,1,,\n")
    products.write_text(products.read_text(encoding="utf-8"), encoding=encoding)
    load_catalogue(postgres, products, locations)
    assert rows(postgres, "SELECT name FROM product") == [("Té",)]


def test_another_encoding_is_named(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    products, locations = files(tmp_path, HEADER + "A,Té,tops,,,,1,1,,\n")
    products.write_text(products.read_text(encoding="utf-8"), encoding="cp1252")
    with pytest.raises(CatalogueError, match="--encoding cp1252"):
        load_files(postgres, [products, locations])
    with pytest.raises(CatalogueError, match="'latin-99' is not known"):
        load_files(postgres, [products, locations], "latin-99")
    load_files(postgres, [products, locations], "cp1252")
    assert rows(postgres, "SELECT name FROM product") == [("Té",)]


def test_the_sample_catalogue_loads(postgres: str) -> None:  # noqa: F811
    report = load_files(postgres, [SAMPLE / "locations.csv", SAMPLE / "products.csv"])
    assert report.locations == 21
    assert report.products > 100


GOOD = "A,Tee,tops,,,,1,1,,"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (",Tee,tops,,,,1,1,,", "sku: is missing"),
        ("A,Tee,unknown,,,,1,1,,", "category: 'unknown' is reserved"),
        ("A,Tee,Unknown,,,,1,1,,", "category: 'Unknown' is reserved"),
        ("A,Tee,tops,,,,-1,1,,", "list_price: '-1' is not an amount"),
        ("A,Tee,tops,,,,1,1.23456,,", "unit_cost: '1.23456' is not an amount"),
        ("A,Tee,tops,,,,1,NaN,,", "unit_cost: 'NaN' is not an amount"),
        ("A,Tee,tops,,,,1,1,yesterday,", "valid_from: 'yesterday' is neither"),
        ("A,Tee,tops,,,,1,1,2026-02-30,", "valid_from: '2026-02-30' is neither"),
        ("A,Tee,tops,,,,1,1,2026-01-01T00:00:00+02:00,", "valid_from"),
        ("A,Tee,tops,,,,1,1,,-1", "reorder_point: '-1' is not a whole number"),
        ("A,Te\x00e,tops,,,,1,1,,", "name:"),
        ("A" * 129 + ",Tee,tops,,,,1,1,,", "sku:"),
        ("A,Tee,tops", "does not have 10 columns"),
        (GOOD, "is at"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_loaded(
    row: str,
    fault: str,
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    with pytest.raises(CatalogueError) as raised:
        load_catalogue(postgres, *files(tmp_path, f"{HEADER}{GOOD}\n{row}\n"))
    message = str(raised.value)
    assert "products.csv:3: " in message
    assert fault in message
    assert rows(postgres, "SELECT 1 FROM product") == rows(postgres, "SELECT 1 FROM location") == []


def test_a_file_that_is_none_is_said_in_one_line(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    good = files(tmp_path, HEADER + GOOD + "\n")
    (tmp_path / "latin.csv").write_bytes(HEADER.encode() + b"A,\xff,tops,,,,1,1,,\n")
    (tmp_path / "columns.csv").write_text("sku,nmae\nA,Tee\n")
    (tmp_path / "broken.ndjson").write_text('{"sku": \n')
    for name, fault in (
        ("latin.csv", "is not UTF-8"),
        ("columns.csv", "nmae: there is no such column"),
        ("broken.ndjson", "broken.ndjson:1: is not JSON"),
        ("missing.csv", "not found"),
    ):
        with pytest.raises(CatalogueError) as raised:
            load_catalogue(postgres, tmp_path / name, good[1])
        assert fault in str(raised.value)
        assert "\n" not in str(raised.value)
    with pytest.raises(CatalogueError, match="kind: 'shop' is neither"):
        load_catalogue(postgres, *files(tmp_path, HEADER + GOOD + "\n", "location_id,name,kind\nS01,x,shop\n"))
    with pytest.raises(CatalogueError, match="no catalogue yet"):
        load_catalogue(fresh_database(), *files(tmp_path, HEADER + GOOD + "\n"))


@pytest.mark.parametrize(("table", "attributes"), [("product", PRODUCT_ATTRIBUTES), ("location", LOCATION_COLUMNS)])
def test_an_attribute_is_in_the_file_the_database_and_the_warehouse(
    postgres: str,  # noqa: F811
    table: str,
    attributes: tuple[str, ...],
) -> None:
    """What is said three times, each in its own terms, and read by these names alone everywhere else."""
    named = rows(
        postgres,
        f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped",
    )
    assert {name for (name,) in named} - {"updated_at"} == set(attributes)
    for copy in (f"catalogue_{table}s", f"{table}s"):
        columns = [column["name"] for column in tables()[f"staging.{copy}"].columns]
        assert columns[: len(attributes)] == list(attributes)
