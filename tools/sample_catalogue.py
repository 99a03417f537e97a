"""The sample catalogues: a fashion retailer's products, with costs over time, and its locations; one of 21 in the United
States, one of 9 in Europe.

`python -m tools.sample_catalogue` writes `ops/data/<catalogue>/{products,locations}.csv`; the files are committed, and a
test checks that they are what this module writes.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "ops" / "data"
PRODUCT_COLUMNS = (
    "sku",
    "name",
    "category",
    "style",
    "size",
    "colour",
    "list_price",
    "unit_cost",
    "valid_from",
    "reorder_point",
)
LOCATION_COLUMNS = ("location_id", "name", "kind")
_SEED = "fastyle sample catalogue 1"

# When a supplier's new prices may come into force; each style takes none to three of them.
_COST_CHANGES = ("2025-09-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-06-15T00:00:00Z", "2026-10-01T00:00:00Z")
_COLOURS = {"black": "BLK", "white": "WHT", "navy": "NVY", "sand": "SND", "olive": "OLV", "rose": "ROS", "red": "RED"}

Row = dict[str, str]


@dataclass(frozen=True)
class Range:
    """One category: its styles with list prices, its sizes, colours a style, and the usual share of cost."""

    category: str
    code: str
    styles: dict[str, str]
    sizes: tuple[str, ...]
    colours: int
    cost_share: Decimal
    reorder_point: int | None = None


_CLOTHES = ("XS", "S", "M", "L", "XL")
RANGES = (
    Range(
        "tops",
        "TOP",
        {
            "Boxy Tee": "14.99",
            "Ribbed Tank": "12.99",
            "Oxford Shirt": "34.99",
            "Satin Blouse": "39.99",
            "Polo": "24.99",
            "Long Sleeve Tee": "19.99",
        },
        _CLOTHES,
        2,
        Decimal("0.34"),
    ),
    Range(
        "bottoms",
        "BOT",
        {
            "Straight Jeans": "49.99",
            "Wide Leg Trousers": "45.99",
            "Cargo Pants": "44.99",
            "Pleated Skirt": "39.99",
            "Linen Shorts": "29.99",
        },
        _CLOTHES,
        2,
        Decimal("0.38"),
    ),
    Range(
        "dresses",
        "DRS",
        {
            "Slip Dress": "49.99",
            "Shirt Dress": "54.99",
            "Knit Midi Dress": "59.99",
            "Wrap Dress": "57.99",
            "Mini Dress": "44.99",
        },
        _CLOTHES[:4],
        2,
        Decimal("0.36"),
    ),
    Range(
        "outerwear",
        "OUT",
        {"Trench Coat": "119.99", "Puffer Jacket": "99.99", "Wool Coat": "159.99", "Denim Jacket": "69.99"},
        _CLOTHES[1:],
        2,
        Decimal("0.42"),
        4,
    ),
    Range(
        "knitwear",
        "KNT",
        {"Crew Sweater": "44.99", "Cable Cardigan": "54.99", "Turtleneck": "39.99", "Knit Vest": "34.99"},
        _CLOTHES[1:],
        2,
        Decimal("0.39"),
    ),
    Range(
        "shoes",
        "SHO",
        {
            "Court Sneaker": "59.99",
            "Chelsea Boot": "89.99",
            "Loafer": "69.99",
            "Ballet Flat": "39.99",
            "Strappy Sandal": "44.99",
        },
        ("36", "37", "38", "39", "40", "41"),
        2,
        Decimal("0.45"),
        3,
    ),
    Range(
        "accessories",
        "ACC",
        {
            "Leather Belt": "24.99",
            "Tote Bag": "34.99",
            "Crossbody Bag": "39.99",
            "Beanie": "14.99",
            "Silk Scarf": "29.99",
            "Sunglasses": "19.99",
            "Socks 3-Pack": "9.99",
            "Hoop Earrings": "12.99",
        },
        ("ONE",),
        3,
        Decimal("0.27"),
        10,
    ),
    Range(
        "activewear",
        "ACT",
        {"Running Tights": "34.99", "Sports Bra": "24.99", "Training Hoodie": "49.99"},
        _CLOTHES[:4],
        2,
        Decimal("0.35"),
    ),
    Range("swimwear", "SWM", {"Swimsuit": "39.99", "Bikini Set": "34.99"}, _CLOTHES[:4], 2, Decimal("0.31")),
)
BRANCHES = (
    "New York Fifth Avenue",
    "Boston Newbury Street",
    "Philadelphia Walnut Street",
    "Washington Georgetown",
    "Miami Lincoln Road",
    "Atlanta Lenox Square",
    "Brooklyn Williamsburg",
    "Charlotte SouthPark",
    "Pittsburgh Shadyside",
    "Baltimore Harbor East",
    "Orlando Millenia",
    "Cleveland Crocker Park",
    "Richmond Short Pump",
    "Hartford Westfarms",
    "Providence Place",
    "Raleigh Crabtree",
    "Tampa Hyde Park",
    "Buffalo Walden",
    "Albany Crossgates",
    "Portland Old Port",
)


EUROPEAN_BRANCHES = (
    "Berlin Kurfürstendamm",
    "Paris Rivoli",
    "Amsterdam Kalverstraat",
    "Wien Mariahilfer Straße",
    "Milano Torino",
    "Madrid Fuencarral",
    "Brussel Nieuwstraat",
    "Dublin Grafton Street",
)


@dataclass(frozen=True)
class Sample:
    """One sample catalogue: where it sells, and what its list prices are of those in `RANGES`."""

    warehouse: str
    branches: tuple[str, ...]
    price: Callable[[Decimal], Decimal]


def _euros(dollars: Decimal) -> Decimal:
    """A European price: value added tax is within it, and it ends in 95 cents."""
    return (dollars * Decimal("1.1")).quantize(Decimal(1), ROUND_CEILING) - Decimal("0.05")


CATALOGUES = {
    "catalogue": Sample("Central Warehouse Secaucus", BRANCHES, lambda dollars: dollars),
    "catalogue-europe": Sample("Zentrallager Leipzig", EUROPEAN_BRANCHES, _euros),
}
"""The samples by folder; the first one is what a stack trades that names none."""


def locations(sample: Sample) -> list[Row]:
    """Return the rows of locations.csv: one warehouse, and the branches, the largest first."""
    rows = [{"location_id": "W01", "name": sample.warehouse, "kind": "warehouse"}]
    rows += [
        {"location_id": f"S{number:02d}", "name": name, "kind": "branch"}
        for number, name in enumerate(sample.branches, start=1)
    ]
    return rows


def products(sample: Sample) -> list[Row]:
    """Return the rows of products.csv: one row a SKU and unit cost; the first cost has always been in force."""
    rng = random.Random(_SEED)  # noqa: S311
    return [row for one in RANGES for row in _range_rows(one, sample, rng)]


def _range_rows(one: Range, sample: Sample, rng: random.Random) -> Iterator[Row]:
    for number, (name, dollars) in enumerate(one.styles.items(), start=1):
        price = str(sample.price(Decimal(dollars)))
        style = f"{one.code}-{number:02d}"
        costs = list(_costs(Decimal(price) * one.cost_share, rng))
        for colour in rng.sample(sorted(_COLOURS), one.colours):
            for size in one.sizes:
                for valid_from, cost in costs:
                    yield {
                        "sku": f"{style}-{_COLOURS[colour]}-{size}",
                        "name": f"{name}, {colour}, {size}" if size != "ONE" else f"{name}, {colour}",
                        "category": one.category,
                        "style": style,
                        "size": size,
                        "colour": colour,
                        "list_price": price,
                        "unit_cost": str(cost),
                        "valid_from": valid_from,
                        "reorder_point": "" if one.reorder_point is None else str(one.reorder_point),
                    }


def _costs(cost: Decimal, rng: random.Random) -> Iterator[tuple[str, Decimal]]:
    """A style's unit costs over time as (valid_from, cost): supplier prices mostly rise, sometimes fall."""
    cost *= Decimal(rng.randint(85, 115)) / 100
    yield "", cost.quantize(Decimal("0.0001"))
    for valid_from in sorted(rng.sample(_COST_CHANGES, rng.choice((0, 1, 1, 2, 3)))):
        cost *= Decimal(rng.randint(94, 112)) / 100
        yield valid_from, cost.quantize(Decimal("0.0001"))


def write(folder: Path = FOLDER) -> None:
    """Write each catalogue's files into its folder below `folder`."""
    for name, sample in CATALOGUES.items():
        _write(folder / name, sample)


def _write(folder: Path, sample: Sample) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns, rows in (
        ("products.csv", PRODUCT_COLUMNS, products(sample)),
        ("locations.csv", LOCATION_COLUMNS, locations(sample)),
    ):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    write()
