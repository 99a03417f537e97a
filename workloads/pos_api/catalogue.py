"""The catalogue as the simulator sees it: what can be sold, and where."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

# Both in the repository and in the archive, where workload.toml's `include` puts it.
SAMPLES = Path(__file__).resolve().parents[2] / "ops" / "data"
SAMPLE = "catalogue"
"""The folder of `SAMPLES` that is traded where none is named."""


@dataclass(frozen=True)
class Product:
    """A SKU; `price` is the list price in cents."""

    sku: str
    category: str
    style: str
    size: str
    price: int


@dataclass(frozen=True)
class Catalogue:
    """Products, the warehouse's location id, and the branches' in order of size, the largest first."""

    products: tuple[Product, ...]
    warehouse: str
    branches: tuple[str, ...]

    @classmethod
    def from_rows(cls, products: Iterable[Mapping[str, str]], locations: Iterable[Mapping[str, str]]) -> Catalogue:
        """Build it from catalogue rows; of several rows of a SKU (one a cost) the first counts.

        Raises:
            ValueError: there is no product, or not exactly one warehouse.
        """
        by_sku: dict[str, Product] = {}
        for row in products:
            if row["sku"] not in by_sku:
                price = round(float(row["list_price"]) * 100)
                by_sku[row["sku"]] = Product(row["sku"], row["category"], row["style"], row["size"], price)
        kinds = [(row["kind"], row["location_id"]) for row in locations]
        warehouses = [location_id for kind, location_id in kinds if kind == "warehouse"]
        if not by_sku or len(warehouses) != 1:
            raise ValueError(f"the simulator needs products ({len(by_sku)}) and one warehouse ({len(warehouses)})")
        branches = tuple(location_id for kind, location_id in kinds if kind == "branch")
        return cls(tuple(by_sku.values()), warehouses[0], branches)

    @classmethod
    def read(cls, name: str = SAMPLE) -> Catalogue:
        """Read `products.csv` and `locations.csv` of a sample catalogue."""
        folder = SAMPLES / name
        with (
            (folder / "products.csv").open(newline="", encoding="utf-8") as products,
            (folder / "locations.csv").open(newline="", encoding="utf-8") as locations,
        ):
            return cls.from_rows(csv.DictReader(products), csv.DictReader(locations))

    @property
    def locations(self) -> tuple[str, ...]:
        """Every location id, the warehouse first."""
        return (self.warehouse, *self.branches)
