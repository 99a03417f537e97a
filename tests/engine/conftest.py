"""One BigQuery stand-in and one world of the pipeline for these tests, and a catalogue small enough to reckon with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import free_port
from tests.support.world import World, started_bigquery
from workloads.pipeline.warehouse import WarehouseClient

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
def bigquery_grpc_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def bigquery_url(tmp_path_factory: pytest.TempPathFactory, bigquery_grpc_port: int) -> Iterator[str]:
    yield from started_bigquery(tmp_path_factory.mktemp("bigquery"), grpc_port=bigquery_grpc_port)


@pytest.fixture(scope="session")
def small_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    (folder / "products.csv").write_text(PRODUCTS)
    (folder / "locations.csv").write_text(LOCATIONS)
    return folder


@pytest.fixture(scope="session")
def standing_world(bigquery_url: str, small_catalogue: Path) -> World:
    """The world that tests use one after another, each by one of the two fixtures below: all of its views are written."""
    world = World(bigquery_url, small_catalogue)
    WarehouseClient(world.settings).ensure_tables()
    world.keep("empty")
    return world


@pytest.fixture
def empty_world(standing_world: World) -> World:
    """A world without trade, for one test."""
    standing_world.restore("empty")
    return standing_world


@pytest.fixture(scope="module")
def world_of_file(standing_world: World) -> World:
    """A world without trade, for all tests of a file, which uses no `empty_world` beside it."""
    standing_world.restore("empty")
    return standing_world
