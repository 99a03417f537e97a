"""The contract's measures from its words alone: exact decimals over plain events, no line of the platform in it."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.on_hand import on_hand

Event = dict[str, Any]
CATALOGUE = Path(__file__).resolve().parents[2] / "ops" / "data" / "catalogue" / "products.csv"
NINE = Decimal("1e-9")


def ratio(above: Decimal | int, below: Decimal | int) -> Decimal | None:
    """To nine places, half away from zero; None over zero."""
    if below == 0:
        return None
    exact = Fraction(above) / Fraction(below)
    scaled = abs(exact) * 10**9
    whole = scaled.numerator // scaled.denominator
    whole += (scaled - whole) * 2 >= 1
    return Decimal(whole if exact >= 0 else -whole) * NINE


class Catalogue:
    """Categories, reorder points and costs over time, as the CSV says."""

    def __init__(self, path: Path = CATALOGUE) -> None:
        self.category: dict[str, str] = {}
        self.reorder_point: dict[str, int | None] = {}
        self._costs: dict[str, list[tuple[datetime | None, Decimal]]] = defaultdict(list)
        with path.open(encoding="utf-8", newline="") as f:
            for row in csv.DictReader(f):
                self.category[row["sku"]] = row["category"]
                self.reorder_point[row["sku"]] = int(row["reorder_point"]) if row["reorder_point"] else None
                since = row["valid_from"]
                when = datetime.fromisoformat(since.replace("Z", "+00:00")) if since else None
                self._costs[row["sku"]].append((when, Decimal(row["unit_cost"])))

    def cost(self, sku: str, moment: datetime) -> Decimal | None:
        """The cost with the latest valid_from at or before `moment`; before the first one the earliest."""
        costs = sorted(self._costs.get(sku, ()), key=lambda c: c[0].timestamp() if c[0] else float("-inf"))
        if not costs:
            return None
        due = [cost for since, cost in costs if since is None or since <= moment]
        return due[-1] if due else costs[0][1]


class Measures:
    """Everything the marts say, for a set of events in any order, with any repetition."""

    def __init__(self, events: Iterable[tuple[str, Event]], zone: str, catalogue: Catalogue) -> None:
        self.zone, self.catalogue = ZoneInfo(zone), catalogue
        unique: dict[str, tuple[str, Event]] = {}
        for stream, event in events:
            unique.setdefault(event["event_id"], (stream, event))
        self.events = list(unique.values())
        self.sales = [event for stream, event in self.events if stream == "sales"]
        first: dict[str, tuple[datetime, str]] = {}
        for event in self.sales:
            if customer := event.get("customer_id"):
                key = (moment(event), event["transaction_id"])
                first[customer] = min(first.get(customer, key), key)
        self._first = first

    def business_date(self, event: Event) -> date:
        return moment(event).astimezone(self.zone).date()

    def customer_type(self, event: Event) -> str:
        customer = event.get("customer_id")
        if not customer:
            return "guest"
        return "new" if self._first[customer][1] == event["transaction_id"] else "returning"

    def gmv_daily(self) -> dict[tuple[str, ...], dict[str, Decimal | int]]:
        """By (business_date, customer_type, category, channel, location_id)."""
        sums: dict[tuple[str, ...], dict[str, Any]] = {}
        for event in self.sales:
            for line in event["lines"]:
                key = (
                    self.business_date(event).isoformat(),
                    self.customer_type(event),
                    self.catalogue.category.get(line["sku"], "unknown"),
                    event["channel"],
                    event["location_id"],
                )
                row = sums.setdefault(
                    key,
                    {"gmv": Decimal(0), "discounts": Decimal(0), "returns": Decimal(0), "orders": set(), "units": 0},
                )
                amount = abs(line["quantity"]) * Decimal(line["unit_price"]) - Decimal(line["discount"])
                if line["quantity"] > 0:
                    row["gmv"] += amount
                    row["discounts"] += Decimal(line["discount"])
                    row["orders"].add(event["transaction_id"])
                    row["units"] += line["quantity"]
                else:
                    row["returns"] += amount
        return {
            key: {**row, "net_sales": row["gmv"] - row["returns"], "orders": len(row["orders"])}
            for key, row in sums.items()
        }

    def margin_daily(self) -> dict[tuple[str, str], dict[str, Decimal | None]]:
        """By (business_date, category)."""
        net: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        discounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        cogs: dict[tuple[str, str], Decimal | None] = {}
        for event in self.sales:
            for line in event["lines"]:
                category = self.catalogue.category.get(line["sku"], "unknown")
                key = (self.business_date(event).isoformat(), category)
                sign = 1 if line["quantity"] > 0 else -1
                net[key] += sign * (abs(line["quantity"]) * Decimal(line["unit_price"]) - Decimal(line["discount"]))
                discounts[key] += Decimal(line["discount"]) if sign > 0 else 0
                cost = self.catalogue.cost(line["sku"], moment(event))
                if category == "unknown" or cost is None:
                    cogs[key] = None
                else:
                    cogs[key] = (cogs.get(key) or Decimal(0)) + line["quantity"] * cost
        return {key: self._margin(net[key], discounts[key], cogs[key]) for key in net}

    @staticmethod
    def _margin(net: Decimal, discounts: Decimal, cogs: Decimal | None) -> dict[str, Decimal | None]:
        profit = None if cogs is None else net - cogs
        margin = None if profit is None else ratio(profit, net)
        return {"net_sales": net, "discounts": discounts, "cogs": cogs, "gross_profit": profit, "gross_margin": margin}

    def inventory_status(
        self, today: date, *, reorder_point: int, max_days_of_cover: Decimal
    ) -> dict[tuple[str, str], dict[str, Any]]:
        """By (location_id, sku)."""
        window = {today - timedelta(days=n) for n in range(1, 29)}
        units: dict[tuple[str, str], int] = defaultdict(int)
        for stream, event in self.events:
            if self.business_date(event) not in window:
                continue
            if stream == "sales":
                for line in event["lines"]:
                    units[event["location_id"], line["sku"]] += max(line["quantity"], 0)
            elif event["kind"] == "transfer_out":
                units[event["location_id"], event["sku"]] -= event["quantity"]
        by_shelf = {}
        for (location, sku), stock in on_hand(self.events).items():
            sold = units[location, sku]
            point = self.catalogue.reorder_point.get(sku)
            point = reorder_point if point is None else point
            cover = ratio(stock * 28, sold)
            if stock <= 0:
                status = "stockout"
            elif stock <= point:
                status = "low"
            elif sold == 0 or Fraction(stock * 28, sold) > Fraction(max_days_of_cover):
                status = "overstock"
            else:
                status = "ok"
            by_shelf[location, sku] = {
                "category": self.catalogue.category.get(sku, "unknown"),
                "on_hand": stock,
                "reorder_point": point,
                "avg_daily_units": ratio(sold, 28),
                "days_of_cover": cover,
                "status": status,
            }
        return by_shelf


def moment(event: Event) -> datetime:
    return datetime.fromisoformat(event["event_time"].replace("Z", "+00:00"))
