"""Which stock to move where: from the warehouse, or a branch that has too much, to branches that run out.

A branch that is out of stock or low, and did sell in the 28 dates, is filled up to what it moved in them, and above
its reorder point. The warehouse gives what it holds above its reorder point; an overstocked branch what it holds
beyond both the reorder point and the days of cover at which stock is too much. So no transfer makes a giver low.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from workloads.api.positions import WINDOW_DAYS, Status


@dataclass(frozen=True)
class Shelf:
    """A SKU at a location, as far as a transfer looks at it."""

    location_id: str
    is_warehouse: bool
    sku: str
    on_hand: int
    reorder_point: int
    units: int  # that left in the 28 business dates
    status: Status


@dataclass(frozen=True)
class Transfer:
    """Move so many units of a SKU."""

    sku: str
    giver: Shelf
    taker: Shelf
    quantity: int


def suggest(shelves: Iterable[Shelf], max_days_of_cover: Decimal) -> list[Transfer]:
    """Return transfers, the most urgent first: empty shelves before low ones, then by what they sold.

    One shelf may be filled from several; the warehouse comes first, then the branch with the most to spare.
    """
    by_sku: dict[str, list[Shelf]] = defaultdict(list)
    for shelf in shelves:
        by_sku[shelf.sku].append(shelf)
    transfers = [transfer for group in by_sku.values() for transfer in _of_one_sku(group, max_days_of_cover)]
    return sorted(transfers, key=lambda t: (*_urgency(t.taker), not t.giver.is_warehouse, t.giver.location_id))


def _of_one_sku(shelves: list[Shelf], max_days_of_cover: Decimal) -> Iterator[Transfer]:
    left = {shelf: spare for shelf in shelves if (spare := _spare(shelf, max_days_of_cover)) > 0}
    givers = sorted(left, key=lambda s: (not s.is_warehouse, -left[s], s.location_id))
    for taker in sorted((s for s in shelves if _need(s) > 0), key=_urgency):
        need = _need(taker)
        for giver in givers:
            if quantity := min(need, left[giver]):
                yield Transfer(taker.sku, giver, taker, quantity)
                left[giver] -= quantity
                need -= quantity


def _need(shelf: Shelf) -> int:
    if shelf.is_warehouse or shelf.units == 0 or shelf.status not in (Status.STOCKOUT, Status.LOW):
        return 0
    return max(shelf.units, shelf.reorder_point + 1) - max(shelf.on_hand, 0)


def _spare(shelf: Shelf, max_days_of_cover: Decimal) -> int:
    keep = shelf.reorder_point + 1
    if shelf.is_warehouse:
        return shelf.on_hand - keep
    if shelf.status is not Status.OVERSTOCK:
        return 0
    return shelf.on_hand - max(keep, int(max_days_of_cover * shelf.units / WINDOW_DAYS))


def _urgency(shelf: Shelf) -> tuple[bool, int, str, str]:
    return shelf.status is not Status.STOCKOUT, -shelf.units, shelf.location_id, shelf.sku
