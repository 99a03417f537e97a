"""How much of what is bought where and when: the simulated shops' rhythm, and the stock they plan for.

The figures are made up to look like a fashion retailer's; none is taken from a real one.
"""

from __future__ import annotations

import itertools
import math
import random
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import NamedTuple

from workloads.pos_api.catalogue import Catalogue, Product

ORDINARY_DAY = 3_000  # transactions of the whole company at scale 1
ONLINE_SHARE = 0.12  # of them, shipped from the warehouse
UNITS_A_TRANSACTION = 2.2  # what simulator.py's draws come to

_WEEKDAYS = (0.80, 0.80, 0.85, 0.95, 1.15, 1.40, 1.05)  # Monday first
_MONTHS = (0.85, 0.80, 0.95, 1.00, 1.05, 1.00, 0.95, 0.90, 1.00, 1.05, 1.20, 1.40)
_STORE_HOURS = {10: 5, 11: 8, 12: 11, 13: 11, 14: 10, 15: 10, 16: 11, 17: 13, 18: 12, 19: 7, 20: 2}
_ONLINE_HOURS = (2, 1, 1, 0.5, 0.5, 1, 2, 3, 4, 4, 5, 5, 6, 5, 5, 5, 5, 6, 7, 9, 11, 11, 8, 4)
# By category, winter to autumn; months of a season are 12-2, 3-5, 6-8, 9-11.
_SEASONS = {
    "outerwear": (1.6, 0.9, 0.2, 1.5),
    "knitwear": (1.5, 0.8, 0.3, 1.4),
    "swimwear": (0.2, 1.0, 2.2, 0.3),
    "dresses": (0.8, 1.2, 1.4, 0.8),
}
_SIZE_CURVE = (0.6, 1.0, 1.3, 1.1, 0.7, 0.4)


class StockPlan(NamedTuple):
    """What a location plans for a SKU: opening stock in days of demand, and shares of normal demand and supply."""

    cover_days: float
    demand: float
    supply: float


class Demand:
    """The demand on one catalogue; `key` seeds what differs between styles and locations."""

    def __init__(self, catalogue: Catalogue, key: str, scale: float) -> None:
        self._catalogue = catalogue
        self._key = key
        self._scale = scale
        rank = [float((position + 1) ** -0.45) for position in range(len(catalogue.branches))]
        online = ONLINE_SHARE if rank else 1.0
        self._share: dict[str, float] = {catalogue.warehouse: online} | {
            branch: weight / sum(rank) * (1 - online) for branch, weight in zip(catalogue.branches, rank, strict=True)
        }
        self.plans = lru_cache(maxsize=None)(self._plans)
        self.cumulative = lru_cache(maxsize=None)(self._cumulative)
        self.daily_units = lru_cache(maxsize=None)(self._daily_units)

    def transactions(self, location_id: str, local_hour: datetime) -> float:
        """Expected transactions of a location in the hour that begins at `local_hour`."""
        if location_id == self._catalogue.warehouse:
            of_day = _ONLINE_HOURS[local_hour.hour] / sum(_ONLINE_HOURS)
        else:
            of_day = _STORE_HOURS.get(local_hour.hour, 0) / sum(_STORE_HOURS.values())
        rhythm = _WEEKDAYS[local_hour.weekday()] * _MONTHS[local_hour.month - 1]
        return ORDINARY_DAY * self._scale * self._share[location_id] * rhythm * of_day

    @cached_property
    def _popularity(self) -> list[float]:
        rng = random.Random(f"{self._key}|popularity")  # noqa: S311
        styles: dict[str, float] = {}
        sizes: dict[str, list[str]] = {}
        for product in self._catalogue.products:
            styles.setdefault(product.style, rng.lognormvariate(0, 0.5))
            curve = sizes.setdefault(product.style, [])
            if product.size not in curve:
                curve.append(product.size)
        return [
            styles[product.style] * _size_factor(product, sizes[product.style]) * rng.lognormvariate(0, 0.2)
            for product in self._catalogue.products
        ]

    def _plans(self, location_id: str) -> list[StockPlan]:
        """Plans of a location for every product: most in stock, a few short of it, a few with far too much."""
        rng = random.Random(f"{self._key}|plans|{location_id}")  # noqa: S311
        return [_plan(rng) for _ in self._catalogue.products]

    def _weights(self, location_id: str, month: int) -> list[float]:
        season = month % 12 // 3
        return [
            popularity * _SEASONS.get(product.category, (1, 1, 1, 1))[season] * plan.demand
            for product, popularity, plan in zip(
                self._catalogue.products, self._popularity, self.plans(location_id), strict=True
            )
        ]

    def _cumulative(self, location_id: str, month: int) -> list[float]:
        """Cumulative weights of the products at a location in a month, for `random.choices`."""
        return list(itertools.accumulate(self._weights(location_id, month)))

    def _daily_units(self, location_id: str, month: int) -> list[float]:
        """Expected units of each product that a location sells on an ordinary day of a month."""
        weights = self._weights(location_id, month)
        total = ORDINARY_DAY * self._scale * self._share[location_id] * _MONTHS[month - 1] * UNITS_A_TRANSACTION
        unit = total / sum(weights)
        return [unit * weight for weight in weights]


def discount_share(day: date) -> float:
    """Share of lines sold at a discount: higher in the winter and summer sales and around Black Friday."""
    in_sale = day.month in (1, 7) or (day.month == 11 and 20 <= day.day <= 30)
    return 0.55 if in_sale else 0.15


def poisson(rng: random.Random, mean: float) -> int:
    """Draw a Poisson number: Knuth's product for small means, the normal approximation beyond."""
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    threshold, product, count = math.exp(-mean), rng.random(), 0
    while product > threshold:
        product *= rng.random()
        count += 1
    return count


def _size_factor(product: Product, sizes: list[str]) -> float:
    return _SIZE_CURVE[min(sizes.index(product.size), len(_SIZE_CURVE) - 1)]


def _plan(rng: random.Random) -> StockPlan:
    draw = rng.random()
    if draw < 0.03:
        return StockPlan(0, 0.1, 0.5)
    if draw < 0.06:
        return StockPlan(rng.uniform(1, 4), 0.6, 0.8)
    if draw < 0.14:
        return StockPlan(rng.uniform(150, 300), 0.4, 0.1)
    return StockPlan(rng.uniform(18, 45), 1.0, 1.0)
