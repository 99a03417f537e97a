"""Rows of the Cloud Billing export, standard or detailed, as BigQuery writes them out: NDJSON, a JSON array, or CSV.

The fields are those of cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/standard-usage; the detailed export
has the same and more. `cost` is before credits; `credits` are negative amounts of a type, FREE_TIER among them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from fastyle_policies.pricing.lines import PricingError, totals

COLUMNS = (
    *("service", "sku", "project", "labels", "cost", "currency", "currency_conversion_rate", "usage", "credits"),
    *("invoice", "cost_type", "usage_start_time", "usage_end_time"),
)
"""What is read of a row; `labels` and `credits` are repeated, the rest are records or values."""
FORM = "export the table as newline-delimited JSON (`bq query --format=json`, `bq extract`) or CSV"


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A row of the bill in US dollars: `cost` before credits, `credits` (negative) by type."""

    service: str
    sku: str
    project: str
    labels: Mapping[str, str]
    cost: Decimal
    quantity: Decimal
    unit: str
    month: str
    kind: str  # regular, tax, adjustment or rounding_error
    start: datetime
    end: datetime
    credits: Mapping[str, Decimal] = field(default_factory=dict)


def parse(text: str, name: str) -> list[Charge]:
    """The charges of an exported file.

    Raises:
        PricingError: it is neither form, or a row lacks what a row has; with its number.
    """
    charges = []
    for number, row in enumerate(_rows(text, name), start=1):
        try:
            charges.append(charge(row))
        except KeyError as e:
            raise PricingError(f"{name}: row {number}: has no {e.args[0]}; {FORM}") from None
        except ValueError as e:
            raise PricingError(f"{name}: row {number}: {e}; {FORM}") from None
        except (TypeError, AttributeError, ArithmeticError):
            raise PricingError(f"{name}: row {number}: a field is of another form; {FORM}") from None
    if not charges:
        raise PricingError(f"{name}: holds no rows; {FORM}")
    return charges


def charge(row: Mapping[str, Any]) -> Charge:
    """One row.

    Raises:
        KeyError, ValueError: it lacks a field, or one is of another form.
    """
    rate = _number(row.get("currency_conversion_rate") or 1, "currency_conversion_rate")
    if rate <= 0:
        raise ValueError(f"currency_conversion_rate is {rate}")
    usage = row.get("usage") or {}
    credits = totals(
        (str(each.get("type") or each.get("name") or "credit"), _number(each["amount"], "credits.amount") / rate)
        for each in row.get("credits") or []
    )
    return Charge(
        service=str(row["service"]["description"]),
        sku=str(row["sku"]["description"]),
        project=str((row.get("project") or {}).get("id") or ""),
        labels={str(label["key"]): str(label.get("value") or "") for label in row.get("labels") or []},
        cost=_number(row["cost"], "cost") / rate,
        quantity=_number(usage.get("amount_in_pricing_units") or 0, "usage.amount_in_pricing_units"),
        unit=str(usage.get("pricing_unit") or ""),
        month=str((row.get("invoice") or {}).get("month") or ""),
        kind=str(row.get("cost_type") or "regular"),
        start=_time(row["usage_start_time"]),
        end=_time(row["usage_end_time"]),
        credits=credits,
    )


def _rows(text: str, name: str) -> Iterator[Mapping[str, Any]]:
    stripped = text.lstrip("\ufeff").strip()
    if stripped.startswith("["):
        yield from _objects(_json(stripped, name, 1), name)
    elif stripped.startswith("{"):
        for number, line in enumerate(stripped.splitlines(), start=1):
            if line.strip():
                yield from _objects([_json(line, name, number)], name)
    else:
        yield from _table(stripped, name)


def _json(text: str, name: str, number: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise PricingError(f"{name}: row {number}: is no JSON, or cut off; {FORM}") from None


def _objects(rows: Any, name: str) -> Iterable[Mapping[str, Any]]:
    for row in rows:
        if not isinstance(row, dict):
            raise PricingError(f"{name}: a row is no record; {FORM}")
        yield row


def _table(text: str, name: str) -> Iterator[Mapping[str, Any]]:
    """CSV: a record's fields are columns of their own (`service.description` or `service_description`), repeated fields JSON."""
    reader = csv.DictReader(io.StringIO(text))
    if not any((column or "").startswith(("service", "cost")) for column in reader.fieldnames or ()):
        raise PricingError(f"{name}: is neither JSON nor a CSV with the export's columns; {FORM}")
    for number, line in enumerate(reader, start=1):
        row: dict[str, Any] = {}
        for column, value in line.items():
            if column is None or value in (None, ""):
                continue
            if column in COLUMNS:
                row[column] = _json(value, name, number) if value[:1] in ("[", "{") else value
                continue
            for group in ("service", "sku", "project", "usage", "invoice"):
                if column.startswith((f"{group}.", f"{group}_")):
                    row.setdefault(group, {})[column[len(group) + 1 :]] = value
        yield row


def _number(value: Any, name: str) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{name} is '{str(value)[:40]}', which is no number") from None
    if not amount.is_finite() or abs(amount) > Decimal(10) ** 15:
        raise ValueError(f"{name} is '{str(value)[:40]}', which is no amount")
    return amount


def _time(value: Any) -> datetime:
    """An instant as BigQuery writes it: `2026-11-01T00:00:00Z`, `2026-11-01 00:00:00 UTC`, or seconds since 1970."""
    text = str(value).strip().replace(" UTC", "+00:00").replace("Z", "+00:00")
    try:
        moment = datetime.fromtimestamp(float(text), UTC) if text.replace(".", "", 1).isdigit() else None
        moment = moment or datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"'{str(value)[:40]}' is no time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
