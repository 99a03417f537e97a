"""One BigQuery stand-in for the worlds of these tests, and a catalogue small enough to reckon with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import started_bigquery

PRODUCTS = """sku,name,category,style,size,colour,list_price,unit_cost,valid_from,reorder_point
TOP-1,Shirt,tops,,,,20.00,7.25,,5
TOP-1,Shirt,tops,,,,20.00,8.3333,2026-03-02T12:00:00Z,5
TOP-2,Vest,tops,,,,10.00,3.10,,
SHOE-1,Boot,shoes,,,,80.00,41.00,2026-03-03T00:00:00Z,2
"""
LOCATIONS = """location_id,name,kind
W01,Warehouse,warehouse
S01,Main Street,branch
S02,Harbour,branch
"""


@pytest.fixture(scope="session")
def bigquery_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from started_bigquery(tmp_path_factory.mktemp("bigquery"))


@pytest.fixture(scope="session")
def small_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    (folder / "products.csv").write_text(PRODUCTS)
    (folder / "locations.csv").write_text(LOCATIONS)
    return folder
