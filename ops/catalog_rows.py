"""The rows of a catalogue file: what each column may hold. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from workloads.events import verification

UNKNOWN_CATEGORY = "unknown"
KINDS = ("warehouse", "branch")

_PRODUCT_REQUIRED = ("sku", "name", "category", "list_price", "unit_cost")

_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,4})?")
_MAX_REORDER_POINT = 1_000_000
_ID_LENGTH = 128
_TEXT_LENGTH = 500
_EARLIEST = datetime.min.replace(tzinfo=UTC)


class RowFault(Exception):  # noqa: N818
    """What is wrong with a row: `column: fault`, a line each. `is_of_columns`: every row will have it."""

    def __init__(self, lines: list[str], *, is_of_columns: bool = False) -> None:
        super().__init__("; ".join(lines))
        self.lines, self.is_of_columns = lines, is_of_columns


@dataclass(frozen=True)
class Product:
    """A SKU as it is from `valid_from` (UTC, inclusive) on; None: always was."""

    sku: str
    name: str
    category: str
    style: str | None
    size: str | None
    colour: str | None
    list_price: Decimal
    unit_cost: Decimal
    valid_from: datetime | None
    reorder_point: int | None

    @property
    def since(self) -> datetime:
        """`valid_from`, comparable."""
        return self.valid_from or _EARLIEST


@dataclass(frozen=True)
class Location:
    """A warehouse or a branch."""

    location_id: str
    name: str
    kind: str


PRODUCT_COLUMNS = tuple(field.name for field in fields(Product))
PRODUCT_ATTRIBUTES = tuple(name for name in PRODUCT_COLUMNS if name not in ("unit_cost", "valid_from"))
"""Those that a product has once; its costs over time are rows of their own."""
LOCATION_COLUMNS = tuple(field.name for field in fields(Location))


class _Reader:
    """Reads a row's columns, and collects what is wrong with them."""

    def __init__(self, fields: dict[str, Any], columns: tuple[str, ...], required: tuple[str, ...]) -> None:
        if unknown := sorted(str(name) for name in fields.keys() - set(columns)):
            raise RowFault([f"{unknown[0]}: there is no such column"], is_of_columns=True)
        self._fields = fields
        self._required = required
        self.faults: list[str] = []

    def _value(self, column: str) -> Any:
        value = self._fields.get(column)
        if value is None and column in self._required:
            self._fault(column, "is missing")
        return value

    def _fault(self, column: str, fault: str) -> None:
        self.faults.append(f"{column}: {fault}")

    def text(self, column: str, longest: int = _TEXT_LENGTH) -> str | None:
        value = self._value(column)
        if value is None:
            return None
        if not isinstance(value, str):
            self._fault(column, f"{value!r} is not text; put it in quotes")
        elif not value or len(value) > longest or not value.isprintable() or value != value.strip():
            self._fault(column, f"{value[:40]!a} is not 1-{longest} printable characters without space around")
        else:
            return value
        return None

    def amount(self, column: str) -> Decimal:
        value = self._value(column)
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if _AMOUNT.fullmatch(text):
            return Decimal(text)
        if value is not None:
            self._fault(column, f"{str(value)[:40]!a} is not an amount: at most 12 digits, a point and 4 digits")
        return Decimal(0)

    def whole(self, column: str) -> int | None:
        value = self._value(column)
        if value is None:
            return None
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if text.isascii() and text.isdecimal() and len(text) <= 7 and int(text) <= _MAX_REORDER_POINT:
            return int(text)
        self._fault(column, f"{str(value)[:40]!a} is not a whole number from 0 to {_MAX_REORDER_POINT}")
        return None

    def moment(self, column: str) -> datetime | None:
        value = self._value(column)
        if value is None:
            return None
        try:
            if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                return datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
            if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", value):
                return datetime.fromisoformat(value)
        except (TypeError, ValueError):
            pass
        self._fault(column, f"{str(value)[:40]!a} is neither a date nor a time in UTC such as 2026-03-01T00:00:00Z")
        return None

    def finish(self) -> None:
        if self.faults:
            raise RowFault(self.faults)


def parse_product(fields: dict[str, Any]) -> Product:
    """Return a row of products.

    Raises:
        RowFault: it is not one.
    """
    row = _Reader(fields, PRODUCT_COLUMNS, _PRODUCT_REQUIRED)
    product = Product(
        sku=row.text("sku", _ID_LENGTH) or "",
        name=row.text("name") or "",
        category=row.text("category", _ID_LENGTH) or "",
        style=row.text("style"),
        size=row.text("size"),
        colour=row.text("colour"),
        list_price=row.amount("list_price"),
        unit_cost=row.amount("unit_cost"),
        valid_from=row.moment("valid_from"),
        reorder_point=row.whole("reorder_point"),
    )
    if product.sku == verification.SKU:
        row.faults.append(f"sku: {product.sku!r} is reserved for `fastyle verify`; choose another id")
    if product.category.lower() == UNKNOWN_CATEGORY:
        row.faults.append(f"category: {product.category!r} is reserved for SKUs without a product; choose another name")
    row.finish()
    return product


def parse_location(fields: dict[str, Any]) -> Location:
    """Return a row of locations.

    Raises:
        RowFault: it is not one.
    """
    row = _Reader(fields, LOCATION_COLUMNS, LOCATION_COLUMNS)
    location = Location(row.text("location_id", _ID_LENGTH) or "", row.text("name") or "", row.text("kind") or "")
    if location.location_id == verification.LOCATION_ID:
        row.faults.append(f"location_id: {location.location_id!r} is reserved for `fastyle verify`; choose another id")
    if location.kind and location.kind not in KINDS:
        row.faults.append(f"kind: {location.kind!r} is neither warehouse nor branch")
    row.finish()
    return location
